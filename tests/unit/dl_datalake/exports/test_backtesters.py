"""Real backtests on exported bars against the same ones on the vendor's file, and the text itself by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import backtrader as bt
import pandas as pd
import pytest
from backtesting import Backtest, Strategy

from dl_datalake import LakeError
from dl_datalake.cli import run
from dl_datalake.demo import samples
from tests.tables import MINUTE_US, bar, bars, trade, trades

if TYPE_CHECKING:
    from pathlib import Path

    from dl_datalake import Lake

BARS, HOURS, DAYS = (f"BINANCE/SPOT/BTCUSDT/bars/{period}" for period in ("1m", "1h", "1d"))
SOURCE = samples.folder() / samples.PLAIN
ROUND = 100
"""Bars that a position is held, and then not."""


@pytest.fixture
def filled(lake: Lake) -> Lake:
    """Return the lake with the bars of the sample."""
    frame = pd.read_csv(SOURCE).rename(columns={"timestamp": "ts"})
    frame["ts"] = pd.to_datetime(frame["ts"]).dt.as_unit("us")
    lake.write(BARS, frame)
    return lake


class Turns(Strategy):  # type: ignore[misc]  # the library has no types
    """Buys and closes in turns."""

    def init(self) -> None:
        pass

    def next(self) -> None:
        if len(self.data) % (2 * ROUND) == ROUND:
            self.buy(size=1)
        elif len(self.data) % (2 * ROUND) == 0:
            self.position.close()


def traded(frame: pd.DataFrame) -> Any:  # noqa: ANN401 - the library has no types
    return Backtest(frame, Turns, cash=1_000_000, finalize_trades=True).run()


# backtesting 0.6.6 asks pandas for what pandas 3.1 calls otherwise.
@pytest.mark.filterwarnings("ignore:DatetimeIndex.dayofweek is deprecated")
def test_backtesting_gives_the_same_trades_and_equity(filled: Lake, tmp_path: Path) -> None:
    filled.export(BARS, "backtesting", tmp_path)
    ours = traded(pd.read_csv(tmp_path / f"{BARS}.csv", index_col=0, parse_dates=True))
    source = pd.read_csv(SOURCE, index_col=0, parse_dates=True).tz_localize(None)
    theirs = traded(source.rename(columns=str.capitalize))
    assert len(ours["_trades"]) == 7
    pd.testing.assert_frame_equal(ours["_trades"], theirs["_trades"])
    pd.testing.assert_frame_equal(ours["_equity_curve"], theirs["_equity_curve"], check_names=False)


class Record(bt.Strategy):  # type: ignore[misc]  # the library has no types
    """Buys and closes in turns, and notes what it sees."""

    def __init__(self) -> None:
        self.told: list[tuple[Any, ...]] = []

    def next(self) -> None:
        if len(self.data) % (2 * ROUND) == ROUND:
            self.buy(size=1)
        elif len(self.data) % (2 * ROUND) == 0:
            self.close()
        last = self.datas[-1]
        self.told.append(
            (self.data.datetime.datetime(), self.broker.getvalue(), last.datetime.datetime(), last.close[0])
        )


def seen(*feeds: Any) -> list[tuple[Any, ...]]:  # noqa: ANN401 - the library has no types
    cerebro = bt.Cerebro(stdstats=False)
    cerebro.broker.setcash(1_000_000)
    for feed in feeds:
        cerebro.adddata(feed)
    cerebro.addstrategy(Record)
    [strategy] = cerebro.run()
    told: list[tuple[Any, ...]] = strategy.told
    return told


def feed(path: Path, timeframe: int = bt.TimeFrame.Minutes, compression: int = 1) -> Any:  # noqa: ANN401 - the library has no types
    return bt.feeds.GenericCSVData(dataname=str(path), timeframe=timeframe, compression=compression)


def test_backtrader_gives_the_same_equity_at_the_close_of_each_bar(filled: Lake, tmp_path: Path) -> None:
    filled.export(BARS, "backtrader", tmp_path)
    source = pd.read_csv(SOURCE, index_col=0, parse_dates=True).tz_localize(None)
    ours = seen(feed(tmp_path / f"{BARS}.csv"))
    theirs = seen(bt.feeds.PandasData(dataname=source))
    assert len({value for _, value, *_ in ours}) > 100
    assert [value for _, value, *_ in ours] == [value for _, value, *_ in theirs]
    minute = pd.Timedelta("1min").to_pytimedelta()
    assert [at for at, *_ in ours] == [at + minute for at, *_ in theirs]


def test_backtrader_knows_an_hour_when_it_is_over_and_not_before(filled: Lake, tmp_path: Path) -> None:
    filled.aggregate(BARS, "1h")
    filled.export("BINANCE/SPOT/BTCUSDT/bars/*", "backtrader", tmp_path)
    told = seen(feed(tmp_path / f"{BARS}.csv"), feed(tmp_path / f"{HOURS}.csv", compression=60))
    closes = pd.read_csv(SOURCE, index_col=0, parse_dates=True)["close"].tz_localize(None)
    minutes = pd.DatetimeIndex(closes.index).shift(1, freq="min")
    assert len(told) > 1000
    for at, _, hour, close in told:
        # Every minute that is over by now was seen, and of the newest hour the close is the last price in it.
        assert at == minutes[minutes <= max(at, hour)][-1]
        assert close == closes[: pd.Timestamp(hour) - pd.Timedelta("1s")].iloc[-1]


def test_dates_stay_dates_and_end_with_the_session(lake: Lake, tmp_path: Path) -> None:
    lake.write(DAYS, bars(*(bar(day * 1440, 1.0 + day) for day in range(3))))
    lake.export(DAYS, "backtrader", tmp_path)
    told = seen(feed(tmp_path / f"{DAYS}.csv", bt.TimeFrame.Days))
    assert [str(at) for at, *_ in told] == [f"1970-01-0{day} 23:59:59.999989" for day in (1, 2, 3)]


def test_other_columns_stand_behind_the_programs_own(lake: Lake, tmp_path: Path) -> None:
    lake.write(BARS, bars(bar(0, 0.00001, vwap=1e16, trades=7, volume=None), bar(1, 2.0)))
    lake.export(BARS, "backtesting", tmp_path, columns=["vwap", "trades", "symbol"])
    assert (tmp_path / f"{BARS}.csv").read_text().splitlines() == [
        "Datetime,Open,High,Low,Close,Volume,vwap,trades,symbol",
        "1970-01-01 00:00:00,0.00001,0.00001,0.00001,0.00001,,10000000000000000,7,BTCUSDT",
        "1970-01-01 00:01:00,2,2,2,2,1,,,BTCUSDT",
    ]
    lake.write("BINANCE/SPOT/A%2CB/bars/1m", bars(bar(0)))
    with pytest.raises(LakeError, match="cannot stand in a line"):
        lake.export("BINANCE/SPOT/A%2CB/bars/1m", "backtesting", tmp_path, columns=["symbol"])


def test_qlib_has_a_folder_a_frequency_and_dates_where_days_are(lake: Lake, tmp_path: Path) -> None:
    for period, minute in (("1m", 1), ("1h", 60), ("1d", 1440), ("1w", 5760), ("1mo", 0)):
        lake.write(f"BINANCE/SPOT/BTCUSDT/bars/{period}", bars(bar(minute, 2.5)))
    lake.export("BINANCE/SPOT/BTCUSDT/bars/*", "qlib", tmp_path / "out")
    found = {path.parent.name: path.read_text().split() for path in (tmp_path / "out").glob("*/BTCUSDT.csv")}
    rest = ",2.5,2.5,2.5,2.5,1,1"
    assert {freq: " ".join(lines[1:]) for freq, lines in found.items()} == {
        "1min": f"1970-01-01 00:01:00{rest}",
        "60min": f"1970-01-01 01:00:00{rest}",
        "day": f"1970-01-02{rest}",
        "week": f"1970-01-05{rest}",
        "month": f"1970-01-01{rest}",
    }
    assert {lines[0] for lines in found.values()} == {"date,open,high,low,close,volume,factor"}
    lake.write("BINANCE/SPOT/BTCUSDT/bars/1s", bars(bar(0)))
    with pytest.raises(LakeError, match="Qlib has no word for bars of 1s"):
        lake.export("BINANCE/SPOT/BTCUSDT/bars/1s", "qlib", tmp_path / "out")


def test_finams_own_file_comes_out_as_it_went_in(lake: Lake, tmp_path: Path) -> None:
    source = samples.folder() / "data_sber_minutes30.csv"
    named = ("--exchange", "MOEX", "--market", "EQUITY", "--symbol", "SBER", "--quiet")
    assert run(["ingest", "--source", str(source), *named, "--root", str(lake.config.root)]) == 0
    [file] = lake.export("MOEX/EQUITY/SBER/bars/*", "finam", tmp_path).files
    ours, theirs = (
        [line.replace(":", "").split(";") for line in path.read_text().splitlines()] for path in (file.path, source)
    )
    assert [*ours[0][:2], *ours[1][:2]] == ["<TICKER>", "<PER>", "SBER", "30"]
    assert [[*line[2:4], *map(float, line[4:])] for line in ours[1:]] == [
        [*line[:2], *map(float, line[2:])] for line in theirs[1:]
    ]


def test_finam_writes_moscow_time_and_its_own_words(lake: Lake, tmp_path: Path) -> None:
    winter = 1_704_067_200 // 60  # 2024-01-01
    lake.write("MOEX/EQUITY/SBER/bars/5m", bars(bar(winter, 270.5)))
    lake.write("MOEX/EQUITY/SBER/bars/1w", bars(bar(winter, 270.5)))
    second = winter * MINUTE_US * 1000
    lake.write("MOEX/EQUITY/SBER/ticks/trade", trades(trade(second + 1, 270.5, "9", side="buy"), trade(second + 10**9)))
    report = lake.export("MOEX/EQUITY/SBER/*/*", "finam", tmp_path)
    texts = {path.stem: path.read_text().splitlines() for path in (file.path for file in report.files)}
    assert texts == {
        "1w": [
            "<TICKER>;<PER>;<DATE>;<TIME>;<OPEN>;<HIGH>;<LOW>;<CLOSE>;<VOL>",
            "SBER;W;20240101;000000;270.5;270.5;270.5;270.5;1",
        ],
        "5m": [
            "<TICKER>;<PER>;<DATE>;<TIME>;<OPEN>;<HIGH>;<LOW>;<CLOSE>;<VOL>",
            "SBER;5;20240101;030000;270.5;270.5;270.5;270.5;1",
        ],
        "trade": [
            "<TICKER>;<PER>;<DATE>;<TIME>;<LAST>;<VOL>;<ID>;<OPER>",
            "SBER;0;20240101;030000;270.5;1;9;B",
            "SBER;0;20240101;030001;1;1;;",
        ],
    }
    assert report.losses == {"parts of a second": 1}
    lake.write("MOEX/EQUITY/SBER/bars/4h", bars(bar(0)))
    with pytest.raises(LakeError, match="Finam has no word for bars of 4h"):
        lake.export("MOEX/EQUITY/SBER/bars/4h", "finam", tmp_path)
