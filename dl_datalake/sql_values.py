"""What a statement gives as text and as JSON: it has types that stored rows have not, and numbers that JSON has not.

Nested values are written as JSON, bytes in hexadecimal digits, intervals in words, and NaN and infinities as text.
"""

from __future__ import annotations

import datetime as dt
import math
from decimal import Decimal
from typing import Any

import pyarrow as pa

from dl_datalake import export
from dl_datalake.output import to_json

_TEXT = (
    pa.types.is_integer,
    pa.types.is_floating,
    pa.types.is_boolean,
    pa.types.is_string,
    pa.types.is_timestamp,
    pa.types.is_decimal,
    pa.types.is_date,
    pa.types.is_time,
    pa.types.is_null,
)


def flat(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Return a batch whose columns can all be written as text, a cell a value."""
    return _with(batch, [_flat(column) for column in batch.columns])


def storable(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Return a batch that Parquet can hold."""
    return _with(batch, [_text(c) if _is_odd(c.type) else c for c in batch.columns])


def records(batch: pa.RecordBatch) -> list[dict[str, Any]]:
    """Return a batch as one dictionary a row, whose values are those of JSON."""
    columns = [_json_column(column) for column in batch.columns]
    return [dict(zip(batch.schema.names, row, strict=True)) for row in zip(*columns, strict=True)]


def _with(batch: pa.RecordBatch, columns: list[pa.Array]) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays(columns, names=batch.schema.names)


def _is_odd(kind: pa.DataType) -> bool:
    return bool(pa.types.is_interval(kind) or pa.types.is_union(kind) or pa.types.is_null(kind))


def _flat(column: pa.Array) -> pa.Array:
    kind = column.type
    if pa.types.is_dictionary(kind):
        column, kind = column.cast(kind.value_type), kind.value_type
    if any(fits(kind) for fits in _TEXT):
        return column
    if pa.types.is_fixed_size_list(kind) and not column.flatten().null_count:
        return column
    return _text(column)


def _text(column: pa.Array) -> pa.Array:
    values = (None if value is None else _json_value(value) for value in column.to_pylist())
    return pa.array([v if v is None or isinstance(v, str) else to_json(v) for v in values], pa.string())


def _json_column(column: pa.Array) -> list[Any]:
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if pa.types.is_timestamp(column.type):
        return list(export.time_text(column).to_pylist())
    return [_json_value(value) for value in column.to_pylist()]


def _json_value(value: Any) -> Any:  # noqa: ANN401, PLR0911 - whatever DuckDB has a type for
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, Decimal):
        return int(value) if value.as_tuple().exponent == 0 else float(value)
    if isinstance(value, dt.date | dt.time):
        return value.isoformat()
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, pa.MonthDayNano):
        return _interval(value)
    if isinstance(value, list | tuple):
        return [_json_value(each) for each in value]
    if isinstance(value, dict):
        return {name: _json_value(each) for name, each in value.items()}
    return value


def _interval(value: pa.MonthDayNano) -> str:
    months, days, nanoseconds = value
    parts = [f"{months} months" if months else "", f"{days} days" if days else ""]
    return " ".join(filter(None, [*parts, f"{nanoseconds / 1e9:g} s" if nanoseconds or not (months or days) else ""]))
