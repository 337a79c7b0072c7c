"""`dl export`: what it says, and that what it writes is taken in again as the same rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import dl_datalake
from tests.runs import BTCUSDT, Dl
from tests.tables import trade, trades

if TYPE_CHECKING:
    from pathlib import Path


def test_files_are_written_and_described(dl: Dl, lake: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    data = dl("export", BTCUSDT, "--to", "csv", out, "--end", "2016-10-07T02:00", "--root", lake, "--json").data
    file = out / f"{BTCUSDT}.csv"
    assert data == {
        "target": "csv",
        "folder": str(out),
        "snapshot": 1,
        "rows": 119,
        "files": [
            {
                "file": str(file),
                "addresses": [BTCUSDT],
                "rows": 119,
                "bytes": file.stat().st_size,
                "first": "2016-10-07T00:00:00.000000000Z",
                "last": "2016-10-07T01:59:00.000000000Z",
            }
        ],
        "left_out": [],
        "losses": [],
    }
    assert len(file.read_text().splitlines()) == 120
    ran = dl("export", BTCUSDT, "--to", "csv", out, "--root", lake)
    assert (ran.status, ran.out) == (2, "")
    assert "is there already" in ran.err
    ran = dl("export", BTCUSDT, "--to", "csv", out, "--root", lake, "--force", "--columns", "ts, close")
    assert (ran.status, ran.out) == (0, f"1,419 rows → {file}\n")
    assert file.read_text().startswith("ts,close\n")


def test_many_files_are_summed_up_and_what_is_left_out_is_told(dl: Dl, lake: Path, tmp_path: Path) -> None:
    assert dl("aggregate", BTCUSDT, "--to", "5m,1h", "--root", lake).status == 0
    ran = dl("export", "BINANCE/*/*/bars/*", "--to", "finam", tmp_path / "out", "--root", lake)
    assert ran.status == 0
    lines = ran.out.splitlines()
    assert [line.split(" → ")[0] for line in lines[:3]] == ["24 rows", "1,419 rows", "288 rows"]
    assert lines[3].startswith("1,731 rows in 3 files, ")
    ran = dl("export", BTCUSDT, "--to", "freqtrade", tmp_path / "ft", "--root", lake, "--pair", "BTCUSDT")
    assert ran.status == 2
    assert '"BTCUSDT" says no pair' in ran.err


@pytest.mark.parametrize("to", ["parquet", "csv", "feather", "freqtrade", "finam"])
def test_what_was_exported_is_taken_in_as_the_same_rows(dl: Dl, lake: Path, tmp_path: Path, to: str) -> None:
    [file] = dl("export", BTCUSDT, "--to", to, tmp_path / "out", "--root", lake, "--json").data["files"]
    other = tmp_path / "other"
    assert dl("init", other).status == 0
    named = ("--exchange", "BINANCE", "--market", "SPOT", "--symbol", "BTCUSDT")
    assert dl("ingest", "--source", file["file"], *named, "--root", other).status == 0
    with dl_datalake.open(lake) as ours, dl_datalake.open(other) as theirs:
        assert theirs.read(BTCUSDT).to_arrow().equals(ours.read(BTCUSDT).to_arrow())


@pytest.mark.parametrize("to", ["freqtrade", "finam", "lean", "csv", "feather"])
def test_exported_trades_are_taken_in_as_the_same_trades(dl: Dl, lake: Path, tmp_path: Path, to: str) -> None:
    series = "BINANCE/SPOT/BTCUSDT/ticks/trade"
    rows = [
        trade((1_700_000_000 + at) * 10**9, 100.5 + at, str(at), side=("buy", "sell")[at % 2], size=0.00001)
        for at in range(5)
    ]
    with dl_datalake.open(lake) as ours:
        ours.write(series, trades(*rows))
        [file] = ours.export(series, to, tmp_path / "out").files  # type: ignore[arg-type]  # one of those there are
        other = tmp_path / "other"
        assert dl("init", other).status == 0
        named = ("--exchange", "BINANCE", "--market", "SPOT", "--symbol", "BTCUSDT", "--type", "ticks/trade")
        ran = dl("ingest", "--source", file.path, *named, "--root", other)
        assert ran.status == 0, ran.err
        kept = ["ts", "price", "size"] + (["side", "trade_id"] if to != "lean" else [])  # LEAN has no place for them
        with dl_datalake.open(other) as theirs:
            found = theirs.read(series, columns=kept).to_arrow().to_pylist()
        assert found == ours.read(series, columns=kept).to_arrow().to_pylist()
        assert len(found) == 5


def test_who_stops_it_has_nothing_written(dl: Dl, lake: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stopped(*_given: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("dl_datalake.exports.folder.Folder.land", stopped)
    ran = dl("export", BTCUSDT, "--to", "parquet", tmp_path / "out", "--root", lake)
    assert ran.status == 130
    assert "Nothing was exported" in ran.err
    assert not (tmp_path / "out").exists()
