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
ALIVE = "heartbeat"
_OTHER_SIGNS = ("AwaitingRetry", "Cancelled", "Cancelling", "Completed", "Crashed", "Failed", "Paused", "Scheduled")
"""States in which no heartbeat is to be expected. Not every event of a run: each is a write to Prefect's database."""


def watch() -> Automation:
    """Return the automation: a run that began, and was silent for too long without having ended, has crashed.

    A run that has ended keeps its state: the server refuses to move it from a final one.
    """
    message = f"The run's process is gone: no heartbeat for {SILENCE_S} s. Run it again: nothing is doubled."
    return Automation(
        name=NAME,
        description=f"A run of dl-datalake tells every {HEARTBEAT_S} s that it lives.",
        trigger=EventTrigger(
            after={f"prefect.flow-run.{name}" for name in ("Running", ALIVE)},
            expect={f"prefect.flow-run.{name}" for name in (ALIVE, *_OTHER_SIGNS)},
            match=ResourceSpecification(root={"prefect.resource.id": ["prefect.flow-run.*"]}),
            for_each={"prefect.resource.id"},
            posture=Posture.Proactive,
            threshold=1,
            within=timedelta(seconds=SILENCE_S),
        ),
        actions=[ChangeFlowRunState(name=None, force=False, state=StateType.CRASHED, message=message)],
    )


def ensure_watch() -> None:
    """Make the automation, unless the server has it."""
    with get_client(sync_client=True) as client:
        found = client.request("POST", "/automations/filter", json={"automations": {"name": {"any_": [NAME]}}})
        if not found.json():
            client.request("POST", "/automations/", json=watch().model_dump(mode="json", exclude={"id"}))
