"""Sessions: days of a zone and of an exchange; what is made of what."""

from __future__ import annotations

import datetime as dt
import sys

import numpy as np
import pytest

from lake.aggregate.buckets import Buckets, Sessions
from lake.errors import LakeError
from schemas.periods import Period


def us(text: str) -> int:
    return int(dt.datetime.fromisoformat(f"{text}+00:00").timestamp()) * 1_000_000


def text(at_us: int) -> str:
    return dt.datetime.fromtimestamp(at_us / 1e6, dt.UTC).strftime("%Y-%m-%dT%H:%M")


def span(buckets: Buckets, at: str) -> tuple[str, str]:
    starts = buckets.starts(np.array([us(at)]))
    return text(int(starts[0])), text(int(buckets.ends(starts)[0]))


FX = Sessions.of_zone("America/New_York", 17 * 3600, us("2024-01-01T00:00"), us("2024-12-31T00:00"))


@pytest.mark.parametrize(
    ("period", "at", "start", "end"),
    [
        ("1d", "2024-03-08T21:59", "2024-03-07T22:00", "2024-03-08T22:00"),
        ("1d", "2024-03-10T22:00", "2024-03-10T21:00", "2024-03-11T21:00"),  # after the clocks went forward
        ("1d", "2024-03-09T23:00", "2024-03-09T22:00", "2024-03-10T21:00"),  # a day of 23 hours
        ("1d", "2024-11-02T22:00", "2024-11-02T21:00", "2024-11-03T22:00"),  # a day of 25
        ("1w", "2024-03-10T21:00", "2024-03-10T21:00", "2024-03-17T21:00"),  # the week opens on Sunday at 17:00
        ("1w", "2024-03-10T20:59", "2024-03-03T22:00", "2024-03-10T21:00"),
        ("1mo", "2024-02-29T22:00", "2024-02-29T22:00", "2024-03-31T21:00"),
    ],
)
def test_fx_days_begin_at_17_in_new_york(period: str, at: str, start: str, end: str) -> None:
    assert span(Buckets(Period.parse(period), FX), at) == (start, end)


def test_an_exchange_s_days_are_its_sessions() -> None:
    sessions = Sessions.of_calendar("XNYS", us("2024-06-24T00:00"), us("2024-07-08T00:00"))
    days = Buckets(Period.parse("1d"), sessions)
    assert span(days, "2024-07-03T15:00") == ("2024-07-03T13:30", "2024-07-03T17:00")  # closes early, before the 4th
    weeks = Buckets(Period.parse("1w"), sessions)
    assert span(weeks, "2024-07-05T15:00") == ("2024-07-01T13:30", "2024-07-05T20:00")
    outside = days.starts(np.array([us("2024-07-03T18:00"), us("2024-07-04T15:00"), us("2024-07-06T15:00")]))
    assert (outside == np.iinfo(np.int64).min).all()


def test_an_unknown_zone_or_calendar_is_named() -> None:
    with pytest.raises(LakeError, match="no time zone"):
        Sessions.of_zone("Mars/Olympus", 0, 0, 1)
    with pytest.raises(LakeError, match="NOWHERE"):
        Sessions.of_calendar("NOWHERE", 0, 1)


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "exchange_calendars", None)
    with pytest.raises(LakeError, match="exchange_calendars") as caught:
        Sessions.of_calendar("XNYS", 0, 1)
    assert caught.value.code == "E_MISSING_EXTRA"


def plain(period: str) -> Buckets:
    return Buckets(Period.parse(period))


@pytest.mark.parametrize(
    ("coarse", "fine", "nest"),
    [
        ("5m", "1m", True),
        ("1m", "1m", False),
        ("1m", "5m", False),
        ("15m", "10m", False),
        ("1d", "7m", False),
        ("1w", "1d", True),
        ("1w", "2d", False),
        ("2w", "1w", True),
        ("2w", "2d", False),
        ("1w", "7m", False),
        ("1mo", "1d", True),
        ("1mo", "1w", False),
        ("1mo", "2d", False),
        ("3mo", "1mo", True),
        ("3mo", "2mo", False),
        ("1d", "1mo", False),
    ],
)
def test_what_is_made_of_whole_buckets_of_what(coarse: str, fine: str, nest: bool) -> None:  # noqa: FBT001 -- a case
    assert plain(coarse).nest(plain(fine)) is nest


def test_sessions_are_made_of_what_they_do_not_cut() -> None:
    kolkata = Sessions.of_zone("Asia/Kolkata", 0, us("2024-01-01T00:00"), us("2024-12-31T00:00"))
    days = Buckets(Period.parse("1d"), kolkata)
    assert days.nest(plain("30m"))
    assert not days.nest(plain("1h"))
    assert not days.nest(plain("1d"))
    assert Buckets(Period.parse("1w"), kolkata).nest(days)
    assert not plain("1w").nest(days)
    assert not Buckets(Period.parse("1w"), FX).nest(days)
