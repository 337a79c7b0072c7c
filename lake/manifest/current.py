"""What is current, asked by a connection in hand: for readers and for the writer's open transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lake.manifest import decode, packed

if TYPE_CHECKING:
    import sqlite3

    from lake.manifest.rows import IngestRow


def covering(connection: sqlite3.Connection, series: int, partition: str) -> int | None:
    """Return the id of the live file that holds a partition: its own, or a sealed one around it."""
    start_day, end_day = packed.days(partition)
    row = connection.execute(
        """SELECT id, end_day FROM files WHERE series_id = ? AND to_snapshot IS NULL AND start_day <= ?
        ORDER BY start_day DESC LIMIT 1""",
        (series, start_day),
    ).fetchone()
    return int(row[0]) if row is not None and row[1] >= end_day else None


def current_ingest(connection: sqlite3.Connection, key: str) -> IngestRow | None:
    """Return the ingest with this key whose effect is still current."""
    row = connection.execute(
        """SELECT ingests.id, key, run_id, snapshot, name, sha256, report FROM ingests
        LEFT JOIN sources ON sources.id = source_id WHERE key = ? AND expired_by IS NULL""",
        (key,),
    ).fetchone()
    return decode.ingest_row(row) if row else None
