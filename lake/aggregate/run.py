"""The aggregation: plan, one pass over the source, commits in batches; again for what another run changed."""

from __future__ import annotations

import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pyarrow as pa

from lake import space
from lake import write as writing
from lake.aggregate.building import Builder, Built
from lake.aggregate.kernel import Cascade
from lake.aggregate.model import AggregateReport, Progress, TargetReport
from lake.aggregate.plan import plan
from lake.aggregate.reading import PIECE_ROWS, Range
from lake.aggregate.rows import Bars, Quotes, Trades
from lake.declared import schema_of
from lake.errors import LakeError
from lake.manifest import Manifest, Writer
from lake.manifest.rows import Change, Conflict, Instrument, NewDerivation
from lake.places import Places
from lake.staging import Staging
from schemas.bars import BARS
from schemas.periods import Period

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Executor, Future

    from lake.aggregate.kernel import Block
    from lake.aggregate.model import AggregateRequest, Status
    from lake.aggregate.plan import Goal, Plan
    from lake.aggregate.rows import Source
    from lake.config import Config
    from lake.files import StagedFile
    from lake.manifest.graph import PartRow
    from lake.manifest.rows import FileRow
    from schemas.keys import Address

COMMIT_PARTITIONS = 400
_STAGED_AHEAD = 6
"""Partitions, of all targets together, that may wait to be written while more are made."""


def aggregate(
    config: Config, request: AggregateRequest, *, progress: Callable[[Progress], None] | None = None
) -> AggregateReport:
    """Make coarser bars of a series: what is missing or out of date, and nothing else.

    Partitions are committed some hundreds at a time; a run that dies leaves whole ones, and the next goes on there.

    Raises:
        LakeError: UNKNOWN_SERIES, PERIOD, USAGE, MISSING_EXTRA; DERIVED when a target's rows came in another way, or
            its days were cut in another; CHECK when partitions failed theirs, after all others are stored; LOCKED,
            FILE_DAMAGED, DISK_FULL, STORAGE.
    """
    with Manifest.open(config) as manifest:
        first = plan(manifest, request)
    tally = _Tally(first)
    if request.dry_run or not first.works:
        status: Status = "dry_run" if request.dry_run else "unchanged"
        return tally.report(request.address, first.snapshot, None, status)
    space.require(config, first.room, f"the aggregation of {request.address}")
    command = f"aggregate {request.address} --to {','.join(request.to)}"
    with Writer(config) as writer, writing.run(writer, "aggregate", command) as run_id:
        staging = Staging(config.data, run_id)
        try:
            with ThreadPoolExecutor(config.threads, thread_name_prefix="aggregate") as pool:
                job = _Run(config, request, writer, run_id, staging, pool, progress or (lambda _: None))
                job.finish(first, tally)
        finally:
            staging.close()
        tally.refuse_failures()
        writer.end_run(run_id, "ok")
    with Manifest.open(config) as manifest:
        return tally.report(request.address, job.snapshot or manifest.snapshot(), run_id, "committed")


class _Tally:
    """Counts what became of the partitions."""

    def __init__(self, first: Plan) -> None:
        self.goals = {goal.target.address: goal for goal in first.goals}
        self.planned = {address: len(goal.works) for address, goal in self.goals.items()}
        self.built: Counter[Address] = Counter()
        self.same: Counter[Address] = Counter()
        self.rows: Counter[Address] = Counter()
        self.outside: Counter[Address] = Counter()
        self.failures: dict[tuple[Address, str], LakeError] = {}
        self.rows_in = 0

    def stored(self, built: Built) -> None:
        """Count a partition that was committed."""
        address = built.work.target.address
        if built.same:
            self.same[address] += 1
        else:
            self.built[address] += 1
            self.rows[address] += built.rows

    def refuse_failures(self) -> None:
        """Raise when a partition was not stored because a check failed."""
        if not self.failures:
            return
        (address, label), error = next(iter(self.failures.items()))
        others = len(self.failures) - 1
        more = f" and {others} more" if others else ""
        raise LakeError("CHECK", f"{address} {label}{more} not stored: {error.message}", where=f"{address} {label}")

    def report(self, source: Address, snapshot: int, run: str | None, status: Status) -> AggregateReport:
        """Return what is said at the end."""
        failed = Counter(address for address, _ in self.failures)
        dry = status == "dry_run"
        targets = tuple(
            TargetReport(
                address,
                self.planned[address] if dry else self.built[address],
                self.same[address],
                goal.current,
                failed[address],
                self.rows[address],
                goal.withheld_ns,
                self.outside[address],
            )
            for address, goal in self.goals.items()
        )
        return AggregateReport(source, targets, self.rows_in, snapshot, run, status)


@dataclass(slots=True)
class _Run:
    """One run: passes until nothing is left to do."""

    config: Config
    request: AggregateRequest
    writer: Writer
    run_id: str
    staging: Staging
    pool: Executor
    progress: Callable[[Progress], None]
    snapshot: int = 0

    def finish(self, found: Plan, tally: _Tally) -> None:
        """Work a plan off; plan again when another writer was first.

        Raises:
            LakeError: LOCKED when others kept changing the same partitions.
        """
        deadline = time.monotonic() + self.config.wait_s
        while True:
            work = _Pass(self, found, tally)
            work.execute()
            self.snapshot = work.snapshot or self.snapshot
            if not work.lost:
                return
            if time.monotonic() > deadline:
                raise LakeError("LOCKED", "other writers kept changing the same partitions", where=str(work.lost[0]))
            with Manifest.open(self.config) as manifest:
                found = plan(manifest, self.request)
            for goal in found.goals:
                failed = {label for address, label in tally.failures if address == goal.target.address}
                goal.works = [each for each in goal.works if each.partition.label not in failed]


@dataclass(slots=True)
class _Pass:
    """One pass over the source."""

    run: _Run
    plan: Plan
    tally: _Tally
    builders: dict[str, Builder] = field(default_factory=dict)
    ready: list[Built] = field(default_factory=list)
    lost: list[Conflict] = field(default_factory=list)
    snapshot: int = 0
    _done: int = 0

    def execute(self) -> None:
        """Read, make, stage, commit."""
        goals = {str(goal.target.address): goal for goal in self.plan.goals if goal.works}
        for name, goal in goals.items():
            self.builders[name] = self._builder(goal)
        spans = self.plan.segments()
        total = sum(part.rows for start, end in spans for part in self._parts(start, end))
        seen = 0
        for start, end in spans:
            makers = self._makers(goals)
            columns = list(dict.fromkeys(name for source, _ in makers for name in source.columns))
            files = list({part.file.id: part.file for part in self._parts(start, end)}.values())
            source_schema = schema_of(self.run.config, self.run.request.address.key)
            stored = Range(Places(self.run.config), source_schema, columns, files, (start, end))
            for table in stored.tables(self.run.pool):
                for at in range(0, table.num_rows, PIECE_ROWS):
                    piece = table.slice(at, PIECE_ROWS)
                    for source, cascade in makers:
                        cascade.add(source.block(piece))
                seen += table.num_rows
                pa.default_memory_pool().release_unused()  # what many threads had for a moment adds up
                self._collect(_STAGED_AHEAD)
                self._tell(seen, total)
            for _, cascade in makers:
                cascade.end()
                for name, count in cascade.outside.items():
                    self.tally.outside[goals[name].target.address] += count
        self.tally.rows_in += seen
        for builder in self.builders.values():
            builder.end()
        self._collect(0)
        self._commit(everything=True)
        self._tell(seen, total)

    def _parts(self, start_ns: int, end_ns: int) -> list[PartRow]:
        return [part for part in self.plan.parts if part.start_ns < end_ns and part.end_ns > start_ns]

    def _builder(self, goal: Goal) -> Builder:
        return Builder(
            goal.works,
            staging=self.run.staging,
            run_id=self.run.run_id,
            pool=self.run.pool,
            checks=self.run.request.checks.get(goal.target.address.key, ()),
            waive=self.plan.series.price_may_be_negative,
        )

    def _makers(self, goals: dict[str, Goal]) -> list[tuple[Source, Cascade]]:
        """Return what turns rows into blocks, with the cascade these go through; one a side of quotes."""
        key = self.run.request.address.key
        if key == "ticks/quote":
            sides = sorted({Period.parse(goal.target.address.period).side for goal in goals.values()})
            return [(Quotes(side), self._cascade(goals, side)) for side in sides]
        return [(Trades() if key == "ticks/trade" else Bars(), self._cascade(goals))]

    def _cascade(self, goals: dict[str, Goal], side: str | None = None) -> Cascade:
        targets = [(name, goal.target.buckets) for name, goal in goals.items()]
        if side is not None:
            targets = [(name, buckets) for name, buckets in targets if buckets.period.side == side]
        return Cascade(targets, self._emit)

    def _emit(self, name: str, block: Block) -> None:
        self.builders[name].add(block)

    def _tell(self, seen: int, total: int) -> None:
        address, works = self.run.request.address, len(self.plan.works)
        self.run.progress(Progress(address, min(seen, total), total, self._done, works))

    # ---- commits

    def _collect(self, ahead: int) -> None:
        """Take over what is staged, waiting until no more than `ahead` partitions are under way."""
        under_way = sum(len(builder.done) for builder in self.builders.values())
        for builder in self.builders.values():
            futures: list[Future[Built]] = builder.done
            while futures and (under_way > ahead or futures[0].done()):
                self.ready.append(futures.pop(0).result())
                under_way -= 1
        if len(self.ready) >= COMMIT_PARTITIONS:
            self._commit(everything=False)

    def _commit(self, *, everything: bool) -> None:
        """Commit what is ready; partitions of one sealed file go together."""
        together = Counter(work.live.id for work in self.plan.works if work.live is not None)
        here = Counter(built.work.live.id for built in self.ready if built.work.live is not None)
        spoilt = {b.work.live.id for b in self.ready if b.failure is not None and b.work.live is not None}
        batch, later, failed = [], [], []
        for built in self.ready:
            live = built.work.live
            if live is not None and here[live.id] < together[live.id] and not everything:
                later.append(built)
            elif built.failure is not None:
                failed.append(built)
            elif live is not None and live.id in spoilt:
                built.failure = LakeError("CHECK", "another day of the same sealed file failed", where=live.path)
                failed.append(built)
            else:
                batch.append(built)
        self.ready = later
        self._fail(failed)
        if batch:
            self._swap(batch)

    def _fail(self, failed: list[Built]) -> None:
        found = []
        for built in failed:
            address, label = built.work.target.address, built.work.partition.label
            if built.failure is not None:
                self.tally.failures[address, label] = built.failure
                found.append((address, label, built.failure.code, built.failure.message))
        if found:
            self.run.writer.record_failures(self.run.run_id, found)

    def _swap(self, batch: list[Built]) -> None:
        change = Change(self.run.run_id, "aggregate", message=f"from {self.run.request.address}")
        staged, gone = self._fill(change, batch)
        try:
            self.snapshot = writing.swap(self.run.config, self.run.writer, change, staged, gone)
        except Conflict as lost:
            self.lost.append(lost)
            return
        self._done += len(batch)
        for built in batch:
            self.tally.stored(built)

    def _fill(self, change: Change, batch: list[Built]) -> tuple[list[StagedFile], list[FileRow]]:
        """Say in the change what the batch does; return the files it brings and those that go."""
        staged: list[StagedFile] = []
        gone: dict[int, FileRow] = {}
        changed = {b.work.live.id for b in batch if b.work.live is not None and not b.same}
        for built in batch:
            work, live = built.work, built.work.live
            address, label = work.target.address, work.partition.label
            change.expected.append((address, label, None if live is None else live.id))
            change.instruments.setdefault(address, self._instrument(work.target.zone))
            change.derivations.append(self._derivation(built))
            change.checks += built.checks
            if live is not None and live.id in changed:
                gone[live.id] = live
            if built.staged is None or (live is not None and live.id not in changed):
                continue
            change.files.append(writing.new_file(built.staged, BARS.version, replaces=live))
            staged.append(built.staged)
        followed = {file.replaces for file in change.files}
        change.removed = [file_id for file_id in gone if file_id not in followed]
        return staged, list(gone.values())

    def _derivation(self, built: Built) -> NewDerivation:
        work = built.work
        return NewDerivation(
            work.target.address,
            work.partition.label,
            self.run.request.address,
            work.start_ns,
            work.end_ns,
            work.inputs,
            work.target.code_version,
            BARS.version,
            work.target.recipe,
            work.withheld_ns,
        )

    def _instrument(self, zone: str) -> Instrument:
        series = self.plan.series
        return Instrument(
            vendor_symbol=series.vendor_symbol,
            tick_size=series.tick_size,
            price_may_be_negative=series.price_may_be_negative,
            time_zone=zone,
        )
