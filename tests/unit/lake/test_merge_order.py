"""Stored order: which rows can be stored as they come, and which behind which."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lake.merge import clocks, ends, follows, in_order, repeated, sort_by_time
from schemas.bars import BARS
from schemas.ticks import QUOTES, TRADES
from tests.tables import FEATURES, MINUTE_US, bar, bars, feature, features, plain, quote, quotes, trade, trades

if TYPE_CHECKING:
    import pyarrow as pa

    from schemas.columns import Schema


@pytest.mark.parametrize(
    ("data", "schema", "expected"),
    [
        (bars(bar(0), bar(1)), BARS, True),
        (bars(bar(0), bar(0)), BARS, False),
        (bars(bar(1), bar(0)), BARS, False),
        (bars(), BARS, True),
        (features(feature(0, 0), feature(0, 1), feature(1, 0)), FEATURES, True),
        (features(feature(0, 0), feature(0, 0)), FEATURES, False),
        (features(feature(0, 1), feature(0, 0)), FEATURES, False),
        (features(feature(1, 0), feature(0, 2)), FEATURES, False),
        (features(), FEATURES, True),
        (quotes(quote(0), quote(0), quote(1)), QUOTES, True),
        (quotes(quote(1), quote(0)), QUOTES, False),
        (trades(trade(0), trade(0)), TRADES, True),
        (trades(trade(0, 1.0, "1"), trade(0, 1.0, "2")), TRADES, True),
        (trades(trade(0, 1.0, "2"), trade(0, 1.0, "1")), TRADES, False),
        (trades(trade(0, 1.0, "1"), trade(0, 1.0, "1")), TRADES, False),
        (trades(trade(0, 1.0, "1"), trade(0, 1.0)), TRADES, False),
        (trades(trade(0, 1.0, "b"), trade(0, 1.0, "c")), TRADES, False),
        (trades(trade(1, 1.0, "1"), trade(0, 1.0, "2")), TRADES, False),
    ],
)
def test_in_order(data: pa.Table, schema: Schema, expected: bool) -> None:  # noqa: FBT001 -- a table of cases
    assert in_order(data, schema) is expected


@pytest.mark.parametrize(
    ("before", "after", "schema", "expected"),
    [
        ((0, -1), (1, -1), BARS, True),
        ((0, -1), (0, -1), BARS, False),
        ((0, 5), (0, 6), FEATURES, True),
        ((0, 5), (0, 5), FEATURES, False),
        ((0, 5), (1, 4), FEATURES, True),
        ((1, 4), (0, 5), FEATURES, False),
        ((0, -1), (0, -1), QUOTES, True),
        ((1, -1), (0, -1), QUOTES, False),
        ((0, 5), (0, 6), TRADES, True),
        ((0, 5), (1, 5), TRADES, False),
        ((0, 5), (1, -1), TRADES, False),
        ((0, -1), (1, 5), TRADES, False),
        ((0, -1), (0, -1), TRADES, True),
        ((1, 5), (0, 6), TRADES, False),
    ],
)
def test_follows(before: tuple[int, int], after: tuple[int, int], schema: Schema, expected: bool) -> None:  # noqa: FBT001 -- a table of cases
    assert follows(before, after, schema) is expected


def test_repeated_counts_every_row_after_the_first_of_its_kind() -> None:
    assert repeated(quotes(quote(0), quote(0), quote(0), quote(1), quote(1, 2.0), quote(2), quote(2))) == 3
    assert repeated(quotes()) == 0


@pytest.mark.parametrize(
    ("data", "schema", "expected"),
    [
        (bars(bar(0), bar(2)), BARS, ((0,), (2 * MINUTE_US,))),
        (features(feature(0, 1), feature(0, 3)), FEATURES, ((0, MINUTE_US), (0, 3 * MINUTE_US))),
        (quotes(quote(1), quote(2)), QUOTES, ((1, -1), (2, -1))),
        (trades(trade(1, 1.0, "7"), trade(2)), TRADES, ((1, 7), (2, -1))),
    ],
)
def test_ends(data: pa.Table, schema: Schema, expected: tuple[tuple[int, ...], tuple[int, ...]]) -> None:
    assert ends(data, schema) == expected


def test_rows_of_equal_times_stay_as_they_are() -> None:
    rows = [feature(1, 0, 1.0), feature(0, 2, 2.0), feature(0, 1, 3.0), feature(0, 2, 4.0), feature(1, 0, 5.0)]
    by_key, by_ts = (sort_by_time(features(*rows), by) for by in (clocks(FEATURES), clocks(QUOTES)))
    assert [row["value"] for row in plain(by_key)] == [3.0, 2.0, 4.0, 1.0, 5.0]
    assert [row["value"] for row in plain(by_ts)] == [2.0, 3.0, 4.0, 1.0, 5.0]
