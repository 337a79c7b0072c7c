"""Killed right after any operation on the disk: in a file of its own, so that two processes share the points."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.fault.harness.shim import Mode
from tests.fault.harness.sweep import sweep

if TYPE_CHECKING:
    from tests.fault.harness.client import Client


@pytest.mark.timeout(900)
def test_an_ingest_killed_after_any_operation_loses_nothing(faults: Client) -> None:
    sweep(faults, "ingest", Mode.KILL_AFTER).settle("killed after: ingest", least=300)
