"""The longer questions of the manifest's readers, in SQL."""

from __future__ import annotations

from lake.manifest.decode import FILES, MAX_DAY, MIN_DAY, PATH, clamp
from lake.manifest.forgetting import EXPIRED
from lake.manifest.packed import DAY_NS

LONGEST_PARTITION = 366
"""Days; no partition is longer, which bounds the walk through the index."""
# Two arms, so that reading the newest snapshot walks live files only, however often they were rewritten.
PLAN = f"""SELECT {FILES} FROM files WHERE series_id = :series AND to_snapshot IS NULL
        AND start_day > :reach AND start_day < :end AND end_day > :start AND from_snapshot <= :snapshot
    UNION ALL SELECT {FILES} FROM files WHERE series_id = :series AND to_snapshot > :snapshot
        AND start_day < :end AND end_day > :start AND from_snapshot <= :snapshot
    ORDER BY part_start_ns"""
HAS_FILES = """(EXISTS (SELECT 1 FROM files WHERE series_id = series.id AND to_snapshot IS NULL
        AND from_snapshot <= :snapshot)
    OR EXISTS (SELECT 1 FROM files WHERE series_id = series.id AND to_snapshot > :snapshot
        AND from_snapshot <= :snapshot))"""
_SEALED = "end_day - start_day > 1 AND EXISTS (SELECT 1 FROM parts WHERE file_id = files.id)"
# What a sealed file covers is what its parts cover.
LISTING = f"""SELECT :address, min(first_ns), max(last_ns), sum(rows), sum(bytes), sum(held),
        group_concat(DISTINCT tier), max(from_snapshot),
        CASE WHEN count(verified_at_ns) = count(*) THEN min(verified_at_ns) END,
        min(start), max(end), sum(covered), count(*)
    FROM (SELECT *, CASE WHEN sealed THEN (SELECT min(start_day) FROM parts WHERE file_id = id)
                ELSE start_day END AS start,
            CASE WHEN sealed THEN (SELECT max(end_day) FROM parts WHERE file_id = id) ELSE end_day END AS end,
            CASE WHEN sealed THEN (SELECT sum(end_day - start_day) FROM parts WHERE file_id = id)
                ELSE end_day - start_day END AS covered,
            CASE WHEN sealed THEN (SELECT count(*) FROM parts WHERE file_id = id) ELSE 1 END AS held
        FROM (SELECT id, start_day, end_day, {_SEALED} AS sealed, first_ns, last_ns, rows, bytes, tier,
                from_snapshot, verified_at_ns FROM files
                WHERE series_id = :series AND to_snapshot IS NULL AND from_snapshot <= :snapshot
            UNION ALL SELECT id, start_day, end_day, {_SEALED}, first_ns, last_ns, rows, bytes, tier,
                from_snapshot, verified_at_ns FROM files
                WHERE series_id = :series AND to_snapshot > :snapshot AND from_snapshot <= :snapshot))"""
REPLACED = f"SELECT {PATH} FROM files WHERE to_snapshot BETWEEN :first AND :last"
# A snapshot is about the series whose files it changed or moved, whose making it recorded, or that its source held.
_SERIES_OF = """SELECT series_id FROM files WHERE from_snapshot = snapshots.id
    UNION SELECT series_id FROM files WHERE to_snapshot = snapshots.id
    UNION SELECT series_id FROM derivations WHERE from_snapshot = snapshots.id
    UNION SELECT series_id FROM moves JOIN files ON files.id = file_id WHERE snapshot = snapshots.id
    UNION SELECT series_id FROM ingest_partitions
        WHERE ingest_id = (SELECT id FROM ingests WHERE snapshot = snapshots.id)"""
HISTORY = f"""SELECT snapshots.id, at_ns, operation, snapshots.run_id, message,
        (SELECT count(*) FROM ({_SERIES_OF})), (SELECT address FROM series WHERE id = (SELECT * FROM ({_SERIES_OF}))),
        name, sha256, coalesce(new, 0), coalesce(corrected, 0), coalesce(quarantined, 0),
        (SELECT count(*) FROM files WHERE from_snapshot = snapshots.id),
        (SELECT count(*) FROM files WHERE to_snapshot = snapshots.id),
        (SELECT count(*) FROM (
            SELECT DISTINCT series_id, start_day FROM derivations WHERE from_snapshot = snapshots.id)),
        (SELECT count(*) FROM moves WHERE snapshot = snapshots.id), coalesce(cause, ''), {EXPIRED}
    FROM snapshots LEFT JOIN runs ON runs.id = snapshots.run_id
        LEFT JOIN ledger ON ledger.snapshot = snapshots.id LEFT JOIN sources ON sources.id = coalesce(ledger.source_id,
            (SELECT source_id FROM reference WHERE from_snapshot = snapshots.id LIMIT 1))
    WHERE %s ORDER BY snapshots.id DESC LIMIT :limit"""
OF_SERIES = """snapshots.id IN (
    SELECT from_snapshot FROM files WHERE series_id = :series AND to_snapshot IS NULL
    UNION SELECT from_snapshot FROM files WHERE series_id = :series AND to_snapshot IS NOT NULL
    UNION SELECT to_snapshot FROM files WHERE series_id = :series AND to_snapshot IS NOT NULL
    UNION SELECT from_snapshot FROM derivations WHERE series_id = :series
    UNION SELECT snapshot FROM moves WHERE file_id IN (SELECT id FROM files WHERE series_id = :series)
    UNION SELECT snapshot FROM ingests WHERE id IN (
        SELECT ingest_id FROM ingest_partitions WHERE series_id = :series))"""
# Whether one that runs was interrupted, only its machine knows: so they all come along.
RUNS = """SELECT id, kind, status, started_ns, ended_ns, pid, host, boot_id, process_start, command, error, snapshot,
        cause FROM runs WHERE :status IS NULL OR status IN (:status, 'running') ORDER BY id DESC
    LIMIT CASE WHEN :status IS NULL THEN :limit ELSE -1 END"""


def between(start_ns: int | None, end_ns: int | None) -> dict[str, int]:
    """Return the parameters of PLAN for [start, end); None leaves a side open."""
    start = MIN_DAY if start_ns is None else clamp(start_ns) // DAY_NS
    end = MAX_DAY if end_ns is None else -(-clamp(end_ns) // DAY_NS)
    return {"start": start, "end": end, "reach": start - LONGEST_PARTITION}
