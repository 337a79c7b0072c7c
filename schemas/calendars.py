"""When data is due: how late is late, counted by the hours in which a market is open.

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
    try:
        import exchange_calendars
    except ModuleNotFoundError:
        raise CalendarError(
            f"the calendar {name} needs exchange_calendars: pip install 'dl-datalake[calendars]'"
        ) from None
    first, last = month - dt.timedelta(days=_DAYS_AROUND), month + dt.timedelta(days=31 + _DAYS_AROUND)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of pandas, at what exchange_calendars still does
            known = exchange_calendars.get_calendar(name, start=first.isoformat(), end=last.isoformat())
    except exchange_calendars.errors.InvalidCalendarName:
        raise CalendarError(f"there is no calendar {name!r}: expected {ALWAYS}, {FX} or such as XNYS") from None
    except (ValueError, NotImplementedError, exchange_calendars.errors.CalendarError) as error:
        raise CalendarError(f"the calendar {name} does not know {month:%Y-%m}: {error}") from None
    opens, closes = (column.dt.as_unit("ns").astype("int64") for column in (known.opens, known.closes))
    return tuple(zip(map(int, opens), map(int, closes), strict=True))
