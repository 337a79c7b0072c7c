from __future__ import annotations

import pytest

from lake.errors import LakeError
from lake.lookup import look_later, near_series, parse_pattern, schema_of, unknown_snapshot
from schemas.assets import declare
from schemas.bars import BARS
from schemas.columns import Column
from schemas.keys import Address
from schemas.metrics import FUNDING, metrics_schema
from schemas.ticks import TRADES

STORED = [
    Address.parse(text)
    for text in (
        "BINANCE/SPOT/BTCUSDT/ticks/trade",
        "BINANCE/SPOT/BTCUSDT/bars/1m",
        "BYBIT/SPOT/BTCUSDT/bars/1m",
        "BYBIT/SPOT/ETHUSDT/bars/1m",
    )
]


def test_schema_is_that_of_the_asset() -> None:
    assert schema_of("bars/7m-bid") is BARS
    assert schema_of("ticks/trade") is TRADES


@pytest.mark.parametrize(
    ("key", "why"),
    [
        ("features/mom.v1", "none of this lake's modules declares"),
        ("metrics/turnover", "none of this lake's modules declares"),
        ("ticks/trades", "expected ticks/trade or ticks/quote"),
        ("bar/1m", "'bar' is not a type"),
    ],
)
def test_asset_without_a_schema_is_unknown(key: str, why: str) -> None:
    with pytest.raises(LakeError) as caught:
        schema_of(key)
    assert caught.value.code == "E_UNKNOWN_ASSET"
    assert key in caught.value.message
    assert why in caught.value.why


def test_what_there_is_of_the_symbol_is_named_the_likeliest_first() -> None:
    assert near_series(STORED, "btcusdt", "bars/1h", "BYBIT/SPOT") == (
        "Of BTCUSDT the lake has BYBIT/SPOT/BTCUSDT/bars/1m, BINANCE/SPOT/BTCUSDT/bars/1m, "
        "BINANCE/SPOT/BTCUSDT/ticks/trade."
    )
    assert near_series(STORED, "ETH*", "bars/1h") == "Of ETH* the lake has BYBIT/SPOT/ETHUSDT/bars/1m."


def test_symbols_spelt_alike_are_named() -> None:
    said = near_series(STORED, "ETHUSD", "bars/1m")
    assert said.startswith("Near it: ")
    assert "BYBIT/SPOT/ETHUSDT/bars/1m" in said


def test_nothing_near_is_nothing_said() -> None:
    assert near_series(STORED, "GAZP", "bars/1m") == near_series([], "BTCUSDT", "bars/1m") == ""


def test_many_are_counted() -> None:
    many = [Address.of("X", "SPOT", "ABC", "bars", f"{minutes}m") for minutes in range(1, 9)]
    assert near_series(many, "ABC", "bars/1h").endswith(" and 3 more.")


def test_year_taken_for_a_snapshot_is_seen() -> None:
    error = unknown_snapshot(2016, newest=40)
    assert error.fix == ("2016-01-01, if the year was meant", "dl history")
    assert "snapshot" in error.why
    assert unknown_snapshot(99, newest=40).fix == unknown_snapshot(2016, newest=3000).fix == ("dl history",)


def test_a_schema_nobody_declared_is_looked_for_once() -> None:
    key, calls = "metrics/lookup-later", []

    def load() -> None:
        calls.append(1)
        declare(key, metrics_schema("lookup-later", (Column("x", "float64"),)))

    look_later("here", load)
    assert schema_of("metrics/funding") is FUNDING
    assert calls == []
    assert schema_of(key).name == "metrics_lookup-later"
    with pytest.raises(LakeError):
        schema_of("metrics/lookup-never")
    assert calls == [1]


@pytest.mark.parametrize(
    ("text", "fix"),
    [
        ("bars/1m", "'*/*/*/bars/1m'"),
        ("bars/*", "'*/*/*/bars/*'"),
        ("FXCM/FX/GBP/USD/bars/1m", "FXCM/FX/GBP%2FUSD/bars/1m"),
        ("FXCM/FX/A/B/C/bars/1m", "FXCM/FX/A%2FB%2FC/bars/1m"),
        ("BTCUSDT", "dl list"),
    ],
)
def test_what_is_no_address_is_written_as_one(text: str, fix: str) -> None:
    with pytest.raises(LakeError) as caught:
        parse_pattern(text)
    assert (caught.value.code, caught.value.fix[0]) == ("E_USAGE", fix)
    assert ("%2F" in caught.value.why) == ("%2F" in fix)
