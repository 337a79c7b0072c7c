"""Candles whose columns only their values tell apart: the order is found, or asked for, and never guessed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lake.errors import LakeError
from lake.sources import SourceOptions, detect
from tests.source_files import read, write

if TYPE_CHECKING:
    from pathlib import Path

MINUTE = 1_704_448_800
VALUES = {"open": 10.0, "high": 12.0, "low": 9.0, "close": 11.0, "volume": 3.5}
ORDERS = {
    "ccxt-candles": ("open", "high", "low", "close", "volume"),
    "bitfinex-candles": ("open", "close", "high", "low", "volume"),
    "coinbase-candles": ("low", "high", "open", "close", "volume"),
}
FLAT = "".join(f"{MINUTE + 60 * i},10,10,10,10,1\n" for i in range(3))


def rows(order: tuple[str, ...], *, unit: int = 1) -> str:
    """Return three minutes, whose prices rise by one each."""
    text = ""
    for minute in range(3):
        cells = [VALUES[name] + (minute if name != "volume" else 0) for name in order]
        text += ",".join(map(str, [(MINUTE + 60 * minute) * unit, *cells])) + "\n"
    return text


@pytest.mark.parametrize("dialect", ORDERS)
@pytest.mark.parametrize("unit", [1, 1000])
def test_the_order_of_the_columns_is_told_by_the_prices(tmp_path: Path, dialect: str, unit: int) -> None:
    whole = read(write(tmp_path / "candles.csv", rows(ORDERS[dialect], unit=unit)))
    assert (whole.plan.dialect, whole.plan.period) == (dialect, "1m")
    for name, value in VALUES.items():
        assert whole.column(name) == [value + (minute if name != "volume" else 0) for minute in range(3)]
    assert whole.ns == [(MINUTE + 60 * minute) * 10**9 for minute in range(3)]


def test_newest_first_is_read_as_well(tmp_path: Path) -> None:
    text = "".join(reversed(rows(ORDERS["coinbase-candles"]).splitlines(keepends=True)))
    whole = read(write(tmp_path / "candles.csv", "time,low,high,open,close,volume\n" + text))
    assert (whole.plan.dialect, whole.column("low")) == ("coinbase-candles", [11.0, 10.0, 9.0])


def test_prices_that_fit_every_order_are_asked_about(tmp_path: Path) -> None:
    path = write(tmp_path / "candles.csv", FLAT)
    with pytest.raises(LakeError) as refusal:
        detect(path, SourceOptions())
    assert refusal.value.code == "E_AMBIGUOUS"
    assert set(refusal.value.fix) == {f"--format {name}" for name in ORDERS}
    assert read(path, format="ccxt-candles").plan.dialect == "ccxt-candles"


def test_prices_that_fit_no_order_are_refused(tmp_path: Path) -> None:
    text = "".join(f"{MINUTE + 60 * i},10,9,12,11,1\n" for i in range(3))
    with pytest.raises(LakeError) as refusal:
        detect(write(tmp_path / "candles.csv", text), SourceOptions())
    assert refusal.value.code == "E_FORMAT_UNKNOWN"


@pytest.mark.parametrize(("minutes", "period"), [("1", "1m"), ("60", "1h"), ("1440", "1d")])
def test_krakens_candles_say_their_period_in_the_name(tmp_path: Path, minutes: str, period: str) -> None:
    step = int(minutes) * 60
    start = MINUTE // step * step
    text = "".join(f"{start + step * i},10,12,9,11,0.5,{i + 1}\n" for i in range(3))
    whole = read(write(tmp_path / f"XBTUSD_{minutes}.csv", text))
    plan = whole.plan
    assert (plan.dialect, plan.period, plan.symbol, plan.exchange, plan.market) == (
        "kraken-ohlcvt", period, "XBTUSD", "KRAKEN", "SPOT",
    )  # fmt: skip
    assert whole.column("trades") == [1, 2, 3]


@pytest.mark.parametrize(
    ("clock", "hour"), [("12-AM", 0), ("01-AM", 1), ("11-AM", 11), ("12-PM", 12), ("01-PM", 13), ("11-PM", 23)]
)
def test_hours_before_and_after_noon(tmp_path: Path, clock: str, hour: int) -> None:
    text = "Date,Symbol,Open,High,Low,Close,Volume ETH,Volume USD\n"
    text += f"2019-04-22 {clock},ETHUSD,1,2,1,2,3,4\n2019-04-20 01-AM,ETHUSD,1,2,1,2,3,4\n"
    whole = read(write(tmp_path / "Coinbase_ETHUSD_1h.csv", text))
    assert (whole.plan.dialect, whole.plan.symbol, whole.plan.exchange) == ("cryptodatadownload", "ETHUSD", "COINBASE")
    assert whole.column("ts")[0].isoformat() == f"2019-04-22T{hour:02}:00:00+00:00"
    assert whole.column("quote_volume") == [4.0, 4.0]


@pytest.mark.parametrize("clock", ["00-AM", "13-PM", "1-XM"])
def test_an_hour_that_no_clock_shows_is_rejected(tmp_path: Path, clock: str) -> None:
    text = "Date,Symbol,Open,High,Low,Close,Volume ETH,Volume USD\n"
    text += (
        f"2019-04-22 03-PM,ETHUSD,1,2,1,2,3,4\n2019-04-22 04-PM,ETHUSD,1,2,1,2,3,4\n2019-04-22 {clock},E,1,2,1,2,3,4\n"
    )
    whole = read(write(tmp_path / "Coinbase_ETHUSD_1h.csv", text.replace(",E,", ",ETHUSD,")))
    assert whole.reasons == [("bad_timestamp", 4)]


@pytest.mark.parametrize(("more", "cell"), [("", ""), (",tradecount", ",1000")])
@pytest.mark.parametrize("heading", ["unix,date,symbol,open,high,low,close", "Unix,Date,Symbol,Open,High,Low,Close"])
def test_files_of_today_have_a_line_above_and_seconds_or_milliseconds(
    tmp_path: Path, more: str, cell: str, heading: str
) -> None:
    text = f"https://www.CryptoDataDownload.com\n{heading},Volume BTC,Volume USDT{more}\n"
    text += f"1704070800000,2024-01-01 01:00:00,BTCUSDT,42500,42600,42400,42550,12.3,522000{cell}\n"
    text += f"1704067200,2024-01-01 00:00:00,BTCUSDT,42400,42500,42300,42450,10.5,446000{cell}\n"
    whole = read(write(tmp_path / "Binance_BTCUSDT_1h.csv", text))
    plan = whole.plan
    assert (plan.dialect, plan.period, plan.symbol, plan.exchange) == (
        "cryptodatadownload-unix", "1h", "BTCUSDT", "BINANCE",
    )  # fmt: skip
    assert whole.ns == [1704070800 * 10**9, 1704067200 * 10**9]
    assert (whole.column("volume"), whole.column("quote_volume")) == ([12.3, 10.5], [522000.0, 446000.0])
    assert whole.column("trades") == ([1000, 1000] if cell else [None, None])


def test_minutes_without_trades_are_skipped_however_many_they_are(tmp_path: Path) -> None:
    text = "Timestamp,Open,High,Low,Close,Volume_(BTC),Volume_(Currency),Weighted_Price\n"
    text += "1325317920,4.39,4.39,4.39,4.39,0.45558087,2.0000000193,4.39\n"
    text += "".join(f"{1325317980 + 60 * minute},NaN,NaN,NaN,NaN,NaN,NaN,NaN\n" for minute in range(30))
    text += "1325319780,4.4,4.5,4.4,4.5,1,4.45,4.45\n"
    whole = read(write(tmp_path / "bitstampUSD_1-min_data_2012-01-01_to_2021-03-31.csv", text))
    plan = whole.plan
    assert (plan.dialect, plan.period, plan.exchange, plan.market) == ("bitstamp-kaggle", "1m", "BITSTAMP", "SPOT")
    assert [batch.skipped for batch in whole.batches] == [{"no_trade": 30}]
    assert not whole.rejects
    assert (whole.column("vwap"), whole.column("quote_volume")) == ([4.39, 4.45], [2.0000000193, 4.45])


def test_hummingbots_candles_count_trades_with_a_point(tmp_path: Path) -> None:
    text = "timestamp,open,high,low,close,volume,quote_asset_volume,n_trades,taker_buy_base_volume,"
    text += "taker_buy_quote_volume\n"
    text += "1704153600.0,42283.6,42554.6,42261.0,42475.2,1271.7,53957033.5,795.0,640.1,27159000.2\n"
    text += "1704153660.0,42475.2,42775.0,42431.7,42613.6,1196.4,50900000.0,1.0,1.0,42600.0\n"
    whole = read(write(tmp_path / "candles.csv", text))
    assert (whole.plan.dialect, whole.plan.period) == ("hummingbot-candles", "1m")
    assert whole.ns == [1704153600 * 10**9, 1704153660 * 10**9]
    assert (whole.column("trades"), whole.column("taker_buy_volume")) == ([795, 1], [640.1, 1.0])
