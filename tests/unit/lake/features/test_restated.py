"""Which written partitions are stale, and by which of their inputs' rows: every expectation is counted by hand."""

from __future__ import annotations

import gc
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from dl_datalake.states import judge
from lake import lineage
from lake.delete import DeleteRequest, delete
from lake.expire import ExpireRequest, expire
from lake.features import restated
from lake.manifest import Manifest, PartRow, graph
from lake.read import Scan
from lake.vacuum import VacuumRequest, vacuum
from lake.write import write
from pipelines.assets import load
from schemas.features import FeatureSet
from schemas.keys import Address
from tests.feature_rows import give_bars
from tests.manifests import BTC, ETH
from tests.tables import MINUTE_US, trade, trades
from tests.written import DAY, RETURNS, bars_lake, features, minute, of

if TYPE_CHECKING:
    from pathlib import Path

    from lake.config import Config

LABEL = "2024-01-05"
HOURS = range(minute("09:00"), minute("12:00"))


@pytest.fixture
def config(tmp_path: Path) -> Config:
    """Bars from 09:00 to 11:59, and a row of features at each of them."""
    found = bars_lake(tmp_path, HOURS, RETURNS)
    features(found, RETURNS, HOURS)
    return found


def told(config: Config) -> dict[str, tuple[str, tuple[str, ...]]]:
    """Return state and reasons of every partition, as listed; counting must come to the same."""
    registry = load(config)
    with Manifest.open(config) as manifest:
        ask = judge(manifest)
        states = lineage.partition_states(manifest, registry, of(RETURNS), judge=ask)
        [row] = [
            row for row in lineage.status(manifest, registry, now_ns=None, judge=ask) if row.address == of(RETURNS)
        ]
        assert manifest.check_chain() == []
    assert row.made == "external"
    assert (row.missing, row.failed) == (0, 0)
    assert dict(row.restated) == {each.partition: each.reasons for each in states if each.state == "stale"}
    assert row.stale == len(row.restated)
    return {each.partition: (each.state, each.reasons) for each in states}


def test_what_nothing_touched_is_current_and_asks_nobody(config: Config) -> None:
    assert told(config) == {LABEL: ("materialized", ())}
    with Manifest.open(config) as manifest:

        def never(_rows: object) -> dict[int, tuple[str, ...]]:
            pytest.fail("nothing is in doubt")

        lineage.status(manifest, load(config), now_ns=None, judge=never)


def test_restated_bars_are_named_by_their_times(config: Config) -> None:
    give_bars(config, [minute("10:00"), minute("10:03")], price=2.0)
    assert told(config) == {LABEL: ("stale", ("bars/1m 2024-01-05: 2 bars restated (10:00, 10:03)",))}


def test_only_the_first_few_are_named_and_all_are_counted(config: Config) -> None:
    give_bars(config, range(minute("10:00"), minute("10:05")), price=2.0)
    assert told(config)[LABEL][1] == ("bars/1m 2024-01-05: 5 bars restated (10:00, 10:01, 10:02, …)",)


def test_bars_that_follow_are_no_restatement(config: Config) -> None:
    give_bars(config, range(minute("12:00"), minute("18:00")))
    assert told(config) == {LABEL: ("materialized", ())}


def test_a_restatement_shows_among_bars_that_followed_also_in_one_write(config: Config) -> None:
    give_bars(config, range(minute("11:59"), minute("18:00")), price=3.0)
    assert told(config)[LABEL][1] == ("bars/1m 2024-01-05: 1 bar restated (11:59)",)


def test_later_bars_that_were_there_already_may_be_restated(tmp_path: Path) -> None:
    config = bars_lake(tmp_path, range(minute("09:00"), minute("12:00")), RETURNS)
    features(config, RETURNS, range(minute("09:00"), minute("10:00")))
    give_bars(config, [minute("11:00")], price=2.0)
    assert told(config) == {LABEL: ("materialized", ())}
    give_bars(config, [minute("09:59")], price=2.0)
    assert told(config)[LABEL][1] == ("bars/1m 2024-01-05: 1 bar restated (09:59)",)


def test_bars_that_came_in_late_and_bars_that_went_are_told_as_such(tmp_path: Path) -> None:
    config = bars_lake(tmp_path, [at for at in HOURS if at != minute("10:05")], RETURNS)
    features(config, RETURNS, HOURS)
    give_bars(config, [minute("10:05")])
    assert told(config)[LABEL][1] == ("bars/1m 2024-01-05: 1 bar came in late (10:05)",)
    start, end = (minute(clock) * 60 * 10**9 for clock in ("10:07", "10:09"))
    delete(config, DeleteRequest((str(BTC),), start, end))
    assert told(config)[LABEL][1] == ("bars/1m 2024-01-05: 1 bar came in late (10:05), 2 deleted (10:07, 10:08)",)


def test_a_restatement_that_is_taken_back_leaves_nothing_stale(config: Config) -> None:
    give_bars(config, [minute("10:00")], price=2.0)
    give_bars(config, [minute("10:00")], price=1.0)
    assert told(config) == {LABEL: ("materialized", ())}


def test_bars_of_another_symbol_say_nothing(config: Config) -> None:
    give_bars(config, HOURS, price=2.0, address=ETH)
    assert told(config) == {LABEL: ("materialized", ())}


def test_rows_made_from_an_older_snapshot_are_held_against_that_one(tmp_path: Path) -> None:
    config = bars_lake(tmp_path, HOURS, RETURNS)
    with Manifest.open(config) as manifest:
        read = manifest.snapshot()
    give_bars(config, [minute("10:00")], price=2.0)
    features(config, RETURNS, HOURS, snapshot=read)
    assert told(config)[LABEL][1] == ("bars/1m 2024-01-05: 1 bar restated (10:00)",)
    features(config, RETURNS, HOURS)
    assert told(config) == {LABEL: ("materialized", ())}


def test_each_day_is_told_by_its_own_bars(tmp_path: Path) -> None:
    days = [minute("10:00", DAY + day) for day in range(3)]
    config = bars_lake(tmp_path, days, RETURNS)
    features(config, RETURNS, days)
    give_bars(config, [days[1]], price=2.0)
    assert told(config) == {
        "2024-01-05": ("materialized", ()),
        "2024-01-06": ("stale", ("bars/1m 2024-01-06: 1 bar restated (10:00)",)),
        "2024-01-07": ("materialized", ()),
    }


def forget(config: Config) -> None:
    """Forget all snapshots but the newest, and give back their files."""
    assert expire(config, ExpireRequest(keep_last=1, force=True)).status == "committed"
    vacuum(config, VacuumRequest(grace_s=0, force=True))


def test_what_is_forgotten_cannot_be_named(config: Config) -> None:
    give_bars(config, [minute("10:00")], price=2.0)
    forget(config)
    assert told(config)[LABEL] == ("stale", ("bars/1m 2024-01-05 changed, and what it was is forgotten",))


def test_bars_that_only_followed_restate_nothing_even_where_the_past_is_forgotten(config: Config) -> None:
    give_bars(config, range(minute("12:00"), minute("18:00")))
    forget(config)
    assert told(config) == {LABEL: ("materialized", ())}


def test_bars_that_cannot_be_read_leave_it_stale_and_say_why(config: Config) -> None:
    give_bars(config, [minute("10:00")], price=2.0)
    with Manifest.open(config) as manifest:
        series = manifest.find(BTC)
        assert series is not None
        [live] = manifest.current(series.id).values()
    (config.data / live.path).unlink()
    [reason] = told(config)[LABEL][1]
    assert reason.startswith("bars/1m 2024-01-05 changed, and cannot be read: ")


def test_sets_on_one_symbol_read_each_partition_of_its_bars_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sets = [FeatureSet(f"returns{number}", "1", RETURNS.columns, inputs=("bars/1m",)) for number in range(4)]
    config = bars_lake(tmp_path, HOURS, *sets)
    for number, each in enumerate(sets):
        # Each in a snapshot of its own, and up to a time of its own.
        features(config, each, range(minute("09:00"), minute("11:00") + number))
    give_bars(config, [minute("10:00"), minute("11:01")], price=2.0)
    opened: list[int] = []
    scan = Scan

    def counting(*arguments: Any, **words: Any) -> Any:  # noqa: ANN401 -- whatever a scan takes and is
        opened.append(words["as_of"])
        return scan(*arguments, **words)

    monkeypatch.setattr(restated, "Scan", counting)
    with Manifest.open(config) as manifest:
        rows = lineage.status(manifest, load(config), now_ns=None, judge=judge(manifest))
    assert [row.restated.get(LABEL) for row in rows if row.made == "external"] == [
        ("bars/1m 2024-01-05: 1 bar restated (10:00)",),
        ("bars/1m 2024-01-05: 1 bar restated (10:00)",),
        ("bars/1m 2024-01-05: 2 bars restated (10:00, 11:01)",),
        ("bars/1m 2024-01-05: 2 bars restated (10:00, 11:01)",),
    ]
    assert len(opened) == 2  # as it was, and as it is


def test_what_is_remembered_of_inputs_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    days = [minute("09:00", DAY + number) for number in range(10)]
    config = bars_lake(tmp_path, days, RETURNS)
    features(config, RETURNS, days)
    give_bars(config, days, price=2.0)
    monkeypatch.setattr(restated, "HELD_PARTS", 20)
    with Manifest.open(config) as manifest:
        series = manifest.find(of(RETURNS))
        assert series is not None
        made = graph.derivations(manifest, series.id)
        comparison = restated.Comparison(config, manifest)
        # Each over all ten days, as with a lookback, and no two over the same time.
        asked = [
            replace(row, start_ns=days[0] * MINUTE_US * 1000 - at, end_ns=made[-1].end_ns)
            for at, row in enumerate(made)
        ]
        assert [sum(found.count for found in comparison.of(row)) for row in asked] == [10] * 10
        held = sum(isinstance(each, PartRow) for each in gc.get_objects())
    assert held < 20 + 3 * 10


def test_trades_are_told_by_their_times_and_like_ones_are_counted(tmp_path: Path) -> None:
    trades_of = Address("BINANCE", "SPOT", "BTCUSDT", "ticks", "trade")
    flow = FeatureSet("flow", "1", RETURNS.columns, inputs=("ticks/trade",))
    config = bars_lake(tmp_path, [], flow)
    second = 10**9
    start = minute("10:00") * 60 * second
    rows = [trade(start), trade(start), trade(start + second, 2.0), trade(start + 2 * second + 5000, 3.0)]
    write(config, trades_of, trades(*rows))
    features(config, flow, [minute("10:00")], bars_of=trades_of)
    # One of two like trades goes, one gets another price, and one comes between them.
    rows = [trade(start), trade(start + second, 2.5), trade(start + 2 * second, 3.0), *rows[3:]]
    write(config, trades_of, trades(*rows), mode="replace")
    with Manifest.open(config) as manifest:
        [row] = [
            row
            for row in lineage.status(manifest, load(config), now_ns=None, judge=judge(manifest))
            if row.address == of(flow, trades_of)
        ]
    assert row.restated == {
        LABEL: ("ticks/trade 2024-01-05: 1 time restated (10:00:01), 1 came in late (10:00:02), 1 deleted (10:00)",)
    }
