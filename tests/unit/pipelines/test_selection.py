"""Selections: what Dagster's users write, and addresses."""

from __future__ import annotations

import pytest

from lake.errors import LakeError
from pipelines.assets import ASSETS
from pipelines.selection import select
from schemas.assets import AssetSpec
from schemas.graph import Registry
from schemas.keys import Address

OWN = Registry(
    [
        *ASSETS,
        AssetSpec.of(
            "metrics/selection-range",
            columns={"x": "float64"},
            upstreams=["bars/1h", "metrics/funding"],
            tags=["mine", "daily"],
            owner="me",
            make=print,
        ),
    ]
)
BTC, ETH, EUR = (
    Address.parse(text)
    for text in (
        "BINANCE/SPOT/BTCUSDT/bars/1m",
        "BINANCE/FUTURES-UM/ETHUSDT/bars/1m",
        "OANDA/FX/EUR%2FUSD/bars/1m-mark",
    )
)
STORED = (BTC, ETH, EUR)
COARSER = {"3m", "5m", "15m", "30m", "1h", "2h", "4h", "6h", "8h", "12h", "1d", "3d", "1w", "1mo"}


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("bars/1h", {"bars/1h"}),
        ("bars/60m", {"bars/1h"}),
        ("bars/7m", {"bars/7m"}),
        (
            "metrics/*",
            {"metrics/funding", "metrics/open_interest", "metrics/long_short_ratio", "metrics/selection-range"},
        ),
        ("bars/1m*", {"bars/1m", "bars/1m-bid", "bars/1m-ask", "bars/1m-mid", "bars/1m-mark", "bars/1mo"}),
        ("+bars/1d", {"bars/1d", "bars/1m", "ticks/trade"}),
        ("1+bars/1d", {"bars/1d", "bars/1m"}),
        ("2+metrics/selection-range", {"metrics/selection-range", "metrics/funding", "bars/1h", "bars/1m"}),
        ("bars/1m+", {"bars/1m", "metrics/selection-range", *(f"bars/{p}" for p in COARSER)}),
        ("bars/1m+1", {"bars/1m", *(f"bars/{p}" for p in COARSER)}),
        ("+bars/1h+", {"ticks/trade", "bars/1m", "bars/1h", "metrics/selection-range"}),
        ("tag:mine", {"metrics/selection-range"}),
        ("tag:'da*'", {"metrics/selection-range"}),
        ("owner:me", {"metrics/selection-range"}),
        ("1+tag:mine", {"metrics/selection-range", "bars/1h", "metrics/funding"}),
        ("key:bars/1h", {"bars/1h"}),
        ("type:orderbook", {"orderbook/l2", "orderbook/l3"}),
        ("bars/1h, ticks/trade", {"bars/1h", "ticks/trade"}),
        ("OANDA/*/*/bars/*", {"bars/1m-mark"}),
    ],
)
def test_a_selection_names_assets(text: str, keys: set[str]) -> None:
    selected = set(select(text, OWN, STORED).keys)
    if text.startswith("OANDA"):
        assert keys <= selected
    else:
        assert selected == keys


def test_what_is_called_by_its_key_is_told_from_what_comes_with_it() -> None:
    chosen = select(["bars/60m", "+bars/1d", "metrics/*", "tag:mine", "BINANCE/*/*/bars/5m@2024-03"], OWN, STORED)
    assert chosen.named == ("bars/1h", "bars/1d", "bars/5m")
    assert select("*", OWN, STORED).named == ()


def test_derived_is_what_the_lake_makes() -> None:
    assert set(select("made:derived", OWN).keys) == {"metrics/selection-range", *(f"bars/{p}" for p in COARSER)}


def test_nothing_and_a_star_are_everything() -> None:
    assert select([], OWN).keys == select("*", OWN).keys == OWN.keys()


def test_addresses_keep_to_their_place_with_what_is_up_and_down_of_them() -> None:
    chosen = select("BINANCE/*/btc*/bars/1m+", OWN, STORED)
    hour = Address.of("BINANCE", "SPOT", "BTCUSDT", "bars", "1h")
    assert chosen.fits(BTC)
    assert chosen.fits(hour)
    assert not chosen.fits(ETH)
    assert not chosen.fits(EUR)
    assert select("OANDA/FX/EUR%2FUSD/bars/1m-mark", OWN, STORED).fits(EUR)


def test_a_label_selects_the_partitions_that_touch_it() -> None:
    day = 86_400 * 10**9
    start = 19783 * day  # 2024-03-01
    for text in ("bars/1m@2024-03-01", "BINANCE/SPOT/BTCUSDT/bars/1m@2024-03-01"):
        chosen = select(text, OWN, STORED)
        assert chosen.covers(BTC, start, start + day)
        assert not chosen.covers(BTC, start + day, start + 2 * day)
        assert not chosen.covers(BTC, start - day, start)
    march = select("bars/1m@2024-03,bars/1d@2023", OWN, STORED)
    assert march.covers(BTC, start + 30 * day, start + 31 * day)
    assert not march.covers(BTC, start + 31 * day, start + 32 * day)
    assert select("bars/1m", OWN, STORED).covers(BTC, 0, day)


@pytest.mark.parametrize(
    ("text", "code", "told"),
    [
        ("bars/1x", "E_UNKNOWN_ASSET", "Near it: bars/1"),
        ("bar/1h", "E_UNKNOWN_ASSET", "Near it: bars/1h"),
        ("metrics/selection-rang", "E_UNKNOWN_ASSET", "metrics/selection-range"),
        ("nonsense", "E_UNKNOWN_ASSET", "No such asset"),
        ("books/*", "E_UNKNOWN_ASSET", "Near it: orderbook/l3"),
        ("tag:yours", "E_UNKNOWN_ASSET", "There is: daily, mine."),
        ("BINANCE/SPOT/BTCUSD/bars/1h", "E_UNKNOWN_SERIES", "Near it: BINANCE/SPOT/BTCUSDT/bars/1m"),
        ("OANDA/FX/EUR/USD/bars/1m", "E_USAGE", "written %2F"),
        ("++bars/1h", "E_USAGE", "Layers are counted by numbers"),
        ("bars/1h@March", "E_BAD_DATE", "Dates are UTC"),
        ("a/b/c", "E_UNKNOWN_ASSET", "No such asset"),
    ],
)
def test_what_selects_nothing_is_told_with_what_is_near(text: str, code: str, told: str) -> None:
    with pytest.raises(LakeError) as caught:
        select(text, OWN, STORED)
    assert caught.value.code == code
    assert told in caught.value.why


def test_tags_nobody_has_are_told_apart_from_unknown_ones() -> None:
    with pytest.raises(LakeError, match="no asset is of tag") as caught:
        select("tag:x", ASSETS)
    assert caught.value.why == "No asset has one."


def test_what_is_declared_no_more_is_not_selected() -> None:
    gone = Address.of("BINANCE", "SPOT", "BTCUSDT", "metrics", "selection-gone")
    assert gone.key not in select("*", ASSETS, [*STORED, gone]).keys
    with pytest.raises(LakeError, match="selection-gone"):
        select("metrics/selection-gone", ASSETS, [gone])
