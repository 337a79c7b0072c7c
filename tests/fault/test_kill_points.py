"""Killed before, after or in the middle of any operation on the disk: no row lost, none invented, none twice."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.fault.harness.shim import Mode
from tests.fault.harness.sweep import sweep
from tests.fault.harness.verbs import VERBS

if TYPE_CHECKING:
    from tests.fault.harness.client import Client


@pytest.mark.timeout(900)
def test_an_ingest_killed_before_any_operation_loses_nothing(faults: Client) -> None:
    sweep(faults, "ingest", Mode.KILL_BEFORE).settle("killed before: ingest", least=300)


@pytest.mark.nightly
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("mode", [Mode.KILL_BEFORE, Mode.KILL_AFTER, Mode.TEAR], ids=lambda mode: mode.name.lower())
def test_a_verb_killed_at_any_operation_loses_nothing(faults: Client, verb: str, mode: Mode) -> None:
    sweep(faults, verb, mode).settle(f"{mode.name}: {verb}")
