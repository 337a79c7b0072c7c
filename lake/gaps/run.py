"""Looking for gaps: series after series, each missing span with its reason."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lake.gaps import outages
from lake.gaps.calendars import calendar_of, unusable
from lake.gaps.classing import Classes, collect, expected
from lake.gaps.covering import Covering
from lake.gaps.model import HOUR_NS, GapReport, Progress, SeriesGaps
from lake.gaps.trades import Trades
from lake.gaps.walking import Walk
from lake.instruments import facts
from lake.leases import Lease
from schemas.calendars import CalendarError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from lake.config import Config
    from lake.gaps.model import GapRequest
    from lake.gaps.outages import Outage
    from lake.manifest import Manifest, SeriesRow


def find(
    config: Config,
    manifest: Manifest,
    series: Sequence[SeriesRow],
    snapshot: int,
    request: GapRequest,
    *,
    progress: Callable[[Progress], None] = lambda _at: None,
) -> GapReport:
    """Say where series have no rows, and why; rows are read only of partitions that the manifest does not prove full.

    Args:
        config: The lake's.
        manifest: Open to read.
        series: Which ones.
        snapshot: As of which snapshot.
        request: In which range, by which calendar, and which gaps matter.
        progress: Told after each partition.

    Raises:
        LakeError: USAGE for a calendar that cannot be had or outages that cannot be read; SNAPSHOT_EXPIRED;
            FILE_DAMAGED, FILE_MISSING and TIER_UNAVAILABLE when times that have to be read cannot be.
    """
    shut = outages.known(config)
    with Lease(config, snapshot):
        manifest.refuse_expired(snapshot)
        walks = [_walk(config, manifest, row, snapshot, request) for row in series]
        counts = [len(walk.parts(request.start_ns, request.end_ns)) for walk in walks]
        done = 0
        found = []
        for walk, count in zip(walks, counts, strict=True):

            def told(part: int, before: int = done, walk: Walk = walk) -> None:
                progress(Progress(before + part, sum(counts), walk.address))

            found.append(_series(walk, request, shut, told))
            done += count
    return GapReport(snapshot, tuple(found))


def _walk(config: Config, manifest: Manifest, row: SeriesRow, snapshot: int, request: GapRequest) -> Walk:
    usual = 0 if row.address.type == "bars" else HOUR_NS
    least_ns = usual if request.min_ns is None else request.min_ns
    return Walk(config, manifest, row.address, row.id, snapshot, least_ns)


def _series(walk: Walk, request: GapRequest, shut: list[Outage], told: Callable[[int], None]) -> SeriesGaps:
    config, manifest, address = walk.config, walk.manifest, walk.address
    imported = facts(manifest, address, walk.snapshot).get("calendar")
    calendar, because = calendar_of(config, address, request.calendar, imported)
    ends = walk.ends()
    start_ns = request.start_ns if request.start_ns is not None or ends is None else ends[0]
    end_ns = request.end_ns if request.end_ns is not None or ends is None else ends[1]
    rows = sum(part.rows for part in walk.parts(start_ns, end_ns))
    found = SeriesGaps(address, calendar, because, start_ns, end_ns, rows)
    if start_ns is None or end_ns is None or start_ns >= end_ns:
        return found
    period = walk.period
    try:
        open_at = expected(calendar, period, start_ns, end_ns)
    except CalendarError as error:
        raise unusable(error, str(address)) from error
    covering = Covering(manifest, walk.series_id, period, walk.snapshot)
    classes = Classes(
        calendar,
        open_at,
        outages.of(shut, address),
        covering,
        lambda: Trades(config, manifest, address, period, walk.snapshot),
    )
    for cover in covering.covers if period is not None else ():
        # Each record of no trade is a row that is missing: where the numbers agree, those are all there are.
        if cover.no_trade and cover.no_trade == sum(run.count for run in walk.runs(cover.start_ns, cover.end_ns)):
            classes.fillers[cover.source.snapshot] = cover
    runs = walk.runs(start_ns, end_ns, told)
    collect(found, runs, classes, walk.least_ns, request.kinds, timed=period is not None)
    return found
