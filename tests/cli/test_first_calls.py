"""The first calls of a newcomer, word for word, in a folder of their own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

from dl_datalake.demo import samples
from tests.runs import REPO

if TYPE_CHECKING:
    from pathlib import Path


def python_m(words: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "dl_datalake.cli", *words.split()],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(REPO)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_init_ingest_list(tmp_path: Path) -> None:
    shutil.copy(samples.folder() / samples.PLAIN, tmp_path / "raw_data.csv")
    assert python_m("init", tmp_path).returncode == 0
    taken = python_m("ingest --source ./raw_data.csv --exchange BINANCE --symbol BTCUSDT", tmp_path)
    assert (taken.returncode, taken.stderr) == (0, "")
    assert "read 1,419 · new 1,419 · identical 0 · corrected 0 · quarantined 0" in taken.stdout
    listed = python_m("list --symbol BTCUSDT", tmp_path)
    assert listed.returncode == 0
    assert listed.stdout.splitlines()[1].split()[:5] == [
        "BINANCE/SPOT/BTCUSDT/bars/1m",
        "2016-10-07",
        "00:00",
        "2016-10-07",
        "23:59",
    ]


def test_words_alone_show_the_help(tmp_path: Path) -> None:
    for words in ("", "assets", "quarantine"):
        shown = python_m(words, tmp_path)
        assert (shown.returncode, shown.stderr) == (2, "")
        assert shown.stdout.startswith(f"Usage: dl {words}".rstrip())
    assert python_m("--help", tmp_path).returncode == 0


def test_shell_completes_commands(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "dl_datalake.cli"],
        cwd=tmp_path,
        env=os.environ
        | {"PYTHONPATH": str(REPO), "_DL_COMPLETE": "complete_bash", "COMP_WORDS": "dl his", "COMP_CWORD": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.split() == ["history"]


def test_name_that_is_no_text_is_shown_all_the_same(tmp_path: Path) -> None:
    python_m("init", tmp_path)
    done = subprocess.run(
        [sys.executable, "-m", "dl_datalake.cli", "ingest", "--source", b"caf\xe9.csv", "--json"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(REPO)},
        capture_output=True,
        check=False,
    )
    assert done.returncode == 15
    assert json.loads(done.stdout)["error"]["message"].startswith("caf\\xe9.csv")
