"""Missing rows as runs of equal steps, and cutting them by spans of time."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from schemas.calendars import Span
    from schemas.periods import Period


@dataclass(frozen=True, slots=True)
class Run:
    """Missing steps one after the other: `count` of them from `start_ns` on.

    For events, which have no period, a step is a nanosecond.
    """

    start_ns: int
    step_ns: int
    count: int

    @property
    def end_ns(self) -> int:
        """Where the last step ends."""
        return self.start_ns + self.count * self.step_ns

    def part(self, first: int, stop: int) -> Run:
        """Return the steps from one number up to another."""
        return Run(self.start_ns + first * self.step_ns, self.step_ns, stop - first)


def cut(run: Run, spans: Sequence[Span]) -> Iterator[tuple[Run, int | None]]:
    """Yield a run in pieces: each with the place of the first span that its steps touch, or None.

    Args:
        run: The run.
        spans: Half-open, in order, apart from each other.
    """
    at = 0
    place = max(0, bisect_right(spans, (run.start_ns, run.start_ns)) - 1)
    while place < len(spans) and at < run.count:
        start, end = spans[place]
        if start >= run.end_ns:
            break
        first = max(at, (start - run.start_ns) // run.step_ns)
        stop = min(run.count, -((run.start_ns - end) // run.step_ns))
        if stop > first:
            if first > at:
                yield run.part(at, first), None
            yield run.part(first, stop), place
            at = stop
        place += 1
    if at < run.count:
        yield run.part(at, run.count), None


def between(period: Period | None, last_ns: int, next_ns: int) -> Iterator[Run]:
    """Yield the runs that are missing between two rows that follow each other.

    Bars of a day and more may be labelled an hour off, where the clocks change: what counts is the nearest label.
    """
    if period is None:
        if next_ns > last_ns:
            yield Run(last_ns, 1, next_ns - last_ns)
        return
    step = period.fixed_us
    if step is None:
        yield from _months(period, period.later_us(last_ns // 1000) * 1000, next_ns)
        return
    step_ns = step * 1000
    steps = next_ns - last_ns
    count = (steps + step_ns // 2) // step_ns - 1 if period.grid_us is None else (steps - 1) // step_ns
    if count > 0:
        yield Run(last_ns + step_ns, step_ns, count)


def _months(period: Period, from_ns: int, next_ns: int) -> Iterator[Run]:
    # A label up to half a month early or late is that of its month.
    while from_ns < next_ns:
        later = period.later_us(from_ns // 1000) * 1000
        if next_ns - from_ns <= (later - from_ns) // 2:
            return
        yield Run(from_ns, later - from_ns, 1)
        from_ns = later


def before(period: Period | None, start_ns: int, first_ns: int) -> Iterator[Run]:
    """Yield the runs that are missing from the start of a range up to its first row."""
    if period is None:
        if first_ns > start_ns:
            yield Run(start_ns, 1, first_ns - start_ns)
    elif period.fixed_us is None:
        bucket = period.bucket_start_us(start_ns // 1000) * 1000
        from_ns = bucket if bucket >= start_ns else period.later_us(bucket // 1000) * 1000
        yield from _months(period, from_ns, first_ns)
    else:
        step_ns = period.fixed_us * 1000
        count = (first_ns - start_ns) // step_ns
        if count > 0:
            yield Run(first_ns - count * step_ns, step_ns, count)


def after(period: Period | None, last_ns: int, end_ns: int) -> Iterator[Run]:
    """Yield the runs that are missing from the last row up to the end of a range."""
    if period is None:
        if end_ns > last_ns:
            yield Run(last_ns, 1, end_ns - last_ns)
    elif period.fixed_us is None:
        yield from _months(period, period.later_us(last_ns // 1000) * 1000, end_ns)
    else:
        step_ns = period.fixed_us * 1000
        count = -((last_ns - end_ns) // step_ns) - 1
        if count > 0:
            yield Run(last_ns + step_ns, step_ns, count)


def within(period: Period | None, start_ns: int, end_ns: int) -> Iterator[Run]:
    """Yield the runs of a range in which there is no row at all."""
    if period is None:
        yield Run(start_ns, 1, end_ns - start_ns)
        return
    first = period.bucket_start_us(start_ns // 1000) * 1000
    if first < start_ns:
        first = period.later_us(first // 1000) * 1000
    if first < end_ns:
        step_ns = (period.later_us(first // 1000)) * 1000 - first
        if period.fixed_us is None:
            yield from _months(period, first, end_ns)
        else:
            yield Run(first, step_ns, -((first - end_ns) // step_ns))
