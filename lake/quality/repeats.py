"""Days that hold the values of an earlier day, told by a hash of what they hold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from lake import rows
from lake.amounts import plural
from lake.manifest.packed import DAY_NS

if TYPE_CHECKING:
    from lake.quality.collecting import Findings
    from lake.quality.pieces import Piece

_DISTINCT = 3
"""Prices that a bar of a day or more must have, all different, to be told when it comes again."""
_FIGURES = 1_000
"""And the volume it must have: one of a few lots comes by chance."""


@dataclass(slots=True)
class _Day:
    """What was seen of a day."""

    number: int
    first: int
    last: int
    rows: int = 0
    changes: int = 0
    hash: int = 0
    last_hash: int = 0


class Repeats:
    """Remembers the days of a series by a hash of their rows in order; times are no part of it."""

    def __init__(self, findings: Findings, least: float, *, single: bool) -> None:
        """Take how many rows of a day must differ from the one before; `single` rows are days, or more, themselves."""
        self._findings, self._least, self._single = findings, least, single
        self._seen: dict[int, int] = {}
        self._day: _Day | None = None

    def feed(self, piece: Piece) -> None:
        """Look at a piece."""
        ts = piece.ts[piece.own]
        # A null adds nothing to a hash: a NaN would.
        arrays = [pa.array(values[piece.own], from_pandas=True) for values in piece.columns.values()]
        hashes = rows.row_hashes(pa.RecordBatch.from_arrays(arrays, names=list(piece.columns)))
        if self._single:
            self._single_rows(piece, hashes)
            return
        numbers = ts // DAY_NS
        starts = np.flatnonzero(np.diff(numbers, prepend=numbers[0] - 1))
        for start, stop in zip(starts.tolist(), [*starts[1:].tolist(), len(ts)], strict=True):
            day = self._day
            if day is None or day.number != numbers[start]:
                self.end()
                day = self._day = _Day(int(numbers[start]), int(ts[start]), int(ts[start]))
            some = hashes[start:stop]
            ranks = np.arange(day.rows, day.rows + len(some), dtype=np.uint64)
            ranks *= np.uint64(2)
            ranks += np.uint64(1)
            day.hash = (day.hash + int((some * ranks).sum(dtype=np.uint64))) % 2**64
            day.changes += int(np.count_nonzero(some[1:] != some[:-1])) + (day.rows == 0 or day.last_hash != some[0])
            day.rows, day.last, day.last_hash = day.rows + len(some), int(ts[stop - 1]), int(some[-1])

    def end(self) -> None:
        """Tell of the day that is over, when it is an earlier one over again."""
        day, self._day = self._day, None
        if day is None or day.changes < self._least:
            return
        earlier = self._seen.setdefault(day.hash ^ day.rows, day.number)
        if earlier != day.number:
            said = f"{plural(day.rows, 'row')} as on {np.datetime64(earlier, 'D')}"
            self._findings.add("repeated_day", day.first, day.last, day.rows, said)

    def _single_rows(self, piece: Piece, hashes: np.ndarray) -> None:
        own = {name: piece.columns[name][piece.own] for name in ("open", "high", "low", "close", "volume")}
        prices = np.sort(np.stack([own[name] for name in ("open", "high", "low", "close")]), axis=0)
        distinct = 1 + np.count_nonzero(np.diff(prices, axis=0), axis=0)
        told = np.flatnonzero((distinct >= _DISTINCT) & (own["volume"] >= _FIGURES))
        for place in told.tolist():
            at = int(piece.ts[piece.low + place])
            earlier = self._seen.setdefault(int(hashes[place]), at)
            if earlier != at:
                said = f"the bar of {np.datetime64(earlier // 10**9, 's').astype('datetime64[m]')} again"
                self._findings.add("repeated_day", at, at, 1, said)
