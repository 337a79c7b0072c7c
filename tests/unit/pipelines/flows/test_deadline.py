from __future__ import annotations

from prefect.events.actions import ChangeFlowRunState
from prefect.events.schemas.automations import EventTrigger, Posture

from pipelines.flows.deadline import SILENCE_S, watch
from pipelines.prefect_environment import HEARTBEAT_S, VARIABLES


def test_dead_run_is_found_within_two_minutes_of_its_last_sign() -> None:
    trigger = watch().trigger
    assert isinstance(trigger, EventTrigger)
    assert trigger.posture == Posture.Proactive
    assert trigger.within.total_seconds() == SILENCE_S == 90
    assert int(VARIABLES["PREFECT_FLOWS_HEARTBEAT_FREQUENCY"]) == HEARTBEAT_S
    assert SILENCE_S + HEARTBEAT_S <= 120


def test_one_lost_heartbeat_does_not_kill() -> None:
    assert SILENCE_S > 2 * HEARTBEAT_S


def test_ended_run_is_not_waited_for() -> None:
    trigger = watch().trigger
    assert isinstance(trigger, EventTrigger)
    expected = trigger.expect
    assert {f"prefect.flow-run.{name}" for name in ("Completed", "Failed", "Crashed", "Cancelled")} <= expected
    [action] = watch().actions
    assert isinstance(action, ChangeFlowRunState)
    assert action.force is False
