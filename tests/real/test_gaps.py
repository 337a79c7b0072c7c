"""Gaps of real vendor files: as many as an independent program counted, and none that a calendar explains."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.conftest import NO_VENDOR_DATA, VENDOR_DATA
from tests.real.test_ingest import ingest, words

if TYPE_CHECKING:
    from pathlib import Path

    from tests.runs import Dl

SECONDS = {"1m": 60, "5m": 300, "30m": 1800, "1h": 3600, "1d": 86_400}


def counted() -> dict[str, Any]:
    """Return the files of bars whose gaps were counted, with the counts; none without the folder."""
    path = VENDOR_DATA / "expected.json"
    known: dict[str, Any] = json.loads(path.read_text()) if path.is_file() else {}
    return {name: each for name, each in known.items() if each.get("missing_bars_calendar_blind") is not None}


BARS = list(counted()) or [NO_VENDOR_DATA]
CLEAN = [name for name, each in counted().items() if not each["gap_runs"]] or [NO_VENDOR_DATA]


def holes(gaps: list[dict[str, Any]]) -> list[int]:
    """Return how many bars each hole lacks: gaps that touch, of whatever kinds, are one."""
    found: list[int] = []
    end = None
    for gap in gaps:
        if gap["start"] == end:
            found[-1] += gap["missing"]
        else:
            found.append(gap["missing"])
        end = gap["end"]
    return found


@pytest.mark.parametrize("name", BARS)
def test_bars_missing_around_the_clock_are_those_the_independent_program_counted(
    name: str, vendor_data: Path, dl: Dl
) -> None:
    expected = counted()[name]
    addresses = ingest(dl, words(dl, vendor_data / name))["addresses"]
    asked = ("gaps", *addresses, "--calendar", "24/7", "--kind", "all", "--limit", "1000000", "--json")
    series = dl(*asked).data["series"]
    runs = [hole for found in series for hole in holes(found["gaps"])]
    missing = sum(found["missing"] for found in series)
    assert missing == expected["missing_bars_calendar_blind"] == sum(runs)
    assert len(runs) == expected["gap_runs"]
    step = SECONDS[addresses[0].rpartition("/")[2].partition("-")[0]]
    assert (max(runs) + 1) * step == expected["largest_gap_s"] if runs else expected["largest_gap_s"] == 0
    kinds = {kind for found in series for kind in found["totals"]}
    assert kinds <= {"vendor_gap", "quarantined", "no_trade"}  # one file covers all from first to last
    assert dl("gaps", *addresses, "--calendar", "24/7", "--fail").status == (4 if runs else 0)


@pytest.mark.parametrize("name", CLEAN)
def test_clean_files_have_no_gap_by_any_calendar_that_is_theirs(name: str, vendor_data: Path, dl: Dl) -> None:
    addresses = ingest(dl, words(dl, vendor_data / name))["addresses"]
    ran = dl("gaps", *addresses, "--fail", "--json")
    assert ran.status == 0
    assert [each["totals"] for each in ran.data["series"]] == [{}] * len(addresses)


def test_the_weeks_of_fx_explain_all_but_christmas(vendor_data: Path, dl: Dl) -> None:
    [address] = ingest(dl, words(dl, vendor_data / "dukascopy_csv/FOREX_EURUSD_1H_ASK.csv"))["addresses"]
    [found] = dl("gaps", address, "--json").data["series"]
    assert found["calendar"] == "FX"
    assert [(gap["start"][:16], gap["end"][:16], gap["missing"]) for gap in found["gaps"]] == [
        ("2017-12-24T22:00", "2017-12-24T23:00", 1),
        ("2017-12-25T08:00", "2017-12-25T22:00", 14),
    ]
    # 51 week-ends of 48 hours each lie in the file, whichever way the clocks in New York stand.
    assert found["totals"]["market_closed"] == {"gaps": 51, "missing": 51 * 48, "seconds": 51 * 48 * 3600.0}


def test_sessions_of_new_york_leave_the_one_day_that_the_vendor_lacks(vendor_data: Path, dl: Dl) -> None:
    pytest.importorskip("exchange_calendars")
    [address] = ingest(dl, words(dl, vendor_data / "stooq_csv/spy_us_d.csv"))["addresses"]
    [found] = dl("gaps", address, "--calendar", "XNYS", "--json").data["series"]
    # Of the 2,410 days that expected.json counts, one is a Thursday on which New York traded.
    assert found["totals"]["market_closed"]["missing"] == 2409
    assert [(gap["start"][:10], gap["missing"], gap["kind"]) for gap in found["gaps"]] == [
        ("2011-02-17", 1, "vendor_gap")
    ]


def test_a_bar_in_quarantine_is_told_from_one_that_was_never_there(vendor_data: Path, dl: Dl) -> None:
    file = vendor_data / "investing_ru_csv/MAGN.csv"
    [address] = ingest(dl, words(dl, file))["addresses"]
    [found] = dl("gaps", address, "--calendar", "24/7", "--kind", "quarantined", "--json").data["series"]
    [run] = dl("quarantine", "list", "--json").data
    [row] = dl("quarantine", "show", run["run"], "--json").data["sample"]
    day, month, year = row["raw"][1:11].split(".")
    assert [(gap["start"][:10], gap["missing"]) for gap in found["gaps"]] == [(f"{year}-{month}-{day}", 1)]
