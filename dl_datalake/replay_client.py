"""Replaying in the Python client: rows of many series in the order in which they became known."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from dl_datalake.client import Lake
    from dl_datalake.dates import DateLike
    from dl_datalake.replay import BarsAt, Order, Run
    from dl_datalake.result import Result
    from schemas.keys import Address


class ReplayClient:
    """The part of a `Lake` that replays."""

    def replay(
        self,
        series: Iterable[str | Address | Result],
        *,
        start: DateLike | None = None,
        end: DateLike | None = None,
        by: Order = "ts",
        bars: BarsAt = "close",
        as_of: int | DateLike | None = None,
    ) -> Iterator[Run]:
        """Yield the rows of several series in the order of time, as runs of rows of one series.

        Args:
            series: Bars, ticks, quotes and books, each by its address or as a result. Rows of one moment come in the
                order of this list, those of one series in stored order.
            start: The first moment; together with the range that a result has itself.
            end: The moment to stop before.
            by: `ts`, or `ts_recv`: when the capture received a row. The range is one of `ts` all the same.
            bars: Bars come at their `close`, when they are known; at their `open` they tell what is yet to come.
            as_of: For addresses: a snapshot's number or name, or a time. All are read at one snapshot.

        Raises:
            LakeError: USAGE for words that mean nothing, for series that have no such order, and, when it is read, for
                rows without a ts_recv or ones received too far out of order; UNKNOWN_SERIES, BAD_DATE.
        """
        from dl_datalake.dates import parse_range
        from dl_datalake.replay import replay
        from dl_datalake.result import Result

        lake = cast("Lake", self)
        at = lake.snapshot if as_of is None else as_of
        results = [one if isinstance(one, Result) else lake.read(one, as_of=at) for one in series]
        return replay(results, *parse_range(start, end), by=by, bars=bars)
