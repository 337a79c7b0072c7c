"""When markets are open: how late is late data, and which hours a range of time has.

Three calendars: `24/7`, `FX` (Sunday 17:00 to Friday 17:00 in New York), and the sessions of an exchange under its
name in exchange_calendars, such as `XNYS`.
"""

from __future__ import annotations

import datetime as dt
import re
import warnings
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from schemas.periods import UNIT_SECONDS

if TYPE_CHECKING:
    from collections.abc import Mapping

ALWAYS = "24/7"
FX = "FX"
_LENGTH = re.compile(r"([1-9][0-9]{0,5})([smhdw])")
_NEW_YORK = "America/New_York"
_FX_TURN = dt.time(17)
_FRIDAY, _SATURDAY, _SUNDAY = 4, 5, 6
_DAYS_AROUND = 30
_WEEK_NS = 7 * 86_400 * 10**9
Span = tuple[int, int]
"""A half-open range of time, in nanoseconds since the epoch."""
NAMED = {"MOEX": "XMOS", "USA": "XNYS"}
"""Names that vendors give exchanges, and exchange_calendars does not know them by."""


class CalendarError(ValueError):
    """A calendar is unknown, or the optional package that knows it is not installed."""


@dataclass(frozen=True, slots=True)
class FreshnessPolicy:
    """How late is late: data must be here `within` so long after it is due by the calendar.

    FreshnessPolicy("2h") is for markets that never close, FreshnessPolicy("2h", "FX") for those with a week-end.
    """

    within: str
    calendar: str = ALWAYS

    def __post_init__(self) -> None:
        """Refuse, with ValueError, a length or a calendar that cannot be one."""
        if not _LENGTH.fullmatch(self.within):
            raise ValueError(f"{self.within!r} is no length of time: expected a number and s, m, h, d or w, such as 2h")
        if not self.calendar:
            raise ValueError(f"a calendar is {ALWAYS}, {FX}, or an exchange's name such as XNYS")

    @classmethod
    def of(cls, given: str | Mapping[str, Any] | FreshnessPolicy) -> FreshnessPolicy:
        """Read `"2h"`, or a mapping with `within` and perhaps `calendar`; ValueError when it is neither."""
        if isinstance(given, FreshnessPolicy):
            return given
        if isinstance(given, str):
            return cls(given)
        if unknown := sorted(set(given) - {"within", "calendar"}):
            raise ValueError(f"a freshness has within and calendar, not {', '.join(unknown)}")
        return cls(str(given.get("within", "")), str(given.get("calendar", ALWAYS)))

    @property
    def within_ns(self) -> int:
        """The length in nanoseconds."""
        match = _LENGTH.fullmatch(self.within)
        return int(match[1]) * UNIT_SECONDS[match[2]] * 10**9 if match else 0

    def __str__(self) -> str:
        """Return how a listing shows it: `2h, FX`."""
        return self.within if self.calendar == ALWAYS else f"{self.within}, {self.calendar}"


def lateness_ns(policy: FreshnessPolicy, last_ns: int, step_ns: int, now_ns: int) -> int | None:
    """Return for how long data has been late, in nanoseconds; None while it is not.

    The next row after the last one is that of the first moment in which the market is open again. It is complete a
    step later, and late when it is still not there `within` after that.

    Args:
        policy: How late is late.
        last_ns: Time of the newest row.
        step_ns: How much time one row covers; 0 for events.
        now_ns: The present.

    Raises:
        CalendarError: The calendar is unknown, or its package is not installed.
    """
    covered = last_ns + step_ns
    if now_ns <= covered + policy.within_ns:
        return None
    opens = next_open_ns(policy.calendar, covered)
    # Bars stand on their own grid, whatever the hour at which a market opens.
    complete = covered + ((opens - covered) // step_ns + 1) * step_ns if step_ns else opens
    late = now_ns - complete - policy.within_ns
    return late if late > 0 else None


def next_open_ns(calendar: str, from_ns: int) -> int:
    """Return the first moment at or after `from_ns` in which a market is open; CalendarError for an unknown one."""
    if calendar == ALWAYS:
        return from_ns
    if calendar == FX:
        return _next_fx_ns(from_ns)
    return _next_session_ns(calendar, from_ns)


def _next_fx_ns(from_ns: int) -> int:
    moment = dt.datetime.fromtimestamp(from_ns // 10**9, ZoneInfo(_NEW_YORK))
    day, hour = moment.weekday(), moment.time()
    if not (day == _SATURDAY or (day == _FRIDAY and hour >= _FX_TURN) or (day == _SUNDAY and hour < _FX_TURN)):
        return from_ns
    sunday = moment.date() + dt.timedelta(days=_SUNDAY - day)
    return int(dt.datetime.combine(sunday, _FX_TURN, ZoneInfo(_NEW_YORK)).timestamp()) * 10**9


def _next_session_ns(calendar: str, from_ns: int) -> int:
    sessions = _exchange(calendar, dt.datetime.fromtimestamp(from_ns // 10**9, dt.UTC).date().replace(day=1))
    # Breaks, such as Tokyo's at noon, count as open: they are shorter than any sensible `within`.
    for opens, closes in sessions:
        if from_ns < closes:
            return max(from_ns, opens)
    return sessions[-1][1]


@cache
def _exchange(name: str, month: dt.date) -> tuple[tuple[int, int], ...]:
    """Return open and close of an exchange's sessions from the first of a month until well into the next."""
    first, last = month - dt.timedelta(days=_DAYS_AROUND), month + dt.timedelta(days=31 + _DAYS_AROUND)
    return tuple((opens, closed) for opens, closed, _, _ in _sessions(name, first, last, f"{month:%Y-%m}"))


@cache
def _sessions(name: str, first: dt.date, last: dt.date, told: str) -> tuple[tuple[int, int, int, int], ...]:
    """Return open, close, and begin and end of the break (equal where there is none) of sessions, in nanoseconds."""
    try:
        import exchange_calendars
    except ModuleNotFoundError:
        raise CalendarError(
            f"the calendar {name} needs exchange_calendars: pip install 'dl-datalake[calendars]'"
        ) from None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of pandas, at what exchange_calendars still does
            known = exchange_calendars.get_calendar(name, start=first.isoformat(), end=last.isoformat())
    except exchange_calendars.errors.InvalidCalendarName:
        raise CalendarError(f"there is no calendar {name!r}: expected {ALWAYS}, {FX} or such as XNYS") from None
    except (ValueError, NotImplementedError, exchange_calendars.errors.CalendarError) as error:
        raise CalendarError(f"the calendar {name} does not know {told}: {error}") from None
    opens, closed = _ns(known.opens), _ns(known.closes)
    # A session without a break has one of no length, at its open.
    begins, ends = _ns(known.break_starts.fillna(known.opens)), _ns(known.break_ends.fillna(known.opens))
    return tuple(zip(opens, closed, begins, ends, strict=True))


def _ns(times: Any) -> list[int]:  # noqa: ANN401 -- of an optional package
    return list(map(int, times.dt.as_unit("ns").astype("int64")))


def refuse_unknown(calendar: str) -> None:
    """Raise CalendarError for a calendar that there is not, or that cannot be had here."""
    if calendar not in {ALWAYS, FX}:
        _sessions(calendar, dt.date(2024, 1, 1), dt.date(2024, 12, 31), "2024")


def open_spans(calendar: str, start_ns: int, end_ns: int) -> list[Span]:
    """Return when a market is open in [start, end): half-open spans in order, breaks left out.

    Raises:
        CalendarError: The calendar is unknown, does not reach that far, or its package is not installed.
    """
    if end_ns <= start_ns:
        return []
    if calendar == ALWAYS:
        return [(start_ns, end_ns)]
    spans = _fx_weeks(start_ns, end_ns) if calendar == FX else _without_breaks(calendar, start_ns, end_ns)
    return [(max(a, start_ns), min(b, end_ns)) for a, b in spans if a < end_ns and b > start_ns]


def closes(calendar: str, start_ns: int, end_ns: int) -> list[int] | None:
    """Return the ends of the trading days in (start, end], by which a bar of a day or more is told to be due.

    None for a market that never closes. A day of FX ends at 17:00 in New York.

    Raises:
        CalendarError: As for `open_spans`.
    """
    if calendar == ALWAYS:
        return None
    if calendar == FX:
        ends = [_turn(day) for day in _days(start_ns, end_ns) if day.weekday() not in {_SATURDAY, _SUNDAY}]
    else:
        ends = [closed for _, closed, _, _ in _between(calendar, start_ns, end_ns)]
    return [each for each in ends if start_ns < each <= end_ns]


def _fx_weeks(start_ns: int, end_ns: int) -> list[Span]:
    sundays = [day for day in _days(start_ns - _WEEK_NS, end_ns) if day.weekday() == _SUNDAY]
    return [(_turn(day), _turn(day + dt.timedelta(days=_FRIDAY - _SUNDAY + 7))) for day in sundays]


def _without_breaks(calendar: str, start_ns: int, end_ns: int) -> list[Span]:
    spans: list[Span] = []
    for opens, closed, begins, ends in _between(calendar, start_ns, end_ns):
        for a, b in ((opens, begins), (ends, closed)):
            if a >= b:
                continue
            if spans and spans[-1][1] >= a:
                spans[-1] = (spans[-1][0], b)  # those of a market that is open around the clock meet
            else:
                spans.append((a, b))
    return spans


def _between(calendar: str, start_ns: int, end_ns: int) -> list[tuple[int, int, int, int]]:
    days = _days(start_ns, end_ns)
    # Whole years, so that a calendar is made once for many questions.
    first, last = days[0].year, days[-1].year
    found = _sessions(calendar, dt.date(first, 1, 1), dt.date(last, 12, 31), f"{first} to {last}")
    return [each for each in found if each[0] < end_ns and each[1] >= start_ns]


def _days(start_ns: int, end_ns: int) -> list[dt.date]:
    """Return the days that a range touches in UTC, and one more on each side."""
    first, last = (dt.datetime.fromtimestamp(ns // 10**9, dt.UTC).date() for ns in (start_ns, end_ns))
    return [first + dt.timedelta(days=number) for number in range(-1, (last - first).days + 2)]


def _turn(day: dt.date) -> int:
    """Return 17:00 of a day in New York."""
    return int(dt.datetime.combine(day, _FX_TURN, ZoneInfo(_NEW_YORK)).timestamp()) * 10**9
