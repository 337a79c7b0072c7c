from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dl_datalake.dates import DateLike, format_ns, format_short, parse_as_of, parse_ns, parse_range
from lake.errors import LakeError

NOW = 1_700_000_000 * 10**9
FIFTH = 1_709_596_800 * 10**9  # 2024-03-05T00:00Z
TEN = FIFTH + 10 * 3600 * 10**9
EAST = dt.timezone(dt.timedelta(hours=3))


@pytest.mark.parametrize(
    ("text", "ns"),
    [
        ("1970", 0),
        ("2024", 1_704_067_200 * 10**9),
        ("2024-03", FIFTH - 4 * 86_400 * 10**9),
        ("2024-03-05", FIFTH),
        ("2024-03-05T10:00", TEN),
        ("2024-03-05T10:00Z", TEN),
        ("2024-03-05 10:00:00", TEN),
        ("2024-03-05T10:00:00.000000001Z", TEN + 1),
        ("2024-03-05T10:00:00.5", TEN + 500_000_000),
        ("2024-03-05T13:00+03:00", TEN),
        ("2024-03-05T04:30-0530", TEN),
        ("1969-12-31T23:59:59.999999999Z", -1),
        ("now", NOW),
        ("-7d", NOW - 7 * 86_400 * 10**9),
        ("-90m", NOW - 5400 * 10**9),
    ],
)
def test_text_names_an_instant(text: str, ns: int) -> None:
    assert parse_ns(text, now_ns=NOW) == ns


@pytest.mark.parametrize(
    ("value", "ns"),
    [
        (dt.date(2024, 3, 5), FIFTH),
        (dt.datetime(2024, 3, 5, 10), TEN),  # noqa: DTZ001 - naive is the point
        (dt.datetime(2024, 3, 5, 13, tzinfo=EAST), TEN),
        (dt.datetime(2024, 3, 5, 10, 0, 0, 1, tzinfo=dt.UTC), TEN + 1000),
        (pd.Timestamp("2024-03-05T10:00"), TEN),
        (pd.Timestamp("2024-03-05T10:00:00.000000001Z"), TEN + 1),
        (pd.Timestamp("2024-03-05T13:00+03:00"), TEN),
        (pd.Timestamp("2024-03-05").as_unit("s"), FIFTH),
    ],
    ids=str,
)
def test_object_names_an_instant(value: DateLike, ns: int) -> None:
    assert parse_ns(value) == ns


@pytest.mark.parametrize(
    "value",
    [
        "",
        "24",
        "2024-13",
        "2024-02-30",
        "2024-3-5",
        "2024-03-05T25:00",
        "7d",
        "yesterday",
        "2024-03-05T10",
        "3000",
        5,
        None,
    ],
)
def test_what_is_no_date_is_refused(value: DateLike) -> None:
    with pytest.raises(LakeError) as caught:
        parse_ns(value)
    assert (caught.value.code, caught.value.exit) == ("E_BAD_DATE", 2)


def test_nat_is_no_date() -> None:
    with pytest.raises(LakeError, match="NaT"):
        parse_ns(pd.NaT)  # type: ignore[arg-type]  # its stub says it is no datetime; it is


@given(st.integers(-(2**63) + 2 * 10**18, 2**63 - 1))
def test_text_and_nanoseconds_are_the_same_thing(ns: int) -> None:
    assert parse_ns(format_ns(ns)) == ns
    assert format_ns(ns) == f"{np.datetime64(ns, 'ns')}Z"


def test_short_form_is_as_fine_as_it_needs() -> None:
    assert format_short(TEN) == "2024-03-05 10:00"
    assert format_short(TEN + 5 * 10**9) == "2024-03-05 10:00:05"
    assert format_short(TEN + 250_000_000) == "2024-03-05 10:00:00.25"


def test_range_needs_room() -> None:
    assert parse_range("2024-03-05", "2024-03-05T10:00") == (FIFTH, TEN)
    assert parse_range(None, "2024-03-05") == (None, FIFTH)
    for end in ("2024-03-05", "2024-03-04"):
        with pytest.raises(LakeError, match="nothing lies between"):
            parse_range("2024-03-05", end)


def test_as_of_is_a_number_or_a_time() -> None:
    assert parse_as_of(12) == parse_as_of("12") == parse_as_of(" 12 ") == 12
    assert parse_as_of("2024-03") == "2024-03-01T00:00:00.000000000Z"
    assert parse_as_of(dt.date(2024, 3, 5)) == "2024-03-05T00:00:00.000000000Z"
