"""Times and ids as spreadsheets and other clocks leave them: refused where nothing says what they count."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lake.errors import LakeError
from lake.sources import SourceOptions, detect
from tests.source_files import read, write

if TYPE_CHECKING:
    from pathlib import Path


def trades(path: Path, *times: str) -> Path:
    return write(path, "time,price,size\n" + "".join(f"{time},{10 + place},1\n" for place, time in enumerate(times)))


@pytest.mark.parametrize(
    "times",
    [
        ("0", "1", "2"),
        ("45352.375000", "45352.375694"),
        ("34200000", "34260000"),
        ("34200.5", "34260.25"),
        ("638448804000000000", "638448804600000000"),
        ("133537572000000000", "133537572600000000"),
        ("739312.37500000", "739312.37569444"),
        ("240301090000", "240301090100"),
        ("2403010900", "2403010901"),
        ("730976400", "730976460"),
    ],
    ids=[
        "counter",
        "excel",
        "ms of day",
        "s of day",
        "dotnet",
        "filetime",
        "matlab",
        "yymmddhhmmss",
        "yymmddhhmm",
        "mac",
    ],
)
def test_numbers_that_hardly_count_since_1970_are_refused(tmp_path: Path, times: tuple[str, ...]) -> None:
    with pytest.raises(LakeError) as caught:
        detect(trades(tmp_path / "x.csv", *times), SourceOptions())
    assert caught.value.code == "E_TIME_FORMAT"
    assert any(line.startswith("--time-unit") for line in caught.value.fix)


def test_the_word_of_the_caller_makes_them_times(tmp_path: Path) -> None:
    path = trades(tmp_path / "x.csv", "-86400", "86400")
    assert read(path, words={"time-unit": "s"}).ns == [-86_400 * 10**9, 86_400 * 10**9]


def test_a_date_and_minutes_in_twelve_digits_are_no_milliseconds(tmp_path: Path) -> None:
    whole = read(trades(tmp_path / "x.csv", "202403131430", "202403131431"))
    # from `date -u -d '2024-03-13 14:30' +%s`
    assert whole.ns == [1_710_340_200 * 10**9, 1_710_340_260 * 10**9]


def test_times_that_a_spreadsheet_has_rounded_are_refused(tmp_path: Path) -> None:
    with pytest.raises(LakeError, match=r"ts is rounded: '1\.71034E\+12'") as caught:
        detect(trades(tmp_path / "x.csv", "1.71034E+12", "1.71034E+12"), SourceOptions())
    assert caught.value.code == "E_TIME_FORMAT"


def test_times_whose_exponent_takes_nothing_away_are_read(tmp_path: Path) -> None:
    whole = read(trades(tmp_path / "x.csv", "1.710340200000E+12", "1.710340260000E+12"))
    assert whole.ns == [1_710_340_200 * 10**9, 1_710_340_260 * 10**9]


def test_ids_that_a_spreadsheet_has_rounded_are_refused(tmp_path: Path) -> None:
    rows = "".join(f"{1_710_340_200 + n},10,1,1.23457E+11\n" for n in range(3))
    with pytest.raises(LakeError, match="trade_id is rounded"):
        detect(write(tmp_path / "x.csv", "time,price,size,trade_id\n" + rows), SourceOptions())


@pytest.mark.parametrize(
    ("date", "clock", "mark"), [("01/03/2024 09:00", " HH:MM", "/"), ("01.03.2024", "", "."), ("1-3-2024", "", "-")]
)
def test_what_comes_first_in_a_date_is_asked_with_the_words_that_say_it(
    tmp_path: Path, date: str, clock: str, mark: str
) -> None:
    path = trades(tmp_path / "x.csv", date, date)
    with pytest.raises(LakeError, match="day first or month first") as caught:
        detect(path, SourceOptions())
    orders = [f"DD{mark}MM{mark}YYYY{clock}", f"MM{mark}DD{mark}YYYY{clock}"]
    assert [line.split("'")[1] for line in caught.value.fix] == orders
    minutes = 9 * 3600 if clock else 0
    # from `date -u -d 2024-03-01 +%s` and 2024-01-03
    for order, day in zip(orders, (1_709_251_200, 1_704_240_000), strict=True):
        assert read(path, words={"time-format": order}).ns == [(day + minutes) * 10**9] * 2
