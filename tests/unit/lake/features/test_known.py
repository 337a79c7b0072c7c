"""When feature rows were known, and what is said of those that were known too early."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from lake.features.known import Early, Lookahead, early, filled, longest, shown, too_early, with_known_at
from schemas.columns import Column
from schemas.features import FeatureSet, Serving
from tests.feature_rows import NOON, UTC_US, VOL
from tests.tables import MINUTE_US

MONTHS = ("2016-02-01", "2016-03-01", "2016-04-01")
HOURLY = replace(VOL, inputs=("bars/1m", "bars/1h", "ticks/trade"), serving=Serving(delay_us=7))


def batch(ts: list[int | None], known_at: list[int | None] | None = None) -> pa.RecordBatch:
    columns = {"ts": pa.array(ts, pa.int64()).cast(UTC_US)}
    if known_at is not None:
        columns["known_at"] = pa.array(known_at, pa.int64()).cast(UTC_US)
    return pa.RecordBatch.from_pydict(columns)


def test_what_is_not_told_is_the_end_of_the_longest_bar_and_the_delay() -> None:
    told = filled(with_known_at(batch([0, 60, None])), HOURLY)
    assert told.column("known_at").cast(pa.int64()).to_pylist() == [3_600_000_007, 3_600_000_067, None]


def test_a_row_of_a_month_is_known_when_that_month_ends() -> None:
    monthly = replace(VOL, inputs=("bars/1mo", "bars/1d"), serving=Serving(delay_us=7))
    february, march, april = (int(np.datetime64(day, "us").astype(np.int64)) for day in MONTHS)
    told = filled(with_known_at(batch([february, None, march])), monthly)
    assert told.column("known_at").cast(pa.int64()).to_pylist() == [march + 7, None, april + 7]
    assert too_early(batch([february], [march]), monthly) is None
    found = too_early(batch([february, march], [march - 1, april]), monthly)
    assert found is not None
    assert found.tolist() == [True, False]
    assert early(february, monthly).detail == "2016-02-01 00:00 needs bars/1mo to 2016-03-01 00:00"


def test_what_is_told_stays() -> None:
    told = filled(batch([0, 0], [5, None]), VOL)
    assert told.column("known_at").cast(pa.int64()).to_pylist() == [5, MINUTE_US]


def test_the_very_end_is_early_enough_and_the_delay_is_not_asked_for() -> None:
    end = 3_600_000_000
    found = too_early(batch([0, 0, 0], [end - 1, end, end + 1]), HOURLY)
    assert found is not None
    assert found.tolist() == [True, False, False]
    assert too_early(batch([0], [end]), HOURLY) is None


@pytest.mark.parametrize(
    ("inputs", "stamp", "expected"),
    [
        (("bars/1m", "bars/1h"), "open", "bars/1h"),
        (("ticks/trade", "bars/1d"), "open", "bars/1d"),
        (("ticks/trade",), "open", "ts"),
        (("bars/1m",), "close", "bars/1m"),
    ],
)
def test_a_row_waits_for_the_longest_of_its_bars(inputs: tuple[str, ...], stamp: str, expected: str) -> None:
    serving = Serving(stamp="close") if stamp == "close" else Serving()
    assert longest(FeatureSet("a", "1", (Column("x", "float64"),), inputs=inputs, serving=serving)) == expected


def test_times_are_shown_as_short_as_they_are() -> None:
    assert shown(NOON * MINUTE_US) == "2024-03-05 10:00"
    assert shown(NOON * MINUTE_US + 1) == "2024-03-05 10:00:00.000001"


def test_what_a_row_needs_is_told_with_the_day_where_that_is_another() -> None:
    assert early(NOON * MINUTE_US, VOL).detail == "2024-03-05 10:00 needs bars/1m to 10:01"
    assert early((NOON + 839) * MINUTE_US, VOL).detail == "2024-03-05 23:59 needs bars/1m to 2024-03-06 00:00"


def test_the_first_of_all_blocks_is_told_and_all_are_counted() -> None:
    lookahead = Lookahead()
    lookahead.add(Lookahead())
    lookahead.add(Lookahead(2, Early(NOON * MINUTE_US, "a")))
    lookahead.see((NOON + 1) * MINUTE_US, VOL)
    error = lookahead.refusal(VOL)
    assert error.message.startswith("3 feature rows are stamped before their inputs end")
    assert error.where == "vol.v1, first 2024-03-05 10:00 needs a"
