"""A result as a DuckDB relation: the same rows, pushed down, and no page that rotted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import duckdb
import pyarrow as pa
import pytest

import dl_datalake
from lake.manifest import Manifest
from lake.write import write
from tests.manifests import make_lake
from tests.querying import BTC, ETH, MINUTES, minute_bars, opened, small_lake
from tests.rotten import flip
from tests.tables import bars
from tests.written import two_symbols

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from dl_datalake.client import Lake
    from dl_datalake.result import Result


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    config = small_lake(tmp_path_factory.mktemp("duck"))
    with dl_datalake.open(config.root) as lake:
        yield lake


@pytest.fixture
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(":memory:") as connection:
        connection.execute("SET TimeZone = 'UTC'")
        yield connection


def test_a_relation_has_the_rows_of_the_result(lake: Lake, connection: duckdb.DuckDBPyConnection) -> None:
    result = lake.bars("ETHUSDT", start="1970-01-02", end="1970-01-03", columns=["ts", "close", "symbol"])
    relation = result.to_duckdb(connection)
    assert relation.columns == ["ts", "close", "symbol"]
    table = relation.to_arrow_table()
    assert table["ts"].cast("int64").to_pylist() == result.to_arrow()["ts"].cast("int64").to_pylist()
    assert table["close"].to_pylist() == result.to_arrow()["close"].to_pylist()
    assert relation.fetchall() == relation.fetchall()


def test_filters_reach_the_files(
    lake: Lake, connection: duckdb.DuckDBPyConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    relation = lake.bars("ETHUSDT", start="1970-01-01 12:00").to_duckdb(connection)
    with opened(monkeypatch) as seen:
        assert relation.filter("ts >= '1970-01-03 12:00'").aggregate("count(*)").fetchall() == [(72 + 144,)]
        assert relation.filter("ts < '1970-01-02'").aggregate("count(*)").fetchall() == [(72,)]
        assert relation.filter("ts < '1970-01-01 12:00'").aggregate("count(*)").fetchall() == [(0,)]
        assert relation.filter("symbol = 'BTCUSDT'").aggregate("count(*)").fetchall() == [(0,)]
    assert seen == [f"BINANCE/ETHUSDT/1m/1970-01-0{day}" for day in (3, 4, 1)]


def test_relations_join_in_a_statement(lake: Lake, connection: duckdb.DuckDBPyConnection) -> None:
    btc = lake.bars("BTCUSDT", exchange="KRAKEN").to_duckdb(connection)
    eth = lake.bars("ETHUSDT").to_duckdb(connection)
    statement = "select count(*), sum(btc.close - eth.close) from btc join eth using (ts)"
    [(count, difference)] = connection.sql(statement).fetchall()
    assert (count, difference) == (576, pytest.approx(576 * 100.0))
    assert btc.columns == eth.columns


def test_without_a_connection_there_is_one(lake: Lake) -> None:
    relation = lake.ticks("BTCUSDT").to_duckdb()
    assert relation.filter("side = 'sell'").aggregate("count(*), max(ts_ns)").fetchall() == [(6, 86_400_000_003_500)]


@pytest.mark.parametrize(
    "make",
    [
        lambda lake: lake.bars("ETHUSDT", where="close > 202.3"),
        lambda lake: lake.bars(["ETHUSDT", "BTCUSDT"], exchange="BINANCE", end="1970-01-02"),
        lambda lake: lake.bars("ETHUSDT").resample("2h"),
        lambda lake: lake.bars("ETHUSDT", start="1970-01-01", end="1970-01-01 01:00").fill("previous"),
        lambda lake: lake.ticks("BTCUSDT", where="price > 3"),
    ],
    ids=["where", "two", "resampled", "filled", "ticks"],
)
def test_results_of_every_kind_are_relations(
    make: Callable[[Lake], Result], lake: Lake, connection: duckdb.DuckDBPyConnection
) -> None:
    result = make(lake)
    table, found = result.to_arrow(), result.to_duckdb(connection).to_arrow_table()
    assert table.num_rows > 1
    for name in table.column_names:
        column = table.column(name)
        if f"{name}_ns" in found.column_names:
            assert found.column(f"{name}_ns").to_pylist() == column.cast(pa.int64()).to_pylist()
        else:
            assert found.column(name).to_pylist() == column.to_pylist()
    later = result.to_duckdb(connection).filter("ts > '1970-01-01 00:50'").aggregate("count(*)").fetchall()
    edge = 50 * 60 * 10**9
    ns = column_ns(table)
    assert later == [(sum(value > edge for value in ns),)]


def column_ns(table: pa.Table) -> list[int]:
    return [int(value) for value in table.column("ts").cast(pa.timestamp("ns", "UTC")).cast(pa.int64()).to_pylist()]


def test_a_training_set_is_a_relation_too(tmp_path: Path, connection: duckdb.DuckDBPyConnection) -> None:
    two_symbols(tmp_path, 2)
    with dl_datalake.open(tmp_path) as lake:
        joined = lake.training_set(lake.bars("ETHUSDT", columns=["ts", "close"]), ["returns"])
        relation = joined.to_duckdb(connection)
        values = [value for value in joined.to_arrow()["returns__ret"].to_pylist() if value is not None]
        assert relation.filter("returns__ret is not null").project("returns__ret").fetchall() == [(v,) for v in values]
        assert len(values) > 0


def test_a_page_that_rotted_is_an_error_that_names_it(tmp_path: Path, connection: duckdb.DuckDBPyConnection) -> None:
    config = make_lake(tmp_path)
    for place, address in enumerate(MINUTES):
        write(config, address, bars(*minute_bars(place)))
    with Manifest.open(config) as manifest:
        series = manifest.find(BTC)
        assert series is not None
        victim = config.data / manifest.plan(series.id, None, None, manifest.snapshot())[1].path
    flip(victim)
    with dl_datalake.open(tmp_path) as damaged:
        relation = damaged.bars("BTCUSDT", exchange="BINANCE").to_duckdb(connection)
        with pytest.raises(duckdb.Error, match=f"E_FILE_DAMAGED.*{victim.name}"):
            relation.fetchall()
        assert relation.filter("ts < '1970-01-02'").aggregate("count(*)").fetchall() == [(144,)]
        assert damaged.read(ETH).to_duckdb(connection).aggregate("count(*)").fetchall() == [(576,)]
