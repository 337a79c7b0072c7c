"""Dates as people and scripts write them, turned into nanoseconds since the epoch, UTC, and back.

What has no time zone is UTC. A date that names a year, a month or a day means its first instant, so
`--start 2024-01 --end 2024-03` is January and February: ranges are half-open.
"""

from __future__ import annotations

import datetime as dt
import re
import time
from functools import lru_cache
from typing import TypeAlias

from lake.errors import LakeError
from lake.lookup import is_name
from schemas.periods import UNIT_SECONDS

DateLike: TypeAlias = str | dt.date | dt.datetime
"""A text, a date, a datetime or a pandas.Timestamp (a datetime too); naive ones are UTC."""

NS = 1_000_000_000
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_INT64 = range(-(2**63), 2**63)
_ABSOLUTE = re.compile(
    r"(?P<year>\d{4})(?:-(?P<month>\d\d)(?:-(?P<day>\d\d)"
    r"(?:[T ](?P<hour>\d\d):(?P<minute>\d\d)(?::(?P<second>\d\d)(?:\.(?P<fraction>\d{1,9}))?)?"
    r"(?P<zone>Z|z|[+-]\d\d:?\d\d)?)?)?)?"
)
_RELATIVE = re.compile(r"-(?P<n>\d{1,6})(?P<unit>[smhdw])")


def parse_ns(value: DateLike, *, now_ns: int | None = None) -> int:
    """Return the instant `value` names, in nanoseconds since the epoch, UTC.

    Args:
        value: `2024`, `2024-03`, `2024-03-05`, `2024-03-05T10:00Z`, `-7d`, `now`, or a date object.
        now_ns: What `now` and `-7d` count from; the clock when it is None.

    Raises:
        LakeError: BAD_DATE when it is none of these, or lies outside the years 1677 to 2262.
    """
    ns = _of_text(value, now_ns) if isinstance(value, str) else _of_object(value)
    if ns not in _INT64:
        raise LakeError("BAD_DATE", f"{value} lies outside the years 1677 to 2262")
    return ns


def parse_range(start: DateLike | None, end: DateLike | None) -> tuple[int | None, int | None]:
    """Return both ends of a half-open range in nanoseconds; BAD_DATE when nothing can lie in it."""
    now_ns = time.time_ns()
    start_ns = None if start is None else parse_ns(start, now_ns=now_ns)
    end_ns = None if end is None else parse_ns(end, now_ns=now_ns)
    if start_ns is not None and end_ns is not None and start_ns >= end_ns:
        raise LakeError(
            "BAD_DATE",
            f"nothing lies between {start} and {end}",
            why="The end is not part of a range, and comes after its start.",
            fix=["give a later --end"],
        )
    return start_ns, end_ns


def parse_as_of(value: str | int | DateLike) -> int | str:
    """Return a snapshot number, a snapshot's name, or an instant as RFC 3339 text.

    Text of digits alone is a snapshot number: `2016` is snapshot 2016, and the start of that year `2016-01-01`. Text
    that begins with a letter is a name, but for `now`.
    """
    if isinstance(value, int):
        return value
    if isinstance(value, str) and is_name(value):
        return value
    if isinstance(value, str) and value.strip().isdigit():
        return int(value)
    return format_ns(parse_ns(value))


@lru_cache(maxsize=4096)
def format_ns(ns: int) -> str:
    """Return `2024-03-05T10:00:00.000000000Z`."""
    seconds, rest = divmod(ns, NS)
    return f"{_EPOCH + dt.timedelta(seconds=seconds):%Y-%m-%dT%H:%M:%S}.{rest:09d}Z"


@lru_cache(maxsize=4096)
def format_short(ns: int) -> str:
    """Return the instant for people: to the minute, or as fine as it needs."""
    text = format_ns(ns)[:-1].replace("T", " ")
    if ns % NS:
        return text.rstrip("0")
    return text[:16] if ns % (60 * NS) == 0 else text[:19]


def _of_text(value: str, now_ns: int | None) -> int:
    text = value.strip()
    now = time.time_ns() if now_ns is None else now_ns
    if text.lower() == "now":
        return now
    if match := _RELATIVE.fullmatch(text):
        return now - int(match["n"]) * UNIT_SECONDS[match["unit"]] * NS
    if not (match := _ABSOLUTE.fullmatch(text)):
        raise LakeError("BAD_DATE", f"{value!r} is not a date")
    parts = {name: int(match[name] or default) for name, default in _DEFAULTS.items()}
    try:
        moment = dt.datetime(**parts, tzinfo=_zone(match["zone"]))
    except ValueError as error:
        raise LakeError("BAD_DATE", f"{value!r} is not a date: {error}") from None
    return _whole_seconds(moment) * NS + int((match["fraction"] or "0").ljust(9, "0"))


_DEFAULTS = {"year": 1970, "month": 1, "day": 1, "hour": 0, "minute": 0, "second": 0}


def _zone(text: str | None) -> dt.tzinfo:
    if text is None or text in "Zz":
        return dt.UTC
    minutes = int(text[1:3]) * 60 + int(text[-2:])
    return dt.timezone(dt.timedelta(minutes=minutes if text[0] == "+" else -minutes))


def _of_object(value: object) -> int:
    if hasattr(value, "nanosecond") and hasattr(value, "value"):
        # A pandas.Timestamp, known by its nanoseconds so that pandas need not be imported; NaT equals nothing.
        if value != value:  # noqa: PLR0124 - only NaT differs from itself
            raise LakeError("BAD_DATE", "NaT is not a date")
        return int(value.value)
    if isinstance(value, dt.datetime):
        moment = value if value.tzinfo else value.replace(tzinfo=dt.UTC)
        return _whole_seconds(moment) * NS + moment.microsecond * 1000
    if isinstance(value, dt.date):
        return (value - _EPOCH.date()).days * 86_400 * NS
    raise LakeError("BAD_DATE", f"{value!r} is a {type(value).__name__}, not a date")


def _whole_seconds(moment: dt.datetime) -> int:
    delta = moment - _EPOCH
    return delta.days * 86_400 + delta.seconds
