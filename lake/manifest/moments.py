"""When snapshots were made."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lake.manifest.query import Manifest


# Numbers and times rise together; asked so, one step of the times' index tells.
LAST_AT = "SELECT id FROM snapshots WHERE at_ns <= :at ORDER BY at_ns DESC LIMIT 1"


def last_at(manifest: Manifest, at_ns: int) -> int:
    """Return the newest snapshot made at or before a time; 0 when there was none."""
    row = manifest.read(lambda connection: connection.execute(LAST_AT, {"at": at_ns}).fetchone())
    return 0 if row is None else int(row[0])


def snapshot_ns(manifest: Manifest, snapshot: int) -> int:
    """Return when a snapshot was made, in nanoseconds since the epoch; the beginning of time for one that is not."""
    found = manifest.read(
        lambda connection: connection.execute("SELECT at_ns FROM snapshots WHERE id = ?", (snapshot,)).fetchone()
    )
    return 0 if found is None else int(found[0])
