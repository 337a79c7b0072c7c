"""Formats told as strptime tells them: Python's own strptime is the witness."""

from __future__ import annotations

import datetime as dt

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lake.sources.patterns import Pattern, format_told
from lake.sources.times import TextFormat

FORMATS = (
    "%d.%m.%Y %H:%M",
    "%d %b %Y %I:%M %p",
    "%B %d, %Y",
    "%y%m%d %H%M%S",
    "%a %d-%b-%y %H:%M:%S",
    "%Y-%m-%dT%H:%M:%S",
)
EPOCH = dt.datetime(1970, 1, 1)  # noqa: DTZ001 -- a wall clock's


def ns_of(moment: dt.datetime) -> int:
    delta = moment - EPOCH
    return (delta.days * 86_400 + delta.seconds) * 10**9 + delta.microseconds * 1000


@given(st.datetimes(dt.datetime(1970, 1, 1), dt.datetime(2060, 12, 31)), st.sampled_from(FORMATS))  # noqa: DTZ001 -- the same
def test_what_strftime_writes_is_read_as_strptime_reads_it(moment: dt.datetime, form: str) -> None:
    text = moment.strftime(form)
    expected = ns_of(dt.datetime.strptime(text, form))  # noqa: DTZ007 -- the same
    pattern = Pattern(form)
    assert pattern.one(text) == expected
    ns, ok = pattern.many(pa.array([text, text]))
    assert (ns.tolist(), ok.tolist()) == ([expected] * 2, [True] * 2)


@pytest.mark.parametrize(
    ("form", "text", "expected"),
    [
        ("%d.%m.%Y %H:%M:%S.%f", "13.03.2024 14:30:00.123456789", 1_710_340_200_123_456_789),
        ("%d.%m.%Y %H:%M:%S.%f", "13.03.2024 14:30:00.5", 1_710_340_200_500_000_000),
        ("%Y-%m-%d %H:%M%z", "2024-03-13 16:30+02:00", 1_710_340_200_000_000_000),
        ("%Y-%m-%d %H:%M%z", "2024-03-13 14:30Z", 1_710_340_200_000_000_000),
        ("%d %b %Y", "13 MAR 2024", 1_710_288_000_000_000_000),
        ("%d.%m.%Y", "31.02.2024", None),
        ("%d.%m.%Y", "0.02.2024", None),
        ("%d.%m.%Y %H:%M", "13.03.2024 24:00", None),
        ("%d.%m.%Y %I:%M %p", "13.03.2024 13:00 PM", None),
        ("%d.%m.%Y", "13.03.2024 14:30", None),
        ("%d.%m.%Y", "13.03.1799", None),
        ("%d.%m.%Y", "13-03-2024", None),
    ],
)
def test_both_ways_read_the_same_and_refuse_the_same(form: str, text: str, expected: int | None) -> None:
    pattern = Pattern(form)
    assert pattern.one(text) == expected
    good = EPOCH.strftime(form.replace("%z", "")) + ("Z" if "%z" in form else "")
    ns, ok = pattern.many(pa.array([text, good]))
    assert ok.tolist() == [expected is not None, True]
    assert ns.tolist() == [expected or 0, 0]


@pytest.mark.parametrize(
    "form", ["%H:%M", "%d.%m", "%d.%m.%Y %Q", "%d.%m.%Y %I:%M", "%Y %y %m %d", "%d %d %m %Y", "%d.%m.%Y %M"]
)
def test_what_names_no_time_is_refused(form: str) -> None:
    with pytest.raises(ValueError, match="%"):
        Pattern(form)


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ("YYYY-MM-DD HH:MM:SS", "2024-03-13 14:30:00"),
        ("DD.MM.YYYY HH:MM", "13.03.2024 14:30"),
        ("MM/DD/YYYY HH:MM:SS.fff", "03/13/2024 14:30:00.000"),
        ("YYYYMMDD HHMMSS", "20240313 143000"),
        ("YYYYMMDDHHMMSS", "20240313143000"),
        ("YYYY-MM-DDTHH:MM:SSZ", "2024-03-13T14:30:00Z"),
        ("%d.%m.%Y %H:%M", "13.03.2024 14:30"),
    ],
)
def test_a_format_may_be_told_in_words(words: str, text: str) -> None:
    assert format_told(words).one(text) == 1_710_340_200_000_000_000


def test_a_format_is_told_as_it_is_shown() -> None:
    for form in (TextFormat("dmy", ".", gap=True, clock=":"), TextFormat("ymd", "-", gap=True, clock=":", aware=True)):
        assert format_told(str(form)) == form
    with pytest.raises(ValueError, match="not a format"):
        format_told("day, then month")
