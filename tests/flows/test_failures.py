"""What goes wrong under Prefect: sources that are away, files that are refused, processes that are killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from lake.config import locate
from lake.layout import STAGING
from lake.staging import alone
from tests.flows.conftest import PLACE, SERIES, Box, contents, program, until

pytestmark = pytest.mark.server

TO = ("5m", "15m", "1h", "4h", "1d")
"""What docs/prefect.md says the deployment makes of minute bars."""

AWAY_TWICE = """
import errno, sys
from lake.sources import containers
whole, left = containers.HashingFile.__init__, [2]
def away(self, path):
    if left[0]:
        left[0] -= 1
        raise OSError(errno.EIO, "Input/output error", str(path))
    whole(self, path)
containers.HashingFile.__init__ = away
from dl_datalake.cli import main
sys.argv[0] = "dl"
main()
"""
"""`dl`, with a drive that fails the first two times a file is opened."""


def test_source_that_is_away_is_tried_again(box: Box) -> None:
    source = box.file("away.csv", 2)
    words = ["ingest", "--source", str(source), "--exchange", "TEST", "--symbol", "AWAY", "--root", str(box.root)]
    done = program([sys.executable, "-c", AWAY_TWICE, *words, "--via", "prefect"], box.server.env)
    assert done.returncode == 0, done.stderr
    assert "new 30" in done.stdout
    [run] = [run for run in box.server.runs("ingest") if run["name"].endswith("away.csv")]
    assert run["state_type"] == "COMPLETED"
    states = until("the task's states", lambda: box.server.task_states(run["id"]).get("ingest"))
    assert states.count("AwaitingRetry") == 2
    assert states[-1] == "Completed"
    [event] = box.server.materialized(run["id"])
    assert event["event"] == "prefect.asset.materialization.succeeded"
    assert event["resource"]["prefect.resource.id"] == "lake://bars/1m/TEST/SPOT/AWAY"


def test_refused_file_fails_once_with_the_reason(box: Box) -> None:
    source = box.root.parent / "page.csv"
    source.write_text("<html><body>no data here</body></html>\n", "utf-8")
    run = box.server.ended(box.server.start("ingest", sources=[str(source)], options=PLACE))
    assert run["state_type"] == "FAILED"
    here = box.server.dl("ingest", "--source", source, "--exchange", "TEST", "--symbol", "ABC", "--root", box.root)
    assert here.returncode == 12
    code, said = here.stderr.splitlines()[0].removeprefix("error[").split("]: ")
    assert run["state"]["message"].startswith(f"{code}: {said}")
    assert "AwaitingRetry" not in box.server.task_states(run["id"])["ingest"]
    assert box.server.materialized(run["id"]) == []
    assert said in box.server.artifacts(run["id"])["ingest-refused"]
    through = box.server.dl(
        "ingest", "--source", source, "--exchange", "TEST", "--symbol", "ABC", "--root", box.root, "--via", "prefect"
    )
    assert (through.returncode, through.stdout, through.stderr) == (here.returncode, here.stdout, here.stderr)


def test_killed_worker_leaves_nothing_running_and_nothing_doubled(box: Box) -> None:
    """The run waits for its series, which is held here, so that it is surely in the midst when it is killed."""
    source = box.file("killed.csv", 3)
    config = locate(box.root)
    options = {"exchange": "TEST", "symbol": "KILLED"}
    series = "TEST/SPOT/KILLED/bars/1m"
    with alone(config.data / STAGING, series, 5):
        run = box.server.start("ingest", sources=[str(source)], options=options, settings={"wait": 600})
        until("a run under way", lambda: "Running" in box.server.task_states(run).get("ingest", []))
        time.sleep(2)
        for process in processes_of(run):
            os.kill(process, signal.SIGKILL)
        until("the dead run's end", lambda: box.server.run(run)["state_type"] == "CRASHED", 120)
    assert not box.server.runs("ingest", "RUNNING", "PENDING")
    assert not [key for key in contents(box.root) if key[0] == series]
    box.start_worker()
    again = box.server.ended(box.server.start("ingest", sources=[str(source)], options=options))
    assert again["state_type"] == "COMPLETED"
    ingested = [label for address, label in contents(box.root) if address == series]
    assert ingested == ["2024-03-03"]
    assert box.server.dl("verify", "--root", box.root).returncode == 0


def processes_of(run: str) -> list[int]:
    """Return the worker that started a flow run, and the run's own process."""
    found = []
    for folder in Path("/proc").iterdir():
        with suppress(OSError):
            if f"PREFECT__FLOW_RUN_ID={run}".encode() in (folder / "environ").read_bytes():
                found.append(int(folder.name))
    parents = {int(Path(f"/proc/{each}/stat").read_text("utf-8").rpartition(")")[2].split()[1]) for each in found}
    return sorted(parents - set(found)) + found


def test_two_runs_at_once_end_in_the_lake_of_one_after_the_other(box: Box, tmp_path: Path) -> None:
    first, second = box.file("first.csv", 7, 600), box.file("second.csv", 7, 900)
    place = ["--exchange", "TEST", "--symbol", "BOTH"]
    words = [[sys.executable, "-m", "dl_datalake.cli", "ingest", *place, "--source", str(f)] for f in (first, second)]
    alongside = tmp_path / "alongside"
    assert box.server.dl("init", alongside).returncode == 0
    env = box.server.env | {"DL_ROOT": str(alongside), "DL_VIA": "prefect"}
    both = [subprocess.Popen(each, env=env, stdout=subprocess.DEVNULL) for each in words]
    assert [process.wait(300) for process in both] == [0, 0]
    apart = tmp_path / "apart"
    assert box.server.dl("init", apart).returncode == 0
    for each in words:
        assert program(each, box.server.env | {"DL_ROOT": str(apart)}).returncode == 0
    assert minutes(alongside) == minutes(apart) != {}


def minutes(root: Path) -> dict[tuple[str, str], str]:
    """Return the contents of the minute bars: new ones set off an aggregation, which may or may not be done yet."""
    return {place: content for place, content in contents(root).items() if place[0].endswith("/1m")}


def test_same_lake_is_built_here_and_through_prefect(box: Box, tmp_path: Path) -> None:
    built = {}
    for way in ("here", "prefect"):
        root = tmp_path / way
        assert box.server.dl("init", root).returncode == 0
        for name, day in (("one.csv", 8), ("two.csv", 9), ("one.csv", 8)):
            source = box.file(name, day, 200)
            done = box.server.dl(
                "ingest", "--source", source, *("--exchange", "TEST", "--symbol", "ABC"), "--root", root, DL_VIA=way
            )
            assert done.returncode == 0, done.stderr
        # What new minute bars set off unasked makes just these, too.
        words = ("aggregate", SERIES, "--to", ",".join(TO), "--root", root)
        done = box.server.dl(*words, "--via", way)
        assert done.returncode == 0, done.stderr
        assert box.server.dl("seal", "--older-than", "0d", "--root", root, "--via", way).returncode == 0
        built[way] = contents(root)
    assert built["here"] == built["prefect"]
    assert {address for address, _ in built["here"]} == {f"TEST/SPOT/ABC/bars/{p}" for p in ("1m", *TO)}
