"""The step that made the table of files slim; like every step that was released, it is never edited."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lake.manifest import packed
from lake.manifest.packed import DAY_NS

if TYPE_CHECKING:
    from lake.manifest.lean import Database


def _run(db: Database, *statements: str) -> None:
    for statement in statements:
        db.execute(statement)


def slim_files(db: Database) -> None:
    """Store of a file what nothing else tells: a name for a path, days for times, bytes for hexadecimal digits.

    What is left out is there still, as columns that are computed when they are read.
    """
    _run(
        db,
        "CREATE TEMP TABLE kept_lineage AS SELECT * FROM lineage ORDER BY rowid",
        "DROP TABLE lineage",
        """CREATE TABLE slim_files (
            id INTEGER PRIMARY KEY,
            series_id INTEGER NOT NULL REFERENCES series (id),
            start_day INTEGER NOT NULL,
            end_day INTEGER NOT NULL CHECK (end_day > start_day),
            name TEXT NOT NULL,
            rows INTEGER NOT NULL,
            bytes INTEGER NOT NULL,
            first_ns INTEGER NOT NULL,
            last_ns INTEGER NOT NULL,
            sha ANY NOT NULL,
            content ANY NOT NULL,
            schema_version INTEGER NOT NULL,
            tier TEXT NOT NULL,
            unproven TEXT NOT NULL,
            replaces INTEGER,
            from_snapshot INTEGER NOT NULL REFERENCES snapshots (id),
            to_snapshot INTEGER CHECK (to_snapshot > from_snapshot),
            verified_at_ns INTEGER,
            partition TEXT AS (substr(date(start_day * 86400, 'unixepoch'), 1, CASE
                WHEN end_day - start_day = 1 THEN 10 WHEN end_day - start_day < 365 THEN 7 ELSE 4 END)) VIRTUAL,
            part_start_ns INTEGER AS (start_day * 86400000000000) VIRTUAL,
            part_end_ns INTEGER AS (end_day * 86400000000000) VIRTUAL,
            sha256 TEXT AS (CASE WHEN typeof(sha) = 'blob' THEN lower(hex(sha)) ELSE sha END) VIRTUAL,
            content_hash TEXT AS (CASE WHEN typeof(content) = 'blob'
                THEN 'rows128:' || lower(hex(content)) ELSE content END) VIRTUAL) STRICT""",
    )
    stored = db.execute(
        """SELECT files.id, series_id, part_start_ns, part_end_ns, path, rows, bytes, first_ns, last_ns, sha256,
        content_hash, schema_version, tier, unproven, replaces, from_snapshot, to_snapshot, verified_at_ns,
        address || '/' || replace(partition, '-', '/') || '/' FROM files JOIN series ON series.id = series_id
        ORDER BY files.id"""
    )
    db.conn.executemany(
        f"INSERT INTO slim_files VALUES ({', '.join('?' * 18)})",
        (
            (
                *row[:2],
                row[2] // DAY_NS,
                row[3] // DAY_NS,
                packed.name(row[4], row[18]),
                *row[5:9],
                packed.sha256(row[9]),
                packed.content(row[10]),
                *row[11:18],
            )
            for row in stored
        ),
    )
    _run(
        db,
        "DROP TABLE files",
        "ALTER TABLE slim_files RENAME TO files",
        # No two live files of a series overlap; reading the lake as it is now walks this one only, as it was, the
        # next one as well.
        "CREATE UNIQUE INDEX files_live ON files (series_id, start_day, end_day) WHERE to_snapshot IS NULL",
        """CREATE INDEX files_gone ON files (series_id, to_snapshot, from_snapshot, start_day)
            WHERE to_snapshot IS NOT NULL""",
        "CREATE INDEX files_added ON files (from_snapshot)",
        "CREATE INDEX files_removed ON files (to_snapshot) WHERE to_snapshot IS NOT NULL",
        """CREATE TABLE lineage (
            file_id INTEGER NOT NULL REFERENCES files (id),
            source_id INTEGER REFERENCES sources (id),
            upstream_file_id INTEGER REFERENCES files (id)) STRICT""",
        "INSERT INTO lineage SELECT * FROM kept_lineage ORDER BY rowid",
        "DROP TABLE kept_lineage",
        "CREATE INDEX lineage_file ON lineage (file_id)",
        "CREATE INDEX lineage_upstream ON lineage (upstream_file_id) WHERE upstream_file_id IS NOT NULL",
    )
