from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest

from dl_datalake.strips import Coverage, coverage, coverage_lines, sparkline

if TYPE_CHECKING:
    from lake.manifest import FileRow


def files(**rows: int) -> list[FileRow]:
    """Return files by their partition, written `d2024_03_05`."""
    labels = {name[1:].replace("_", "-"): count for name, count in rows.items()}
    return cast("list[FileRow]", [SimpleNamespace(partition=label, rows=count) for label, count in labels.items()])


def test_days_are_shown_by_month_and_holes_as_dots() -> None:
    found = coverage(files(d2024_02_28=1440, d2024_03_01=720, d2024_03_03=1))
    assert found.cell == "day"
    assert found.rows == {"2024-02-28": 1440, "2024-02-29": 0, "2024-03-01": 720, "2024-03-02": 0, "2024-03-03": 1}
    assert coverage_lines(found) == [
        "2024-02  " + " " * 27 + "█·  1,440",
        "2024-03  " + "▅·▁" + " " * 26 + "  721",
        "each mark is a day, its height its rows; · has none",
    ]


def test_more_than_a_season_and_sealed_months_are_shown_by_month() -> None:
    long = coverage(files(d2023_12_31=5, d2024_04_02=10, d2024_04_03=10))
    assert (long.cell, long.rows) == (
        "month",
        {"2023-12": 5, "2024-01": 0, "2024-02": 0, "2024-03": 0, "2024-04": 20},
    )
    assert coverage_lines(long)[:2] == ["2023  " + " " * 11 + "▃  5", "2024  ···█" + " " * 8 + "  20"]
    sealed = coverage(files(d2024_03=30, d2024_04_01=2))
    assert (sealed.cell, sealed.rows) == ("month", {"2024-03": 30, "2024-04": 2})


def test_years_are_shown_by_decade() -> None:
    found = coverage(files(d1999=250, d2001=125))
    assert found == Coverage("year", {"1999": 250, "2000": 0, "2001": 125})
    assert coverage_lines(found)[:2] == ["1990s  " + " " * 9 + "█  250", "2000s  ·▅" + " " * 8 + "  125"]


def test_nothing_is_shown_of_nothing() -> None:
    assert coverage_lines(coverage([])) == []


@pytest.mark.parametrize(
    ("values", "shown"),
    [
        ([], ""),
        ([None, None], "··"),
        ([5.0, 5.0], "▅▅"),
        ([0.0, None, 7.0, 3.4], "▁·█▄"),
        ([-1.0, 1.0], "▁█"),
        ([-1.7e308, 1.7e308], "▁█"),
    ],
)
def test_prices_are_drawn_between_their_extremes(values: list[float | None], shown: str) -> None:
    assert sparkline(values) == shown
