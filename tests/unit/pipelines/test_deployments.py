"""prefect.yaml says what the flows take, and what Prefect itself understands."""

from __future__ import annotations

import inspect
import re
from typing import Any

import pytest
from cronsim import CronSim
from prefect.events import DeploymentEventTrigger
from prefect.types._datetime import now

from pipelines.deployments import POOL, declared, flow_of
from pipelines.prefect_environment import VARIABLES
from pipelines.via import FLOWS
from tests.runs import REPO

DECLARED = {each["name"]: each for each in declared()}
FREE = {"{{ event.resource.id }}", "{{ event.payload.root }}", "{{ event.payload.settings }}"}


def test_these_four_are_deployed() -> None:
    assert set(DECLARED) == {"ingest", "aggregate", "maintain", "offload"}


@pytest.mark.parametrize("name", DECLARED)
def test_entrypoint_is_a_flow_of_its_name_that_takes_the_parameters(name: str) -> None:
    each = DECLARED[name]
    assert (REPO / each["entrypoint"].partition(":")[0]).is_file()
    flow = flow_of(each["entrypoint"])
    assert flow.name == name
    taken = inspect.signature(flow.fn).parameters
    given: set[str] = set(each["parameters"])
    for trigger in each.get("triggers", []):
        given |= set(trigger["parameters"])
        assert set(trigger["parameters"].values()) <= FREE
        # A lake is its root and its settings: those of the deployment's own lake would be another's.
        assert {"root", "settings"} <= set(trigger["parameters"])
        assert DeploymentEventTrigger.model_validate(trigger).enabled
    assert given <= set(taken)
    assert [each for each, told in taken.items() if told.default is inspect.Parameter.empty and each not in given] == []
    flow.validate_parameters({**each["parameters"], "root": "/srv/lake", "settings": {"wait": 30.0}})


@pytest.mark.parametrize("name", DECLARED)
def test_runs_of_one_deployment_queue_and_know_no_telemetry(name: str) -> None:
    each = DECLARED[name]
    assert each["concurrency_limit"] == {"limit": 1, "collision_strategy": "ENQUEUE"}
    assert each["work_pool"] == {"name": POOL, "job_variables": {"env": VARIABLES}}
    assert name in each["tags"]


@pytest.mark.parametrize("name", DECLARED)
def test_schedules_are_in_utc_and_one_is_on(name: str) -> None:
    schedules: list[dict[str, Any]] = DECLARED[name]["schedules"]
    assert {schedule["timezone"] for schedule in schedules} == {"UTC"}
    assert sum(schedule["active"] for schedule in schedules) == 1
    for schedule in schedules:
        assert next(CronSim(schedule["cron"], now())) > now()


def test_flows_of_single_commands_exist() -> None:
    for entrypoint in FLOWS.values():
        assert flow_of(entrypoint).name == entrypoint.partition(":")[2]


def test_no_flow_or_task_keeps_a_pickle() -> None:
    for path in sorted((REPO / "pipelines" / "flows").glob("*.py")):
        text = path.read_text("utf-8")
        made = len(re.findall(r"^@(?:flow|task)\(|\bmaterialize\($", text, re.MULTILINE))
        assert text.count("persist_result=False") >= made - text.count("def materialize("), path.name
        assert "persist_result=True" not in text


def test_version_in_prefect_yaml_is_the_one_that_is_tested() -> None:
    [stated] = re.findall(r"^prefect-version: (.*)$", (REPO / "prefect.yaml").read_text("utf-8"), re.MULTILINE)
    assert f"prefect=={stated}\n" in (REPO / "constraints.txt").read_text("utf-8")
