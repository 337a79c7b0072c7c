"""Closes that jump by a factor of 100, as prices in pence here and in pounds there do: kept, and told of."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lake import rows

if TYPE_CHECKING:
    import pyarrow as pa

_LEAST, _MOST = 98.0, 102.0


class Jumps:
    """Counts, in the order of the source, closes about 100 times the one before them, or a hundredth of it."""

    def __init__(self) -> None:
        """Begin before the first bar."""
        self._last = float("nan")
        self._count = 0
        self._first_us = 0

    def see(self, bars: pa.RecordBatch) -> None:
        """Look at the next bars."""
        column = bars.column("close")
        closes = np.frombuffer(column.buffers()[1], dtype=np.float64, count=len(column), offset=column.offset * 8)
        if not len(closes):
            return
        before = np.concatenate(([self._last], closes[:-1]))
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = np.maximum(closes / before, before / closes)
        found = np.flatnonzero((ratio >= _LEAST) & (ratio <= _MOST))
        if len(found) and not self._count:
            self._first_us = int(rows.times(bars)[found[0]])
        self._count += len(found)
        self._last = float(closes[-1])

    @property
    def warning(self) -> str:
        """What to tell of them; empty when there were none."""
        if not self._count:
            return ""
        first = np.datetime64(self._first_us, "us").astype("datetime64[s]")
        times = "once" if self._count == 1 else f"{self._count:,} times"
        return (
            f"the close jumps by a factor of 100 {times}, first at {first} UTC: some prices may be in pence and others"
            " in pounds; they are kept as they are"
        )
