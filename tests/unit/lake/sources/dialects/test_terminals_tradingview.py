"""TradingView's exports: times as numbers or with an offset, and whatever the chart plots."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.source_files import read, write

if TYPE_CHECKING:
    from pathlib import Path

TIMES = [("1704153600", "1704157200"), ("2024-01-02T00:00:00Z", "2024-01-02T01:00:00Z")]


@pytest.mark.parametrize(("first", "second"), [*TIMES, ("2024-01-02T03:00:00+03:00", "2024-01-02T04:00:00+03:00")])
@pytest.mark.parametrize("tail", ["", "_fe0b8", " (9)"])
def test_both_ways_of_writing_times_are_read(tmp_path: Path, first: str, second: str, tail: str) -> None:
    text = "time,open,high,low,close,Volume,RSI,RSI-based MA\n"
    text += (
        f"{first},42283.6,42554.6,42261,42475.2,1271.7,NaN,\n{second},42475.2,42775,42431.7,42613.6,1196.4,55.2,50\n"
    )
    whole = read(write(tmp_path / f"BINANCE_BTCUSDT, 60{tail}.csv", text))
    plan = whole.plan
    assert (plan.dialect, plan.period, plan.exchange, plan.symbol) == ("tradingview", "1h", "BINANCE", "BTCUSDT")
    assert whole.ns == [1704153600 * 10**9, 1704157200 * 10**9]
    assert whole.column("volume") == [1271.7, 1196.4]
    assert "not kept: RSI, RSI-based MA" in plan.evidence


@pytest.mark.parametrize(("word", "period", "step"), [("1D", "1d", 86_400), ("15", "15m", 900), ("1W", "1w", 604_800)])
def test_the_name_says_the_period(tmp_path: Path, word: str, period: str, step: int) -> None:
    text = f"time,open,high,low,close\n1704067200,1,2,1,2\n{1704067200 + step},1,2,1,2\n"
    assert read(write(tmp_path / f"BATS_AAPL, {word}.csv", text)).plan.period == period
