"""Reading which vendors' files a series was made from."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lake.manifest.query import Manifest

_SOURCES = """SELECT DISTINCT sources.id, name, path, dialect, options, fetched_at_ns, skipped_by
    FROM ingest_partitions JOIN ingests ON ingests.id = ingest_id JOIN sources ON sources.id = ingests.source_id
    LEFT JOIN ledger ON ledger.snapshot = ingests.snapshot
    WHERE series_id = :series ORDER BY sources.id"""


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


def sources(manifest: Manifest, series_id: int) -> list[SourceRow]:
    """Return the files ingested into a series, whether or not rows of theirs are left."""
    rows = manifest.read(lambda connection: connection.execute(_SOURCES, {"series": series_id}).fetchall())
    return [
        SourceRow(name, path, dialect, json.loads(options).get("tz") or "UTC", fetched, json.loads(skipped or "{}"))
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


def of_partition(manifest: Manifest, series_id: int, partition: str) -> list[Origin]:
    """Return the ingests that put rows into a partition or found theirs there, oldest first."""
    sql = """SELECT name, sha256, dialect, ingests.snapshot, ingests.run_id, at_ns FROM ingest_partitions
        JOIN ingests ON ingests.id = ingest_id JOIN sources ON sources.id = ingests.source_id
        JOIN snapshots ON snapshots.id = ingests.snapshot
        WHERE series_id = ? AND partition = ? ORDER BY ingests.snapshot"""
    rows = manifest.read(lambda connection: connection.execute(sql, (series_id, partition)).fetchall())
    return [Origin(*row) for row in rows]
