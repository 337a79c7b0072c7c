"""Reading which vendors' files a series was made from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lake.manifest.decode import MAX_NS, SPELLING, parsed, text_of

if TYPE_CHECKING:
    from lake.manifest.query import Manifest

_SOURCES = """SELECT DISTINCT sources.id, name, path, dialect, options, fetched_at_ns, skipped_by
    FROM ingest_partitions JOIN ingests ON ingests.id = ingest_id JOIN sources ON sources.id = ingests.source_id
    LEFT JOIN ledger ON ledger.snapshot = ingests.snapshot
    WHERE series_id = :series AND ingests.snapshot <= :snapshot ORDER BY sources.id"""


@dataclass(frozen=True, slots=True)
class SourceRow:
    """A vendor's file that was ingested into a series."""

    name: str
    path: str
    dialect: str
    zone: str
    """The time zone its times were read in."""
    fetched_at_ns: int | None
    """The latest time at which it can have been fetched, where that is known."""
    skipped: dict[str, int]
    """How many of its records were left out, by reason."""


def sources(manifest: Manifest, series_id: int, snapshot: int | None = None) -> list[SourceRow]:
    """Return the files ingested into a series, up to a snapshot if one is given, whether or not rows are left."""
    given = {"series": series_id, "snapshot": MAX_NS if snapshot is None else snapshot}
    rows = manifest.read(lambda connection: connection.execute(_SOURCES, given).fetchall())
    return [
        SourceRow(name, path, dialect, parsed(options).get("tz") or "UTC", fetched, parsed(skipped or "{}"))
        for _, name, path, dialect, options, fetched, skipped in rows
    ]


@dataclass(frozen=True, slots=True)
class Origin:
    """One ingest into a partition: the vendor's file, and what the lake knows it by."""

    name: str
    sha256: str
    dialect: str
    snapshot: int
    run_id: str
    at_ns: int
    evidence: tuple[str, ...] = ()
    """What spoke for the dialect, and against its rivals."""


def of_partition(manifest: Manifest, series_id: int, partition: str) -> list[Origin]:
    """Return the ingests that put rows into a partition or found theirs there, oldest first."""
    sql = """SELECT name, sha256, dialect, ingests.snapshot, ingests.run_id, at_ns, evidence FROM ingest_partitions
        JOIN ingests ON ingests.id = ingest_id JOIN sources ON sources.id = ingests.source_id
        JOIN snapshots ON snapshots.id = ingests.snapshot
        WHERE series_id = ? AND partition = ? ORDER BY ingests.snapshot"""
    rows = manifest.read(lambda connection: connection.execute(sql, (series_id, partition)).fetchall())
    return [
        Origin(name, sha256, dialect, snapshot, run_id, at_ns, tuple(parsed(evidence, list)))
        for name, sha256, dialect, snapshot, run_id, at_ns, evidence in rows
    ]


@dataclass(frozen=True, slots=True)
class Source:
    """A vendor's file that was ingested into a partition, and how it was read."""

    path: str
    sha256: str
    dialect: str
    options: dict[str, Any]
    fetched_at_ns: int | None
    vendor_symbol: str
    snapshot: int
    """The one it was ingested with."""


def sources_of(manifest: Manifest, series_id: int, start_ns: int, end_ns: int) -> list[Source]:
    """Return the sources that put rows into partitions of [start, end) or found theirs there, oldest ingest first."""
    sql = f"""SELECT path, sha256, dialect, options, fetched_at_ns, {SPELLING}, ingests.snapshot
        FROM sources
        JOIN ingests ON sources.id = source_id JOIN series ON series.id = :series
        WHERE ingests.id IN (SELECT ingest_id FROM ingest_partitions WHERE series_id = :series
            AND partition >= substr(:first, 1, length(partition)) AND partition <= :last)
        ORDER BY ingests.id"""
    # A label is the beginning of its first day's.
    first, last = text_of(start_ns)[:10], text_of(end_ns - 1)[:10]
    given = {"series": series_id, "first": first, "last": last}
    rows = manifest.read(lambda connection: connection.execute(sql, given).fetchall())
    return [
        Source(path, sha256, dialect, parsed(options), fetched, symbol, snapshot)
        for path, sha256, dialect, options, fetched, symbol, snapshot in rows
    ]
