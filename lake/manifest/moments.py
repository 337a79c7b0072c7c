"""When snapshots were made."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lake.manifest.query import Manifest


def snapshot_ns(manifest: Manifest, snapshot: int) -> int:
    """Return when a snapshot was made, in nanoseconds since the epoch; the beginning of time for one that is not."""
    found = manifest.read(
        lambda connection: connection.execute("SELECT at_ns FROM snapshots WHERE id = ?", (snapshot,)).fetchone()
    )
    return 0 if found is None else int(found[0])
