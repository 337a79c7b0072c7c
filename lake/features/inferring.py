"""The columns of a feature set as a file has them, for those who register what they have."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from pyarrow import csv

from lake.errors import LakeError
from lake.features.given import BLOCK_BYTES, Columnar, kind_of, unreadable
from lake.features.timing import is_alias
from lake.sources import Source
from lake.sources.flatten import whole_lines
from schemas.columns import IDENTITY
from schemas.features import CLOCKS

if TYPE_CHECKING:
    from pathlib import Path

_TYPES = (
    (pa.types.is_float16, "float32"),
    (pa.types.is_float32, "float32"),
    (pa.types.is_float64, "float64"),
    (pa.types.is_boolean, "bool"),
    (pa.types.is_int8, "int8"),
    (pa.types.is_int16, "int32"),
    (pa.types.is_uint8, "int32"),
    (pa.types.is_uint16, "int32"),
    (pa.types.is_int32, "int32"),
    (pa.types.is_uint32, "int64"),
    (pa.types.is_int64, "int64"),
    (pa.types.is_string, "text"),
    (pa.types.is_large_string, "text"),
    (pa.types.is_string_view, "text"),
    (pa.types.is_dictionary, "text"),
    (pa.types.is_date, "timestamp_us"),
)
_ELEMENTS = {"float32", "float64", "int32", "int64"}


def columns_of(path: Path) -> dict[str, dict[str, Any]]:
    """Return the columns of a file in words, as `lake.features.declaring` takes them; each may be null.

    Of a text file the first block tells the types.

    Raises:
        LakeError: SOURCE_NOT_FOUND, SOURCE_UNREADABLE; COLUMN_MISSING when there are no times; SCHEMA for a type
            that no column can have, or for no column.
    """
    kind = kind_of(path)
    if kind == "text":
        schema = _text_schema(path)
    else:
        with closing(Columnar(path, parquet=kind == "parquet")) as file:
            schema = file.schema
    known = {column.name for column in (*CLOCKS, *IDENTITY)}
    times = [name for name in schema.names if is_alias(name)]
    if "ts" not in schema.names and len(times) != 1:
        raise LakeError(
            "COLUMN_MISSING",
            f"{path.name} has no column ts, and {' and '.join(times) or 'none'} may be taken for it",
            where=str(path),
            why="A row of features speaks of a time.",
            fix=["call the column of times ts"],
        )
    known |= set(times) if "ts" not in schema.names and len(times) == 1 else set()
    found = {
        field.name: {"type": _type(path, field.name, field.type), "nullable": True}
        for field in schema
        if field.name not in known
    }
    if not found:
        raise LakeError("SCHEMA", f"{path.name} has no columns of features", where=str(path))
    return found


def _text_schema(path: Path) -> pa.Schema:
    try:
        with Source(path) as source:
            first = next(whole_lines(iter(lambda: source.read(BLOCK_BYTES), b""), path.name), b"")
        return csv.read_csv(pa.BufferReader(first)).schema
    except (pa.ArrowException, OSError, UnicodeError) as error:
        raise unreadable(path, error) from error


def _type(path: Path, name: str, kind: pa.DataType) -> str:
    for fits, type_ in _TYPES:
        if fits(kind):
            return type_
    if pa.types.is_timestamp(kind):
        return "timestamp_ns" if kind.unit == "ns" else "timestamp_us"
    if pa.types.is_fixed_size_list(kind):
        element = _type(path, name, kind.value_type)
        if element in _ELEMENTS:
            return f"{element}[{kind.list_size}]"
    raise LakeError(
        "SCHEMA",
        f"{name} is {kind}, which no column of a feature set can be",
        where=str(path),
        why="Columns are numbers, texts, times, and lists of numbers of one length.",
        fix=["declare the columns yourself: dl features register NAME --schema FILE.toml"],
    )
