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
