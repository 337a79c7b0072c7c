"""Columns of fixed-size lists: their elements as NumPy sees them, and lists that every operation of Arrow takes.

Arrow casts no list column whose elements are never null when there are null elements under a null list, although it
makes such ones itself, of Parquet files as of Python values. So lists of the lake have elements there, of no meaning.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

if TYPE_CHECKING:
    from numpy.typing import NDArray


def elements(lists: pa.FixedSizeListArray) -> NDArray[Any]:
    """View the elements of lists without a copy, a row a list; where a list is null they are arbitrary."""
    values, length = lists.values, lists.type.list_size  # of the whole array, also of a slice
    dtype = np.dtype(values.type.to_pandas_dtype())
    if not len(lists):
        return np.empty((0, length), dtype)
    start = (values.offset + lists.offset * length) * dtype.itemsize
    return np.frombuffer(values.buffers()[1], dtype, len(lists) * length, start).reshape(len(lists), length)


def present(lists: pa.FixedSizeListArray) -> NDArray[np.bool_] | None:
    """Return where lists are not null; None where none is."""
    return lists.is_valid().to_numpy(zero_copy_only=False) if lists.null_count else None


def made(values: pa.Array, kind: pa.FixedSizeListType, valid: NDArray[np.bool_] | None = None) -> pa.FixedSizeListArray:
    """Make lists of their elements, one list's after the other; `valid` says which lists there are, if not all."""
    if valid is None:
        return pa.FixedSizeListArray.from_arrays(values, type=kind)
    spread = np.zeros((len(valid), kind.list_size), values.type.to_pandas_dtype())
    spread[valid] = values.to_numpy().reshape(-1, kind.list_size)
    return pa.FixedSizeListArray.from_arrays(pa.array(spread.ravel()), type=kind, mask=pa.array(~valid))


def nulls(count: int, kind: pa.DataType) -> pa.Array:
    """Return so many nulls of a type."""
    return castable(pa.nulls(count, kind))


def castable(column: pa.Array) -> pa.Array:
    """Return a column as it is or, where it is of lists and some are null, one that can be cast."""
    return _clean(column) if pa.types.is_fixed_size_list(column.type) and column.null_count else column


def clean(table: pa.Table) -> pa.Table:
    """Return rows that were read of a file with lists that can be cast; the table itself where it has no null list."""
    for at, field in enumerate(table.schema):
        if pa.types.is_fixed_size_list(field.type) and table.column(at).null_count:
            chunks = [_clean(chunk) for chunk in table.column(at).chunks]
            table = table.set_column(at, field, pa.chunked_array(chunks, field.type))
    return table


def _clean(lists: pa.FixedSizeListArray) -> pa.FixedSizeListArray:
    length = lists.type.list_size
    values = lists.values.slice(lists.offset * length, len(lists) * length)
    bare = pa.Array.from_buffers(values.type, len(values), [None, values.buffers()[1]], offset=values.offset)
    return pa.FixedSizeListArray.from_arrays(bare, type=lists.type, mask=lists.is_null())
