"""A backup that is killed while it is put in place: the one before it or the new one is whole, and the next goes on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.fault.harness.server import Case
from tests.fault.harness.shim import Fault, Mode
from tests.fault.harness.sweep import Tally

if TYPE_CHECKING:
    from tests.fault.harness.client import Client

LAST = 40
"""The operations from the settings on: manifest, log and card are put in place, and the old files go."""


@pytest.mark.timeout(600)
def test_a_backup_killed_while_it_is_put_in_place_is_whole(faults: Client) -> None:
    tally = Tally()
    ops = faults.plan("backup").ops
    for at in range(ops - LAST, ops + 1):
        tally.add(f"killed at {at}", faults.run(Case("backup", (Fault(Mode.KILL_BEFORE, at),))))
    tally.settle("backup put in place", least=LAST)


@pytest.mark.nightly
@pytest.mark.timeout(3600)
def test_a_backup_killed_there_and_killed_again_is_whole(faults: Client) -> None:
    tally = Tally()
    ops = faults.plan("backup").ops
    for at in range(ops - LAST, ops + 1):
        for again in (*range(1, ops, 16), *range(ops - LAST, ops, 8)):
            kills = (Fault(Mode.KILL_BEFORE, at), Fault(Mode.KILL_BEFORE, again))
            tally.add(f"killed at {at} and {again}", faults.run(Case("backup", kills)))
    tally.settle("backup killed twice", least=LAST)
