"""Measuring one process from outside: wall, CPU and memory, interpreter start and imports included.

A child's peak memory starts at that of the process which started it (Linux carries it across exec), so the process that
measures imports the standard library only.
"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import tempfile
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


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


def machine_busy_s() -> float:
    """CPU seconds the machine has spent on anything since it started."""
    with open("/proc/stat", encoding="ascii") as file:  # noqa: PTH123 - read twice a run, kept cheap
        user, nice, system, _idle, _waiting, *rest = map(int, file.readline().split()[1:9])
    return (user + nice + system + sum(rest)) / os.sysconf("SC_CLK_TCK")


def clean_environment(repository: Path) -> dict[str, str]:
    """The environment of every contender: this project importable, no setting of the user's own lake."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("DL_", "PYTHON"))}
    return kept | {"PYTHONPATH": str(repository), "PYTHONWARNINGS": "ignore"}


def run(argv: Sequence[str], *, cwd: Path, env: dict[str, str]) -> Usage:
    """Run a program to its end and measure it.

    Raises:
        ProcessFailedError: its exit code is not 0.
    """
    busy_s = machine_busy_s()
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        start = time.perf_counter()
        child = subprocess.Popen(argv, cwd=cwd, env=env, stdin=subprocess.DEVNULL, stdout=out, stderr=err)
        _, status, used = os.wait4(child.pid, 0)
        wall_s = time.perf_counter() - start
        busy_s = machine_busy_s() - busy_s
        child.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        err.seek(0)
        stdout, stderr = out.read(), err.read()
    if child.returncode != 0:
        said = (stderr.strip() or stdout.strip() or "nothing said").splitlines()[-1]
        raise ProcessFailedError(f"`{shlex.join(argv)}` ended with {child.returncode}: {said[:300]}")
    cpu_s = used.ru_utime + used.ru_stime
    return Usage(
        wall_s=round(wall_s, 4),
        cpu_s=round(cpu_s, 4),
        rss_mib=round(used.ru_maxrss / 1024, 1),
        others=round(max(0.0, busy_s - cpu_s) / wall_s, 2),
        stdout=stdout,
    )
