"""A fault, and another one while the next run takes care of it: the third run finds nothing amiss."""

from __future__ import annotations

import errno
import random
from typing import TYPE_CHECKING

import pytest

from tests.fault.harness.server import Case
from tests.fault.harness.shim import Fault, Mode
from tests.fault.harness.sweep import Tally
from tests.fault.harness.verbs import VERBS

if TYPE_CHECKING:
    from tests.fault.harness.client import Client

CASES = 50
CASES_AT_NIGHT = 1_000
MODES = (Mode.KILL_BEFORE, Mode.KILL_AFTER, Mode.TEAR, Mode.FAIL_ONCE, Mode.FAIL_ON)


def strike_twice(faults: Client, verb: str, cases: int) -> Tally:
    """Let two faults by lot strike, the second one where it is likely to come before all is done."""
    dice = random.Random(verb)  # noqa: S311 -- the same cases every time
    tally = Tally()
    ops = faults.plan(verb).ops
    for _ in range(cases):
        first, second = dice.randint(1, ops), dice.randint(1, max(1, ops // 2))
        pair = tuple(Fault(dice.choice(MODES), at, errno.EIO) for at in (first, second))
        tally.add(f"{verb} {pair}", faults.run(Case(verb, pair)))
    return tally


@pytest.mark.timeout(600)
def test_an_ingest_that_is_struck_twice_recovers(faults: Client) -> None:
    strike_twice(faults, "ingest", CASES).settle("compound: ingest", least=CASES)


@pytest.mark.nightly
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("verb", VERBS)
def test_a_verb_that_is_struck_twice_recovers(faults: Client, verb: str) -> None:
    strike_twice(faults, verb, CASES_AT_NIGHT // len(VERBS) + 1).settle(f"compound: {verb}")
