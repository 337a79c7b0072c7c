"""`dl up`, the light way: one command on a home box, with a server of its own."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pipelines.servers import is_up
from tests.flows.conftest import Server, bars, contents, environment, free_port, program, running, until
from tests.runs import validator

if TYPE_CHECKING:
    from tests.flows.conftest import Box

pytestmark = pytest.mark.server


def resident(pid: int) -> int:
    """Return the proportional share of memory of a process, in kB: what it alone costs."""
    text = Path(f"/proc/{pid}/smaps_rollup").read_text("utf-8")
    return int(text.partition("\nPss:")[2].split()[0])


def test_one_command_serves_schedules_and_stops_with_its_server(tmp_path: Path) -> None:
    env = environment(tmp_path / "prefect", free_port())
    root = tmp_path / "lake"
    dl = [sys.executable, "-m", "dl_datalake.cli"]
    assert program([*dl, "init", str(root)], env).returncode == 0
    log = tmp_path / "up.log"
    with running([*dl, "up", "--root", str(root), "--json"], env, log) as up:
        until("what is served", lambda: b'"dl.up/1"' in log.read_bytes(), 240)
        [line] = [line for line in log.read_text("utf-8").splitlines() if '"dl.up/1"' in line]
        document = json.loads(line)
        validator(document["schema"]).validate(document)
        assert document["data"]["api"] == env["PREFECT_API_URL"]
        server = Server(env["PREFECT_API_URL"], env)
        until("runs to come", lambda: server.runs("maintain", "SCHEDULED"))
        idle = resident(up.pid)
        inbox = root / "inbox" / "TEST" / "SPOT" / "ABC"
        inbox.mkdir(parents=True)
        (inbox / "bars.csv").write_text(bars(1, 120), "utf-8")
        run = server.ended(server.start("ingest", settle_s=0))
        assert run["state_type"] == "COMPLETED"
        assert (root / "inbox/done/TEST/SPOT/ABC/bars.csv").is_file()
        until("the triggered aggregate", lambda: server.runs("aggregate", "COMPLETED"))
        assert ("TEST/SPOT/ABC/bars/1h", "2024-03") in contents(root)
        up.send_signal(signal.SIGTERM)
        up.wait(60)
    until("the end of its server", lambda: not is_up(env["PREFECT_API_URL"]), 60)
    assert idle <= 110_000, f"{idle} kB"


def test_server_of_a_killed_up_goes_too(tmp_path: Path) -> None:
    env = environment(tmp_path / "prefect", free_port())
    root = tmp_path / "lake"
    dl = [sys.executable, "-m", "dl_datalake.cli"]
    assert program([*dl, "init", str(root)], env).returncode == 0
    with running([*dl, "up", "--root", str(root)], env, tmp_path / "up.log") as up:
        until("a server", lambda: is_up(env["PREFECT_API_URL"]), 240)
        os.kill(up.pid, signal.SIGKILL)
        up.wait()
        until("the end of its server", lambda: not is_up(env["PREFECT_API_URL"]), 60)


def test_deploy_says_what_it_deployed(box: Box) -> None:
    done = box.server.dl("deploy", "--root", box.root, "--json")
    document = json.loads(done.stdout)
    validator(document["schema"]).validate(document)
    told = {each["name"]: each["id"] for each in document["data"]["deployments"]}
    assert told == {
        f"{name}/{name}": box.server.deployment(name)["id"] for name in ("ingest", "aggregate", "maintain", "offload")
    }


def test_server_worker_and_one_ingest_fit_a_small_box(box: Box) -> None:
    source = box.file("large.csv", 11, 1440)
    run = box.server.start("ingest", sources=[str(source)], options={"exchange": "TEST", "symbol": "LARGE"})
    most = 0
    deadline = time.monotonic() + 120
    while box.server.run(run)["state_type"] not in {"COMPLETED", "FAILED", "CRASHED"} and time.monotonic() < deadline:
        most = max(most, sum(each for each in shares_of(box) if each))
    assert box.server.run(run)["state_type"] == "COMPLETED"
    assert most <= 600_000, f"{most} kB"


def shares_of(box: Box) -> list[int]:
    """Return the memory of every process that belongs to the server's home: server, worker, runs."""
    home = f"PREFECT_HOME={box.server.env['PREFECT_HOME']}".encode()
    found = []
    for folder in Path("/proc").iterdir():
        try:
            if home in (folder / "environ").read_bytes():
                found.append(resident(int(folder.name)))
        except (OSError, ValueError):
            continue
    return found
