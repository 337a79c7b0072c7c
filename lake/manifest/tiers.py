"""What tiers are known by and where they are, what lies in each, and which hot copies are still to go."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lake.manifest.query import Manifest

_LOCATIONS = "SELECT name, location FROM tiers WHERE id IN (SELECT max(id) FROM tiers GROUP BY name) ORDER BY name"
_HELD = "SELECT tier, count(*), sum(bytes) FROM files WHERE to_snapshot IS NULL GROUP BY tier"
_WAITING = """SELECT last.tier, count(*), sum(bytes), min(at_ns), max(at_ns) FROM
        (SELECT file_id, tier, hot_gone, snapshot, max(id) FROM moves GROUP BY file_id) AS last
    JOIN files ON files.id = file_id JOIN snapshots ON snapshots.id = last.snapshot
    WHERE last.tier <> 'hot' AND NOT hot_gone GROUP BY last.tier"""


@dataclass(frozen=True, slots=True)
class Held:
    """The live files that are read from a tier."""

    files: int = 0
    bytes: int = 0


@dataclass(frozen=True, slots=True)
class Waiting:
    """Files of a tier whose hot copies are there still, replaced ones too; when the first and the last moved."""

    files: int
    bytes: int
    first_moved_ns: int
    moved_ns: int


def lake_id(manifest: Manifest) -> str:
    """Return the lake's id, drawn when it was made; the first snapshot carries it as its parent's hash."""
    return str(manifest.read(lambda connection: connection.execute("SELECT id FROM lake").fetchone())[0])


def tier_locations(manifest: Manifest) -> dict[str, str]:
    """Return where each tier lay when it was last declared, by name."""
    return dict(manifest.read(lambda connection: connection.execute(_LOCATIONS).fetchall()))


def held(manifest: Manifest) -> dict[str, Held]:
    """Return what lies in each tier that holds anything, the hot one too, by name."""
    rows = manifest.read(lambda connection: connection.execute(_HELD).fetchall())
    return {name: Held(files, size) for name, files, size in rows}


def waiting(manifest: Manifest) -> dict[str, Waiting]:
    """Return the tiers that have files with hot copies, by name."""
    rows = manifest.read(lambda connection: connection.execute(_WAITING).fetchall())
    return {name: Waiting(*facts) for name, *facts in rows}
