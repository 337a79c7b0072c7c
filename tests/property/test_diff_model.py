"""A comparison of two states says what a dictionary, or a counter, of their rows says."""

from __future__ import annotations

import importlib
import tempfile
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lake.diff import Side, diff, matching
from lake.manifest import Manifest
from lake.read import Scan
from lake.write import write
from schemas.assets import declare
from schemas.keys import Address
from tests.manifests import make_lake
from tests.tables import (
    DAY_NS,
    FEATURES,
    Row,
    bar,
    bars,
    clean,
    feature,
    features,
    plain,
    quote,
    quotes,
    trade,
    trades,
)

if TYPE_CHECKING:
    from lake.config import Config
    from lake.diff import DiffReport

BARS = Address.of("X", "SPOT", "A", "bars", "1m")
TRADES = Address.of("X", "SPOT", "A", "ticks", "trade")
QUOTES = Address.of("X", "SPOT", "A", "ticks", "quote")
TABLED = Address.of("X", "SPOT", "A", "features", "tabled.v1")
declare(TABLED.key, FEATURES, "tables")
MINUTE_DAY = 1440

prices = st.sampled_from([1.0, 2.0])
days = st.integers(0, 2)
bar_rows = st.builds(
    lambda day, minute, price, trades: bar(day * MINUTE_DAY + minute, price, trades=trades),
    days,
    st.integers(0, 5),
    prices,
    st.sampled_from([None, 1]),
)
trade_rows = st.builds(
    lambda day, at, price, number: trade(day * DAY_NS + at, price, number and f"{number}"),
    days,
    st.integers(0, 5),
    prices,
    st.sampled_from([None, 1, 2, 3, 4, 5]),
)
feature_rows = st.builds(
    lambda day, minute, wait, value: feature(day * MINUTE_DAY + minute, wait, value),
    days,
    st.integers(0, 2),
    st.integers(0, 2),
    st.sampled_from([None, 1.0, 2.0]),
)
quote_rows = st.builds(lambda day, at, bid: quote(day * DAY_NS + at, bid), days, st.integers(0, 3), prices)


def states(rows: st.SearchStrategy[Row]) -> st.SearchStrategy[tuple[list[Row], list[Row]]]:
    """Draw an old state, and a new one that has much of it."""
    some = st.lists(rows, max_size=12)
    return st.tuples(some, some, some).map(lambda parts: (parts[0] + parts[1], parts[1] + parts[2]))


def stored(config: Config, address: Address, rows: list[Row]) -> tuple[int, list[Row]]:
    """Store rows; return the snapshot, and what is stored."""
    make = {"1m": bars, "tabled.v1": features, "trade": trades, "quote": quotes}[address.period]
    ordered = sorted(rows, key=lambda row: row["ts"])
    write(config, address, make(*ordered))
    with Manifest.open(config) as manifest:
        scan = Scan(config, manifest, [address])
        return scan.snapshot, plain(scan.to_arrow())


def compared(address: Address, state: tuple[list[Row], list[Row]]) -> tuple[DiffReport, list[Row], list[Row]]:
    """Compare two series of one lake, as if they were two states of one."""
    other = Address.of("X", "SPOT", "B", address.type, address.period)
    with tempfile.TemporaryDirectory() as folder:
        config = make_lake(Path(folder))
        sides = []
        for each, rows in ((address, state[0]), (other, state[1])):
            sides.append(stored(config, each, rows or [_far(each)]))
        with Manifest.open(config) as manifest:
            at = manifest.snapshot()
            report = diff(config, manifest, Side(address, at), Side(other, at), samples=1000)
    return report, sides[0][1], sides[1][1]


def _far(address: Address) -> Row:
    """A row to make a series with, where nothing else is drawn."""
    return {
        "1m": bar(9 * MINUTE_DAY),
        "tabled.v1": feature(9 * MINUTE_DAY, 0),
        "trade": trade(9 * DAY_NS),
        "quote": quote(9 * DAY_NS),
    }[address.period]


def frozen(rows: list[Row]) -> Counter[tuple[tuple[str, Any], ...]]:
    return Counter(tuple(sorted(row.items())) for row in rows)


def check_keyed(report: DiffReport, old: dict[Any, Row], new: dict[Any, Row]) -> None:
    """Hold counts and samples to what two dictionaries say."""
    both = old.keys() & new.keys()
    changed = {key for key in both if old[key] != new[key]}
    columns = Counter(
        name for key in changed for name in old[key] | new[key] if old[key].get(name) != new[key].get(name)
    )
    assert frozen(plain(report.removed)) == frozen([old[key] for key in old.keys() - both])
    assert frozen(plain(report.added)) == frozen([new[key] for key in new.keys() - both])
    assert frozen(plain(report.changed_old)) == frozen([old[key] for key in changed])
    assert frozen(plain(report.changed_new)) == frozen([new[key] for key in changed])
    assert report.tally.changed == len(changed)
    assert +report.tally.columns == columns


def check_sums(report: DiffReport, old: list[Row], new: list[Row]) -> None:
    tally = report.tally
    assert tally.removed + tally.changed + tally.identical == len(old)
    assert tally.added + tally.changed + tally.identical == len(new)
    assert (tally.added, tally.removed) == (report.added.num_rows, report.removed.num_rows)
    for part in report.partitions:
        assert part.old_rows - part.tally.removed == part.new_rows - part.tally.added


@pytest.fixture(autouse=True, scope="module", params=[1, 10**6])
def _windows(request: pytest.FixtureRequest) -> Any:  # noqa: ANN401 -- a fixture that yields nothing
    """Cut streams as finely as can be, and not at all; hold few keys and rows, and many."""
    with (
        patch.object(importlib.import_module("lake.merge.windows"), "WINDOW_ROWS", request.param),
        patch.object(matching, "HELD_KEYS", request.param),
        patch.object(matching, "HELD_ROWS", request.param),
        patch.object(matching, "CLASSES_MAX", 4),
    ):
        yield


@given(states(bar_rows))
@settings(max_examples=25, deadline=None)
def test_bars_differ_as_dictionaries_by_time_do(state: tuple[list[Row], list[Row]]) -> None:
    report, old, new = compared(BARS, state)
    check_sums(report, old, new)
    check_keyed(report, {row["ts"]: row for row in old}, {row["ts"]: row for row in new})


@given(states(feature_rows))
@settings(max_examples=25, deadline=None)
def test_features_differ_as_dictionaries_by_ts_and_known_at_do(state: tuple[list[Row], list[Row]]) -> None:
    report, old, new = compared(TABLED, state)
    check_sums(report, old, new)
    check_keyed(report, *({(row["ts"], row["known_at"]): row for row in rows} for rows in (old, new)))


@given(states(trade_rows))
@settings(max_examples=40, deadline=None)
def test_trades_differ_as_dictionaries_by_day_and_id_do(state: tuple[list[Row], list[Row]]) -> None:
    report, old, new = compared(TRADES, state)
    check_sums(report, old, new)
    sides = [{(row["ts"] // DAY_NS, row["trade_id"]): row for row in rows if "trade_id" in row} for rows in (old, new)]
    without = [frozen([row for row in rows if "trade_id" not in row]) for rows in (old, new)]
    for rows, more, less in ((report.removed, *without), (report.added, *reversed(without))):
        assert frozen([row for row in plain(rows) if "trade_id" not in row]) == more - less
    keyed = report.added.filter(report.added["trade_id"].is_valid())
    gone = report.removed.filter(report.removed["trade_id"].is_valid())
    check_keyed(replace(report, added=keyed, removed=gone), *sides)
    in_place = [key for key in sides[0] if key in sides[1] and sides[0][key]["ts"] == sides[1][key]["ts"]]
    assert report.tally.reordered == (in_place != [key for key in sides[1] if key in set(in_place)])


@given(states(quote_rows))
@settings(max_examples=25, deadline=None)
def test_quotes_differ_as_counters_do(state: tuple[list[Row], list[Row]]) -> None:
    report, old, new = compared(QUOTES, state)
    check_sums(report, old, new)
    assert frozen(plain(report.removed)) == frozen(old) - frozen(new)
    assert frozen(plain(report.added)) == frozen(new) - frozen(old)
    assert report.tally.changed == 0
    assert clean(plain(report.changed_old)) == []
