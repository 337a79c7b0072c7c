"""Pictures hold the marks they are given."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import numpy as np
import pytest

from dl_datalake.plots import picture
from tests.drawings import CANDLES, LINES


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
    [axes] = picture.figure(LINES).axes
    assert np.isnan(axes.lines[0].get_ydata()).tolist() == [False, False, True, False]
