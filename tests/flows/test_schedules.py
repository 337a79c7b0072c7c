"""What is deployed runs by itself: by schedule, and when what it is made from was materialized."""

from __future__ import annotations

import sys
import tomllib
from functools import partial
from typing import TYPE_CHECKING

import pytest
import yaml

from tests.flows.conftest import BIN, PLACE, REPO, SERIES, Box, Server, bars, contents, program, until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.server
DECLARED = {each["name"]: each for each in yaml.safe_load((REPO / "prefect.yaml").read_text("utf-8"))["deployments"]}


@pytest.fixture
def shared(box: Box) -> Iterator[Server]:
    """Return the server, whose deployments are those of the box again in the end."""
    yield box.server
    box.deploy()


def test_prefect_itself_deploys_all_from_a_clean_clone(shared: Server, tmp_path: Path) -> None:
    clone = tmp_path / "clone"
    prefect = str(BIN / "prefect")
    assert program(["git", "clone", "--quiet", str(REPO), str(clone)], shared.env).returncode == 0
    done = program([prefect, "--no-prompt", "deploy", "--all"], shared.env, clone)
    assert done.returncode == 0, done.stdout + done.stderr
    for name, told in DECLARED.items():
        deployment = shared.deployment(name)
        assert deployment["entrypoint"] == told["entrypoint"]
        assert deployment["global_concurrency_limit"]["limit"] == 1
        assert deployment["concurrency_options"]["collision_strategy"] == "ENQUEUE"
        until(f"a scheduled run of {name}", partial(shared.runs, name, "SCHEDULED"))


def test_every_schedule_that_is_on_has_runs_to_come(box: Box) -> None:
    """With some versions of what Prefect is built on none ever appears, and nothing else is wrong."""
    for name, told in DECLARED.items():
        deployment = box.server.deployment(name)
        crons = {schedule["schedule"]["cron"]: schedule["active"] for schedule in deployment["schedules"]}
        assert crons == {schedule["cron"]: schedule["active"] for schedule in told["schedules"]}
        until(f"a scheduled run of {name}", partial(box.server.runs, name, "SCHEDULED"))


def test_inbox_is_emptied_by_a_schedule(box: Box) -> None:
    inbox = box.root / "inbox" / "TEST" / "SPOT" / "BYTIME"
    inbox.mkdir(parents=True)
    (inbox / "bars.csv").write_text(bars(1), "utf-8")
    deployment = box.server.deployment("ingest")["id"]
    soon = {"schedule": {"interval": 15.0}, "active": True, "slug": "soon", "parameters": {"settle_s": 0}}
    box.server.ask(f"/deployments/{deployment}/schedules", [soon])
    try:
        until("the file's arrival in done/", (box.root / "inbox/done/TEST/SPOT/BYTIME/bars.csv").is_file, 180)
    finally:
        for schedule in box.server.deployment("ingest")["schedules"]:
            if schedule["slug"] == "soon":
                box.server.ask(f"/deployments/{deployment}/schedules/{schedule['id']}", method="DELETE")
    assert ("TEST/SPOT/BYTIME/bars/1m", "2024-03-01") in contents(box.root)
    [run] = [run for run in box.server.runs("ingest") if "1 taken" in run["name"]]
    assert box.server.ended(run["id"])["state_type"] == "COMPLETED"
    assert run["auto_scheduled"]


def test_new_minute_bars_are_aggregated_unasked(box: Box) -> None:
    source = box.file("trigger.csv", 4, 120)
    run = box.server.start("ingest", sources=[str(source)], options={"exchange": "TEST", "symbol": "TRIGGER"})
    assert box.server.ended(run)["state_type"] == "COMPLETED"
    series = "TEST/SPOT/TRIGGER/bars/1m"

    def triggered() -> list[str]:
        runs = box.server.runs("aggregate")
        return [r["id"] for r in runs if (r["created_by"] or {}).get("type") == "AUTOMATION" and series in r["name"]]

    [aggregate] = until("a run of aggregate", triggered)
    assert box.server.ended(aggregate)["state_type"] == "COMPLETED"
    assert ("TEST/SPOT/TRIGGER/bars/1h", "2024-03") in contents(box.root)
    made = {event["resource"]["prefect.resource.id"] for event in box.server.materialized(aggregate)}
    assert "lake://bars/1h/TEST/SPOT/TRIGGER" in made


def test_what_is_set_off_by_another_lake_is_done_in_that_one(box: Box, tmp_path: Path) -> None:
    other = tmp_path / "other"
    assert box.server.dl("init", other, "--data-root", tmp_path / "elsewhere").returncode == 0
    source = box.file("another.csv", 4, 120)
    words = ("ingest", "--source", source, "--exchange", "TEST", "--symbol", "ANOTHER", "--via", "prefect")
    assert box.server.dl(*words, "--root", other, "--data-root", tmp_path / "elsewhere").returncode == 0
    series = "TEST/SPOT/ANOTHER/bars/1m"
    [run] = until("a run of aggregate", lambda: [r for r in box.server.runs("aggregate") if series in r["name"]])
    ended = box.server.ended(run["id"])
    assert ended["state_type"] == "COMPLETED", ended["state"]["message"]
    assert (tmp_path / "elsewhere" / "TEST/SPOT/ANOTHER/bars/1h").is_dir()


def test_run_and_lake_know_each_other(box: Box) -> None:
    source = box.file("known.csv", 6)
    run = box.server.ended(box.server.start("ingest", sources=[str(source)], options=PLACE))
    assert run["name"] == f"ingest {SERIES} known.csv"
    [ours] = [tag.removeprefix("run:") for tag in run["tags"] if tag.startswith("run:")]
    assert {SERIES, "ingest"} <= set(run["tags"])
    artifacts = box.server.artifacts(run["id"])
    assert '"new": 30' in artifacts["ingest-ledger"]
    assert SERIES in artifacts["ingest-report"]

    from lake.config import locate
    from lake.manifest import Manifest

    with Manifest.open(locate(box.root)) as manifest:
        causes = {each.id: each.cause for each in manifest.runs()}
    assert causes[ours] == f"prefect:{run['id']}"


def test_constraints_hold_back_what_breaks_schedules() -> None:
    asked = tomllib.loads((REPO / "pyproject.toml").read_text("utf-8"))["project"]["dependencies"]
    assert {"sqlalchemy<2.1", "fastapi<0.151"} <= set(asked)
    assert sys.version_info >= (3, 11)
