"""Selecting series of the lake by what a user writes: addresses, and patterns with `*`, `?` and `[` in any place."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lake.errors import LakeError
from lake.lookup import near_series, parse_pattern

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lake.manifest import Manifest, SeriesRow


def select(manifest: Manifest, patterns: Sequence[str]) -> list[SeriesRow]:
    """Return the series that fit one of the patterns, each once; all of them where there is no pattern.

    Raises:
        LakeError: USAGE for what is no address; UNKNOWN_SERIES when nothing fits one of them, with what is near it.
    """
    if not patterns:
        return manifest.series()
    found: dict[int, SeriesRow] = {}
    for text in patterns:
        fitting = manifest.series(**parse_pattern(text), snapshot=None)
        if not fitting:
            raise unknown(manifest, text)
        found |= {row.id: row for row in fitting}
    return list(found.values())


def unknown(manifest: Manifest, text: str) -> LakeError:
    """Return the error for a series the lake does not hold, with what it does hold of the symbol."""
    asked = {place: name or "" for place, name in parse_pattern(text).items()}
    stored = [row.address for row in manifest.series()]
    key, place = f"{asked['type']}/{asked['period']}", f"{asked['exchange']}/{asked['market']}"
    return LakeError(
        "UNKNOWN_SERIES",
        f'"{text}" is not in the lake',
        why=near_series(stored, asked["symbol"], key, place),
        fix=["dl list"],
    )
