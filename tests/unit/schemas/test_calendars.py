"""Calendars: when data is late, against hours counted by hand."""

from __future__ import annotations

import datetime as dt
import sys

import pytest

from schemas.calendars import CalendarError, FreshnessPolicy, lateness_ns, next_open_ns

MINUTE, HOUR, DAY = 60 * 10**9, 3600 * 10**9, 86_400 * 10**9


def at(text: str) -> int:
    return int(dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC).timestamp()) * 10**9


def test_around_the_clock_a_bar_is_due_when_its_step_is_over() -> None:
    policy = FreshnessPolicy("2h")
    last = at("2024-03-05T10:00")  # covers until 10:01; the bar of 10:01 is complete at 10:02, and late from 12:02 on
    assert lateness_ns(policy, last, MINUTE, at("2024-03-05T12:02")) is None
    assert lateness_ns(policy, last, MINUTE, at("2024-03-05T12:05")) == 3 * MINUTE
    assert lateness_ns(policy, last, 0, at("2024-03-05T12:01")) == MINUTE


def test_the_week_end_of_fx_is_no_delay() -> None:
    policy = FreshnessPolicy("1h", "FX")
    friday = at("2024-03-08T21:59")  # New York is at UTC-5: 17:00 is 22:00 UTC; from the 10th of March on it is 21:00
    assert lateness_ns(policy, friday, MINUTE, at("2024-03-10T20:30")) is None
    assert lateness_ns(policy, friday, MINUTE, at("2024-03-10T22:01")) is None
    assert lateness_ns(policy, friday, MINUTE, at("2024-03-10T22:31")) == 30 * MINUTE
    assert next_open_ns("FX", at("2024-03-09T12:00")) == at("2024-03-10T21:00")
    assert next_open_ns("FX", at("2024-03-07T03:00")) == at("2024-03-07T03:00")


def test_an_exchange_owes_nothing_outside_its_sessions() -> None:
    pytest.importorskip("exchange_calendars")
    policy = FreshnessPolicy("1h", "XNYS")
    # Good Friday 2024 was the 29th of March: after Thursday's close at 20:00 UTC, Monday opens at 13:30 UTC.
    thursday = at("2024-03-28T19:59")
    assert next_open_ns("XNYS", thursday + MINUTE) == at("2024-04-01T13:30")
    assert lateness_ns(policy, thursday, MINUTE, at("2024-04-01T14:31")) is None
    assert lateness_ns(policy, thursday, MINUTE, at("2024-04-01T14:41")) == 10 * MINUTE
    # A day's bar is due when the day is over.
    assert lateness_ns(policy, at("2024-03-28T00:00"), DAY, at("2024-04-02T00:59")) is None
    assert lateness_ns(policy, at("2024-03-28T00:00"), DAY, at("2024-04-02T02:00")) == HOUR


def test_what_is_no_calendar_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(CalendarError, match="no calendar 'MOON'"):
        next_open_ns("MOON", 0)
    with pytest.raises(CalendarError, match="AIXK does not know 2000-02"):
        next_open_ns("AIXK", at("2000-02-02T00:00"))
    monkeypatch.setitem(sys.modules, "exchange_calendars", None)
    with pytest.raises(CalendarError, match=r"pip install 'dl-datalake\[calendars\]'"):
        next_open_ns("XLON", 0)


@pytest.mark.parametrize("given", ["", "2 hours", "0h", {"within": "2h", "calender": "FX"}, {"calendar": "FX"}])
def test_what_is_no_freshness_is_refused(given: str | dict[str, str]) -> None:
    with pytest.raises(ValueError, match=r"within|length of time"):
        FreshnessPolicy.of(given)


def test_a_freshness_is_read_and_shown() -> None:
    policy = FreshnessPolicy.of({"within": "90m", "calendar": "FX"})
    assert (str(policy), policy.within_ns, FreshnessPolicy.of(policy)) == ("90m, FX", 90 * MINUTE, policy)
    assert str(FreshnessPolicy.of("1w")) == "1w"
    with pytest.raises(ValueError, match="a calendar is"):
        FreshnessPolicy("1w", "")
