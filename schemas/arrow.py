"""The Arrow form of a schema, made from its column declarations."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import pyarrow as pa

from schemas.columns import IDENTITY

if TYPE_CHECKING:
    from schemas.columns import Column, ColumnType, Schema

_TYPES: dict[ColumnType, pa.DataType] = {
    "timestamp_us": pa.timestamp("us", tz="UTC"),
    "timestamp_ns": pa.timestamp("ns", tz="UTC"),
    "float64": pa.float64(),
    "float32": pa.float32(),
    "int64": pa.int64(),
    "int32": pa.int32(),
    "int8": pa.int8(),
    "bool": pa.bool_(),
    "text": pa.string(),
    "category": pa.dictionary(pa.int32(), pa.string()),
}


def arrow_type(column: Column) -> pa.DataType:
    """Return the Arrow type of a column; of lists, one of fixed size whose elements are never null."""
    type_ = _TYPES[column.type]
    if column.length is None:
        return type_
    return pa.list_(pa.field("element", type_, nullable=False), column.length)


@cache
def arrow_schema(schema: Schema, *, identity: bool = True) -> pa.Schema:
    """Return the Arrow schema in stored order; `identity=False` leaves out exchange, market and symbol."""
    left_out = () if identity else IDENTITY
    return pa.schema(
        [
            pa.field(column.name, arrow_type(column), nullable=column.nullable)
            for column in schema.columns
            if column not in left_out
        ]
    )
