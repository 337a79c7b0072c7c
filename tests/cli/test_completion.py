"""What Tab offers in a shell: commands, and the series, parts of addresses and snapshots of the lake at hand."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

import dl_datalake
from tests.runs import BTCUSDT, HEAVY, REPO

if TYPE_CHECKING:
    from pathlib import Path

SECOND = "KRAKEN/SPOT/ETHUSD/bars/1h"


@pytest.fixture
def two(lake: Path) -> Path:
    with dl_datalake.open(lake) as opened:
        rows = opened.read(BTCUSDT).to_arrow().slice(0, 1).drop(["exchange", "market", "symbol"])
        opened.write(SECOND, rows)
        opened.name_snapshot("before-cleanup")
    return lake


def offered(words: str, cwd: Path, *, also: str = "") -> list[str]:
    """Return what bash would offer for the last of the words, which may be empty."""
    parts = words.split(" ")
    environment = os.environ | {
        "_DL_COMPLETE": "complete_bash",
        "COMP_WORDS": words,
        "COMP_CWORD": str(len(parts) - 1),
        "PYTHONPATH": str(REPO),
    }
    code = f"import atexit, sys; {also}\nfrom dl_datalake.cli import main\nmain()"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )
    assert not done.stderr
    return done.stdout.split()


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("dl read ", [BTCUSDT, SECOND]),
        ("dl read K", [SECOND]),
        ("dl read BINANCE/SPOT/B", [BTCUSDT]),
        ("dl diff B", [BTCUSDT]),
        ("dl list --symbol ", ["BTCUSDT", "ETHUSD"]),
        ("dl list --exchange K", ["KRAKEN"]),
        ("dl list --period ", ["1h", "1m"]),
        ("dl list --type b", ["bars"]),
        ("dl read X --as-of ", ["before-cleanup"]),
        ("dl quaran", ["quarantine"]),
    ],
)
def test_words_of_the_lake_are_offered(two: Path, words: str, expected: list[str]) -> None:
    assert offered(words, two) == expected


def test_the_lake_is_the_one_that_the_words_name(two: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    assert offered(f"dl show --root {two} K", elsewhere) == [SECOND]
    assert offered(f"dl --root {two} show K", elsewhere) == [SECOND]


def test_where_there_is_no_lake_or_a_broken_one_nothing_is_offered_and_nothing_said(two: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    assert offered("dl read ", elsewhere) == []
    (two / "manifest.db").write_bytes(b"no database")
    assert offered("dl read ", two) == []
    (two / "dl.toml").write_text("[lake\n")
    assert offered("dl read ", two) == []


def test_completing_imports_nothing_heavy(two: Path) -> None:
    show = f"atexit.register(lambda: print(*['heavy:' + name for name in {HEAVY} if name in sys.modules]))"
    assert offered("dl read K", two, also=show) == [SECOND]
