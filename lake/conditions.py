"""Conditions on rows as text, `close > 100 and volume > 0`, made into Arrow expressions: a few operators, no code.

The text is parsed as Python writes it, and only what is listed here is let through. A condition on a null is neither
true nor false, as in SQL; only rows for which the whole is true are kept.
"""

from __future__ import annotations

import ast
import operator
import re
import warnings
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from lake.errors import LakeError
from schemas.arrow import arrow_schema
from schemas.columns import FLOATS, IDENTITY

if TYPE_CHECKING:
    from collections.abc import Callable

    from schemas.columns import Column, Schema

    Operator = Callable[[Any, Any], pc.Expression]

MOST_TEXT = 10_000
"""Characters of a condition at most."""
MOST_NODES = 2_000
"""Names, values and operators of a condition at most."""
_EXAMPLE = '"close > 100 and volume > 0"'
_COMPARISONS: dict[type[ast.cmpop], Operator] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}
_ARITHMETIC: dict[type[ast.operator], Operator] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}
_HABITS = (
    (r"(?<![=!<>])=(?!=)", "two values are equal where it says =="),
    (r"\b(AND|OR|NOT|IN|IS)\b", "and, or, not, in and is are written in lower case"),
    (r"[&|~]", "write and, or, not"),
    (r"<>", "two values differ where it says !="),
    (r"\b(null|NULL|nan|NaN)\b", "what is absent is written None: volume is None"),
    (r"\b(true|false)\b", "write True and False"),
)
"""What other languages have instead."""

Kind = Literal["number", "time", "text", "flag"]
_NAMED: dict[Kind, str] = {"number": "a number", "time": "a time as text", "text": "text", "flag": "True or False"}


class _Value(NamedTuple):
    """A side of a comparison."""

    expression: pc.Expression
    kind: Kind
    column: Column | None
    """None where it was computed."""


class _Constant(NamedTuple):
    """A side of a comparison that is the same for all rows."""

    value: Any


_Plain = str | int | float | None
_Side = _Value | _Constant


def parse(text: str, schema: Schema, moment: Callable[[str], int]) -> tuple[pc.Expression, frozenset[str]]:
    """Read a condition on the rows of a schema.

    Args:
        text: Comparisons (`== != < <= > >=`, chains of them, `in`, `not in`, `is None`, `is not None`) of columns with
            values, with each other and with what `+ - * /` make of them, joined by `and`, `or`, `not` and brackets.
            A column whose name is no word is written `col("its name")`, a time as text.
        schema: What the rows have.
        moment: Reads a time, as nanoseconds since the epoch.

    Returns:
        The condition, and the columns that it is on.

    Raises:
        LakeError: USAGE for what is no condition, with the place; BAD_DATE.
    """
    if len(text) > MOST_TEXT:
        raise _refused("the condition is too long", f"It has at most {MOST_TEXT:,} characters.")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of odd escapes
            tree = ast.parse(text.strip(), mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        told = error.msg if isinstance(error, SyntaxError) else str(error)
        raise _refused(f"{text!r} is no condition: {told}", "It is written as Python writes one.", text) from None
    if sum(1 for _ in ast.walk(tree)) > MOST_NODES:
        raise _refused("the condition is too long", f"It has at most {MOST_NODES:,} names, values and operators.")
    reading = _Reading(text, schema, moment)
    try:
        return reading.condition(tree.body), frozenset(reading.used)
    except RecursionError:
        raise _refused("the condition has brackets in brackets", "So deep it cannot be read.") from None


def _refused(message: str, why: str, text: str = "") -> LakeError:
    """Return the error for a text; the habits of other languages are told first."""
    return LakeError("USAGE", message, why=why, fix=[*_habits(text), _EXAMPLE])


def _habits(text: str) -> list[str]:
    bare = re.sub(r"'[^']*'|\"[^\"]*\"", "", text)
    return [advice for pattern, advice in _HABITS if re.search(pattern, bare)]


class _Reading:
    """One condition on its way."""

    def __init__(self, text: str, schema: Schema, moment: Callable[[str], int]) -> None:
        self._text, self._moment = text, moment
        self._columns = {column.name: column for column in schema.columns}
        self._types = {field.name: field for field in arrow_schema(schema)}
        self._columns |= {column.name: column for column in IDENTITY}
        self.used: set[str] = set()

    # ---- what is true or false

    def condition(self, node: ast.expr) -> pc.Expression:
        """Return what is true, false or neither for a row."""
        if isinstance(node, ast.BoolOp):
            join = operator.and_ if isinstance(node.op, ast.And) else operator.or_
            parts = [self.condition(each) for each in node.values]
            whole = parts[0]
            for part in parts[1:]:
                whole = join(whole, part)
            return whole
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            return ~self.condition(node.operand)
        if isinstance(node, ast.Compare):
            return self._chain(node)
        found = self._side(node)
        if isinstance(found, _Value) and found.kind == "flag":
            return found.expression
        raise self._no(node, "is neither true nor false", "A condition compares something.")

    def _chain(self, node: ast.Compare) -> pc.Expression:
        whole = None
        for left, sign, right in zip([node.left, *node.comparators], node.ops, node.comparators, strict=False):
            part = self._compared(node, left, sign, right)
            whole = part if whole is None else whole & part
        return whole

    def _compared(self, node: ast.expr, left: ast.expr, sign: ast.cmpop, right: ast.expr) -> pc.Expression:
        one = self._side(left)
        if isinstance(sign, (ast.In, ast.NotIn)):
            found = self._among(node, one, right)
            return ~found if isinstance(sign, ast.NotIn) else found
        other = self._side(right)
        if isinstance(sign, (ast.Is, ast.IsNot)):
            return self._is(node, one, other, negated=isinstance(sign, ast.IsNot))
        compare = _COMPARISONS[type(sign)]
        if isinstance(one, _Value) and isinstance(other, _Constant):
            return self._with_constant(node, compare, one, other.value)
        if isinstance(one, _Constant) and isinstance(other, _Value):
            turned = _TURNED.get(compare, compare)
            return self._with_constant(node, turned, other, one.value)
        if isinstance(one, _Value) and isinstance(other, _Value):
            if one.kind != other.kind:
                why = f"One is {_NAMED[one.kind]}, the other {_NAMED[other.kind]}."
                raise self._no(node, "compares what has no order", why)
            if one.kind == "number":
                return compare(*_alike(one, other))
            return compare(one.expression, other.expression)
        raise self._no(node, "is the same for all rows", "A condition is on columns.")

    def _is(self, node: ast.expr, one: _Side, other: _Side, *, negated: bool) -> pc.Expression:
        if isinstance(one, _Value) and isinstance(other, _Constant):
            if other.value is None:
                return one.expression.is_valid() if negated else one.expression.is_null()
            if one.kind == "flag" and isinstance(other.value, bool):
                return self._with_constant(node, operator.ne if negated else operator.eq, one, other.value)
        raise self._no(node, "asks for what is no identity", "`is` goes with None: volume is None.")

    def _among(self, node: ast.expr, one: _Side, right: ast.expr) -> pc.Expression:
        if not isinstance(one, _Value) or one.column is None or not isinstance(right, (ast.List, ast.Tuple, ast.Set)):
            raise self._no(node, "does not say which values", 'A column is in a list: side in ["buy", "sell"].')
        values = []
        for each in right.elts:
            constant = self._side(each)
            if not isinstance(constant, _Constant):
                raise self._no(each, "is no value", "A list has values: numbers, texts.")
            values.append(self._scalar(node, one, constant.value).as_py())
        kind = self._types[one.column.name].type
        kind = kind.value_type if pa.types.is_dictionary(kind) else kind
        found = one.expression.isin(pa.array(values, kind))
        # Arrow says false of a null, which `not` would turn into true.
        return (
            found | (one.expression.is_null() & pc.scalar(pa.scalar(None, pa.bool_())))
            if one.column.nullable
            else found
        )

    # ---- what is compared

    def _side(self, node: ast.expr) -> _Side:
        """Return a column, a value, or what is computed of both."""
        if isinstance(node, ast.Name):
            return self._column(node, node.id)
        if isinstance(node, ast.Call):
            return self._called(node)
        if isinstance(node, ast.Constant):
            return self._constant(node)
        if isinstance(node, ast.BinOp) and type(node.op) in _ARITHMETIC:
            return self._computed(node, _ARITHMETIC[type(node.op)])
        if isinstance(node, (ast.BoolOp, ast.Compare, ast.UnaryOp)):
            return self._signed(node) or _Value(self.condition(node), "flag", None)
        raise self._no(node, "is not understood", "Columns, values, comparisons and + - * / make a condition.")

    def _constant(self, node: ast.Constant) -> _Constant:
        if node.value is None or isinstance(node.value, (bool, int, float, str)):
            return _Constant(node.value)
        raise self._no(node, "is no value", "Values are numbers, texts, True, False and None.")

    def _signed(self, node: ast.expr) -> _Side | None:
        """Return a number with a sign before it; None for what has none."""
        if not isinstance(node, ast.UnaryOp) or isinstance(node.op, ast.Not):
            return None
        if not isinstance(node.op, (ast.USub, ast.UAdd)):
            raise self._no(node, "is not understood", "Before a number there may be + and -.")
        inner = self._number(node, self._side(node.operand))
        if isinstance(node.op, ast.UAdd):
            return inner
        if isinstance(inner, _Constant):
            return _Constant(-inner.value)
        return _Value(pc.negate(inner.expression.cast(pa.float64(), safe=False)), "number", None)

    def _called(self, node: ast.Call) -> _Value:
        if isinstance(node.func, ast.Name) and node.func.id == "col" and len(node.args) == 1 and not node.keywords:
            [name] = node.args
            if isinstance(name, ast.Constant) and isinstance(name.value, str):
                return self._column(node, name.value)
        raise self._no(node, "calls something", 'Nothing is called but col("a column\'s name").')

    def _column(self, node: ast.expr, name: str) -> _Value:
        column = self._columns.get(name)
        if column is None or name not in self._types:
            fix = [f"one of {', '.join(self._types)}", *_habits(self._text)]
            why = "The columns are those of the schema."
            raise LakeError("USAGE", f"there is no column {name!r}", where=self._text, why=why, fix=fix)
        if column.length is not None:
            raise self._no(node, "is a list", "Lists have no order.")
        self.used.add(name)
        return _Value(pc.field(name), _kind(column), column)

    def _number(self, node: ast.expr, side: _Side) -> _Side:
        if isinstance(side, _Constant):
            if isinstance(side.value, (int, float)) and not isinstance(side.value, bool):
                return side
        elif side.kind == "number":
            return side
        raise self._no(node, "computes with what is no number", "+ - * / are for numbers.")

    def _computed(self, node: ast.BinOp, compute: Operator) -> _Side:
        one, other = (self._number(node, self._side(each)) for each in (node.left, node.right))
        if isinstance(one, _Constant) and isinstance(other, _Constant):
            try:
                return _Constant(compute(one.value, other.value))
            except (ArithmeticError, ValueError) as error:
                raise self._no(node, "cannot be computed", f"{error}.") from None
        sides = (
            float(each.value) if isinstance(each, _Constant) else each.expression.cast(pa.float64(), safe=False)
            for each in (one, other)
        )
        left, right = (pc.scalar(each) if isinstance(each, float) else each for each in sides)
        return _Value(compute(left, right), "number", None)

    # ---- values

    def _with_constant(self, node: ast.expr, compare: Operator, one: _Value, value: _Plain) -> pc.Expression:
        whole = one.column is not None and one.kind == "number" and one.column.type not in FLOATS
        if whole and isinstance(value, float) and not value.is_integer():
            return compare(one.expression.cast(pa.float64(), safe=False), pc.scalar(self._finite(node, value)))
        return compare(one.expression, pc.scalar(self._scalar(node, one, value)))

    def _scalar(self, node: ast.expr, one: _Value, value: _Plain) -> pa.Scalar:
        """Return a value as what it is compared with is stored."""
        if value is None:
            raise self._no(node, "compares with None", "Nothing equals what is absent: write `is None`.")
        given = "flag" if isinstance(value, bool) else "text" if isinstance(value, str) else "number"
        if given != ("text" if one.kind == "time" else one.kind):
            name = one.column.name if one.column else "what is computed"
            raise self._no(node, f"compares {name} with {value!r}", f"It is compared with {_NAMED[one.kind]}.")
        if isinstance(value, str):
            if one.kind == "time":
                return pa.scalar(self._moment(value), pa.int64()).cast(pa.timestamp("ns", "UTC"))
            return pa.scalar(value, pa.string())
        if one.kind == "flag":
            return pa.scalar(value, pa.bool_())
        if one.column is None:
            return pa.scalar(self._finite(node, value), pa.float64())
        if isinstance(value, float) and value.is_integer() and one.column.type not in FLOATS:
            value = int(value)
        try:
            return pa.scalar(one.column.as_held(value), self._types[one.column.name].type)
        except ValueError as error:
            raise self._no(node, "cannot hold", f"{error}.") from None

    def _finite(self, node: ast.expr, value: float) -> float:
        try:
            found = float(value)
        except OverflowError:
            found = float("inf")
        if found - found != 0:
            raise self._no(node, "has a number without an end", "No row holds one.")
        return found

    def _no(self, node: ast.expr, what: str, why: str) -> LakeError:
        part = ast.get_source_segment(self._text.strip(), node) or self._text
        return _refused(f"in {self._text!r}: {part!r} {what}", why, part)


_TURNED: dict[Operator, Operator] = {
    operator.lt: operator.gt,
    operator.le: operator.ge,
    operator.gt: operator.lt,
    operator.ge: operator.le,
}
"""What holds of two values the other way round."""


def _alike(one: _Value, other: _Value) -> tuple[pc.Expression, pc.Expression]:
    """Return two numbers as they are where both are whole, else as doubles: Arrow refuses whole ones too large."""
    if all(each.column is not None and each.column.type not in FLOATS for each in (one, other)):
        return one.expression, other.expression
    return one.expression.cast(pa.float64(), safe=False), other.expression.cast(pa.float64(), safe=False)


def _kind(column: Column) -> Kind:
    if column.type in {"timestamp_us", "timestamp_ns"}:
        return "time"
    if column.type in {"text", "category"}:
        return "text"
    return "flag" if column.type == "bool" else "number"
