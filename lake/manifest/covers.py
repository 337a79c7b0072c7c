"""Reading what vendors' files held of a series, which of their records are in quarantine, and what was changed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lake.manifest.decode import parsed
from lake.manifest.packed import DAY_NS
from schemas.keys import Partition

if TYPE_CHECKING:
    from lake.manifest.query import Manifest

_INGESTS = """SELECT ingests.snapshot, name, path, dialect, options, report, ledger.id, quarantined, skipped_by,
        (SELECT group_concat(partition) FROM (SELECT min(partition) AS partition FROM ingest_partitions
            WHERE ingest_id = ingests.id AND series_id = :series
            UNION SELECT max(partition) FROM ingest_partitions
            WHERE ingest_id = ingests.id AND series_id = :series))
    FROM ingests JOIN sources ON sources.id = ingests.source_id
    LEFT JOIN ledger ON ledger.snapshot = ingests.snapshot
    WHERE ingests.snapshot <= :snapshot AND NOT EXISTS (SELECT 1 FROM snapshots
            WHERE id = expired_by AND id <= :snapshot AND operation = 'rollback')
        AND ingests.id IN (SELECT ingest_id FROM ingest_partitions WHERE series_id = :series)
    ORDER BY ingests.snapshot"""
_CORRECTED = """SELECT ledger.snapshot, sources.name, corrected,
        (SELECT count(DISTINCT series_id) FROM files WHERE to_snapshot = ledger.snapshot),
        min(first_ns), max(last_ns)
    FROM ledger JOIN files ON files.to_snapshot = ledger.snapshot LEFT JOIN sources ON sources.id = source_id
    WHERE files.series_id = :series AND ledger.snapshot <= :snapshot AND corrected > 0
    GROUP BY ledger.snapshot ORDER BY ledger.snapshot"""
_DELETED = """SELECT start_day, end_day, max(to_snapshot) FROM files JOIN snapshots ON snapshots.id = to_snapshot
    WHERE series_id = :series AND to_snapshot <= :snapshot AND operation = 'delete'
    GROUP BY start_day, end_day ORDER BY start_day"""


@dataclass(frozen=True, slots=True)
class Ingested:
    """One ingest into a series: the vendor's file, and what it had of the series."""

    snapshot: int
    name: str
    path: str
    dialect: str
    zone: str
    stamp: str
    """Whether its bars were stamped at their `open` or their `close`."""
    first_ns: int | None
    """Its first and last row, of all the series in it, but not outside this series' partitions."""
    last_ns: int | None
    alone: bool
    """Whether it is of this series alone."""
    quarantined: int
    skipped: dict[str, int]
    """How many of its records were left out, by reason."""
    ledger_id: int | None


def ingested(manifest: Manifest, series_id: int, snapshot: int) -> list[Ingested]:
    """Return the ingests into a series up to a snapshot that no rollback undid, oldest first."""
    rows = manifest.read(
        lambda connection: connection.execute(_INGESTS, {"series": series_id, "snapshot": snapshot}).fetchall()
    )
    found = []
    for at, name, path, dialect, options, told, ledger_id, quarantined, skipped, labels in rows:
        report, asked = parsed(told), parsed(options)
        ends = sorted(map(Partition.parse, labels.split(",")))
        first, last = report.get("first_ns"), report.get("last_ns")
        found.append(
            Ingested(
                at,
                name,
                path,
                dialect,
                str(asked.get("tz") or "UTC"),
                str(asked.get("stamp") or "open"),
                None if first is None else max(first, ends[0].start_ns),
                None if last is None else min(last, ends[-1].end_ns - 1),
                len(report.get("addresses", ())) == 1,
                quarantined or 0,
                parsed(skipped or "{}"),
                ledger_id,
            )
        )
    return found


def quarantined_texts(manifest: Manifest, ledger_id: int) -> list[str]:
    """Return the records of one ingest that are in quarantine, as the source has them."""
    sql = "SELECT raw FROM quarantine WHERE ledger_id = ? ORDER BY line"
    rows = manifest.read(lambda connection: connection.execute(sql, (ledger_id,)).fetchall())
    return [str(raw) for (raw,) in rows]


def deleted(manifest: Manifest, series_id: int, snapshot: int) -> list[tuple[int, int, int]]:
    """Return the partitions of which rows were deleted: start and end in nanoseconds, and the last such snapshot."""
    rows = manifest.read(
        lambda connection: connection.execute(_DELETED, {"series": series_id, "snapshot": snapshot}).fetchall()
    )
    return [(start * DAY_NS, end * DAY_NS, at) for start, end, at in rows]


@dataclass(frozen=True, slots=True)
class Corrected:
    """A commit that changed values of rows that were stored."""

    snapshot: int
    name: str
    """The source's; empty where the rows were written."""
    rows: int
    """Of all series it changed."""
    series: int
    """How many it replaced partitions of."""
    first_ns: int
    """The first and last row of the partitions it replaced in the series; it may not have changed all of them."""
    last_ns: int


def corrected(manifest: Manifest, series_id: int, snapshot: int) -> list[Corrected]:
    """Return the commits up to a snapshot that changed stored rows in partitions of a series, oldest first."""
    parameters = {"series": series_id, "snapshot": snapshot}
    rows = manifest.read(lambda connection: connection.execute(_CORRECTED, parameters).fetchall())
    return [Corrected(at, name or "", *facts) for at, name, *facts in rows]
