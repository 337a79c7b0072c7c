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
