"""A schema refuses a declaration whose parts do not fit together."""

from __future__ import annotations

from typing import Any

import pytest

from schemas.columns import Column, Rule, Schema

TS = Column("ts", "timestamp_us")
X = Column("x", "float64")
SIDE = Column("side", "category")


@pytest.mark.parametrize(
    ("columns", "parts", "message"),
    [
        ((X,), {}, "ts is a timestamp"),
        ((Column("ts", "int64"),), {}, "ts is a timestamp"),
        ((TS, X, X), {}, "its own name"),
        ((TS, X), {"key": ("y",)}, "no column is called y"),
        ((TS, X), {"volume": "size"}, "no column is called size"),
        ((TS, X), {"rules": (Rule("positive", "bad_value", ("z",)),)}, "no column is called z"),
        ((TS, X), {"rules": (Rule("positive", "because", ("x",)),)}, "does not fit"),
        ((TS, SIDE), {"rules": (Rule("positive", "bad_value", ("side",)),)}, "does not fit"),
        ((TS, X), {"rules": (Rule("one_of", "bad_value", ("x",), values=("1",)),)}, "does not fit"),
        ((TS, SIDE), {"rules": (Rule("one_of", "bad_value", ("side",)),)}, "does not fit"),
        ((TS, X), {"rules": (Rule("highest", "bad_value", ("x", "ts")),)}, "does not fit"),
        ((TS, X), {"rules": (Rule("lowest", "bad_value", ("x",)),)}, "does not fit"),
        ((TS, X), {"rules": (Rule("on_grid", "off_grid", ("x",)),)}, "does not fit"),
    ],
)
def test_a_declaration_that_does_not_fit_is_refused(
    columns: tuple[Column, ...], parts: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        Schema("broken", 1, columns, **parts)


def test_columns_are_found_by_name() -> None:
    schema = Schema("small", 1, (TS, X))
    assert schema.names == ("ts", "x")
    assert schema.column("x") is X
    with pytest.raises(KeyError):
        schema.column("y")


def test_schemas_that_differ_in_a_column_are_different_cache_keys() -> None:
    narrow, wide = Schema("small", 1, (TS,)), Schema("small", 1, (TS, X))
    assert {narrow: "narrow", wide: "wide"}[Schema("small", 1, (TS, X))] == "wide"
