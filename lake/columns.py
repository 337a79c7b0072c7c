"""The columns of stored files beside those of their schema: files that are older than a nullable column lack it.

What such a file has nothing of is read as null. A file never lacks a column that is demanded, nor has one that its
schema does not know, or one of another type: then it is damaged, or its asset was declared anew with other columns.
"""

from __future__ import annotations

from functools import lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

import pyarrow as pa

from lake import lists
from schemas.arrow import arrow_schema

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pyarrow.parquet as pq

    from schemas.columns import Schema

    Absent = Mapping[str, pa.DataType]
    """The columns that a file lacks, and their types."""

_LAYOUTS = 16
"""As many ways in which files of one schema are laid out are remembered: today's, and those of before a column."""


class Layout(NamedTuple):
    """How a file is laid out.

    Attributes:
        numbers: The columns it has, and their places in it.
        absent: The columns that it lacks.
        has_lists: Whether its schema has columns of lists.
        blanks: Columns of files laid out like it that are null in every row, with how many rows and which bytes: what
            is the same again is null again. It grows as files are read.
    """

    numbers: Mapping[str, int]
    absent: Absent
    has_lists: bool
    blanks: set[tuple[str, int, bytes]]


def layout(parquet: pq.ParquetFile, schema: Schema) -> Layout:
    """Return how an open file is laid out.

    Raises:
        pyarrow.ArrowInvalid: The file is of other columns than the schema allows.
    """
    has_lists, known = _layouts(schema)
    # Not what Parquet says of it: that and the footer hold each other, and stay until they are collected.
    said = parquet.schema_arrow
    for before, found in known:
        if said.equals(before):
            return found
    numbers = MappingProxyType({name: number for number, name in enumerate(said.names)})
    found = Layout(numbers, MappingProxyType(_compared(said, schema)), has_lists, set())
    if len(known) < _LAYOUTS:
        known.append((said, found))
    return found


@lru_cache(maxsize=256)
def _layouts(schema: Schema) -> tuple[bool, list[tuple[pa.Schema, Layout]]]:
    """Return whether there are lists, and what was found out of each layout of files: that grows as they are opened."""
    return schema.has_lists, []


def _compared(found: pa.Schema, schema: Schema) -> dict[str, pa.DataType]:
    name = f"{schema.name}/{schema.version}"
    wanted = arrow_schema(schema)
    unknown = sorted(set(found.names) - set(wanted.names))
    if unknown or len(set(found.names)) < len(found.names):
        message = f"{name} has no such columns: {', '.join(unknown)}" if unknown else "a column comes twice"
        raise pa.ArrowInvalid(message)
    lacking = {}
    for field in wanted:
        at = found.get_field_index(field.name)
        if at < 0 and not field.nullable:
            message = f"it lacks the column {field.name}, which {name} has in every row"
            raise pa.ArrowInvalid(message)
        if at < 0:
            lacking[field.name] = field.type
        elif found.field(at).type != field.type:
            message = f"its column {field.name} is {found.field(at).type}, and {field.type} in {name}"
            raise pa.ArrowInvalid(message)
    return lacking


def words(schema: Schema, names: Sequence[str] | None = None) -> list[str]:
    """Return the columns that are read as dictionaries, of a file with those names alone if they are given."""
    found = [column.name for column in schema.columns if column.type == "category"]
    return found if names is None else [name for name in found if name in names]


def completed(table: pa.Table, columns: Sequence[str], absent: Absent) -> pa.Table:
    """Return what was read of a file with nulls in those of the columns that it lacks; all of them in this order."""
    if not absent or absent.keys().isdisjoint(columns):
        return table
    arrays = [lists.nulls(table.num_rows, absent[n]) if n in absent else table.column(n) for n in columns]
    return pa.table(arrays, names=list(columns))
