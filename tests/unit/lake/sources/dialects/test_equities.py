"""Files of stock vendors, made as they head them: zones, adjustments, many tickers in one file."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import pytest

from lake.errors import LakeError
from lake.sources import SourceOptions, detect
from lake.sources.span import named_end_ns
from tests.source_files import read, write

if TYPE_CHECKING:
    from pathlib import Path

    from tests.source_files import Whole

INTRADAY = "timestamp,open,high,low,close,volume\n"
AGGREGATES = "ticker,volume,open,close,high,low,window_start,transactions\n"
TRADES = (
    "ticker,conditions,correction,exchange,id,participant_timestamp,price,sequence_number,sip_timestamp,size,tape,"
    "trf_id,trf_timestamp\n"
)
STOOQ = "<TICKER>,<PER>,<DATE>,<TIME>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<VOL>,<OPENINT>\r\n"


def stamps(whole: Whole) -> list[str]:
    """Return `ts` as texts, to the minute."""
    return [f"{at:%Y-%m-%d %H:%M}" for at in whole.column("ts")]


def test_alpha_vantages_daily_prices_are_raw_and_newest_first(tmp_path: Path) -> None:
    text = "timestamp,open,high,low,close,adjusted_close,volume,dividend_amount,split_coefficient\n"
    text += "2024-03-28,190.94,191.93,190.34,190.96,187.5,3742169,0.0000,1.0\n"
    text += "2024-03-27,189.6,190.96,188.6,190.8,187.3,3693305,0.0000,1.0\n"
    whole = read(write(tmp_path / "daily_adjusted_IBM.csv", text))
    plan = whole.plan
    assert (plan.dialect, plan.period, plan.symbol, plan.market) == ("alphavantage-daily", "1d", "IBM", "EQUITY")
    assert stamps(whole) == ["2024-03-28 00:00", "2024-03-27 00:00"]
    assert (whole.column("close"), whole.column("volume")) == ([190.96, 190.8], [3742169.0, 3693305.0])


def test_alpha_vantages_days_without_adjustment_are_named_so(tmp_path: Path) -> None:
    text = INTRADAY + "2024-03-28,190.94,191.93,190.34,190.96,3742169\n2024-03-27,189.6,190.96,188.6,190.8,3693305\n"
    whole = read(write(tmp_path / "daily_IBM.csv", text))
    assert (whole.plan.dialect, whole.plan.period, whole.plan.symbol) == ("alphavantage-daily-raw", "1d", "IBM")
    assert stamps(whole) == ["2024-03-28 00:00", "2024-03-27 00:00"]


@pytest.mark.parametrize(("day", "hour"), [("2024-03-08", 21), ("2024-03-11", 20)])
def test_alpha_vantages_minutes_are_new_yorks(tmp_path: Path, day: str, hour: int) -> None:
    text = INTRADAY + f"{day} 16:05:00,1,2,1,2,10\n{day} 16:00:00,1,2,1,2,10\n"
    whole = read(write(tmp_path / "intraday_5min_IBM.csv", text))
    assert (whole.plan.dialect, whole.plan.period, whole.plan.symbol) == ("alphavantage-intraday", "5m", "IBM")
    assert stamps(whole) == [f"{day} {hour}:05", f"{day} {hour}:00"]


def test_the_same_header_under_another_name_is_not_alpha_vantages(tmp_path: Path) -> None:
    text = INTRADAY + "2024-03-08 16:05:00,1,2,1,2,10\n2024-03-08 16:00:00,1,2,1,2,10\n"
    assert read(write(tmp_path / "mine.csv", text)).plan.dialect == "csv"


@pytest.mark.parametrize(
    ("folder", "market"), [("us_stocks_sip", "EQUITY"), ("us_options_opra", "OPTIONS"), ("global_crypto", "SPOT")]
)
def test_polygons_aggregates_are_parted_by_ticker(tmp_path: Path, folder: str, market: str) -> None:
    text = AGGREGATES + "A,28038.875816,115.03,114.91,115.04,114.76,1711632600000000000,125\n"
    text += "AA,5,30,31,32,29,1711632600000000000,3\nA,1,114.91,114.9,115,114.8,1711632660000000000,1\n"
    whole = read(write(tmp_path / folder / "minute_aggs_v1/2024/03/2024-03-28.csv", text))
    plan = whole.plan
    assert (plan.dialect, plan.period, plan.market, plan.many) == ("polygon-aggregates", "1m", market, True)
    assert whole.symbols == ["A", "AA", "A"]
    assert (whole.column("open"), whole.column("close")) == ([115.03, 30.0, 114.91], [114.91, 31.0, 114.9])
    assert (whole.column("high"), whole.column("low")) == ([115.04, 32.0, 115.0], [114.76, 29.0, 114.8])
    assert (whole.column("volume"), whole.column("trades")) == ([28038.875816, 5.0, 1.0], [125, 3, 1])
    assert whole.ns[0] == 1711632600000000000


def test_polygons_day_is_named_by_its_folder_and_is_new_yorks(tmp_path: Path) -> None:
    text = AGGREGATES + "A,28038.9,115.03,114.91,115.04,114.76,1711598400000000000,125\n"
    path = write(tmp_path / "us_stocks_sip/day_aggs_v1/2024/03/2024-03-28.csv", text)
    whole = read(path)
    assert (whole.plan.period, stamps(whole)) == ("1d", ["2024-03-28 04:00"])
    end = named_end_ns("polygon-aggregates", str(path), "UTC")
    assert end == int(dt.datetime(2024, 3, 29, 4, tzinfo=dt.UTC).timestamp()) * 10**9


def test_polygons_trades_have_the_exchanges_time_and_an_id_that_is_one(tmp_path: Path) -> None:
    text = TRADES
    text += 'A,"12,37",0,4,7167,1789718400814766587,157.35,3372,1789718400831008119,10.5,1,202,1789718400830651291\n'
    text += "MSFT,,0,11,7167,1789718400814766588,276.16,1550,1789718400831008120,55,3,0,0\n"
    whole = read(write(tmp_path / "us_stocks_sip/trades_v1/2026/09/2026-09-18.csv", text))
    plan = whole.plan
    assert (plan.dialect, plan.type, plan.period, plan.market) == ("polygon-trades", "ticks", "trade", "EQUITY")
    assert whole.ns == [1789718400814766587, 1789718400814766588]
    assert [int(at.timestamp() * 1000) for at in whole.column("ts_recv")] == [1789718400831, 1789718400831]
    assert whole.column("trade_id") == ["4,7167,202", "11,7167,0"]
    assert whole.column("conditions") == ["12,37", None]
    assert (whole.column("size"), whole.symbols) == ([10.5, 55.0], ["A", "MSFT"])


def test_stooqs_days_are_labels(tmp_path: Path) -> None:
    text = STOOQ + "AAPL.US,D,20240328,000000,171.75,172.23,170.51,171.48,65672690,0\r\n"
    text += "AAPL.US,D,20240401,000000,171.19,171.25,169.475,170.03,46240500,0\r\n"
    whole = read(write(tmp_path / "aapl.us.txt", text))
    plan = whole.plan
    assert (plan.dialect, plan.period, plan.symbol, plan.exchange) == ("stooq-bulk", "1d", "AAPL.US", "STOOQ")
    assert stamps(whole) == ["2024-03-28 00:00", "2024-04-01 00:00"]


def test_stooqs_times_of_day_are_asked_about(tmp_path: Path) -> None:
    text = STOOQ + "AAPL.US,5,20240328,153000,1,2,1,2,10,0\r\nAAPL.US,5,20240328,153500,1,2,1,2,10,0\r\n"
    path = write(tmp_path / "aapl.us.txt", text)
    with pytest.raises(LakeError) as refusal:
        detect(path, SourceOptions())
    assert refusal.value.code == "E_AMBIGUOUS"
    assert "--tz" in refusal.value.fix[0]
    whole = read(path, tz="Europe/Warsaw")
    assert (whole.plan.period, stamps(whole)) == ("5m", ["2024-03-28 14:30", "2024-03-28 14:35"])


def test_finams_header_without_open_interest_stays_finams(tmp_path: Path) -> None:
    text = "<TICKER>,<PER>,<DATE>,<TIME>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<VOL>\n"
    text += "SBER,5,20240328,100000,1,2,1,2,10\nSBER,5,20240328,100500,1,2,1,2,10\n"
    assert read(write(tmp_path / "sber.csv", text)).plan.dialect == "finam-bars"


@pytest.mark.parametrize(
    ("header", "cells", "name", "dialect", "period"),
    [
        ("Date,Open,High,Low,Close,Adj Close,Volume", "1,2,1,2,1.9,10", "AAPL.csv", "yahoo", "1d-split"),
        (
            "Date,Open,High,Low,Close,Adj Close,Volume,Dividends,Stock Splits",
            "1,2,1,2,1.9,10,0.0,0.0",
            "AAPL-1d.csv",
            "yfinance",
            "1d-split",
        ),
        (
            "Date,Open,High,Low,Close,Volume,Dividends,Stock Splits",
            "1,2,1,2,10,0.0,0.0",
            "AAPL-1d.csv",
            "yfinance-total",
            "1d-total",
        ),
    ],
)
def test_yahoos_prices_are_adjusted(
    tmp_path: Path, header: str, cells: str, name: str, dialect: str, period: str
) -> None:
    text = f"{header}\n2024-03-27,{cells}\n2024-03-28,{cells}\n"
    whole = read(write(tmp_path / name, text))
    assert (whole.plan.dialect, whole.plan.period, whole.plan.symbol) == (dialect, period, "AAPL")
    assert (whole.column("close"), whole.column("volume")) == ([2.0, 2.0], [10.0, 10.0])


def test_the_adjustment_stands_beside_the_length_that_is_asked(tmp_path: Path) -> None:
    text = "Date,Open,High,Low,Close,Adj Close,Volume\n2024-03-27,1,2,1,2,1.9,10\n2024-03-28,1,2,1,2,1.9,10\n"
    path = write(tmp_path / "AAPL.csv", text)
    assert read(path, period="1d").plan.period == "1d-split"
    assert read(path, period="1d-total").plan.period == "1d-total"


def test_yahoos_days_without_data_are_skipped(tmp_path: Path) -> None:
    good = "".join(f"2024-03-{day:02},1,2,1,2,1.9,10\n" for day in range(1, 12))
    text = f"Date,Open,High,Low,Close,Adj Close,Volume\n{good}2024-03-12,null,null,null,null,null,null\n"
    whole = read(write(tmp_path / "^GSPC.csv", text))
    assert (whole.plan.symbol, whole.rejects) == ("^GSPC", [])
    assert [batch.skipped for batch in whole.batches] == [{"no_data": 1}]
