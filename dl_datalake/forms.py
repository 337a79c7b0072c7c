"""The forms of a result beside Arrow and pandas' own: NumPy's arrays, a lazy frame, a table of one column by symbol."""

from __future__ import annotations

from copy import copy
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, cast, overload

import pyarrow as pa

from lake.errors import LakeError
from lake.read import BATCH_ROWS, Scan
from lake.streams import Stream

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy as np
    import pandas as pd
    import polars as pl
    from duckdb import DuckDBPyConnection, DuckDBPyRelation
    from numpy.typing import NDArray

    from dl_datalake.result import Planned
    from schemas.keys import Address


class Forms:
    """The part of a result that puts rows into other forms."""

    _scan: Planned

    @overload
    def to_numpy(self, *, structured: Literal[False] = False) -> dict[str, NDArray[Any]]: ...

    @overload
    def to_numpy(self, *, structured: Literal[True]) -> NDArray[np.void]: ...

    @overload
    def to_numpy(self, *, structured: bool) -> dict[str, NDArray[Any]] | NDArray[np.void]: ...

    def to_numpy(self, *, structured: bool = False) -> dict[str, NDArray[Any]] | NDArray[np.void]:
        """Return all rows as NumPy arrays.

        Times are `datetime64[us]` (of ticks and books `datetime64[ns]`), UTC. A null is NaT, NaN, or None in a column
        of texts or of True and False; whole numbers with nulls among them become `float64`. Lists are two-dimensional.
        Arrays may be views of Arrow's memory, which cannot be written to: copy them first.

        Args:
            structured: One array with a field a column, instead of an array a column.
        """
        table = self._scan.to_arrow()
        arrays = {name: _array(table.column(name)) for name in table.column_names}
        return _structured(arrays, table.num_rows) if structured else arrays

    def scan(self) -> pl.LazyFrame:
        """Return a lazy Polars frame of the rows; MISSING_EXTRA when Polars is not installed.

        Of the columns, rows and the first rows that a query needs, no others are read; each batch is compared with the
        stored checksums first. `collect(engine="streaming")` keeps one batch or a few in memory.
        """
        require_polars()
        from polars.io.plugins import register_io_source

        scanned, told = partial(_frames, self._scan), repr(self)
        schema = _frame(self._scan.schema.empty_table()).schema
        return register_io_source(scanned, schema=schema, is_pure=True, explain_name="dl", explain_detail=told)

    def to_duckdb(self, connection: DuckDBPyConnection | None = None) -> DuckDBPyRelation:
        """Return a DuckDB relation of the rows, on a connection or on one of its own; nothing is read yet.

        Of the columns, series and times that a query needs, no others are read; each page is compared with the stored
        checksums first. Times of nanoseconds come as microseconds, and beside them as `<name>_ns`, as in `lake.sql`.
        """
        from dl_datalake.duck import to_duckdb

        return to_duckdb(self._scan, connection)

    def pivot(self, value: str = "close", tz: str | None = "UTC") -> pd.DataFrame:
        """Return one column of the rows as a wide pandas frame: a row a `ts`, a column a symbol.

        A symbol without a row at a time has NaN there. Columns stand in the order of the series; where two series have
        one symbol, they are told apart by exchange, market and symbol.

        Args:
            value: The column.
            tz: The time zone the times are shown in; None gives naive UTC.

        Raises:
            LakeError: USAGE when there is no such column, or a series has several rows at one time.
        """
        import pandas as pd

        planned = self._scan
        _require(planned, value)
        columns = {}
        for address in planned.addresses:
            table = _of(planned, address, ["ts", value])
            found = table.column(value)
            found = found.cast(pa.string()) if pa.types.is_dictionary(found.type) else found
            times = pd.DatetimeIndex(table.column("ts").to_pandas(), name="ts")
            if not times.is_unique:
                raise LakeError(
                    "USAGE",
                    f"{address} has several rows at one time",
                    why="A pivot has one place for a symbol at a time.",
                    fix=["pivot bars", "resample to bars first"],
                )
            columns[address] = pd.Series(found.to_pandas().to_numpy(), index=times)
        frame = pd.concat(columns.values(), axis=1, sort=True)
        frame.columns = _names(planned.addresses)
        index = pd.DatetimeIndex(frame.index, name="ts")
        frame.index = index.tz_localize(None) if tz is None else index.tz_convert(tz)
        return frame


def require_polars() -> None:
    """Raise MISSING_EXTRA when Polars is not installed."""
    try:
        import polars  # noqa: F401, ICN001 - whether it is there
    except ModuleNotFoundError:
        raise LakeError("MISSING_EXTRA", "Polars is not installed", fix=["pip install 'dl-datalake[polars]'"]) from None


def _array(column: pa.ChunkedArray) -> NDArray[Any]:
    import numpy as np

    kind = column.type
    if pa.types.is_dictionary(kind):
        return _words(column)
    if not pa.types.is_fixed_size_list(kind):
        found: NDArray[Any] = column.to_numpy()
        return found
    flat = pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], kind)
    values = flat.flatten().to_numpy(zero_copy_only=False)  # nothing of a null
    if not column.null_count:
        return np.asarray(values).reshape(-1, kind.list_size)
    wide = np.full((len(flat), kind.list_size), np.nan, values.dtype if values.dtype.kind == "f" else np.float64)
    wide[flat.is_valid().to_numpy(zero_copy_only=False)] = values.reshape(-1, kind.list_size)
    return wide


def _words(column: pa.ChunkedArray) -> NDArray[Any]:
    """Return repeated texts as objects, each text once in memory."""
    import numpy as np

    found = [np.empty(0, object)]
    for chunk in column.unify_dictionaries().chunks:
        words = np.array([*chunk.dictionary.to_pylist(), None], object)
        codes = chunk.indices.fill_null(len(words) - 1).to_numpy(zero_copy_only=False)
        found.append(words[codes])
    return np.concatenate(found)


def _structured(arrays: dict[str, NDArray[Any]], rows: int) -> NDArray[np.void]:
    import numpy as np

    made = np.empty(rows, [(name, array.dtype, array.shape[1:]) for name, array in arrays.items()])
    for name, array in arrays.items():
        made[name] = array
    return made


def _frames(
    planned: Planned,
    with_columns: list[str] | None,
    predicate: pl.Expr | None,
    n_rows: int | None,
    batch_size: int | None,
) -> Iterator[pl.DataFrame]:
    """Yield what Polars asks for; of the first `n_rows` those that fit the predicate."""
    wanted = list(planned.schema.names) if with_columns is None else with_columns
    needed = list(dict.fromkeys([*wanted, *(predicate.meta.root_names() if predicate is not None else ())]))
    if isinstance(planned, Scan):
        from dl_datalake.pushdown import pushed

        where = None if predicate is None or n_rows is not None else pushed(predicate, planned)
        planned = planned.narrowed(columns=needed, where=where)
    left = n_rows
    for batch in planned.batches(max(1, min(batch_size or BATCH_ROWS, BATCH_ROWS))):
        frame = _frame(batch).select(needed)
        if left is not None:
            frame = frame.head(left)
            left -= frame.height
        yield (frame if predicate is None else frame.filter(predicate)).select(wanted)
        if left == 0:
            return
    yield _frame(planned.schema.empty_table()).select(wanted)


def _frame(rows: pa.Table | pa.RecordBatch) -> pl.DataFrame:
    import polars as pl

    return cast("pl.DataFrame", pl.from_arrow(rows))


def _require(planned: Planned, value: str) -> None:
    names = planned.schema.names
    if value == "ts" or value not in names:
        raise LakeError(
            "USAGE",
            f"there is no column {value!r} to pivot",
            why="Its values stand in the table, by ts and symbol.",
            fix=[f"one of {', '.join(name for name in names if name != 'ts')}"],
        )


def _of(planned: Planned, address: Address, columns: Sequence[str]) -> pa.Table:
    """Return some columns of the rows of one series."""
    if isinstance(planned, Scan):
        return planned.narrowed(addresses=[address], columns=columns).to_arrow()
    if isinstance(planned, Stream):
        return planned.of(address).to_arrow().select(list(columns))
    part, source = copy(planned), getattr(planned, "source", None)
    if isinstance(source, Scan):
        part.plan = [file for file in planned.plan if source.address_of(file) == address]
    return part.to_arrow().select(list(columns))


def _names(addresses: Sequence[Address]) -> pd.Index[Any]:
    import pandas as pd

    symbols = [address.symbol for address in addresses]
    if len(set(symbols)) == len(symbols):
        return pd.Index(symbols, name="symbol")
    places = [(address.exchange, address.market, address.symbol) for address in addresses]
    return pd.MultiIndex.from_tuples(places, names=["exchange", "market", "symbol"])
