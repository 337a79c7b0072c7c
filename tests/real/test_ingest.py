"""Real vendor files through the whole product, against what an independent program counted."""

from __future__ import annotations

import json
import shutil
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from tests.runs import Dl, runner

if TYPE_CHECKING:
    from pathlib import Path

DIALECTS = {
    "binance_spot_klines_ms": 2,
    "binance_spot_klines_us": 1,
    "binance_um_klines_header": 3,
    "lean_zip": 5,
    "finam_csv": 3,
    "kraken_trades_csv": 1,
    "cryptochassis_csv": 1,
    "freqtrade_feather": 1,
    "generic_tsv_ms": 1,
    "fxcm_m1_iso": 2,
    "truefx_iso": 1,
}
"""Folders of vendor files whose dialects are read, with how many files each has."""
FILES = [
    "binance_spot_klines_ms/BTCUSDT-1h-2024-12.csv",
    "binance_spot_klines_ms/ADABTC-1m-2021-11-27.csv",
    "binance_spot_klines_us/BTCUSDT-1h-2025-01.csv",
    "binance_um_klines_header/FILUSDT-1m-2024-09.csv",
    "binance_um_klines_header/FILUSDT-1m-2025-02.csv",
    "binance_um_klines_header/1000PEPEUSDT-5m-2025-02.csv",
    "lean_zip/equity_usa_minute_spy_20131007_trade.zip",
    "lean_zip/equity_usa_tick_ibm_20131008_trade.zip",
    "lean_zip/crypto_coinbase_minute_btcusd_20161007_trade.zip",
    "lean_zip/forex_oanda_tick_eurusd_20140502_quote.zip",
    "lean_zip/equity_india_minute_yesbank_20190709_trade.zip",
    "finam_csv/data_sber_minutes30.csv",
    "finam_csv/data_sber_daily.csv",
    "finam_csv/AFLT.csv",
    "kraken_trades_csv/BCHEUR.csv",
    "cryptochassis_csv/gemini__eth-usd__2021-07-02__trade.csv",
    "freqtrade_feather/XRP_ETH-5m.feather",
    "generic_tsv_ms/AAPL_INTRA_DAY.tsv",
    "fxcm_m1_iso/gbpusd-m1-bid-2012.csv",
    "fxcm_m1_iso/gbpusd-m1-ask-2012.csv",
    "truefx_iso/usdjpy-ticks.csv",
]
HALVES = [
    "binance_spot_klines_ms/BTCUSDT-1h-2024-12.csv",
    "binance_um_klines_header/1000PEPEUSDT-5m-2025-02.csv",
    "kraken_trades_csv/BCHEUR.csv",
    "cryptochassis_csv/gemini__eth-usd__2021-07-02__trade.csv",
    "truefx_iso/usdjpy-ticks.csv",
]


@pytest.fixture
def dl(capfdbinary: pytest.CaptureFixture[bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Dl:
    """Run `dl` in a fresh lake."""
    monkeypatch.chdir(tmp_path)
    run = runner(capfdbinary)
    assert run("init").status == 0
    return run


def answers(vendor_data: Path) -> dict[str, Any]:
    """Return the independent program's answers, by file."""
    expected: dict[str, Any] = json.loads((vendor_data / "expected.json").read_text())
    adjusted = json.loads((vendor_data / "adjust.json").read_text())
    assert not set(adjusted) & set(FILES), "none of these files is stored otherwise than its source says"
    return expected


def data_files(root: Path) -> set[Path]:
    """Return the data files of a lake."""
    return set((root / "data").rglob("*.parquet"))


def decimal(text: str | None) -> Decimal | None:
    """Return an exact number, or None."""
    return None if text is None else Decimal(text)


def ingest(dl: Dl, file: Path) -> dict[str, Any]:
    """Ingest one file; return its report."""
    ran = dl("ingest", "--source", file, "--exchange", "VENDOR", "--symbol", "S", "--json")
    assert ran.status == 0
    [report] = ran.data["files"]
    return dict(report)


def test_every_file_of_the_dialects_is_tested(vendor_data: Path) -> None:
    folders = {name: sum(f.startswith(f"{name}/") for f in answers(vendor_data)) for name in DIALECTS}
    assert folders == DIALECTS
    assert len(FILES) == sum(DIALECTS.values())


@pytest.mark.parametrize("name", FILES)
def test_figures_are_those_of_the_independent_program(name: str, vendor_data: Path, dl: Dl, tmp_path: Path) -> None:
    expected = answers(vendor_data)[name]
    report = ingest(dl, vendor_data / name)
    stats = dl("show", report["addresses"][0], "--stats", "--json").data["stats"]
    rows = report["rows"]

    assert rows["read"] == expected["rows_total"]
    assert report["rejected"] == expected["rows_rejected"]
    assert rows["skipped"] == 0
    assert stats["rows"] == rows["new"] == expected["rows_expected"]
    assert stats["first"] == report["first"] == stamp(expected["first_ts_ns"])
    assert stats["last"] == report["last"] == stamp(expected["last_ts_ns"])
    assert decimal(stats["sum_volume"]) == decimal(expected["sum_volume"])
    assert decimal(stats["min_low"]) == decimal(expected["min_low"])
    assert decimal(stats["max_high"]) == decimal(expected["max_high"])
    if expected["duplicate_key_rows"] is not None:
        assert rows["identical"] == expected["exact_duplicate_rows"]
        assert rows["superseded"] == expected["conflicting_key_rows"]
    else:
        assert stats["exact_duplicate_rows"] == expected["exact_duplicate_rows"]

    before = data_files(tmp_path)
    again = ingest(dl, vendor_data / name)
    assert again["status"] == "unchanged"
    assert again["rows"]["new"] == again["rows"]["corrected"] == 0
    assert again["rows"]["read"] == expected["rows_total"]
    assert data_files(tmp_path) == before
    assert "0 new rows" in dl("ingest", "--source", vendor_data / name, "--exchange", "VENDOR", "--symbol", "S").out


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
