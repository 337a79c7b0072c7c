"""The Pandera form of a schema, made from the same column declarations as the Arrow form.

Importing this module imports pandas and Pandera. The frames it checks are those of `table.to_pandas(types_mapper=
pd.ArrowDtype)`: NumPy-backed ones cannot tell a null, which may be allowed, from a NaN, which never is.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache, partial
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pandera.pandas as pdr
import pyarrow as pa
import pyarrow.compute as pc
from pandera.errors import SchemaErrors

from schemas.arrow import arrow_type
from schemas.columns import FLOATS, IDENTITY, Schema

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from schemas.columns import Column, Rule

NOT_NULLABLE = "not_nullable"
"""What Pandera itself calls the check that finds a null where none may be."""


@cache
def pandera_model(schema: Schema, *, grid_us: int | None, waive: bool = False) -> pdr.DataFrameSchema:
    """Return the Pandera schema of `schema` without its identity columns.

    Args:
        schema: The declaration.
        grid_us: The grid that `on_grid` columns lie on, in microseconds; None drops the rule.
        waive: Whether rules that an instrument record can waive are dropped.

    Returns:
        A strict schema whose checks are named by the reason a row is rejected for; nulls pass all of them.
    """
    rules = [rule for rule in schema.rules if not (waive and rule.waivable)]
    if grid_us is None:
        rules = [rule for rule in rules if rule.kind != "on_grid"]
    columns = {
        column.name: pdr.Column(
            pd.ArrowDtype(arrow_type(column)),
            [_check(rule, column, grid_us) for rule in rules if _is_single(rule) and column.name in rule.columns]
            + ([_named("bad_number", _each(column, _finite))] if column.type in FLOATS else []),
            nullable=column.nullable,
        )
        for column in schema.columns
        if column not in IDENTITY
    }
    wide = [_named(rule.reason, partial(_ordered, rule=rule)) for rule in rules if not _is_single(rule)]
    return pdr.DataFrameSchema(columns, checks=wide, strict=True, ordered=True)


def failures(frame: pd.DataFrame, schema: Schema, *, grid_us: int | None, waive: bool = False) -> pd.DataFrame:
    """Return what fails in a frame, a row for each value: its `index`, the name of the `check`, and its `column`.

    The arguments are those of `pandera_model`.
    """
    ask = partial(_failures, frame, grid_us=grid_us, waive=waive)
    try:
        return ask([schema])
    except pa.ArrowInvalid:
        # Pandera puts the values that fail into one column: whole numbers that no float holds go beside no float.
        return ask(_by_type(schema))


def _failures(frame: pd.DataFrame, parts: Iterable[Schema], *, grid_us: int | None, waive: bool) -> pd.DataFrame:
    found = [pd.DataFrame(columns=["index", "check", "column"])]
    for part in parts:
        model = pandera_model(part, grid_us=grid_us, waive=waive)
        try:
            model.validate(frame[list(model.columns)], lazy=True)
        except SchemaErrors as errors:
            found.append(errors.failure_cases[["index", "check", "column"]])
    return pd.concat(found[1:] or found, ignore_index=True)


def _by_type(schema: Schema) -> Iterator[Schema]:
    """Yield the parts of a schema that have one type each, beside ts; no rule compares columns of two types."""
    for kind in dict.fromkeys(column.spelled for column in schema.columns):
        names = {column.name for column in schema.columns if column.spelled == kind}
        rules = (replace(rule, columns=tuple(n for n in rule.columns if n in names)) for rule in schema.rules)
        yield Schema(
            schema.name,
            schema.version,
            tuple(column for column in schema.columns if column.name in {"ts", *names}),
            tuple(rule for rule in rules if rule.columns),
        )


def _is_single(rule: Rule) -> bool:
    return rule.kind not in {"highest", "lowest"}


def _named(reason: str, function: Callable[..., pd.Series]) -> pdr.Check:
    return pdr.Check(function, name=reason, ignore_na=False)


def _check(rule: Rule, column: Column, grid_us: int | None) -> pdr.Check:
    """Return the check of one column by a rule that looks at its columns one by one."""
    if rule.kind == "positive":
        return _named(rule.reason, lambda values: _passes(values > 0))
    if rule.kind == "not_negative":
        return _named(rule.reason, lambda values: _passes(values >= 0))
    if rule.bound is not None:
        compare = _at_least if rule.kind == "at_least" else _at_most
        return _named(rule.reason, _each(column, partial(compare, bound=column.as_held(rule.bound))))
    if rule.kind == "one_of":
        return _named(rule.reason, partial(_member, allowed=rule.values))
    if grid_us is None:
        raise ValueError("on_grid needs a grid")
    return _named(rule.reason, partial(_on_grid, grid=grid_us * (1000 if column.type == "timestamp_ns" else 1)))


def _passes(held: pd.Series) -> pd.Series:
    # A comparison with a null is null, and Pandera would report it as a failed check without rows.
    return held.fillna(value=True).astype(bool)


def _each(column: Column, check: Callable[[pd.Series], pd.Series]) -> Callable[[pd.Series], pd.Series]:
    """Return a check of the values of a column as one of its lists, where it has any: all elements must pass."""
    length = column.length
    if length is None:
        return check

    def whole(lists: pd.Series) -> pd.Series:
        elements = pc.list_flatten(pa.array(lists))  # nothing of a null
        passed = check(pd.Series(elements, dtype=pd.ArrowDtype(elements.type))).to_numpy(bool)
        held = lists.isna().to_numpy(bool, copy=True)
        np.place(held, ~held, passed.reshape(-1, length).all(axis=1))
        return pd.Series(held, index=lists.index)

    return whole


def _at_least(values: pd.Series, bound: float) -> pd.Series:
    return _passes(values >= bound)


def _at_most(values: pd.Series, bound: float) -> pd.Series:
    return _passes(values <= bound)


def _finite(values: pd.Series) -> pd.Series:
    return _passes(values.abs() < float("inf"))


def _member(values: pd.Series, allowed: tuple[str, ...] | tuple[int, ...]) -> pd.Series:
    return values.isna() | values.astype(object).isin(allowed)


def _on_grid(values: pd.Series, grid: int) -> pd.Series:
    ticks = values.astype("int64[pyarrow]")
    return _passes(ticks // grid * grid == ticks)


def _ordered(frame: pd.DataFrame, rule: Rule) -> pd.Series:
    first, others = frame[rule.columns[0]], [frame[name] for name in rule.columns[1:]]
    pairs = [(first >= other) if rule.kind == "highest" else (first <= other) for other in others]
    held = pd.concat([_passes(pair) for pair in pairs], axis=1)
    return held.all(axis=1)
