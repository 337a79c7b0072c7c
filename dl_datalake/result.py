"""What a query of the lake gives: rows that are read only when asked for, and then in the form asked for."""

from __future__ import annotations

from copy import copy
from typing import TYPE_CHECKING, Any, Literal, Protocol

import pyarrow as pa

from dl_datalake.dates import format_short
from dl_datalake.forms import Forms, require_polars
from dl_datalake.page import Page
from lake.errors import LakeError
from lake.streams import Stream

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    import pandas as pd
    import polars as pl

    from schemas.keys import Address

BATCH_ROWS = 65_536


class Planned(Protocol):
    """A read that is planned: of stored rows, of rows joined to others, or of books at regular times."""

    addresses: tuple[Address, ...]
    snapshot: int
    schema: pa.Schema
    columns: tuple[str, ...]
    plan: list[Any]
    """Its parts, in the order of their rows; a copy with fewer of them reads only those."""
    start_ns: int | None
    end_ns: int | None

    @property
    def lake(self) -> Path:
        """The manifest of the lake it reads."""

    def count(self) -> int:
        """Count the rows."""

    def batches(self, size: int = ...) -> Iterator[pa.RecordBatch]:
        """Yield the rows in batches of at most `size`."""

    def to_arrow(self) -> pa.Table:
        """Read everything into one table."""

    def reader(self, size: int = ...) -> pa.RecordBatchReader:
        """Return a stream for whatever speaks Arrow."""


class Result(Forms, Page):
    """Rows of one series, or of several of one asset one after the other, at one snapshot of the lake.

    Making it reads nothing. Each `to_…` reads the stored files anew, with their page checksums verified, so a result
    can be used as often as needed and always gives the same rows. Rows come in stored order.
    """

    def __init__(self, scan: Planned) -> None:
        """Take the planned read."""
        self._scan = scan

    @property
    def planned(self) -> Planned:
        """The planned read."""
        return self._scan

    @property
    def addresses(self) -> tuple[Address, ...]:
        """The series, in the order their rows come."""
        return self._scan.addresses

    @property
    def address(self) -> Address:
        """The series; AMBIGUOUS when there are several."""
        if len(self.addresses) != 1:
            raise LakeError(
                "AMBIGUOUS", f"the result holds {len(self.addresses)} series", fix=["look at its .addresses"]
            )
        return self.addresses[0]

    @property
    def snapshot(self) -> int:
        """The snapshot the rows are of."""
        return self._scan.snapshot

    @property
    def schema(self) -> pa.Schema:
        """The Arrow schema of the rows."""
        return self._scan.schema

    def count(self) -> int:
        """Return how many rows there are; files that lie whole inside the range are not opened for it."""
        return self._scan.count()

    def batches(self, size: int = BATCH_ROWS) -> Iterator[pa.RecordBatch]:
        """Yield the rows in batches of up to `size`, in bounded memory; USAGE for a size of none."""
        if size < 1:
            why = "Rows come a number at a time."
            raise LakeError("USAGE", f"there are no batches of {size} rows", why=why, fix=["batches(65_536)"])
        return self._scan.batches(size)

    def to_arrow(self) -> pa.Table:
        """Return all rows as an Arrow table."""
        return self._scan.to_arrow()

    def to_pandas(self, tz: str | None = "UTC", *, index: bool = False) -> pd.DataFrame:
        """Return all rows as a pandas frame.

        Args:
            tz: The time zone the times are shown in; None gives naive UTC.
            index: Whether `ts` is the index instead of a column.
        """
        from dl_datalake.frames import read_frame

        frame = read_frame(self._scan)
        if tz != "UTC":
            for name in frame.columns[[hasattr(kind, "tz") for kind in frame.dtypes]]:
                times = frame[name].dt
                frame[name] = times.tz_localize(None) if tz is None else times.tz_convert(tz)
        return frame.set_index("ts") if index else frame

    def to_polars(self) -> pl.DataFrame:
        """Return all rows as a Polars frame; MISSING_EXTRA when Polars is not installed."""
        require_polars()
        import polars as pl

        frame = pl.from_arrow(self.to_arrow())
        if not isinstance(frame, pl.DataFrame):
            raise TypeError("a table gave a series")
        return frame

    def head(self, rows: int = 5) -> pa.Table:
        """Return the first rows; only the files they lie in are opened."""
        from dl_datalake.export import limited

        return _table(self.schema, limited(self._scan.batches(max(rows, 1)), rows))

    def tail(self, rows: int = 5) -> pa.Table:
        """Return the last rows; only the files they lie in are opened."""
        if rows <= 0:
            return self.schema.empty_table()
        if isinstance(self._scan, Stream):
            return self._scan.tail(rows)
        kept = self.schema.empty_table()
        ending = copy(self._scan)
        for place in range(len(self._scan.plan) - 1, -1, -1):
            ending.plan = self._scan.plan[place : place + 1]
            last: list[pa.RecordBatch] = []
            for batch in ending.batches():
                last.append(batch)
                while sum(held.num_rows for held in last[1:]) >= rows:
                    last.pop(0)
            found = _table(self.schema, last)
            kept = _table(self.schema, [*found.to_batches(), *kept.to_batches()])
            kept = kept.slice(max(0, kept.num_rows - rows))
            if kept.num_rows >= rows:
                break
        return kept

    def resample(
        self,
        period: str,
        *,
        session_tz: str | None = None,
        session_start: str | None = None,
        calendar: str | None = None,
        whole: bool = True,
    ) -> Result:
        """Return bars of another period, made when they are read: what `aggregate` would store, to the last digit.

        It has the bars whose open lies in this result's range, each from all of its rows, in and after it. With a
        condition they are made of the rows that fit: `lake.ticks("BTCUSDT", where="side == 'buy'").resample("1m")`.

        Args:
            period: `5m`, `1h`, `1d`; of quotes also the side, `1m-mid`.
            session_tz: Cut days and what is longer in this zone; else as stored bars of the period are, or in UTC.
            session_start: When such a day begins, `17:00`; else at midnight.
            calendar: Cut days and what is longer by an exchange's sessions, `XNYS`.
            whole: Whether the last bar is left out while rows of it may be to come.

        Raises:
            LakeError: PERIOD when it is not made of whole bars of these; USAGE for rows that make no bars.
        """
        from lake.aggregate.live import Resampled

        cut = {"session_tz": session_tz, "session_start": session_start, "calendar": calendar}
        return Result(Resampled(self._stored(exactly=True), period, **cut, whole=whole))

    def fill(self, how: Literal["previous"] = "previous", *, calendar: str = "24/7") -> Result:
        """Return bars with a row for every time of their period's grid, made when they are read.

        A row that is not stored has `filled` true; its prices are the close before it, its volumes and trades 0 where
        the bar before has these at all, its vwap null, its open interest and spread those of the bar before. Nothing
        is filled before the first stored bar, nor behind the last one.

        Args:
            how: `previous`, the one way there is.
            calendar: Fill only while this market is open: `FX`, or an exchange such as `XNYS`.

        Raises:
            LakeError: USAGE for other words, what has no grid (ticks, books, weeks, months), or rows that were chosen
                by a condition.
        """
        from lake.fill import Filled

        if how != "previous":
            why = "A row that is not stored can only repeat what was known."
            raise LakeError("USAGE", f"there is no way to fill {how!r}", why=why, fix=['fill("previous")'])
        return Result(Filled(self._stored(exactly=True), calendar))

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """Hand the rows to any library that speaks Arrow: `pl.DataFrame(result)`, `duckdb.sql("from result")`."""
        return self._scan.reader().__arrow_c_stream__(requested_schema)

    def __repr__(self) -> str:
        return f"<{self._names()} {self._range()}, snapshot {self.snapshot}>"

    def _names(self) -> str:
        first = str(self.addresses[0])
        return first if len(self.addresses) == 1 else f"{first} and {len(self.addresses) - 1} more"

    def _range(self) -> str:
        start = "begin" if self._scan.start_ns is None else format_short(self._scan.start_ns)
        end = "end" if self._scan.end_ns is None else format_short(self._scan.end_ns)
        return f"[{start}, {end})"


def _table(schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> pa.Table:
    return pa.Table.from_batches(batches, schema)
