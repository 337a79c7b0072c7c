"""Taking findings up: all are counted, the first ones kept, and the partitions remembered that they lie in."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lake.quality.model import KEPT, Finding, Total

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from lake.manifest import PartRow

    Times = NDArray[np.int64]


class Findings:
    """The findings of one series."""

    def __init__(self, parts: Sequence[PartRow], limit: int = KEPT) -> None:
        """Take its natural partitions, oldest first, and how many findings of a rule are kept."""
        self._limit = limit
        self._starts = np.array([part.start_ns for part in parts], np.int64)
        self._kept: dict[str, list[Finding]] = {}
        self.totals: dict[str, Total] = {}
        self.marked: dict[str, dict[int, str]] = {}
        """By rule the places of the partitions it fails, with the first thing found there."""

    def add(self, rule: str, first: int, last: int, rows: int, detail: str, at: tuple[int, int] | None = None) -> None:
        """Take one finding up; `at` are the times whose partitions it fails where these are not all it spans."""
        begin, end = (first, last) if at is None else at
        self._mark(rule, np.array([begin], np.int64), np.array([end], np.int64), lambda _number: detail)
        self._count(rule, 1, rows)
        self._keep(rule, Finding(rule, first, last, rows, detail))

    def add_all(self, rule: str, firsts: Times, lasts: Times, counts: Times, detail: Callable[[int], str]) -> None:
        """Take many up; `detail` gives the words of one by its place."""
        if not len(firsts):
            return
        self._count(rule, len(firsts), int(counts.sum()))
        room = self._limit - len(self._kept.get(rule, ()))
        for number in range(min(room, len(firsts))):
            facts = int(firsts[number]), int(lasts[number]), int(counts[number])
            self._keep(rule, Finding(rule, *facts, detail(number)))
        self._mark(rule, firsts, lasts, detail)

    def drop(self, rule: str) -> None:
        """Forget what one rule found."""
        self._kept.pop(rule, None)
        self.totals.pop(rule, None)
        self.marked.pop(rule, None)

    def ordered(self) -> list[Finding]:
        """Return those that were kept, by time."""
        return sorted((each for kept in self._kept.values() for each in kept), key=lambda each: each.first_ns)

    def _count(self, rule: str, findings: int, rows: int) -> None:
        total = self.totals.setdefault(rule, Total())
        total.findings += findings
        total.rows += rows

    def _keep(self, rule: str, finding: Finding) -> None:
        kept = self._kept.setdefault(rule, [])
        if len(kept) < self._limit:
            kept.append(finding)

    def _mark(self, rule: str, firsts: Times, lasts: Times, detail: Callable[[int], str]) -> None:
        marked = self.marked.setdefault(rule, {})
        begins = np.maximum(0, np.searchsorted(self._starts, firsts, side="right") - 1)
        ends = np.maximum(0, np.searchsorted(self._starts, lasts, side="right") - 1)
        # Of findings in one partition the first one speaks for all.
        _, numbers = np.unique(begins * (len(self._starts) + 1) + ends, return_index=True)
        for number in numbers.tolist():
            for place in range(int(begins[number]), int(ends[number]) + 1):
                if place not in marked:
                    marked[place] = detail(number)


class Runs:
    """Finds runs of rows for which something holds, over the ends of pieces."""

    def __init__(self, least: float) -> None:
        """Tell only of runs of so many rows."""
        self._least = max(1, least)
        self._open: tuple[int, int, int, float] | None = None

    def feed(
        self, holds: NDArray[np.bool_], ts: Times, values: NDArray[np.float64], before: Times | None = None
    ) -> tuple[Times, Times, Times, NDArray[np.float64]]:
        """Take the next rows in; return the runs that ended: first and last times, rows, and the value at the first.

        Args:
            holds: Whether it does, row by row.
            ts: Their times.
            values: Of which a run keeps its first.
            before: The times of the rows before, where these belong to a run as well.
        """
        edges = np.diff(np.concatenate([[False], holds, [False]]).astype(np.int8))
        starts, stops = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)
        extra = 0 if before is None else 1
        firsts, lasts = (ts if before is None else before)[starts], ts[stops - 1]
        counts, first_values = stops - starts + extra, values[starts]
        if self._open is not None:
            first, last, count, value = self._open
            if len(starts) and starts[0] == 0:
                firsts[0], first_values[0] = first, value
                counts[0] += count - extra
            else:
                firsts, lasts = np.append(first, firsts), np.append(last, lasts)
                counts, first_values = np.append(count, counts), np.append(value, first_values)
            self._open = None
        if len(holds) and holds[-1]:
            self._open = (int(firsts[-1]), int(lasts[-1]), int(counts[-1]), float(first_values[-1]))
            firsts, lasts, counts, first_values = firsts[:-1], lasts[:-1], counts[:-1], first_values[:-1]
        long = counts >= self._least
        return firsts[long], lasts[long], counts[long], first_values[long]

    def end(self) -> tuple[Times, Times, Times, NDArray[np.float64]]:
        """Return the run that the last row belongs to, if it does."""
        return self.feed(np.zeros(1, np.bool_), np.zeros(1, np.int64), np.zeros(1))
