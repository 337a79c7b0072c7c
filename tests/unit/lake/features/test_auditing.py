"""Audits of features with what is wrong planted by hand, and of clean ones, in which nothing is found."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest

from lake.features import writing
from lake.features.auditing import audit
from lake.features.findings import AuditReport, AuditRequest, Finding, Progress
from lake.features.registering import register
from lake.features.sets import Sets
from lake.manifest import Manifest
from pipelines.assets import load
from schemas.calendars import FreshnessPolicy
from schemas.columns import Column
from schemas.features import FeatureSet, Serving
from tests.feature_rows import give_bars
from tests.manifests import BTC, ETH
from tests.tables import MINUTE_US
from tests.written import DAY, RETURNS, bars_lake, features, minute, of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from lake.config import Config
    from schemas.keys import Address

HOUR = range(minute("10:00"), minute("11:00"))
SECOND_NS = 10**9
NOW_NS = minute("12:00", DAY + 30) * 60 * SECOND_NS
NEXT = dataclasses.replace(RETURNS, version="2")


def audited(
    config: Config,
    *sets: FeatureSet,
    symbols: Sequence[Address] = (),
    between: tuple[int | None, int | None] = (None, None),
    due: FreshnessPolicy | None = None,
    now_ns: int = NOW_NS,
) -> AuditReport:
    """Audit sets, all of the lake's unless some are named."""
    registry = load(config)
    if due is not None:
        registry.due("features/returns.v1", due)
    with Manifest.open(config) as manifest:
        known = [each for each in Sets(manifest).all() if not sets or each.set in sets]
    chosen = {each.symbol for each in symbols}
    request = AuditRequest(known, lambda each: not chosen or each.symbol in chosen, *between)
    return audit(config, request, registry=registry, now_ns=now_ns)


def hours(*days: int) -> list[int]:
    """Return the minutes from 10:00 to 10:59 of days after the first."""
    return [at + 1440 * day for day in days for at in HOUR]


def told(findings: Iterable[Finding]) -> list[tuple[str, str, int]]:
    return [(each.kind, each.partition, each.count) for each in findings]


def test_a_clean_set_has_no_findings_and_its_facts_are_told(tmp_path: Path) -> None:
    config = bars_lake(tmp_path, hours(0, 1, 2), RETURNS)
    features(config, RETURNS, hours(0, 1, 2))
    report = audited(config)
    assert report.findings == []
    assert report.clean
    assert (report.sets, report.series, report.partitions, report.rows) == (1, 1, 3, 180)
    assert [(fact.kind, fact.name, fact.value) for fact in report.facts] == [
        ("coverage", "bars/1m", 1.0),
        ("null_rate", "ret", 0.0),
    ]


def test_rows_that_were_written_the_ordinary_way_are_clean(tmp_path: Path) -> None:
    config = bars_lake(tmp_path, hours(0, 1), RETURNS)
    rows = pa.table(
        {
            "ts": pa.array([at * MINUTE_US for at in hours(0, 1)], pa.timestamp("us", "UTC")),
            "ret": [0.5] * 120,
            "exchange": ["BINANCE"] * 120,
            "market": ["SPOT"] * 120,
            "symbol": ["BTCUSDT"] * 120,
        }
    )
    writing.write(config, RETURNS, rows)
    assert audited(config).findings == []
    give_bars(config, [minute("11:00")], price=2.0)
    assert audited(config).findings == []
    give_bars(config, [minute("10:30", DAY + 1)], price=2.0)
    assert told(audited(config).findings) == [("restated", "2024-01-06", 1)]


def test_rows_that_were_known_too_early_are_found_by_the_day_with_examples(tmp_path: Path) -> None:
    config = bars_lake(tmp_path, hours(0, 1, 2), RETURNS)
    early = {minute("10:05"): 0, minute("10:07"): -2, minute("10:30", DAY + 2): 0}
    features(config, RETURNS, hours(0, 1, 2), known_after=early)
    first, last = audited(config).findings
    day = "2024-01-05T"
    assert first == Finding(
        "look_ahead",
        "returns.v1",
        of(RETURNS),
        "2024-01-05",
        2,
        "known up to 3m before what they were made from was complete, 1 of them before their own ts",
        (
            f"ts {day}10:05:00.000000Z known at {day}10:05:00.000000Z, not before {day}10:06:00.000000Z",
            f"ts {day}10:07:00.000000Z known at {day}10:05:00.000000Z, not before {day}10:08:00.000000Z",
        ),
    )
    assert (last.partition, last.count) == ("2024-01-07", 1)
    assert last.detail == "known up to 1m before what they were made from was complete"


def test_rows_stamped_at_the_close_may_be_known_at_once(tmp_path: Path) -> None:
    at_close = dataclasses.replace(RETURNS, serving=Serving(stamp="close"))
    config = bars_lake(tmp_path, HOUR, at_close)
    features(config, at_close, HOUR, known_after=dict.fromkeys(HOUR, 0))
    assert audited(config).findings == []


def test_restated_bars_are_named_with_the_rows_that_were_made_from_them(tmp_path: Path) -> None:
    rolling = FeatureSet(
        "rolling", "1", RETURNS.columns, inputs=("bars/1m",), serving=Serving(lookback_us=5 * MINUTE_US)
    )
    config = bars_lake(tmp_path, HOUR, RETURNS, rolling)
    for each in (RETURNS, rolling):
        features(config, each, HOUR)
    give_bars(config, [minute("10:10"), minute("10:13")], price=2.0)
    bars = "bars/1m 2024-01-05: 2 bars restated (10:10, 10:13)"
    named = ("bars/1m 2024-01-05T10:10:00.000000000Z", "bars/1m 2024-01-05T10:13:00.000000000Z")
    # Over five minutes before it reach the rows from 10:10 to 10:15, and from 10:13 to 10:18.
    assert [(each.set, each.kind, each.count, each.detail, each.examples) for each in audited(config).findings] == [
        ("returns.v1", "restated", 2, f"{bars}; 2 rows of the set were made from them", named),
        ("rolling.v1", "restated", 9, f"{bars}; 9 rows of the set were made from them", named),
    ]


def test_a_row_stamped_at_the_close_was_made_from_the_bar_before_it(tmp_path: Path) -> None:
    at_close = dataclasses.replace(RETURNS, serving=Serving(stamp="close"))
    config = bars_lake(tmp_path, HOUR, at_close)
    features(config, at_close, [minute("10:11"), minute("10:15")])
    give_bars(config, [minute("10:10"), minute("10:12")], price=2.0)
    assert told(audited(config).findings) == [("restated", "2024-01-05", 1)]


def test_rows_that_were_there_before_their_bars_are_found(tmp_path: Path) -> None:
    config = bars_lake(tmp_path, hours(0), RETURNS)
    features(config, RETURNS, hours(0, 1))
    assert told(audited(config).findings) == [("before_inputs", "2024-01-06", 60)]
    give_bars(config, hours(1))
    late = "bars/1m 2024-01-06: 60 bars came in late (10:00, 10:01, 10:02, …); 60 rows of the set were made from them"
    found = audited(config).findings
    assert told(found) == [("before_inputs", "2024-01-06", 60), ("restated", "2024-01-06", 60)]
    assert found[1].detail == late


def test_rows_without_lineage_are_held_against_when_their_bars_came(tmp_path: Path) -> None:
    config = bars_lake(tmp_path, hours(0), RETURNS)
    features(config, RETURNS, hours(0, 1), lineage=False)
    assert audited(config).findings == []
    give_bars(config, hours(1))
    report = audited(config)
    assert told(report.findings) == [("before_inputs", "2024-01-06", 60)]
    [fact] = [fact for fact in report.facts if fact.kind == "before_inputs"]
    assert (fact.name, fact.value) == ("without lineage", 2)


def test_days_of_the_bars_without_a_row_are_found_in_runs(tmp_path: Path) -> None:
    config = bars_lake(tmp_path, hours(*range(8)), RETURNS)
    features(config, RETURNS, [*hours(1), *hours(3)[:15], *hours(6)])
    report = audited(config)
    # Before the set's first day and after its last one nothing is missing.
    assert told(report.findings) == [("coverage", "2024-01-07", 1), ("coverage", "2024-01-09 … 2024-01-10", 2)]
    assert report.findings[1].detail == "bars/1m has 120 rows in 2 partitions, the set has none"
    [fact] = [fact for fact in report.facts if fact.kind == "coverage"]
    assert (fact.value, fact.detail) == (135 / 180, "lowest on 2024-01-08: 0.25")


def test_a_share_of_nulls_that_rose_by_more_than_a_tenth_is_found(tmp_path: Path) -> None:
    config = bars_lake(tmp_path, hours(0, 1), RETURNS, NEXT)
    features(config, RETURNS, hours(0))
    features(config, NEXT, hours(0))
    features(config, NEXT, HOUR[:6], value=None)
    assert audited(config).findings == []  # a tenth is not more than a tenth
    features(config, NEXT, HOUR[6:9], value=None)
    features(config, NEXT, hours(1), value=None)  # of this day the version before has nothing
    report = audited(config)
    assert told(report.findings) == [("null_rate", "", 9)]
    assert report.findings[0].detail == "ret is null in 15.0% of rows, and in 0.0% in v1, on 1 day of both"
    rates = {fact.set: (fact.value, fact.detail) for fact in report.facts if fact.kind == "null_rate"}
    assert rates == {"returns.v1": (0.0, ""), "returns.v2": (0.15, "v1: 0.0%")}


def test_a_column_that_was_added_is_null_where_it_was_not_written(tmp_path: Path) -> None:
    config = bars_lake(tmp_path, hours(0), RETURNS)
    features(config, RETURNS, hours(0))
    wider = dataclasses.replace(RETURNS, columns=(*RETURNS.columns, Column("more", "float64", nullable=True)))
    register(config, wider)
    report = audited(config)
    assert report.findings == []
    assert {fact.name: fact.value for fact in report.facts if fact.kind == "null_rate"} == {"ret": 0.0, "more": 1.0}


def test_a_set_is_stale_when_it_is_late_or_its_last_row_is_good_no_more(tmp_path: Path) -> None:
    good = dataclasses.replace(RETURNS, serving=Serving(ttl_us=60 * MINUTE_US))
    config = bars_lake(tmp_path, range(minute("10:00"), minute("12:00")), good)
    features(config, good, HOUR)
    assert audited(config).findings == []  # 60 minutes behind, and good for as long
    give_bars(config, [minute("12:00")])
    [found] = audited(config).findings
    assert (found.kind, found.detail) == ("stale_set", "1 h 1 min behind bars/1m, and a row is good for 1h")
    due = FreshnessPolicy.of("2h")
    at = minute("13:30") * 60 * SECOND_NS
    late = audited(config, due=due, now_ns=at).findings[0]
    assert late.detail.startswith("late by 31 min: ")  # the last row is of 10:59
    assert len(audited(config, due=due, now_ns=minute("12:59") * 60 * SECOND_NS).findings) == 1
    assert audited(config, due=due, between=(None, NOW_NS)).findings == []


def test_only_the_series_and_the_days_that_are_asked_for_are_looked_at(tmp_path: Path) -> None:
    config = bars_lake(tmp_path, hours(0, 1), RETURNS)
    give_bars(config, hours(0, 1), address=ETH)
    for each in (BTC, ETH):
        features(
            config,
            RETURNS,
            hours(0, 1),
            known_after=dict.fromkeys([minute("10:00"), minute("10:00", DAY + 1)], 0),
            bars_of=each,
        )
    assert len(audited(config).findings) == 4
    found = audited(config, symbols=[ETH]).findings
    assert [(each.address.symbol, each.partition) for each in found] == [
        ("ETHUSDT", "2024-01-05"),
        ("ETHUSDT", "2024-01-06"),
    ]
    day_ns = 86_400 * SECOND_NS
    report = audited(config, symbols=[BTC], between=((DAY + 1) * day_ns, None))
    assert (told(report.findings), report.partitions, report.rows) == ([("look_ahead", "2024-01-06", 1)], 1, 60)


def test_progress_is_told_series_by_series(tmp_path: Path) -> None:
    config = bars_lake(tmp_path, hours(0, 1), RETURNS)
    give_bars(config, hours(0), address=ETH)
    features(config, RETURNS, hours(0, 1))
    features(config, RETURNS, hours(0), bars_of=ETH)
    steps: list[Progress] = []
    with Manifest.open(config) as manifest:
        request = AuditRequest(Sets(manifest).all())
    audit(config, request, registry=load(config), now_ns=NOW_NS, progress=steps.append)
    assert [(step.done, step.total) for step in steps] == [(0, 3), (2, 3), (2, 3), (3, 3)]


@pytest.mark.parametrize("part", ["1", "2"])
def test_sets_that_are_not_asked_for_are_left_alone(tmp_path: Path, part: str) -> None:
    config = bars_lake(tmp_path, hours(0), RETURNS, NEXT)
    for each in (RETURNS, NEXT):
        features(config, each, HOUR, known_after={minute("10:00"): 0})
    found = audited(config, RETURNS if part == "1" else NEXT).findings
    assert [each.set for each in found] == [f"returns.v{part}"]
