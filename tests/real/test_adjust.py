"""Adjusted reads of what real history files hold equal the adjusted closes that the same files tell."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

import pytest

import dl_datalake
from tests.tables import bar, bars

if TYPE_CHECKING:
    from pathlib import Path

    from tests.runs import Dl

FIXED = "reference/AET-L-1d-100x-error-fixed.csv"
"""yfinance's own corrected file; it has no split and no dividend, and nothing may be made up for it."""
DAY_MINUTES = 1440


def test_adjusted_closes_are_those_of_the_corrected_file(vendor_data: Path, dl: Dl, tmp_path: Path) -> None:
    file = vendor_data / FIXED
    with file.open() as stream:
        rows = sorted(csv.DictReader(stream), key=lambda row: row["Date"])
    assert len(rows) == 23
    with dl_datalake.open(tmp_path) as lake:
        table = bars(
            *(bar(day * DAY_MINUTES, float(row["Close"])) for day, row in enumerate(rows))
        )  # any days: there is no action
        lake.write("LSE/EQUITY/AET/bars/1d", table)
    words = ("--exchange", "LSE", "--market", "EQUITY", "--symbol", "AET")
    told = dl("actions", "import", file, *words, "--json").data
    assert told["records"]["read"] == sum(float(row["Dividends"]) + float(row["Stock Splits"]) > 0 for row in rows)
    with dl_datalake.open(tmp_path) as lake:
        closes = lake.bars("AET", period="1d", adjust="total").to_arrow()["close"].to_pylist()
    assert closes == pytest.approx([float(row["Adj Close"]) for row in rows], rel=1e-7)
