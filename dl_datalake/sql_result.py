"""What `lake.sql` gives: the rows of a statement, which is run when they are asked for."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from dl_datalake.forms import require_polars
from lake.errors import LakeError
from lake.sql import BATCH_ROWS

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd
    import polars as pl

    from lake.sql import Query

_SHOWN = 10


class SqlResult:
    """The rows of a statement over the lake's tables at one snapshot.

    Making it checks the statement and reads no rows. Each `to_…`, `fetchall` and `batches` runs it anew, so a result
    can be used as often as needed; all of them see the same snapshot.
    """

    def __init__(self, query: Query) -> None:
        """Take the checked statement."""
        self._query = query

    @property
    def text(self) -> str:
        """The statement."""
        return self._query.statement.text

    @property
    def tables(self) -> tuple[str, ...]:
        """The tables it reads, as a statement names them."""
        return tuple(map(str, self._query.tables))

    @property
    def snapshot(self) -> int:
        """The snapshot the tables are of."""
        return self._query.snapshot

    @property
    def schema(self) -> pa.Schema:
        """The Arrow schema of the rows; a name that comes again has a number behind it."""
        return self._query.schema

    @property
    def columns(self) -> list[str]:
        """The names of the columns."""
        return list(self.schema.names)

    def batches(self, size: int = BATCH_ROWS) -> Iterator[pa.RecordBatch]:
        """Run the statement and yield its rows in batches of up to `size`, in bounded memory.

        Raises:
            LakeError: USAGE for a size of none; SQL when the statement fails, FILE_DAMAGED when a file does.
        """
        if size < 1:
            why = "Rows come a number at a time."
            raise LakeError("USAGE", f"there are no batches of {size} rows", why=why, fix=["batches(65_536)"])
        return self._query.batches(size)

    def to_arrow(self) -> pa.Table:
        """Return all rows as an Arrow table."""
        return pa.Table.from_batches(self.batches(), self.schema)

    def to_pandas(self) -> pd.DataFrame:
        """Return all rows as a pandas frame."""
        frame: pd.DataFrame = self.to_arrow().to_pandas(split_blocks=True, self_destruct=True)
        return frame

    def to_polars(self) -> pl.DataFrame:
        """Return all rows as a Polars frame; MISSING_EXTRA when Polars is not installed."""
        require_polars()
        import polars as pl

        return pl.DataFrame(self.to_arrow())

    def fetchall(self) -> list[tuple[Any, ...]]:
        """Return all rows as tuples of Python values."""
        return list(self)

    def fetchone(self) -> tuple[Any, ...] | None:
        """Return the first row as a tuple; None when there is none."""
        return next(iter(self), None)

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        """Run the statement and yield its rows as tuples."""
        for batch in self.batches():
            yield from zip(*(column.to_pylist() for column in batch.columns), strict=True)

    def head(self, rows: int = 5) -> pa.Table:
        """Return the first rows; the statement is stopped when there are enough."""
        from dl_datalake.export import limited

        return pa.Table.from_batches(limited(self.batches(max(rows, 1)), rows), self.schema)

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """Hand the rows to any library that speaks Arrow: `pl.DataFrame(result)`."""
        return pa.RecordBatchReader.from_batches(self.schema, self.batches()).__arrow_c_stream__(requested_schema)

    def __repr__(self) -> str:
        return f"<SQL of {', '.join(self.tables) or 'no table'}, snapshot {self.snapshot}: {', '.join(self.columns)}>"

    def _repr_html_(self) -> str:
        """Show the first rows: what a notebook prints, without running to the end."""
        from dl_datalake.export import texts
        from dl_datalake.sql_values import flat

        first = self.head(_SHOWN + 1)
        rows = [row for batch in first.to_batches() for row in texts(flat(batch))]
        if len(rows) > _SHOWN:
            rows[_SHOWN:] = [["…"] * len(self.columns)]
        body = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in rows)
        head = "".join(f"<th>{escape(name)}</th>" for name in self.columns)
        caption = f"{self.text.strip()} · snapshot {self.snapshot}"
        return f"<table><caption>{escape(caption)}</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
