"""The columns of a feature set as a file has them, for those who register what they have."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from pyarrow import csv

from lake.errors import LakeError
from lake.features.given import Columnar, kind_of, unreadable
from lake.features.timing import is_alias, time_column
from lake.sources import Source
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
_TIME = pa.timestamp("us", tz="UTC")
_FIRST_BYTES = 4 << 20
"""How much of a text file tells the types of its columns."""


def columns_of(path: Path) -> dict[str, dict[str, Any]]:
    """Return the columns of a file in words, as `lake.features.declaring` takes them; each may be null.

    Of a text file the first megabytes tell the types.

    Raises:
        LakeError: SOURCE_NOT_FOUND, SOURCE_UNREADABLE; COLUMN_MISSING when no column can be ts; SCHEMA for a type that
            no column can have, for names that are missing or not each its own, or for no column.
    """
    kind = kind_of(path)
    if kind == "text":
        schema = _text_schema(path)
    else:
        with closing(Columnar(path, parquet=kind == "parquet")) as file:
            schema = file.schema
    _refuse_names(path, schema.names)
    known = {column.name for column in (*CLOCKS, *IDENTITY)} | {time_column(schema, (), str(path))}
    found = {
        field.name: {"type": _type(path, field.name, field.type), "nullable": True}
        for field in schema
        if field.name not in known
    }
    if not found:
        raise LakeError("SCHEMA", f"{path.name} has no columns of features", where=str(path))
    return found


def _refuse_names(path: Path, names: list[str]) -> None:
    for place, name in enumerate(names):
        if not name:
            message = f"column {place + 1} has no name"
        elif name in names[:place]:
            message = f"two columns are called {name}"
        else:
            continue
        fix = ["give every column a name of its own", "of a pandas frame: to_csv(PATH, index=False)"]
        raise LakeError("SCHEMA", message, where=str(path), why="Columns are told apart by their names.", fix=fix)


def _text_schema(path: Path) -> pa.Schema:
    data = b""
    with Source(path) as source:
        while len(data) < _FIRST_BYTES and (more := source.read(_FIRST_BYTES - len(data))):
            data += more
    whole_lines = data[: data.rfind(b"\n") + 1] if len(data) == _FIRST_BYTES else data
    try:
        schema = csv.read_csv(pa.BufferReader(whole_lines or data), csv.ReadOptions(use_threads=False)).schema
    except (pa.ArrowException, UnicodeError) as error:
        raise unreadable(path, error) from error
    if "ts" in schema.names:
        return schema
    # What may be ts is read as a time, however it is written.
    return pa.schema([pa.field(each.name, _TIME if is_alias(each.name) else each.type) for each in schema])


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
