from __future__ import annotations

import dataclasses
import datetime as dt
from typing import TYPE_CHECKING

import pytest

from lake import lineage
from lake.manifest import CheckRecord, Manifest, Writer
from schemas.assets import AssetSpec, schema_of
from schemas.calendars import FreshnessPolicy
from schemas.graph import Registry
from schemas.keys import Address, Partition
from tests.manifests import BTC, ETH, HOURLY, MINUTE_NS, commit, derived, live_ids, make_lake, new_file, sealed

if TYPE_CHECKING:
    from pathlib import Path

    from lake.config import Config
    from lake.lineage import SeriesStatus
    from schemas.assets import Made

DAYS = [f"2024-03-{day:02}" for day in range(1, 32)]
HOUR_NS = 60 * MINUTE_NS


def spec(key: str, *upstreams: str, code_version: str = "1") -> AssetSpec:
    made: Made = "derived" if upstreams else "source"
    return AssetSpec(key, schema_of(key), upstreams=upstreams, made=made, code_version=code_version)


GRAPH = Registry([spec("bars/1m"), spec("bars/1h", "bars/1m"), spec("ticks/trade")])


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return make_lake(tmp_path)


def statuses(config: Config, registry: Registry = GRAPH, now_ns: int = 0) -> dict[str, SeriesStatus]:
    with Manifest.open(config) as manifest:
        found = lineage.status(manifest, registry, now_ns=now_ns)
    return {f"{row.address.symbol} {row.address.key}": row for row in found}


def states(config: Config, address: Address, registry: Registry = GRAPH) -> dict[str, tuple[str, tuple[str, ...]]]:
    with Manifest.open(config) as manifest:
        found = lineage.partition_states(manifest, registry, address)
    # The one that lists must say the same as the one that counts.
    told = statuses(config, registry)[f"{address.symbol} {address.key}"]
    counted = (told.missing, told.stale) if not told.failed else (None, None)
    listed = (
        sum(row.state == "missing" for row in found),
        sum(row.state == "stale" for row in found),
    )
    assert counted in {listed, (None, None)}
    return {row.partition: (row.state, row.reasons) for row in found}


def make(config: Config, *labels: str, address: Address = HOURLY, **changes: object) -> None:
    """Make partitions as the lake would, replacing what they hold."""
    live = live_ids(config, address)
    files = [new_file(label, address=address, tag=f"{live.get(label)}", replaces=live.get(label)) for label in labels]
    rows = [derived(config, label, address=address, **changes) for label in labels]
    commit(config, *files, derivations=rows)


def test_what_can_be_made_of_what_is_stored_is_missing_until_it_is_made(config: Config) -> None:
    commit(
        config,
        new_file("2024-03-31"),
        new_file("2024-04-01"),
        new_file("2024-04-02"),
        new_file("2024-03-01", address=ETH),
    )
    told = statuses(config)
    assert {name: (row.partitions, row.missing) for name, row in told.items()} == {
        "BTCUSDT bars/1h": (0, 2),
        "BTCUSDT bars/1m": (3, 0),
        "ETHUSDT bars/1h": (0, 1),
        "ETHUSDT bars/1m": (1, 0),
    }
    assert states(config, HOURLY) == {"2024-03": ("missing", ()), "2024-04": ("missing", ())}
    make(config, "2024-03")
    assert states(config, HOURLY) == {"2024-03": ("materialized", ()), "2024-04": ("missing", ())}


def test_a_restated_day_makes_exactly_its_month_stale_and_names_it(config: Config) -> None:
    commit(config, *(new_file(label) for label in [*DAYS, "2024-04-01"]))
    make(config, "2024-03", "2024-04")
    commit(config, new_file("2024-03-05", tag="b", replaces=live_ids(config)["2024-03-05"]))
    assert states(config, HOURLY) == {
        "2024-03": ("stale", ("bars/1m 2024-03-05 changed",)),
        "2024-04": ("materialized", ()),
    }
    make(config, "2024-03")
    assert statuses(config)["BTCUSDT bars/1h"].stale == 0


def test_several_days_are_named_by_the_first_and_counted(config: Config) -> None:
    commit(config, *(new_file(label) for label in DAYS))
    make(config, "2024-03")
    live = live_ids(config)
    commit(config, *(new_file(label, tag="b", replaces=live[label]) for label in DAYS[3:6]), removed=[live[DAYS[9]]])
    assert states(config, HOURLY)["2024-03"] == ("stale", ("bars/1m 2024-03-04 and 3 more changed",))


def test_a_day_that_is_as_it_was_again_makes_nothing_stale(config: Config) -> None:
    commit(config, *(new_file(label) for label in DAYS))
    make(config, "2024-03")
    commit(config, new_file("2024-03-05", tag="b", replaces=live_ids(config)["2024-03-05"]))
    assert statuses(config)["BTCUSDT bars/1h"].stale == 1
    commit(config, new_file("2024-03-05", path=f"{BTC}/2024/03/05/c.parquet", replaces=live_ids(config)["2024-03-05"]))
    assert states(config, HOURLY) == {"2024-03": ("materialized", ())}


def test_other_code_or_another_schema_makes_all_stale(config: Config) -> None:
    commit(config, *(new_file(label) for label in [*DAYS, "2024-04-01"]))
    make(config, "2024-03")
    make(config, "2024-04", code_version="2")
    newer = Registry([spec("bars/1m"), spec("bars/1h", "bars/1m", code_version="2")])
    assert states(config, HOURLY, newer) == {"2024-03": ("stale", ("code 1 -> 2",)), "2024-04": ("materialized", ())}
    make(config, "2024-04", code_version="1", schema_version=0)
    assert states(config, HOURLY)["2024-04"] == ("stale", ("schema 0 -> 1",))


def test_a_bucket_left_out_is_due_once_rows_after_it_came(config: Config) -> None:
    noon = Partition.parse("2024-03-05").start_ns + 12 * HOUR_NS
    commit(config, new_file("2024-03-04"), new_file("2024-03-05", last_ns=noon - 30 * MINUTE_NS))
    make(config, "2024-03", withheld_ns=noon)
    assert states(config, HOURLY) == {"2024-03": ("materialized", ())}
    # An earlier day says nothing of the bucket that ends at noon.
    commit(config, new_file("2024-02-29"))
    assert states(config, HOURLY) == {"2024-02": ("missing", ()), "2024-03": ("materialized", ())}
    commit(config, new_file("2024-04-01"))
    assert states(config, HOURLY)["2024-03"] == ("stale", ("bars/1m went on",))
    make(config, "2024-03")
    assert states(config, HOURLY)["2024-03"] == ("materialized", ())


def test_sealing_and_opening_again_make_nothing_stale_but_what_changed(config: Config) -> None:
    commit(config, *(new_file(label, tag=label) for label in [*DAYS, "2024-04-01"]))
    make(config, "2024-03", "2024-04")
    old = [number for label, number in live_ids(config).items() if label in DAYS]
    commit(config, sealed(config, "2024-03"), removed=old, keeps_content=True)
    assert statuses(config)["BTCUSDT bars/1m"].partitions == 32
    assert {state for state, _ in states(config, HOURLY).values()} == {"materialized"}
    whole = live_ids(config)["2024-03"]
    commit(config, *(new_file(label, tag="late" if label == DAYS[4] else label, replaces=whole) for label in DAYS))
    assert states(config, HOURLY) == {
        "2024-03": ("stale", ("bars/1m 2024-03-05 changed",)),
        "2024-04": ("materialized", ()),
    }


@pytest.mark.parametrize(
    ("period", "rows", "expected"),
    [
        # The week of Wednesday 2025-01-01 began on Monday 2024-12-30.
        ("1w", [("2025-01-01", 0), ("2025-01-05", 0)], ["2024"]),
        ("1w", [("2025-01-05", 0), ("2025-01-06", 0)], ["2024", "2025"]),
        ("1d", [("2025-01-01", 0)], ["2025"]),
        ("1mo", [("2024-12-31", 0), ("2025-01-01", 0)], ["2024", "2025"]),
        # 2024-03-01T00:02 is a multiple of seven minutes since 1970; 00:01 is not.
        ("7m", [("2024-03-01", 1)], ["2024-02", "2024-03"]),
        ("7m", [("2024-03-01", 2)], ["2024-03"]),
        ("4h", [("2024-03-01", 1), ("2024-05-31", 0)], ["2024-03", "2024-05"]),
    ],
)
def test_partitions_are_those_of_the_buckets_that_rows_fall_into(
    config: Config, period: str, rows: list[tuple[str, int]], expected: list[str]
) -> None:
    key = f"bars/{period}"
    files = [new_file(day, first_ns=Partition.parse(day).start_ns + minute * MINUTE_NS) for day, minute in rows]
    commit(config, *files)
    registry = Registry([spec("bars/1m"), spec(key, "bars/1m")])
    address = Address("BINANCE", "SPOT", "BTCUSDT", "bars", period)
    assert list(states(config, address, registry)) == expected
    make(config, *expected, address=address)
    assert {state for state, _ in states(config, address, registry).values()} == {"materialized"}


def test_day_for_day_an_asset_misses_the_days_it_was_not_made_of(config: Config) -> None:
    mine = Address("BINANCE", "SPOT", "BTCUSDT", "metrics", "funding")
    registry = Registry([spec("bars/1m"), spec("metrics/funding", "bars/1m")])
    commit(config, *(new_file(label, tag=label) for label in DAYS[:10]))
    make(config, *DAYS[1:4], address=mine)
    assert [label for label, (state, _) in states(config, mine, registry).items() if state == "missing"] == [
        DAYS[0],
        *DAYS[4:10],
    ]
    commit(config, sealed(config, "2024-03"), removed=list(live_ids(config).values()), keeps_content=True)
    assert statuses(config, registry)["BTCUSDT metrics/funding"].missing == 7


def test_an_asset_of_two_upstreams_is_expected_where_both_are(config: Config) -> None:
    mine = Address("BINANCE", "SPOT", "BTCUSDT", "metrics", "funding")
    registry = Registry([spec("bars/1m"), spec("bars/1s"), spec("metrics/funding", "bars/1m", "bars/1s")])
    commit(config, *(new_file(label) for label in DAYS[:3]))
    assert "BTCUSDT metrics/funding" not in statuses(config, registry)
    seconds = Address("BINANCE", "SPOT", "BTCUSDT", "bars", "1s")
    commit(config, *(new_file(label, address=seconds) for label in DAYS[2:5]))
    assert states(config, mine, registry) == {DAYS[2]: ("missing", ())}


def test_a_month_gives_each_of_its_days_to_an_asset_made_by_days(config: Config) -> None:
    mine = Address("BINANCE", "SPOT", "BTCUSDT", "metrics", "funding")
    registry = Registry([spec("bars/1h"), spec("metrics/funding", "bars/1h")])
    first, last = Partition.parse("2024-03-30").start_ns, Partition.parse("2024-03-31").end_ns - HOUR_NS
    commit(config, new_file("2024-03", address=HOURLY, first_ns=first, last_ns=last))
    assert list(states(config, mine, registry)) == ["2024-03-30", "2024-03-31"]


def test_a_series_that_was_ingested_misses_nothing(config: Config) -> None:
    commit(config, new_file("2024-03-01"), new_file("2024-02", address=HOURLY))
    told = statuses(config)["BTCUSDT bars/1h"]
    assert (told.made, told.partitions, told.missing, told.stale) == ("source", 1, 0, 0)
    assert states(config, HOURLY) == {"2024-02": ("materialized", ())}


def test_price_sides_are_made_from_their_own_side(config: Config) -> None:
    bid = Address("OANDA", "FX", "EURUSD", "bars", "1m-bid")
    commit(config, new_file("2024-03-01", address=bid))
    assert {name: row.missing for name, row in statuses(config).items()} == {
        "EURUSD bars/1h-bid": 1,
        "EURUSD bars/1m-bid": 0,
    }


def test_a_failure_is_shown_with_what_it_says(config: Config) -> None:
    commit(config, new_file("2024-03-01"), new_file("2024-04-01"))
    with Writer(config) as writer:
        writer.record_failures(writer.start_run("aggregate", ""), [(HOURLY, "2024-03", "E_CHECK", "high < low")])
    assert statuses(config)["BTCUSDT bars/1h"].failed == 1
    assert states(config, HOURLY) == {"2024-03": ("failed", ("E_CHECK: high < low",)), "2024-04": ("missing", ())}


def test_checks_are_told_by_their_last_word(config: Config) -> None:
    def check(name: str, *, passed: bool) -> CheckRecord:
        return CheckRecord(BTC, "2024-03-01", name, passed=passed)

    commit(config, new_file("2024-03-01"), checks=[check("spread", passed=False), check("jump", passed=False)])
    commit(config, checks=[check("jump", passed=True)])
    assert statuses(config)["BTCUSDT bars/1m"].failed_checks == 1
    with Manifest.open(config) as manifest:
        [row] = lineage.partition_states(manifest, GRAPH, BTC)
    assert row.failed_checks == ("spread",)


def test_late_is_counted_from_when_the_next_bar_was_due(config: Config) -> None:
    commit(config, new_file("2024-03-01"))
    fresh = dataclasses.replace(spec("bars/1m"), freshness=FreshnessPolicy("2h"))
    registry = Registry([fresh])
    now = dt.datetime(2024, 3, 2, 3, 0, tzinfo=dt.UTC)
    late_ns = statuses(config, registry, int(now.timestamp()) * 10**9)["BTCUSDT bars/1m"].late_ns
    # The bar of 00:00 was whole at 00:01, and late from 02:01 on.
    assert late_ns == 59 * MINUTE_NS
    assert statuses(config, registry, int(now.timestamp() - 3600) * 10**9)["BTCUSDT bars/1m"].late_ns is None


def test_an_asset_nobody_declares_any_more_is_shown_and_misses_nothing(config: Config) -> None:
    gone = Address("BINANCE", "SPOT", "BTCUSDT", "features", "gone.v1")
    commit(config, new_file("2024-03-01"))
    make(config, "2024-03-01", address=gone)
    told = statuses(config)["BTCUSDT features/gone.v1"]
    assert (told.partitions, told.missing, told.stale) == (1, 0, 0)


def test_status_of_an_empty_lake_is_empty(config: Config) -> None:
    assert statuses(config) == {}
    with Manifest.open(config) as manifest:
        assert lineage.partition_states(manifest, GRAPH, BTC) == []


def test_sessions_are_missing_only_outside_of_what_was_made(config: Config) -> None:
    """A day of New York that begins in 2024 and ends in 2025: its rows of 1 January are in the partition of 2024."""
    daily = Address("BINANCE", "SPOT", "BTCUSDT", "bars", "1d")
    registry = Registry([spec("bars/1m"), spec("bars/1d", "bars/1m")])
    five = 5 * HOUR_NS
    turn = Partition.parse("2025").start_ns + five
    commit(config, new_file("2024-12-31"), new_file("2025-01-01", last_ns=turn - MINUTE_NS))
    recipe = '{"session_start":"00:00","session_tz":"America/New_York"}'
    year = {"start_ns": Partition.parse("2024").start_ns + five, "end_ns": turn, "recipe": recipe}
    make(config, "2024", address=daily, **year)
    assert states(config, daily, registry) == {"2024": ("materialized", ())}
    commit(config, new_file("2025-01-02"))
    assert states(config, daily, registry) == {"2024": ("materialized", ()), "2025": ("missing", ())}


def test_sessions_before_1970_are_missing_too(config: Config) -> None:
    daily = Address("BINANCE", "SPOT", "BTCUSDT", "bars", "1d")
    registry = Registry([spec("bars/1m"), spec("bars/1d", "bars/1m")])
    commit(config, new_file("1960-03-01"), new_file("1961-03-01"), new_file("2024-03-01"))
    make(config, "2024", address=daily, recipe='{"session_start":"00:00","session_tz":"America/New_York"}')
    assert [label for label, (state, _) in states(config, daily, registry).items() if state == "missing"] == [
        "1960",
        "1961",
    ]


def test_nothing_is_missing_of_a_failed_series_one_of_whose_upstreams_is_not_there(config: Config) -> None:
    funding = dataclasses.replace(BTC, type="metrics", period="funding")
    both = spec("metrics/funding", "bars/1m", "bars/5m")
    registry = Registry([spec("bars/1m"), spec("bars/5m"), both])
    commit(config, new_file("2024-03-01"))
    with Writer(config) as writer:
        run_id = writer.start_run("materialize", "dl assets materialize")
        writer.record_failures(run_id, [(funding, "2024-03-02", "E_BAR", "no")])
        writer.end_run(run_id, "failed")
    told = statuses(config, registry)["BTCUSDT metrics/funding"]
    assert (told.failed, told.missing) == (1, 0)
    assert list(states(config, funding, registry)) == ["2024-03-02"]
