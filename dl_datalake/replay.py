"""Replaying: the rows of many series merged by time, in bounded memory."""

from __future__ import annotations

import heapq
from copy import copy
from typing import TYPE_CHECKING, Literal, NamedTuple, get_args

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lake import layout, rows
from lake.errors import LakeError
from lake.features.known import closes
from lake.read import BATCH_ROWS, Scan
from schemas.periods import Period

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from dl_datalake.result import Result
    from schemas.keys import Address

    Ints = NDArray[np.int64]
    Block = tuple[pa.RecordBatch, Ints]

Order = Literal["ts", "ts_recv"]
BarsAt = Literal["close", "open"]
HELD_ROWS = 2_000_000
"""How many rows of a series may wait for one that was received before them and is stored behind them."""
_US = 1000
_DAY_NS = 86_400_000_000_000
_MONTH_NS = 28 * _DAY_NS
_REPLAYED = ("bars", "ticks", "orderbook")


class Run(NamedTuple):
    """Rows of one series that come before the next row of any other."""

    address: Address
    at: NDArray[np.int64]
    """When each row comes, in nanoseconds since 1970: what the order is of."""
    rows: pa.RecordBatch


def replay(
    results: Sequence[Result], start_ns: int | None, end_ns: int | None, *, by: Order = "ts", bars: BarsAt = "close"
) -> Iterator[Run]:
    """Check what is asked for, and return the runs; the words are those of `Lake.replay`."""
    for name, value, known in (("by", by, get_args(Order)), ("bars", bars, get_args(BarsAt))):
        if value not in known:
            message = f"{name}={value!r} is none of {', '.join(known)}"
            raise LakeError("USAGE", message, why="It says when rows come.", fix=[f'{name}="{known[0]}"'])
    scans = [scan for result in results for scan in _parted(result)]
    return _merged([_Source(scan, start_ns, end_ns, by, bars) for scan in scans])


def _parted(result: Result) -> Iterator[Scan]:
    """Yield a read of several series as one of each."""
    scan = result.planned
    if not isinstance(scan, Scan) or scan.addresses[0].type not in _REPLAYED:
        raise LakeError(
            "USAGE",
            f"{result!r} cannot be replayed",
            why="Bars come at their close, ticks and books at their time; of other rows it is not settled.",
            fix=["replay bars, ticks, quotes and books, and join features to bars with lake.training_set"],
        )
    for address in scan.addresses:
        part = copy(scan)
        part.addresses = (address,)
        part.plan = [file for file in scan.plan if scan.address_of(file) == address]
        yield part


class _Source:
    """The rows of one series, with the moments they come at, in that order."""

    def __init__(self, scan: Scan, start_ns: int | None, end_ns: int | None, by: Order, bars: BarsAt) -> None:
        self.address = scan.addresses[0]
        self._scan = scan
        self._start_ns, self._end_ns = start_ns, end_ns
        self._period: Period | None = None
        if self.address.type == "bars":
            self._period = Period.parse(self.address.period) if bars == "close" else None
            by = "ts"  # nobody received them
        self._by = by
        self._scale = layout.NS_PER[rows.unit(scan.declaration)]
        self._columns = scan.columns if by in scan.columns else (*scan.columns, by)
        self._narrow()

    def _narrow(self) -> None:
        """Leave out the files that lie outside the range, and let the others be trimmed to it."""
        scan, start = self._scan, self._start_ns
        if self._period is not None and start is not None:
            length = int(self._of(np.array([start // self._scale], np.int64))[0]) - start
            start -= length + (4 * _DAY_NS if length >= _MONTH_NS else 0)  # months differ in length
        if start is not None:
            scan.start_ns = start if scan.start_ns is None else max(start, scan.start_ns)
        if self._end_ns is not None:
            scan.end_ns = self._end_ns if scan.end_ns is None else min(self._end_ns, scan.end_ns)
        low, high = scan.start_ns, scan.end_ns
        scan.plan = [f for f in scan.plan if (low is None or f.last_ns >= low) and (high is None or f.first_ns < high)]

    def _of(self, ts: Ints) -> Ints:
        """Return when rows of these ts come, in nanoseconds."""
        if self._period is None:
            return ts * self._scale
        return np.asarray(closes(ts, self._period), np.int64) * _US

    def blocks(self) -> Iterator[Block]:
        """Yield the rows in their order, a batch at a time."""
        self._scan.require()
        tables = self._tables(self._columns)
        for table, at in self._by_receipt(tables) if self._by == "ts_recv" else self._by_time(tables):
            for first in range(0, len(at), BATCH_ROWS):
                yield _in_one(table.slice(first, BATCH_ROWS), self._scan), at[first : first + BATCH_ROWS]

    def _tables(self, columns: Sequence[str]) -> Iterator[pa.Table]:
        return (table for file in self._scan.plan for table in self._scan.pieces(file, columns) if table.num_rows)

    def _by_time(self, tables: Iterator[pa.Table]) -> Iterator[tuple[pa.Table, Ints]]:
        for table in tables:
            at = self._of(rows.times(table))
            # A scan trims by the open of bars; here it is about when they come.
            low = 0 if self._start_ns is None else int(np.searchsorted(at, self._start_ns))
            high = len(at) if self._end_ns is None else int(np.searchsorted(at, self._end_ns))
            if low < high:
                yield table.slice(low, high - low), at[low:high]

    def _by_receipt(self, tables: Iterator[pa.Table]) -> Iterator[tuple[pa.Table, Ints]]:
        """Sort by ts_recv: rows wait until all that is stored behind them was received no earlier."""
        firsts = [self._first_received(table) for table in self._tables(["ts_recv"])]
        ahead = np.minimum.accumulate(np.array([*firsts[1:], np.iinfo(np.int64).max], np.int64)[::-1])[::-1]
        held: pa.Table | None = None
        for table, limit in zip(tables, ahead, strict=True):
            both = table if held is None else pa.concat_tables([held, table]).unify_dictionaries()
            received = _received(both)
            order = np.argsort(received, kind="stable")
            received, both = received[order], both.take(pa.array(order)).combine_chunks()
            cut = int(np.searchsorted(received, limit, side="right"))
            if cut:
                yield both.slice(0, cut), received[:cut]
            held = both.take(pa.array(np.arange(cut, len(received)))) if cut < len(received) else None
            if held is not None and held.num_rows > HELD_ROWS:
                raise LakeError(
                    "USAGE",
                    f"more than {HELD_ROWS:,} rows were received after a row that is stored behind them",
                    where=str(self.address),
                    why="All of them would have to be held in memory at once.",
                    fix=['replay by="ts"', "replay a shorter range"],
                )

    def _first_received(self, table: pa.Table) -> int:
        column = table.column("ts_recv")
        if column.null_count:
            raise LakeError(
                "USAGE",
                f"{self.address} has rows without a ts_recv",
                why="Its source did not tell when they were received.",
                fix=['replay by="ts"'],
            )
        first: int = pc.min(column.cast(pa.int64())).as_py()
        return first


def _received(table: pa.Table) -> Ints:
    values: Ints = table.column("ts_recv").cast(pa.int64()).to_numpy()
    return values


def _in_one(table: pa.Table, scan: Scan) -> pa.RecordBatch:
    """Return a small table as one batch of the columns that are wanted."""
    wanted = table.select(list(scan.columns)).unify_dictionaries().combine_chunks()
    if not wanted.num_columns:
        raise LakeError("USAGE", "no column was asked for", why="A run would have no rows.", fix=["name one"])
    return wanted.to_batches()[0]


def _merged(sources: Sequence[_Source]) -> Iterator[Run]:
    """Merge sources; of each one batch is held, and what its row group holds besides."""
    streams = [source.blocks() for source in sources]
    current: list[Block | None] = [next(stream, None) for stream in streams]
    places = [0] * len(sources)
    waiting = [(int(block[1][0]), index) for index, block in enumerate(current) if block is not None]
    heapq.heapify(waiting)
    while waiting:
        _, index = heapq.heappop(waiting)
        block = current[index]
        if block is None:
            raise RuntimeError("a source that is at its end waits")
        batch, at = block
        first, last = places[index], len(at)
        if waiting:
            moment, other = waiting[0]
            last = first + int(np.searchsorted(at[first:], moment, side="right" if index < other else "left"))
        yield Run(sources[index].address, at[first:last], batch.slice(first, last - first))
        places[index] = last
        if last == len(at):
            current[index], places[index] = next(streams[index], None), 0
        block = current[index]
        if block is not None:
            heapq.heappush(waiting, (int(block[1][places[index]]), index))
