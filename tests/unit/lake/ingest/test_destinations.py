"""One file of several symbols: a series each, one commit, every row accounted for."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from lake.check import verify
from lake.errors import LakeError
from lake.ingest import FileReport, IngestRequest, ingest
from lake.ingest.destinations import Destinations
from lake.intake import Memory
from lake.manifest import Manifest
from lake.manifest.rows import Instrument
from lake.read import Scan
from lake.write import write
from schemas.keys import Address
from tests.manifests import commit, make_lake, new_file
from tests.tables import Row, bar, bars, plain

if TYPE_CHECKING:
    from pathlib import Path

    from lake.config import Config

HEADER = "ticker,window_start,open,high,low,close,volume"
START = 1_704_067_200  # 2024-01-01


@pytest.fixture
def lake(tmp_path: Path) -> Config:
    return make_lake(tmp_path / "lake")


def line(symbol: str, minute: int, close: float) -> str:
    return f"{symbol},{START + 60 * minute}000000000,10,20,5,{close},1"


def save(path: Path, *lines: str) -> Path:
    path.write_text("\n".join([HEADER, *lines, ""]), encoding="utf-8")
    return path


def take(config: Config, path: Path, **words: Any) -> FileReport:  # noqa: ANN401 -- a request's own
    [report] = ingest(config, IngestRequest((str(path),), exchange="X", **words)).files
    return report


def address(symbol: str) -> Address:
    return Address.of("X", "SPOT", symbol, "bars", "1m")


def stored(config: Config, symbol: str) -> list[Row]:
    with Manifest.open(config) as manifest:
        return plain(Scan(config, manifest, [address(symbol)]).to_arrow())


def closes(config: Config, symbol: str) -> list[tuple[int, Any]]:
    """Return minute and close of each stored bar."""
    return [((int(str(row["ts"])) // 10**6 - START) // 60, row["close"]) for row in stored(config, symbol)]


def counted(report: FileReport) -> dict[str, int]:
    return {name: count for name, count in report.rows.items() if count}


@pytest.mark.parametrize("order", ["by symbol", "by time", "mixed"])
def test_each_symbol_has_a_series_whatever_the_order(lake: Config, tmp_path: Path, order: str) -> None:
    names = ["AAPL", "BRK.A", "MSFT", "^GSPC"]
    rows = [(name, minute, 10.0 + minute % 7) for name in names for minute in range(3000)]
    if order == "by time":
        rows.sort(key=lambda row: row[1])
    elif order == "mixed":
        rows.sort(key=lambda row: hash((row[1] * 7919 + len(row[0])) % 1009))
    path = save(tmp_path / "day.csv", *(line(*row) for row in rows))
    report = take(lake, path)
    assert sorted(report.addresses) == sorted(str(address(name)) for name in names)
    assert (counted(report), report.records) == ({"read": 12_000, "new": 12_000}, 12_000)
    for name in names:
        assert closes(lake, name) == [(minute, 10.0 + minute % 7) for minute in range(3000)]
    assert take(lake, path).status == "unchanged"
    with Manifest.open(lake) as manifest:
        assert manifest.snapshot() == 1
    checked = verify(lake)
    assert (checked.ok, checked.orphans) == (True, [])


def test_thousands_of_symbols_in_little_memory(tmp_path: Path) -> None:
    config = replace(make_lake(tmp_path / "lake"), memory_mb=1)
    names = [f"S{number:04d}" for number in range(300)]
    lines = [line(name, minute, 11.0) for minute in range(120) for name in names]
    report = take(config, save(tmp_path / "day.csv", *lines))
    assert counted(report) == {"read": 36_000, "new": 36_000}
    assert [len(stored(config, name)) for name in (names[0], names[-1])] == [120, 120]
    assert verify(config).ok


def test_symbols_that_name_no_series_are_kept_aside(lake: Config, tmp_path: Path) -> None:
    lines = [line("A", minute, 11.0) for minute in range(50)]
    path = save(tmp_path / "day.csv", *lines, line("", 50, 11.0), line("..", 51, 11.0), line("B" * 200, 52, 11.0))
    report = take(lake, path)
    assert report.addresses == [str(address("A"))]
    assert report.rejected == {"missing_value": 1, "bad_value": 2}
    assert counted(report) == {"read": 53, "new": 50, "quarantined": 3}


def test_bad_rows_and_rows_out_of_range_are_told_apart_for_each(lake: Config, tmp_path: Path) -> None:
    lines = [line(name, minute, 11.0) for minute in range(30) for name in ("A", "B")]
    path = save(tmp_path / "day.csv", *lines, line("A", 30, 99.0), line("B", 31, -1.0))
    report = take(lake, path, start_ns=(START + 600) * 10**9)
    assert report.rejected == {"ohlc_inconsistent": 1, "non_positive_price": 1}
    assert report.skipped == {"outside_range": 20}
    assert [minute for minute, _ in closes(lake, "A")] == list(range(10, 30))
    assert [minute for minute, _ in closes(lake, "B")] == list(range(10, 30))


@pytest.mark.parametrize("names", [("spy", "SPY"), ("ß", "SS")])
def test_symbols_that_differ_in_case_alone_are_refused(lake: Config, tmp_path: Path, names: tuple[str, str]) -> None:
    path = save(tmp_path / "day.csv", *(line(name, minute, 11.0) for minute in range(9) for name in names))
    with pytest.raises(LakeError) as refusal:
        take(lake, path)
    assert refusal.value.code == "E_SYMBOL_CASE"
    with Manifest.open(lake) as manifest:
        assert (manifest.snapshot(), manifest.series()) == (0, [])


def test_a_symbol_written_with_blanks_is_the_same_one(lake: Config, tmp_path: Path) -> None:
    path = save(tmp_path / "day.csv", line("A", 0, 11.0), line(" A", 1, 12.0), line("A", 2, 13.0), line("A", 3, 13.0))
    assert take(lake, path).addresses == [str(address("A"))]
    assert closes(lake, "A") == [(0, 11.0), (1, 12.0), (2, 13.0), (3, 13.0)]


def test_another_writer_of_one_of_the_series_is_merged_with(
    lake: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = sys.modules["lake.write.commit"]
    real, waiting = module._fill, [lambda: write(lake, address("B"), bars(bar(START // 60 + 1, 7.0)))]

    def fill(*args: object) -> None:
        real(*args)
        if waiting:
            waiting.pop()()

    monkeypatch.setattr(module, "_fill", fill)
    path = save(tmp_path / "day.csv", *(line(name, minute, 11.0) for minute in range(5) for name in "ABC"))
    assert counted(take(lake, path)) == {"read": 15, "new": 14, "corrected": 1}
    for name in "ABC":
        assert closes(lake, name) == [(minute, 11.0) for minute in range(5)]
    checked = verify(lake)
    assert (checked.ok, checked.orphans) == (True, [])


def test_prices_below_zero_are_right_for_the_series_that_may_have_them(lake: Config, tmp_path: Path) -> None:
    negative = Instrument("CL", price_may_be_negative=True)
    commit(lake, new_file("2023-12-31", address=address("CL")), instruments={address("CL"): negative})
    lines = [f"CL,{START + 60 * minute}000000000,-3,-1,-5,-2,1" for minute in range(40)]
    report = take(lake, save(tmp_path / "day.csv", *lines, line("NG", 0, 11.0), *lines[:1], "NG" + lines[0][2:]))
    assert report.rejected == {"non_positive_price": 1}
    assert report.rows["quarantined"] == 1
    with Manifest.open(lake) as manifest:
        assert [row.rows for row in manifest.listing(symbol="NG")] == [1]


def test_when_memory_is_full_the_rows_of_all_symbols_are_let_go(
    lake: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    symbols = [f"S{number:02d}" for number in range(40)]
    path = save(tmp_path / "many.csv", *(line(symbol, minute, 15) for symbol in symbols for minute in range(50)))
    monkeypatch.setattr("lake.ingest.destinations.Memory", lambda _: Memory(20_000))
    monkeypatch.setattr("lake.ingest.reading._BLOCK_BYTES", 4_000)
    half_written: list[int] = []
    relieve = Destinations.relieve

    def relieved(self: Destinations) -> None:
        relieve(self)
        parts = [part for each in self for part in each.intake._open.values()]
        for part in parts:
            if part.pending is not None:
                part.pending.result()
        half_written.append(sum(part.writer is not None for part in parts))

    monkeypatch.setattr(Destinations, "relieve", relieved)
    report = take(lake, path)
    assert report.rows["new"] == 2000
    assert all(len(stored(lake, symbol)) == 50 for symbol in symbols)
    assert max(half_written) <= 4  # each may hold a row group that nobody counts
