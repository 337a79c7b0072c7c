"""The lake's own identity: what its tiers carry, so that no other lake takes them for its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lake.manifest.query import Manifest


def lake_id(manifest: Manifest) -> str:
    """Return the lake's id, drawn when it was made; the first snapshot carries it as its parent's hash."""
    return str(manifest._rows("SELECT id FROM lake")[0][0])  # noqa: SLF001 -- of one package
