"""Many files as columns in memory: decoded side by side, each straight to its place in columns of the final length.

So a large read takes what its rows take and a row group a worker, and every column is one piece.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import accumulate
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from lake import files, lists
from lake.errors import LakeError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence

    from numpy.typing import NDArray

    from lake.checksums import StoredFile

WORKERS = 2
"""Files that are decoded at a time, each with a row group in memory."""
_BLANKS = 1_024
"""Columns without a value that are remembered of one layout of files."""


def gather(
    schema: pa.Schema, counts: Sequence[int], read: Callable[[int], Iterable[pa.Table]], names: Sequence[str]
) -> list[pa.Array | pa.ChunkedArray]:
    """Return the rows of some files, one after the other, as columns.

    Args:
        schema: The columns.
        counts: How many rows each file has.
        read: Gives the rows of a file by its number, as tables of these columns; what one lacks is null in it. Called
            in several threads.
        names: What to call each file in an error.

    Raises:
        LakeError: FILE_DAMAGED when a file has another number of rows, and what `read` raises.
    """
    starts = [0, *accumulate(counts)]
    columns = {field.name: _made(field, starts[-1], len(counts)) for field in schema}

    def fill(number: int) -> None:
        at, end = starts[number], starts[number + 1]
        for table in read(number):
            if at + table.num_rows > end:
                raise _miscounted(names[number], counts[number])
            there = {*table.column_names}
            for name, column in columns.items():
                if name in there:
                    column.put(number, at, table.column(name))
                else:
                    column.skip(number, at, table.num_rows)
            at += table.num_rows
        if at != end:
            raise _miscounted(names[number], counts[number])

    with ThreadPoolExecutor(WORKERS, thread_name_prefix="read") as pool:
        for _ in pool.map(fill, range(len(counts))):
            pass
    return [column.finished() for column in columns.values()]


def filled(parquet: StoredFile, group: int, names: list[str], unread: Collection[str]) -> pa.Table:
    """Read as `files.read_group` does, only what has values: columns that are all null may be lacking, in any order.

    The few bytes that say so of a column say it of every other one as well, which then need not be decoded.
    """
    with files.explained(parquet):
        few = parquet.check(group, names)
        count = parquet.metadata.row_group(group).num_rows
        blank = {name for name, held in few.items() if (name, count, held) in parquet.blanks}
        wanted = [name for name in names if name not in unread and name not in blank and name not in parquet.absent]
        if not wanted:
            return files.read_group(parquet, group, names, unread)
        table = parquet.read_row_group(group, columns=wanted, use_threads=False)
    for name in few.keys() - blank - {*unread}:
        if table.column(name).null_count == count and len(parquet.blanks) < _BLANKS:
            parquet.blanks.add((name, count, few[name]))
    return lists.clean(table) if parquet.has_lists else table


def _miscounted(name: str, count: int) -> LakeError:
    return LakeError("FILE_DAMAGED", f"a file of the lake has not the {count:,} rows it was written with", where=name)


class _Numbers:
    """A column of numbers or times: one array, filled in place."""

    def __init__(self, kind: pa.DataType, total: int) -> None:
        self._kind = kind
        self._dtype = np.dtype(f"i{kind.byte_width}") if pa.types.is_timestamp(kind) else np.dtype(_NUMPY[kind])
        self._values = np.empty(total, self._dtype)
        self._absent: NDArray[np.bool_] = np.zeros(total, np.bool_)  # takes no memory until there is a null
        self._some = False

    def put(self, number: int, at: int, values: pa.ChunkedArray) -> None:
        for chunk in values.chunks:
            count, nulls = len(chunk), chunk.null_count
            end = at + count
            if nulls == count:
                self.skip(number, at, count)
            else:
                valid, held = chunk.buffers()
                if nulls:
                    bits = np.unpackbits(np.frombuffer(valid, np.uint8), bitorder="little")
                    self._absent[at:end] = bits[chunk.offset : chunk.offset + count] == 0
                    self._some = True
                self._values[at:end] = np.frombuffer(held, self._dtype, count, chunk.offset * self._dtype.itemsize)
            at = end

    def skip(self, _: int, at: int, count: int) -> None:
        self._absent[at : at + count] = self._some = True

    def finished(self) -> pa.Array:
        nulls = int(np.count_nonzero(self._absent)) if self._some else 0
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

    def skip(self, number: int, _: int, count: int) -> None:
        self._chunks[number].append(lists.nulls(count, self._kind))

    def finished(self) -> pa.ChunkedArray:
        return pa.chunked_array([chunk for file in self._chunks for chunk in file], self._kind)


def _made(field: pa.Field, total: int, files: int) -> _Numbers | _Pieces:
    if pa.types.is_timestamp(field.type) or field.type in _NUMPY:
        return _Numbers(field.type, total)
    return _Pieces(field.type, files)
