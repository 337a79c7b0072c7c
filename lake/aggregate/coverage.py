"""Up to which time the rows of a series are known to be all there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lake.aggregate.buckets import OUTSIDE, Buckets, is_long
from lake.manifest import graph, origins
from lake.sources.span import named_end_ns
from schemas.periods import Period

if TYPE_CHECKING:
    from lake.manifest import Manifest, SeriesRow


def covered_to(
    manifest: Manifest,
    series: SeriesRow,
    last_ns: int,
    bars: Buckets | None,
    said_ns: int | None = None,
    snapshot: int | None = None,
) -> int:
    """Return the time before which no row is missing because it is still to come, in nanoseconds.

    A bar covers its period, and a tick its own moment. The names of the series' sources may tell of more, as far as
    these had been fetched after it, and whole; and bars that were made here cover what their upstream covers.

    Args:
        manifest: The lake's.
        series: The series.
        last_ns: Its last row.
        bars: The buckets that its bars are; None for ticks.
        said_ns: What the user says.
        snapshot: What was known as of it; now, unless given.
    """
    found = last_ns if bars is None else int(bars.ends(np.array([last_ns // 1000]))[0]) * 1000
    if said_ns is not None:
        found = max(found, said_ns)
    for source in origins.sources(manifest, series.id, snapshot):
        end = None if source.skipped.get("outside_range") else named_end_ns(source.dialect, source.path, source.zone)
        if end is not None:
            found = max(found, end if source.fetched_at_ns is None else min(end, source.fetched_at_ns))
    if bars is None or snapshot not in {None, manifest.snapshot()}:  # what it was made from then is not known now
        return found
    return max(found, _inherited(manifest, series, bars))


def _inherited(manifest: Manifest, series: SeriesRow, bars: Buckets) -> int:
    """Return up to where a series that was made here covers, by what it was made from; 0 where that says nothing."""
    made = graph.derivations(manifest, series.id)
    last = max(made, key=lambda row: row.end_ns, default=None)
    upstream = None if last is None else manifest.find(last.upstream)
    if last is None or upstream is None:
        return 0
    parts = graph.parts(manifest, upstream.id, None, None)
    inside = [part for part in parts if part.start_ns < last.end_ns and part.end_ns > last.start_ns]
    if not inside or graph.inputs(inside) != last.inputs:
        return 0
    own = upstream.address
    # Weeks made of sessions' days are cut by the same sessions as these.
    cut = (
        Buckets(Period.parse(own.period), bars.sessions if is_long(Period.parse(own.period)) else None)
        if own.type == "bars"
        else None
    )
    covered = covered_to(manifest, upstream, parts[-1].last_ns, cut)
    begun = bars.begun(np.array([covered // 1000]))
    if begun[0] == OUTSIDE:
        return 0
    start, end = int(begun[0]) * 1000, int(bars.ends(begun)[0]) * 1000
    return min(end if end <= covered else start, last.end_ns)
