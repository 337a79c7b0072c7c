"""Finding where rows are missing: from the manifest where it proves that none is, else from the times of the rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lake.gaps.runs import after, before, between, within
from lake.manifest import graph
from schemas.periods import Period

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from lake.config import Config
    from lake.gaps.runs import Run
    from lake.manifest import Manifest, PartRow
    from schemas.keys import Address


@dataclass(frozen=True, slots=True)
class Walk:
    """One series at a snapshot."""

    config: Config
    manifest: Manifest
    address: Address
    series_id: int
    snapshot: int
    least_ns: int
    """Of events: the shortest time without any that matters."""

    @property
    def period(self) -> Period | None:
        """How long its bars are; None for what is no bar."""
        return Period.parse(self.address.period) if self.address.type == "bars" else None

    def parts(self, start_ns: int | None, end_ns: int | None) -> list[PartRow]:
        """Return its partitions in a range."""
        return graph.parts(self.manifest, self.series_id, start_ns, end_ns, self.snapshot)

    def ends(self) -> tuple[int, int] | None:
        """Return when its first row begins and its last one ends; None without rows."""
        parts = self.parts(None, None)
        if not parts:
            return None
        last, period = parts[-1].last_ns, self.period
        return parts[0].first_ns, last + 1 if period is None else period.later_us(last // 1000) * 1000

    def runs(self, start_ns: int, end_ns: int, told: Callable[[int], None] = lambda _done: None) -> Iterator[Run]:
        """Yield what is missing in [start, end), in order; `told` learns how many partitions are done."""
        period = self.period
        last: int | None = None
        for done, part in enumerate(self.parts(start_ns, end_ns), 1):
            for first, stop, inner in self._stretches(part, start_ns, end_ns):
                if last is None:
                    yield from before(period, start_ns, first)
                else:
                    yield from between(period, last, first)
                yield from inner
                last = stop
            told(done)
        if last is None:
            yield from within(period, start_ns, end_ns)
        else:
            yield from after(period, last, end_ns)

    def _stretches(self, part: PartRow, start_ns: int, end_ns: int) -> Iterator[tuple[int, int, Iterator[Run]]]:
        """Yield the first and last row of each stretch of a partition in the range, and what is missing in it."""
        period = self.period
        inside = start_ns <= part.first_ns and part.last_ns < end_ns
        if inside and (part.rows == 1 or self._full(part)):
            yield part.first_ns, part.last_ns, iter(())
            return
        from lake.gaps.times import stretches

        for first, last, pairs in stretches(self, part, start_ns, end_ns):
            yield first, last, (run for a, b in pairs for run in between(period, a, b))

    def _full(self, part: PartRow) -> bool:
        """Whether a partition has a row on each step from its first to its last, as their number proves."""
        grid_us = None if self.period is None else self.period.grid_us
        return grid_us is not None and (part.rows - 1) * grid_us * 1000 == part.last_ns - part.first_ns
