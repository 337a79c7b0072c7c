"""Contenders run in turn, each run as its own process, and what is made of their figures."""

from __future__ import annotations

import os
import statistics
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.bench import home, process

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

MB = 1e6


def no_facts(_answer: process.Usage, _store: Path) -> dict[str, float]:
    """For programs whose answer is not looked at."""
    return {}


def no_preparation(_store: Path) -> None:
    """For programs that need nothing to be there."""


@dataclass(frozen=True)
class Contender:
    """One program in a race.

    Attributes:
        name: what the table calls it.
        argv: the command line, given the folder it may write to.
        facts: reads its answer, refuses a wrong one, returns further figures.
        prepare: makes what must be there before the clock starts.
        ours: whether it is this project's.
    """

    name: str
    argv: Callable[[Path], Sequence[str]]
    facts: Callable[[process.Usage, Path], dict[str, float]] = no_facts
    prepare: Callable[[Path], None] = no_preparation
    ours: bool = False


@dataclass
class Lane:
    """Every run of one contender: figures by name, or why there are none."""

    name: str
    ours: bool
    runs: list[dict[str, float]] = field(default_factory=list)
    error: str = ""

    def median(self, figure: str) -> float | None:
        """The median over the runs."""
        values = [run[figure] for run in self.runs if figure in run]
        return statistics.median(values) if values else None

    def worst(self, figure: str) -> float | None:
        """The largest of the runs: memory is a promise, not an average."""
        return max((run[figure] for run in self.runs if figure in run), default=None)

    def document(self) -> dict[str, Any]:
        """The lane as JSON."""
        return {"name": self.name, "ours": self.ours, "error": self.error, "runs": self.runs}


def race(contenders: Sequence[Contender], runs: int) -> dict[str, Lane]:
    """Run every contender `runs` times, in turn and in alternating order, so that noise hits all of them alike.

    A round before the first is not counted: it warms bytecode, page cache and the memory the host has to find. A race
    of one run has no such round; it is for memory and disk. Each run has an empty store on a disk with nothing left to
    flush. A contender that fails once is out.
    """
    lanes = {contender.name: Lane(contender.name, contender.ours) for contender in contenders}
    env = process.clean_environment(home.REPOSITORY)
    for number in range(-1 if runs > 1 else 0, runs):
        for contender in contenders if number % 2 == 0 else reversed(contenders):
            lane = lanes[contender.name]
            if lane.error:
                continue
            store = home.fresh(home.home() / "stores" / "race")
            try:
                contender.prepare(store)
                os.sync()
                usage = process.run(contender.argv(store), cwd=home.home(), env=env)
                facts = contender.facts(usage, store)
            except process.ProcessFailedError as error:
                lane.error = str(error)
                sys.stderr.write(f"{contender.name}: {error}\n")
                continue
            if number >= 0:
                measured = {"wall_s": usage.wall_s, "cpu_s": usage.cpu_s, "rss_mib": usage.rss_mib}
                lane.runs.append(measured | {"others": usage.others} | facts)
    home.fresh(home.home() / "stores" / "race")
    return lanes


def figure(
    name: str, value: float | None, unit: str, limit: float | None = None, stretch: float | None = None
) -> dict[str, Any]:
    """One line of a workload's verdict: a limit is promised, a stretch aimed at; neither is there to be known."""
    met = None if limit is None or value is None else value <= limit
    line = {"name": name, "value": value, "unit": unit, "limit": limit, "met": met}
    return line if stretch is None else line | {"stretch": stretch}


def ratio(ours: float | None, peers: float | None) -> float | None:
    """Ours over theirs, when both were measured."""
    return ours / peers if ours is not None and peers else None


def sizes(store: Path, pattern: str = "*") -> dict[str, float]:
    """Bytes in the files below a folder and bytes they take on the disk, in MB, and how many there are."""
    found = [path.stat() for path in store.rglob(pattern) if path.is_file()]
    return {
        "files_mb": round(sum(stat.st_size for stat in found) / MB, 3),
        "disk_mb": round(sum(stat.st_blocks * 512 for stat in found) / MB, 3),
        "files": len(found),
    }
