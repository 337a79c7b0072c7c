"""Open hours of a range, against asking of every minute whether the market is open in it."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from schemas.calendars import ALWAYS, FX, closes, open_spans

MINUTE, DAY = 60 * 10**9, 86_400 * 10**9
NEW_YORK = ZoneInfo("America/New_York")
EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


def minute_of(text: str) -> int:
    return int(dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC).timestamp()) // 60


def fx_is_open(minute: int) -> bool:
    """Tell by the wall clock in New York whether the week is on in a minute."""
    wall = (EPOCH + dt.timedelta(minutes=minute)).astimezone(NEW_YORK)
    hours = wall.weekday() * 24 + wall.hour
    return hours < 4 * 24 + 17 or hours >= 6 * 24 + 17


def minutes_in(spans: list[tuple[int, int]], first: int, count: int) -> set[int]:
    return {
        minute
        for minute in range(first, first + count)
        if any(a < (minute + 1) * MINUTE and b > minute * MINUTE for a, b in spans)
    }


def assert_sound(spans: list[tuple[int, int]], start: int, end: int) -> None:
    edges = [edge for span in spans for edge in span]
    assert edges == sorted(set(edges))
    assert not edges or (edges[0] >= start and edges[-1] <= end)


@settings(max_examples=60, deadline=None)
@given(
    st.integers(minute_of("1990-01-01"), minute_of("2030-01-01")),
    st.integers(1, 9 * 1440),
)
@example(minute_of("2024-03-08T12:00"), 4 * 1440)  # the clocks go forward on the 10th of March
@example(minute_of("2024-11-01T12:00"), 4 * 1440)  # and back on the 3rd of November
@example(minute_of("2006-03-31T12:00"), 4 * 1440)  # until 2006 on the first Sunday of April
def test_fx_week_is_what_the_wall_clock_in_new_york_says(first: int, count: int) -> None:
    start, end = first * MINUTE, (first + count) * MINUTE
    spans = open_spans(FX, start, end)
    assert_sound(spans, start, end)
    assert minutes_in(spans, first, count) == {m for m in range(first, first + count) if fx_is_open(m)}
    ends = {
        m
        for m in range(first + 1, first + count + 1)
        if (wall := (EPOCH + dt.timedelta(minutes=m)).astimezone(NEW_YORK)).hour == 17
        and wall.minute == 0
        and wall.weekday() < 5
    }
    assert closes(FX, start, end) == [m * MINUTE for m in sorted(ends)]


TOKYO_2024 = {dt.date(2024, 2, 12), dt.date(2024, 2, 23), dt.date(2024, 3, 20)}
"""Holidays of the quarter, by the exchange's own calendar for 2024, but for New Year's days."""


@settings(max_examples=25, deadline=None)
@given(st.integers(minute_of("2024-01-09"), minute_of("2024-03-25")), st.integers(1, 3 * 1440))
def test_tokyo_has_a_break_at_noon(first: int, count: int) -> None:
    pytest.importorskip("exchange_calendars")
    tokyo = ZoneInfo("Asia/Tokyo")

    def is_open(minute: int) -> bool:
        wall = (EPOCH + dt.timedelta(minutes=minute)).astimezone(tokyo)
        clock = wall.hour * 60 + wall.minute
        return wall.weekday() < 5 and wall.date() not in TOKYO_2024 and (540 <= clock < 690 or 750 <= clock < 900)

    start, end = first * MINUTE, (first + count) * MINUTE
    spans = open_spans("XTKS", start, end)
    assert_sound(spans, start, end)
    expected = {m for m in range(first, first + count) if is_open(m) and wall_day(m, tokyo) != dt.date(2024, 1, 8)}
    assert minutes_in(spans, first, count) == expected


def wall_day(minute: int, zone: ZoneInfo) -> dt.date:
    return (EPOCH + dt.timedelta(minutes=minute)).astimezone(zone).date()


@settings(max_examples=25, deadline=None)
@given(st.integers(minute_of("2024-03-01"), minute_of("2024-03-22")), st.integers(1, 5 * 1440))
def test_new_york_goes_by_its_own_clock_through_the_change_of_time(first: int, count: int) -> None:
    pytest.importorskip("exchange_calendars")

    def is_open(minute: int) -> bool:
        wall = (EPOCH + dt.timedelta(minutes=minute)).astimezone(NEW_YORK)
        return wall.weekday() < 5 and 570 <= wall.hour * 60 + wall.minute < 960

    spans = open_spans("XNYS", first * MINUTE, (first + count) * MINUTE)
    assert minutes_in(spans, first, count) == {m for m in range(first, first + count) if is_open(m)}


def test_around_the_clock_is_one_span_without_an_end_of_day() -> None:
    assert open_spans(ALWAYS, 5, 5) == []
    assert open_spans(ALWAYS, 5, DAY) == [(5, DAY)]
    assert closes(ALWAYS, 0, DAY) is None


def test_moscow_is_open_in_its_main_session() -> None:
    pytest.importorskip("exchange_calendars")
    start = minute_of("2015-03-06") * MINUTE
    hours = [(a - start) / 3.6e12 for span in open_spans("XMOS", start, start + 4 * DAY) for a in span]
    assert hours == [7, 15.75]  # a Friday; Monday the 9th was a holiday, for the 8th of March
