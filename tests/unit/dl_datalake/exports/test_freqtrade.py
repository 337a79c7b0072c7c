"""Names and columns of freqtrade's files, as its own sources have them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import pytest

from dl_datalake import LakeError
from tests.tables import bar, bars, trade, trades

if TYPE_CHECKING:
    from pathlib import Path

    from dl_datalake import Lake

MS = 1_000_000


@pytest.mark.parametrize(
    ("series", "file"),
    [
        ("BINANCE/SPOT/BTCUSDT/bars/1m", "data/binance/BTC_USDT-1m.feather"),
        ("BINANCE/SPOT/BTC%2FUSDT/bars/1mo", "data/binance/BTC_USDT-1Mo.feather"),
        ("BINANCE/FUTURES-UM/BTCUSDT/bars/4h", "data/binance/futures/BTC_USDT_USDT-4h-futures.feather"),
        ("BINANCE/FUTURES-UM/BTCUSDT/bars/8h-mark", "data/binance/futures/BTC_USDT_USDT-8h-mark.feather"),
        ("BINANCE/FUTURES-UM/BTCUSDT/bars/1h-premium", "data/binance/futures/BTC_USDT_USDT-1h-premiumIndex.feather"),
        ("BINANCE/FUTURES-CM/BTCUSD_PERP/bars/1d", "data/binance/futures/BTC_USD_BTC-1d-futures.feather"),
    ],
)
def test_candles_lie_where_freqtrade_looks(lake: Lake, tmp_path: Path, series: str, file: str) -> None:
    lake.write(series, bars(bar(0, 1.5), bar(44_640, 2.5, volume=None)))
    lake.export(series, "freqtrade", tmp_path)
    frame = pd.read_feather(tmp_path / file)
    assert frame.columns.tolist() == ["date", "open", "high", "low", "close", "volume"]
    assert frame["date"].tolist() == [pd.Timestamp("1970-01-01", tz="UTC"), pd.Timestamp("1970-02-01", tz="UTC")]
    assert frame["close"].tolist() == [1.5, 2.5]
    assert frame["volume"].fillna(-1).tolist() == [1.0, -1.0]


def test_trades_without_an_id_get_one_since_freqtrade_keeps_one_of_each(lake: Lake, tmp_path: Path) -> None:
    series = "KRAKEN/SPOT/ETHEUR/ticks/trade"
    rows = [trade(MS, 2.0, side="buy", size=3.0), trade(MS, 2.0, side="sell"), trade(2 * MS + 1, 4.0)]
    lake.write(series, trades(*rows))
    report = lake.export(series, "freqtrade", tmp_path)
    frame = pd.read_feather(tmp_path / "data" / "kraken" / "ETH_EUR-trades.feather")
    assert frame.drop(columns="type").fillna("none").to_dict("list") == {
        "timestamp": [1, 1, 2],
        "id": ["0", "1", "2"],
        "side": ["buy", "sell", "none"],
        "price": [2.0, 2.0, 4.0],
        "amount": [3.0, 1.0, 1.0],
        "cost": [6.0, 2.0, 4.0],
    }
    assert frame["type"].isna().all()
    assert report.losses == {"parts of a millisecond": 1, "trades without an id, which got one": 3}


def test_a_pair_is_given_where_the_symbol_says_none(lake: Lake, tmp_path: Path) -> None:
    series = "BINANCE/SPOT/BTCBUSD/bars/1m"
    lake.write(series, bars(bar(0)))
    with pytest.raises(LakeError, match="does not say which pair"):
        lake.export(series, "freqtrade", tmp_path / "out")
    [file] = lake.export(series, "freqtrade", tmp_path / "out", pairs={"btcbusd": "BTC/BUSD"}).files
    assert file.path.name == "BTC_BUSD-1m.feather"


@pytest.mark.parametrize(("market", "period"), [("SPOT", "1m-mark"), ("FUTURES-UM", "1m-bid")])
def test_sides_that_freqtrade_has_not_are_refused(lake: Lake, tmp_path: Path, market: str, period: str) -> None:
    series = f"BINANCE/{market}/BTCUSDT/bars/{period}"
    lake.write(series, bars(bar(0)))
    with pytest.raises(LakeError, match="freqtrade has no candles of"):
        lake.export(series, "freqtrade", tmp_path / "out")


def test_raw_and_adjusted_bars_are_never_one_file(lake: Lake, tmp_path: Path) -> None:
    for period in ("1d", "1d-split"):
        lake.write(f"BINANCE/SPOT/BTCUSDT/bars/{period}", bars(bar(0)))
    with pytest.raises(LakeError, match="bars/1d and BINANCE/SPOT/BTCUSDT/bars/1d-split would be one file"):
        lake.export("BINANCE/SPOT/BTCUSDT/bars/*", "freqtrade", tmp_path / "out")
    assert not (tmp_path / "out").exists()
