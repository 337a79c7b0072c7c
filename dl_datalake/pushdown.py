"""What of a Polars filter the lake can do itself: comparisons of columns with values, joined by `&` and `|`.

What is taken over keeps at least the rows that the filter keeps; Polars filters them once more, and exactly.
"""

from __future__ import annotations

import json
import math
import operator
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from lake.where import Where
from schemas.arrow import arrow_schema

if TYPE_CHECKING:
    from collections.abc import Callable

    import polars as pl

    from lake.read import Scan

_SIGNS: dict[str, Callable[[Any, Any], Any]] = {
    "Eq": operator.eq,
    "NotEq": operator.ne,
    "Lt": operator.lt,
    "LtEq": operator.le,
    "Gt": operator.gt,
    "GtEq": operator.ge,
}
_TURNED = {"Lt": "Gt", "LtEq": "GtEq", "Gt": "Lt", "GtEq": "LtEq"}
_BOUNDS = {"Both": ("GtEq", "LtEq"), "Left": ("GtEq", "Lt"), "Right": ("Gt", "LtEq"), "None": ("Gt", "Lt")}
_WHOLE = {"Int8", "Int16", "Int32", "Int64"}
_UNITS = {"Milliseconds": "ms", "Microseconds": "us", "Nanoseconds": "ns"}
Node = dict[str, Any]


def pushed(predicate: pl.Expr, scan: Scan) -> Where | None:
    """Return a condition that every row fits which a filter keeps; None where none can be told."""
    try:
        tree = json.loads(predicate.meta.serialize(format="json"))
    except (ValueError, TypeError):
        return None
    whole = arrow_schema(scan.declaration)
    used: set[str] = set()
    found = _Reading(whole, used).condition(tree)
    return None if found is None else Where(found, frozenset(used), whole)


class _Reading:
    """A filter as Polars writes it down, on its way."""

    def __init__(self, schema: pa.Schema, used: set[str]) -> None:
        self._schema, self._used = schema, used

    def condition(self, node: Node) -> pc.Expression | None:
        """Return what a row has to fit; None where that is not known."""
        match node:
            case {"BinaryExpr": {"left": left, "op": "And" | "LogicalAnd", "right": right}}:
                one, other = self.condition(left), self.condition(right)
                return one & other if one is not None and other is not None else one if other is None else other
            case {"BinaryExpr": {"left": left, "op": "Or" | "LogicalOr", "right": right}}:
                one, other = self.condition(left), self.condition(right)
                return one | other if one is not None and other is not None else None
            case {"BinaryExpr": {"left": {"Column": str(name)}, "op": str(sign), "right": {"Literal": value}}}:
                return self._compared(name, sign, value)
            case {"BinaryExpr": {"left": {"Literal": value}, "op": str(sign), "right": {"Column": str(name)}}}:
                return self._compared(name, _TURNED.get(sign, sign), value)
            case {
                "Function": {
                    "input": [{"Column": str(name)}, {"Literal": low}, {"Literal": high}],
                    "function": {"Boolean": {"IsBetween": {"closed": str(closed)}}},
                }
            } if closed in _BOUNDS:
                least, most = _BOUNDS[closed]
                one, other = self._compared(name, least, low), self._compared(name, most, high)
                return None if one is None or other is None else one & other
        return None

    def _compared(self, name: str, sign: str, value: Node) -> pc.Expression | None:
        if sign not in _SIGNS or name not in self._schema.names:
            return None
        scalar = _scalar(value, self._schema.field(name).type)
        if scalar is None or (pa.types.is_string(scalar.type) and sign not in {"Eq", "NotEq"}):
            return None
        self._used.add(name)
        return _SIGNS[sign](pc.field(name), pc.scalar(scalar))


def _scalar(literal: Node, kind: pa.DataType) -> pa.Scalar | None:
    """Return a value that Polars compares a column of a type with; None for one that it may see otherwise."""
    match literal:
        case {"Scalar": {"Float64": float(value)}} if kind == pa.float64() and not math.isnan(value):
            return pa.scalar(value, kind)
        case {"Scalar": {"Float32": float(value)}} if kind == pa.float32() and not math.isnan(value):
            return pa.scalar(value, kind)
        case {"Scalar": {"String": str(text)}} if pa.types.is_string(kind) or pa.types.is_dictionary(kind):
            return pa.scalar(text, pa.string())
        case {"Scalar": {"Datetime": [int(ticks), str(unit), _]}} if pa.types.is_timestamp(kind) and unit in _UNITS:
            return pa.scalar(ticks, pa.int64()).cast(pa.timestamp(_UNITS[unit], "UTC"))
        case {"Scalar": {**known}} if pa.types.is_signed_integer(kind) and len(known) == 1 and _WHOLE & known.keys():
            [number] = known.values()
            return pa.scalar(number, pa.int64()) if isinstance(number, int) else None
    return None
