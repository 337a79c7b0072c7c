"""The times of a partition's rows, where they have to be read: of all columns only `ts`, a batch at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lake import layout, rows
from lake.read import Scan

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lake.gaps.walking import Walk
    from lake.manifest import PartRow


def stretches(
    walk: Walk, part: PartRow, start_ns: int, end_ns: int
) -> Iterator[tuple[int, int, Iterator[tuple[int, int]]]]:
    """Yield of each batch the first and the last time, and the pairs of times between which rows may be missing."""
    scan = Scan(
        walk.config,
        walk.manifest,
        [walk.address],
        start_ns=max(start_ns, part.start_ns),
        end_ns=min(end_ns, part.end_ns),
        columns=["ts"],
        as_of=walk.snapshot,
    )
    scale = layout.NS_PER[rows.unit(scan.declaration)]
    period = walk.period
    # Months have no step; theirs is that of the shortest.
    step_us = 28 * 86_400 * 10**6 if period is None or period.fixed_us is None else period.fixed_us
    least = walk.least_ns - 1 if period is None else step_us * 1000
    for batch in scan.batches():
        ts = rows.times(batch)
        places = np.flatnonzero(np.diff(ts) > least // scale)
        pairs = ((int(ts[at]) * scale, int(ts[at + 1]) * scale) for at in places)
        yield int(ts[0]) * scale, int(ts[-1]) * scale, pairs
