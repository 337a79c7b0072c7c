"""Which partitions a derived series should have: those that the rows of its upstreams fall into.

Where a partition is cut by the calendar alone, days tell; where a bucket can begin in the partition before the one its
rows lie in (a week at the turn of the year, seven minutes at midnight), the first and the last row tell. Sessions are
not known here: of a series that was cut by them, what lies outside all ranges it was made from is missing.
"""

from __future__ import annotations

import datetime as dt
from bisect import bisect_right
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from schemas.keys import DAY_US, Partition

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from lake.manifest.census import View
    from schemas.assets import AssetSpec
    from schemas.periods import Grain, Period

_EPOCH = dt.date(1970, 1, 1)
_MONTHS = 12


@dataclass(frozen=True, slots=True)
class Cut:
    """How an asset's rows fall into its partitions: by the buckets of a period, or each by its own time."""

    grain: Grain
    period: Period | None = None

    @classmethod
    def of(cls, spec: AssetSpec) -> Cut:
        """Return how the lake's own aggregation cuts bars; what a function makes, it makes partition by partition."""
        period = spec.period if spec.make is None else None
        cut = cls(spec.grain, period)
        return cut if cut.reaches_back else cls(spec.grain)

    @property
    def reaches_back(self) -> bool:
        """Whether a bucket can begin in the partition before the one that its rows lie in."""
        period = self.period
        if period is None:
            return False
        if self.grain != "year":
            return not period.splits_days
        return not (_MONTHS % period.n == 0 if period.unit == "mo" else (period.n, period.unit) == (1, "d"))

    def partition(self, at_ns: int) -> Partition:
        """Return the partition that a row of an upstream falls into."""
        at_us = at_ns // 1000
        start = at_us if self.period is None else self.period.bucket_start_us(at_us)
        return containing(start // DAY_US, self.grain)


def containing(day: int, grain: Grain) -> Partition:
    """Return the partition of a grain that a day, in days since 1970-01-01, lies in."""
    if grain == "day":
        return Partition(day, grain)
    date = _EPOCH + dt.timedelta(days=day)
    first = date.replace(day=1) if grain == "month" else date.replace(month=1, day=1)
    return Partition((first - _EPOCH).days, grain)


@dataclass(slots=True)
class Expectation:
    """Finds what is expected; remembers it for the many assets that are cut alike from one series."""

    view: View
    _known: dict[tuple[int, Cut], tuple[Partition, ...]] = field(default_factory=dict)

    def partitions(self, upstreams: Iterable[int], cut: Cut) -> tuple[Partition, ...]:
        """Return the partitions that all of the upstreams, by their ids, have rows for."""
        first, *others = (self._of_one(upstream, cut) for upstream in upstreams)
        kept = set(first).intersection(*others) if others else None
        return first if kept is None else tuple(each for each in first if each in kept)

    def _of_one(self, upstream: int, cut: Cut) -> tuple[Partition, ...]:
        if (upstream, cut) not in self._known:
            self._known[upstream, cut] = tuple(dict.fromkeys(self._walk(upstream, cut)))
        return self._known[upstream, cut]

    def _walk(self, upstream: int, cut: Cut) -> Iterator[Partition]:
        """Yield the expected partitions in order; what lies in one found already is skipped unread."""
        day = -(2**31)
        while (span := self.view.next(upstream, day)) is not None:
            partition, last = cut.partition(span.first_ns), cut.partition(span.last_ns)
            yield partition
            while partition.day < last.day:
                # Which of them an upstream's longer partition has rows for, nothing tells.
                partition = containing(partition.end_day, cut.grain)
                yield partition
            day = max(span.end_day, last.end_day)

    def missing(self, upstreams: Iterable[int], cut: Cut, series: int | None) -> list[Partition]:
        """Return the expected partitions that were never made of a series, or not since its rows went."""
        sources = tuple(upstreams)
        if series is None:
            return list(self.partitions(sources, cut))
        if self.view.recipe(series):
            return self._outside(sources, cut, series)
        derived = self.view.derived(series)
        return [partition for partition in self.partitions(sources, cut) if partition.day not in derived]

    def _outside(self, upstreams: tuple[int, ...], cut: Cut, series: int) -> list[Partition]:
        """Return the partitions of what no partition of the series was made from."""
        ranges = self.view.ranges(series)
        starts = [start for start, _ in ranges]
        derived = self.view.derived(series)
        found: dict[Partition, None] = {}

        def covered_to(at_ns: int) -> int | None:
            place = bisect_right(starts, at_ns) - 1
            return ranges[place][1] if place >= 0 and at_ns < ranges[place][1] else None

        for upstream in upstreams:
            day = -(2**31)
            while (span := self.view.next(upstream, day)) is not None:
                for at_ns in (span.first_ns, span.last_ns):
                    if covered_to(at_ns) is None:
                        found[_not_of(cut.partition(at_ns), derived)] = None
                reach = covered_to(span.last_ns)
                day = span.end_day if reach is None else max(span.end_day, reach // (DAY_US * 1000))
        return list(found)


def _not_of(partition: Partition, derived: set[int]) -> Partition:
    """Return the partition; the one before where it is made already, for then a session began in that one."""
    return containing(partition.day - 1, partition.grain) if partition.day in derived else partition
