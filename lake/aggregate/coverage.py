"""Up to which time the rows of a series are known to be all there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lake.manifest import origins
from lake.sources.span import named_end_ns

if TYPE_CHECKING:
    from lake.aggregate.buckets import Buckets
    from lake.manifest import Manifest, SeriesRow


def covered_to(
    manifest: Manifest, series: SeriesRow, last_ns: int, bars: Buckets | None, said_ns: int | None = None
) -> int:
    """Return the time before which no row is missing because it is still to come, in nanoseconds.

    A bar covers its period, and a tick its own moment. The names of the series' sources may tell of more, as far as
    these had been fetched after it, and whole.

    Args:
        manifest: The lake's.
        series: The series.
        last_ns: Its last row.
        bars: The buckets that its bars are; None for ticks.
        said_ns: What the user says.
    """
    found = last_ns if bars is None else int(bars.ends(np.array([last_ns // 1000]))[0]) * 1000
    if said_ns is not None:
        found = max(found, said_ns)
    for source in origins.sources(manifest, series.id):
        end = None if source.skipped.get("outside_range") else named_end_ns(source.dialect, source.path, source.zone)
        if end is not None:
            found = max(found, end if source.fetched_at_ns is None else min(end, source.fetched_at_ns))
    return found
