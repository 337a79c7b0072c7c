"""Of which time the name of a vendor's file says that it holds everything."""

from __future__ import annotations

import datetime as dt
import re
from calendar import monthrange
from zoneinfo import ZoneInfo

from lake.sources.containers import spellings
from lake.sources.dialects import known

_DATE = re.compile(r"(\d{4})-?(\d{2})(?:-?(\d{2}))?")


def named_end_ns(dialect: str, path: str, zone: str) -> int | None:
    """Return the end of the day or month that a file is named for, as `named_span_ns` does."""
    span = named_span_ns(dialect, path, zone)
    return None if span is None else span[1]


def named_span_ns(dialect: str, path: str, zone: str) -> tuple[int, int] | None:
    """Return the day or month that a file is named for, in nanoseconds, half-open; None where its name tells none.

    A dialect whose pattern of names has a date says with it that such a file holds all of that day or month.

    Args:
        dialect: The dialect it was read by.
        path: Where it lay.
        zone: The time zone of its times, in which its days are counted unless the dialect says otherwise.
    """
    declared = known().get(dialect)
    if declared is None:
        return None
    names = spellings(path.rpartition("/")[2]) if declared.file else ()
    named = next((m for n in names if (m := re.fullmatch(declared.file, n))), None)
    folder = re.search(declared.folder, path) if declared.folder else None
    for match in (named, folder):
        if match is not None and (date := match.groupdict().get("date")):
            return _span_ns(date, declared.days or zone)
    return None


def _span_ns(text: str, zone: str) -> tuple[int, int] | None:
    parts = _DATE.fullmatch(text)
    if parts is None:
        return None
    year, month, day = (int(part or 1) for part in parts.groups())
    try:
        first = dt.date(year, month, day)
        days = 1 if parts[3] else monthrange(year, month)[1]
        following = first + dt.timedelta(days=days)
        start, end = (dt.datetime.combine(day, dt.time(), ZoneInfo(zone)) for day in (first, following))
    except (ValueError, OverflowError, KeyError):
        return None
    return int(start.timestamp()) * 10**9, int(end.timestamp()) * 10**9
