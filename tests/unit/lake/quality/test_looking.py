"""Mistakes planted in made-up rows are found, wherever pieces are cut, and nothing else is."""

from __future__ import annotations

from typing import TYPE_CHECKING
from unittest.mock import patch

import numpy as np
import pyarrow as pa
import pytest

from lake.quality.collecting import Findings
from lake.quality.flags import Opening
from lake.quality.looking import COLUMNS, look
from lake.quality.pieces import BLOCK, CORE
from lake.quality.prices import Split
from lake.quality.rules import RULES
from schemas.keys import Address

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from lake.quality.model import Finding

    Columns = dict[str, NDArray[np.float64]]

BARS = Address.parse("X/SPOT/A/bars/1m")
DAYS = Address.parse("X/SPOT/A/bars/1d")
TRADES = Address.parse("X/SPOT/A/ticks/trade")
QUOTES = Address.parse("X/SPOT/A/ticks/quote")
MINUTE_NS, DAY_NS = 60 * 10**9, 86_400 * 10**9
COUNT = CORE + 3 * BLOCK
PLACES = (500, CORE - 1, CORE, CORE + 1)
"""In the middle, and on both sides of where pieces meet."""


def found(
    address: Address,
    columns: Columns,
    ts: NDArray[np.int64] | None = None,
    splits: Sequence[Split] = (),
    opening: Opening | None = None,
) -> list[Finding]:
    """Return what all rules say of rows, a step of the period apart unless their times are given."""
    count = len(next(iter(columns.values())))
    step = DAY_NS if address == DAYS else MINUTE_NS
    times = np.arange(count, dtype=np.int64) * step if ts is None else ts
    arrays = {
        name: columns.get(name, np.full(count, np.nan))
        for name in COLUMNS["bars" if address.type == "bars" else address.key]
    }
    table = pa.table({"ts": pa.array(times, pa.timestamp("ns", "UTC")), **arrays})
    findings = Findings([])
    thresholds = {rule.name: rule.threshold for rule in RULES if rule.applies(address) and rule.of}
    look(table.to_batches(max_chunksize=10_000), 1, address, thresholds, findings, splits=splits, opening=opening)
    return findings.ordered()


def walk(count: int = COUNT, seed: int = 1) -> Columns:
    """Return bars whose returns have the tails of Student's t with three degrees of freedom, and none in a third."""
    generator = np.random.default_rng(seed)
    returns = generator.standard_t(3, count) * 1e-4 * (generator.integers(0, 3, count) > 0)
    close = np.round(100 * np.exp(np.cumsum(returns)), 6)
    opened = np.concatenate([[100.0], close[:-1]])
    return {
        "open": opened,
        "high": np.maximum(opened, close) * (1 + generator.exponential(5e-5, count)),
        "low": np.minimum(opened, close) * (1 - generator.exponential(5e-5, count)),
        "close": close,
        "volume": generator.integers(1, 10_000, count).astype(float),
    }


def told(findings: list[Finding]) -> list[tuple[str, int, int]]:
    """Return the rule, the number of the first row, and the rows of each."""
    return [(each.rule, each.first_ns // MINUTE_NS, each.rows) for each in findings]


@pytest.mark.parametrize("seed", range(3))
def test_a_walk_with_heavy_tails_has_nothing_to_be_found(seed: int) -> None:
    assert found(BARS, walk(seed=seed)) == []


def test_nor_has_a_night_after_which_the_price_opens_elsewhere() -> None:
    rows = walk(2000)
    rows = {
        name: np.where(np.arange(2000) < 1000, column, column * 1.01) if name != "volume" else column
        for name, column in rows.items()
    }
    minutes = np.arange(2000, dtype=np.int64) * MINUTE_NS
    assert told(found(BARS, rows, minutes)) == [("price_jump", 1000, 1)]
    minutes[1000:] += 960 * MINUTE_NS  # 16 hours: the price may go 31 times as far
    assert found(BARS, rows, minutes) == []


@pytest.mark.parametrize("place", PLACES)
def test_a_run_at_a_hundredfold_price_is_told_with_its_level_and_the_others(place: int) -> None:
    rows = walk()
    for name in ("open", "high", "low", "close"):
        rows[name][place : place + 20] *= 100
    findings = found(BARS, rows)
    assert told(findings) == [
        ("unit_error", 0, place),
        ("unit_error", place, 20),
        ("unit_error", place + 20, COUNT - place - 20),
    ]
    assert [each.detail.startswith("100 times the lowest level") for each in findings] == [False, True, False]


@pytest.mark.parametrize(
    ("factor", "told_as"), [(1 / 1000, "1,000 times"), (10_000, "10,000 times"), (1 / 100, "100 times")]
)
def test_units_may_differ_by_more_and_for_good(factor: float, told_as: str) -> None:
    rows = walk(3000)
    for name in ("open", "high", "low", "close"):
        rows[name][2000:] *= factor
    findings = found(BARS, rows)
    assert told(findings) == [("unit_error", 0, 2000), ("unit_error", 2000, 1000)]
    assert findings[factor > 1].detail.startswith(told_as)


def test_a_tenfold_price_is_a_jump_that_may_be_a_split() -> None:
    rows = walk(3000)
    for name in ("open", "high", "low", "close"):
        rows[name][2000:] /= 10
    assert told(found(BARS, rows)) == [("price_jump", 2000, 1)]


@pytest.mark.parametrize("place", [700, CORE])
def test_a_split_that_is_known_explains_its_own_jump_only(place: int) -> None:
    rows = walk()
    for name in ("open", "high", "low", "close"):
        rows[name][place:] /= 2
        rows[name][place + 300 :] *= 1.1
    jumps = [place, place + 300]
    days = [each.first_ns // DAY_NS for each in found(DAYS, rows) if each.rule == "price_jump"]
    assert days == jumps
    for ratio, at, left in (
        (2.0, place, jumps[1:]),
        (2.0, place + 10, jumps),
        (3.0, place, jumps),
        (0.5, place, jumps),
    ):
        findings = found(DAYS, rows, splits=[Split(at * DAY_NS, ratio)])
        assert [each.first_ns // DAY_NS for each in findings if each.rule == "price_jump"] == left


def test_one_price_of_a_bar_in_another_unit() -> None:
    rows = walk(3000)
    rows["high"][700] *= 100
    rows["open"][900] /= 100
    rows["low"][900] /= 100
    found_rules = {(each.rule, each.first_ns // MINUTE_NS) for each in found(BARS, rows)}
    assert {("unit_error", 700), ("unit_error", 900)} <= found_rules


@pytest.mark.parametrize("place", PLACES)
def test_a_jump_that_is_back_soon_is_one_finding(place: int) -> None:
    rows = walk()
    for name in ("open", "high", "low", "close"):
        rows[name][place : place + 2] *= 1.03
    [finding] = found(BARS, rows)
    assert told([finding]) == [("price_jump", place, 2)]
    assert "after 2 rows" in finding.detail


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize(("name", "factor"), [("high", 1.02), ("low", 0.98)])
def test_a_spike_is_beyond_its_bar_and_both_neighbours(place: int, name: str, factor: float) -> None:
    rows = walk()
    rows[name][place] *= factor
    assert told(found(BARS, rows)) == [("price_spike", place, 1)]
    rows[name][place + 1] *= factor  # a neighbour went as far
    assert found(BARS, rows) == []


def test_of_months_the_usual_is_a_lot_but_fourfold_is_too_much() -> None:
    address = Address.parse("X/SPOT/A/bars/1mo")
    rows = {name: column.copy() for name, column in walk(60).items()}
    close = 100 * np.exp(np.tile([0.2, -0.2], 30))
    rows |= {"open": close, "close": close, "high": close * 1.6, "low": close / 1.6}
    assert found(address, rows) == []
    rows["low"][30] = 10.0
    assert [each.rule for each in found(address, rows)] == ["price_spike"]


@pytest.mark.parametrize("place", PLACES)
def test_a_feed_that_hangs_repeats_its_bar(place: int) -> None:
    rows = walk()
    for column in rows.values():
        column[place : place + 15] = column[place]
    assert ("stale_price", place, 15) in told(found(BARS, rows))
    rows["volume"][place : place + 15] = np.arange(15) + 1
    assert found(BARS, rows) == []


def test_bars_without_volume_are_told_by_whether_the_price_moves() -> None:
    rows = walk(3000)
    rows["volume"][100:103] = 0
    for name in ("open", "high", "low", "close"):
        rows[name][200:204] = rows["close"][199]
    rows["volume"][200:204] = 0
    rows["open"][204] = rows["close"][199]
    findings = told(found(BARS, rows))
    assert ("moved_without_volume", 100, 3) in findings
    assert ("zero_volume", 200, 4) in findings
    rows["volume"][:] = 0
    assert told(found(BARS, rows)) == [("zero_volume", 0, 3000)]


def test_a_day_of_the_values_of_an_earlier_one() -> None:
    rows = walk(4 * 1440)
    for column in rows.values():
        column[3 * 1440 :] = column[1440 : 2 * 1440]
    findings = [each for each in found(BARS, rows) if each.rule == "repeated_day"]
    assert told(findings) == [("repeated_day", 3 * 1440, 1440)]
    assert findings[0].detail.endswith("as on 1970-01-02")
    rows["close"][-1] += 0.01
    assert [each for each in found(BARS, rows) if each.rule == "repeated_day"] == []


def test_of_bars_of_a_day_one_is_enough_unless_it_says_little() -> None:
    rows = walk(300)
    rows["volume"] += 1000
    for column in rows.values():
        column[200] = column[100]
    [finding] = [each for each in found(DAYS, rows) if each.rule == "repeated_day"]
    assert (finding.first_ns // DAY_NS, finding.detail) == (200, "the bar of 1970-04-11T00:00 again")
    rows["volume"][[100, 200]] = 5
    assert [each for each in found(DAYS, rows) if each.rule == "repeated_day"] == []


def test_quotes_that_cross_or_lock_and_ticks_that_jump() -> None:
    close = walk()["close"]
    quotes = {"bid": close - 0.02, "ask": close + 0.02}
    ts = np.cumsum(np.random.default_rng(2).integers(0, 2 * 10**9, COUNT))
    assert found(QUOTES, quotes, ts) == []
    quotes["bid"][[10, 11]] = quotes["ask"][[10, 11]] + 0.5
    quotes["bid"][20] = quotes["ask"][20]
    findings = found(QUOTES, quotes, ts)
    assert [(each.rule, each.first_ns, each.rows) for each in findings] == [
        ("crossed_quote", ts[10], 2),
        ("locked_quote", ts[20], 1),
    ]
    trades = {"price": close.copy(), "size": np.ones(COUNT)}
    trades["price"][CORE] *= 1.2
    trades["size"][40] = 0
    findings = found(TRADES, trades, ts)
    assert [(each.rule, each.first_ns) for each in findings] == [("zero_volume", ts[40]), ("tick_jump", ts[CORE])]


def test_prices_that_are_not_above_zero_have_no_logs_and_disturb_nothing() -> None:
    rows = walk(3000)
    for name in ("open", "high", "low", "close"):
        rows[name][1000:1100] *= -1
    rows["high"], rows["low"] = np.maximum(rows["high"], rows["low"]), np.minimum(rows["high"], rows["low"])
    assert found(BARS, rows) == []


def test_rows_while_the_market_is_closed_are_told_unless_nothing_was_traded() -> None:
    rows = walk(3000)
    hours = Opening("FX", [(100 * MINUTE_NS, 200 * MINUTE_NS + 1), (400 * MINUTE_NS, 2990 * MINUTE_NS)], MINUTE_NS)
    rows["volume"][250:260] = 0
    findings = [each for each in found(BARS, rows, opening=hours) if each.rule == "out_of_hours"]
    # A bar that the market opens or closes in is not out of hours.
    assert told(findings) == [
        ("out_of_hours", 0, 100),
        ("out_of_hours", 201, 49),
        ("out_of_hours", 260, 140),
        ("out_of_hours", 2990, 10),
    ]
    never = [each for each in found(BARS, rows, opening=Opening("FX", [], MINUTE_NS)) if each.rule == "out_of_hours"]
    assert sum(each.rows for each in never) == 2990


@pytest.mark.parametrize("seed", range(2))
def test_findings_do_not_depend_on_where_pieces_are_cut(seed: int) -> None:
    generator = np.random.default_rng(seed)
    rows = walk(seed=seed)
    for place in generator.integers(0, COUNT - 50, 40).tolist():
        name, factor = generator.choice(list(rows)), generator.choice([0, 0.01, 0.9, 1.05, 3, 100])
        rows[name][place : place + int(generator.integers(1, 50))] *= factor
    whole = found(BARS, rows)
    assert len({each.rule for each in whole}) >= 3
    with patch("lake.quality.pieces.CORE", 2 * BLOCK):
        assert found(BARS, rows) == whole
