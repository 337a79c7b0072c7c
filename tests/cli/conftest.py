"""Lakes to run `dl` on, and `dl` itself."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from dl_datalake.cli import run
from dl_datalake.demo import samples
from tests.runs import BAD_LINE, BARS, Dl, runner

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def dl(capfdbinary: pytest.CaptureFixture[bytes]) -> Dl:
    """Return what runs `dl`."""
    return runner(capfdbinary)


@pytest.fixture(scope="session")
def _made_lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("made") / "lake"
    source = samples.folder() / samples.PLAIN
    words = ["--root", str(root), "--quiet"]
    assert run(["init", *words]) == 0
    assert run(["ingest", "--source", str(source), "--exchange", "BINANCE", "--symbol", "BTCUSDT", *words]) == 0
    return root


@pytest.fixture
def lake(_made_lake: Path, tmp_path: Path) -> Path:
    """Return a lake of one's own that holds the README's bars as BINANCE/SPOT/BTCUSDT."""
    root = tmp_path / "lake"
    shutil.copytree(_made_lake, root)
    return root


@pytest.fixture
def bars(tmp_path: Path) -> Path:
    """Return a CSV of ten good bars."""
    path = tmp_path / "bars.csv"
    path.write_text(BARS)
    return path


@pytest.fixture
def with_bad_bar(tmp_path: Path) -> Path:
    """Return a CSV of ten good bars and a bad one on line 12."""
    path = tmp_path / "with-bad-bar.csv"
    path.write_text(BARS + BAD_LINE)
    return path
