"""How large the cells of a columnar file may be: a small file of few long texts, each named a million times, is a bomb.

What a Parquet footer says of sizes is no help, since it counts a text in a dictionary once. So texts are read as
dictionaries, which are as large as the file makes them, and spelt out in pieces whose size is known before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from lake.sources.containers.limits import unsafe

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CELL_BYTES = 1 << 16
"""The longest text that is still a cell: ids and conditions of trades are shorter than a hundred bytes."""

PIECE_BYTES = 16 << 20
"""Texts of one piece, spelt out."""


def is_text(kind: Any) -> bool:  # noqa: ANN401 -- pa.DataType
    """Tell types whose values are of any length."""
    known = (pa.types.is_string, pa.types.is_large_string, pa.types.is_binary, pa.types.is_large_binary)
    return any(each(kind) for each in known)


def pieces(batch: Any, schema: Any, rows: int, path: Path) -> Iterator[Any]:  # noqa: ANN401 -- pa.RecordBatch, pa.Schema
    """Yield a batch in pieces of few enough rows, its texts in the types of a schema.

    Args:
        batch: Records, with texts as they are or as dictionaries.
        schema: The types in which they are wanted, column by column.
        rows: The most rows of a piece.
        path: What to name in a refusal.

    Raises:
        LakeError: SOURCE_UNSAFE for a cell of more than CELL_BYTES.
    """
    longest = max((_longest(column) for column in batch.columns), default=0)
    if longest > CELL_BYTES:
        raise unsafe(path.name, path, f"has a cell of {longest:,} bytes, more than the {CELL_BYTES:,} that are read")
    size = max(1, min(rows, PIECE_BYTES // max(longest, 1)))
    for start in range(0, len(batch), size):
        piece = batch.slice(start, size)
        columns = [_in_type(column, field.type) for column, field in zip(piece.columns, schema, strict=True)]
        yield pa.RecordBatch.from_arrays(columns, names=schema.names)


def _longest(column: Any) -> int:  # noqa: ANN401 -- pa.Array
    if pa.types.is_dictionary(column.type):
        return _longest(column.dictionary)
    if not is_text(column.type) or not len(column):
        return 0
    return int(pc.max(pc.binary_length(column)).as_py() or 0)


def _in_type(column: Any, kind: Any) -> Any:  # noqa: ANN401 -- pa.Array, pa.DataType
    if pa.types.is_dictionary(column.type) and not pa.types.is_dictionary(kind):
        return column.dictionary_decode().cast(kind)
    return column
