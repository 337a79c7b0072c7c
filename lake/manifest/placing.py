"""Where files lie: which tiers there are, and which of them a file is read from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lake.errors import LakeError
from lake.manifest.decode import FILE_COLUMNS, FILES, file_row
from lake.manifest.rows import Conflict
from schemas.keys import Address

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable

    from lake.manifest.query import Manifest
    from lake.manifest.rows import Change, FileRow


@dataclass(frozen=True, slots=True)
class TierRow:
    """A tier as it was last declared, with the live files that are read from it."""

    name: str
    kind: str
    location: str
    snapshot: int
    files: int
    bytes: int


@dataclass(frozen=True, slots=True)
class MoveRow:
    """A file that is read from another tier than the hot one."""

    file: FileRow
    tier: str
    snapshot: int
    at_ns: int
    hot_gone: bool
    """Whether its hot copy was removed."""


def tiers(manifest: Manifest) -> list[TierRow]:
    """Return the tiers as they were last declared, by name, with the live files read from each."""
    sql = """SELECT name, kind, location, snapshot,
        (SELECT count(*) FROM files WHERE tier = name AND to_snapshot IS NULL),
        (SELECT coalesce(sum(bytes), 0) FROM files WHERE tier = name AND to_snapshot IS NULL)
        FROM tiers WHERE id IN (SELECT max(id) FROM tiers GROUP BY name) ORDER BY name"""
    return [TierRow(*row) for row in manifest.read(lambda connection: connection.execute(sql).fetchall())]


def moved(manifest: Manifest, *, tier: str | None = None, hot_gone: bool | None = None) -> list[MoveRow]:
    """Return the files that are read from another tier than the hot one, oldest move first, replaced ones too.

    Args:
        manifest: The manifest.
        tier: Of this tier only.
        hot_gone: Of those only whose hot copy is removed, or is not.
    """
    sql = f"""SELECT moved, at_ns, gone, {FILES} FROM files JOIN (
            SELECT file_id, tier AS moved_to, snapshot AS moved, hot_gone AS gone, max(moves.id) AS last
            FROM moves GROUP BY file_id) ON file_id = files.id
        JOIN (SELECT id AS moved_by, at_ns FROM snapshots) ON moved_by = moved
        WHERE moved_to <> 'hot' AND (:tier IS NULL OR moved_to = :tier) AND (:gone IS NULL OR gone = :gone)
        ORDER BY last"""
    parameters = {"tier": tier, "gone": hot_gone}
    rows = manifest.read(lambda connection: connection.execute(sql, parameters).fetchall())
    place = FILE_COLUMNS.index("tier")
    return [MoveRow(file_row(row[3:]), row[3 + place], row[0], row[1], bool(row[2])) for row in rows]


def mark_hot_gone(connection: sqlite3.Connection, file_ids: Iterable[int]) -> None:
    """Record that the hot copies of files are removed, with their last moves."""
    connection.executemany(
        "UPDATE moves SET hot_gone = 1 WHERE id = (SELECT max(id) FROM moves WHERE file_id = ?)",
        ((file_id,) for file_id in file_ids),
    )


def write(connection: sqlite3.Connection, change: Change, snapshot: int) -> None:
    """Write the change's tiers and moves; the table of files learns where each is read from now.

    Raises:
        Conflict: A file that is moved is live no more.
    """
    connection.executemany(
        "INSERT INTO tiers (name, kind, location, snapshot) VALUES (?, ?, ?, ?)",
        ((tier.name, tier.kind, tier.location, snapshot) for tier in change.tiers),
    )
    if not change.moves:
        return
    lost = [place for move in change.moves if (place := _replaced(connection, move.file_id)) is not None]
    if lost:
        raise Conflict(lost)
    connection.executemany(
        "INSERT INTO moves (snapshot, file_id, tier) VALUES (?, ?, ?)",
        ((snapshot, move.file_id, move.tier) for move in change.moves),
    )
    connection.executemany(
        "UPDATE files SET tier = ? WHERE id = ?", ((move.tier, move.file_id) for move in change.moves)
    )


def _replaced(connection: sqlite3.Connection, file_id: int) -> tuple[Address, str] | None:
    """Return of which partition a file was, when it is live no more."""
    row = connection.execute(
        """SELECT address, partition, to_snapshot FROM files JOIN series ON series.id = series_id
        WHERE files.id = ?""",
        (file_id,),
    ).fetchone()
    if row is None:
        raise LakeError("UNEXPECTED", f"the change moves file {file_id}, which never was")
    return None if row[2] is None else (Address.parse(row[0]), row[1])
