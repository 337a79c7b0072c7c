"""Stopped from outside: a sentence that says what is safe, the exit status, and a lake that goes on."""

from __future__ import annotations

import json
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from lake.layout import STAGING
from tests.runs import REPO, Dl, validator

if TYPE_CHECKING:
    from pathlib import Path

ROWS = 400_000


@pytest.fixture
def long_file(tmp_path: Path) -> Path:
    """Return a file that takes a while to take in."""
    path = tmp_path / "trades.csv"
    with path.open("w") as stream:
        stream.write("timestamp,price,size\n")
        stream.writelines(f"{1_600_000_000_000 + i * 250},{100 + i % 7},{i % 5 + 1}\n" for i in range(ROWS))
    return path


def start(root: Path, source: Path, *more: str) -> subprocess.Popen[str]:
    words = ["ingest", "--source", str(source), "--exchange", "TEST", "--symbol", "ABC", "--root", str(root), *more]
    return subprocess.Popen(
        [sys.executable, "-m", "dl_datalake.cli", *words],
        cwd=REPO,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def stop_at_work(process: subprocess.Popen[str], root: Path, number: signal.Signals) -> tuple[str, str]:
    """Send the signal once the run has staged rows."""
    deadline = time.monotonic() + 60
    while not any(path.stat().st_size for path in (root / "data" / STAGING).glob("*/*") if path.name != "lock"):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.005)
    process.send_signal(number)
    return process.communicate(timeout=60)


@pytest.mark.parametrize(
    ("number", "status", "word"), [(signal.SIGINT, 130, "interrupted"), (signal.SIGTERM, 143, "terminated")]
)
def test_stopped_ingest_says_what_is_safe_and_can_be_run_again(
    dl: Dl, lake: Path, long_file: Path, number: signal.Signals, status: int, word: str
) -> None:
    process = start(lake, long_file)
    out, err = stop_at_work(process, lake, number)
    assert process.returncode == status, err
    assert out == ""
    assert f"error[E_INTERRUPTED]: {word}" in err
    assert "safely in the lake" in err
    assert "Traceback" not in err
    assert dl("verify", "--root", lake).status == 0
    assert [row["address"] for row in dl("list", "--symbol", "ABC", "--root", lake, "--json").data] == []
    again = dl("ingest", "--source", long_file, "--exchange", "TEST", "--symbol", "ABC", "--root", lake, "--json")
    assert again.data["files"][0]["rows"]["new"] == ROWS


def test_stopped_command_prints_its_document(lake: Path, long_file: Path) -> None:
    process = start(lake, long_file, "--json")
    out, err = stop_at_work(process, lake, signal.SIGTERM)
    assert process.returncode == 143, err
    document = json.loads(out)
    validator("dl.error/1").validate(document)
    assert (document["error"]["code"], document["error"]["exit"]) == ("E_INTERRUPTED", 143)


def test_stopped_run_of_several_files_says_how_many_are_in(dl: Dl, lake: Path, long_file: Path, bars: Path) -> None:
    process = start(lake, bars, "--source", str(long_file))
    deadline = time.monotonic() + 60
    with closing(sqlite3.connect(lake / "manifest.db")) as manifest:
        while manifest.execute("SELECT max(id) FROM snapshots").fetchone() == (1,):
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.005)
    _, err = stop_at_work(process, lake, signal.SIGINT)
    assert f"  why: 1 file of this run is safely in the lake; nothing of {long_file} was stored.\n" in err
    assert [row["rows"] for row in dl("list", "--symbol", "ABC", "--root", lake, "--json").data] == [10]
