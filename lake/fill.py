"""Filling bars while they are read: a row for every time of the grid, and which ones are not stored.

Nothing is filled on disk: where there was no trade there is no row. A row that is filled repeats what was known: its
prices are the previous close, what is counted in a bar (volumes, trades) is 0 where the previous bar has it at all, and
what lasts (open interest, spread) stays as it was. The vwap of no trades is null.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lake import rows
from lake.errors import LakeError
from lake.manifest import Manifest
from lake.read import BATCH_ROWS
from lake.streams import Stream
from schemas.arrow import arrow_schema
from schemas.calendars import ALWAYS, NAMED, CalendarError, open_spans, refuse_unknown
from schemas.columns import IDENTITY
from schemas.keys import DAY_US
from schemas.periods import Period

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt

    from lake.read import Scan
    from schemas.keys import Address

    Times = npt.NDArray[np.int64]
    """Microseconds since the epoch."""

FILLED = "filled"
"""The column that tells which rows are not stored."""
_PRICES = ("open", "high", "low")
_COUNTED = ("volume", "quote_volume", "trades", "taker_buy_volume", "taker_buy_quote_volume")
_NAMES = frozenset(column.name for column in IDENTITY)
_US = 1000


class Filled(Stream):
    """Bars of some series with a row for each time of the period's grid from the first stored one on.

    In a range it begins with its start where there is a bar before that, and ends with its end where there is a bar at
    that time or later, else with the last bar: what is not known to have passed is not filled.
    """

    def __init__(self, source: Scan, calendar: str = ALWAYS) -> None:
        """Plan; nothing is read.

        Args:
            source: Bars of periods up to a day, all rows of their range.
            calendar: Only while this market is open, as `schemas.calendars` has them; `24/7`, `FX`, `XNYS`.

        Raises:
            LakeError: USAGE for what has no grid, a read with a condition, or a calendar there is not.
        """
        self._steps = {address: _step(address) for address in source.addresses}
        if source.where is not None:
            why = "Rows that do not fit are stored all the same: they are no gaps."
            raise LakeError("USAGE", "rows chosen by a condition cannot be filled", why=why, fix=["fill all rows"])
        self._calendar = NAMED.get(calendar, calendar)
        try:
            refuse_unknown(self._calendar)
        except CalendarError as error:
            raise _unusable(error) from error
        schema = pa.schema([*source.schema, pa.field(FILLED, pa.bool_(), nullable=False)])
        super().__init__(source, source.addresses, schema)
        known = arrow_schema(source.declaration).names
        wanted = {"ts", "close", *source.columns}
        self._needed = [name for name in known if name in wanted and name not in _NAMES]
        self._goes_on: dict[Address, bool] = {}
        with Manifest.open(source.config) as manifest:
            for address in source.addresses:
                series = manifest.find(address)
                later = series and source.end_ns is not None
                found = manifest.plan(series.id, source.end_ns, None, source.snapshot) if series and later else []
                self._goes_on[address] = any(file.last_ns >= (source.end_ns or 0) for file in found)

    def _made(self, address: Address, start_ns: int | None) -> Iterator[pa.RecordBatch]:
        scan = self.source.narrowed(addresses=[address])
        if start_ns is not None:
            scan.start_ns = start_ns
            scan.plan = [file for file in scan.plan if file.last_ns >= start_ns]
        scan.require()
        filling = _Filling(self, address)
        last = None if start_ns is None else self._before(address, start_ns)
        begin = None if start_ns is None else -(-start_ns // _US)
        for file in scan.plan:
            for table in scan.pieces(file, self._needed):
                if table.num_rows:
                    yield from filling.between(last, begin, table)
                    last, begin = table.slice(table.num_rows - 1).combine_chunks(), None
        if last is not None and self._goes_on[address] and self.source.end_ns is not None:
            yield from filling.after(last, begin, -(-self.source.end_ns // _US))

    def _before(self, address: Address, ns: int) -> pa.Table | None:
        """Return the last row before a time; None where there is none."""
        with Manifest.open(self.source.config) as manifest:
            scan = self.source.again(manifest, [address], end_ns=ns, columns=self._needed, as_of=self.snapshot)
        for file in reversed(scan.plan):
            last = None
            for table in scan.pieces(file, self._needed):
                if table.num_rows:
                    last = table.slice(table.num_rows - 1).combine_chunks()
            if last is not None:
                return last
        return None

    def _open(self, low_us: int, high_us: int) -> list[tuple[int, int]]:
        """Return when the market is open between two times, in microseconds."""
        try:
            spans = open_spans(self._calendar, low_us * _US, high_us * _US)
        except CalendarError as error:
            raise _unusable(error) from error
        return [(-(-low // _US), -(-high // _US)) for low, high in spans]

    def missing(self, low_us: int, high_us: int, step_us: int) -> Iterator[Times]:
        """Yield the times of the grid in [low, high) while the market is open, a batch at a time."""
        done = low_us
        for first, last in [(low_us, high_us)] if self._calendar == ALWAYS else self._open(low_us, high_us):
            at = max(done, first // step_us * step_us)  # a bar is expected when the market is open at any time of it
            end = done = max(at, -(-min(last, high_us) // step_us) * step_us)
            for start in range(at, end, step_us * BATCH_ROWS):
                yield np.arange(start, min(end, start + step_us * BATCH_ROWS), step_us)


class _Filling:
    """The rows of one series on their way."""

    def __init__(self, whole: Filled, address: Address) -> None:
        from lake.encoding import identity

        self._whole, self._address = whole, address
        self._step = whole._steps[address]  # noqa: SLF001 - two parts of one thing
        self._identity = dict(zip((c.name for c in IDENTITY), identity(address), strict=True))

    def between(self, last: pa.Table | None, begin: int | None, table: pa.Table) -> Iterator[pa.RecordBatch]:
        """Yield rows behind the last one, with those that are missing before and among them.

        Args:
            last: The row before; None where there is none.
            begin: From where on to fill, if not from the last row on.
            table: The rows.
        """
        ts = rows.times(table)
        if (ts % self._step).any():
            where = f"{self._address}"
            why = "Days of sessions begin at other times than those of UTC."
            raise LakeError("USAGE", "bars do not lie on their grid", where=where, why=why, fix=["resample finer bars"])
        if last is not None:
            first = self._next(last, begin)
            yield from self.after(last, first, int(ts[0]))
        cuts = np.flatnonzero(np.diff(ts) > self._step)
        if len(ts) + int(((ts[cuts + 1] - ts[cuts]) // self._step).sum()) <= BATCH_ROWS:
            yield self._dense(table, ts)
            return
        starts = np.r_[0, cuts + 1]
        for at, end in zip(starts.tolist(), [*starts[1:].tolist(), len(ts)], strict=True):
            if at:
                yield from self.after(table.slice(at - 1, 1), None, int(ts[at]))
            yield self._stored(table.slice(at, end - at))

    def after(self, last: pa.Table, begin: int | None, end: int) -> Iterator[pa.RecordBatch]:
        """Yield what is missing behind a row, up to a time and not that one."""
        for ts in self._whole.missing(self._next(last, begin), end, self._step):
            yield self._batch(last.take(pa.array(np.zeros(len(ts), np.int64))), ts, np.ones(len(ts), np.bool_))

    def _next(self, last: pa.Table, begin: int | None) -> int:
        following = int(rows.times(last)[0]) + self._step
        return following if begin is None else max(following, -(-begin // self._step) * self._step)

    def _dense(self, table: pa.Table, ts: Times) -> pa.RecordBatch:
        """Return rows with those that are missing among them, at once."""
        missing = [
            each
            for at in np.flatnonzero(np.diff(ts) > self._step)
            for each in self._whole.missing(int(ts[at]) + self._step, int(ts[at + 1]), self._step)
        ]
        every = np.sort(np.concatenate([ts, *missing]))
        places = np.searchsorted(ts, every, side="right") - 1
        return self._batch(table.take(pa.array(places)), every, ts[places] != every)

    def _stored(self, table: pa.Table) -> pa.RecordBatch:
        return self._batch(table, rows.times(table), np.zeros(table.num_rows, np.bool_))

    def _batch(self, table: pa.Table, ts: Times, filled: npt.NDArray[np.bool_]) -> pa.RecordBatch:
        """Return rows of which some are copies of the one before, as what these are to be."""
        mask = pa.array(filled)
        columns = []
        for field in self._whole.schema:
            name = field.name
            if name in self._identity:
                columns.append(self._identity[name](len(ts)))
            elif name == FILLED:
                columns.append(mask)
            elif name == "ts":
                columns.append(pa.array(ts).view(field.type))
            else:
                columns.append(_flat(_filled(table, name, mask), field.type))
        return pa.RecordBatch.from_arrays(columns, schema=self._whole.schema)


def _unusable(error: CalendarError) -> LakeError:
    why = "Only a calendar tells when rows were to be expected."
    return LakeError("USAGE", str(error), where="calendar", why=why, fix=[f'calendar="{ALWAYS}" fills every hour'])


def _filled(table: pa.Table, name: str, mask: pa.Array) -> pa.ChunkedArray:
    column = table.column(name)
    if name in _PRICES:
        return pc.if_else(mask, table.column("close"), column)
    if name in _COUNTED:
        nothing = pc.if_else(column.is_valid(), pa.scalar(0, column.type), pa.scalar(None, column.type))
        return pc.if_else(mask, nothing, column)
    return pc.if_else(mask, pa.scalar(None, column.type), column) if name == "vwap" else column


def _flat(column: pa.ChunkedArray, kind: pa.DataType) -> pa.Array:
    found = column.cast(kind).combine_chunks()
    return found if isinstance(found, pa.Array) else pa.concat_arrays(found.chunks)


def _step(address: Address) -> int:
    """Return the step of a series' grid, in microseconds."""
    period = Period.parse(address.period) if address.type == "bars" else None
    step = None if period is None else period.grid_us
    if period is not None and step is None and period.fixed_us == DAY_US:
        step = DAY_US
    if step is None:
        raise LakeError(
            "USAGE",
            f"{address} has no grid to be filled",
            why="Bars of up to a day come at regular times; weeks, months, ticks and books do not.",
            fix=["fill bars, such as lake.bars(…, period='1m')"],
        )
    return step
