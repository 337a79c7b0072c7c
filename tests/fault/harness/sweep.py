"""Sweeps: a fault at each operation of a verb, one after the other, until it comes no more."""

from __future__ import annotations

import os
import time
from collections import Counter
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING

from tests.fault.harness.server import Case
from tests.fault.harness.shim import EVERY, Fault, Mode

if TYPE_CHECKING:
    from tests.fault.harness.client import Client
    from tests.fault.harness.server import Outcome

SHOWN = 5


@dataclass
class Tally:
    """What a sweep found."""

    points: int = 0
    rules: Counter[str] = field(default_factory=Counter)
    """How often each rule was broken."""
    broken: list[str] = field(default_factory=list)
    """The first ones, in words."""
    refusals: Counter[str] = field(default_factory=Counter)
    """How often acts ended with each error."""
    begun: float = field(default_factory=time.monotonic)

    def add(self, what: str, outcome: Outcome) -> None:
        """Count one case."""
        self.points += 1
        self.refusals.update(refusal.partition(":")[0] for refusal in outcome.refusals)
        for finding in outcome.findings:
            self.note(what, *finding)

    def note(self, what: str, rule: str, detail: str) -> None:
        """Count a broken rule."""
        self.rules[rule] += 1
        if len(self.broken) < SHOWN:
            self.broken.append(f"{what}: {rule}: {detail}")

    def settle(self, what: str, least: int = 1) -> None:
        """Log how much was tested, and fail when a rule was broken or too little was tested."""
        seconds = time.monotonic() - self.begun
        line = f"{what}: {self.points} in {seconds:.1f} s, broken {dict(self.rules)}, refusals {dict(self.refusals)}"
        if path := os.environ.get("FAULT_LOG"):
            with open(path, "a", encoding="utf-8") as stream:  # noqa: PTH123 -- a path the user gives
                stream.write(line + "\n")
        assert not self.broken, "\n".join([line, *self.broken])
        assert self.points >= least, line


def sweep(
    client: Client,
    verb: str,
    mode: Mode,
    *,
    error: int = 0,
    letters: str = EVERY,
    mutation: str = "",
    until_broken: bool = False,
) -> Tally:
    """Let a fault strike at each operation of a verb.

    Args:
        client: The fault server.
        verb: Which verb.
        mode: What happens there.
        error: The error number of a failure.
        letters: Which operations count.
        mutation: The mistake that is put in.
        until_broken: Whether to stop at the first broken rule.
    """
    tally = Tally()
    for at in count(1):
        outcome = client.run(Case(verb, (Fault(mode, at, error, letters),), mutation))
        tally.add(f"{verb} {mode.name} at {at}", outcome)
        if not outcome.fired or (until_broken and tally.broken):
            return tally
    return tally
