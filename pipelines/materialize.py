"""Making what is missing or stale: planned first, asset after asset, each partition by what makes it."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from lake import lineage
from lake.errors import Exit, LakeError
from lake.manifest import Manifest, Writer, failures, graph
from pipelines.layers import layers, sources
from schemas.keys import Address, Partition

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Sequence

    from lake.config import Config
    from pipelines.selection import Selection
    from schemas.assets import AssetSpec
    from schemas.graph import Registry
    from schemas.periods import Grain

Status = Literal["planned", "nothing", "done", "partial", "failed"]


@dataclass(frozen=True, slots=True)
class Planned:
    """A partition that is to be made, and why."""

    address: Address
    partition: str
    state: str
    """missing, stale or failed; `follows` for one that is up to date until what it is made from is made anew."""
    reasons: tuple[str, ...] = ()
    exact: bool = True
    """Whether it is known to follow, and not only one of the days that a longer partition may be of."""


@dataclass(frozen=True, slots=True)
class Failure:
    """A partition that could not be made; a whole series where no partition is named."""

    address: Address
    partition: str
    code: str
    message: str
    where: str
    exit: int


@dataclass(slots=True)
class MaterializeReport:
    """What was to be done, and what came of it; partitions are counted."""

    planned: list[Planned] = field(default_factory=list)
    built: int = 0
    """Stored anew."""
    unchanged: int = 0
    """Made anew, and found to be as stored."""
    failures: list[Failure] = field(default_factory=list)
    external: tuple[str, ...] = ()
    """Assets that were called by their keys, and whose rows are computed elsewhere: they were left out."""
    snapshot: int = 0
    status: Status = "nothing"


@dataclass(frozen=True, slots=True)
class Progress:
    """How far it is, in partitions."""

    done: int
    total: int
    at: str

    def __str__(self) -> str:
        return f"{self.done:,} of {self.total:,} partitions, {self.at}"


@dataclass(frozen=True, slots=True)
class MaterializeRequest:
    """What to make of a selection."""

    selection: Selection
    stale: bool = True
    missing: bool = True
    """What was tried and failed is missing or stale as well."""
    start_ns: int | None = None
    end_ns: int | None = None
    """Only partitions that lie in [start, end), in part or whole."""
    force: bool = False
    """Make anew what is up to date, too."""
    plan_only: bool = False
    jobs: int = 1
    """Upstream series that are worked on at the same time."""


def materialize(
    config: Config,
    registry: Registry,
    request: MaterializeRequest,
    *,
    progress: Callable[[Progress], None] = lambda _at: None,
) -> MaterializeReport:
    """Make what is missing or stale of the selected assets, each after what it is made from.

    What fails does not stop the rest: it is recorded, and named in the report. Whatever was committed stays, so that
    a run that was stopped goes on where it was when it is started again.

    Raises:
        LakeError: What concerns the whole lake: LOCKED, DISK_FULL, STORAGE, MANIFEST_DAMAGED.
    """
    job = _Job(config, registry, request, progress)
    for layer in layers(registry, request.selection.keys, job.made):
        job.work(layer)
    return job.finish()


@dataclass(slots=True)
class _Task:
    """What is made in one go: partitions of one series by its function, or of all that is aggregated from another."""

    source: Address
    works: list[Planned]
    spec: AssetSpec | None = None
    """Of the asset that a function makes."""

    def __str__(self) -> str:
        return str(self.works[0].address if self.spec else self.source)


class _Job:
    """Works off layer after layer, and counts."""

    def __init__(
        self, config: Config, registry: Registry, request: MaterializeRequest, progress: Callable[[Progress], None]
    ) -> None:
        self._config, self._registry, self._request, self._progress = config, registry, request, progress
        self._lock = threading.Lock()
        self._done = 0
        specs = [registry.resolve(key) for key in request.selection.named]
        self.report = MaterializeReport(external=tuple(spec.key for spec in specs if spec.made == "external"))
        with Manifest.open(config) as manifest:
            self.made = sources(manifest)

    def work(self, layer: Sequence[str]) -> None:
        """Plan a layer from what is stored by now, and make it."""
        with Manifest.open(self._config) as manifest:
            works = list(self._plan(manifest, layer))
            tasks = [] if self._request.plan_only else self._tasks(manifest, works)
        self.report.planned += works
        with ThreadPoolExecutor(max(1, self._request.jobs), thread_name_prefix="materialize") as pool:
            for error in [future.exception() for future in [pool.submit(self._run, task) for task in tasks]]:
                if error is not None:
                    raise error

    def finish(self) -> MaterializeReport:
        """Return the report."""
        report = self.report
        with Manifest.open(self._config) as manifest:
            report.snapshot = manifest.snapshot()
        if self._request.plan_only:
            report.status = "planned"
        elif report.failures:
            report.status = "partial" if report.built or report.unchanged else "failed"
        elif report.planned:
            report.status = "done"
        return report

    # ---- the plan

    def _plan(self, manifest: Manifest, layer: Sequence[str]) -> Iterator[Planned]:
        """Yield what is to be made of a layer, in the order of its assets, their series and time."""
        followers = self._followers(layer) if self._request.plan_only else {}
        for address, states in _states(manifest, self._registry, layer, self._request, followers):
            follows = followers.pop(address, {})
            for state in states:
                follower = follows.pop(state.partition, None)
                if self._is_wanted(state.state):
                    yield from self._selected(Planned(address, state.partition, state.state, state.reasons))
                elif follower is not None and state.state == "materialized" and self._request.stale:
                    yield from self._selected(follower)
            # What is not expected yet will be: of a month's bars nothing tells yet which days they are of.
            if self._request.missing:
                for each in follows.values():
                    yield from self._selected(each) if each.exact else ()
        for address, follows in followers.items():
            if self._request.missing and manifest.find(address) is None:
                for each in follows.values():
                    yield from self._selected(each)

    def _selected(self, planned: Planned) -> Iterator[Planned]:
        if self._is_selected(planned.address, Partition.parse(planned.partition)):
            yield planned

    def _is_wanted(self, state: str) -> bool:
        wanted = {"missing": self._request.missing, "stale": self._request.stale}
        return state == "failed" or wanted.get(state, False) or self._request.force

    def _is_selected(self, address: Address, partition: Partition) -> bool:
        start, end = self._request.start_ns, self._request.end_ns
        if (start is not None and partition.end_ns <= start) or (end is not None and partition.start_ns >= end):
            return False
        return self._request.selection.covers(address, partition.start_ns, partition.end_ns)

    def _followers(self, layer: Sequence[str]) -> dict[Address, dict[str, Planned]]:
        """Return what of a layer is made from partitions that are planned already, by series and partition."""
        found: dict[Address, dict[str, Planned]] = {}
        for key in layer:
            spec = self._registry.resolve(key)
            if spec.made != "derived":
                continue
            below: dict[Address, Address | None] = {}
            for work in self.report.planned:
                if work.address not in below:
                    other = lineage.beside(work.address, key)
                    below[work.address] = other if work.address in self._upstreams(other, spec) else None
                address = below[work.address]
                if address is None:
                    continue
                why = (f"{work.address.key} {work.partition} is made anew",)
                labels = _labels(Partition.parse(work.partition), spec.grain)
                for label in labels:
                    planned = Planned(address, label, "follows", why, exact=len(labels) == 1)
                    found.setdefault(address, {}).setdefault(label, planned)
        return found

    # ---- making

    def _tasks(self, manifest: Manifest, works: Iterable[Planned]) -> list[_Task]:
        tasks: dict[tuple[str, Address], _Task] = {}
        for work in works:
            spec = self._registry.resolve(work.address.key)
            if spec.make is not None:
                tasks.setdefault(("make", work.address), _Task(work.address, [], spec)).works.append(work)
                continue
            source = self._source(manifest, work.address, spec)
            tasks.setdefault(("aggregate", source), _Task(source, [])).works.append(work)
        return list(tasks.values())

    def _upstreams(self, address: Address, spec: AssetSpec) -> tuple[Address, ...]:
        """Return what a series is made from: what it was made from before, else what its asset says."""
        made = self.made.get(address) if spec.make is None else None
        return made or tuple(lineage.beside(address, name) for name in spec.upstreams)

    def _source(self, manifest: Manifest, address: Address, spec: AssetSpec) -> Address:
        """Return what a series is made from: what it was made from before, else what its asset says."""
        series = manifest.find(address)
        made = [] if series is None else graph.derivations(manifest, series.id)
        if made:
            return made[-1].upstream
        return Address.of(address.exchange, address.market, address.symbol, *spec.upstreams[0].split("/"))

    def _run(self, task: _Task) -> None:
        """Make what a task says; an error of its own is recorded, one of the whole lake is raised."""
        try:
            if task.spec is not None:
                self._make(task, task.spec)
            else:
                self._aggregate(task)
        except LakeError as error:
            if error.exit in _OF_THE_LAKE:
                raise
            self._fail(task, error)
        with self._lock:
            self._done += len(task.works)
        self._tell(0, task)

    def _make(self, task: _Task, spec: AssetSpec) -> None:
        from pipelines.making import make

        labels = [work.partition for work in task.works]
        made = make(self._config, spec, task.source, labels, progress=lambda done: self._tell(done, task))
        for each in made:
            if each.failure is None:
                self._count(same=each.same)
            else:
                self._note(task.source, each.partition, each.failure)

    def _aggregate(self, task: _Task) -> None:
        from lake.aggregate import AggregateRequest, aggregate

        keys = sorted({work.address.key for work in task.works})
        specs = {key: self._registry.resolve(key) for key in keys}
        request = AggregateRequest(
            task.source,
            tuple(key.partition("/")[2] for key in keys),
            only=frozenset((work.address.key, work.partition) for work in task.works),
            force=self._request.force,
            code_versions={key: spec.code_version for key, spec in specs.items()},
            checks={key: spec.checks for key, spec in specs.items()},
        )
        report = aggregate(self._config, request, progress=lambda at: self._tell(at.partitions_done, task))
        with self._lock:
            self.report.built += sum(target.built for target in report.targets)
            self.report.unchanged += sum(target.unchanged for target in report.targets)

    # ---- counting

    def _tell(self, done: int, task: _Task) -> None:
        self._progress(Progress(self._done + done, len(self.report.planned), str(task)))

    def _count(self, *, same: bool) -> None:
        with self._lock:
            if same:
                self.report.unchanged += 1
            else:
                self.report.built += 1

    def _note(self, address: Address, partition: str, error: LakeError) -> None:
        failure = Failure(address, partition, error.code, error.message, error.where, int(error.exit))
        with self._lock:
            self.report.failures.append(failure)

    def _fail(self, task: _Task, error: LakeError) -> None:
        """Record a task that failed: by the partitions that the engine named, else with all of them."""
        with Manifest.open(self._config) as manifest:
            named = {
                (row.address, row.partition): row
                for row in failures.failures(manifest)
                if error.code == row.code and error.code == "E_CHECK"
            }
        works = {(work.address, work.partition) for work in task.works}
        found = [row for place, row in named.items() if place in works]
        for row in found:
            self._note(row.address, row.partition, LakeError(row.code.removeprefix("E_"), row.message))
        with self._lock:
            self.report.built += len(works) - len(found) if found else 0
        if not found:
            self._record(task, error)

    def _record(self, task: _Task, error: LakeError) -> None:
        places = [(work.address, work.partition, error.code, error.message) for work in task.works]
        with Writer(self._config) as writer:
            run_id = writer.start_run("materialize", f"materialize {task}")
            writer.record_failures(run_id, places)
            writer.end_run(run_id, "failed", {"code": error.code, "message": error.message, "where": error.where})
        for work in task.works:
            self._note(work.address, work.partition, error)


_OF_THE_LAKE = {Exit.LOCKED, Exit.STORAGE, Exit.UNEXPECTED, Exit.NOT_INITIALISED}
"""Errors that the next series would meet as well."""


def _states(
    manifest: Manifest,
    registry: Registry,
    layer: Sequence[str],
    request: MaterializeRequest,
    followers: Collection[Address],
) -> Iterator[tuple[Address, list[lineage.PartitionState]]]:
    """Yield the series of a layer that the lake makes, with their partitions where some may have to be made."""
    chosen = request.selection
    rows = lineage.status(manifest, registry, now_ns=None, fits=lambda each: each.key in layer and chosen.fits(each))
    counted = lineage.census(manifest)
    for row in rows:
        if row.made == "derived":
            wanted = row.missing or row.stale or row.failed or request.force or row.address in followers
            states = lineage.partition_states(manifest, registry, row.address, counted) if wanted else []
            yield row.address, states


def _labels(partition: Partition, grain: Grain) -> list[str]:
    """Return the partitions of a grain that a partition lies in, or that lie in it."""
    labels: dict[str, None] = {}
    day = partition.day
    while day < partition.end_day:
        each = lineage.containing(day, grain)
        labels[each.label] = None
        day = each.end_day
    return list(labels)
