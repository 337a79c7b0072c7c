"""Downloads of sites: numbers as a country writes them, and headers that do not tell all."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lake.errors import LakeError
from lake.sources import SourceOptions, detect
from tests.source_files import read, write

if TYPE_CHECKING:
    from pathlib import Path

INVESTING = '\ufeff"Дата","Цена","Откр.","Макс.","Мин.","Объём","Изм. %"\n'


def test_investings_price_is_the_close_and_its_volume_has_a_suffix(tmp_path: Path) -> None:
    text = (
        INVESTING
        + '"02.09.2020","1.238,60","1.238,76","1.239,15","1.238,50","44,82M","-1,30%"\n'
        + '"01.09.2020","39,11","38,91","39,33","38,21","-","0,41%"\n'
    )
    whole = read(write(tmp_path / "x.csv", text))
    assert (whole.plan.dialect, whole.plan.period, whole.plan.time_zone) == ("investing-ru", "1d", "UTC")
    assert [ts.isoformat() for ts in whole.column("ts")] == ["2020-09-02T00:00:00+00:00", "2020-09-01T00:00:00+00:00"]
    assert (whole.column("close"), whole.column("open")) == ([1238.6, 39.11], [1238.76, 38.91])
    assert whole.column("volume") == [44_820_000.0, None]


def test_backtraders_header_has_a_name_too_few(tmp_path: Path) -> None:
    text = "Date,Open,High,Low,Close,Volume,OpenInterest\n2006-01-02,09:01:00,3602.00,3603.00,3597.00,3599.00,5699,0\n"
    whole = read(write(tmp_path / "x.txt", text + "2006-01-02,09:02:00,3600,3601,3598,3599,894,7\n"))
    assert (whole.plan.dialect, whole.plan.period) == ("backtrader-minutes", "1m")
    assert whole.column("ts")[0].isoformat() == "2006-01-02T09:01:00+00:00"
    assert (whole.column("open")[0], whole.column("open_interest")) == (3602.0, [0.0, 7.0])
    assert any("--tz" in warning for warning in whole.plan.warnings)


def test_values_of_an_index_are_asked_about_because_nothing_tells_their_zone(tmp_path: Path) -> None:
    path = write(tmp_path / "2022-08-24.csv", "2022-08-24 09:00:14,17216.15\n2022-08-24 09:00:15,17219.05\n")
    with pytest.raises(LakeError) as refusal:
        detect(path, SourceOptions())
    assert (refusal.value.code, refusal.value.fix) == ("E_AMBIGUOUS", ("--format nse-1s",))
    whole = read(path, format="nse-1s")
    assert (whole.plan.type, whole.column("price"), whole.column("size")) == (
        "ticks",
        [17216.15, 17219.05],
        [None, None],
    )
    assert whole.column("ts")[0].isoformat() == "2022-08-24T03:30:14+00:00"
