"""Many files as one table in memory: decoded side by side, each straight to its place in columns of the final length.

So a large read takes what its rows take and a row group a worker, and every column is one piece.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import accumulate
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from lake.errors import LakeError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from numpy.typing import NDArray

WORKERS = 2
"""Files that are decoded at a time, each with a row group in memory."""


def gather(
    schema: pa.Schema, counts: Sequence[int], read: Callable[[int], Iterable[pa.Table]], names: Sequence[str]
) -> pa.Table:
    """Return the rows of some files, one after the other, as one table.

    Args:
        schema: Of the table.
        counts: How many rows each file has.
        read: Gives the rows of a file by its number, as tables of this schema; called in several threads.
        names: What to call each file in an error.

    Raises:
        LakeError: FILE_DAMAGED when a file has another number of rows, and what `read` raises.
    """
    starts = [0, *accumulate(counts)]
    columns = [_made(field, starts[-1], len(counts)) for field in schema]

    def fill(number: int) -> None:
        at, end = starts[number], starts[number + 1]
        for table in read(number):
            if at + table.num_rows > end:
                raise _miscounted(names[number], counts[number])
            for column, values in zip(columns, table.columns, strict=True):
                column.put(number, at, values)
            at += table.num_rows
        if at != end:
            raise _miscounted(names[number], counts[number])

    with ThreadPoolExecutor(WORKERS, thread_name_prefix="read") as pool:
        for _ in pool.map(fill, range(len(counts))):
            pass
    return pa.Table.from_arrays([column.finished() for column in columns], schema=schema)


def _miscounted(name: str, count: int) -> LakeError:
    return LakeError("FILE_DAMAGED", f"a file of the lake has not the {count:,} rows it was written with", where=name)


class _Numbers:
    """A column of numbers or times: one array, filled in place."""

    def __init__(self, kind: pa.DataType, total: int) -> None:
        self._kind = kind
        self._dtype = np.dtype(f"i{kind.byte_width}") if pa.types.is_timestamp(kind) else np.dtype(_NUMPY[kind])
        self._values = np.empty(total, self._dtype)
        self._absent: NDArray[np.bool_] = np.zeros(total, np.bool_)  # takes no memory until there is a null

    def put(self, _: int, at: int, values: pa.ChunkedArray) -> None:
        for chunk in values.chunks:
            end = at + len(chunk)
            if chunk.null_count == len(chunk):
                self._absent[at:end] = True
            else:
                if chunk.null_count:
                    bits = np.unpackbits(np.frombuffer(chunk.buffers()[0], np.uint8), bitorder="little")
                    self._absent[at:end] = bits[chunk.offset : chunk.offset + len(chunk)] == 0
                held = np.frombuffer(chunk.buffers()[1], self._dtype, len(chunk), chunk.offset * self._dtype.itemsize)
                self._values[at:end] = held
            at = end

    def finished(self) -> pa.Array:
        nulls = int(np.count_nonzero(self._absent))
        # Not pa.array(): it imports pandas, which an Arrow table does not need.
        valid = pa.py_buffer(np.packbits(~self._absent, bitorder="little")) if nulls else None
        buffers = [valid, pa.py_buffer(self._values)]
        return pa.Array.from_buffers(self._kind, len(self._values), buffers, null_count=nulls)


_NUMPY = {pa.float64(): "f8", pa.float32(): "f4", pa.int64(): "i8", pa.int32(): "i4", pa.int8(): "i1"}


class _Pieces:
    """A column of anything else: as it comes, in the order of the files."""

    def __init__(self, kind: pa.DataType, files: int) -> None:
        self._kind = kind
        self._chunks: list[list[pa.Array]] = [[] for _ in range(files)]

    def put(self, number: int, _: int, values: pa.ChunkedArray) -> None:
        self._chunks[number] += values.chunks

    def finished(self) -> pa.ChunkedArray:
        return pa.chunked_array([chunk for file in self._chunks for chunk in file], self._kind)


def _made(field: pa.Field, total: int, files: int) -> _Numbers | _Pieces:
    if pa.types.is_timestamp(field.type) or field.type in _NUMPY:
        return _Numbers(field.type, total)
    return _Pieces(field.type, files)
