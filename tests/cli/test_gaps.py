"""`dl gaps` on small lakes: each reason, by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.runs import BTCUSDT, Dl, heavy

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

ABC = "KRAKEN/SPOT/ABC/bars/1m"
HEAD = "ts,open,high,low,close,volume\n"


def csv(path: Path, minutes: Iterable[int], bad: Iterable[int] = (), day: str = "2024-03-01") -> Path:
    """Write bars at these minutes of a day, those that are bad with a low above the rest."""
    rows = [f"{day}T{at // 60:02}:{at % 60:02}:00Z,10,11,{20 if at in set(bad) else 9},10,1\n" for at in minutes]
    path.write_text(HEAD + "".join(rows))
    return path


@pytest.fixture
def empty(dl: Dl, tmp_path: Path) -> Path:
    assert dl("init", tmp_path / "lake").status == 0
    return tmp_path / "lake"


def ingest(dl: Dl, root: Path, file: Path, *words: str, exchange: str = "KRAKEN") -> None:
    ran = dl(
        "ingest", "--source", file, "--exchange", exchange, "--symbol", "ABC", "--period", "1m", *words, "--root", root
    )
    assert ran.status in {0, 3}, ran.err


def gaps(dl: Dl, root: Path, *words: str) -> list[tuple[str, str, int, str]]:
    [found] = dl("gaps", *words, "--root", root, "--json").data["series"]
    return [(gap["start"][11:16], gap["end"][11:16], gap["missing"], gap["kind"]) for gap in found["gaps"]]


def test_each_gap_has_its_reason(dl: Dl, empty: Path, tmp_path: Path) -> None:
    ingest(dl, empty, csv(tmp_path / "a.csv", [0, 1, 4, 5, 6], bad=[5]))
    ingest(dl, empty, csv(tmp_path / "b.csv", [10, 11]))
    expected = [
        ("00:02", "00:04", 2, "vendor_gap"),
        ("00:05", "00:06", 1, "quarantined"),
        ("00:07", "00:10", 3, "not_ingested"),
    ]
    assert gaps(dl, empty, ABC) == expected
    assert gaps(dl, empty, ABC, "--kind", "vendor_gap") == expected[:1]
    assert gaps(dl, empty, ABC, "--min", "3m") == expected[2:]
    assert gaps(dl, empty, ABC, "--as-of", "1") == expected[:2]
    assert gaps(dl, empty, ABC, "--start", "2024-03-01T00:03", "--end", "2024-03-01T00:08") == [
        ("00:03", "00:04", 1, "vendor_gap"),
        ("00:05", "00:06", 1, "quarantined"),
        ("00:07", "00:08", 1, "not_ingested"),
    ]


def test_what_another_file_brings_is_no_gap_any_more(dl: Dl, empty: Path, tmp_path: Path) -> None:
    ingest(dl, empty, csv(tmp_path / "a.csv", [0, 1, 4]))
    assert gaps(dl, empty, ABC) == [("00:02", "00:04", 2, "vendor_gap")]
    ingest(dl, empty, csv(tmp_path / "b.csv", [2, 3]))
    assert gaps(dl, empty, ABC) == []


def test_deleted_rows_are_not_the_vendors_gap(dl: Dl, empty: Path, tmp_path: Path) -> None:
    for day in ("2024-03-01", "2024-03-02", "2024-03-03"):
        ingest(dl, empty, csv(tmp_path / f"{day}.csv", range(1440), day=day))
    assert gaps(dl, empty, ABC) == []
    assert dl("delete", ABC, "--start", "2024-03-02", "--end", "2024-03-03", "--yes", "--root", empty).status == 0
    assert gaps(dl, empty, ABC) == [("00:00", "00:00", 1440, "not_ingested")]


def test_an_own_outage_is_told_with_its_source(dl: Dl, empty: Path, tmp_path: Path) -> None:
    ingest(dl, empty, csv(tmp_path / "a.csv", [0, 1, 5]))
    (empty / "dl.toml").write_text('[gaps]\noutages = "outages.toml"\n')
    (empty / "outages.toml").write_text(
        '[[outage]]\nseries = "KRAKEN/*/*/*/*"\nstart = 2024-03-01T00:03:00Z\nend = 2024-03-01T00:30:00Z\n'
        'why = "upgrade"\nsource = "https://example.org"\n'
    )
    assert gaps(dl, empty, ABC) == [("00:02", "00:03", 1, "vendor_gap"), ("00:03", "00:05", 2, "outage_known")]
    assert "upgrade: https://example.org" in dl("gaps", ABC, "--root", empty).out


def test_the_calendar_of_an_instruments_record_goes_before_the_markets(dl: Dl, empty: Path, tmp_path: Path) -> None:
    ingest(dl, empty, csv(tmp_path / "a.csv", range(21 * 60, 22 * 60)))
    ingest(dl, empty, csv(tmp_path / "b.csv", range(22 * 60, 23 * 60), day="2024-03-03"))
    assert gaps(dl, empty, ABC) == [("22:00", "22:00", 2880, "not_ingested")]
    (tmp_path / "i.csv").write_text("exchange,market,symbol,calendar\nKRAKEN,SPOT,ABC,FX\n")
    assert dl("instruments", "import", tmp_path / "i.csv", "--root", empty).status == 0
    assert gaps(dl, empty, ABC) == []
    assert "FX: its instrument's record says so" in dl("gaps", ABC, "--root", empty).out
    assert gaps(dl, empty, ABC, "--calendar", "24/7") == [("22:00", "22:00", 2880, "not_ingested")]


def test_the_week_of_fx_is_closed_from_friday_to_sunday_in_new_york(dl: Dl, empty: Path, tmp_path: Path) -> None:
    # 2024-03-01 is a Friday: the market closes at 22:00 UTC, and opens on Sunday 03-03 at 22:00.
    ingest(dl, empty, csv(tmp_path / "a.csv", range(21 * 60, 22 * 60 - 5)), "--market", "FX")
    ingest(dl, empty, csv(tmp_path / "b.csv", range(22 * 60 + 2, 23 * 60), day="2024-03-03"), "--market", "FX")
    series = "KRAKEN/FX/ABC/bars/1m"
    assert gaps(dl, empty, series) == [("21:55", "22:00", 5, "not_ingested"), ("22:00", "22:02", 2, "not_ingested")]
    closed = [gap for gap in gaps(dl, empty, series, "--kind", "all") if gap[3] == "market_closed"]
    assert closed == [("22:00", "22:00", 48 * 60, "market_closed")]


def test_findings_exit_with_4_only_when_asked(dl: Dl, empty: Path, tmp_path: Path) -> None:
    ingest(dl, empty, csv(tmp_path / "a.csv", [0, 2]))
    assert dl("gaps", "--root", empty).status == 0
    assert dl("gaps", "--fail", "--root", empty).status == 4
    ingest(dl, empty, csv(tmp_path / "b.csv", [1]))
    assert dl("gaps", "--fail", "--root", empty).status == 0


def test_a_summary_has_totals_alone(dl: Dl, empty: Path, tmp_path: Path) -> None:
    ingest(dl, empty, csv(tmp_path / "a.csv", [0, 2, 3, 6]))
    [found] = dl("gaps", "--summary", "--json", "--root", empty).data["series"]
    totals: dict[str, Any] = {"vendor_gap": {"gaps": 2, "missing": 3, "seconds": 180.0}}
    assert (found["totals"], found["gaps"], found["missing"]) == (totals, [], 3)


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (("--calendar", "MARS"), 2, "MARS"),
        (("--kind", "nothing"), 2, "nothing"),
        (("--min", "soon"), 2, "soon"),
        (("NO/SUCH/SERIES/bars/1m",), 15, "NO/SUCH/SERIES"),
    ],
)
def test_what_there_is_not_is_said(dl: Dl, lake: Path, words: tuple[str, ...], status: int, said: str) -> None:
    ran = dl("gaps", *words, "--root", lake)
    assert ran.status == status
    assert said in ran.err


def test_full_days_are_told_from_the_manifest_alone(dl: Dl, empty: Path, tmp_path: Path) -> None:
    ingest(dl, empty, csv(tmp_path / "a.csv", range(1440)))
    assert heavy(empty, ("gaps",)) == []


def test_a_day_with_holes_is_looked_into(dl: Dl, lake: Path) -> None:
    [found] = dl("gaps", BTCUSDT, "--root", lake, "--json").data["series"]
    assert (found["rows"], found["missing"]) == (1419, 21)
