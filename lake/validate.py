"""Which rows obey their schema: a compiled pre-check on every batch, Pandera for the reasons on those that fail it.

The pre-check and the Pandera model come from the same declarations, and a property test holds them to the same answer.
Clean batches, which are nearly all, cost a few vectorised passes over the Arrow buffers and never import pandas.
"""

from __future__ import annotations

import math
import threading
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from lake import lists
from lake.errors import LakeError
from schemas.arrow import arrow_schema, arrow_type
from schemas.columns import FLOATS, IDENTITY, REASONS

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt

    from schemas.columns import Column, ColumnType, Rule, Schema

    Values = npt.NDArray[Any]
    Mask = npt.NDArray[np.bool_]

SAMPLE_ROWS = 1000
_SAMPLE_VALUES = 1_000_000
"""And of the longest lists so many elements."""
_DTYPES: dict[ColumnType, npt.DTypeLike] = {
    "timestamp_us": np.dtype(np.int64),
    "timestamp_ns": np.dtype(np.int64),
    "int64": np.dtype(np.int64),
    "int32": np.dtype(np.int32),
    "int8": np.dtype(np.int8),
    "float64": np.dtype(np.float64),
    "float32": np.dtype(np.float32),
}
_RANK = {reason: rank for rank, reason in enumerate(REASONS, 1)}
_FEW = 64
_DETAILED_VALUES = 65_536
"""Of a column, values that are Python's at a time."""
_pandera = threading.Lock()


@dataclass(frozen=True, slots=True)
class Rejected:
    """A row that breaks its schema: its index in the batch, the strongest reason, and what was found."""

    index: int
    reason: str
    detail: str


def split(
    batch: pa.RecordBatch, schema: Schema, *, grid_us: int | None, waive: bool = False
) -> tuple[pa.RecordBatch, list[Rejected]]:
    """Part the rows that obey `schema` from those that do not. Thread safe.

    Args:
        batch: Rows typed as `arrow_schema(schema, identity=False)`, or slices of such.
        schema: The declaration to hold them to.
        grid_us: The grid of the series' period in microseconds, None when it has none.
        waive: Whether the series' instrument record lets prices be zero or negative.

    Returns:
        The accepted rows in order, which is the batch itself when all are, and the rejected ones by index.

    Raises:
        LakeError: UNEXPECTED when the batch has other columns or types, or when the pre-check and Pandera disagree.
    """
    checks = _compiled(schema, grid_us, waive)
    checks.refuse_other_types(batch)
    if checks.all_pass(batch):
        return batch, []
    failed = checks.reasons(batch) > 0
    if not failed.any():
        return batch, []
    reasons = _reasons_by_pandera(batch, schema, grid_us=grid_us, waive=waive)
    if set(np.flatnonzero(failed).tolist()) != reasons.keys():
        raise LakeError("UNEXPECTED", f"the pre-check of {schema.name} and its Pandera model reject different rows")
    rows = batch.filter(pa.array(failed))
    step = max(1, _DETAILED_VALUES // checks.widest)
    details = (row for start in range(0, rows.num_rows, step) for row in rows.slice(start, step).to_pylist())
    rejected = [
        Rejected(index, reasons[index], checks.detail(row, reasons[index]))
        for index, row in zip(sorted(reasons), details, strict=True)
    ]
    return batch.filter(pa.array(~failed)), rejected


def check_sample(batch: pa.RecordBatch, schema: Schema, *, grid_us: int | None, waive: bool) -> None:
    """Run Pandera over up to 1000 accepted rows, spread over the batch.

    Raises:
        LakeError: UNEXPECTED when Pandera rejects a row.
    """
    most = min(SAMPLE_ROWS, _SAMPLE_VALUES // max(column.length or 1 for column in schema.columns))
    if batch.num_rows > most:
        batch = batch.take(pa.array(np.linspace(0, batch.num_rows - 1, most).astype(np.int64)))
    reasons = _reasons_by_pandera(batch, schema, grid_us=grid_us, waive=waive)
    if reasons:
        found = ", ".join(sorted(set(reasons.values())))
        raise LakeError("UNEXPECTED", f"Pandera rejects accepted rows of {schema.name}: {found}")


@dataclass(frozen=True, slots=True)
class _Checks:
    """A schema's rules in the form the pre-check runs.

    `numbers` has the NumPy type of each number or time that is looked at. `floors` maps a number column to the least
    value it, or each element of it, may have and whether it must be above it, `ceilings` to the greatest one and
    whether it may be just that. Floats without a rule must be above -inf, and below +inf.
    """

    schema: Schema
    columns: tuple[Column, ...]
    rules: tuple[Rule, ...]
    numbers: dict[str, np.dtype[Any]]
    floors: dict[str, tuple[float, bool]]
    ceilings: dict[str, tuple[float, bool]]
    grid_us: int | None

    @property
    def widest(self) -> int:
        """The elements of the longest lists; 1 where there are none."""
        return max(column.length or 1 for column in self.columns)

    def refuse_other_types(self, batch: pa.RecordBatch) -> None:
        """Raise unless every column is there with its type: the buffers are read as what they are declared to be."""
        expected = arrow_schema(self.schema, identity=False)
        if batch.schema.equals(expected):
            return
        for field in expected:
            found = batch.schema.field(field.name).type if field.name in batch.schema.names else None
            if found != field.type:
                raise LakeError("UNEXPECTED", f"{self.schema.name}.{field.name} is {found}, expected {field.type}")

    def all_pass(self, batch: pa.RecordBatch) -> bool:
        """Whether no row breaks a rule; may say False for a clean batch, and never True for another."""
        whole: dict[str, Values] = {}
        for column in self.columns:
            array = batch.column(column.name)
            missing = array.null_count
            if missing and not column.nullable:
                return False
            if column.name not in self.numbers or missing == len(array):
                continue
            values = _values(array.drop_null() if missing else array, self.numbers[column.name])
            if not missing:
                whole[column.name] = values
            if column.name in self.floors and not _within(values, self.floors[column.name], self.ceilings[column.name]):
                return False
        return all(self._holds(rule, batch, whole) for rule in self.rules)

    def _holds(self, rule: Rule, batch: pa.RecordBatch, whole: dict[str, Values]) -> bool:
        if rule.kind in _LIMITS:
            return True
        if rule.kind == "one_of":
            return all(_few_values(batch.column(name)) <= {*rule.values, None} for name in rule.columns)
        if any(name not in whole for name in rule.columns):
            return all(batch.column(name).null_count == batch.num_rows for name in rule.columns)
        if rule.kind == "on_grid":
            return all(bool(_on_grid(whole[name], self._grid(name)).all()) for name in rule.columns)
        first, compare = whole[rule.columns[0]], _COMPARE[rule.kind]
        return all(bool(compare(first, whole[name]).all()) for name in rule.columns[1:])

    def reasons(self, batch: pa.RecordBatch) -> npt.NDArray[np.int8]:
        """Return each row's strongest reason by rank, from 1; 0 for a row that breaks no rule."""
        ranks = np.full(batch.num_rows, len(REASONS) + 1, np.int8)

        def blame(reason: str, broken: Mask) -> None:
            ranks[broken] = np.minimum(ranks[broken], _RANK[reason])

        valid = {c.name: batch.column(c.name).is_valid().to_numpy(zero_copy_only=False) for c in self.columns}
        for column in self.columns:
            if not column.nullable:
                blame("bad_timestamp" if column.name == "ts" else "missing_value", ~valid[column.name])
            if column.type in FLOATS and valid[column.name].any():
                finite = _of_rows(np.isfinite(self._read(batch, column.name)))
                blame("bad_number", valid[column.name] & ~finite)
        for rule in self.rules:
            for names in [(name,) for name in rule.columns] if _is_single(rule) else _pairs(rule):
                present = np.logical_and.reduce([valid[name] for name in names])
                if present.any():
                    blame(rule.reason, present & ~self._obeys(rule, names, batch))
        ranks[ranks > len(REASONS)] = 0
        return ranks

    def _obeys(self, rule: Rule, names: tuple[str, ...], batch: pa.RecordBatch) -> Mask:
        """Return where `rule` holds for one column or one pair; what it says of nulls means nothing."""
        if rule.kind == "one_of":
            return np.array([value in rule.values for value in batch.column(names[0]).to_pylist()], np.bool_)
        values = [self._read(batch, name) for name in names]
        if rule.kind == "on_grid":
            return _on_grid(values[0], self._grid(names[0]))
        if rule.kind in _LIMITS:
            return _of_rows(_COMPARE[rule.kind](values[0], _limit(rule, self.schema.column(names[0]))))
        held: Mask = _COMPARE[rule.kind](*values)
        return held

    def _read(self, batch: pa.RecordBatch, name: str) -> Values:
        return _values(batch.column(name), self.numbers[name])

    def _grid(self, name: str) -> int:
        if self.grid_us is None:
            raise ValueError("on_grid needs a grid")
        return self.grid_us * (1000 if self.schema.column(name).type == "timestamp_ns" else 1)

    def detail(self, row: dict[str, Any], reason: str) -> str:
        """Say what is wrong with a row that was rejected for `reason`."""
        return next(said for found, said in self._findings(row) if found == reason)

    def _findings(self, row: dict[str, Any]) -> Iterator[tuple[str, str]]:
        for column in self.columns:
            value = row[column.name]
            if value is None and not column.nullable:
                yield "bad_timestamp" if column.name == "ts" else "missing_value", f"{column.name} is missing"
            if column.type in FLOATS:
                found = (f"{name} is {n}" for name, n in _numbers(column, value) if not math.isfinite(n))
                yield from (("bad_number", said) for said in found)
        for rule in self.rules:
            if said := self._broken(rule, row):
                yield rule.reason, said

    def _broken(self, rule: Rule, row: dict[str, Any]) -> str:
        """Return what is wrong by one rule, empty when nothing is."""
        if rule.kind in {"highest", "lowest"}:
            word = "below" if rule.kind == "highest" else "above"
            for first, other in _pairs(rule):
                a, b = row[first], row[other]
                if None not in (a, b) and not _COMPARE[rule.kind](a, b):
                    return f"{first} {a} is {word} {other} {b}"
            return ""
        columns = (self.schema.column(name) for name in rule.columns if row[name] is not None)
        return next((said for column in columns if (said := self._broken_by(rule, column, row[column.name]))), "")

    def _broken_by(self, rule: Rule, column: Column, value: Any) -> str:  # noqa: ANN401 -- a value of any column
        """Return what is wrong with one value by a rule that looks at one column, empty when nothing is."""
        name = column.name
        if rule.kind == "on_grid" and _ticks(value, column) % self._grid(name):
            return f"{name} {value} is not a multiple of {(self.grid_us or 0) / 1_000_000:g} s"
        if rule.kind == "one_of" and value not in rule.values:
            return f"{name} is {value!r}, expected {' or '.join(map(str, rule.values))}"
        if rule.kind in _LIMITS:
            for which, number in _numbers(column, value):
                if not _COMPARE[rule.kind](number, _limit(rule, column)):
                    return f"{which} is {number}{_LIMITS[rule.kind]}{'' if rule.bound is None else rule.bound}"
        return ""


_LIMITS = {"positive": "", "not_negative": "", "at_least": ", below ", "at_most": ", above "}
"""The rules that hold each number against the same one, and what is said of a number that breaks them."""
_COMPARE = {
    "positive": np.greater,
    "not_negative": np.greater_equal,
    "at_least": np.greater_equal,
    "at_most": np.less_equal,
    "highest": np.greater_equal,
    "lowest": np.less_equal,
}


@cache
def _compiled(schema: Schema, grid_us: int | None, waive: bool) -> _Checks:  # noqa: FBT001 -- a cache key
    rules = tuple(
        rule
        for rule in schema.rules
        if not (waive and rule.waivable) and not (rule.kind == "on_grid" and grid_us is None)
    )
    columns = tuple(column for column in schema.columns if column not in IDENTITY)
    floors: dict[str, tuple[float, bool]] = {c.name: (-math.inf, True) for c in columns if c.type in FLOATS}
    ceilings: dict[str, tuple[float, bool]] = {}
    for rule in rules:
        for name in rule.columns if rule.kind in _LIMITS else ():
            limit = _limit(rule, schema.column(name))
            floor, ceiling = floors.setdefault(name, (-math.inf, True)), ceilings.get(name, (math.inf, False))
            if rule.kind == "at_most":
                ceilings[name] = min((limit, True), ceiling)
            else:
                floors[name] = max((limit, rule.kind == "positive"), floor)
    ceilings = dict.fromkeys(floors, (math.inf, False)) | ceilings
    used = floors.keys() | {name for rule in rules for name in rule.columns}
    numbers = {c.name: np.dtype(_DTYPES[c.type]) for c in columns if c.name in used and c.type in _DTYPES}
    return _Checks(schema, columns, rules, numbers, floors, ceilings, grid_us)


def _is_single(rule: Rule) -> bool:
    return rule.kind not in {"highest", "lowest"}


def _pairs(rule: Rule) -> list[tuple[str, ...]]:
    return [(rule.columns[0], other) for other in rule.columns[1:]]


def _limit(rule: Rule, column: Column) -> float:
    """Return what a rule holds each number of a column against."""
    return 0 if rule.bound is None else column.as_held(rule.bound)


def _numbers(column: Column, value: Any) -> list[tuple[str, Any]]:  # noqa: ANN401 -- a value of any column
    """Return what is in a cell, with its name: nothing, one number, or the elements of a list."""
    if value is None:
        return []
    return (
        [(column.name, value)] if column.length is None else [(f"{column.name}[{i}]", v) for i, v in enumerate(value)]
    )


def _of_rows(held: Mask) -> Mask:
    """Return whether something holds for each row, where it is known for each element of lists."""
    return held if held.ndim == 1 else np.logical_and.reduce(held, axis=1)


def _values(array: pa.Array, dtype: np.dtype[Any]) -> Values:
    """View the values of a fixed-width array without a copy, lists as rows; where it is null they are arbitrary."""
    if pa.types.is_fixed_size_list(array.type):
        return lists.elements(array)
    return np.frombuffer(array.buffers()[1], dtype, len(array), array.offset * dtype.itemsize)


def _within(values: Values, floor: tuple[float, bool], ceiling: tuple[float, bool]) -> bool:
    # min and max of anything with a NaN are NaN, and no comparison with NaN is true.
    low, above = floor
    least = values.min()
    if not (least > low if above else least >= low):
        return False
    high, included = ceiling
    most = values.max()
    return bool(most <= high if included else most < high)


def _on_grid(values: Values, grid: int) -> Mask:
    # Division by a constant is vectorised and the remainder is not: 5 times faster.
    held: Mask = values // grid * grid == values
    return held


def _few_values(array: pa.Array) -> set[str | int | None]:
    """Return the distinct values of an array of texts or whole numbers; of few words also those no row has."""
    if isinstance(array, pa.DictionaryArray) and len(array.dictionary) <= _FEW:
        return set(array.dictionary.to_pylist())
    return set(array.unique().to_pylist())


def _ticks(value: Any, column: Column) -> int:  # noqa: ANN401 -- what Arrow makes of a timestamp
    return int(pa.scalar(value, arrow_type(column)).value)


def _reasons_by_pandera(batch: pa.RecordBatch, schema: Schema, *, grid_us: int | None, waive: bool) -> dict[int, str]:
    """Return the strongest reason of every row that Pandera rejects, by index."""
    names = arrow_schema(schema, identity=False).names
    with _pandera:  # it keeps state while it validates, and two threads that import it at once wait for each other
        import pandas as pd

        from schemas.models import NOT_NULLABLE, failures

        frame = batch.select(names).to_pandas(types_mapper=pd.ArrowDtype)
        cases = failures(frame, schema, grid_us=grid_us, waive=waive)
    if cases.empty:
        return {}
    nulls = {name: "bad_timestamp" if name == "ts" else "missing_value" for name in names}
    checks = cases["check"].mask(cases["check"] == NOT_NULLABLE, cases["column"].map(nulls))
    ranks = checks.map(_RANK)
    if ranks.isna().any() or cases["index"].isna().any():
        raise LakeError("UNEXPECTED", f"Pandera could not check {schema.name}: {set(cases['check'])}")
    strongest = ranks.groupby(cases["index"].astype(int)).min()
    return {index: REASONS[rank - 1] for index, rank in zip(strongest.index, strongest.astype(int), strict=True)}
