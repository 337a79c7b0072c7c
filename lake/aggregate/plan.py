"""Which partitions of the targets are to be made, and what of the source each of them needs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from lake import layout
from lake.aggregate.buckets import OUTSIDE
from lake.aggregate.coverage import covered_to
from lake.aggregate.targets import Cutter, target_addresses
from lake.errors import LakeError
from lake.lookup import near_series
from lake.manifest import graph
from schemas.bars import BARS
from schemas.keys import DAY_US, Partition
from schemas.periods import Period

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lake.aggregate.kernel import Times
    from lake.aggregate.model import AggregateRequest
    from lake.aggregate.targets import Target
    from lake.manifest import Manifest, SeriesRow
    from lake.manifest.graph import DerivationRow, PartRow
    from lake.manifest.rows import FileRow
    from schemas.keys import Address


_MONTH_US = 28 * DAY_US
_BAR_BYTES = 100
"""What a stored bar takes at most; measured: 24 to 60."""
_FILE_BYTES = 8_000


@dataclass(frozen=True, slots=True)
class Work:
    """One partition to be made: from which rows, and what it holds now."""

    target: Target
    partition: Partition
    start_ns: int
    end_ns: int
    inputs: str
    upstreams: tuple[int, ...]
    """Ids of the files its rows are in."""
    withheld_ns: int | None
    """End of the bucket in it that is left out."""
    live: FileRow | None
    """The file that holds it now, which may be a sealed one around it."""
    content: str | None
    """Content hash of what is stored of it now."""


@dataclass(slots=True)
class Goal:
    """One target with what is to be done of it."""

    target: Target
    works: list[Work] = field(default_factory=list)
    current: int = 0
    withheld_ns: int | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """What a pass is to do, from one snapshot."""

    series: SeriesRow
    parts: list[PartRow]
    goals: list[Goal]
    snapshot: int

    @property
    def works(self) -> list[Work]:
        """All that is to be made."""
        return [work for goal in self.goals for work in goal.works]

    @property
    def room(self) -> int:
        """How many bytes what is to be made may take: of each target no more than of its source."""
        sizes = {part.file.id: part.file.bytes for part in self.parts}
        need = 0
        for goal in self.goals:
            length_us = Period.parse(goal.target.address.period).fixed_us or _MONTH_US
            most = sum((work.end_ns - work.start_ns) // (length_us * 1000) * _BAR_BYTES for work in goal.works)
            sources = {file_id for work in goal.works for file_id in work.upstreams}
            need += min(most, sum(sizes.get(file_id, 0) for file_id in sources)) + len(goal.works) * _FILE_BYTES
        return need

    def segments(self) -> list[tuple[int, int]]:
        """Return the ranges of the source to be read, in order; none touches another."""
        joined: list[tuple[int, int]] = []
        for start, end in sorted({(work.start_ns, work.end_ns) for work in self.works}):
            if joined and start <= joined[-1][1]:
                joined[-1] = joined[-1][0], max(joined[-1][1], end)
            else:
                joined.append((start, end))
        return joined


def plan(manifest: Manifest, request: AggregateRequest) -> Plan:
    """Find what is missing or out of date.

    Raises:
        LakeError: UNKNOWN_SERIES, PERIOD, USAGE, DERIVED, MISSING_EXTRA.
    """
    addresses = target_addresses(request.address, request.to)
    snapshot = manifest.snapshot()
    series = manifest.find(request.address)
    parts = [] if series is None else graph.parts(manifest, series.id, None, None, snapshot)
    if series is None or not parts:
        stored = [row.address for row in manifest.series()]
        near = near_series(stored, request.address.symbol, request.address.key)
        raise LakeError("UNKNOWN_SERIES", f"{request.address} is not in the lake", why=near)
    last_ns = parts[-1].last_ns
    cutter = Cutter(manifest, request, parts[0].first_ns // 1000, last_ns // 1000)
    targets = [cutter.target(address) for address in addresses]
    covered = covered_to(manifest, series, last_ns, cutter.source(), request.complete_to_ns)
    inputs = _Inputs(parts)
    goals = [_Planner(manifest, request, target, inputs, covered).goal() for target in targets]
    return Plan(series, parts, goals, snapshot)


class _Inputs:
    """The natural partitions of the source, by time."""

    def __init__(self, parts: list[PartRow]) -> None:
        self.parts = parts
        self._starts = np.array([part.start_ns for part in parts], np.int64)
        self._ends = np.array([part.end_ns for part in parts], np.int64)
        self.first_us: Times = np.array([part.first_ns // 1000 for part in parts], np.int64)
        self.last_us: Times = np.array([part.last_ns // 1000 for part in parts], np.int64)

    def between(self, start_ns: int, end_ns: int) -> list[PartRow]:
        """Return the partitions that have a time of [start, end)."""
        low = int(np.searchsorted(self._ends, start_ns, side="right"))
        return self.parts[low : int(np.searchsorted(self._starts, end_ns))]


class _Planner:
    """Plans one target."""

    def __init__(
        self, manifest: Manifest, request: AggregateRequest, target: Target, inputs: _Inputs, covered_ns: int
    ) -> None:
        self._request, self._target, self._inputs = request, target, inputs
        series = manifest.find(target.address)
        held = [] if series is None else graph.parts(manifest, series.id, None, None)
        made = [] if series is None else graph.derivations(manifest, series.id)
        self._held = {part.partition: part for part in held}
        self._made: dict[str, DerivationRow] = {row.partition: row for row in made}
        _refuse_mixture(request.address, target, held, made)
        # What is stored was complete when it was stored, whoever said so.
        stored = [int(target.buckets.ends(np.array([held[-1].last_ns // 1000]))[0]) * 1000] if held else []
        self._covered = max([covered_ns, *stored])

    def goal(self) -> Goal:
        """Return what is to be done."""
        goal = Goal(self._target)
        withheld_in, withheld_ns = self._withheld()
        wanted: dict[Partition, Work] = {}
        for partition in self._partitions():
            work = self._work(partition, withheld_ns if partition == withheld_in else None)
            if work is None:
                continue
            if partition == withheld_in:
                goal.withheld_ns = withheld_ns
            if self._asked_for(partition) and (self._request.force or self._is_out_of_date(work)):
                wanted[partition] = work
            else:
                goal.current += 1
        goal.works = self._with_sealed(wanted)
        goal.current -= len(goal.works) - len(wanted)
        return goal

    def _partitions(self) -> list[Partition]:
        """Return the partitions that rows of the source fall into, and those that have been made."""
        grain = self._target.address.grain
        days: set[int] = set()
        for times in (self._inputs.first_us, self._inputs.last_us):
            starts = self._target.buckets.starts(times)
            starts = np.where(starts == OUTSIDE, times, starts)
            days |= set(layout.partition_days(starts, DAY_US, grain).tolist())
        found = {Partition(day, grain) for day in days}
        return sorted(found | {Partition.parse(label) for label in (*self._made, *self._held)})

    def _work(self, partition: Partition, withheld_ns: int | None) -> Work | None:
        """Return what making a partition takes; None for one in which no bucket begins."""
        ceiling = self._target.buckets.ceiling
        start, end = (ceiling(ns // 1000) * 1000 for ns in (partition.start_ns, partition.end_ns))
        if start >= end:
            return None
        parts = self._inputs.between(start, end)
        held = self._held.get(partition.label)
        return Work(
            self._target,
            partition,
            start,
            end,
            graph.inputs(parts),
            tuple(dict.fromkeys(part.file.id for part in parts)),
            withheld_ns,
            None if held is None else held.file,
            None if held is None else held.content_hash,
        )

    def _is_out_of_date(self, work: Work) -> bool:
        made = self._made.get(work.partition.label)
        if made is None:
            return True
        return (
            (made.inputs, made.start_ns, made.end_ns) != (work.inputs, work.start_ns, work.end_ns)
            or (made.code_version, made.schema_version) != (self._target.code_version, BARS.version)
            or made.recipe != self._target.recipe
            or made.withheld_ns != work.withheld_ns
        )

    def _withheld(self) -> tuple[Partition | None, int | None]:
        """Return the partition and the end of the bucket that is left out, if one is: only the last one can be."""
        buckets = self._target.buckets
        starts = buckets.begun(self._inputs.last_us[-1:])
        if starts[0] == OUTSIDE:
            return None, None
        end = int(buckets.ends(starts)[0]) * 1000
        if end <= self._covered:
            return None, None
        grain = self._target.address.grain
        return Partition(int(layout.partition_days(starts, DAY_US, grain)[0]), grain), end

    def _asked_for(self, partition: Partition) -> bool:
        request = self._request
        if request.only is not None and (self._target.address.key, partition.label) not in request.only:
            return False
        return (request.start_ns is None or partition.end_ns > request.start_ns) and (
            request.end_ns is None or partition.start_ns < request.end_ns
        )

    def _with_sealed(self, wanted: dict[Partition, Work]) -> list[Work]:
        """Add the days that share a sealed file with one to be made: the file is replaced whole."""
        sealed = {
            work.live.id
            for partition, work in wanted.items()
            if work.live is not None and work.live.partition != partition.label
        }
        for label, part in self._held.items():
            partition = Partition.parse(label)
            if part.file.id in sealed and partition not in wanted:
                made = self._made.get(label)
                work = self._work(partition, None if made is None else made.withheld_ns)
                if work is not None:
                    wanted[partition] = work
        return [wanted[partition] for partition in sorted(wanted)]


def _refuse_mixture(source: Address, target: Target, held: Iterable[PartRow], made: Iterable[DerivationRow]) -> None:
    """Refuse to make rows anew that came in another way."""
    others = {row.upstream for row in made} - {source}
    if others:
        raise LakeError(
            "DERIVED",
            f"{target.address} is made from {others.pop().key}, not from {source.key}",
            where=str(target.address),
        )
    ingested = {part.partition for part in held} - {row.partition for row in made}
    if ingested:
        raise LakeError(
            "DERIVED",
            f"{target.address} was ingested or written; it cannot be made from {source.key}",
            where=min(ingested),
        )
