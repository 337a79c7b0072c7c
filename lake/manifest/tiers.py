"""What tiers are known by and where they are, what lies in each, and which hot copies are still to go."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lake.manifest.decode import FILES, file_row
from lake.manifest.forgetting import KEPT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lake.manifest.query import Manifest
    from lake.manifest.rows import FileRow

_CHUNK = 5_000

_LOCATIONS = "SELECT name, location FROM tiers WHERE id IN (SELECT max(id) FROM tiers GROUP BY name) ORDER BY name"
_HELD = "SELECT tier, count(*), sum(bytes) FROM files WHERE to_snapshot IS NULL GROUP BY tier"
_WAITING = f"""SELECT last.tier, count(*), sum(bytes), min(at_ns), max(at_ns) FROM
        (SELECT file_id, tier, hot_gone, snapshot, max(id) FROM moves GROUP BY file_id) AS last
    JOIN files ON files.id = file_id JOIN snapshots ON snapshots.id = last.snapshot
    WHERE last.tier <> 'hot' AND NOT hot_gone AND {KEPT} GROUP BY last.tier"""

_DUE = f"""SELECT file_id FROM moves AS last JOIN files ON files.id = file_id
    WHERE file_id > :after AND last.tier <> 'hot' AND NOT hot_gone AND {KEPT}
    AND snapshot <= (SELECT max(snapshots.id) FROM snapshots WHERE at_ns <= :before)
    AND last.id = (SELECT max(id) FROM moves WHERE file_id = last.file_id)"""
_DUE_FILES = f"SELECT {FILES} FROM files WHERE id IN ({_DUE} ORDER BY file_id LIMIT :chunk) ORDER BY id"
_DUE_SIZE = f"SELECT count(*), coalesce(sum(bytes), 0) FROM files WHERE id IN ({_DUE})"


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


def tier_of(manifest: Manifest, file_id: int) -> str | None:
    """Return the tier that a file is read from now, whether or not it is live; None when it never was."""
    row = manifest.read(
        lambda connection: connection.execute("SELECT tier FROM files WHERE id = ?", (file_id,)).fetchone()
    )
    return None if row is None else str(row[0])


def held(manifest: Manifest) -> dict[str, Held]:
    """Return what lies in each tier that holds anything, the hot one too, by name."""
    rows = manifest.read(lambda connection: connection.execute(_HELD).fetchall())
    return {name: Held(files, size) for name, files, size in rows}


def waiting(manifest: Manifest) -> dict[str, Waiting]:
    """Return the tiers that have files with hot copies, by name."""
    rows = manifest.read(lambda connection: connection.execute(_WAITING).fetchall())
    return {name: Waiting(*facts) for name, *facts in rows}


def due(manifest: Manifest, before_ns: int) -> Iterator[FileRow]:
    """Yield the files that moved at or before a time and have hot copies still, replaced ones too."""
    after = 0
    while True:
        rows = _due_after(manifest, before_ns, after)
        yield from map(file_row, rows)
        if len(rows) < _CHUNK:
            return
        after = rows[-1][0]


def _due_after(manifest: Manifest, before_ns: int, after: int) -> list[tuple[Any, ...]]:
    given = {"after": after, "before": before_ns, "chunk": _CHUNK}
    return manifest.read(lambda connection: connection.execute(_DUE_FILES, given).fetchall())


def due_size(manifest: Manifest, before_ns: int) -> Held:
    """Return how many files `due` yields, and their bytes."""
    given = {"after": 0, "before": before_ns}
    return Held(*manifest.read(lambda connection: connection.execute(_DUE_SIZE, given).fetchone()))
