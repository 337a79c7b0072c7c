"""Exports of real vendor files as the programs they are for load them.

These have no place in the environment of the tests: `$DL_PEERS/<package>/bin/python` is one of each.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import dl_datalake
from dl_datalake.demo import samples

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dl_datalake import Lake
    from tests.runs import Dl

PEERS = Path(os.environ.get("DL_PEERS", os.devnull))
PROGRAMS = Path(__file__).parent / "programs"
BARS, TRADES = "BINANCE/SPOT/BTCUSDT/bars/1m", "BINANCE/SPOT/BTCUSDT/ticks/trade"


def loaded(package: str, *words: str | Path) -> Any:  # noqa: ANN401 - whatever its program prints
    """Return what a program prints of an export, or skip where the package is not to be had."""
    python = PEERS / package / "bin" / "python"
    if not python.exists():
        pytest.skip(f"NOT TESTED: no {package} ($DL_PEERS/{package}/bin/python)")
    program = PROGRAMS / f"load_{package.partition('_')[0].removeprefix('py')}.py"
    done = subprocess.run([python, program, *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout[done.stdout.index("[" if done.stdout.lstrip()[:1] == "[" else "{") :])


@pytest.fixture
def lake(dl: Dl) -> Iterator[Lake]:
    """Return a lake with a day of bars and one of trades."""
    source = samples.folder() / samples.PLAIN
    assert dl("ingest", "--source", source, "--exchange", "BINANCE", "--symbol", "BTCUSDT").status == 0
    ticks = samples.folder() / "gemini__eth-usd__2021-07-02__trade.csv"
    assert dl("ingest", "--source", ticks, "--exchange", "BINANCE", "--symbol", "BTCUSDT").status == 0
    with dl_datalake.open() as opened:
        yield opened


def rows(lake: Lake, series: str, *columns: str) -> list[list[Any]]:
    """Return the rows of a series, times as integers of their unit."""
    table = lake.read(series, columns=columns).to_arrow()
    cells = [
        column.cast("int64") if name == "ts" else column for name, column in zip(columns, table.columns, strict=True)
    ]
    return [list(row) for row in zip(*(column.to_pylist() for column in cells), strict=True)]


def test_freqtrade_loads_candles_and_trades(lake: Lake, tmp_path: Path) -> None:
    for series in (BARS, TRADES):
        lake.export(series, "freqtrade", tmp_path / "out")
    found = loaded("freqtrade", tmp_path / "out" / "data" / "binance")
    assert set(found) == {"BTC/USDT 1m spot", "BTC/USDT trades"}
    assert found["BTC/USDT 1m spot"] == rows(lake, BARS, "ts", "open", "high", "low", "close", "volume")
    expected = [
        [ts // 10**6, str(place), side, price, size]
        for place, (ts, side, price, size) in enumerate(rows(lake, TRADES, "ts", "side", "price", "size"))
    ]
    assert found["BTC/USDT trades"] == expected


def test_nautilus_stores_bars_at_their_close_and_trades(lake: Lake, tmp_path: Path) -> None:
    lake.export("BINANCE/SPOT/BTCUSDT/*/*", "nautilus", tmp_path)
    found = loaded("nautilus_trader", "bars", tmp_path / f"{BARS}.parquet")
    told = [[bar["ts_init"] // 1000 - 60_000_000, float(bar["open"]), float(bar["close"])] for bar in found]
    assert told == rows(lake, BARS, "ts", "open", "close")
    found = loaded("nautilus_trader", "trades", tmp_path / f"{TRADES}.parquet")
    sides = {"BUYER": "buy", "SELLER": "sell"}
    assert [[each["ts_event"], float(each["price"]), sides[each["aggressor_side"]]] for each in found] == rows(
        lake, TRADES, "ts", "price", "side"
    )


@pytest.mark.parametrize("freq", ["1min", "day"])
def test_qlib_reads_minutes_and_days(lake: Lake, tmp_path: Path, freq: str) -> None:
    series = BARS
    if freq == "day":
        lake.aggregate(BARS, "1d")
        series = "BINANCE/SPOT/BTCUSDT/bars/1d"
    lake.export(series, "qlib", tmp_path)
    found = loaded("pyqlib", tmp_path / freq, freq)
    expected = rows(lake, series, "open", "high", "low", "close", "volume")
    assert [row[0] for row in found] == ["BTCUSDT"] * len(expected)
    for row, prices in zip(found, expected, strict=True):
        assert row[2:] == pytest.approx([*prices, 1.0], rel=1e-6)  # it holds float32


@pytest.mark.parametrize(
    ("name", "symbol"),
    [
        ("bybit_ob500_zip/xrpusdt-ob500.data.zip", "XRPUSDT"),
        ("binance_ws_depth_csv/test_positive_binance_difference_depth_stream_spot_trxusdt_04-03-2025.csv", "TRXUSDT"),
        ("raw_ws_gz/ethusdt_20240808.gz", "ETHUSDT"),
    ],
)
def test_hftbacktest_has_the_lakes_own_books(dl: Dl, vendor_data: Path, tmp_path: Path, name: str, symbol: str) -> None:
    assert dl("ingest", "--source", vendor_data / name, "--market", "SPOT").status == 0
    with dl_datalake.open() as lake:
        report = lake.export(f"*/*/{symbol}/*/*", "hftbacktest", tmp_path / "out")
        [row] = lake.list(symbol, type="orderbook")
        received = any("set on" in what for what in report.losses)
        draw = random.Random(7)  # noqa: S311 - no secret
        times = sorted(draw.randrange(row.first_ns + 10**9, row.last_ns) for _ in range(200))
        found = loaded(
            "hftbacktest", "0.00001", "0.00001", json.dumps(times), *(str(file.path) for file in report.files)
        )
        assert found["events"] >= report.rows
        if received:  # its books are of when messages were received, and the lake's of when they were sent
            assert found["split"] > 0
            return
        book = lake.book(symbol)
        for at, (bids, asks) in zip(times, found["books"], strict=True):
            ladder = book.at(at, None)
            for ours, theirs in ((ladder.bids.pairs(), bids), (ladder.asks.pairs(), asks)):
                assert len(ours) == len(theirs)
                assert [*map(list, ours)] == [pytest.approx(level, abs=1e-7) for level in theirs]
