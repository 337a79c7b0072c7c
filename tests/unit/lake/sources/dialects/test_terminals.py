"""Terminals' exports: zones without daylight saving, ends of bars, and two formats that look the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lake.errors import LakeError
from lake.sources import SourceOptions, detect
from tests.source_files import read, write

if TYPE_CHECKING:
    from pathlib import Path

MINUTES = "20170703 020000;1.1;1.3;1.0;1.2;0\n20170703 020100;1.2;1.4;1.1;1.3;0\n"


def test_histdatas_clock_is_five_hours_behind_in_summer_too(tmp_path: Path) -> None:
    whole = read(write(tmp_path / "DAT_ASCII_EURUSD_M1_201707.csv", MINUTES))
    assert (whole.plan.dialect, whole.plan.symbol, whole.plan.exchange) == ("histdata-m1", "EURUSD", "HISTDATA")
    assert whole.column("ts")[0].isoformat() == "2017-07-03T07:00:00+00:00"


def test_ninjatraders_minutes_are_stamped_at_their_end(tmp_path: Path) -> None:
    whole = read(write(tmp_path / "ES 12-17.Last.txt", MINUTES))
    assert (whole.plan.dialect, whole.plan.symbol, whole.plan.stamp) == ("ninjatrader-minutes", "ES 12-17", "close")
    assert whole.column("ts")[0].isoformat() == "2017-07-03T01:59:00+00:00"


def test_the_two_that_look_the_same_are_asked_about(tmp_path: Path) -> None:
    path = write(tmp_path / "minutes.csv", MINUTES)
    with pytest.raises(LakeError) as refusal:
        detect(path, SourceOptions())
    assert refusal.value.code == "E_AMBIGUOUS"
    assert list(refusal.value.fix) == ["--format histdata-m1", "--format ninjatrader-minutes"]


def test_histdatas_ticks_have_milliseconds(tmp_path: Path) -> None:
    whole = read(
        write(
            tmp_path / "DAT_ASCII_EURUSD_T_202001.csv", "20200101 170000065,1.1,1.2,0\n20200101 170010447,1.1,1.2,0\n"
        )
    )
    assert whole.plan.dialect == "histdata-ticks"
    assert whole.column("ts")[0].isoformat() == "2020-01-01T22:00:00.065000+00:00"


def test_metatraders_and_histdatas_files_of_one_shape_are_told_apart_by_name(tmp_path: Path) -> None:
    text = "2020.08.27,15:13,1.1,1.3,1.0,1.2,608\n2020.08.27,15:14,1.2,1.3,1.0,1.1,500\n"
    mine = read(write(tmp_path / "EURUSD1.csv", text))
    theirs = read(write(tmp_path / "DAT_MT_EURUSD_M1_202008.csv", text))
    assert (mine.plan.dialect, mine.plan.symbol, mine.plan.period) == ("metatrader4-bars", "EURUSD", "1m")
    assert any("no zone" in warning for warning in mine.plan.warnings)
    assert mine.column("ts")[0].isoformat() == "2020-08-27T15:13:00+00:00"
    assert (theirs.plan.dialect, theirs.plan.symbol) == ("histdata-mt", "EURUSD")
    assert theirs.column("ts")[0].isoformat() == "2020-08-27T20:13:00+00:00"
    with pytest.raises(LakeError) as refusal:
        detect(write(tmp_path / "x.csv", text), SourceOptions())
    assert refusal.value.code == "E_AMBIGUOUS"


def test_the_brokers_zone_can_be_given(tmp_path: Path) -> None:
    text = "2020-08-27 15:13,1.1,1.3,1.0,1.2,608\n2020-08-27 15:14,1.2,1.3,1.0,1.1,500\n"
    whole = read(write(tmp_path / "EURUSD_M1.csv", text), tz="Europe/Athens")
    assert (whole.plan.dialect, whole.plan.period) == ("metatrader4-bars-iso", "1m")
    assert whole.column("ts")[0].isoformat() == "2020-08-27T12:13:00+00:00"


def test_rates_of_metatrader_5_count_ticks(tmp_path: Path) -> None:
    text = ",time,open,high,low,close,tick_volume,spread,real_volume\n"
    text += "0,1636940340,1.1,1.3,1.0,1.2,20,8,0\n1,1636940400,1.2,1.3,1.1,1.2,26,5,0\n"
    whole = read(write(tmp_path / "rates.csv", text))
    assert (whole.plan.dialect, whole.column("volume"), whole.column("spread")) == (
        "metatrader5-rates",
        [20, 26],
        [8, 5],
    )


@pytest.mark.parametrize(
    ("name", "row", "period"),
    [
        ("DAT_ASCII_EURUSD_M1_201701.csv", "20170102 020000;1;2;1;2;0\n20170102 020100;1;2;1;2;0\n", "1m-bid"),
        ("DAT_MT_EURUSD_M1_201701.csv", "2017.01.02,02:00,1,2,1,2,0\n2017.01.02,02:01,1,2,1,2,0\n", "1m-bid"),
        ("ES 12-06.Last.txt", "20061002 120100;1;2;1;2;9\n20061002 120200;1;2;1;2;9\n", "1m"),
        ("ES 12-06.Bid.txt", "20061002 120100;1;2;1;2;9\n20061002 120200;1;2;1;2;9\n", "1m-bid"),
        ("ES 12-06.Ask.txt", "20061002 120100;1;2;1;2;9\n20061002 120200;1;2;1;2;9\n", "1m-ask"),
    ],
)
def test_the_price_side_that_a_vendor_says_is_part_of_the_period(
    tmp_path: Path, name: str, row: str, period: str
) -> None:
    path = write(tmp_path / name, row)
    assert read(path).plan.period == period
    assert read(path, period="1m").plan.period == period
    assert read(path, period="1m-mid").plan.period == "1m-mid"
