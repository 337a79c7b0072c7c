"""Rows as text and as files, a batch at a time: CSV, JSON lines, Parquet, Arrow.

Times are written as RFC 3339 with nine decimals and Z, numbers as the shortest text that reads back to the same number,
lists as JSON arrays.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dl_datalake.output import to_json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

NEEDS_QUOTES = r'[",\r\n]|^$'
_ELEMENTS = 262_144
"""Elements of lists that are text at a time."""
_LONGEST = 8
"""Elements of a list that are shown to people; of a longer one only the first few."""
_FIRST = 4


def limited(batches: Iterable[pa.RecordBatch], limit: int | None) -> Iterator[pa.RecordBatch]:
    """Yield batches up to `limit` rows in all."""
    left = limit
    for batch in batches:
        if left is None:
            yield batch
            continue
        if left <= 0:
            return
        yield batch.slice(0, left)
        left -= min(left, batch.num_rows)
        if not left:
            return


def write_csv(schema: pa.Schema, batches: Iterable[pa.RecordBatch], sink: BinaryIO) -> int:
    """Write a header and rows; only cells that need quotes have them, and an empty text is quoted, a null is not."""
    sink.write((",".join(schema.names) + "\n").encode())
    rows = 0
    for batch in _narrow(batches):
        sink.write(lines([_cell(column) for column in batch.columns]))
        rows += batch.num_rows
    return rows


def lines(cells: Iterable[pa.Array], delimiter: str = ",") -> memoryview:
    """Return columns of text as lines, a null as an empty cell; cells that need quotes must have them already."""
    joined = pc.binary_join_element_wise(*cells, delimiter, null_handling="replace", null_replacement="")
    return _joined(pc.binary_join_element_wise(joined, "", "\n"))


def write_jsonl(
    schema: pa.Schema,
    batches: Iterable[pa.RecordBatch],
    sink: BinaryIO,
    of: Callable[[pa.RecordBatch], list[dict[str, Any]]] | None = None,
) -> int:
    """Write one JSON object a row; `of` makes them of a batch where `records` does not."""
    rows = 0
    for batch in _narrow(batches):
        made = records(schema, batch) if of is None else of(batch)
        sink.writelines(f"{to_json(row)}\n".encode() for row in made)
        rows += batch.num_rows
    return rows


def write_parquet(schema: pa.Schema, batches: Iterable[pa.RecordBatch], sink: BinaryIO) -> int:
    """Write one Parquet file, compressed with zstd."""
    import pyarrow.parquet as pq

    rows = 0
    with pq.ParquetWriter(_Counting(sink), schema, compression="zstd", write_page_checksum=True) as writer:
        for batch in batches:
            writer.write_batch(batch)
            rows += batch.num_rows
    return rows


def write_arrow(schema: pa.Schema, batches: Iterable[pa.RecordBatch], sink: BinaryIO) -> int:
    """Write an Arrow IPC stream, which any Arrow reader takes from a pipe."""
    rows = 0
    # Each partition's file has its own dictionaries: readers of streams know how to replace one.
    options = pa.ipc.IpcWriteOptions(emit_dictionary_deltas=False)
    with pa.ipc.new_stream(_Counting(sink), schema, options=options) as writer:
        for batch in batches:
            writer.write_batch(batch)
            rows += batch.num_rows
    return rows


def records(schema: pa.Schema, batch: pa.RecordBatch) -> list[dict[str, Any]]:
    """Return a batch as one dictionary a row, times as text."""
    columns = [_json_values(column) for column in batch.columns]
    rows: list[dict[str, Any]] = pa.RecordBatch.from_arrays(columns, names=schema.names).to_pylist()
    return rows


def texts(batch: pa.RecordBatch) -> list[list[str]]:
    """Return a batch as rows of text, nulls as `-`, of long lists the first elements and how many there are."""
    return [list(row) for row in zip(*(_shown(c).fill_null("-").to_pylist() for c in batch.columns), strict=True)]


def texts_apart(old: pa.RecordBatch, new: pa.RecordBatch) -> tuple[list[list[str]], list[list[str]]]:
    """Return two batches of equal length as `texts`, but of long lists the first element that differs, with its place.

    Places count from 0: `[… 17: 0.5 …]`.
    """
    sides = texts(old), texts(new)
    for at, field in enumerate(old.schema):
        if not pa.types.is_fixed_size_list(field.type) or field.type.list_size <= _LONGEST:
            continue
        for row, pair in enumerate(zip(old.column(at), new.column(at), strict=True)):
            if all(value.is_valid for value in pair) and pair[0] != pair[1]:
                lists = [_plain(value.values).to_pylist() for value in pair]
                place = next(i for i, (a, b) in enumerate(zip(*lists, strict=True)) if a != b)
                for side, elements in zip(sides, lists, strict=True):
                    side[row][at] = f"[… {place}: {elements[place]} …]"
    return sides


def _narrow(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Yield batches as they are, those with long lists in smaller ones: as text they are large."""
    for batch in batches:
        kinds = [kind for kind in batch.schema.types if pa.types.is_fixed_size_list(kind)]
        step = max(1, _ELEMENTS // max((kind.list_size for kind in kinds), default=1))
        for start in range(0, batch.num_rows, step) if kinds else (0,):
            yield batch.slice(start, step) if kinds else batch


def _cell(column: pa.Array) -> pa.Array:
    text = _plain(column)
    if not any(is_kind(column.type) for is_kind in _WORDS):
        return text
    special = pc.match_substring_regex(text, NEEDS_QUOTES)
    if not pc.any(special).as_py():
        return text
    quoted = pc.binary_join_element_wise("", pc.replace_substring(text, '"', '""'), "", '"')
    return pc.if_else(special, quoted, text)


_WORDS = (pa.types.is_string, pa.types.is_dictionary, pa.types.is_fixed_size_list)


def _plain(column: pa.Array) -> pa.Array:
    if pa.types.is_fixed_size_list(column.type):
        return _joined_elements(column, column.type.list_size, ",", "]")
    return time_text(column) if pa.types.is_timestamp(column.type) else column.cast(pa.string())


def _shown(column: pa.Array) -> pa.Array:
    if not pa.types.is_fixed_size_list(column.type):
        return _plain(column)
    length = column.type.list_size
    if length <= _LONGEST:
        return _joined_elements(column, length, ", ", "]")
    return _joined_elements(column, _FIRST, ", ", f", … {length} in all]")


def _joined_elements(column: pa.Array, count: int, between: str, end: str) -> pa.Array:
    """Return the first elements of each list as text."""
    length = column.type.list_size
    elements = column.flatten()  # nothing of a null
    if count < length:
        elements = elements.take(pa.array(np.flatnonzero(np.arange(len(elements)) % length < count)))
    lists = pc.binary_join(_lists(column, elements.cast(pa.string()), count), between)
    return pc.binary_join_element_wise("[", lists, end, "")


def _lists(column: pa.Array, elements: pa.Array, count: int) -> pa.ListArray:
    """Make lists of so many elements each of what is in the lists of a column, null where these are."""
    valid = column.is_valid()
    ends = np.cumsum(valid.to_numpy(zero_copy_only=False)) * count
    offsets = pa.array(np.append(0, ends).astype(np.int32))
    return pa.ListArray.from_arrays(offsets, elements, mask=pc.invert(valid))


def _json_values(column: pa.Array) -> pa.Array:
    """Return a column whose Python values are those of JSON."""
    if pa.types.is_timestamp(column.type):
        return time_text(column)
    if pa.types.is_fixed_size_list(column.type):
        return _lists(column, _json_values(column.flatten()), column.type.list_size)
    if pa.types.is_float32(column.type):  # as Python's, 0.1 would be 0.10000000149011612
        return column.cast(pa.string()).cast(pa.float64())
    return column


def time_text(column: pa.Array) -> pa.Array:
    """Return times as RFC 3339 text with nine decimals."""
    digits = {"s": 0, "ms": 3, "us": 6, "ns": 9}[column.type.unit]
    text = pc.replace_substring(column.cast(pa.string()), " ", "T", max_replacements=1)
    ending = ("" if digits else ".") + "0" * (9 - digits) + "Z"
    return text if digits == 9 else pc.replace_substring(text, "Z", ending)


def _joined(texts: pa.Array) -> memoryview:
    """Return all texts at once: they lie end to end in the array's buffer."""
    _, offsets, data = texts.buffers()
    ends = memoryview(offsets).cast("i")
    return memoryview(data)[ends[texts.offset] : ends[texts.offset + len(texts)]]


class _Counting:
    """A sink that only ever moves forward, such as a pipe, for writers that ask where they are."""

    closed = False

    def __init__(self, sink: BinaryIO) -> None:
        self.sink = sink
        self.position = 0

    def write(self, data: bytes) -> int:
        self.position += len(data)
        self.sink.write(data)
        return len(data)

    def tell(self) -> int:
        return self.position

    def flush(self) -> None:
        self.sink.flush()

    def close(self) -> None:
        self.sink.flush()

    @staticmethod
    def writable() -> bool:
        return True

    @staticmethod
    def readable() -> bool:
        return False

    @staticmethod
    def seekable() -> bool:
        return False
