"""`dl reconcile` on small lakes: what differs, who is preferred, and what cannot be compared."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING, Any

import pytest

from tests.runs import BTCUSDT, Dl

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

A, B, C = (f"{name}/SPOT/ABC/bars/1m" for name in "ABC")


def bars(path: Path, closes: Iterable[float | None]) -> Path:
    """Write a bar a minute with these closes, none where it is None."""
    rows = [
        f"2024-03-01T00:{minute:02}:00Z,{close},{close},{close},{close},1\n"
        for minute, close in enumerate(closes)
        if close is not None
    ]
    path.write_text("ts,open,high,low,close,volume\n" + "".join(rows))
    return path


@pytest.fixture(scope="module")
def _three(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from dl_datalake.cli import run

    folder = tmp_path_factory.mktemp("three")
    root = folder / "lake"
    assert run(["init", str(root), "--quiet"]) == 0
    given: dict[str, list[float | None]] = {
        "A": [10, 11, None, 13, 14],
        "B": [10, 11.5, 12, 13],
        "C": [10, 11, 12.5, 13.01, None, 15],
    }
    for name, closes in given.items():
        file = bars(folder / f"{name}.csv", closes)
        words = ["--exchange", name, "--symbol", "ABC", "--period", "1m", "--root", str(root), "--quiet"]
        assert run(["ingest", "--source", str(file), *words]) == 0
    return root


@pytest.fixture
def three(_three: Path) -> Path:
    """Return a lake of one instrument from three sources; it is only read."""
    return _three


def told(dl: Dl, root: Path, *words: str | Path) -> dict[str, Any]:
    return dict(dl("reconcile", *words, "--root", root, "--json").data)


def lines(data: dict[str, Any]) -> list[tuple[int, str, str, Any, Any]]:
    """Return minute, source, column, value and the preferred one of each difference of closes."""
    return [
        (int(each["ts"][14:16]), each["source"][0], each["preferred"][0], each["value"], each["preferred_value"])
        for each in data["differences"]
    ]


def test_of_two_sources_the_first_is_preferred_where_it_has_a_row(dl: Dl, three: Path) -> None:
    data = told(dl, three, A, B, "--columns", "close")
    assert lines(data) == [(1, "B", "A", 11.5, 11.0), (2, "A", "B", None, None)]
    assert [(each["address"], each["rows"], each["outside"], each["preferred"]) for each in data["sources"]] == [
        (A, 3, 1, 3),
        (B, 4, 0, 1),
    ]
    assert (data["times"], data["agreeing"], data["count"], data["complete"]) == (4, 2, 2, True)
    assert (data["start"][11:16], data["end"][11:16]) == ("00:00", "00:03")


def test_of_three_each_is_held_against_the_preferred_one(dl: Dl, three: Path) -> None:
    data = told(dl, three, A, B, C, "--columns", "close")
    assert lines(data) == [
        (1, "B", "A", 11.5, 11.0),
        (2, "A", "B", None, None),
        (2, "C", "B", 12.5, 12.0),
        (3, "C", "A", 13.01, 13.0),
    ]
    assert data["columns"] == {"close": {"compared": 7, "differing": 3, "largest": 0.5, "unknown": 0}}


def test_the_whole_time_is_looked_at_when_asked(dl: Dl, three: Path) -> None:
    data = told(dl, three, A, C, "--whole", "--columns", "close", "--abs", "0.02")
    assert lines(data) == [(2, "A", "C", None, None), (4, "C", "A", None, None), (5, "A", "C", None, None)]
    assert {each["outside"] for each in data["sources"]} == {0}
    later = told(dl, three, A, C, "--start", "2024-03-01T00:03", "--columns", "close")
    assert lines(later) == [(3, "C", "A", 13.01, 13.0), (4, "C", "A", None, None)]


def test_tolerances_say_what_is_the_same(dl: Dl, three: Path) -> None:
    assert told(dl, three, B, C, "--columns", "close")["columns"]["close"]["differing"] == 3
    assert told(dl, three, B, C, "--columns", "close", "--abs", "0.1")["columns"]["close"]["differing"] == 2
    assert told(dl, three, B, C, "--columns", "close", "--rel", "0.05")["agreeing"] == 4


def test_a_tolerance_in_ticks_is_one_of_the_most_trusted_source(dl: Dl, lake: Path, tmp_path: Path) -> None:
    given: dict[str, list[float | None]] = {"A": [100, 11], "B": [100.03, 11.04]}
    for name, closes in given.items():
        file = bars(tmp_path / f"{name}.csv", closes)
        dl("ingest", "--source", file, "--exchange", name, "--symbol", "ABC", "--period", "1m", "--root", lake)
    ran = dl("reconcile", A, B, "--ticks", "2", "--root", lake)
    assert (ran.status, f"no tick size is known of {A}" in ran.err) == (2, True)
    (tmp_path / "i.csv").write_text("exchange,market,symbol,tick_size\nA,SPOT,ABC,0.01\nB,SPOT,ABC,0.001\n")
    assert dl("instruments", "import", tmp_path / "i.csv", "--root", lake).status == 0
    assert 100.03 - 100 > 0.03  # as floats, not as they are written
    assert [told(dl, lake, A, B, "--ticks", ticks)["agreeing"] for ticks in ("2", "3", "4")] == [0, 1, 2]
    assert told(dl, lake, B, A, "--ticks", "4")["agreeing"] == 0


def test_priority_is_asked_for_or_declared(dl: Dl, lake: Path, three: Path, tmp_path: Path) -> None:
    asked = told(dl, three, A, B, C, "--prefer", "C/*/*/*/*", "--prefer", B)
    assert ([each["address"] for each in asked["sources"]], asked["because"]) == ([C, B, A], "--prefer")
    for name in "AB":
        file = bars(tmp_path / f"{name}.csv", [10, 11])
        dl("ingest", "--source", file, "--exchange", name, "--symbol", "ABC", "--root", lake)
    (lake / "dl.toml").write_text('[reconcile]\nprefer = ["X/*/*/*/*", "B/*/*/*/*"]\n')
    declared = told(dl, lake, A, B)
    assert [each["address"] for each in declared["sources"]] == [B, A]
    assert declared["because"] == "dl.toml: [reconcile] prefer"
    assert declared["differs"] is False
    assert told(dl, lake, A, B, "--prefer", A)["because"] == "--prefer"
    (lake / "dl.toml").write_text('[reconcile]\nprefer = "B"\n')
    ran = dl("reconcile", A, B, "--root", lake)
    assert (ran.status, "no list of patterns" in ran.err) == (2, True)


def test_all_differences_go_into_a_file(dl: Dl, three: Path, tmp_path: Path) -> None:
    ran = dl("reconcile", A, B, C, "--limit", "1", "-o", tmp_path / "d.csv", "--root", three)
    with (tmp_path / "d.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    data = told(dl, three, A, B, C)
    assert len(rows) == data["count"] == 13  # three values of a price, in each of four columns, and a missing row
    assert f"… and {data['count'] - 1} more" in ran.out
    assert [row["kind"] for row in rows] == [each["kind"] for each in data["differences"]]


def test_a_state_is_compared_with_another_of_the_same_series(dl: Dl, lake: Path, bars: Path, tmp_path: Path) -> None:
    words = ("--exchange", "T", "--symbol", "ABC", "--root", lake)
    assert dl("ingest", "--source", bars, *words).status == 0
    changed = tmp_path / "changed.csv"
    changed.write_text("ts,open,high,low,close,volume\n2024-03-01T00:03:00Z,103,105,102,104,9.5\n")
    assert dl("ingest", "--source", changed, "--period", "1m", *words).status == 0
    data = told(dl, lake, "T/SPOT/ABC/bars/1m@2", "T/SPOT/ABC/bars/1m")
    assert [(each["column"], each["value"], each["preferred_value"]) for each in data["differences"]] == [
        ("volume", 9.5, 3.5)
    ]
    assert {each["source"] for each in data["differences"]} == {"T/SPOT/ABC/bars/1m@3"}


@pytest.mark.parametrize(
    ("words", "status"),
    [((A, B), 4), ((A, f"{A}@1"), 0), ((A, B, "--start", "2025", "--end", "2026"), 4)],
)
def test_sources_that_differ_exit_with_4_only_when_asked(
    dl: Dl, three: Path, words: tuple[str, ...], status: int
) -> None:
    assert dl("reconcile", *words, "--root", three).status == 0
    ran = dl("reconcile", *words, "--fail", "--root", three)
    assert ran.status == status
    assert ("no time in common" in ran.out) is ("--start" in words)


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        ((A,), 2, "two different sources"),
        ((A, A), 2, "two different sources"),
        ((A, B, "--columns", "price"), 2, "price"),
        ((A, B, "--columns", "ts"), 2, "'ts'"),
        ((A, B, "--prefer", C), 2, "none of the sources"),
        ((A, B, "--output", "d.doc"), 2, "d.doc"),
        ((A, "NO/SUCH/SERIES/bars/1m"), 15, "NO/SUCH/SERIES"),
    ],
)
def test_what_cannot_be_compared_is_refused(
    dl: Dl, three: Path, words: tuple[str, ...], status: int, said: str
) -> None:
    ran = dl("reconcile", *words, "--root", three)
    assert ran.status == status
    assert said in ran.err


def test_bars_of_other_lengths_and_ticks_are_refused(dl: Dl, lake: Path, tmp_path: Path) -> None:
    assert dl("aggregate", BTCUSDT, "--to", "5m", "--root", lake).status == 0
    ran = dl("reconcile", BTCUSDT, BTCUSDT.replace("1m", "5m"), "--root", lake)
    assert (ran.status, "different kinds or lengths" in ran.err) == (2, True)
    trades = tmp_path / "t.csv"
    trades.write_text("ts,price,size\n2024-03-01T00:00:00Z,1,1\n2024-03-01T00:00:01Z,1,1\n")
    for name in "AB":
        words = ("--exchange", name, "--symbol", "ABC", "--type", "ticks/trade")
        assert dl("ingest", "--source", trades, *words, "--root", lake).status == 0
    ran = dl("reconcile", "A/SPOT/ABC/ticks/trade", "B/SPOT/ABC/ticks/trade", "--root", lake)
    assert (ran.status, "cannot be matched by their time" in ran.err) == (2, True)
