"""The test's side of a fault server."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from tests.fault.harness.server import Failed
from tests.fault.harness.shim import build, fast_folder

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.fault.harness.invariants import Finding, Plan
    from tests.fault.harness.server import Case, Outcome

REPO = Path(__file__).resolve().parents[3]
_NO_THREADS = {
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "JE_ARROW_MALLOC_CONF": "background_thread:false",
}
_PROGRAM = "from tests.fault.harness.server import main; main()"


class Client:
    """Asks a fault server, and waits for the answer."""

    def __init__(self, connection: Connection, scratch: Path) -> None:
        """Take the open connection, and the folder the server works in."""
        self._connection = connection
        self.scratch = scratch

    def _ask(self, name: str, *arguments: object) -> Any:  # noqa: ANN401 -- as the server's method returns
        self._connection.send((name, arguments))
        answer = self._connection.recv()
        assert not isinstance(answer, Failed), answer.trace
        return answer

    def plan(self, verb: str) -> Plan:
        return cast("Plan", self._ask("plan", verb))

    def run(self, case: Case) -> Outcome:
        return cast("Outcome", self._ask("run", case))

    def check(self, verb: str, home: Path, done: int) -> list[Finding]:
        return cast("list[Finding]", self._ask("check", verb, home, done))

    def record(self, verb: str, mutation: str, path: Path) -> tuple[Path, Path]:
        return cast("tuple[Path, Path]", self._ask("record", verb, mutation, path))

    def race(self, mutation: str) -> list[Finding]:
        return cast("list[Finding]", self._ask("race", mutation))

    def template(self, verb: str) -> Path:
        return cast("Path", self._ask("template", verb))

    def threads(self) -> int:
        return int(self._ask("threads"))


@contextmanager
def started(folder: Path) -> Iterator[Client]:
    """Start a server that works in memory where it can; stop it, and remove what it left, at the end.

    Args:
        folder: Where the shim is built, and the lakes are where there is no file system in memory.
    """
    shim = build(folder)
    scratch = Path(tempfile.mkdtemp(prefix="dl-faults-", dir=fast_folder(folder)))
    ours, theirs = socket.socketpair()
    environment = {**os.environ, **_NO_THREADS, "LD_PRELOAD": str(shim), "PYTHONPATH": str(REPO)}
    words = [sys.executable, "-c", _PROGRAM, str(theirs.fileno()), str(scratch)]
    with ours, subprocess.Popen(words, env=environment, pass_fds=[theirs.fileno()], cwd=REPO) as process:
        theirs.close()
        connection = Connection(os.dup(ours.fileno()))
        try:
            yield Client(connection, scratch)
        finally:
            connection.close()
            ours.close()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
            shutil.rmtree(scratch, ignore_errors=True)
