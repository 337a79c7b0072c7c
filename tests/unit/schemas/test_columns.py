"""A schema refuses a declaration whose parts do not fit together."""

from __future__ import annotations

from typing import Any

import pytest

from schemas.columns import Column, ColumnType, Rule, Schema, parse_type

TS = Column("ts", "timestamp_us")
X = Column("x", "float64")
SIDE = Column("side", "category")
LIST = Column("list", "float32", length=3)
SMALL = Column("small", "int8")


@pytest.mark.parametrize(
    ("columns", "parts", "message"),
    [
        ((X,), {}, "ts is a timestamp"),
        ((Column("ts", "int64"),), {}, "ts is a timestamp"),
        ((TS, X, X), {}, "its own name"),
        ((TS, Column("", "float64")), {}, "printable text, not ''"),
        ((TS, Column("a\nb", "float64")), {}, "printable text"),
        ((TS, Column(1, "float64")), {}, "printable text, not 1"),  # type: ignore[arg-type]  # what a frame has
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
        ((TS, X), {"rules": (Rule("at_least", "bad_value", ("x",)),)}, "does not fit"),
        ((TS, X), {"rules": (Rule("positive", "bad_value", ("x",), bound=1.0),)}, "does not fit"),
        ((TS, X), {"rules": (Rule("at_most", "bad_value", ("x",), bound=float("nan")),)}, "does not fit"),
        ((TS, X), {"rules": (Rule("at_most", "bad_value", ("ts",), bound=1),)}, "does not fit"),
        ((TS, SMALL), {"rules": (Rule("at_most", "bad_value", ("small",), bound=0.5),)}, "does not fit"),
        ((TS, SMALL), {"rules": (Rule("at_most", "bad_value", ("small",), bound=128),)}, "does not fit"),
        ((TS, LIST), {"rules": (Rule("at_most", "bad_value", ("list",), bound=1e39),)}, "does not fit"),
        ((TS, LIST), {"rules": (Rule("positive", "bad_value", ("list",)),)}, "does not fit"),
        ((TS, LIST, X), {"rules": (Rule("highest", "bad_value", ("list", "x")),)}, "does not fit"),
        ((TS, SMALL), {"rules": (Rule("one_of", "bad_value", ("small",), values=("1",)),)}, "does not fit"),
        ((TS, SIDE), {"rules": (Rule("one_of", "bad_value", ("side",), values=(1,)),)}, "does not fit"),
        ((TS, LIST), {"key": ("ts", "list")}, "list is a list"),
        ((TS, LIST), {"volume": "list"}, "list is a list"),
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


@pytest.mark.parametrize("text", ["float64", "int32", "timestamp_ns", "category", "float32[384]", "int64[1]"])
def test_a_type_is_spelled_as_it_is_declared(text: str) -> None:
    type_, length = parse_type(text)
    assert Column("x", type_, length=length).spelled == text


def test_a_list_says_its_type_and_its_length() -> None:
    assert parse_type("float32[384]") == ("float32", 384)
    assert parse_type("float32") == ("float32", None)


@pytest.mark.parametrize(
    "text",
    ["float", "float32[]", "float32[0]", "float32[-1]", "float32[65537]", "float32[03]", "text[3]", "int8[2]", "[3]"],
)
def test_what_is_no_type_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="float32"):
        parse_type(text)


@pytest.mark.parametrize(("type_", "length"), [("float32", 0), ("float32", 65_537), ("category", 2), ("int8", 2)])
def test_a_list_that_is_none_is_refused(type_: ColumnType, length: int) -> None:
    with pytest.raises(ValueError, match="is no list"):
        Column("x", type_, length=length)


def test_a_bound_is_compared_as_the_column_holds_it() -> None:
    # The float32 nearest to 0.1, written out.
    assert Column("x", "float32").as_held(0.1) == 0.100000001490116119384765625
    assert Column("x", "float64").as_held(0.1) == 0.1
    assert Column("x", "int64").as_held(2**53 + 1) == 2**53 + 1
    Schema("fits", 1, (TS, LIST, SMALL), rules=(Rule("at_least", "bad_value", ("list", "small"), bound=-128),))
    Schema("fits", 1, (TS, SMALL), rules=(Rule("one_of", "bad_value", ("small",), values=(0, 1)),))
