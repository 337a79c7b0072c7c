"""Rows as text and as files, a batch at a time: CSV, JSON lines, Parquet, Arrow.

Times are written as RFC 3339 with nine decimals and Z, numbers as the shortest text that reads back to the same number.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, BinaryIO

import pyarrow as pa
import pyarrow.compute as pc

from dl_datalake.output import to_json

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

NEEDS_QUOTES = r'[",\r\n]|^$'


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
    for batch in batches:
        cells = [_cell(column) for column in batch.columns]
        lines = pc.binary_join_element_wise(*cells, ",", null_handling="replace", null_replacement="")
        sink.write(_joined(pc.binary_join_element_wise(lines, "", "\n")))
        rows += batch.num_rows
    return rows


def write_jsonl(schema: pa.Schema, batches: Iterable[pa.RecordBatch], sink: BinaryIO) -> int:
    """Write one JSON object a row."""
    rows = 0
    for batch in batches:
        sink.writelines(f"{to_json(row)}\n".encode() for row in records(schema, batch))
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
    columns = [_time_text(column) if pa.types.is_timestamp(column.type) else column for column in batch.columns]
    rows: list[dict[str, Any]] = pa.RecordBatch.from_arrays(columns, names=schema.names).to_pylist()
    return rows


def texts(batch: pa.RecordBatch) -> list[list[str]]:
    """Return a batch as rows of text, nulls as `-`."""
    return [list(row) for row in zip(*(_plain(c).fill_null("-").to_pylist() for c in batch.columns), strict=True)]


def _cell(column: pa.Array) -> pa.Array:
    text = _plain(column)
    if not (pa.types.is_string(column.type) or pa.types.is_dictionary(column.type)):
        return text
    special = pc.match_substring_regex(text, NEEDS_QUOTES)
    if not pc.any(special).as_py():
        return text
    quoted = pc.binary_join_element_wise("", pc.replace_substring(text, '"', '""'), "", '"')
    return pc.if_else(special, quoted, text)


def _plain(column: pa.Array) -> pa.Array:
    return _time_text(column) if pa.types.is_timestamp(column.type) else column.cast(pa.string())


def _time_text(column: pa.Array) -> pa.Array:
    digits = {"s": 0, "ms": 3, "us": 6, "ns": 9}[column.type.unit]
    text = pc.replace_substring(column.cast(pa.string()), " ", "T", max_replacements=1)
    ending = ("" if digits else ".") + "0" * (9 - digits) + "Z"
    return text if digits == 9 else pc.replace_substring(text, "Z", ending)


def _joined(lines: pa.Array) -> memoryview:
    """Return the text of all lines at once: they lie end to end in the array's buffer."""
    _, offsets, data = lines.buffers()
    ends = memoryview(offsets).cast("i")
    return memoryview(data)[ends[lines.offset] : ends[lines.offset + len(lines)]]


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
