"""Partitions made by a user's function: what it gets, what it may give, and what becomes of it."""

from __future__ import annotations

import dataclasses
import datetime as dt
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from lake.config import Config, locate
from lake.errors import LakeError
from lake.manifest import Manifest
from lake.read import Scan
from lake.seal import SealRequest, seal
from lake.write import write
from pipelines.assets import ASSETS
from pipelines.making import Made, make
from schemas.assets import AssetSpec, Check, declare
from schemas.graph import Registry
from schemas.keys import Address
from tests.tables import FEATURES

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

DAY = dt.datetime(2024, 3, 5, tzinfo=dt.UTC)
MINUTE = dt.timedelta(minutes=1)
BARS = Address.of("TEST", "SPOT", "ABC", "bars", "1m")
FUNDING = Address.of("TEST", "SPOT", "ABC", "metrics", "funding")
GAP = Address.of("TEST", "SPOT", "ABC", "metrics", "making-gap")
LABEL = "2024-03-05"


def bars(day: dt.datetime, closes: Sequence[float]) -> pa.Table:
    ts = pa.array([day + n * MINUTE for n in range(len(closes))], pa.timestamp("us", "UTC"))
    close = pa.array(closes, pa.float64())
    return pa.table({"ts": ts, "open": close, "high": close, "low": close, "close": close, "volume": close})


@pytest.fixture
def config(tmp_path: Path) -> Config:
    """Return a lake with three bars on each of three days, and a funding rate on the first."""
    found = locate(tmp_path, must_exist=False)
    Manifest.create(found)
    for day in range(3):
        write(found, BARS, bars(DAY + dt.timedelta(days=day), [1.0 + day, 2.0, 3.0]))
    rate = pa.table({"ts": pa.array([DAY], pa.timestamp("us", "UTC")), "funding_rate": [0.25]})
    write(found, FUNDING, rate)
    return found


def spec(function: Callable[..., Any], *, upstreams: Any = ("bars/1m",), **said: Any) -> AssetSpec:  # noqa: ANN401 - words
    found = AssetSpec.of(GAP.key, columns={"gap": "float64"}, upstreams=upstreams, make=function, **said)
    Registry([*ASSETS, found])
    declare(found.key, found.schema, "making")
    return found


def gaps(table: pa.Table) -> pa.Table:
    return pa.table({"ts": table["ts"], "gap": table["close"]})


def stored(config: Config) -> dict[str, list[float]]:
    with Manifest.open(config) as manifest:
        table = Scan(config, manifest, [GAP]).to_arrow()
    found: dict[str, list[float]] = {}
    for ts, gap in zip(table["ts"].to_pylist(), table["gap"].to_pylist(), strict=True):
        found.setdefault(ts.date().isoformat(), []).append(gap)
    return found


def failure(made: Sequence[Made]) -> LakeError:
    [one] = made
    assert one.failure is not None
    return one.failure


def test_a_partition_is_made_of_its_own_rows(config: Config) -> None:
    made = make(config, spec(gaps), GAP, [LABEL, "2024-03-06"])
    assert [(each.partition, each.rows, each.same) for each in made] == [(LABEL, 3, False), ("2024-03-06", 3, False)]
    assert stored(config) == {LABEL: [1, 2, 3], "2024-03-06": [2, 2, 3]}
    [again] = make(config, spec(gaps), GAP, [LABEL])
    assert (again.same, again.rows) == (True, 3)


def test_each_upstream_is_a_table_with_the_columns_that_were_asked_for(config: Config) -> None:
    seen: list[tuple[list[str], int]] = []

    def look(prices: pa.Table, funding: pa.Table) -> None:
        seen.extend((table.column_names, table.num_rows) for table in (prices, funding))

    wanted = {"bars/1m": ["ts", "close"], "metrics/funding": ["funding_rate"]}
    [made] = make(config, spec(look, upstreams=wanted), GAP, [LABEL])
    assert seen == [(["ts", "close"], 3), (["funding_rate"], 1)]
    assert (made.rows, made.same, made.failure) == (0, True, None)


def test_rows_may_come_from_any_library_and_in_any_order(config: Config) -> None:
    def backwards(table: pa.Table) -> Any:  # noqa: ANN401 - a pandas frame
        return gaps(table).to_pandas().iloc[::-1]

    make(config, spec(backwards), GAP, [LABEL])
    assert stored(config) == {LABEL: [1, 2, 3]}


def test_features_are_stored_by_ts_and_then_by_when_they_were_known(config: Config) -> None:
    address = Address.of("TEST", "SPOT", "ABC", "features", "making-revised.v1")

    def revised(table: pa.Table) -> pa.Table:
        late, soon = (
            pa.table({"ts": table["ts"], "known_at": pc.add(table["ts"], wait), "value": table["close"]})
            for wait in (2 * MINUTE, MINUTE)
        )
        return pa.concat_tables([late, soon])

    found = AssetSpec(address.key, FEATURES, upstreams=("bars/1m",), made="derived", make=revised)
    declare(found.key, found.schema, "making")
    make(config, found, address, [LABEL])
    with Manifest.open(config) as manifest:
        rows = Scan(config, manifest, [address]).to_arrow().to_pylist()
    waits = [(row["ts"] - DAY, row["known_at"] - row["ts"]) for row in rows]
    assert waits == [(n * MINUTE, wait * MINUTE) for n in range(3) for wait in (1, 2)]
    twice = dataclasses.replace(found, make=lambda table: pa.concat_tables([revised(table)] * 2), code_version="2")
    assert "two rows of one ts, known_at" in failure(make(config, twice, address, [LABEL])).message


@pytest.mark.parametrize(
    ("function", "code", "told"),
    [
        (lambda table: table["nonsense"], "E_MAKE", "KeyError"),
        (lambda _table: 7, "E_USAGE", "int is not a table"),
        (lambda table: gaps(table).drop(["ts"]), "E_COLUMN_MISSING", "column 'ts' is missing"),
        (lambda table: gaps(table).append_column("more", table["close"]), "E_SCHEMA", "unknown columns: more"),
        (lambda table: pa.concat_tables([gaps(table)] * 2), "E_MAKE", "two rows of one ts"),
        (lambda table: gaps(bars(DAY - MINUTE, table["close"].to_pylist())), "E_MAKE", f"outside of {LABEL}"),
        (lambda table: gaps(table).set_column(1, "gap", pa.array([1.0, float("inf"), 2.0])), "E_CHECK", "bad_number"),
    ],
)
def test_what_a_function_must_not_give_is_left_out_and_recorded(
    config: Config, function: Callable[..., Any], code: str, told: str
) -> None:
    error = failure(make(config, spec(function), GAP, [LABEL]))
    assert error.code == code
    assert told in error.message
    with Manifest.open(config) as manifest:
        assert manifest.find(GAP) is None
        [run] = [run for run in manifest.runs() if run.kind == "materialize"]
    assert run.status == "failed"


def test_a_blocking_check_keeps_a_partition_out_and_another_keeps_its_finding(config: Config) -> None:
    def low(table: pa.Table) -> object:
        return pc.max(table["gap"]).as_py() < 3 or "high"

    warned = spec(gaps, checks=[Check("low", low, blocking=False)])
    assert [each.failure for each in make(config, warned, GAP, [LABEL])] == [None]
    blocked = spec(gaps, checks=[Check("low", low), Check("odd", lambda _table: None)])
    assert failure(make(config, blocked, GAP, ["2024-03-06"])).message == "low: high"
    assert stored(config) == {LABEL: [1, 2, 3]}


def test_a_failure_leaves_the_others_alone(config: Config) -> None:
    def picky(table: pa.Table) -> pa.Table:
        if table["close"][0].as_py() == 2:
            raise OSError("no luck")
        return gaps(table)

    made = make(config, spec(picky), GAP, [LABEL, "2024-03-06", "2024-03-07"])
    assert [each.failure is None for each in made] == [True, False, True]
    assert set(stored(config)) == {LABEL, "2024-03-07"}


def test_what_was_written_by_hand_is_not_written_over(config: Config) -> None:
    found = spec(gaps)
    write(config, GAP, gaps(bars(DAY, [9.0])))
    with pytest.raises(LakeError) as caught:
        make(config, found, GAP, [LABEL])
    assert caught.value.code == "E_DERIVED"
    assert stored(config) == {LABEL: [9]}


def test_an_upstream_that_is_not_there_is_named(config: Config) -> None:
    other = Address.of("TEST", "SPOT", "XYZ", "metrics", "making-gap")
    with pytest.raises(LakeError, match="TEST/SPOT/XYZ/bars/1m is not in the lake"):
        make(config, spec(gaps), other, [LABEL])


def test_a_day_of_a_sealed_month_is_made_with_the_others_of_its_file(config: Config) -> None:
    found = spec(gaps)
    labels = [LABEL, "2024-03-06", "2024-03-07"]
    make(config, found, GAP, labels)
    report = seal(config, SealRequest((str(GAP),), 0))
    assert [month.partition for month in report.months] == ["2024-03"]
    write(config, BARS, bars(DAY + dt.timedelta(days=1), [7.0]))
    made = make(config, found, GAP, ["2024-03-06"])
    assert [(each.partition, each.failure) for each in made] == [(label, None) for label in labels]
    assert stored(config) == {LABEL: [1, 2, 3], "2024-03-06": [7, 2, 3], "2024-03-07": [3, 2, 3]}
