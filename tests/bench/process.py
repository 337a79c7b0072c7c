"""Measuring one process from outside: wall, CPU and memory, interpreter start and imports included."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

STOPWATCH = Path(__file__).parent / "programs" / "stopwatch.py"


class ProcessFailedError(Exception):
    """A measured program ended with an error, or did not do what it was measured for."""


@dataclass(frozen=True)
class Usage:
    """What one run of a program took."""

    wall_s: float
    cpu_s: float
    rss_mib: float
    others: float
    """Cores that were busy with anything else meanwhile, time stolen by the host included."""
    stdout: str

    def answer(self) -> dict[str, Any]:
        """The JSON document a program prints, alone or as its last line."""
        try:
            document = json.loads(self.stdout)
        except json.JSONDecodeError:
            document = json.loads(self.stdout.strip().splitlines()[-1])
        if not isinstance(document, dict):
            raise ProcessFailedError(f"printed {document!r} where an object was expected")
        return document


def clean_environment(repository: Path) -> dict[str, str]:
    """The environment of every contender: this project importable, no setting of the user's own lake."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("DL_", "PYTHON"))}
    return kept | {"PYTHONPATH": str(repository), "PYTHONWARNINGS": "ignore"}


def run(argv: Sequence[str], *, cwd: Path, env: dict[str, str]) -> Usage:
    """Run a program to its end and measure it.

    Raises:
        ProcessFailedError: its exit code is not 0.
    """
    with tempfile.TemporaryDirectory() as folder:
        out, err = Path(folder, "out"), Path(folder, "err")
        stopwatch = [sys.executable, "-I", "-S", str(STOPWATCH), str(out), str(err), *argv]
        answer = subprocess.run(stopwatch, cwd=cwd, env=env, check=True, capture_output=True, text=True).stdout
        stdout, stderr = out.read_text(errors="replace"), err.read_text(errors="replace")
    took = json.loads(answer)
    status = took.pop("exit")
    if status != 0:
        said = (stderr.strip() or stdout.strip() or "nothing said").splitlines()[-1]
        raise ProcessFailedError(f"`{shlex.join(argv)}` ended with {status}: {said[:300]}")
    return Usage(stdout=stdout, **took)
