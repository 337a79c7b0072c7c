"""docs/prefect.md does what it says, from its first command to its last."""

from __future__ import annotations

import os
import shutil
import signal
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pipelines.servers import is_up
from tests.docs.reader import Terminal, steps
from tests.flows.conftest import BIN, REPO, Server, environment, free_port, until

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.server
INSTALLS = ("make venv", "export PATH=")
"""Lines that every run of these tests has done already."""


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Terminal]:
    """Return a clone on a box where nothing of ours runs; whatever is started there is stopped."""
    clone = tmp_path / "clone"
    shutil.copytree(REPO / "data" / "samples", clone / "data" / "samples")
    env = environment(tmp_path / ".prefect", free_port())
    env |= {"HOME": str(tmp_path), "PATH": f"{BIN}{os.pathsep}{env['PATH']}"}
    yield Terminal(clone, env, timeout=300)
    for number in (signal.SIGTERM, signal.SIGKILL):
        for process in processes(tmp_path):
            with suppress(ProcessLookupError):
                os.kill(process, number)
        deadline = time.monotonic() + 30
        while processes(tmp_path) and time.monotonic() < deadline:
            time.sleep(0.5)
    assert processes(tmp_path) == []


def processes(home: Path) -> list[int]:
    """Return the processes whose home this is."""
    found = []
    for folder in Path("/proc").iterdir():
        with suppress(OSError, ValueError):
            if f"\0HOME={home}\0".encode() in b"\0" + (folder / "environ").read_bytes():
                found.append(int(folder.name))
    return found


def test_five_commands_make_a_nightly_ingest(box: Terminal) -> None:
    document = (REPO / "docs" / "prefect.md").read_text("utf-8")
    todo = [step for step in steps(document) if not step.text.startswith(INSTALLS)]
    server = Server(box.environment["PREFECT_API_URL"], box.environment)
    for step in todo:
        if step.text.startswith("prefect "):
            until("the server", lambda: is_up(server.url) and "Ctrl-C" in log(box), 240)
            assert "30 1 * * *" in log(box)
            until("a run of the coming night", lambda: server.runs("ingest", "SCHEDULED"))
        if "bars/1h" in step.text:
            until("the aggregate that follows", lambda: server.runs("aggregate", "COMPLETED"), 120)
        box.run(step)


def log(box: Terminal) -> str:
    """Return what `dl up` said so far."""
    return (Path(box.environment["HOME"]) / "lake" / "up.log").read_text("utf-8")


def test_it_is_five_commands() -> None:
    document = (REPO / "docs" / "prefect.md").read_text("utf-8")
    first = document.index("```sh\n") + len("```sh\n")
    assert len(document[first : document.index("```", first)].splitlines()) == 5
