"""Looking at the quality of series: what is found is told and kept as check results; nothing else changes."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lake import layout, rows
from lake import write as writing
from lake.amounts import plural
from lake.instruments import actions
from lake.leases import Lease
from lake.manifest import Change, Writer, graph
from lake.manifest.packed import DAY_NS
from lake.manifest.rows import CheckRecord
from lake.quality.collecting import Findings
from lake.quality.hours import calendar_with_hours, opening
from lake.quality.looking import COLUMNS, look, needs_rows
from lake.quality.model import HELD, Progress, QualityReport, SeriesQuality
from lake.quality.prices import Split
from lake.quality.restated import restated
from lake.quality.rules import BY_NAME, kind_of
from lake.quality.settings import thresholds
from lake.read import Scan

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from lake.config import Config
    from lake.manifest import Manifest, PartRow, SeriesRow
    from lake.quality.model import QualityRequest

_EPOCH = dt.date(1970, 1, 1)
PREFIX = "quality"
"""What the names of the check results begin with."""
_COMMIT_RECORDS = 20_000
"""Check results that wait for a commit; a lake may have many partitions that fail."""
_WORDS = 1_000
"""Letters that a run keeps of what it was about."""


def find(
    config: Config,
    manifest: Manifest,
    series: Sequence[SeriesRow],
    snapshot: int,
    request: QualityRequest,
    *,
    progress: Callable[[Progress], None] = lambda _at: None,
) -> QualityReport:
    """Hold series to the rules, in one pass over the rows of each.

    Of the present the outcome is kept: each partition that fails a rule, each that failed it before and does no more,
    and of a series that was looked at whole, that it was.

    Args:
        config: The lake's.
        manifest: Open to read.
        series: Which ones.
        snapshot: As of which snapshot.
        request: In which range, by which rules, and whether to keep the outcome.
        progress: Told as rows come by.

    Raises:
        LakeError: USAGE when dl.toml names a rule there is not; SNAPSHOT_EXPIRED; FILE_DAMAGED, FILE_MISSING and
            TIER_UNAVAILABLE when rows cannot be read; LOCKED and STORAGE when the outcome cannot be kept.
    """
    with Lease(config, snapshot):
        manifest.refuse_expired(snapshot)
        is_present = snapshot == manifest.snapshot()
        works = [_work(config, manifest, row, snapshot, request) for row in series]
        total = sum(work.rows for work in works if needs_rows(work.thresholds))
        done = held = 0
        found: list[SeriesQuality] = []
        records: list[CheckRecord] = []
        recorded = None
        for work in works:

            def told(count: int, work: _Work = work) -> None:
                nonlocal done
                done += count
                progress(Progress(done, total, work.row.address))

            findings = work.look(told, min(request.limit, HELD - held))
            outcome = work.outcome(findings)
            found.append(outcome)
            held += len(outcome.findings)
            if request.record and is_present:
                records += work.records(findings, outcome)
            if len(records) >= _COMMIT_RECORDS or (records and work is works[-1]):
                recorded = _record(config, records)
                records = []
    return QualityReport(snapshot, recorded, tuple(found))


def _record(config: Config, records: list[CheckRecord]) -> int:
    what = ", ".join(dict.fromkeys(str(record.address) for record in records))
    with Writer(config) as writer, writing.run(writer, "quality", f"quality {what}"[:_WORDS]) as run_id:
        return writer.commit(Change(run_id, "quality", checks=records, ends_run=True))


def _work(config: Config, manifest: Manifest, row: SeriesRow, snapshot: int, request: QualityRequest) -> _Work:
    parts = graph.parts(manifest, row.id, request.start_ns, request.end_ns, snapshot)
    held_to = thresholds(config, row.address, request.rules)
    calendar = None
    if "out_of_hours" in held_to:
        calendar = calendar_with_hours(config, manifest, row.address, snapshot)
        if calendar is None:
            del held_to["out_of_hours"]
    return _Work(config, manifest, row, snapshot, request, parts, held_to, calendar)


@dataclass(frozen=True, slots=True)
class _Work:
    """One series to be looked at."""

    config: Config
    manifest: Manifest
    row: SeriesRow
    snapshot: int
    request: QualityRequest
    parts: list[PartRow]
    thresholds: Mapping[str, float]
    calendar: str | None
    """That by which rows may lie out of hours; None where no rule asks for it."""

    @property
    def rows(self) -> int:
        """About how many rows there are to be read."""
        return sum(part.rows for part in self.parts)

    def look(self, told: Callable[[int], None], limit: int) -> Findings:
        findings = Findings(self.parts, limit)
        between = (self.request.start_ns, self.request.end_ns)
        if "restated" in self.thresholds:
            least = self.thresholds["restated"]
            restated(self.manifest, findings, self.row.id, between, self.snapshot, least)
        if needs_rows(self.thresholds) and self.parts:
            scan = Scan(
                self.config,
                self.manifest,
                [self.row.address],
                start_ns=between[0],
                end_ns=between[1],
                columns=["ts", *COLUMNS[kind_of(self.row.address)]],
                as_of=self.snapshot,
            )
            unit_ns = layout.NS_PER[rows.unit(scan.declaration)]
            hours = None
            if self.calendar is not None:
                hours = opening(self.calendar, self.row.address, self.parts[0].first_ns, self.parts[-1].last_ns + 1)
            look(
                scan.batches(),
                unit_ns,
                self.row.address,
                self.thresholds,
                findings,
                told,
                splits=self._splits(),
                opening=hours,
            )
        return findings

    def _splits(self) -> list[Split]:
        known = actions(self.manifest, self.row.address, self.snapshot)
        return [
            Split((each.ex_date - _EPOCH).days * DAY_NS, float(each.value)) for each in known if each.kind == "split"
        ]

    def outcome(self, findings: Findings) -> SeriesQuality:
        failed = {place for rule, marked in findings.marked.items() if _fails(rule) for place in marked}
        return SeriesQuality(
            self.row.address, self.rows, self.thresholds, findings.totals, findings.ordered(), len(failed)
        )

    def records(self, findings: Findings, outcome: SeriesQuality) -> Iterator[CheckRecord]:
        """Yield what is to be kept: what fails, and what failed before and was looked at again."""
        address = self.row.address
        before = graph.failed_checks(self.manifest, self.row.id)
        for place, part in enumerate(self.parts):
            for rule in self.thresholds:
                name, said = f"{PREFIX}.{rule}", findings.marked.get(rule, {}).get(place)
                if said is not None and _fails(rule):
                    yield CheckRecord(address, part.partition, name, passed=False, detail=said)
                elif name in before.get(part.partition, ()) and self._whole(part):
                    yield CheckRecord(address, part.partition, name, passed=True)
        if self.thresholds and not self.request.rules and self.request.start_ns is None and self.request.end_ns is None:
            told = ", ".join(f"{rule} {total.findings:,}" for rule, total in sorted(outcome.totals.items()))
            said = f"{plural(self.rows, 'row')} held to {plural(len(self.thresholds), 'rule')}: {told or 'no finding'}"
            yield CheckRecord(address, None, PREFIX, passed=True, detail=said)

    def _whole(self, part: PartRow) -> bool:
        start, end = self.request.start_ns, self.request.end_ns
        return (start is None or start <= part.first_ns) and (end is None or part.last_ns < end)


def _fails(rule: str) -> bool:
    return BY_NAME[rule].severity != "note"
