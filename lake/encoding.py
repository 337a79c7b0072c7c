"""How rows become Parquet: the encoding of each column, and the columns that name the series."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from lake import rows
from schemas.columns import FLOATS, IDENTITY

if TYPE_CHECKING:
    from schemas.columns import Column, Schema
    from schemas.keys import Address


LIST_GROUP_BYTES = 8_388_608
"""Bytes of rows with lists in a row group at most: to read one takes some ten times what its lists hold."""


@lru_cache(maxsize=256)
def encoding(schema: Schema, empty: frozenset[str] = frozenset()) -> dict[str, Any]:
    """Return the Parquet writer options for a schema: bars for size, events for size and speed.

    Lists are told apart by the path of their elements, and the Arrow schema is kept with them: without it they would be
    read as lists of any length. Of features the footer also tells how many values are null: an audit asks for that.

    In bars only floats that have values are compressed: packed integers, constant and empty columns gain nothing from
    it, and compressing them took a quarter of the time a day's file takes.

    Args:
        schema: What is written.
        empty: Columns known to hold nothing but nulls.
    """
    events = rows.unit(schema) == "ns"
    paths = {c.name: _path(c) for c in schema.columns}
    lists = [paths[c.name] for c in schema.columns if c.length is not None]
    text = [c.name for c in schema.columns if c.type == "category" or c.name == "conditions"]
    floats = [paths[c.name] for c in schema.columns if c.type in FLOATS]
    whole = [paths[c.name] for c in schema.columns if c.type in {"int64", "int32", "timestamp_us", "timestamp_ns"}]
    ids = [c.name for c in schema.columns if c.type == "text" and c.name not in text]
    unused = {paths[name] for name in empty}
    packed = list(paths.values()) if events else [path for path in (*floats, *ids) if path not in unused]
    level = 4 if events else 3
    nullable = [c.name for c in schema.columns if "known_at" in schema.key and c.nullable and c.length is None]
    return {
        "compression": {path: "zstd" if path in packed else "none" for path in paths.values()},
        "compression_level": dict.fromkeys(packed, level),
        "use_dictionary": [*text, *(path for path in floats if events and path not in lists)],
        "column_encoding": dict.fromkeys(whole, "DELTA_BINARY_PACKED") | dict.fromkeys(ids, "DELTA_BYTE_ARRAY"),
        "write_page_checksum": True,
        "write_statistics": ["ts", *nullable],
        "store_schema": bool(lists),
    }


def _path(column: Column) -> str:
    """Return what Parquet calls a column that holds the values."""
    return column.name if column.length is None else f"{column.name}.list.element"


class _Constant:
    """A dictionary column that says the same in every row."""

    def __init__(self, value: str) -> None:
        # Of buffers: pa.array() and pa.scalar() import pandas, which takes longer than a cold read of one day.
        text = value.encode()
        ends = np.array([0, len(text)], np.int32)
        self._dictionary = pa.Array.from_buffers(pa.string(), 1, [None, pa.py_buffer(ends), pa.py_buffer(text)])
        self._last = pa.DictionaryArray.from_arrays(pa.nulls(0, pa.int32()), self._dictionary)

    def __call__(self, length: int) -> pa.DictionaryArray:
        last = self._last
        if len(last) < length:
            codes = pa.Array.from_buffers(pa.int32(), length, [None, pa.py_buffer(np.zeros(length, np.int32))])
            last = pa.DictionaryArray.from_arrays(codes, self._dictionary)
            self._last = last  # another thread may put a shorter one here at the same time
        return last.slice(0, length)


@lru_cache(maxsize=1024)
def identity(address: Address) -> tuple[_Constant, ...]:
    """Return what makes the columns that name the series, as many rows of them as are asked for."""
    return tuple(_Constant(getattr(address, column.name)) for column in IDENTITY)
