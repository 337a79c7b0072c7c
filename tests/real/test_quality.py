"""Quality of real vendor files: what is known to be wrong is found, and clean files raise nothing."""

from __future__ import annotations

import csv
import datetime as dt
import json
import zipfile
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pytest

from tests.conftest import NO_VENDOR_DATA, VENDOR_DATA
from tests.real.test_ingest import ASKED

if TYPE_CHECKING:
    from pathlib import Path

    from tests.runs import Dl

HOUR_MS = 3_600_000
LONDON = ZoneInfo("Europe/London")
CLEAN = [
    # Every row is there and has volume, by the independent program's counts; no price leaves its surroundings.
    "binance_spot_klines_ms/BTCUSDT-1h-2024-12.csv",
    "binance_spot_klines_us/BTCUSDT-1h-2025-01.csv",
    "binance_um_klines_header/FILUSDT-1m-2024-09.csv",
    "binance_um_klines_header/FILUSDT-1m-2025-02.csv",  # -8.2 % in the minute of 2025-02-03T02:07 is the market's
    "binance_um_klines_header/1000PEPEUSDT-5m-2025-02.csv",
    "mt5_python_csv/EURUSD_M1.csv",
    "databento_dbn/futures_ohlcv-1m_2024-07-01T23-40_2024-07-02T00-10.dbn.zst",
    # Holes are for `dl gaps`; what is there is as it should be.
    "freqtrade_json/UNITTEST_BTC-1m.json",
    "freqtrade_feather/XRP_ETH-5m.feather",
    "finam_csv/data_sber_minutes30.csv",
    "finam_csv/data_sber_daily.csv",
    "stooq_csv/spy_us_d.csv",
    "dukascopy_csv/FOREX_EURUSD_1H_ASK.csv",
    "fxcm_m1_iso/gbpusd-m1-bid-2012.csv",  # no volumes are given, which is not the same as none
    "fxcm_m1_iso/gbpusd-m1-ask-2012.csv",
    "mt4_csv/EURUSD_M1.csv",
    "lean_zip/crypto_coinbase_minute_btcusd_20161007_trade.zip",
    "lean_zip/equity_india_minute_yesbank_20190709_trade.zip",
    "generic_tsv_ms/AAPL_INTRA_DAY.tsv",  # 8 % lower on the morning after Apple's results
    # Trades and quotes without crossed or locked quotes, or sizes of 0.
    "freqtrade_trades_json_gz/XRP_ETH-trades.json.gz",
    "kraken_trades_csv/BCHEUR.csv",
    "cryptochassis_csv/gemini__eth-usd__2021-07-02__trade.csv",
    "histdata_ticks/quote_tick_data.csv",
    "lean_zip/forex_oanda_tick_eurusd_20140502_quote.zip",
]
FOUND = {
    # Below each of these prices no other bar around comes near; the trades were reported late, or are wrong.
    "finam_csv/AFLT.csv": [("price_spike", "1999-09-01T00:00", 1)],  # low 0.01 between 2.30 and 1.49
    "eikon_1min_csv/AAPL_1min_05052020.csv": [("price_spike", "2020-05-05T19:14", 1)],  # low 291.04 at 300.9
    "ninjatrader_csv/nt-spy-minute-2011-03.csv": [("price_spike", "2011-03-21T20:22", 1)],  # low 127.83 at 129.7
    "lean_zip/equity_usa_minute_spy_20131007_trade.zip": [  # 168.90 after hours, twice, at 167.3
        ("price_spike", "2013-10-07T20:35", 1),
        ("price_jump", "2013-10-07T21:04", 1),
    ],
    # One quote whose bid is its ask.
    "truefx_iso/usdjpy-ticks.csv": [("locked_quote", "2013-01-01T22:34", 1)],
}


def london(at: str) -> str:
    """Return the day in London of a time in UTC: the bars are stamped with its midnight."""
    return dt.datetime.fromisoformat(at).astimezone(LONDON).date().isoformat()


def quality(dl: Dl, file: Path, *more: str) -> list[dict[str, Any]]:
    said: list[str | Path] = ["ingest", "--source", file]
    said += ["--format", ASKED[file.parent.name]] if file.parent.name in ASKED else []
    ran = dl(*said, "--json")
    if ran.status == 2:
        ran = dl(*said, "--exchange", "VENDOR", "--symbol", "S", "--json")
    addresses = ran.data["files"][0]["addresses"]
    found: list[dict[str, Any]] = dl("quality", *addresses, "--limit", "100000", *more, "--json").data["series"]
    return found


def rows_of(series: list[dict[str, Any]], *rules: str) -> int:
    return sum(each["rows"] for found in series for each in found["findings"] if each["rule"] in rules)


@pytest.mark.parametrize("name", CLEAN)
def test_clean_files_raise_nothing(name: str, vendor_data: Path, dl: Dl) -> None:
    found = quality(dl, vendor_data / name)
    assert sum(each["rows"] for each in found) > 0
    assert [each["findings"] for each in found] == [[]] * len(found)


@pytest.mark.parametrize("name", list(FOUND))
def test_single_prices_that_are_wrong_are_found_and_nothing_else(name: str, vendor_data: Path, dl: Dl) -> None:
    [found] = quality(dl, vendor_data / name)
    told = [each for each in found["findings"] if each["rule"] != "out_of_hours"]
    assert [(each["rule"], each["first"][:16], each["rows"]) for each in told] == FOUND[name]


@pytest.mark.parametrize("name", ["equity_usa_minute_spy_20131007_trade", "equity_usa_tick_ibm_20131008_trade"])
def test_rows_before_the_open_and_after_the_close_of_new_york_are_told(name: str, vendor_data: Path, dl: Dl) -> None:
    pytest.importorskip("exchange_calendars")
    file = vendor_data / "lean_zip" / f"{name}.zip"
    with zipfile.ZipFile(file) as archive:
        lines = archive.read(archive.namelist()[0]).decode().split()
    clocks = [int(line.partition(",")[0]) for line in lines]  # milliseconds since midnight in New York
    outside = sum(not 9.5 * HOUR_MS <= clock < 16 * HOUR_MS for clock in clocks)
    found = quality(dl, file)
    assert rows_of(found, "out_of_hours") == outside > 0
    assert all(each["severity"] == "note" for each in found[0]["findings"] if each["rule"] == "out_of_hours")


def zero_volumes() -> dict[str, int]:
    """Return the bars and trades of volume 0 that the independent program counted, by file."""
    path = VENDOR_DATA / "expected.json"
    known: dict[str, Any] = json.loads(path.read_text()) if path.is_file() else {}
    return {
        name: each["zero_volume_rows"]
        for name, each in known.items()
        if each.get("zero_volume_rows") and each["kind"] in {"bars", "trades"}
    }


@pytest.mark.parametrize("name", list(zero_volumes()) or [NO_VENDOR_DATA])
def test_volumes_of_zero_are_those_that_the_independent_program_counted(name: str, vendor_data: Path, dl: Dl) -> None:
    found = quality(dl, vendor_data / name, "--no-record")
    assert rows_of(found, "zero_volume", "moved_without_volume") == zero_volumes()[name]


def test_the_rows_in_the_wrong_unit_are_one_of_the_two_groups_that_are_told(vendor_data: Path, dl: Dl) -> None:
    name = "AET-L-1d-100x-error"
    file, reference = (
        vendor_data / "yahoo_yfinance_csv" / f"{name}.csv",
        vendor_data / "reference" / f"{name}-fixed.csv",
    )
    with file.open() as stored, reference.open() as fixed:
        pairs = list(zip(csv.DictReader(stored), csv.DictReader(fixed), strict=True))
    closes = {float(a["Close"]) / float(b["Close"]) for a, b in pairs}
    assert {round(ratio, 4) for ratio in closes} == {1, 0.01}
    wrong = {a["Date"][:10] for a, b in pairs if float(a["Close"]) / float(b["Close"]) < 0.5}
    [found] = quality(dl, file)
    levels = [each for each in found["findings"] if each["rule"] == "unit_error"]
    groups: dict[bool, set[str]] = {False: set(), True: set()}
    stamps = [
        row["ts"] for row in dl("read", found["address"], "--columns", "ts", "--limit", "99", "--json").data["rows"]
    ]
    for each in levels:
        groups[each["detail"].startswith("100 times")] |= {at for at in stamps if each["first"] <= at <= each["last"]}
    days = {level: {london(at) for at in group} for level, group in groups.items()}
    assert (len(days[False]), len(days[True])) == (14, 9)
    assert wrong == days[False]
