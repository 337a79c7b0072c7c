"""What a write of feature rows came to: the ledger, and the report of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from lake.features.model import FeatureWriteReport, SeriesWrite
from lake.manifest.rows import LedgerRecord
from lake.merge import Counts

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Sequence

    from lake.features.destinations import Destination
    from lake.features.taking import Taking
    from lake.manifest.rows import IngestRow, NewDerivation, SourceRecord
    from lake.write import Delivery
    from schemas.features import FeatureSet

_KINDS = ("new", "identical", "corrected", "superseded")


@dataclass(frozen=True, slots=True)
class Outcome:
    """Rows that were read and merged, ready to be committed."""

    feature_set: FeatureSet
    taking: Taking
    destinations: list[Destination]
    deliveries: list[Delivery]
    source: SourceRecord | None
    code_version: str

    @property
    def changes(self) -> bool:
        """Whether anything that is stored becomes another."""
        return any(each.removed or any(s.staged is not None for s in each.settled) for each in self.deliveries)

    def ledger(self) -> LedgerRecord:
        """Return where every row read went."""
        counts = _counted(self.deliveries)
        taking = self.taking
        return LedgerRecord(
            read=taking.read,
            **{kind: getattr(counts, kind) for kind in _KINDS},
            quarantined=taking.rejected.total(),
            rows_out=taking.accepted,
            rejected=dict(taking.rejected),
        )

    def report(
        self,
        status: Literal["committed", "unchanged"],
        run_id: str,
        snapshot: int,
        derivations: Sequence[NewDerivation],
    ) -> FeatureWriteReport:
        """Return what is told of the write as the partitions are by now."""
        taking, source = self.taking, self.source
        pairs = list(zip(self.destinations, self.deliveries, strict=True))
        staged = [file for each in self.deliveries for file in each.staged]
        return FeatureWriteReport(
            set=self.feature_set.label,
            status=status,
            snapshot=snapshot,
            run=run_id,
            rows=_placed(taking.read, _counted(self.deliveries), taking.rejected),
            rejected=dict(taking.rejected),
            series=[_series(*pair) for pair in sorted(pairs, key=lambda pair: pair[0].address)],
            files_written=len(staged),
            bytes_written=sum(file.bytes for file in staged),
            lineage=len({(each.address, each.partition) for each in derivations}),
            source=None if source is None else source.path,
            sha256=None if source is None else source.sha256,
            ts_from=taking.ts_from,
            code_version=self.code_version,
            warnings=self._warnings(),
        )

    def _warnings(self) -> list[str]:
        count, label = self.taking.assumed, self.feature_set.label
        if not count:
            return []
        rows = "1 row does" if count == 1 else f"{count:,} rows do"
        said = f"{rows} not say known_at, and {label} names no inputs: each is taken to be known at its ts"
        return [f"{said}, which is too early where that is the open of a bar"]


def _counted(deliveries: Sequence[Delivery]) -> Counts:
    counts = Counts()
    for delivery in deliveries:
        for settled in delivery.settled:
            counts.add(settled.counts)
    return counts


def _placed(read: int, counts: Counts, rejected: Counter[str]) -> dict[str, int]:
    placed = {kind: getattr(counts, kind) for kind in _KINDS}
    return {"read": read, **placed, "quarantined": rejected.total()}


def _series(destination: Destination, delivery: Delivery) -> SeriesWrite:
    intake = destination.intake
    return SeriesWrite(
        address=str(destination.address),
        rows=_placed(destination.read, _counted([delivery]), destination.rejected),
        rejected=dict(destination.rejected),
        files_written=len(delivery.staged),
        first_ns=None if intake.first is None else intake.first * 1000,
        last_ns=None if intake.last is None else intake.last * 1000,
    )


def repeated(current: IngestRow) -> FeatureWriteReport:
    """Say what the write of the same file said, but that nothing is new."""
    said: dict[str, Any] = dict(current.report)
    said["series"] = [_again(SeriesWrite(**series)) for series in said["series"]]
    report = FeatureWriteReport(**said)
    report.rows = _identical(report.rows)
    report.status, report.run, report.snapshot = "unchanged", current.run_id, current.snapshot
    report.files_written = report.bytes_written = report.lineage = 0
    return report


def _again(series: SeriesWrite) -> SeriesWrite:
    series.rows, series.files_written = _identical(series.rows), 0
    return series


def _identical(rows: dict[str, int]) -> dict[str, int]:
    placed = rows["read"] - rows["quarantined"]
    return rows | {"new": 0, "identical": placed, "corrected": 0, "superseded": 0}
