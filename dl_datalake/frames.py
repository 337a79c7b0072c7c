"""Rows as a pandas frame, made over the memory they were read into: a large one is there only once.

Columns and types are those of `pyarrow.Table.to_pandas`. Every column can be written to.
"""

from __future__ import annotations

import mmap
import os
import sys
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from dl_datalake.result import Planned

_BLOCK = 1 << 17
"""Values of NaN that are written at a time; fewer in a column are not worth sharing."""


def read_frame(planned: Planned) -> pd.DataFrame:
    """Read everything into one frame; pandas is imported while files are decoded."""
    if "pandas" in sys.modules:
        return frame_of(planned.to_arrow())
    ahead = threading.Thread(target=_import_pandas, name="pandas", daemon=True)
    ahead.start()
    try:
        table = planned.to_arrow()
    finally:
        ahead.join()
    return frame_of(table)


def _import_pandas() -> None:
    with suppress(ImportError):  # whoever imports it next is told
        import pandas as pd  # noqa: F401 -- for its place among the modules


def frame_of(table: pa.Table) -> pd.DataFrame:
    """Return a table's rows as a frame; its memory becomes the frame's, so the table is not to be used any more."""
    import pandas as pd

    count = table.num_rows
    empty = [f.name for f in table.schema if f.type == pa.float64() and table.column(f.name).null_count == count]
    columns: dict[str, Any] = dict(zip(empty, _nans(count, len(empty)), strict=True))
    columns |= {name: _values(table.column(name)) for name in table.column_names if name not in columns}
    return pd.DataFrame(columns, index=pd.RangeIndex(count), columns=pd.Index(table.column_names), copy=False)


def _nans(count: int, columns: int) -> list[NDArray[np.float64]]:
    """Return columns without a value; large ones share their memory until one of them is written to."""
    if columns < 2 or count < _BLOCK or not hasattr(os, "memfd_create"):
        return [np.full(count, np.nan) for _ in range(columns)]
    file = os.memfd_create("nan")
    try:
        block = np.full(_BLOCK, np.nan).data.cast("B")
        size = left = count * 8
        while left:
            left -= os.write(file, block[:left])
        return [np.frombuffer(mmap.mmap(file, size, mmap.MAP_PRIVATE), np.float64) for _ in range(columns)]
    finally:
        os.close(file)


def _values(column: pa.ChunkedArray) -> Any:  # noqa: ANN401 -- whatever pandas takes for a column
    """Return the values of a column, without a copy where they are numbers or times in one piece."""
    kind = column.type
    if column.num_chunks == 1:
        [array] = column.chunks
        if pa.types.is_dictionary(kind):
            return _categories(array)
        if kind in {pa.float64(), pa.float32()}:
            return _floats(array)
        if not array.null_count and pa.types.is_integer(kind):
            return _held(array, kind.to_pandas_dtype())
        if not array.null_count and pa.types.is_timestamp(kind) and kind.tz == "UTC":
            return _times(array)
    return column.to_pandas()


def _held(array: pa.Array, dtype: type[np.generic]) -> NDArray[Any]:
    """Return the values of an array; of its nulls, whatever is there."""
    size = np.dtype(dtype).itemsize
    held = np.frombuffer(array.buffers()[1], dtype, len(array), array.offset * size)
    return held if held.flags.writeable else held.copy()


def _floats(array: pa.Array) -> NDArray[Any]:
    values = _held(array, array.type.to_pandas_dtype())
    if array.null_count:
        values[array.is_null().to_numpy(zero_copy_only=False)] = np.nan
    return values


def _times(array: pa.Array) -> Any:  # noqa: ANN401 -- pandas has no name for it
    import pandas as pd

    return pd.array(_held(array, np.int64), dtype=pd.DatetimeTZDtype(array.type.unit, "UTC"), copy=False)


def _categories(array: pa.DictionaryArray) -> Any:  # noqa: ANN401 -- a Categorical or a Series of them
    """Return words as categories; one word for all rows, as the name of a series is, without looking at each row."""
    import pandas as pd

    if len(array.dictionary) != 1 or array.null_count:
        return array.to_pandas()
    kind = pd.CategoricalDtype(array.dictionary.to_pandas())
    return pd.Categorical.from_codes(np.zeros(len(array), np.int8), dtype=kind, validate=False)
