"""The Arrow form of a schema, made from its column declarations."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import pyarrow as pa

from schemas.columns import IDENTITY

if TYPE_CHECKING:
    from schemas.columns import ColumnType, Schema

_TYPES: dict[ColumnType, pa.DataType] = {
    "timestamp_us": pa.timestamp("us", tz="UTC"),
    "timestamp_ns": pa.timestamp("ns", tz="UTC"),
    "float64": pa.float64(),
    "int64": pa.int64(),
    "int8": pa.int8(),
    "bool": pa.bool_(),
    "text": pa.string(),
    "category": pa.dictionary(pa.int32(), pa.string()),
}


def arrow_type(type_: ColumnType) -> pa.DataType:
    """Return the Arrow type a column type is stored as."""
    return _TYPES[type_]


@cache
def arrow_schema(schema: Schema, *, identity: bool = True) -> pa.Schema:
    """Return the Arrow schema in stored order; `identity=False` leaves out exchange, market and symbol."""
    left_out = () if identity else IDENTITY
    return pa.schema(
        [
            pa.field(column.name, _TYPES[column.type], nullable=column.nullable)
            for column in schema.columns
            if column not in left_out
        ]
    )
