"""`dl`, in a lake of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.runs import Dl, runner

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def dl(capfdbinary: pytest.CaptureFixture[bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Dl:
    """Run `dl` in a fresh lake."""
    monkeypatch.chdir(tmp_path)
    run = runner(capfdbinary)
    assert run("init").status == 0
    return run
