"""Real vendor files through the whole product, against what an independent program counted."""

from __future__ import annotations

import json
import shutil
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from tests.conftest import NO_VENDOR_DATA, VENDOR_DATA

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.runs import Dl

ASKED = {"ninjatrader_csv": "ninjatrader-minutes", "nse_1s_csv": "nse-1s"}
"""Folders whose format has to be named: their rows may be in another one, too, or do not tell their zone."""


def known() -> list[str]:
    """Return the vendor files there are, for a test each; none without the folder."""
    path = VENDOR_DATA / "expected.json"
    return list(json.loads(path.read_text())) if path.is_file() else []


FILES = known() or [NO_VENDOR_DATA]
GIVEN = {"--exchange": "VENDOR", "--symbol": "S"}
"""What is said where a refusal asks for it."""
HALVES = [
    "binance_spot_klines_ms/BTCUSDT-1h-2024-12.csv",
    "binance_um_klines_header/1000PEPEUSDT-5m-2025-02.csv",
    "kraken_trades_csv/BCHEUR.csv",
    "cryptochassis_csv/gemini__eth-usd__2021-07-02__trade.csv",
    "truefx_iso/usdjpy-ticks.csv",
]


def answers(vendor_data: Path) -> dict[str, Any]:
    """Return the independent program's answers, by file."""
    expected: dict[str, Any] = json.loads((vendor_data / "expected.json").read_text())
    for name, adjusted in json.loads((vendor_data / "adjust.json").read_text()).items():
        if name not in expected:
            continue
        expected[name] |= {what: adjusted.get(what) for what in ("clock", "records")}
        if shift := adjusted.get("stamp_shift_ns"):
            expected[name] |= {which: expected[name][which] - shift for which in ("first_ts_ns", "last_ts_ns")}
    return expected


def data_files(root: Path) -> set[Path]:
    """Return the data files of a lake."""
    return set((root / "data").rglob("*.parquet"))


def decimal(text: str | None) -> Decimal | None:
    """Return an exact number, or None."""
    return None if text is None else Decimal(text)


def words(dl: Dl, file: Path) -> list[str | Path]:
    """Return the words that ingest one file: what its refusals ask for, and the format where that has to be named."""
    said: list[str | Path] = ["ingest", "--source", file]
    said += ["--format", ASKED[file.parent.name]] if file.parent.name in ASKED else []
    for _ in GIVEN:
        ran = dl(*said, "--dry-run", "--json")
        if ran.status in {0, 3}:
            break
        assert ran.error["code"] == "E_USAGE"
        [flag] = {text.partition(" ")[0] for text in ran.error["fix"]}
        said += [flag, GIVEN[flag]]
    return said


def ingest(dl: Dl, said: list[str | Path]) -> dict[str, Any]:
    """Ingest one file; return its report."""
    ran = dl(*said, "--json")
    [report] = ran.data["files"]
    assert ran.status == (3 if report["rejected"] else 0)
    return dict(report)


@pytest.mark.parametrize("folder", ASKED)
def test_what_has_to_be_asked_for_is_refused_and_the_format_is_named(folder: str, vendor_data: Path, dl: Dl) -> None:
    for file in sorted((vendor_data / folder).iterdir()):
        ran = dl("ingest", "--source", file, "--exchange", "VENDOR", "--symbol", "S", "--json")
        assert ran.error["code"] == "E_AMBIGUOUS"
        assert f"--format {ASKED[folder]}" in ran.error["fix"]


@pytest.mark.parametrize("name", FILES)
def test_figures_are_those_of_the_independent_program(name: str, vendor_data: Path, dl: Dl, tmp_path: Path) -> None:
    expected = answers(vendor_data)[name]
    said = words(dl, vendor_data / name)
    report = ingest(dl, said)
    series = {address: dl("show", address, "--stats", "--json").data["stats"] for address in report["addresses"]}
    # Of a capture of several feeds the sums are those of its trades.
    assets = {address.split("/", 3)[3] for address in series}
    shown = [stats for address, stats in series.items() if len(assets) == 1 or address.endswith("/ticks/trade")]
    rows = report["rows"]

    counted = expected.get("records") is True
    assert report["records"] == expected["rows_total"]
    assert report["rejected"] == expected["rows_rejected"]
    assert rows["skipped"] == 0
    lost = rows["identical"] + rows["superseded"] + rows["quarantined"]
    assert sum(s["rows"] for s in series.values()) == rows["new"] == rows["read"] - lost
    assert (report["records"] if counted else rows["new"]) == expected["rows_expected"]
    ends = ("first_recv", "last_recv") if expected.get("clock") == "ts_recv" else ("first", "last")
    first, last = min(s[ends[0]] for s in series.values()), max(s[ends[1]] for s in series.values())
    assert (first, last) == (stamp(expected["first_ts_ns"]), stamp(expected["last_ts_ns"]))
    if not expected.get("clock"):
        assert (report["first"], report["last"]) == (first, last)
    assert whole(shown, "sum_volume", sum) == decimal(expected["sum_volume"])
    assert whole(shown, "min_low", min) == decimal(expected["min_low"])
    assert whole(shown, "max_high", max) == decimal(expected["max_high"])
    if expected["duplicate_key_rows"] is not None:
        assert rows["identical"] == expected["exact_duplicate_rows"]
        assert rows["superseded"] == expected["conflicting_key_rows"]
    else:
        assert sum(s["exact_duplicate_rows"] or 0 for s in series.values()) == expected["exact_duplicate_rows"]

    before = data_files(tmp_path)
    again = ingest(dl, said)
    assert again["status"] == "unchanged"
    assert again["rows"]["new"] == again["rows"]["corrected"] == 0
    assert again["rows"]["read"] == rows["read"]
    assert data_files(tmp_path) == before
    assert "0 new rows" in dl(*said).out


def whole(shown: list[dict[str, Any]], figure: str, together: Callable[[list[Decimal]], Any]) -> Decimal | None:
    """Return a figure of all series together, None where none has it."""
    figures = [Decimal(stats[figure]) for stats in shown if stats[figure] is not None]
    return Decimal(together(figures)) if figures else None


def stamp(ns: int) -> str:
    """Return a time as the documents write it."""
    import datetime as dt

    seconds, rest = divmod(ns, 10**9)
    return f"{dt.datetime.fromtimestamp(seconds, dt.UTC):%Y-%m-%dT%H:%M:%S}.{rest:09d}Z"


@pytest.mark.parametrize("name", HALVES)
def test_overlapping_halves_make_the_same_content_in_either_order(
    name: str, vendor_data: Path, dl: Dl, tmp_path: Path
) -> None:
    source = vendor_data / name
    lines = source.read_bytes().splitlines(keepends=True)
    header, body = (lines[:1], lines[1:]) if lines[0][:1].isalpha() else ([], lines)
    third = len(body) // 3
    for part, kept in (("front", body[: 2 * third]), ("back", body[third:])):
        folder = tmp_path / part
        folder.mkdir()
        (folder / source.name).write_bytes(b"".join(header + kept))

    hashes = []
    for number, order in enumerate((["front", "back"], ["back", "front"], None)):
        root = tmp_path / f"lake{number}"
        dl("init", root)
        for part in order or []:
            ran = dl(
                "--root", root, "ingest", "--source", tmp_path / part / source.name, "--exchange", "X", "--symbol", "S"
            )
            assert ran.status == 0
        if order is None:
            assert dl("--root", root, "ingest", "--source", source, "--exchange", "X", "--symbol", "S").status == 0
        [series] = dl("--root", root, "list", "--json").data
        files = dl("--root", root, "show", series["address"], "--json").data["files"]
        hashes.append({f["partition"]: f["content_hash"] for f in files})

    assert hashes[0] == hashes[1] == hashes[2]


def test_vendor_zips_are_checked_against_their_checksum_files(vendor_data: Path, dl: Dl, tmp_path: Path) -> None:
    for case in json.loads((vendor_data / "packed_expected.json").read_text()):
        source = vendor_data / case["file"]
        before = data_files(tmp_path)
        ran = dl("ingest", "--source", source, "--exchange", "BINANCE", "--symbol", "S", "--json")
        if case["checksum_file"] == "matches":
            [report] = ran.data["files"]
            assert report["rows"]["new"] == answers(vendor_data)[case["same_rows_as"]]["rows_expected"]
            continue
        assert ran.error["code"] == "E_SOURCE_CHECKSUM"
        assert ran.status == 12
        assert data_files(tmp_path) == before


def test_a_truncated_zip_without_a_checksum_file_is_refused_whole(vendor_data: Path, dl: Dl, tmp_path: Path) -> None:
    shutil.copy(vendor_data / "packed_binance_vision/FILUSDT-1m-2025-02.zip", tmp_path / "FILUSDT-1m-2025-02.zip")
    ran = dl("ingest", "--source", "FILUSDT-1m-2025-02.zip", "--exchange", "BINANCE", "--symbol", "S", "--json")
    assert ran.error["code"] == "E_SOURCE_UNREADABLE"
    assert dl("list", "--json").data == []
    assert dl("history", "--json").data == []
    assert data_files(tmp_path) == set()


def test_a_file_of_pence_and_pounds_is_kept_and_warned_of(vendor_data: Path, dl: Dl) -> None:
    ran = dl(*words(dl, vendor_data / "yahoo_yfinance_csv/AET-L-1d-100x-error.csv"))
    assert ran.status == 0
    assert "the close jumps by a factor of 100" in ran.err
