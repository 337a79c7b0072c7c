"""Telling why rows are missing: each run is cut where the reason changes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lake.gaps.model import Gap, Total
from lake.gaps.runs import cut
from schemas.calendars import ALWAYS, closes, open_spans

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from lake.gaps.covering import Cover, Covering
    from lake.gaps.model import Kind, SeriesGaps
    from lake.gaps.outages import Outage
    from lake.gaps.runs import Run
    from lake.gaps.trades import Trades
    from schemas.calendars import Span
    from schemas.periods import Period

Piece = tuple["Run", "Kind", str]


def expected(calendar: str, period: Period | None, start_ns: int, end_ns: int) -> list[Span]:
    """Return the spans in which rows are to be expected; CalendarError for a calendar that cannot be had.

    A bar of less than a day is, when the market is open at any time of it. One of a day and more is, when a trading
    day ends in it: a Sunday, in which FX opens, has no bar of its own with many vendors.
    """
    if period is not None and period.grid_us is None:
        # A last label may be a day early or late.
        ends = closes(calendar, start_ns - 1, end_ns)
        return [(start_ns, end_ns)] if ends is None else [(end - 1, end) for end in ends]
    return open_spans(calendar, start_ns, end_ns)


class Classes:
    """Why rows of one series are missing."""

    def __init__(
        self,
        calendar: str,
        open_at: list[Span],
        outages: list[Outage],
        covering: Covering,
        trades: Callable[[], Trades],
    ) -> None:
        """Take what is known of the series' time."""
        self._always = calendar == ALWAYS
        self._calendar, self._open = calendar, open_at
        self._outages, self._outage_spans = outages, [(each.start_ns, each.end_ns) for each in outages]
        self._covering, self._trades = covering, trades
        self._judge: Trades | None = None
        self._quarantined: list[Span] | None = None
        self.fillers: dict[int, Cover] = {}
        """Files all of whose missing rows are records that said that there was no trade, by snapshot."""

    def pieces(self, run: Run) -> Iterator[Piece]:
        """Yield a run in pieces, each with its kind and what there is to say of it; those of one kind as one."""
        held: Piece | None = None
        for piece in self._all(run):
            if held is not None and held[1:] == piece[1:] and held[0].end_ns == piece[0].start_ns:
                held = (held[0].part(0, held[0].count + piece[0].count), *held[1:])
                continue
            if held is not None:
                yield held
            held = piece
        if held is not None:
            yield held

    def _all(self, run: Run) -> Iterator[Piece]:
        for piece, place in [(run, 0)] if self._always else cut(run, self._open):
            if place is None:
                yield piece, "market_closed", self._calendar
            else:
                yield from self._while_open(piece)

    def _while_open(self, run: Run) -> Iterator[Piece]:
        if self._quarantined is None:
            self._quarantined = self._covering.quarantined()
        for piece, place in cut(run, self._outage_spans):
            if place is not None:
                outage = self._outages[place]
                yield piece, "outage_known", f"{outage.why}: {outage.source}"
                continue
            for rest, bad in cut(piece, self._quarantined):
                if bad is not None:
                    yield rest, "quarantined", "records of it are in quarantine"
                else:
                    yield from self._by_trades(rest)

    def _by_trades(self, run: Run) -> Iterator[Piece]:
        if self._judge is None:
            self._judge = self._trades()
        for piece, traded in self._judge.judge(run):
            if traded is False:
                yield piece, "no_trade", "the stored trades around it have none in it"
            else:
                yield from self._by_cover(piece, "; trades of it are stored" if traded else "")

    def _by_cover(self, run: Run, more: str) -> Iterator[Piece]:
        for piece, place in cut(run, self._covering.spans):
            cover = None if place is None else self._covering.source(place)
            if cover is not None:
                if cover.source.snapshot in self.fillers:
                    yield piece, "no_trade", f"{cover.source.name} says so"
                    continue
                yield piece, "vendor_gap", f"{cover.source.name} covers it{_fillers(cover)}{more}"
                continue
            gone = self._covering.gone(piece.start_ns)
            why = "no file covers it" if gone is None else f"rows of this partition were deleted at snapshot {gone}"
            yield piece, "not_ingested", why + more


def _fillers(cover: Cover) -> str:
    count = cover.no_trade
    return f", and left {count:,} records of no trade out" if count else ""


def collect(
    found: SeriesGaps, runs: Iterable[Run], classes: Classes, least_ns: int, kinds: tuple[Kind, ...], *, timed: bool
) -> None:
    """Put the gaps of a series together; `timed` rows have a period, and are counted."""
    for run in runs:
        for piece, kind, detail in classes.pieces(run):
            length = piece.end_ns - piece.start_ns
            if length < least_ns:
                continue
            missing = piece.count if timed else None
            total = found.totals.setdefault(kind, Total())
            total.gaps += 1
            total.missing += missing or 0
            total.length_ns += length
            if kind in kinds:
                found.gaps.append(Gap(piece.start_ns, piece.end_ns, missing, kind, detail))
