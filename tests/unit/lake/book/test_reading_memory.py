"""Five million changes of one day are checked, rebuilt and replayed within the memory that every command has."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from tests.bench import process
from tests.bench.process import clean_environment
from tests.bench.programs import book_day
from tests.runs import REPO

if TYPE_CHECKING:
    from pathlib import Path

BOOK = "BINANCE/FUTURES-UM/BTCUSDT/orderbook/l2"
REPLAY = """
import sys, dl_datalake
with dl_datalake.open(sys.argv[1]) as lake:
    print(sum(1 for _ in lake.book("BTCUSDT").replay()))
"""
LIMIT_MB = 512


@pytest.mark.nightly
@pytest.mark.timeout(1800)
def test_five_million_changes_are_read_in_every_way_within_512_mb(tmp_path: Path) -> None:
    rows = book_day.write(tmp_path / "book.csv", 500_000)["rows"]
    assert rows > 5_000_000
    root, cli = tmp_path / "lake", ["-m", "dl_datalake.cli"]

    def run(*words: str) -> str:
        took = process.run([sys.executable, *words], cwd=tmp_path, env=clean_environment(REPO))
        assert took.rss_mib * 2**20 / 1e6 < LIMIT_MB, words
        return took.stdout

    run(*cli, "init", str(root))
    run(*cli, "ingest", "--source", str(tmp_path / "book.csv"), "--root", str(root))
    assert f"{rows:,} rows" in run(*cli, "book", "check", BOOK, "--root", str(root))
    for _ in range(2):  # the first one makes the checkpoints
        shown = run(*cli, "book", "at", BOOK, "2024-06-03T20:00", "--root", str(root))
        assert len(shown.splitlines()) == 2 + 20
    grid = tmp_path / "grid.csv"
    run(*cli, "book", "snapshots", BOOK, "--every", "100ms", "--output", str(grid), "--root", str(root))
    with grid.open() as lines:
        assert sum(1 for _ in lines) > 860_000
    assert int(run("-c", REPLAY, str(root))) == 500_001
