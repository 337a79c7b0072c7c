"""Where files lie, and which partition a time falls into."""

from __future__ import annotations

import datetime as dt
import re
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lake import layout
from schemas.keys import DAY_US, Address, Partition

if TYPE_CHECKING:
    from schemas.periods import Grain

EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
FIRST, LAST = (EPOCH.replace(year=year, tzinfo=None) for year in (1700, 2250))


@pytest.mark.parametrize(
    ("address", "label", "expected"),
    [
        ("BINANCE/SPOT/BTCUSDT/bars/1m", "2024-03-05", "BINANCE/SPOT/BTCUSDT/bars/1m/2024/03/05"),
        ("BINANCE/SPOT/BTCUSDT/bars/1h", "2024-03", "BINANCE/SPOT/BTCUSDT/bars/1h/2024/03"),
        ("BINANCE/SPOT/BTCUSDT/bars/1d-split", "2024", "BINANCE/SPOT/BTCUSDT/bars/1d-split/2024"),
        ("X/SPOT/BTC%2FUSDT%3AUSDT/ticks/trade", "1969-12-31", "X/SPOT/BTC%2FUSDT%3AUSDT/ticks/trade/1969/12/31"),
    ],
)
def test_directory(address: str, label: str, expected: str) -> None:
    assert layout.directory(Address.parse(address), Partition.parse(label)) == expected


def test_file_names_are_never_used_twice() -> None:
    names = {layout.file_name("ab" * 32) for _ in range(1000)}
    assert len(names) == 1000
    assert all(re.fullmatch(r"[0-9a-f]+-abababababab-[0-9a-f]{8}\.parquet", name) for name in names)


@pytest.mark.parametrize("unit", ["us", "ns"])
@pytest.mark.parametrize("grain", ["day", "month", "year"])
@given(moments=st.lists(st.datetimes(FIRST, LAST, timezones=st.just(dt.UTC)), max_size=20))
def test_a_time_falls_into_the_partition_that_holds_it(grain: Grain, unit: str, moments: list[dt.datetime]) -> None:
    scale = {"us": 1, "ns": 1000}[unit]
    ts = np.array([(m - EPOCH) // dt.timedelta(microseconds=1) * scale for m in moments], np.int64)
    found = layout.partition_days(ts, layout.PER_DAY[unit], grain).tolist()
    firsts = {"day": lambda d: d, "month": lambda d: d.replace(day=1), "year": lambda d: d.replace(month=1, day=1)}
    assert [EPOCH.date() + dt.timedelta(days=day) for day in found] == [firsts[grain](m.date()) for m in moments]
    for day, time in zip(found, ts.tolist(), strict=True):
        partition = Partition(day, grain)
        assert partition.start_ns <= time * layout.NS_PER[unit] < partition.end_ns


def test_the_last_moment_of_a_day_is_not_the_next_days() -> None:
    ends = np.array([-1, 0, DAY_US - 1, DAY_US])
    assert layout.partition_days(ends, DAY_US, "day").tolist() == [-1, 0, 0, 1]
