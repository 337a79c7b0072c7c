from __future__ import annotations

import pytest

from lake.spellings import is_pattern, unified

LINEAR, INVERSE = "FUTURES-UM", "FUTURES-CM"


@pytest.mark.parametrize(
    ("name", "market", "symbols"),
    [
        ("BTC/USDT", "SPOT", ["BTCUSDT", "BTC-USDT", "BTC_USDT", "BTC/USDT"]),
        ("EUR/USD", "FX", ["EURUSD"]),
        ("BTC/USDT:USDT", LINEAR, ["BTCUSDT"]),
        ("BTC/USDT:USDT", "DERIVATIVES", ["BTCUSDT"]),
        ("BTC/USDT:USDT", "SWAP", ["BTC-USDT-SWAP"]),
        ("BTC/USD:BTC", INVERSE, ["BTCUSD_PERP"]),
        ("BTC/USD:BTC", "SWAP", ["BTC-USD-SWAP", "BTC-PERPETUAL"]),
        ("BTC/USDC:USDC", "SWAP", ["BTC", "BTCPERP", "BTC_USDC-PERPETUAL"]),
        ("BTC/USDT:USDT-240628", LINEAR, ["BTCUSDT_240628"]),
        ("BTC/USDT:USDT-240605", "FUTURES", ["BTC-USDT-240605", "BTCUSDT-05JUN24"]),
        ("BTC/USD:BTC-240605", "FUTURES", ["BTC-USD-240605", "BTC-5JUN24", "BTCM24", "BTCUSDM24"]),
        ("BTC/USDT:USDT-240628-60000-P", "OPTIONS", ["BTC-240628-60000-P", "BTC-USDT-240628-60000-P"]),
    ],
)
def test_ccxts_symbols_are_what_the_exchanges_write(name: str, market: str, symbols: list[str]) -> None:
    meant = unified(name)
    assert meant is not None
    assert [symbol for symbol in symbols if not meant.fits(market, symbol)] == []
    assert not meant.fits(market, "ETHUSDT")


@pytest.mark.parametrize(
    ("name", "market", "symbol"),
    [
        ("BTC/USDT", LINEAR, "BTCUSDT"),
        ("BTC/USDT", "SWAP", "BTC-USDT"),
        ("BTC/USDT:USDT", "SPOT", "BTCUSDT"),
        ("BTC/USDT:USDT", INVERSE, "BTCUSDT"),
        ("BTC/USD:BTC", LINEAR, "BTCUSD"),
        ("BTC/USDT:USDT-240628", LINEAR, "BTCUSDT"),
        ("BTC/USDT:USDT-240628-60000-P", LINEAR, "BTC-240628-60000-P"),
    ],
)
def test_a_market_of_another_kind_is_not_meant(name: str, market: str, symbol: str) -> None:
    meant = unified(name)
    assert meant is not None
    assert not meant.fits(market, symbol)
    assert meant.fits("SPOT", symbol, anywhere=True) == (symbol in meant.symbols)


def test_what_settles_in_a_third_currency_may_lie_in_either() -> None:
    meant = unified("ETH/USD:BTC")
    assert meant is not None
    assert all(meant.fits(market, "ETHUSD") for market in (LINEAR, INVERSE, "SWAP"))


@pytest.mark.parametrize("name", ["BTCUSDT", "A/B/C", "BTC/", "/USDT", "BTC/USDT:", "BTC/USDT:USDT-24", "A/B:C-991332"])
def test_what_is_none_of_ccxts_is_left_alone(name: str) -> None:
    assert unified(name) is None


def test_patterns_are_known_by_their_marks() -> None:
    assert [text for text in ("BTC*", "B?C", "[AB]", "BTC/USDT:USDT", "BTC-USD_PERP.1") if is_pattern(text)] == [
        "BTC*",
        "B?C",
        "[AB]",
    ]
