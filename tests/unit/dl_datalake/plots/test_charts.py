"""Pictures and pages hold the marks they are given."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from io import BytesIO
from typing import Any

import numpy as np
import pytest

from dl_datalake.plots import page, picture
from dl_datalake.plots.colours import DOWN, UP, broken
from dl_datalake.plots.thinning import Drawing

MINUTE = 60 * 10**9
BEGIN = 1_704_067_200 * 10**9
TIMES = BEGIN + np.array([0, 1, 4]) * MINUTE
PRICES = {
    "open": np.array([10.0, 11.0, 12.0]),
    "high": np.array([11.5, 12.0, 12.5]),
    "low": np.array([9.5, 10.0, 11.0]),
    "close": np.array([11.0, 10.5, 12.0]),
}
CANDLES = Drawing(
    title="TEST/SPOT/ABC/bars/1m",
    times=TIMES,
    step_ns=MINUTE,
    thinned=True,
    columns=PRICES,
    candle=True,
    lines=(),
    volume=np.array([3.0, 4.0, 5.0]),
    rows=30,
)
LINES = replace(CANDLES, columns={"bid": np.array([1.0, 2.0, 3.0])}, candle=False, lines=("bid",), volume=None)


def test_candles_of_a_picture_stand_where_the_prices_are() -> None:
    prices, volume = picture.figure(CANDLES).axes
    boxes: list[Any] = list(prices.patches)
    bars: list[Any] = list(volume.patches)
    drawn: Any = prices.collections[0]
    bodies = [(round(box.get_y(), 9), round(box.get_height(), 9)) for box in boxes]
    assert bodies == [(10.0, 1.0), (11.0, -0.5), (12.0, 0.0)]
    wicks = [segment[:, 1].tolist() for segment in drawn.get_segments()]
    assert wicks == [[9.5, 11.5], [10.0, 12.0], [11.0, 12.5]]
    assert [bar.get_height() for bar in bars] == [3.0, 4.0, 5.0]
    days = [box.get_x() for box in boxes]
    assert np.diff(days) * 1440 == pytest.approx([1, 3], abs=1e-6)
    assert prices.get_title(loc="left") == "TEST/SPOT/ABC/bars/1m"


@pytest.mark.parametrize(("form", "begin"), [("png", b"\x89PNG\r\n\x1a\n"), ("svg", b"<?xml")])
def test_a_picture_is_of_the_kind_asked_for(form: str, begin: bytes) -> None:
    sink = BytesIO()
    picture.write(CANDLES, sink, form)
    assert sink.getvalue().startswith(begin)


def test_a_line_stops_where_nothing_is_stored() -> None:
    times, values = broken(LINES, "bid")
    assert times.tolist() == [TIMES[0], TIMES[1], TIMES[1] + MINUTE, TIMES[2]]
    assert np.isnan(values).tolist() == [False, False, True, False]
    [axes] = picture.figure(LINES).axes
    assert np.isnan(axes.lines[0].get_ydata()).tolist() == [False, False, True, False]


def test_a_page_holds_the_values_and_its_scripts() -> None:
    text = page.page(CANDLES)
    found = re.search(r'<script type="application/json" id="[^"]+">(.*?)</script>', text, re.DOTALL)
    assert found
    document = json.dumps(json.loads(found[1]))
    assert document.count(UP) == 2
    assert document.count(DOWN) == 1
    assert not re.search(r"<(?:script|link|img)[^>]*(?:src|href)=", text), "nothing is fetched"
    assert "TEST/SPOT/ABC/bars/1m" in text
