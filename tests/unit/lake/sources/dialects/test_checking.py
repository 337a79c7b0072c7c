"""What a declaration must be to be read by: the built-in ones are, and each mistake is told in words."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from lake.sources.dialects import DIALECTS, Dialect, Place
from lake.sources.dialects.checking import check
from lake.sources.dialects.declare import Part

BARS = Dialect(
    name="own-bars",
    title="Bars of our own",
    asset="bars",
    vendor="nobody but us",
    sample="none",
    columns=("ts", "open", "high", "low", "close", "volume"),
)
TRADES = replace(BARS, asset="ticks/trade", columns=("ts", "price", "size"))


@pytest.mark.parametrize("dialect", [*DIALECTS.values(), BARS, TRADES], ids=lambda dialect: dialect.name)
def test_good_declarations_pass(dialect: Dialect) -> None:
    assert check(dialect) == []


@pytest.mark.parametrize(
    ("dialect", "changed", "said"),
    [
        (BARS, {"name": "Own Bars"}, "'Own Bars' is no name for a format"),
        (BARS, {"name": "csv"}, "'csv' is no name for a format"),
        (BARS, {"title": " "}, "it has no title"),
        (BARS, {"asset": "candles"}, "asset is 'candles', not one of bars,"),
        (BARS, {"columns": ["ts", "open"]}, "columns is ['ts', 'open'], not tuple["),
        (BARS, {"columns": ("ts", 1)}, "columns is ('ts', 1), not tuple["),
        (BARS, {"title": None}, "title is None, not"),
        (BARS, {"optional": True}, "optional is True, not"),
        (BARS, {"places": {"a/b": "UTC"}}, "places is {'a/b': 'UTC'}, not"),
        (BARS, {"columns": (*BARS.columns, "colour")}, "bars has no column colour"),
        (BARS, {"columns": (*BARS.columns, "open")}, "open stands there twice"),
        (BARS, {"columns": BARS.columns[:4]}, "bars needs close"),
        (BARS, {"columns": BARS.columns[1:]}, "no column is its time"),
        (BARS, {"by_name": {"time": "ts"}, "header": "always"}, "by position or by name, not by both"),
        (TRADES, {"columns": (*TRADES.columns, "price")}, "price stands there twice"),
        (TRADES, {"id_space": "ours"}, "it has an id space and no trade_id"),
        (TRADES, {"columns": (*TRADES.columns, "side")}, "it has side and no words for it"),
        (TRADES, {"columns": (*TRADES.columns, "side"), "sides": {"1": "up"}}, "side is buy or sell, not up"),
        (BARS, {"headers": (("t", "o"),), "header": "always"}, "a header has not as many names"),
        (BARS, {"header": "always"}, "header is 'always', and 0 header lines are declared"),
        (BARS, {"optional": 6}, "6 of 6 columns may be absent"),
        (BARS, {"delimiters": ""}, "'' are no delimiters"),
        (BARS, {"delimiters": '"'}, "are no delimiters"),
        (BARS, {"file": "(a"}, "file is no pattern: missing )"),
        (BARS, {"file": r"(?P<ticker>.*)\.csv"}, "file names the group ticker, which tells nothing"),
        (BARS, {"needs": ("luck",)}, "it needs 'luck', which is none of file,"),
        (BARS, {"needs": ("file",)}, "it needs a file, and has no pattern for it"),
        (BARS, {"file": r"[A-Z]+\.csv", "example": "a.csv"}, "the example 'a.csv' has not such a name"),
        (BARS, {"folder": "/spot/", "example": "a.csv"}, "the example 'a.csv' has not such a name"),
        (BARS, {"example": "a.csv"}, "the example 'a.csv' has not such a name"),
        (BARS, {"relations": ("luck",)}, "there is no relation luck"),
        (BARS, {"periods": {"M": "a month"}}, "'a month' is no period"),
        (BARS, {"zone": "Moscow"}, "'Moscow' is no time zone"),
        (BARS, {"zone": "../etc"}, "'../etc' is no time zone"),
        (BARS, {"places": {"a/b": Place("Mars", "SPOT")}}, "'Mars' is no time zone"),
        (BARS, {"price_scale": 0}, "a price scale is 1 or more"),
        (BARS, {"zeros": ("close",)}, "where there must be one or no column is: close"),
        (BARS, {"zeros": ("vwap",)}, "where there must be one or no column is: vwap"),
        (BARS, {"parts": (Part("metrics/funding", ("ts", "funding_rate"), lacking={"mark_price": "x"}),)},
         "what a part is to lack is no column of it: mark_price"),
        (BARS, {"lacking": {"close": "x"}, "parts": (Part("metrics/funding", ("ts", "funding_rate"),
         lacking={"funding_rate": "x"}),)}, "a part lacks for the reason that all lack for: x"),
    ],
)  # fmt: skip
def test_every_mistake_is_told(dialect: Dialect, changed: dict[str, Any], said: str) -> None:
    found = check(replace(dialect, **changed))
    assert any(said in text for text in found), found


def test_columns_by_name_need_a_header() -> None:
    by_name = {"t": "ts", **{word: word for word in ("open", "high", "low", "close")}}
    assert check(replace(BARS, columns=(), by_name=by_name, header="always")) == []
    assert check(replace(BARS, columns=(), by_name=by_name)) == ["its columns are found by name, so it has a header"]
    twice = by_name | {"close too": "close"}
    assert check(replace(BARS, columns=(), by_name=twice, header="always")) == [
        "close stands there twice, and only a text is made of several cells"
    ]
