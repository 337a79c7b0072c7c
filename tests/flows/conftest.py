"""A real Prefect server with a home of its own, shared by all tests here, and workers for it."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

REPO = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
START_S = 240.0
EVENTS_S = 8.0
"""Prefect's server writes the events it gets in batches, every five seconds."""
ENDED = {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give these tests time: a process of Prefect takes seconds to start, on a loaded machine tens of them."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.timeout(600))


def until(what: str, find: Callable[[], Any], seconds: float = 120.0) -> Any:  # noqa: ANN401 - whatever is found
    """Wait until something is found, and return it."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := find():
            return found
        time.sleep(0.5)
    pytest.fail(f"{what} did not come about within {seconds:.0f} s")


def free_port() -> int:
    """Return a port nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass(frozen=True)
class Server:
    """The server, as its clients see it."""

    url: str
    env: dict[str, str]

    def ask(self, path: str, body: object = None, method: str = "POST") -> Any:  # noqa: ANN401 - whatever JSON holds
        """Return the answer to one request; a server whose database is busy is asked again, as Prefect's clients do."""
        data = None if method in {"GET", "DELETE"} else json.dumps(body or {}).encode()
        request = urllib.request.Request(  # noqa: S310 - our own server
            self.url + path, data, {"Content-Type": "application/json"}, method=method
        )
        for delay in (1, 2, 4, 8, 0):
            try:
                with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310 - the same
                    text = answer.read()
                return json.loads(text) if text else None
            except urllib.error.HTTPError as error:
                if error.code != HTTPStatus.SERVICE_UNAVAILABLE or not delay:
                    raise
                time.sleep(delay)
        return None

    def deployment(self, name: str) -> dict[str, Any]:
        """Return a deployment of ours."""
        found: dict[str, Any] = self.ask(f"/deployments/name/{name}/{name}", method="GET")
        return found

    def start(self, name: str, **parameters: object) -> str:
        """Create a run of a deployment; return its id."""
        body = {"parameters": parameters, "state": {"type": "SCHEDULED"}}
        run: str = self.ask(f"/deployments/{self.deployment(name)['id']}/create_flow_run", body)["id"]
        return run

    def run(self, run_id: str) -> dict[str, Any]:
        """Return a flow run."""
        found: dict[str, Any] = self.ask(f"/flow_runs/{run_id}", method="GET")
        return found

    def ended(self, run_id: str, seconds: float = 180.0) -> dict[str, Any]:
        """Wait until a flow run has ended, and return it."""
        until(f"the end of run {run_id}", lambda: self.run(run_id)["state_type"] in ENDED, seconds)
        return self.run(run_id)

    def runs(self, flow: str, *states: str) -> list[dict[str, Any]]:
        """Return a flow's runs in some states, or in any."""
        body: dict[str, Any] = {"flows": {"name": {"any_": [flow]}}}
        if states:
            body["flow_runs"] = {"state": {"type": {"any_": list(states)}}}
        found: list[dict[str, Any]] = self.ask("/flow_runs/filter", body)
        return found

    def task_states(self, run_id: str) -> dict[str, list[str]]:
        """Return the states each task of a flow run went through, by the task's name."""
        tasks = self.ask("/task_runs/filter", {"flow_runs": {"id": {"any_": [run_id]}}})
        return {
            task["name"]: [
                state["name"] for state in self.ask(f"/task_run_states/?task_run_id={task['id']}", method="GET")
            ]
            for task in tasks
        }

    def materialized(self, run_id: str) -> list[dict[str, Any]]:
        """Return the materialization events of a flow run that has ended, once the server has written all it got."""
        time.sleep(EVENTS_S)
        related = {"id": [f"prefect.flow-run.{run_id}"]}
        wanted = {"event": {"prefix": ["prefect.asset.materialization."]}, "related": related}
        found: list[dict[str, Any]] = self.ask("/events/filter", {"filter": wanted, "limit": 50})["events"]
        return found

    def artifacts(self, run_id: str) -> dict[str, Any]:
        """Return a flow run's artifacts: key → data."""
        body = {"artifacts": {"flow_run_id": {"any_": [run_id]}}}
        return {each["key"]: each["data"] for each in self.ask("/artifacts/filter", body)}

    def dl(self, *words: str | Path, **more: str) -> subprocess.CompletedProcess[str]:
        """Run `dl` as a client of the server."""
        return program([sys.executable, "-m", "dl_datalake.cli", *map(str, words)], self.env | more)


def program(words: Sequence[str], env: dict[str, str], cwd: Path = REPO) -> subprocess.CompletedProcess[str]:
    """Run a program to its end."""
    return subprocess.run(words, env=env, cwd=cwd, capture_output=True, text=True, check=False, timeout=400)


def environment(home: Path, port: int) -> dict[str, str]:
    """Return what processes are told of a server."""
    told = {name: value for name, value in os.environ.items() if not name.startswith(("DL_", "PREFECT_"))}
    return told | {
        "PREFECT_HOME": str(home),
        "PREFECT_API_URL": f"http://127.0.0.1:{port}/api",
        "DO_NOT_TRACK": "1",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "NO_COLOR": "1",
    }


@contextmanager
def running(words: Sequence[str], env: dict[str, str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Have a program run, in a group of its own so that nothing of it stays behind."""
    with log.open("wb") as stream:
        child = subprocess.Popen(
            words, env=env, cwd=log.parent, stdout=stream, stderr=subprocess.STDOUT, start_new_session=True
        )
    try:
        yield child
    finally:
        for number in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(child.pid, number)
                child.wait(20)
            except (ProcessLookupError, subprocess.TimeoutExpired):
                continue


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Start the server, and wait until it answers."""
    home = tmp_path_factory.mktemp("prefect")
    port = free_port()
    env = environment(home, port)
    words = [str(BIN / "prefect"), "server", "start", "--host", "127.0.0.1", "--port", str(port)]
    with running(words, env, home / "server.log"):
        started = Server(env["PREFECT_API_URL"], env)

        def answers() -> bool:
            try:
                return bool(started.ask("/health", method="GET"))
            except OSError:
                return False

        until("a Prefect server", answers, START_S)
        yield started


@contextmanager
def worker(server: Server, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Have a worker run what is deployed to the pool."""
    words = [str(BIN / "prefect"), "worker", "start", "--pool", "local", "--limit", "3"]
    with running(words, server.env, folder / "worker.log") as child:
        yield child


@dataclass(frozen=True)
class Box:
    """A lake whose flows are deployed, and a worker that runs them."""

    server: Server
    root: Path
    workers: ExitStack

    def deploy(self) -> None:
        """Put the lake's flows on the server."""
        deployed = self.server.dl("deploy", "--root", self.root)
        assert deployed.returncode == 0, deployed.stderr

    def start_worker(self) -> None:
        """Start a worker; at the end of the session it is stopped."""
        self.workers.enter_context(worker(self.server, self.root.parent))

    def file(self, name: str, day: int, minutes: int = 30) -> Path:
        """Write a vendor's file with one bar a minute of a day of March 2024."""
        path = self.root.parent / name
        path.write_text(bars(day, minutes), "utf-8")
        return path


def bars(day: int, minutes: int = 30, close: float = 101.0) -> str:
    """Return bars of one day, a minute each."""
    lines = [f"2024-03-{day:02}T{m // 60:02}:{m % 60:02}:00Z,100,110,90,{close},{m + 0.5}\n" for m in range(minutes)]
    return "".join(["ts,open,high,low,close,volume\n", *lines])


PLACE = {"exchange": "TEST", "symbol": "ABC"}
SERIES = "TEST/SPOT/ABC/bars/1m"


@pytest.fixture(scope="session")
def box(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    """Make a lake, deploy its flows and start a worker."""
    root = tmp_path_factory.mktemp("box") / "lake"
    assert server.dl("init", root).returncode == 0
    with ExitStack() as workers:
        made = Box(server, root, workers)
        made.deploy()
        made.start_worker()
        yield made


def contents(root: Path) -> dict[tuple[str, str], str]:
    """Return the content hash of every live partition of a lake."""
    from lake.config import locate
    from lake.manifest import Manifest
    from lake.selection import select

    with Manifest.open(locate(root)) as manifest:
        return {
            (str(row.address), label): file.content_hash
            for row in select(manifest, ())
            for label, file in manifest.current(row.id).items()
        }
