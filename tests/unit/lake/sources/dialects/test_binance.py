"""Binance Vision: the rows of the vendor's own README, and files in its naming."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lake.errors import LakeError
from lake.sources import SourceOptions, detect
from tests.source_files import read, write

if TYPE_CHECKING:
    from pathlib import Path

# github.com/binance/binance-public-data, README.md: one row of each table, as printed there.
SPOT_AGG = "0,0.20000000,50.00000000,0,0,1608872400000,False,True\n"
SPOT_KLINE = (
    "1601510340000,4.15070000,4.15870000,4.15060000,4.15540000,539.23000000,1601510399999,2240.39860900,13,"
    "401.82000000,1669.98121300,0\n"
)
SPOT_TRADE = "51175358,17.80180000,5.69000000,101.29224200,1583709433583,True,True\n"
FUTURES_AGG = "26129,0.01633102,4.70443515,27781,27781,1498793709153,true\n"
CM_KLINE = "1591258320000,9640.7,9642.4,9640.6,9642.0,206,1591258379999,2.13660389,48,119,1.23424865,0\n"
UM_TRADE = "28457,4.00000100,12.00000000,48.00,1499865549590,true\n"
CM_TRADE = "28457,9635.0,1,0.01037883,1591250192508,true\n"
KLINES = (
    "open_time,open,high,low,close,volume,close_time,quote_volume,count,"
    "taker_buy_volume,taker_buy_quote_volume,ignore\n"
)


def test_spot_klines_give_every_column(tmp_path: Path) -> None:
    whole = read(write(tmp_path / "BNBUSDT-1m-2020-10.csv", SPOT_KLINE))
    assert (whole.plan.dialect, whole.plan.market, whole.plan.symbol) == ("binance-spot-klines", "SPOT", "BNBUSDT")
    assert (whole.plan.type, whole.plan.period, whole.plan.incomplete_tail) == ("bars", "1m", False)
    (bar,) = whole.rows.to_pylist()
    assert bar.pop("ts").isoformat() == "2020-09-30T23:59:00+00:00"
    assert bar == {
        "open": 4.1507, "high": 4.1587, "low": 4.1506, "close": 4.1554, "volume": 539.23, "quote_volume": 2240.398609,
        "trades": 13, "taker_buy_volume": 401.82, "taker_buy_quote_volume": 1669.981213, "vwap": None,
        "open_interest": None, "spread": None,
    }  # fmt: skip


def test_coin_margined_klines_take_the_base_volume_that_is_headed_quote_volume(tmp_path: Path) -> None:
    whole = read(write(tmp_path / "BTCUSD_PERP-1m-2020-06.csv", KLINES + CM_KLINE))
    assert (whole.plan.dialect, whole.plan.market) == ("binance-cm-klines", "FUTURES-CM")
    (bar,) = whole.rows.to_pylist()
    assert (bar["volume"], bar["taker_buy_volume"]) == (2.13660389, 1.23424865)
    assert (bar["quote_volume"], bar["taker_buy_quote_volume"]) == (None, None)
    assert any("base-asset" in warning for warning in whole.plan.warnings)


def test_renamed_coin_margined_klines_are_told_by_their_values(tmp_path: Path) -> None:
    plan = detect(write(tmp_path / "my.csv", KLINES + CM_KLINE), SourceOptions(period="1m"))
    assert plan.dialect == "binance-cm-klines"


@pytest.mark.parametrize(
    ("name", "content", "dialect", "size", "side"),
    [
        ("BTCUSDT-aggTrades-2020-12.csv", SPOT_AGG, "binance-spot-aggtrades", 50.0, "buy"),
        ("BTCUSDT-trades-2020-03.csv", SPOT_TRADE, "binance-spot-trades", 5.69, "sell"),
        ("data/futures/um/daily/aggTrades/BTCUSDT-aggTrades-2020-01-01.csv", FUTURES_AGG, "binance-um-aggtrades",
         4.70443515, "sell"),
        ("BTCUSDT-aggTrades-2023-01-01.csv",
         "agg_trade_id,price,quantity,first_trade_id,last_trade_id,transact_time,is_buyer_maker\n" + FUTURES_AGG,
         "binance-um-aggtrades", 4.70443515, "sell"),
        ("BTCUSD_PERP-aggTrades-2023-01-01.csv", FUTURES_AGG, "binance-cm-aggtrades", 4.70443515, "sell"),
        ("BTCUSDT-trades-2023-01-01.csv", "id,price,qty,quote_qty,time,is_buyer_maker\n" + UM_TRADE,
         "binance-um-trades", 12.0, "sell"),
        ("BTCUSD_200925-trades-2023-01-01.csv", "id,price,qty,base_qty,time,is_buyer_maker\n" + CM_TRADE,
         "binance-cm-trades", 0.01037883, "sell"),
    ],
)  # fmt: skip
def test_trades_are_told_apart_and_keep_their_id_as_written(
    tmp_path: Path, name: str, content: str, dialect: str, size: float, side: str
) -> None:
    whole = read(write(tmp_path / name, content))
    assert whole.plan.dialect == dialect
    assert (whole.plan.type, whole.plan.period) == ("ticks", "trade")
    (trade,) = whole.rows.to_pylist()
    assert trade["trade_id"] == content.splitlines()[-1].split(",", maxsplit=1)[0]
    assert (trade["size"], trade["side"]) == (size, side)


def test_headerless_futures_klines_are_known_by_their_folder_or_by_the_callers_word(tmp_path: Path) -> None:
    path = write(tmp_path / "futures/um/monthly/klines/BTCUSDT-1m-2020-10.csv", SPOT_KLINE)
    assert detect(path, SourceOptions()).market == "FUTURES-UM"
    spot = detect(write(tmp_path / "BTCUSDT-1m-2020-10.csv", SPOT_KLINE), SourceOptions())
    assert spot.market == "SPOT"
    assert any("--market" in warning for warning in spot.warnings)
    asked = detect(tmp_path / "BTCUSDT-1m-2020-10.csv", SourceOptions(format="binance-um-klines"))
    assert asked.market == "FUTURES-UM"


def test_mark_price_klines_never_become_traded_bars(tmp_path: Path) -> None:
    mark = KLINES + "1704067200000,42313.9,42320.0,42289.6,42331.9,0,1704067259999,0,60,0,0,0\n"
    path = write(tmp_path / "futures/um/daily/markPriceKlines/BTCUSDT-1m-2024-01-01.csv", mark)
    assert detect(path, SourceOptions()).period == "1m-mark"
    bare = write(tmp_path / "BTCUSDT-1m-2024-01-01.csv", mark)
    with pytest.raises(LakeError) as refusal:
        detect(bare, SourceOptions())
    assert refusal.value.code == "E_AMBIGUOUS"
    assert detect(bare, SourceOptions(period="1m-mark")).period == "1m-mark"


def test_a_format_that_does_not_fit_is_refused_with_the_reason(tmp_path: Path) -> None:
    path = write(tmp_path / "BTCUSDT-aggTrades-2020-12.csv", SPOT_AGG)
    with pytest.raises(LakeError) as refusal:
        detect(path, SourceOptions(format="binance-spot-klines"))
    assert refusal.value.code == "E_FORMAT_MISMATCH"
    assert "8 columns where 12 are expected" in refusal.value.message


def test_a_name_that_contradicts_the_steps_is_refused(tmp_path: Path) -> None:
    two = SPOT_KLINE + SPOT_KLINE.replace("1601510340000", "1601510400000").replace("1601510399999", "1601510459999")
    with pytest.raises(LakeError) as refusal:
        detect(write(tmp_path / "BTCUSDT-1h-2020-10.csv", two), SourceOptions())
    assert refusal.value.code == "E_PERIOD"
