"""Auditing stored features: whether a row could be known when it says, and whether its inputs are still what they were.

Everything is told from the manifest, from two columns of the rows and from the footers of files; nothing is changed.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from lake import rows
from lake.amounts import plural
from lake.errors import LakeError
from lake.features import nulls
from lake.features.findings import AuditReport, Fact, Finding, Progress
from lake.features.known import complete
from lake.features.restated import Comparison, times_named
from lake.features.sets import Sets
from lake.lineage.status import beside, step_ns
from lake.manifest import Manifest, graph
from lake.manifest.census import look
from lake.manifest.packed import DAY_NS, EMPTY
from lake.read import Scan
from schemas.calendars import lateness_ns
from schemas.features import length_text
from schemas.keys import Partition
from schemas.periods import Period

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from lake.config import Config
    from lake.features.findings import AuditRequest, Kind
    from lake.features.restated import Restated
    from lake.features.sets import Known
    from lake.manifest import PartRow
    from lake.manifest.graph import DerivationRow
    from schemas.features import FeatureSet
    from schemas.graph import Registry
    from schemas.keys import Address

    Times = NDArray[np.int64]

_US = 1_000
EXAMPLES = 3
"""Rows or times that a finding names."""


def audit(
    config: Config,
    request: AuditRequest,
    *,
    registry: Registry,
    now_ns: int,
    progress: Callable[[Progress], None] = lambda _at: None,
) -> AuditReport:
    """Audit feature sets; rows are streamed, and of them only ts and known_at are read.

    Args:
        config: The lake.
        request: Which sets, series and time.
        registry: The declared assets: it tells when rows are late, and which other versions of a set code declares.
        now_ns: The present, for what is late.
        progress: Told how far it is.

    Raises:
        LakeError: FILE_DAMAGED, FILE_MISSING, TIER_UNAVAILABLE when rows of a set cannot be read.
        CalendarError: A set is due by a calendar that cannot be had.
    """
    with Manifest.open(config) as manifest:
        job = _Audit(config, manifest, request, registry, now_ns, progress)
        job.run()
    return job.report


class _Audit:
    """One audit under way."""

    def __init__(
        self,
        config: Config,
        manifest: Manifest,
        request: AuditRequest,
        registry: Registry,
        now_ns: int,
        progress: Callable[[Progress], None],
    ) -> None:
        self._config, self._manifest, self._request = config, manifest, request
        self._registry, self._now_ns, self._progress = registry, now_ns, progress
        self._census = look(manifest, lambda view: view.census())
        self._sets = Sets(manifest, [each.feature_set for each in registry if each.feature_set is not None])
        self._comparison = Comparison(config, manifest)
        self.report = AuditReport(manifest.snapshot(), sets=len(request.sets))

    def run(self) -> None:
        """Audit series after series."""
        sets = {known.key: known for known in self._request.sets}
        chosen = [
            tally
            for tally in self._census.tallies.values()
            if tally.address.key in sets and tally.partitions and self._request.fits(tally.address)
        ]
        total = sum(tally.partitions for tally in chosen)
        done = 0
        for tally in chosen:
            self._progress(Progress(done, total, tally.address))
            self._series(sets[tally.address.key], tally.address, tally.id)
            done += tally.partitions
            self._progress(Progress(done, total, tally.address))

    def _series(self, known: Known, address: Address, series_id: int) -> None:
        request, report = self._request, self.report
        parts = graph.parts(self._manifest, series_id, request.start_ns, request.end_ns, report.snapshot)
        if not parts:
            return
        report.series += 1
        report.partitions += len(parts)
        series = _Series(known.set, address, parts)
        made = [row for row in graph.derivations(self._manifest, series_id) if row.partition in series.labels]
        inputs = self._inputs(series, made)
        self._look_ahead(series)
        self._before_inputs(series, made, inputs)
        self._restated(series, made)
        if request.end_ns is None:
            self._stale(series, inputs)
        for each in inputs:
            self._coverage(series, each)
        self._nulls(known, series)

    def _find(self, series: _Series, kind: Kind, partition: str, count: int, detail: str, *examples: str) -> None:
        self.report.findings.append(Finding(kind, series.set.label, series.address, partition, count, detail, examples))

    def _fact(self, series: _Series, kind: Kind, name: str, value: float, detail: str = "") -> None:
        self.report.facts.append(Fact(kind, series.set.label, series.address, name, value, detail))

    def _inputs(self, series: _Series, made: Iterable[DerivationRow]) -> list[Address]:
        """Return the stored series that the rows were made from, or would be by what the set declares."""
        found = dict.fromkeys(row.upstream for row in made)
        recorded = {each.key for each in found}
        for key in series.set.inputs:
            if key not in recorded:
                known = self._sets.find(key)
                names = (series.address.exchange, series.address.market, series.address.symbol)
                found[beside(series.address, key) if known is None else known.set.address(*names)] = None
        tallies = self._census.tallies
        return [each for each in found if each in tallies and tallies[each].partitions]

    # ---- what rows say of themselves

    def _look_ahead(self, series: _Series) -> None:
        """Find rows that were known before what they were made from was complete, or before their own time."""
        found: dict[int, _Early] = {}
        for ts, known_at in self._clocks(series):
            self.report.rows += len(ts)
            earliest = complete(ts, series.set)
            early = np.flatnonzero(known_at < earliest)
            for day in np.unique(ts[early] // (DAY_NS // _US)):
                at = early[ts[early] // (DAY_NS // _US) == day]
                found.setdefault(int(day), _Early()).add(ts[at], known_at[at], earliest[at])
        for day, early_rows in found.items():
            before = f", {early_rows.before:,} of them before their own ts" if early_rows.before else ""
            most = length_text(-(-early_rows.most_us // 1000) * 1000)
            detail = f"known up to {most} before what they were made from was complete{before}"
            label = Partition(day, "day").label
            self._find(series, "look_ahead", label, early_rows.count, detail, *early_rows.examples)

    def _clocks(self, series: _Series) -> Iterator[tuple[Times, Times]]:
        """Yield ts and known_at of the rows that are audited, in microseconds and stored order."""
        scan = Scan(
            self._config,
            self._manifest,
            [series.address],
            start_ns=series.parts[0].start_ns,
            end_ns=series.parts[-1].end_ns,
            columns=["ts", "known_at"],
            as_of=self.report.snapshot,
        )
        for batch in scan.batches():
            yield rows.times(batch), rows.times(batch, "known_at")

    # ---- what rows were made from

    def _before_inputs(self, series: _Series, made: Sequence[DerivationRow], inputs: Iterable[Address]) -> None:
        """Find partitions that were written before there was anything to make them from."""
        recorded = {(row.partition, row.upstream) for row in made}
        for row in made:
            if row.inputs == EMPTY:
                at = (row.written or {}).get("snapshot", row.from_snapshot)
                detail = f"{row.upstream.key} had no rows for them at snapshot {at}, which they were made from"
                self._find(series, "before_inputs", row.partition, series.labels[row.partition].rows, detail)
        without = 0
        for part in series.parts:
            missing = [each for each in inputs if (part.partition, each) not in recorded]
            without += bool(missing)
            for upstream in missing:
                if self._came_later(series, part, upstream):
                    detail = f"{upstream.key} had no rows for them until after snapshot {part.file.from_snapshot}"
                    self._find(series, "before_inputs", part.partition, part.rows, detail)
        if without:
            said = f"{plural(without, 'partition')} that do not say what they were made from"
            self._fact(series, "before_inputs", "without lineage", without, said)

    def _came_later(self, series: _Series, part: PartRow, upstream: Address) -> bool:
        """Whether an input has rows for a partition now, and had none when that was stored, as far as is remembered."""
        stored = part.file.from_snapshot
        try:
            self._manifest.refuse_expired(stored)
        except LakeError:
            return False
        start = part.start_ns - series.set.serving.lookback_us * _US
        end = max(series.set.complete_us(part.last_ns // _US) * _US, part.last_ns + 1)
        number = self._census.tallies[upstream].id
        then, now = (graph.parts(self._manifest, number, start, end, at) for at in (stored, self.report.snapshot))
        return bool(now) and not then

    def _restated(self, series: _Series, made: Iterable[DerivationRow]) -> None:
        """Find partitions whose inputs were restated after they were written, and which of their rows that concerns."""
        for row in made:
            differing = self._comparison.of(row) if row.written is not None else []
            for each in differing:
                part = series.labels[row.partition]
                count = part.rows if each.note else self._touched(series, part, row, each)
                detail = f"{each}; {plural(count, 'row')} of the set {'was' if count == 1 else 'were'} made from them"
                self._find(series, "restated", row.partition, count, detail, *times_named(each, EXAMPLES))

    def _touched(self, series: _Series, part: PartRow, row: DerivationRow, restated: Restated) -> int:
        """Count the rows of a partition that the restated rows of an input lie in the reach of."""
        before, after = _reach(series.set, row.upstream)
        times = np.unique(np.concatenate(list(restated.times.values()))) // _US
        count = 0
        scan = Scan(
            self._config,
            self._manifest,
            [series.address],
            start_ns=part.start_ns,
            end_ns=part.end_ns,
            columns=["ts"],
            as_of=self.report.snapshot,
        )
        for batch in scan.batches():
            ts = rows.times(batch)
            # A row reaches over [ts - before, ts + after): some restated time must lie in it.
            count += int((np.searchsorted(times, ts - before) < np.searchsorted(times, ts + after)).sum())
        return count

    # ---- what there is of a set

    def _stale(self, series: _Series, inputs: Iterable[Address]) -> None:
        """Find a set that is late by what is declared, or so far behind its inputs that no row of it is good."""
        last_ns = series.parts[-1].last_ns
        policy = self._registry.freshness(series.address)
        late = None
        if policy is not None:
            late = lateness_ns(policy, last_ns, step_ns(self._registry, series.address), self._now_ns)
        if late is not None:
            self._find(series, "stale_set", "", 1, f"late by {_length(late)}: it is to be fresh within {policy}")
        ttl_us = series.set.serving.ttl_us
        if ttl_us is None:
            return
        for each in inputs:
            ends = self._census.tallies[each].last_ns
            if ends is not None and ends - last_ns > ttl_us * _US:
                detail = f"{_length(ends - last_ns)} behind {each.key}, and a row is good for {length_text(ttl_us)}"
                self._find(series, "stale_set", "", 1, detail)

    def _coverage(self, series: _Series, upstream: Address) -> None:
        """Find whole partitions of an input, between the set's first and last one, of which the set has no row."""
        first, last = series.parts[0], series.parts[-1]
        number = self._census.tallies[upstream].id
        found = graph.parts(self._manifest, number, first.start_ns, last.end_ns, self.report.snapshot)
        run: list[PartRow] = []
        held, low, ratio = 0, "", float("inf")
        for part in found:
            own = series.rows_in(part.start_ns, part.end_ns)
            if own:
                held += part.rows
                if own / part.rows < ratio:
                    low, ratio = part.partition, own / part.rows
                self._hole(series, upstream, run)
                run = []
            else:
                run.append(part)
        self._hole(series, upstream, run)
        if held:
            whole = sum(part.rows for part in series.parts) / held
            self._fact(series, "coverage", upstream.key, whole, f"lowest on {low}: {ratio:.4g}")

    def _hole(self, series: _Series, upstream: Address, run: Sequence[PartRow]) -> None:
        if run:
            label = run[0].partition if len(run) == 1 else f"{run[0].partition} … {run[-1].partition}"
            count = sum(part.rows for part in run)
            detail = f"{upstream.key} has {plural(count, 'row')} in {plural(len(run), 'partition')}, the set has none"
            self._find(series, "coverage", label, len(run), detail)

    def _nulls(self, known: Known, series: _Series) -> None:
        """Find columns of which a greater share is null than in the version before, on the days that both have."""
        before = self._before(known)
        parts = self._parts_of(before, series) if before else []
        days = {part.start_ns for part in series.parts}
        both = days & {part.start_ns for part in parts}
        own = nulls.shares(self._config, series.set.schema, series.parts, both or days)
        other = nulls.shares(self._config, before.set.schema, parts, both) if before and both else {}
        for name, (count, share) in own.items():
            was = other.get(name)
            detail = f"v{before.version}: {was[1]:.1%}" if before and was else ""
            self._fact(series, "null_rate", name, share, detail)
            if before and was and share - was[1] > nulls.RISE:
                on = f"on {plural(len(both), 'day')} of both"
                said = f"{name} is null in {share:.1%} of rows, and in {was[1]:.1%} in v{before.version}, {on}"
                self._find(series, "null_rate", "", count, said)

    def _parts_of(self, other: Known, series: _Series) -> list[PartRow]:
        """Return the days of another version, for the same instrument, in the span of a series."""
        address = other.set.address(series.address.exchange, series.address.market, series.address.symbol)
        tally = self._census.tallies.get(address)
        if tally is None:
            return []
        return graph.parts(
            self._manifest, tally.id, series.parts[0].start_ns, series.parts[-1].end_ns, self.report.snapshot
        )

    def _before(self, known: Known) -> Known | None:
        versions = self._sets.versions(known.name)
        places = [place for place, each in enumerate(versions) if each.key == known.key]
        return versions[places[0] - 1] if places and places[0] else None


@dataclass(slots=True)
class _Series:
    """A series that is audited, with those of its partitions that are."""

    set: FeatureSet
    address: Address
    parts: Sequence[PartRow]
    labels: Mapping[str, PartRow] = field(init=False)

    def __post_init__(self) -> None:
        self.labels = {part.partition: part for part in self.parts}

    def rows_in(self, start_ns: int, end_ns: int) -> int:
        """Return how many rows the partitions have that lie in a range of whole days."""
        first = bisect_left(self.parts, start_ns, key=lambda part: part.start_ns)
        behind = bisect_left(self.parts, end_ns, key=lambda part: part.start_ns)
        return sum(part.rows for part in self.parts[first:behind])


@dataclass(slots=True)
class _Early:
    """Rows of one day that were known too early; times in microseconds."""

    count: int = 0
    before: int = 0
    most_us: int = 0
    examples: list[str] = field(default_factory=list)

    def add(self, ts: Times, known_at: Times, earliest: Times) -> None:
        self.count += len(ts)
        self.before += int((known_at < ts).sum())
        self.most_us = max(self.most_us, int((earliest - known_at).max()))
        for at in range(min(len(ts), EXAMPLES - len(self.examples))):
            stamp, known, complete_at = (
                np.datetime_as_string(np.datetime64(int(us), "us"), timezone="UTC")
                for us in (ts[at], known_at[at], earliest[at])
            )
            self.examples.append(f"ts {stamp} known at {known}, not before {complete_at}")


def _reach(feature_set: FeatureSet, upstream: Address) -> tuple[int, int]:
    """Return how far before its ts a row reads an input, and up to how far after it, in microseconds."""
    lookback = feature_set.serving.lookback_us
    if feature_set.serving.stamp == "open" or upstream.type != "bars":
        return lookback, max(feature_set.wait_us, 1)
    return lookback + (Period.parse(upstream.period).fixed_us or 31 * 86_400 * 10**6), 0


def _length(ns: int) -> str:
    """Return a length of time in the two largest units that it has."""
    minutes, seconds = divmod(ns // 10**9, 60)
    days, hours, minutes = minutes // 1440, minutes // 60 % 24, minutes % 60
    parts = [
        f"{count} {unit}" for count, unit in ((days, "d"), (hours, "h"), (minutes, "min"), (seconds, "s")) if count
    ]
    return " ".join(parts[:2]) or "less than a second"
