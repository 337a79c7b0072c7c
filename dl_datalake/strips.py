"""Where the rows of a series lie, and how its price went, each as a strip of marks that fits a terminal."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Literal

from schemas.keys import Partition

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from lake.manifest import FileRow

Cell = Literal["day", "month", "year"]

MARKS = "▁▂▃▄▅▆▇█"
NO_ROWS = "·"
_LABEL_LENGTH: dict[Cell, int] = {"day": 10, "month": 7, "year": 4}
_LINE_LENGTH: dict[Cell, int] = {"day": 7, "month": 4, "year": 3}
"""A line holds the cells whose labels begin alike: the days of a month, the months of a year, the years of a decade."""
_DAYS_SHOWN = 93


@dataclass(frozen=True, slots=True)
class Coverage:
    """How many rows there are in each day, month or year from the first row to the last."""

    cell: Cell
    rows: dict[str, int]
    """By the label of the cell, `2024-03-05`, `2024-03` or `2024`; those without rows are there, as 0."""


def coverage(files: Sequence[FileRow]) -> Coverage:
    """Return where the rows of one series' files lie, by what the manifest knows: no file is opened.

    Cells are days where that is a season at most and every file holds one day; else months, or what files hold.
    """
    if not files:
        return Coverage("day", {})
    cell = _cell(files)
    found: dict[str, int] = {}
    for file in files:
        label = file.partition[: _LABEL_LENGTH[cell]]
        found[label] = found.get(label, 0) + file.rows
    return Coverage(cell, {label: found.get(label, 0) for label in _labels(min(found), max(found))})


def coverage_lines(found: Coverage) -> list[str]:
    """Return a line for each month of days, year of months or decade of years: its label, its marks and its rows."""
    most = max(found.rows.values(), default=0)
    lines: list[tuple[str, int]] = []
    for label, cells in groupby(found.rows.items(), lambda cell: cell[0][: _LINE_LENGTH[found.cell]]):
        counts = dict(cells)
        marks = "".join(mark(rows, 0, most) if rows else NO_ROWS for rows in counts.values())
        name = f"{label}0s" if found.cell == "year" else label
        lines.append((f"{name}  {' ' * _place(next(iter(counts)), found.cell)}{marks}", sum(counts.values())))
    if not lines:
        return []
    width = max(len(line) for line, _ in lines)
    legend = f"each mark is a {found.cell}, its height its rows; {NO_ROWS} has none"
    return [*(f"{line:{width}}  {rows:,}" for line, rows in lines), legend]


def sparkline(values: Iterable[float | None]) -> str:
    """Return one mark a value, the lowest to the highest; a dot where there is none."""
    known = list(values)
    numbers = [value for value in known if value is not None]
    low, high = min(numbers, default=0.0), max(numbers, default=0.0)
    return "".join(NO_ROWS if value is None else mark(value, low, high) for value in known)


def mark(value: float, low: float, high: float) -> str:
    """Return the mark of a value between two others; the middle one when they are equal and not below the value."""
    if high <= low:
        return MARKS[len(MARKS) // 2]
    part = (value / 2 - low / 2) / (high / 2 - low / 2)  # halves: the span of two large doubles is none
    return MARKS[min(int(part * len(MARKS)), len(MARKS) - 1)]


def _cell(files: Sequence[FileRow]) -> Cell:
    partitions = [Partition.parse(file.partition) for file in files]
    grains = {partition.grain for partition in partitions}
    if "year" in grains:
        return "year"
    days = max(each.end_day for each in partitions) - min(each.day for each in partitions)
    return "day" if grains == {"day"} and days <= _DAYS_SHOWN else "month"


def _labels(first: str, last: str) -> Iterator[str]:
    label = first
    while label <= last:
        yield label
        partition = Partition.parse(label)
        following = dt.date(1970, 1, 1) + dt.timedelta(days=partition.end_day)
        label = following.isoformat()[: len(label)]


def _place(label: str, cell: Cell) -> int:
    return int(label[-1]) if cell == "year" else int(label[-2:]) - 1
