"""What a chart shows is what is stored: the marks are compared with what pandas makes of the same rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import dl_datalake
from dl_datalake.plots.thinning import Drawing, thin
from lake.errors import LakeError
from tests.manifests import make_lake

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from dl_datalake import Lake

BARS = "TEST/SPOT/ABC/bars/1m"
TRADES = "TEST/SPOT/ABC/ticks/trade"
QUOTES = "TEST/SPOT/ABC/ticks/quote"
MINUTE = 60 * 10**9


@pytest.fixture
def lake(tmp_path: Path) -> Iterator[Lake]:
    make_lake(tmp_path)
    with dl_datalake.open(tmp_path) as opened:
        yield opened


def bars(minutes: list[int], seed: int = 1) -> pd.DataFrame:
    """Return bars at these minutes since 2024 began, each of four prices drawn."""
    drawn = np.round(np.random.default_rng(seed).uniform(10, 20, (len(minutes), 4)), 2)
    times = pd.Timestamp("2024-01-01", tz="UTC") + pd.to_timedelta(np.array(minutes), unit="min")
    return pd.DataFrame(
        {
            "ts": times.as_unit("us"),
            "open": drawn[:, 0],
            "high": drawn.max(axis=1),
            "low": drawn.min(axis=1),
            "close": drawn[:, 1],
            "volume": drawn[:, 2],
        }
    )


def by_pandas(frame: pd.DataFrame, drawing: Drawing) -> pd.DataFrame:
    ways = {"open": "first", "high": "max", "low": "min", "close": "last", "volume": "sum"}
    stretch = frame.ts.astype("int64") * 1_000 // drawing.step_ns * drawing.step_ns
    return frame.groupby(stretch).agg(ways).reset_index()


def test_few_rows_are_drawn_as_they_are(lake: Lake) -> None:
    frame = bars([0, 1, 2, 5])
    lake.write(BARS, frame)
    drawing = thin(lake.read(BARS))
    assert (drawing.thinned, drawing.step_ns, drawing.rows, drawing.candle) == (False, MINUTE, 4, True)
    assert drawing.times.tolist() == (frame.ts.astype("int64") * 1_000).tolist()
    for name in ("open", "high", "low", "close"):
        assert drawing.columns[name].tolist() == frame[name].tolist()
    assert drawing.volume is not None
    assert drawing.volume.tolist() == frame.volume.tolist()


def test_many_bars_become_stretches_with_their_first_greatest_least_last_and_sum(lake: Lake) -> None:
    minutes = [at for at in range(3 * 1440) if not 700 <= at < 900 and at % 7]
    frame = bars(minutes)
    lake.write(BARS, frame)
    drawing = thin(lake.read(BARS), points=300)
    assert drawing.step_ns == 15 * MINUTE, "the shortest usual stretch of which 300 cover three days"
    expected = by_pandas(frame, drawing)
    assert drawing.times.tolist() == expected.ts.tolist()
    for name in ("open", "high", "low", "close"):
        assert drawing.columns[name].tolist() == expected[name].tolist()
    assert drawing.volume == pytest.approx(expected.volume.to_numpy(), rel=1e-12)
    assert drawing.rows == len(frame)


@settings(max_examples=20, deadline=None)
@given(st.data())
def test_there_are_never_more_marks_than_asked_for_and_batches_do_not_matter(data: st.DataObject) -> None:
    from dl_datalake.plots.thinning import _Kept, _step_ns

    times = np.array(data.draw(st.lists(st.integers(0, 5 * 10**15), min_size=2, max_size=300, unique=True).map(sorted)))
    points = data.draw(st.integers(2, 50))
    step = _step_ns(int(times[-1] - times[0]), points)
    values = np.round(np.random.default_rng(0).uniform(1, 9, len(times)), 3)
    wanted = {how: ("price", how) for how in ("first", "last", "max", "min", "sum")}
    cuts = sorted(data.draw(st.lists(st.integers(0, len(times)), max_size=5)))
    kept = _Kept(wanted, step)
    for part, prices in zip(np.split(times, cuts), np.split(values, cuts), strict=True):
        kept.add(part, {"price": prices})
    marks, found = kept.arrays()
    assert len(marks) <= points
    expected = pd.Series(values).groupby(times // step).agg(list(wanted))
    assert marks.tolist() == expected.index.tolist()
    for how in wanted:
        assert found[how] == pytest.approx(expected[how].to_numpy(), rel=1e-12)


def test_trades_are_a_line_or_candles_when_they_are_many(lake: Lake) -> None:
    times = pd.Timestamp("2024-01-01", tz="UTC") + pd.to_timedelta(np.arange(400) * 7, unit="s")
    price = np.round(np.sin(np.arange(400)) + 5, 3)
    frame = pd.DataFrame({"ts": times.as_unit("ns"), "price": price, "size": np.full(400, 0.5)})
    lake.write(TRADES, frame)
    few, many = thin(lake.read(TRADES)), thin(lake.read(TRADES), points=100)
    assert (few.candle, few.lines, few.columns["price"].tolist()) == (False, ("price",), price.tolist())
    grouped = pd.Series(price).groupby(np.arange(400) * 7 // 30)
    assert many.candle
    assert many.step_ns == 30 * 10**9
    assert many.columns["high"].tolist() == grouped.max().tolist()
    assert many.columns["close"].tolist() == grouped.last().tolist()
    assert list(many.volume if many.volume is not None else []) == (grouped.size() * 0.5).tolist()


def test_quotes_are_two_lines_and_columns_can_be_chosen(lake: Lake) -> None:
    times = pd.date_range("2024-01-01", periods=3, freq="s", tz="UTC", unit="ns")
    frame = pd.DataFrame({"ts": times, "bid": [1.0, 2.0, 3.0], "ask": [2.0, 3.0, 4.0], "bid_size": [7.0, 8.0, 9.0]})
    lake.write(QUOTES, frame)
    assert thin(lake.read(QUOTES)).lines == ("bid", "ask")
    chosen = thin(lake.read(QUOTES), ["bid_size"])
    assert (chosen.lines, chosen.columns["bid_size"].tolist()) == (("bid_size",), [7.0, 8.0, 9.0])
    lake.write(BARS, bars([0, 1]))
    drawing = thin(lake.read(BARS), ["volume"])
    assert (drawing.lines, drawing.volume) == (("volume",), None)
    with pytest.raises(LakeError, match="no column of numbers called nope") as caught:
        thin(lake.read(QUOTES), ["nope"])
    assert caught.value.code == "E_USAGE"


def test_volume_that_some_rows_lack_is_the_sum_of_what_there_is(lake: Lake) -> None:
    lake.write(BARS, bars(list(range(40))).assign(volume=[np.nan] * 10 + [0.5, np.nan] * 15))
    drawing = thin(lake.read(BARS), points=20)
    assert drawing.step_ns == 5 * MINUTE
    assert drawing.volume is not None
    assert np.array_equal(drawing.volume, [np.nan, np.nan, 1.5, 1, 1.5, 1, 1.5, 1], equal_nan=True)


def test_volume_that_no_row_has_is_left_out(lake: Lake) -> None:
    lake.write(BARS, bars([0, 1]).assign(volume=pd.Series([None, None], dtype="float64")))
    assert thin(lake.read(BARS)).volume is None


def test_nothing_to_draw_is_said(lake: Lake) -> None:
    lake.write(BARS, bars([0, 1]))
    with pytest.raises(LakeError, match="nothing to draw"):
        thin(lake.read(BARS, start="2025"))


def test_an_order_book_is_refused(lake: Lake) -> None:
    ts = pa.array([1_700_000_000_000_000_000], pa.timestamp("ns", "UTC"))
    book = pa.table({"ts": ts, "side": ["bid"], "price": [1.0], "size": [2.0], "is_snapshot": [True]})
    lake.write("TEST/SPOT/ABC/orderbook/l2", book)
    with pytest.raises(LakeError, match="orderbook/l2 is not drawn"):
        thin(lake.read("TEST/SPOT/ABC/orderbook/l2"))
