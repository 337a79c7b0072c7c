"""Runs whose process is gone are found by the server: it hears no heartbeat of them, and marks them crashed."""

from __future__ import annotations

from datetime import timedelta

from prefect.automations import Automation
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import StateType
from prefect.events import EventTrigger, ResourceSpecification
from prefect.events.actions import ChangeFlowRunState
from prefect.events.schemas.automations import Posture

from pipelines.prefect_environment import HEARTBEAT_S

NAME = "dl: mark runs that died as crashed"
SILENCE_S = 3 * HEARTBEAT_S
NEVER_BEGAN = "dl: mark runs that never began as crashed"
BEGIN_S = 900


def watches() -> list[Automation]:
    """Return the automations: a run that began and was silent for too long, or never began, has crashed.

    A run that has ended keeps its state: the server refuses to move it from a final one.
    """
    return [
        _watch(
            NAME,
            {"prefect.flow-run.Running", "prefect.flow-run.heartbeat"},
            SILENCE_S,
            f"The run's process is gone: no heartbeat for {SILENCE_S} s. Run it again: nothing is doubled.",
        ),
        _watch(
            NEVER_BEGAN,
            {"prefect.flow-run.Pending"},
            BEGIN_S,
            f"The run's process did not begin within {BEGIN_S} s. Run it again.",
        ),
    ]


def ensure_watch() -> None:
    """Make the automations that the server does not have."""
    with get_client(sync_client=True) as client:
        for each in watches():
            name = {"automations": {"name": {"any_": [each.name]}}}
            if not client.request("POST", "/automations/filter", json=name).json():
                client.request("POST", "/automations/", json=each.model_dump(mode="json", exclude={"id"}))


def _watch(name: str, after: set[str], within_s: int, message: str) -> Automation:
    return Automation(
        name=name,
        description=f"A run of dl-datalake tells every {HEARTBEAT_S} s that it lives.",
        trigger=EventTrigger(
            after=after,
            expect={"prefect.flow-run.*"},
            match=ResourceSpecification(root={"prefect.resource.id": ["prefect.flow-run.*"]}),
            for_each={"prefect.resource.id"},
            posture=Posture.Proactive,
            threshold=1,
            within=timedelta(seconds=within_s),
        ),
        actions=[ChangeFlowRunState(name=None, force=False, state=StateType.CRASHED, message=message)],
    )
