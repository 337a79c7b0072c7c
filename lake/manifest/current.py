"""What is current, asked by a connection in hand: for readers and for the writer's open transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lake.manifest import decode, packed

if TYPE_CHECKING:
    import sqlite3

    from lake.manifest.rows import IngestRow

LAST = "SELECT last_ns FROM files WHERE series_id = ? AND to_snapshot IS NULL ORDER BY start_day DESC LIMIT 1"
_PARTS = "SELECT start_day, end_day, content FROM parts WHERE file_id = ? ORDER BY start_day"


def covering(connection: sqlite3.Connection, series: int, partition: str) -> int | None:
    """Return the id of the live file that holds a partition: its own, or a sealed one around it."""
    start_day, end_day = packed.days(partition)
    row = connection.execute(
        """SELECT id, end_day FROM files WHERE series_id = ? AND to_snapshot IS NULL AND start_day <= ?
        ORDER BY start_day DESC LIMIT 1""",
        (series, start_day),
    ).fetchone()
    return int(row[0]) if row is not None and row[1] >= end_day else None


def contents(
    connection: sqlite3.Connection, series: int, start_ns: int, end_ns: int
) -> list[tuple[int, int, bytes | str]]:
    """Return first day, end and stored content hash of the live natural partitions of [start, end), in order."""
    start, end = start_ns // packed.DAY_NS, -(-end_ns // packed.DAY_NS)
    # Live files do not overlap: of those that begin before the range, only the last one can reach into it.
    files = connection.execute(
        """SELECT id, start_day, end_day, content FROM files WHERE series_id = ?1 AND to_snapshot IS NULL
        AND start_day >= coalesce((SELECT max(start_day) FROM files
            WHERE series_id = ?1 AND to_snapshot IS NULL AND start_day <= ?2), ?2)
        AND start_day < ?3 AND end_day > ?2 ORDER BY start_day""",
        (series, start, end),
    )
    found: list[tuple[int, int, bytes | str]] = []
    for number, first, last, content in files.fetchall():
        inside = [] if last - first == 1 else connection.execute(_PARTS, (number,)).fetchall()
        found += [part for part in inside if part[0] < end and part[1] > start] if inside else [(first, last, content)]
    return found


def went_on(connection: sqlite3.Connection, series: int, withheld_ns: int | None) -> bool:
    """Whether a bucket that ends at `withheld_ns`, and was left out, is over: the series has rows after it."""
    if withheld_ns is None:
        return False
    last = connection.execute(LAST, (series,)).fetchone()
    return last is not None and last[0] >= withheld_ns


def current_keys(connection: sqlite3.Connection, fact: str) -> dict[str, str]:
    """Return the keys of all ingests whose effect is still current, by a fact of their reports."""
    rows = connection.execute(
        "SELECT json_extract(report, ?), key FROM ingests WHERE expired_by IS NULL", (f"$.{fact}",)
    )
    return {str(said): str(key) for said, key in rows if said is not None}


def current_ingest(connection: sqlite3.Connection, key: str) -> IngestRow | None:
    """Return the ingest with this key whose effect is still current."""
    row = connection.execute(
        """SELECT ingests.id, key, run_id, snapshot, name, sha256, report FROM ingests
        LEFT JOIN sources ON sources.id = source_id WHERE key = ? AND expired_by IS NULL""",
        (key,),
    ).fetchone()
    return decode.ingest_row(row) if row else None
