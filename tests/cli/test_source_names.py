"""Source files whose names are no text: they go in like any other, and are named in a way that can be printed."""

from __future__ import annotations

import hashlib
import os
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.runs import BAD_LINE, BARS, Dl

if TYPE_CHECKING:
    from collections.abc import Callable

WORDS = ("--exchange", "TEST", "--symbol", "abc", "--json")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dl: Dl) -> Path:
    """Return a folder whose name is no UTF-8, beside a lake."""
    monkeypatch.chdir(tmp_path)
    assert dl("init").status == 0
    path = Path(os.fsdecode(b"ordn\xe9"))
    path.mkdir()
    return path


def named(folder: Path, name: bytes) -> Path:
    return folder / os.fsdecode(name)


def as_csv(path: Path) -> None:
    path.write_text(BARS)


def as_zip(path: Path) -> None:
    with path.open("wb") as file, zipfile.ZipFile(file, "w") as archive:
        archive.writestr("bars.csv", BARS)


def as_parquet(path: Path) -> None:
    lines = [line.split(",") for line in BARS.splitlines()]
    columns = {name: [line[place] for line in lines[1:]] for place, name in enumerate(lines[0])}
    with path.open("wb") as file:
        pq.write_table(pa.table(columns), file)


@pytest.mark.parametrize("save", [as_csv, as_zip, as_parquet])
def test_file_is_taken_in_and_named_with_its_bytes_spelt_out(
    dl: Dl, folder: Path, save: Callable[[Path], None]
) -> None:
    source = named(folder, b"caf\xe9.csv")
    save(source)
    digest = hashlib.sha256(source.read_bytes()).hexdigest()
    named(folder, b"caf\xe9.csv.CHECKSUM").write_text(f"{digest}  bars.csv\n")

    trial = dl("ingest", "--source", source, *WORDS, "--dry-run")
    assert [(file["source"], file["status"]) for file in trial.data["files"]] == [("ordn\\xe9/caf\\xe9.csv", "dry_run")]
    for status in ("committed", "unchanged"):
        ran = dl("ingest", "--source", f"{folder}/*.csv", *WORDS)
        assert (ran.status, ran.err) == (0, "")
        [file] = ran.data["files"]
        assert (file["source"], file["status"]) == ("ordn\\xe9/caf\\xe9.csv", status)
        assert file["sha256"] == f"sha256:{digest}"
    assert dl("list", "--json").data[0]["rows"] == 10
    assert dl("history", "--json").data[0]["source"] == "caf\\xe9.csv"
    assert "caf\\xe9.csv" in dl("history").out


def test_bad_rows_are_kept_under_the_name(dl: Dl, folder: Path) -> None:
    source = named(folder, b"\xff.csv")
    source.write_text(BARS + BAD_LINE)
    ran = dl("ingest", "--source", source, *WORDS)
    assert ran.status == 3
    run = ran.data["files"][0]["run"]
    assert [kept["source"] for kept in dl("quarantine", "list", "--json").data] == ["\\xff.csv"]
    assert [(row["source"], row["raw"]) for row in dl("quarantine", "show", run, "--json").data["sample"]] == [
        ("\\xff.csv", BAD_LINE.strip())
    ]


@pytest.mark.parametrize(
    ("text", "code"), [("", "E_SOURCE_UNREADABLE"), ("{}", "E_FORMAT_UNKNOWN"), (BARS, "E_SOURCE_CHECKSUM")]
)
def test_refusal_names_it(dl: Dl, folder: Path, text: str, code: str) -> None:
    source = named(folder, b"caf\xe9.csv")
    source.write_text(text)
    if text == BARS:
        named(folder, b"caf\xe9.csv.CHECKSUM").write_text("0" * 64)
    error = dl("ingest", "--source", source, *WORDS).error
    assert error["code"] == code
    assert "caf\\xe9.csv" in error["message"]
    assert error["where"] == "ordn\\xe9/caf\\xe9.csv"


def test_symbol_that_the_name_tells_is_spelt_out_too(dl: Dl, folder: Path) -> None:
    source = named(folder, b"CAF\xe9-trades-2024-03-01.csv")
    source.write_text("".join(f"{n},50,2,100,1709251200000,True,True\n" for n in range(9)))
    [file] = dl("ingest", "--source", source, "--json").data["files"]
    assert (file["dialect"], file["addresses"]) == ("binance-spot-trades", ["BINANCE/SPOT/CAF%5CXE9/ticks/trade"])
