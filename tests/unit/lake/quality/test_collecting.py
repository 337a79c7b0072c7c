"""Runs are found over the ends of pieces; findings are counted, kept and marked."""

from __future__ import annotations

from itertools import groupby, pairwise
from typing import TYPE_CHECKING

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from lake.quality.collecting import Findings, Runs

if TYPE_CHECKING:
    from lake.manifest import PartRow

Told = list[tuple[int, int, int, float]]


def told(runs: Runs, holds: list[bool], cuts: list[int], *, before: bool) -> Told:
    """Return the runs of rows whose time is their number times ten, and whose value their number."""
    found: Told = []
    bounds = [0, *sorted({cut for cut in cuts if 0 < cut < len(holds)}), len(holds)]
    pieces = [
        runs.feed(
            np.array(holds[start:stop], bool),
            np.arange(start, stop) * 10,
            np.arange(start, stop, dtype=float),
            np.arange(start - 1, stop - 1) * 10 if before else None,
        )
        for start, stop in pairwise(bounds)
    ]
    for ended in [*pieces, runs.end()]:
        found += list(zip(*(array.tolist() for array in ended), strict=True))
    return found


@given(st.lists(st.booleans(), min_size=1, max_size=30), st.lists(st.integers(0, 30)), st.integers(1, 4), st.booleans())
def test_runs_are_those_of_a_plain_loop(holds: list[bool], cuts: list[int], least: int, before: bool) -> None:  # noqa: FBT001 -- hypothesis gives it
    expected: Told = []
    for holding, group in groupby(range(len(holds)), key=holds.__getitem__):
        rows = list(group)
        count = len(rows) + before
        if holding and count >= least:
            expected.append(((rows[0] - before) * 10, rows[-1] * 10, count, float(rows[0])))
    assert told(Runs(least), holds, cuts, before=before) == expected


class Part:
    """As much of a partition as is looked at."""

    def __init__(self, start_ns: int) -> None:
        self.start_ns = start_ns


def parts(*starts: int) -> list[PartRow]:
    return [Part(start) for start in starts]  # type: ignore[misc]  # the start is all that is looked at


def test_all_are_counted_and_the_first_kept() -> None:
    findings = Findings(parts(0, 1_000), 30)
    many = np.arange(35)
    findings.add_all("crossed_quote", many, many, np.full(35, 2), str)
    findings.add_all("crossed_quote", many, many, np.full(35, 2), str)
    assert (findings.totals["crossed_quote"].findings, findings.totals["crossed_quote"].rows) == (70, 140)
    assert [each.detail for each in findings.ordered()] == [str(number) for number in range(30)]


def test_a_finding_marks_the_partitions_it_spans_or_those_it_is_told_to() -> None:
    findings = Findings(parts(0, 100, 200, 300))
    findings.add("stale_price", 150, 310, 7, "still")
    findings.add("unit_error", 0, 310, 7, "levels", (150, 210))
    findings.add("unit_error", 201, 202, 1, "another")
    assert findings.marked["stale_price"] == {1: "still", 2: "still", 3: "still"}
    assert findings.marked["unit_error"] == {1: "levels", 2: "levels"}
    findings.drop("unit_error")
    assert set(findings.totals) == set(findings.marked) == {"stale_price"}
