"""Which spans the ingested files cover, and which single rows of them are in quarantine."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from lake.manifest import covers, graph
from lake.sources.span import named_span_ns

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from lake.manifest import Manifest
    from lake.manifest.covers import Ingested
    from schemas.calendars import Span
    from schemas.periods import Period

_NS = 10**9
_EPOCHS = ((16, 1), (13, 1_000), (10, 1_000_000), (0, _NS))
"""Digits from which on a count since 1970 is in units of so many nanoseconds."""
_COUNT = re.compile(r"(?<![\d.])\d{9,19}(?![\d.])")
_DATE = re.compile(
    r"(?<!\d)(?:(?P<y>\d{4})[-./]?(?P<m>\d\d)[-./]?(?P<d>\d\d)|(?P<d2>\d\d)[./](?P<m2>\d\d)[./](?P<y2>\d{4}))"
    r"(?:[T ;,]+(?P<h>\d\d):?(?P<min>\d\d)(?::?(?P<s>\d\d))?)?(?P<zone>Z|[+-]\d\d:?\d\d)?"
)
_EARLIEST, _LATEST = 10**8, 10**10
"""Seconds since 1970 between which a count is taken for a time."""


@dataclass(frozen=True, slots=True)
class Cover:
    """What one file said it holds: all rows of a span."""

    start_ns: int
    end_ns: int
    source: Ingested

    @property
    def no_trade(self) -> int:
        """How many of its records said that there was no trade."""
        return self.source.skipped.get("no_trade", 0) if self.source.alone else 0


class Covering:
    """What covers the time of a series, from the manifest alone."""

    def __init__(self, manifest: Manifest, series_id: int, period: Period | None, snapshot: int) -> None:
        """Look the ingests up; of what the lake made itself, those of the series it was made from."""
        seen = {series_id}
        while (upstream := graph.upstream_at(manifest, series_id, snapshot)) is not None:
            row = manifest.find(upstream)
            if row is None or row.id in seen:
                break
            series_id = row.id
            seen.add(series_id)
        self._manifest = manifest
        self._gone = covers.deleted(manifest, series_id, snapshot)
        self._period = period
        found = (self._cover(each) for each in covers.ingested(manifest, series_id, snapshot))
        self.covers = [each for each in found if each is not None]
        self.spans, self._tops = _layers(self.covers, self._gone)

    def source(self, place: int) -> Cover | None:
        """Return the newest file that covers the span in a place of `spans`; None where its rows were deleted."""
        return self._tops[place]

    def gone(self, at_ns: int) -> int | None:
        """Return the snapshot that deleted rows of the partition that a time lies in, if one did."""
        found = [at for start, end, at in self._gone if start <= at_ns < end]
        return max(found, default=None)

    def quarantined(self) -> list[Span]:
        """Return the steps of which a record is in quarantine, as far as the record tells its time."""
        period = self._period
        if period is None:
            return []
        found: set[int] = set()
        for each in self.covers:
            if not each.source.quarantined or each.source.ledger_id is None:
                continue
            for text in covers.quarantined_texts(self._manifest, each.source.ledger_id):
                found.update(times_in(text, each.source.zone))
                if each.source.stamp == "close" and period.fixed_us is not None:
                    found.update(at - period.fixed_us * 1000 for at in times_in(text, each.source.zone))
        return merged((at, at + 1) for at in found)

    def _cover(self, source: Ingested) -> Cover | None:
        if source.first_ns is None or source.last_ns is None:
            return None
        end = self._period.later_us(source.last_ns // 1000) * 1000 if self._period else source.last_ns + 1
        start = source.first_ns
        if not source.skipped.get("outside_range"):
            named = named_span_ns(source.dialect, source.path, source.zone)
            if named is not None and named[0] <= start and source.last_ns < named[1]:
                start, end = named[0], max(end, named[1])
        return Cover(start, end, source)


def merged(spans: Iterable[Span]) -> list[Span]:
    """Return spans in order, those that touch each other as one."""
    found: list[Span] = []
    for start, end in sorted(spans):
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        else:
            found.append((start, end))
    return found


def _layers(found: list[Cover], gone: list[tuple[int, int, int]]) -> tuple[list[Span], list[Cover | None]]:
    """Return spans in order, and of each the newest file that covers it and that no delete came after."""
    edges = sorted({edge for each in found for edge in (each.start_ns, each.end_ns)} | {e for g in gone for e in g[:2]})
    starts = sorted(range(len(found)), key=lambda number: found[number].start_ns)
    spans: list[Span] = []
    tops: list[Cover | None] = []
    active: list[Cover] = []
    coming = 0
    for start, end in pairwise(edges):
        while coming < len(starts) and found[starts[coming]].start_ns <= start:
            active.append(found[starts[coming]])
            coming += 1
        active = [each for each in active if each.end_ns > start]
        deleted = max((at for a, b, at in gone if a < end and b > start), default=-1)
        fitting = [each for each in active if each.source.snapshot > deleted]
        if fitting:
            spans.append((start, end))
            tops.append(max(fitting, key=lambda each: each.source.snapshot))
    return spans, tops


def times_in(text: str, zone: str) -> Iterator[int]:
    """Yield the instants that a record names, in nanoseconds: counts since 1970, and dates with or without a time."""
    for match in _COUNT.finditer(text):
        digits = match[0]
        scale = next(scale for least, scale in _EPOCHS if len(digits) >= least)
        if _EARLIEST <= int(digits) * scale // _NS <= _LATEST:
            yield int(digits) * scale
    for match in _DATE.finditer(text):
        year, month, day = (int(match[name] or match[f"{name}2"]) for name in "ymd")
        clock = (int(match["h"] or 0), int(match["min"] or 0), int(match["s"] or 0))
        try:
            local = dt.datetime(year, month, day, *clock, tzinfo=_zone(match["zone"], zone))
            yield int(local.timestamp()) * _NS
        except (ValueError, OverflowError, KeyError):
            continue


def _zone(told: str | None, usual: str) -> dt.tzinfo:
    if told is None:
        return ZoneInfo(usual)
    return dt.datetime.strptime("+0000" if told == "Z" else told, "%z").tzinfo or dt.UTC
