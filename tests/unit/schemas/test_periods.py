"""Periods: their one name, length, grid, grain, and how they are told from the data."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pytest

from schemas.periods import Period, from_step

SECOND = 1_000_000
MINUTE, HOUR, DAY = 60 * SECOND, 3600 * SECOND, 86_400 * SECOND


@pytest.mark.parametrize(
    ("text", "name", "grid_us", "grain"),
    [
        ("1s", "1s", SECOND, "day"),
        ("30s", "30s", 30 * SECOND, "day"),
        ("1m", "1m", MINUTE, "day"),
        ("60s", "1m", MINUTE, "day"),
        ("90s", "90s", 90 * SECOND, "month"),
        ("3m", "3m", 3 * MINUTE, "month"),
        ("60m", "1h", HOUR, "month"),
        ("240m", "4h", 4 * HOUR, "month"),
        ("12h", "12h", 12 * HOUR, "month"),
        ("24h", "1d", None, "year"),
        ("1440m", "1d", None, "year"),
        ("86400s", "1d", None, "year"),
        ("1d", "1d", None, "year"),
        ("7d", "7d", None, "year"),
        ("1w", "1w", None, "year"),
        ("1mo", "1mo", None, "year"),
        ("1m-bid", "1m-bid", MINUTE, "day"),
        ("60m-mark-split", "1h-mark-split", HOUR, "month"),
        ("1d-total", "1d-total", None, "year"),
    ],
)
def test_period(text: str, name: str, grid_us: int | None, grain: str) -> None:
    period = Period.parse(text)
    assert (str(period), period.grid_us, period.grain) == (name, grid_us, grain)


def test_side_and_adjustment_are_parts_of_the_identity() -> None:
    names = ["1m", "1m-bid", "1m-ask", "1m-split", "1m-bid-split"]
    assert len({Period.parse(name) for name in names}) == len(names)


def test_months_have_no_fixed_length() -> None:
    assert Period.parse("1mo").fixed_us is None
    assert Period.parse("1w").fixed_us == 7 * DAY


@pytest.mark.parametrize(
    "text",
    ["", "m", "0m", "01m", "1M", "1 m", "-1m", "1y", "1m-", "1m-foo", "1m-split-bid", "1m-bid-ask", "1m\n", "\uff11m"],
)
def test_what_is_not_a_period_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a period"):
        Period.parse(text)


@pytest.mark.parametrize(
    ("step_us", "name"),
    [
        (SECOND, "1s"),
        (MINUTE, "1m"),
        (5 * MINUTE, "5m"),
        (HOUR, "1h"),
        (4 * HOUR, "4h"),
        (DAY, "1d"),
        (3 * DAY, "3d"),
        (7 * DAY, "1w"),
        (28 * DAY, "1mo"),
        (30 * DAY, "1mo"),
        (31 * DAY, "1mo"),
    ],
)
def test_the_period_of_a_step(step_us: int, name: str) -> None:
    assert str(from_step(step_us)) == name


@pytest.mark.parametrize("step_us", [0, -MINUTE, 1, SECOND + 1, 90 * MINUTE, 25 * HOUR, 8 * DAY, 14 * DAY, 365 * DAY])
def test_a_step_of_no_usual_period_is_not_guessed(step_us: int) -> None:
    assert from_step(step_us) is None


@pytest.mark.parametrize(
    ("period", "at", "start"),
    [
        ("5m", "2024-03-05T14:33:20", "2024-03-05T14:30:00"),
        ("7m", "2024-03-01T00:01:00", "2024-02-29T23:55:00"),  # 00:02 is minute 28 487 522 = 7 * 4 069 646 since 1970
        ("1h", "1969-12-31T23:59:59", "1969-12-31T23:00:00"),
        ("1d", "2024-03-05T14:33:20", "2024-03-05T00:00:00"),
        ("1w", "2025-01-01T10:00:00", "2024-12-30T00:00:00"),  # a Monday, by `cal 12 2024`
        ("1w", "1970-01-01T00:00:00", "1969-12-29T00:00:00"),
        ("1mo", "2024-02-29T23:59:59", "2024-02-01T00:00:00"),
        ("3mo", "2024-12-31T00:00:00", "2024-10-01T00:00:00"),
        ("1mo", "1969-12-31T00:00:00", "1969-12-01T00:00:00"),
    ],
)
def test_a_bucket_begins_in_utc_weeks_on_mondays_months_by_the_calendar(period: str, at: str, start: str) -> None:
    def us(text: str) -> int:
        return round(dt.datetime.fromisoformat(f"{text}+00:00").timestamp()) * 1_000_000

    assert Period.parse(period).bucket_start_us(us(at)) == us(start)


def test_buckets_that_reach_over_midnight_are_told() -> None:
    texts = ("1s", "7s", "1m", "7m", "30m", "5h", "12h", "1d", "3d", "1w", "1mo")
    assert [text for text in texts if not Period.parse(text).splits_days] == ["7s", "7m", "5h"]


@pytest.mark.parametrize(
    ("period", "opened", "closed"),
    [
        ("1m", "2024-02-29T23:59:00", "2024-03-01T00:00:00"),
        ("1d", "2024-12-31T22:00:00", "2025-01-01T22:00:00"),
        ("1mo", "2024-01-31T22:00:00", "2024-02-29T22:00:00"),
        ("1mo", "2024-12-01T00:00:00", "2025-01-01T00:00:00"),
        ("3mo", "1969-11-01T00:00:00", "1970-02-01T00:00:00"),
        ("14mo", "2023-12-31T00:00:00", "2025-02-28T00:00:00"),
    ],
)
def test_a_bar_closes_one_period_later(period: str, opened: str, closed: str) -> None:
    start, end = (np.datetime64(text, "us").astype(int) for text in (opened, closed))
    assert Period.parse(period).later_us(int(start)) == end
