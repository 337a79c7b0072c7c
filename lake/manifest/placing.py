"""Writing where files lie: which tiers there are, and which of them a file is read from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lake.errors import LakeError
from lake.manifest.rows import Conflict
from schemas.keys import Address

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable

    from lake.manifest.rows import Change


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
