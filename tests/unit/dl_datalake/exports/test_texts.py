from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dl_datalake.exports import texts
from schemas.keys import Address


@given(st.lists(st.none() | st.floats(allow_nan=False, allow_infinity=False)))
def test_numbers_read_back_and_have_no_exponent(numbers: list[float | None]) -> None:
    found = texts.plain(pa.array(numbers, pa.float64())).to_pylist()
    assert [None if text is None else float(text) for text in found] == numbers
    assert not [text for text in found if text and "e" in text.lower()]


@pytest.mark.parametrize(
    ("period", "zone", "close", "expected"),
    [
        ("1m", "UTC", False, ["2024-03-31 00:30:00"]),
        ("1m", "UTC", True, ["2024-03-31 00:31:00"]),
        ("1h", "Europe/Moscow", True, ["2024-03-31 04:30:00"]),
        ("1m", "Europe/Berlin", False, ["2024-03-31 01:30:00"]),
        ("1d", "Europe/Berlin", True, ["2024-03-31 00:30:00"]),
        ("1mo", "UTC", True, ["2024-03-31 00:30:00"]),
    ],
)
def test_times_are_shifted_and_dates_are_not(period: str, zone: str, close: bool, expected: list[str]) -> None:  # noqa: FBT001 - pytest passes it by name
    batch = pa.record_batch({"ts": pa.array([1_711_845_000_000_000], pa.timestamp("us", "UTC"))})
    address = Address.of("KRAKEN", "SPOT", "ABC", "bars", period)
    assert texts.moment(texts.SECOND, zone=zone, close=close)(batch, address).to_pylist() == expected


def test_times_before_1970_and_between_seconds_go_down() -> None:
    batch = pa.record_batch({"ts": pa.array([-1, 999_999_999], pa.timestamp("ns", "UTC"))})
    address = Address.of("KRAKEN", "SPOT", "ABC", "ticks", "trade")
    assert texts.moment(texts.SECOND)(batch, address).to_pylist() == ["1969-12-31 23:59:59", "1970-01-01 00:00:00"]
