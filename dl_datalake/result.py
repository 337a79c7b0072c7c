"""What a query of the lake gives: rows that are read only when asked for, and then in the form asked for."""

from __future__ import annotations

from copy import copy
from html import escape
from typing import TYPE_CHECKING, Any, Protocol

import pyarrow as pa

from dl_datalake.dates import format_short
from lake.errors import LakeError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    import pandas as pd
    import polars as pl

    from schemas.keys import Address

BATCH_ROWS = 65_536
_ENDS_SHOWN = 3


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


class Result:
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
        frame: pd.DataFrame = self.to_arrow().to_pandas(split_blocks=True, self_destruct=True)
        if tz != "UTC":
            for name in frame.columns[[hasattr(kind, "tz") for kind in frame.dtypes]]:
                times = frame[name].dt
                frame[name] = times.tz_localize(None) if tz is None else times.tz_convert(tz)
        return frame.set_index("ts") if index else frame

    def to_polars(self) -> pl.DataFrame:
        """Return all rows as a Polars frame; MISSING_EXTRA when Polars is not installed."""
        try:
            import polars as pl
        except ModuleNotFoundError:
            raise LakeError(
                "MISSING_EXTRA", "Polars is not installed", fix=["pip install 'dl-datalake[polars]'"]
            ) from None
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

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """Hand the rows to any library that speaks Arrow: `pl.DataFrame(result)`, `duckdb.sql("from result")`."""
        return self._scan.reader().__arrow_c_stream__(requested_schema)

    def __repr__(self) -> str:
        return f"<{self._names()} {self._range()}, snapshot {self.snapshot}>"

    def _repr_html_(self) -> str:
        """Show series, range and the rows at both ends: what a notebook prints, without reading the rest."""
        first, last = self.head(_ENDS_SHOWN), self.tail(_ENDS_SHOWN)
        count = self.count()
        names = first.schema.names
        rows = [*_cells(first), *_cells(last)] if count > 2 * _ENDS_SHOWN else _cells(self.head(count))
        if count > 2 * _ENDS_SHOWN:
            rows.insert(_ENDS_SHOWN, ["…"] * len(names))
        body = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in rows)
        head = "".join(f"<th>{escape(name)}</th>" for name in names)
        caption = f"{self._names()} · {self._range()} · {count:,} rows · snapshot {self.snapshot}"
        return f"<table><caption>{escape(caption)}</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"

    def _names(self) -> str:
        first = str(self.addresses[0])
        return first if len(self.addresses) == 1 else f"{first} and {len(self.addresses) - 1} more"

    def _range(self) -> str:
        start = "begin" if self._scan.start_ns is None else format_short(self._scan.start_ns)
        end = "end" if self._scan.end_ns is None else format_short(self._scan.end_ns)
        return f"[{start}, {end})"


def _cells(table: pa.Table) -> list[list[str]]:
    from dl_datalake.export import texts

    return [row for batch in table.to_batches() for row in texts(batch)]


def _table(schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> pa.Table:
    return pa.Table.from_batches(batches, schema)
