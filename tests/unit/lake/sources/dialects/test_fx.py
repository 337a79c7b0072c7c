"""Foreign-exchange archives: the price side is what the vendor says, and part of the period."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lake.errors import LakeError
from lake.sources import SourceOptions, detect, open_reader
from tests.source_files import read, write

if TYPE_CHECKING:
    from pathlib import Path

FXCM = "DateTime,BidOpen,BidHigh,BidLow,BidClose,AskOpen,AskHigh,AskLow,AskClose"
FXCM_ROWS = (
    "01/02/2017 22:00:00.000,1.0521,1.0525,1.0520,1.0522,1.0523,1.0527,1.0522,1.0524",
    "01/02/2017 22:01:00.000,1.0522,1.0542,1.0522,1.0528,1.0524,1.0544,1.0524,1.0530",
)


@pytest.mark.parametrize(("more", "cell"), [("", ""), (",TickQty", ",150")])
def test_fxcm_has_bid_and_ask_bars_in_one_record(tmp_path: Path, more: str, cell: str) -> None:
    text = FXCM + more + "\n" + "".join(f"{row}{cell}\n" for row in FXCM_ROWS)
    plan = detect(write(tmp_path / "m1/EURUSD/2017/1.csv", text), SourceOptions())
    assert (plan.dialect, plan.symbol, plan.market, plan.exchange) == ("fxcm-candles", "EURUSD", "FX", "FXCM")
    assert [f"{channel.type}/{channel.period}" for channel in plan.channels] == ["bars/1m-bid", "bars/1m-ask"]
    reader = open_reader(plan)
    [batch] = [reader.parse(block) for block in reader.blocks()]
    reader.close()
    bid, ask = (portion.rows for portion in batch.portions)
    assert bid.column("high").to_pylist() == [1.0525, 1.0542]
    assert ask.column("open").to_pylist() == [1.0523, 1.0524]
    for rows in (bid, ask):
        assert [str(at)[:16] for at in rows.column("ts").to_pylist()] == ["2017-01-02 22:00", "2017-01-02 22:01"]


@pytest.mark.parametrize("side", ["bid", "ask"])
def test_a_side_in_the_name_is_part_of_the_period(tmp_path: Path, side: str) -> None:
    text = "timestamp,open,high,low,close\n"
    text += "2012-02-01 00:00:00+00:00,1.5,1.6,1.4,1.5\n2012-02-01 00:01:00+00:00,1.5,1.6,1.4,1.5\n"
    plan = read(write(tmp_path / f"gbpusd-m1-{side}-2012.csv", text)).plan
    assert (plan.dialect, plan.period, plan.symbol) == ("fxcm-side", f"1m-{side}", "gbpusd")


def test_truefx_says_its_pair_in_every_row(tmp_path: Path) -> None:
    text = "EUR/USD,20160502 00:00:00.959,1.14601,1.14605\nEUR/USD,20160502 00:00:00.991,1.14599,1.14605\n"
    whole = read(write(tmp_path / "EURUSD-2016-05.csv", text))
    plan = whole.plan
    assert (plan.dialect, plan.type, plan.period, plan.symbol, plan.exchange) == (
        "truefx", "ticks", "quote", "EUR/USD", "TRUEFX",
    )  # fmt: skip
    assert whole.ns == [1462147200959000000, 1462147200991000000]
    assert (whole.column("bid"), whole.column("ask")) == ([1.14601, 1.14599], [1.14605, 1.14605])


@pytest.mark.parametrize(
    ("words", "step", "side", "period"),
    [("1_Hour", 3600, "BID", "1h-bid"), ("1_M", 60, "ASK", "1m-ask"), ("1_D", 86_400, "BID", "1d-bid")],
)
def test_dukascopys_names_say_period_and_side(tmp_path: Path, words: str, step: int, side: str, period: str) -> None:
    second = {60: "02.01.2017 00:01:00.000", 3600: "02.01.2017 01:00:00.000", 86_400: "03.01.2017 00:00:00.000"}[step]
    text = "Gmt time,Open,High,Low,Close,Volume\n"
    text += f"02.01.2017 00:00:00.000,1.05236,1.05253,1.05221,1.05227,143.5\n{second},1.05,1.06,1.04,1.05,2\n"
    whole = read(write(tmp_path / f"EURUSD_Candlestick_{words}_{side}_02.01.2017-31.12.2017.csv", text))
    plan = whole.plan
    assert (plan.dialect, plan.period, plan.symbol) == ("dukascopy-bars", period, "EURUSD")
    assert whole.ns == [1483315200 * 10**9, (1483315200 + step) * 10**9]


def test_dukascopys_ticks_have_the_ask_before_the_bid(tmp_path: Path) -> None:
    text = "Gmt time,Ask,Bid,AskVolume,BidVolume\n01.07.2019 13:30:03.304,203.149,203.107,0.0002,0.0001\n"
    whole = read(write(tmp_path / "AAPL.USUSD_Ticks_01.07.2019-01.07.2019.csv", text))
    assert (whole.plan.dialect, whole.plan.symbol) == ("dukascopy-ticks", "AAPL.USUSD")
    assert (whole.column("bid"), whole.column("ask")) == ([203.107], [203.149])
    assert (whole.column("bid_size"), whole.column("ask_size")) == ([0.0001], [0.0002])
    assert whole.ns == [1561987803304000000]


def test_dukascopys_local_times_are_not_taken_for_utc(tmp_path: Path) -> None:
    text = "Local time,Ask,Bid,AskVolume,BidVolume\n01.12.2017 00:00:00.192 GMT+0100,1.2,1.1,1,1\n"
    with pytest.raises(LakeError) as refusal:
        detect(write(tmp_path / "EURUSD_Ticks_01.12.2017-01.12.2017.csv", text), SourceOptions())
    assert refusal.value.code in {"E_COLUMN_MISSING", "E_FORMAT_UNKNOWN", "E_TIME_FORMAT"}
