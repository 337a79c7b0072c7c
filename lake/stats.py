"""Figures of what is stored: rows, ends, extremes, and the exact sum of what was traded."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from decimal import Context, Decimal
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lake import layout, merge, rows

if TYPE_CHECKING:
    from lake.read import Scan

SPANS = 48
"""Into how many equal spans of time the prices are divided."""
_PRICE = {"bars": "close", "trades": "price", "quotes": "bid"}
"""The column that tells the price, by the name of the schema."""


@dataclass(frozen=True, slots=True)
class Stats:
    """Figures computed from the stored rows; decimals are exact sums of what was stored, as text."""

    rows: int
    first_ns: int | None
    last_ns: int | None
    first_recv_ns: int | None
    """Ends of the receive times, whatever the order of rows; None where the source told none."""
    last_recv_ns: int | None
    sum_volume: str | None
    """None where the asset has no volume, or no row has one."""
    min_low: str | None
    max_high: str | None
    prices: list[float | None] | None
    """The last price in each of 48 equal spans from the first row to the last; None where the asset has no price."""
    exact_duplicate_rows: int | None
    """Rows that repeat another in everything; None where rows have a key."""


def stats(scan: Scan) -> Stats:
    """Read a scan through and return its figures; `scan` must have all columns."""
    schema = scan.declaration
    scale = layout.NS_PER[rows.unit(schema)]
    total = _ExactSum()
    count, first, last, repeats = 0, None, None, 0
    low, high = None, None
    received: list[int] = []
    prices = _Prices(scan)
    carried: pa.Table | None = None
    keyed = bool(schema.key)
    for batch in scan.batches():
        table = pa.Table.from_batches([batch])
        ts = rows.times(table)
        count += len(ts)
        first = int(ts[0]) if first is None else min(first, int(ts[0]))
        last = int(ts[-1]) if last is None else max(last, int(ts[-1]))
        received = _ends(table, received)
        prices.add(table, ts)
        if schema.volume:
            total.add(table.column(schema.volume))
        if schema.low:
            lows, highs = pc.min(table.column(schema.low)).as_py(), pc.max(table.column(schema.high)).as_py()
            low = lows if low is None else min(low, lows)
            high = highs if high is None else max(high, highs)
        if schema.key == ("trade_id",):
            keyed = keyed and table.column("trade_id").null_count == 0
        if not merge.keyed_by_time(schema):
            whole = table if carried is None else pa.concat_tables([carried, table])
            cut = int(np.searchsorted(rows.times(whole), int(ts[-1])))
            repeats += merge.repeated(whole.slice(0, cut))
            carried = whole.slice(cut)
    if carried is not None:
        repeats += merge.repeated(carried)
    return Stats(
        rows=count,
        first_ns=None if first is None else first * scale,
        last_ns=None if last is None else last * scale,
        first_recv_ns=min(received, default=None),
        last_recv_ns=max(received, default=None),
        sum_volume=total.text(),
        min_low=None if low is None else _decimal_text(low),
        max_high=None if high is None else _decimal_text(high),
        prices=prices.last,
        exact_duplicate_rows=None if keyed else repeats,
    )


def _ends(table: pa.Table, known: list[int]) -> list[int]:
    """Return the first and the last receive time in ns, of a table and of those known; none where there is none."""
    if "ts_recv" not in table.column_names:
        return known
    times = table.column("ts_recv").cast(pa.int64()).drop_null()
    ends = [pc.min(times).as_py(), pc.max(times).as_py()] if len(times) else []
    both = [*known, *ends]
    return [min(both), max(both)] if both else []


class _Prices:
    """Keeps the last price of each span between the first and the last row of a scan's files."""

    def __init__(self, scan: Scan) -> None:
        self._column = _PRICE.get(scan.declaration.name)
        scale = layout.NS_PER[rows.unit(scan.declaration)]
        self._first = min((file.first_ns for file in scan.plan), default=0) // scale
        self._length = max((file.last_ns for file in scan.plan), default=0) // scale - self._first + 1
        self.last: list[float | None] | None = [None] * SPANS if self._column else None

    def add(self, table: pa.Table, ts: np.ndarray) -> None:
        if self.last is None:
            return
        # In floats: a span more or less at an edge is invisible, and the product of two integers may not fit.
        spans = np.minimum((ts - self._first) / self._length * SPANS, SPANS - 1).astype(np.int64)
        ends = np.flatnonzero(np.diff(spans, append=-1))
        for span, price in zip(spans[ends].tolist(), table.column(self._column).take(ends).to_pylist(), strict=True):
            self.last[span] = price


class _ExactSum:
    """Adds doubles as the decimals they print as, without rounding."""

    _SCALE = 20
    _EXACT = Context(prec=1000)
    """More digits than lie between the largest and the smallest double."""
    _LARGE = 1e30
    """Arrow's sum of decimals wraps around in silence; of a batch of smaller numbers it cannot."""

    def __init__(self) -> None:
        self._sum: Decimal | None = None

    def add(self, column: pa.ChunkedArray) -> None:
        column = column.drop_null()
        if not len(column):
            return
        text = column.cast(pa.string())
        try:
            small = pc.max(pc.abs(column)).as_py() < self._LARGE
            part = pc.sum(text.cast(pa.decimal256(76, self._SCALE))).as_py() if small else None
        except pa.ArrowInvalid:  # more decimals than the scale has
            part = None
        if part is None:
            part = functools.reduce(self._EXACT.add, map(Decimal, text.to_pylist()))
        self._sum = part if self._sum is None else self._EXACT.add(self._sum, part)

    def text(self) -> str | None:
        if self._sum is None:
            return None
        return _plain(self._sum)


def _decimal_text(value: float) -> str:
    return _plain(Decimal(repr(value)))


def _plain(number: Decimal) -> str:
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
