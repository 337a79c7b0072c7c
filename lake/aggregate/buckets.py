"""Where buckets begin, for whole arrays of times; `schemas.periods` says the same for one time.

Buckets are cut in UTC from the epoch on, weeks on Mondays, months by the calendar. Days and what is longer may be cut
by sessions instead: the days of a zone, from a time of day on, or the sessions of an exchange's calendar. A session
that begins at noon or later belongs to the next day, as the FX week that opens on Sunday at 17:00 in New York.
"""

from __future__ import annotations

import datetime as dt
import warnings
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import numpy as np

from lake.errors import LakeError
from schemas.keys import DAY_US

if TYPE_CHECKING:
    import numpy.typing as npt

    from schemas.periods import Period

    Times = npt.NDArray[np.int64]
    """Microseconds since the epoch."""

_MONDAY_US = -3 * DAY_US
_EPOCH_ORDINAL = dt.date(1970, 1, 1).toordinal()
_NOON_S = 43_200
_WEEK = 7
MARGIN_DAYS = 400
OUTSIDE = np.iinfo(np.int64).min
"""The bucket of a time outside all sessions."""


@dataclass(frozen=True, slots=True, eq=False)
class Sessions:
    """The sessions around a range: when each opens and ends, and the day it belongs to, in days since 1970-01-01."""

    opens: Times
    ends: Times
    days: Times
    gapless: bool
    zone: str
    """The time zone they are counted in."""

    @classmethod
    def of_zone(cls, zone: str, start_s: int, low_us: int, high_us: int, margin_days: int = MARGIN_DAYS) -> Sessions:
        """Return the days of a zone, cut at `start_s` seconds after local midnight.

        Args:
            zone: Its IANA name.
            start_s: When a day begins.
            low_us: The first time that is asked about.
            high_us: The last one.
            margin_days: How far the longest bucket may reach beyond them.

        Raises:
            LakeError: USAGE when there is no such zone.
        """
        try:
            where = ZoneInfo(zone)
        except (KeyError, ValueError, OSError) as error:
            why = "Zones are named as in the IANA database."
            fix = ["--session-tz America/New_York"]
            raise LakeError("USAGE", f"{zone!r} is no time zone", why=why, fix=fix) from error
        first, last = low_us // DAY_US - margin_days, high_us // DAY_US + margin_days + 1
        clock = dt.time(start_s // 3600, start_s // 60 % 60, tzinfo=where)
        opens = np.array(
            [int(dt.datetime.combine(_day(day), clock).timestamp()) * 1_000_000 for day in range(first, last + 1)],
            np.int64,
        )
        days = np.arange(first, last + 1) + (start_s >= _NOON_S)
        return cls(opens[:-1], opens[1:], days[:-1], gapless=True, zone=zone)

    @classmethod
    def of_calendar(cls, name: str, low_us: int, high_us: int, margin_days: int = MARGIN_DAYS) -> Sessions:
        """Return the sessions of an exchange, from open to close; the other arguments are those of `of_zone`.

        Raises:
            LakeError: MISSING_EXTRA without exchange_calendars, USAGE when it does not know the exchange or the range.
        """
        try:
            import exchange_calendars
        except ImportError as error:
            message = "exchange calendars need the package exchange_calendars"
            raise LakeError("MISSING_EXTRA", message, fix=["pip install 'dl-datalake[calendars]'"]) from error
        low, high = (_day(us // DAY_US + days) for us, days in ((low_us, -margin_days), (high_us, margin_days)))
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of pandas, at what exchange_calendars still does
                known = exchange_calendars.get_calendar(name)
                least, most = known.bound_min(), known.bound_max()
                low = low if least is None else max(low, least.date())
                high = high if most is None else min(high, most.date())
                calendar = exchange_calendars.get_calendar(name, start=low.isoformat(), end=high.isoformat())
        except (ValueError, exchange_calendars.errors.CalendarError) as error:
            why = "Calendars are those of exchange_calendars, by their ISO codes."
            raise LakeError("USAGE", f"{name!r}: {error}", why=why, fix=["--calendar XNYS"]) from error
        schedule = calendar.schedule
        opens, ends = (schedule[column].dt.as_unit("us").astype("int64").to_numpy() for column in ("open", "close"))
        days = schedule.index.to_numpy().astype("datetime64[D]").astype(np.int64)
        return cls(opens, ends, days, gapless=False, zone=str(calendar.tz))

    def index(self, ts: Times) -> Times:
        """Return the session of each time; -1 for one outside all."""
        found = np.searchsorted(self.opens, ts, side="right") - 1
        if not self.gapless:
            found[ts >= self.ends[np.maximum(found, 0)]] = -1
        return found


@dataclass(frozen=True, slots=True)
class Buckets:
    """The buckets of one period."""

    period: Period
    sessions: Sessions | None = None
    """None cuts by UTC; always so below a day."""
    _firsts: Times = field(init=False, repr=False, compare=False)
    """For sessions: the number of the first session of each session's bucket."""

    def __post_init__(self) -> None:
        """Find which sessions make a bucket together."""
        firsts = np.empty(0, np.int64)
        if self.sessions is not None:
            groups = _group_of_day(self.sessions.days, self.period)
            begins = np.r_[True, groups[1:] != groups[:-1]]
            firsts = np.maximum.accumulate(np.where(begins, np.arange(len(groups)), 0))
        object.__setattr__(self, "_firsts", firsts)

    def starts(self, ts: Times) -> Times:
        """Return the open of each time's bucket; `OUTSIDE` for a time outside all sessions."""
        if self.sessions is not None:
            index = self.sessions.index(ts)
            found = self.sessions.opens[self._firsts[index]]
            return found if self.sessions.gapless else np.where(index < 0, OUTSIDE, found)
        if self.period.unit == "mo":
            return _first_days(_group_of_day(ts // DAY_US, self.period), self.period) * DAY_US
        length, origin = self._fixed()
        return (ts - origin) // length * length + origin

    def begun(self, ts: Times) -> Times:
        """Return the open of the bucket that each time is in or, outside all sessions, comes after; or `OUTSIDE`."""
        if self.sessions is None:
            return self.starts(ts)
        index = np.searchsorted(self.sessions.opens, ts, side="right") - 1
        return np.where(index < 0, OUTSIDE, self.sessions.opens[self._firsts[index]])

    def ends(self, starts: Times) -> Times:
        """Return the ends of buckets by their opens."""
        if self.sessions is not None:
            index = np.searchsorted(self.sessions.opens, starts, side="right") - 1
            last = np.searchsorted(self._firsts, self._firsts[index], side="right") - 1
            return self.sessions.ends[last]
        if self.period.unit == "mo":
            groups = _group_of_day(starts // DAY_US, self.period) + 1
            return _first_days(groups, self.period) * DAY_US
        return starts + self._fixed()[0]

    def ceiling(self, at_us: int) -> int:
        """Return the open of the first bucket that begins at or after a time."""
        if self.sessions is not None:
            opens = self.sessions.opens[np.unique(self._firsts)]
            place = int(np.searchsorted(opens, at_us))
            return int(opens[place]) if place < len(opens) else at_us
        at = np.array([at_us], np.int64)
        start = self.starts(at)
        return at_us if int(start[0]) == at_us else int(self.ends(start)[0])

    def nest(self, finer: Buckets) -> bool:
        """Whether each of these buckets is made of whole ones of another, and of more than one."""
        fine, own = finer.period, self.period
        if finer.sessions is not None:
            if self.sessions is None or finer.sessions is not self.sessions:
                return False
            return _nest_by_days(fine, own)
        length = fine.fixed_us
        if length is None:
            return self.sessions is None and own.unit == "mo" and own.n % fine.n == 0 and own.n > fine.n
        if self.sessions is not None:
            borders = np.r_[self.sessions.opens, self.sessions.ends]
            return length < DAY_US and not (borders % length).any()
        origin = finer._fixed()[1]
        if own.unit == "mo":
            return origin == 0 and DAY_US % length == 0
        other, at = self._fixed()
        return other > length and other % length == 0 and (at - origin) % length == 0

    def _fixed(self) -> tuple[int, int]:
        """Return the length, and where the first bucket begins."""
        length = self.period.fixed_us
        if length is None:
            msg = "months have no fixed length"
            raise AssertionError(msg)
        return length, _MONDAY_US if self.period.unit == "w" else 0


def is_long(period: Period) -> bool:
    """Whether a period is a day or longer, so that sessions may cut it."""
    return period.fixed_us is None or period.fixed_us >= DAY_US


def _day(number: int) -> dt.date:
    return dt.date.fromordinal(number + _EPOCH_ORDINAL)


def _nest_by_days(fine: Period, own: Period) -> bool:
    if fine.unit == own.unit:
        return own.n > fine.n and own.n % fine.n == 0
    return fine.unit == "d" and fine.n == 1 and own.unit in {"w", "mo"}


def _group_of_day(days: Times, period: Period) -> Times:
    """Return the number of the bucket that each day, in days since 1970-01-01, belongs to."""
    if period.unit == "mo":
        months = days.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)
        return months // period.n
    if period.unit == "w":
        return (days + 3) // (_WEEK * period.n)
    return days // period.n


def _first_days(groups: Times, period: Period) -> Times:
    """Return the first day of each of some buckets of months."""
    return (groups * period.n).astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)
