"""Giving the rows of a table the columns and types of a schema; what does not fit is said, not bent."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lake import lists, rows
from lake.errors import LakeError
from lake.sources.times import bounds
from schemas.arrow import arrow_schema
from schemas.columns import IDENTITY
from schemas.keys import normalise

if TYPE_CHECKING:
    from schemas.columns import Schema
    from schemas.keys import Address


def conform(batch: pa.RecordBatch, schema: Schema, address: Address, *, before: int = 0) -> pa.RecordBatch:
    """Give a batch the columns and types of a schema, without the identity ones.

    Args:
        batch: The rows.
        schema: What they are to become.
        address: The series they are meant for; where they name another one, they are refused.
        before: How many rows came before these, for what is said of one.

    Raises:
        LakeError: COLUMN_MISSING, or SCHEMA for an unknown column, another series' name, a value that does not fit its
            type, or a time outside the years 1800 to 2199.
    """
    wanted = arrow_schema(schema, identity=False)
    names = set(batch.schema.names)
    unknown = names - set(wanted.names) - {c.name for c in IDENTITY} - {"__index_level_0__"}
    if unknown:
        raise LakeError(
            "SCHEMA",
            f"unknown columns: {', '.join(sorted(unknown))}",
            where=str(address),
            why=f"The schema of {address.key} is closed.",
            fix=[f"keep to {', '.join(wanted.names)}"],
        )
    if len(names) < len(batch.schema.names):
        twice = sorted({name for name in names if batch.schema.names.count(name) > 1})
        raise LakeError(
            "SCHEMA",
            f"columns that come twice: {', '.join(twice)}",
            where=str(address),
            why="Nobody can tell which of them is meant.",
            fix=["give every column its own name"],
        )
    for column in IDENTITY:
        if column.name in names:
            _refuse_other_series(batch.column(column.name), column.name, address)
    arrays = []
    for target in wanted:
        if target.name not in names:
            if not target.nullable:
                raise LakeError("COLUMN_MISSING", f"column {target.name!r} is missing", where=str(address))
            arrays.append(lists.nulls(batch.num_rows, target.type))
            continue
        arrays.append(_cast(batch.column(target.name), target, address, before))
    return pa.RecordBatch.from_arrays(arrays, schema=wanted)


def _refuse_other_series(column: pa.Array, name: str, address: Address) -> None:
    """Refuse rows that say they are of another exchange, market or symbol than the address."""
    own = getattr(address, name)
    try:
        found = _different(column)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        why, fix = "Names of a series are texts.", [f"drop the column {name}: the address says it"]
        message = f"column {name!r}: {one_line(error)}"
        raise LakeError("SCHEMA", message, where=str(address), why=why, fix=fix) from error
    for value in found:
        if value is None or _spelt(value) == own:
            continue
        raise LakeError(
            "SCHEMA",
            f"the table has rows of {name} {value!r}, and the address says {own!r}",
            where=str(address),
            why="Rows of one series would be stored as another's.",
            fix=["write each series' rows to its own address", f"or drop the column {name}"],
        )


def _different(column: pa.Array) -> list[str | None]:
    """Return a column's values as texts, each once."""
    if not pa.types.is_dictionary(column.type):
        texts: list[str | None] = column.cast(pa.string()).unique().to_pylist()
        return texts
    words = column.dictionary.cast(pa.string()).to_pylist()
    return [words[i] for i in column.indices.unique().to_pylist() if i is not None]


def _spelt(name: str) -> str | None:
    try:
        return normalise(name)
    except ValueError:
        return None


def _cast(column: pa.Array, target: pa.Field, address: Address, before: int) -> pa.Array:
    try:
        if pa.types.is_dictionary(column.type):
            column = rows.plain_words(column)
        if pa.types.is_timestamp(target.type):
            return _times(column, target.type, before)
        if pa.types.is_boolean(target.type):
            return _bools(column, before)
        if pa.types.is_fixed_size_list(target.type):
            return _lists(column, target.type, before)
        if pa.types.is_dictionary(column.type) and column.dictionary.null_count:
            column = column.dictionary_decode()  # Parquet has no null among the words
        words = pa.types.is_dictionary(target.type)
        if words or pa.types.is_string(target.type):
            column = _without_fractions(column)
        if words and not pa.types.is_dictionary(column.type):
            return column.cast(pa.string()).dictionary_encode()
        return _number(column, target.type) if pa.types.is_float32(target.type) else column.cast(target.type)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        reason = "bad_timestamp: " if pa.types.is_timestamp(target.type) else ""
        raise LakeError(
            "SCHEMA",
            f"column {target.name!r}: {reason}{one_line(error)}",
            where=str(address),
            why="A value does not fit the column's type.",
            fix=[f"give values that {_spelled(target.type)} can hold"],
        ) from error


def _bools(column: pa.Array, before: int) -> pa.Array:
    """Cast to bools; ArrowInvalid for numbers but 0 and 1, which Arrow takes for true."""
    made = column.cast(pa.bool_())
    if pa.types.is_integer(column.type) or pa.types.is_floating(column.type):
        other = pc.not_equal(made.cast(pa.int8()).cast(column.type), column).fill_null(False)  # noqa: FBT003 -- the argument has another name in each of Arrow's classes
        if pc.any(other).as_py():
            row = other.index(pa.scalar(value=True)).as_py()
            msg = f"row {before + row}: {column[row].as_py()} is neither 0 nor 1"
            raise pa.ArrowInvalid(msg)
    return made


def _spelled(kind: pa.DataType) -> str:
    """Return the name of a type as declarations spell it, where Arrow has another; its of lists is hard to read."""
    if pa.types.is_fixed_size_list(kind):
        return f"lists of {kind.list_size} {_spelled(kind.value_type)}"
    return {"double": "float64", "float": "float32", "string": "text"}.get(str(kind), str(kind))


def _number(column: pa.Array, kind: pa.DataType) -> pa.Array:
    """Cast to a type of number; ArrowInvalid for what is beyond it."""
    made = column.cast(kind)
    beyond = pc.is_inf(made) if pa.types.is_float32(kind) else None
    if beyond is not None and pc.any(beyond).as_py():
        numbers = column.cast(pa.float64()).filter(beyond)
        finite = numbers.filter(pc.is_finite(numbers))
        if len(finite):
            msg = f"{finite[0].as_py()!r} is beyond the largest {kind}"
            raise pa.ArrowInvalid(msg)
    return made


def _lists(column: pa.Array, kind: pa.FixedSizeListType, before: int) -> pa.Array:
    """Cast to lists of a fixed size; ArrowInvalid for lists of another size, and for elements that are missing."""
    if pa.types.is_null(column.type):
        return lists.nulls(len(column), kind)
    if not any(is_kind(column.type) for is_kind in _LISTS):
        msg = f"{column.type} is no list"
        raise pa.ArrowInvalid(msg)
    length = kind.list_size
    valid = lists.present(column)
    lengths = pc.list_value_length(column).fill_null(length).to_numpy()
    if (lengths != length).any():
        row = int((lengths != length).argmax())
        msg = f"row {before + row}: a list of {lengths[row]}, expected {length}"
        raise pa.ArrowInvalid(msg)
    values = column.flatten()  # nothing of a null
    if values.null_count:
        place = values.is_null().to_numpy(zero_copy_only=False).argmax()
        row = np.arange(len(column))[slice(None) if valid is None else valid][place // length]
        msg = f"row {before + row}: element {place % length} of the list is null"
        raise pa.ArrowInvalid(msg)
    return lists.made(_number(values, kind.value_type), kind, valid)


_LISTS = (pa.types.is_fixed_size_list, pa.types.is_list, pa.types.is_large_list)


def _times(column: pa.Array, target: pa.TimestampType, before: int) -> pa.Array:
    """Cast to times; ArrowInvalid for what is none, or lies outside the years 1800 to 2199."""
    if pa.types.is_integer(column.type):
        msg = "integers are no times: make them timestamps first"
        raise pa.ArrowInvalid(msg)
    times = column if pa.types.is_timestamp(column.type) else _read_times(column, target)
    unit = times.type.unit
    low, high, _ = bounds(unit)
    numbers = times.view(pa.int64())
    found = pc.min_max(numbers).as_py()
    if found["min"] is not None and (found["min"] < low or found["max"] > high):
        outside = pc.or_(pc.less(numbers, low), pc.greater(numbers, high))
        row = outside.index(pa.scalar(value=True)).as_py()
        msg = f"row {before + row}: {np.datetime64(numbers[row].as_py(), unit)} is outside the years 1800 to 2199"
        raise pa.ArrowInvalid(msg)
    return times.cast(target)


def _read_times(column: pa.Array, target: pa.TimestampType) -> pa.Array:
    """Make times of texts or dates; texts without a zone are UTC."""
    kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    if not any(is_kind(kind) for is_kind in _TEXTS):
        return column.cast(target)
    texts = column.cast(pa.string())
    try:
        return texts.cast(target)
    except pa.ArrowInvalid:
        try:
            return texts.cast(pa.timestamp(target.unit))
        except pa.ArrowInvalid as error:
            said = one_line(error).partition(" as a scalar")[0]
            msg = f"{said}: times are written 2024-03-05T10:00, all with a zone or none"
            raise pa.ArrowInvalid(msg) from error


_TEXTS = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view)


def _without_fractions(column: pa.Array) -> pa.Array:
    """Turn floats, which pandas makes of whole numbers when one is missing, into these; leave other columns."""
    words = pa.types.is_dictionary(column.type)
    if not pa.types.is_floating(column.type.value_type if words else column.type):
        return column
    numbers = (column.dictionary_decode() if words else column).cast(pa.float64())
    values = numbers.drop_null().to_numpy()
    broken = values[~((np.abs(values) < 2**53) & (values == np.trunc(values)))]
    if len(broken):
        msg = f"{float(broken[0])!r} is no text, and not a whole number that a float holds exactly"
        raise pa.ArrowInvalid(msg)
    return numbers.cast(pa.int64())


def one_line(error: Exception) -> str:
    """Return what an error of Arrow says, without the traceback that Arrow adds to those of Python."""
    said = str(error).partition(" Detail: Python exception:")[0].split("\n")[0].strip()
    return said or type(error).__name__
