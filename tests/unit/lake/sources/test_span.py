"""What names of vendors' files say of the time they hold."""

from __future__ import annotations

import datetime as dt

import pytest

from lake.sources.span import named_end_ns


def ns(text: str) -> int:
    return int(dt.datetime.fromisoformat(text).timestamp()) * 10**9


@pytest.mark.parametrize(
    ("dialect", "path", "zone", "end"),
    [
        ("binance-spot-klines", "/d/BTCUSDT-1m-2024-03.zip", "UTC", "2024-04-01T00:00+00:00"),
        ("binance-spot-klines", "/d/BTCUSDT-1m-2024-12.csv", "UTC", "2025-01-01T00:00+00:00"),
        ("binance-spot-trades", "/d/BTCUSDT-trades-2024-02-29.zip", "UTC", "2024-03-01T00:00+00:00"),
        ("crypto-chassis-trades", "/d/gemini__eth-usd__2021-07-02__trade.csv", "UTC", "2021-07-03T00:00+00:00"),
        # A New York day: daylight saving time began on the 9th at 02:00.
        ("lean-tick-trade", "/d/equity_usa_tick_ibm_20140308_trade.zip", "America/New_York", "2014-03-09T05:00+00:00"),
        ("lean-tick-trade", "/d/equity_usa_tick_ibm_20140309_trade.zip", "America/New_York", "2014-03-10T04:00+00:00"),
        ("lean-tick-trade", "/d/equity/usa/tick/ibm/20131008_trade.zip", "America/New_York", "2013-10-09T04:00+00:00"),
    ],
)
def test_a_name_tells_the_end_of_its_day_or_month(dialect: str, path: str, zone: str, end: str) -> None:
    assert named_end_ns(dialect, path, zone) == ns(end)


@pytest.mark.parametrize(
    ("dialect", "path"),
    [
        ("binance-spot-klines", "/d/mine.csv"),
        ("binance-spot-klines", "/d/BTCUSDT-1m-2024-13.zip"),
        ("kraken-trades", "/d/XBTUSD.csv"),
        ("csv", "/d/BTCUSDT-1m-2024-03.csv"),
    ],
)
def test_other_names_tell_nothing(dialect: str, path: str) -> None:
    assert named_end_ns(dialect, path, "UTC") is None
