"""Materializing: layer after layer, each partition by what makes it, and what fails alone."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

from lake.aggregate import AggregateRequest, aggregate
from lake.config import Config, locate
from lake.errors import LakeError
from lake.manifest import Manifest
from lake.read import Scan
from lake.write import write
from pipelines.assets import ASSETS
from pipelines.materialize import MaterializeReport, MaterializeRequest, Progress, materialize
from pipelines.selection import select
from schemas.assets import AssetSpec, Check, declare
from schemas.calendars import FreshnessPolicy
from schemas.graph import Registry
from schemas.keys import Address

if TYPE_CHECKING:
    from pathlib import Path

DAY = dt.datetime(2024, 3, 5, tzinfo=dt.UTC)
MINUTE = dt.timedelta(minutes=1)
SYMBOLS = ("ABC", "DEF", "XYZ")


def minutes(symbol: str) -> Address:
    return Address.of("TEST", "SPOT", symbol, "bars", "1m")


def bars(day: dt.datetime, count: int, price: float = 1.0) -> pa.Table:
    ts = pa.array([day + n * MINUTE for n in range(count)], pa.timestamp("us", "UTC"))
    same = pa.array([price] * count)
    return pa.table({"ts": ts, "open": same, "high": same, "low": same, "close": same, "volume": same})


@pytest.fixture
def config(tmp_path: Path) -> Config:
    """Return a lake with an hour of minutes of three symbols on each of two days."""
    found = locate(tmp_path, must_exist=False)
    Manifest.create(found)
    for symbol in SYMBOLS:
        for day in range(2):
            write(found, minutes(symbol), bars(DAY + dt.timedelta(days=day), 60))
    return found


def half(table: pa.Table) -> pa.Table:
    return table.select(["ts", "close"]).rename_columns(["ts", "x"])


def own(key: str, *upstreams: str, **said: Any) -> AssetSpec:  # noqa: ANN401 - whatever a declaration takes
    spec = AssetSpec.of(key, columns={"x": "float64"}, upstreams=upstreams, make=half, **said)
    declare(key, spec.schema, "materialize")
    return spec


def run(config: Config, registry: Registry, text: str, **how: Any) -> MaterializeReport:  # noqa: ANN401 - the request's
    with Manifest.open(config) as manifest:
        stored = [row.address for row in manifest.series()]
    return materialize(config, registry, MaterializeRequest(select(text, registry, stored), **how))


CHAIN = Registry([*ASSETS, own("metrics/mat-first", "bars/1h")])


def values(config: Config, symbol: str, key: str) -> list[float]:
    address = Address.of("TEST", "SPOT", symbol, *key.split("/"))
    with Manifest.open(config) as manifest:
        found: list[float] = Scan(config, manifest, [address], columns=["x"]).to_arrow()["x"].to_pylist()
    return found


def test_what_hangs_together_is_made_in_its_order(config: Config) -> None:
    report = run(config, CHAIN, "1+metrics/mat-first")
    assert (report.status, report.failures) == ("done", [])
    assert [each.address.key for each in report.planned] == ["bars/1h"] * 3 + ["metrics/mat-first"] * 6
    assert report.built == 9
    assert values(config, "DEF", "metrics/mat-first") == [1, 1]
    assert run(config, CHAIN, "1+metrics/mat-first").status == "nothing"


def test_a_change_runs_through_all_that_is_selected(config: Config) -> None:
    run(config, CHAIN, "1+metrics/mat-first")
    write(config, minutes("DEF"), bars(DAY, 60, 5.0))
    alone = run(config, CHAIN, "metrics/mat-first")
    assert alone.status == "nothing"
    report = run(config, CHAIN, "1+metrics/mat-first", missing=False)
    assert {each.address.symbol for each in report.planned} == {"DEF"}
    assert values(config, "DEF", "metrics/mat-first") == [5, 1]


def test_what_was_made_from_another_series_than_declared_follows_that_one(config: Config) -> None:
    hours = Address.of("TEST", "SPOT", "DEF", "bars", "1h")
    aggregate(config, AggregateRequest(minutes("DEF"), ("1h",)))
    aggregate(config, AggregateRequest(hours, ("2h",)))
    write(config, minutes("DEF"), bars(DAY, 60, 5.0))
    plan = run(config, CHAIN, "bars/2h,bars/1h", missing=False, plan_only=True)
    assert [(each.address.key, each.state) for each in plan.planned] == [("bars/1h", "stale"), ("bars/2h", "follows")]
    report = run(config, CHAIN, "bars/2h,bars/1h", missing=False)
    assert [each.address.key for each in report.planned] == ["bars/1h", "bars/2h"]
    assert run(config, CHAIN, "bars/2h,bars/1h", missing=False).status == "nothing"


def test_a_calendar_that_is_not_there_hinders_no_making(config: Config) -> None:
    registry = Registry(ASSETS)
    registry.due("TEST/*/*/bars/1h", FreshnessPolicy("1h", "MOON"))
    assert run(config, registry, "bars/1h").status == "done"
    assert run(config, registry, "bars/1h").status == "nothing"


def test_several_jobs_make_what_one_makes(config: Config) -> None:
    report = run(config, CHAIN, "bars/5m,bars/1h,metrics/mat-first", jobs=3)
    assert (report.status, report.built, report.failures) == ("done", 12, [])


def test_bars_of_ones_own_are_aggregated_and_checked(config: Config) -> None:
    def low(table: pa.Table) -> object:
        return max(table["close"].to_pylist()) < 3 or "high"

    seven = AssetSpec.of("bars/7m", upstreams=["bars/1m"], made="derived", checks=[Check("low", low)])
    registry = Registry([*ASSETS, seven])
    write(config, minutes("DEF"), bars(DAY, 60, 5.0))
    report = run(config, registry, "bars/7m")
    assert (report.status, report.built) == ("partial", 2)
    [failed] = report.failures
    assert (failed.address.symbol, failed.partition, failed.code) == ("DEF", "2024-03", "E_CHECK")
    assert "low: high" in failed.message
    # It is tried again each time, and told each time.
    again = run(config, registry, "bars/7m")
    assert (again.status, [each.state for each in again.planned]) == ("failed", ["failed"])
    write(config, minutes("DEF"), bars(DAY, 60))
    assert run(config, registry, "bars/7m").status == "done"


def test_a_series_that_was_ingested_is_not_to_be_made(config: Config) -> None:
    write(config, Address.of("TEST", "SPOT", "ABC", "bars", "1h"), bars(DAY, 1))
    report = run(config, CHAIN, "bars/1h")
    assert {each.address.symbol for each in report.planned} == {"DEF", "XYZ"}
    assert report.status == "done"


def test_an_error_of_one_series_is_recorded_with_its_partitions(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    import lake.aggregate as engine

    whole = engine.aggregate

    def picky(there: Config, request: engine.AggregateRequest, *, progress: Any) -> engine.AggregateReport:  # noqa: ANN401 - handed on
        if request.address.symbol == "DEF":
            raise LakeError("FILE_DAMAGED", "a bit flipped", where="somewhere")
        return whole(there, request, progress=progress)

    monkeypatch.setattr(engine, "aggregate", picky)
    report = run(config, CHAIN, "bars/1h,bars/1d")
    assert (report.status, report.built) == ("partial", 4)
    assert {(each.address.key, each.partition, each.code) for each in report.failures} == {
        ("bars/1h", "2024-03", "E_FILE_DAMAGED"),
        ("bars/1d", "2024", "E_FILE_DAMAGED"),
    }
    monkeypatch.undo()
    again = run(config, CHAIN, "bars/1h,bars/1d")
    assert ([each.state for each in again.planned], again.status) == (["failed", "failed"], "done")


def test_an_error_of_the_whole_lake_ends_it(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_given: object, **_named: object) -> None:
        raise LakeError("DISK_FULL", "no room")

    monkeypatch.setattr("lake.aggregate.aggregate", full)
    with pytest.raises(LakeError, match="no room"):
        run(config, CHAIN, "bars/1h")


def test_progress_ends_where_the_plan_ends(config: Config) -> None:
    seen: list[Progress] = []
    with Manifest.open(config) as manifest:
        chosen = select("bars/1h,metrics/mat-first", CHAIN, [row.address for row in manifest.series()])
    report = materialize(config, CHAIN, MaterializeRequest(chosen), progress=seen.append)
    assert (seen[-1].done, seen[-1].total) == (9, 9) == (len(report.planned), report.built)


def test_a_plan_of_what_is_stale_says_nothing_of_what_is_missing(config: Config) -> None:
    run(config, CHAIN, "bars/1h")
    write(config, minutes("DEF"), bars(DAY, 60, 5.0))
    follow = run(config, CHAIN, "bars/1h+", plan_only=True, missing=False).planned
    assert [(str(each.address), each.partition, each.state) for each in follow] == [
        ("TEST/SPOT/DEF/bars/1h", "2024-03", "stale")
    ]
    run(config, CHAIN, "metrics/mat-first")
    plan = run(config, CHAIN, "bars/1h+", plan_only=True, missing=False).planned
    assert [(each.address.key, each.partition, each.state) for each in plan] == [
        ("bars/1h", "2024-03", "stale"),
        ("metrics/mat-first", "2024-03-05", "follows"),
        ("metrics/mat-first", "2024-03-06", "follows"),
    ]
    assert run(config, CHAIN, "bars/1h+", stale=False).status == "nothing"
