"""Periods (`1m`, `4h`, `1mo`, `1m-bid`, `1d-split`) and grains (how long a partition is)."""

from __future__ import annotations

import calendar
import datetime as dt
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

Grain = Literal["day", "month", "year"]

UNIT_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
"""The units of a length of time that is the same at all times."""
_LARGER = {"s": (60, "m"), "m": (60, "h"), "h": (24, "d")}
SIDES = ("bid", "ask", "mid", "mark", "index", "premium")
ADJUSTMENTS = ("split", "total")
_PATTERN = re.compile(
    rf"(?P<n>[1-9][0-9]{{0,4}})(?P<unit>mo|[smhdw])(?P<side>-(?:{'|'.join(SIDES)}))?(?P<adj>-(?:{'|'.join(ADJUSTMENTS)}))?"
)
_MICRO = 1_000_000
_DAY_US = 86_400_000_000
_EPOCH = dt.date(1970, 1, 1)
_MONDAY_US = -3 * _DAY_US


@dataclass(frozen=True, slots=True)
class Period:
    """The length of a bar with what else is part of its identity: price side and adjustment."""

    n: int
    unit: str
    side: str = ""
    adjustment: str = ""

    @classmethod
    @lru_cache(maxsize=1024)
    def parse(cls, text: str) -> Period:
        """Parse `1m`, `1mo`, `1m-bid`, `1d-split`, `1d-bid-total`; ValueError says what is expected.

        One length has one name: `60s` is read as `1m`, `60m` as `1h`, `24h` as `1d`.
        """
        match = _PATTERN.fullmatch(text)
        if not match:
            msg = f"{text!r} is not a period: expected <n><unit>, unit one of s m h d w mo, such as 1m, 4h or 1d-split"
            raise ValueError(msg)
        side, adjustment = (match[g][1:] if match[g] else "" for g in ("side", "adj"))
        n, unit = int(match["n"]), match["unit"]
        while unit in _LARGER and n % _LARGER[unit][0] == 0:
            n, unit = n // _LARGER[unit][0], _LARGER[unit][1]
        return cls(n, unit, side, adjustment)

    def __str__(self) -> str:
        """Return the canonical text, which `parse` reads back."""
        return f"{self.n}{self.unit}" + "".join(f"-{s}" for s in (self.side, self.adjustment) if s)

    @property
    def fixed_us(self) -> int | None:
        """Length in microseconds, or None for months, which have no fixed length."""
        return None if self.unit == "mo" else self.n * UNIT_SECONDS[self.unit] * _MICRO

    @property
    def grid_us(self) -> int | None:
        """The grid its bars' opens lie on: the length for periods below a day, else None (any label goes)."""
        return self.fixed_us if self.unit in "smh" and self.n * UNIT_SECONDS[self.unit] < UNIT_SECONDS["d"] else None

    @property
    def grain(self) -> Grain:
        """Day up to 1m; month above 1m and below 1d; year from 1d up."""
        seconds = 30 * UNIT_SECONDS["d"] if self.unit == "mo" else self.n * UNIT_SECONDS[self.unit]
        if seconds <= UNIT_SECONDS["m"]:
            return "day"
        return "month" if seconds < UNIT_SECONDS["d"] else "year"

    def bucket_start_us(self, at_us: int) -> int:
        """Return where the bucket begins that a time, in microseconds since the epoch, falls into.

        Buckets are cut in UTC from the epoch on, weeks on Mondays, months by the calendar.
        """
        if self.unit == "mo":
            day = _EPOCH + dt.timedelta(days=at_us // _DAY_US)
            months = (day.year - _EPOCH.year) * 12 + day.month - 1
            years, month = divmod(months // self.n * self.n, 12)
            return (dt.date(_EPOCH.year + years, month + 1, 1) - _EPOCH).days * _DAY_US
        length = self.n * UNIT_SECONDS[self.unit] * _MICRO
        origin = _MONDAY_US if self.unit == "w" else 0
        return (at_us - origin) // length * length + origin

    def later_us(self, at_us: int) -> int:
        """Return the time one period later, in microseconds since the epoch: where a bar that opens then closes.

        Months go by the calendar; a day that the later month lacks is its last.
        """
        if self.fixed_us is not None:
            return at_us + self.fixed_us
        days, time_us = divmod(at_us, _DAY_US)
        day = _EPOCH + dt.timedelta(days=days)
        years, month = divmod(day.month - 1 + self.n, 12)
        last = calendar.monthrange(day.year + years, month + 1)[1]
        later = dt.date(day.year + years, month + 1, min(day.day, last))
        return (later - _EPOCH).days * _DAY_US + time_us

    @property
    def splits_days(self) -> bool:
        """Whether each bucket lies in one UTC day, or is made of whole ones."""
        length = self.fixed_us
        return length is None or length % _DAY_US == 0 or _DAY_US % length == 0


def from_step(step_us: int) -> Period | None:
    """Return the period whose bars are `step_us` microseconds apart; None when no usual period is.

    Steps of 28 to 31 days are a month.
    """
    day = UNIT_SECONDS["d"] * _MICRO
    if 28 * day <= step_us <= 31 * day:
        return Period(1, "mo")
    if step_us <= 0 or step_us % _MICRO:
        return None
    for unit in ("w", "d", "h", "m", "s"):
        count, rest = divmod(step_us, UNIT_SECONDS[unit] * _MICRO)
        if count and not rest:
            limit = {"w": 1, "d": 6, "h": 23, "m": 59, "s": 59}[unit]
            return Period(count, unit) if count <= limit else None
    return None
