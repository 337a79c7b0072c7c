"""A power cut at any moment, with any part of what was not synced on disk: what was acknowledged is there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.fault.harness.power import cut_everywhere
from tests.fault.harness.verbs import VERBS

if TYPE_CHECKING:
    from tests.fault.harness.client import Client

STATES = 500
STATES_AT_NIGHT = 1_500
"""Of each verb: over 20,000 in all."""


@pytest.mark.timeout(900)
def test_an_ingest_survives_what_a_power_cut_leaves(faults: Client) -> None:
    cut_everywhere(faults, "ingest", most=3, limit=STATES).settle("power loss: ingest", least=STATES)


@pytest.mark.nightly
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("verb", VERBS)
def test_a_verb_survives_what_a_power_cut_leaves(faults: Client, verb: str) -> None:
    cut_everywhere(faults, verb, most=40, limit=STATES_AT_NIGHT).settle(f"power loss: {verb}")
