"""Which of a feature series' rows may still be the newest one known: those to be known later, and the last so far."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

import numpy as np

from lake.rows import is_sorted

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]

NONE = -1
_KNOWN, _TS, _NUMBER = range(3)


class Front:
    """Rows by number, as they come in stored order: by ts, and those of one ts by when they were known.

    So what is wanted at a decision, the greatest ts among the rows known by then and of that ts the one known last, is
    the row with the greatest number among them. A row is of no use beside one with a greater number that was known no
    later. What is left is a staircase: known_at and number both go up. New rows have greater numbers than all before,
    so they cut the staircase off where the first of them became known, and are its end; decisions never go back, so
    what lies before the last one chosen is dropped. Both cost as much as there are new rows, however many wait.

    It holds 24 bytes for each row that is stored but not yet known, and for one row of those that are.
    """

    def __init__(self, *, strict: bool) -> None:
        """Start without rows; `strict` wants a row to be known before the decision, not just by it."""
        self._side = "left" if strict else "right"
        self._steps: deque[Ints] = deque()

    @property
    def first(self) -> int | None:
        """The least number that may still be chosen; None while there is none."""
        return int(self._steps[0][_NUMBER, 0]) if self._steps else None

    def add(self, known: Ints, ts: Ints, first: int) -> None:
        """Add rows in stored order, numbered from `first` on, behind all that were added before."""
        if not len(known):
            return
        new: Ints = np.stack([known, ts, np.arange(first, first + len(known), dtype=np.int64)])
        if not is_sorted(known):
            new = new[:, np.argsort(known, kind="stable")]
            new = new[:, new[_NUMBER] == np.maximum.accumulate(new[_NUMBER])]
        new = new[:, np.append(new[_KNOWN, 1:] != new[_KNOWN, :-1], True)]
        while self._steps:
            last = self._steps[-1]
            left = int(np.searchsorted(last[_KNOWN], new[_KNOWN, 0]))
            if left == last.shape[1]:
                break
            self._steps.pop()
            if left:
                self._steps.append(last[:, :left])
                break
        self._steps.append(new)

    def choose(self, decisions: Ints, limit: int | None) -> Ints:
        """Return the number of the row for each decision, `NONE` where none is known or it is older than `limit`.

        Args:
            decisions: Times that go up, none before those asked for earlier.
            limit: How long before its decision the ts of a row may lie, at most.
        """
        seen: list[Ints] = []
        while self._steps:
            step = self._steps[0]
            count = int(np.searchsorted(step[_KNOWN], decisions[-1], self._side))  # type: ignore[call-overload]  # a side is a literal
            if count:
                seen.append(step[:, :count])
            if count < step.shape[1]:
                self._steps[0] = step[:, count:]
                break
            self._steps.popleft()
        if not seen:
            return np.full(len(decisions), NONE, np.int64)
        known = seen[0] if len(seen) == 1 else np.concatenate(seen, axis=1)
        self._steps.appendleft(known[:, -1:].copy())
        index = np.searchsorted(known[_KNOWN], decisions, self._side) - 1  # type: ignore[call-overload]  # as above
        numbers = np.where(index < 0, NONE, known[_NUMBER, index])
        if limit is not None:
            numbers[decisions - known[_TS, index] > limit] = NONE
        return numbers
