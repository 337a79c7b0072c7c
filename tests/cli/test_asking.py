"""What asks first, answered on a terminal."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.cli.test_errors import assert_error_text, state
from tests.runs import BTCUSDT, Dl

if TYPE_CHECKING:
    from pathlib import Path

VERBS = [("delete", BTCUSDT), ("rollback", BTCUSDT, "--to", "0"), ("expire", "--keep-last", "1", "--force")]


def answered(answer: str, root: Path, *words: str) -> tuple[int, str]:
    """Run `dl` at a terminal of its own and answer what it asks; return its status and what it said there."""
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "dl_datalake.cli", *words, "--root", str(root), "--no-progress"]
    process = subprocess.Popen(command, stdin=theirs, stdout=subprocess.DEVNULL, stderr=theirs)
    os.close(theirs)
    os.write(ours, f"{answer}\n".encode())
    said = b""
    try:
        while part := os.read(ours, 4096):
            said += part
    except OSError:  # Linux' way to say that the other end is closed
        pass
    os.close(ours)
    return process.wait(timeout=60), said.decode().replace("\r\n", "\n")


@pytest.mark.parametrize("words", VERBS, ids=lambda words: words[0])
def test_no_is_an_answer_and_changes_nothing(dl: Dl, lake: Path, words: tuple[str, ...]) -> None:
    for verb in ("create", "drop"):  # snapshots to forget
        assert dl("snapshot", verb, "a", "--root", lake).status == 0
    before = state(lake)
    status, said = answered("n", lake, *words)
    assert status == 5, said
    error = said[said.index("error[") :]
    assert_error_text(error, "DECLINED")
    assert error.startswith("error[E_DECLINED]: not done: the answer was no\n")
    assert "nothing was changed" in error
    assert state(lake) == before
    assert answered("y", lake, *words)[0] == 0
    assert state(lake) != before
