from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

import dl_datalake
from lake import files
from tests.manifests import make_lake
from tests.tables import bar, bars

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dl_datalake import Lake

BTC, ETH = "BINANCE/SPOT/BTCUSDT/bars/1m", "BINANCE/SPOT/ETHUSDT/bars/1m"


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    """Return a lake of one series with a bar a minute on the first and the fourth day, and another of a few bars."""
    root = tmp_path_factory.mktemp("lake")
    make_lake(root)
    with dl_datalake.open(root) as lake:
        lake.write(BTC, bars(*(bar(day * 1440 + minute, 1.0 + day) for day in (0, 3) for minute in range(1440))))
        lake.write(ETH, bars(*(bar(day * 1440) for day in range(60))))
        yield lake


def opened(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Return what is noted of each file that is opened."""
    noted: list[object] = []
    whole = files.open_parquet

    def noting(*given: Any) -> object:  # noqa: ANN401 - handed on as it comes
        noted.append(given[0])
        return whole(*given)

    monkeypatch.setattr(files, "open_parquet", noting)
    return noted


def rects(page: str) -> list[tuple[int, int, float]]:
    """Return of each stretch of the strips where it begins, how wide it is, and how dark."""
    found = re.findall(r'<rect x="(\d+)" width="(\d+)" height="10" opacity="([\d.]+)"/>', page)
    return [(int(x), int(width), float(opacity)) for x, width, opacity in found]


def test_the_strip_shows_when_there_are_rows(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    noted = opened(monkeypatch)
    page = lake.bars("BTCUSDT")._repr_html_()
    assert rects(page) == [(0, 40, 1.0), (120, 40, 1.0)]
    assert "2,880 rows in 2 partitions" in page
    assert "[1970-01-01 00:00, 1970-01-05 00:00)" in page
    assert len(noted) == 2


def test_the_strip_is_lighter_where_rows_are_few(lake: Lake) -> None:
    page = lake.bars(["BTCUSDT", "ETHUSDT"])._repr_html_()
    assert page.count("<svg") == 2
    assert max(dark for _, _, dark in rects(page)) == 1.0
    assert {dark for _, _, dark in rects(lake.bars("ETHUSDT")._repr_html_())} == {0.15}


def test_only_the_first_series_have_a_strip(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dl_datalake.page._STRIPS", 1)
    page = lake.bars("*")._repr_html_()
    assert page.count("<svg") == 1
    assert "and 1 more series" in page


def test_rows_that_fit_a_condition_are_looked_for_at_the_ends_only(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    noted = opened(monkeypatch)
    page = lake.bars("ETHUSDT", where="close > 5")._repr_html_()
    assert "where (close &gt; 5)" in page
    assert page.count("<tr>") == 1
    assert len(noted) == 32
    found = lake.bars("BTCUSDT", where="close > 1.5")._repr_html_()
    assert found.count("<tr>") == 1 + 3 + 1 + 3
    two = lake.bars("BTCUSDT", where="ts < '1970-01-01T00:02'")._repr_html_()
    assert two.count("<tr>") == 1 + 2


def test_what_is_made_of_rows_is_not_counted(lake: Lake) -> None:
    page = lake.bars("BTCUSDT").resample("1h")._repr_html_()
    assert "rows not counted" in page
    assert "BINANCE/SPOT/BTCUSDT/bars/1h" in page
    assert page.count("<tr>") == 1 + 3 + 1 + 3
    assert lake.bars("BTCUSDT").resample("1d")._repr_html_().count("<tr>") == 1 + 2


def test_no_rows_are_a_head_and_a_caption(lake: Lake) -> None:
    page = lake.bars("BTCUSDT", start="2030")._repr_html_()
    assert "<svg" not in page
    assert "0 rows" in page
    assert "<td>" not in page
    few = lake.bars("ETHUSDT", end="1970-01-03")._repr_html_()
    assert few.count("<tr>") == 1 + 2
