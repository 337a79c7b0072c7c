"""The classic mistakes of a commit protocol, made on purpose: each of them must be found, and by the rule it breaks."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.fault.harness.mutations import MUTATIONS
from tests.fault.harness.power import cut_everywhere
from tests.fault.harness.shim import TAKES, Mode
from tests.fault.harness.sweep import Tally, sweep

if TYPE_CHECKING:
    from tests.fault.harness.client import Client


def hunt(faults: Client, name: str) -> Tally:
    """Do what is to find a mistake until it is found."""
    mutation = MUTATIONS[name]
    if mutation.found_by == "power":
        return cut_everywhere(faults, mutation.verb, most=3, limit=2_000, mutation=name)
    if mutation.found_by == "race":
        tally = Tally(points=1)
        for finding in faults.race(name):
            tally.note("two writers", *finding)
        return tally
    if mutation.found_by == "kill":
        return sweep(faults, mutation.verb, Mode.KILL_AFTER, mutation=name, until_broken=True)
    return sweep(faults, mutation.verb, Mode.FAIL_ON, error=errno.EIO, letters=TAKES, mutation=name, until_broken=True)


def is_found(faults: Client, name: str) -> None:
    tally = hunt(faults, name)
    [rule] = tally.rules or ["none"]
    if path := os.environ.get("FAULT_LOG"):
        found = {"planted": name, "by": MUTATIONS[name].found_by, "rule": rule, "points": tally.points}
        with Path(path).open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(found) + "\n")
    assert rule in MUTATIONS[name].rules, tally.broken


@pytest.mark.parametrize("name", [name for name, mutation in MUTATIONS.items() if mutation.every_push])
def test_a_planted_bug_is_found(faults: Client, name: str) -> None:
    is_found(faults, name)


@pytest.mark.nightly
@pytest.mark.parametrize("name", [name for name, mutation in MUTATIONS.items() if not mutation.every_push])
def test_another_planted_bug_is_found(faults: Client, name: str) -> None:
    is_found(faults, name)


def test_without_a_bug_two_writers_at_once_are_both_kept(faults: Client) -> None:
    assert faults.race("") == []
