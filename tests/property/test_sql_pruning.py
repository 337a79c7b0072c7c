"""Whatever a statement filters by, it gets the rows that DuckDB finds in all of them, from files that can have them."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lake.manifest import Manifest
from lake.sql.views import Name, Views
from tests.querying import ask, opened, small_lake

if TYPE_CHECKING:
    from collections.abc import Iterator

TABLES = ("bars", "ticks")
MOMENTS = [
    "1970-01-01",
    "1970-01-02",
    "1970-01-02 00:10",
    "1970-01-03 23:50",
    "1970-01-04 00:00:00.000001",
    "1969-01-01",
]
MOMENTS += ["1970-01-01 23:59:59.999998", "1970-01-02 00:00:00.000001", "1971-01-01"]
SYMBOLS = ["BTCUSDT", "ETHUSDT", "NONE", "C"]
COMPARISONS = ["=", "<>", "<", "<=", ">", ">="]

moments = st.sampled_from(MOMENTS).map("timestamptz '{}'".format)
words = st.one_of(
    st.tuples(st.just("symbol"), st.sampled_from(COMPARISONS), st.sampled_from(SYMBOLS).map(repr)),
    st.tuples(st.just("exchange"), st.sampled_from(COMPARISONS), st.sampled_from(["'BINANCE'", "'KRAKEN'", "'X'"])),
    st.tuples(st.just("ts"), st.sampled_from(COMPARISONS), moments),
    st.tuples(st.just("ts"), st.just("between"), st.tuples(moments, moments).map(" and ".join)),
    st.tuples(
        st.sampled_from(["symbol", "exchange"]),
        st.sampled_from(["in", "not in"]),
        st.lists(st.sampled_from(SYMBOLS), min_size=1, max_size=3).map(
            lambda names: f"({', '.join(map(repr, names))})"
        ),
    ),
    st.tuples(st.sampled_from(["symbol", "ts"]), st.sampled_from(["is null", "is not null"]), st.just("")),
)
OF_BARS = st.one_of(
    st.tuples(st.just("period"), st.sampled_from(["=", "<>", ">"]), st.sampled_from(["'1m'", "'1h'", "'1d'"])),
    st.tuples(
        st.sampled_from(["close", "vwap"]),
        st.sampled_from(COMPARISONS),
        st.sampled_from([1.5, 100.0, 101.43, 203.5, 301.0]).map(str),
    ),
    st.tuples(st.just("vwap"), st.sampled_from(["is null", "is not null"]), st.just("")),
)
OF_TICKS = st.one_of(
    st.tuples(
        st.just("ts_ns"),
        st.sampled_from(COMPARISONS),
        st.sampled_from([0, 86_399_999_996_000, 86_400_000_000_500]).map(str),
    ),
    st.tuples(st.just("side"), st.sampled_from(["=", "<>"]), st.sampled_from(["'buy'", "'sell'", "'x'"])),
    st.tuples(st.just("price"), st.sampled_from(COMPARISONS), st.sampled_from(["1", "4", "9.5"])),
    st.tuples(st.just("ts_recv"), st.sampled_from(["is null", "is not null"]), st.just("")),
)


def conditions(of_table: st.SearchStrategy[tuple[str, str, str]]) -> st.SearchStrategy[str]:
    simple = st.one_of(words, of_table).map(" ".join)
    return st.recursive(
        simple,
        lambda inner: st.one_of(
            st.tuples(inner, st.sampled_from(["and", "or"]), inner).map(lambda parts: f"({' '.join(parts)})"),
            inner.map(lambda text: f"not ({text})"),
        ),
        max_leaves=5,
    )


@pytest.fixture(scope="module")
def both() -> Iterator[duckdb.DuckDBPyConnection]:
    """Return a DuckDB with the tables that prune, and as `all_…` with all of their rows."""
    with tempfile.TemporaryDirectory() as folder:
        config = small_lake(Path(folder))
        with Manifest.open(config) as manifest, duckdb.connect(":memory:", config={"threads": 1}) as connection:
            connection.execute("SET TimeZone = 'UTC'")
            views = Views(config, manifest, manifest.snapshot())
            for name in TABLES:
                connection.register(name, views.find(Name("", name)))
                rows = connection.sql(f"from {name}").to_arrow_table()
                connection.register(f"all_{name}", rows)
            yield connection


def rows(connection: duckdb.DuckDBPyConnection, table: str, columns: str, condition: str) -> list[tuple[Any, ...]]:
    statement = f"select {columns} from {table} where {condition} order by all"  # noqa: S608 -- a test's own
    return connection.sql(statement).fetchall()


@settings(max_examples=60, deadline=None)
@given(condition=conditions(OF_BARS))
def test_pruned_bars_are_all_that_fit(both: duckdb.DuckDBPyConnection, condition: str) -> None:
    found = rows(both, "bars", "exchange, symbol, period, ts, close", condition)
    assert found == rows(both, "all_bars", "exchange, symbol, period, ts, close", condition)
    # Of other columns than are filtered by, too.
    assert rows(both, "bars", "vwap", condition) == rows(both, "all_bars", "vwap", condition)


@settings(max_examples=40, deadline=None)
@given(condition=conditions(OF_TICKS))
def test_pruned_trades_are_all_that_fit(both: duckdb.DuckDBPyConnection, condition: str) -> None:
    found = rows(both, "ticks", "ts_ns, side, price", condition)
    assert found == rows(both, "all_ticks", "ts_ns, side, price", condition)


def test_the_rows_compared_with_are_those_of_the_files(tmp_path: Path) -> None:
    """All rows, read by DuckDB's own Parquet reader from the files themselves."""
    config = small_lake(tmp_path)
    with Manifest.open(config) as manifest:
        ours = ask(config, manifest, "select symbol, exchange, ts, close from bars order by all")
    with duckdb.connect(":memory:") as connection:
        connection.execute("SET TimeZone = 'UTC'")
        files = f"{config.data}/*/*/*/bars/**/*.parquet"
        theirs = connection.sql(
            "select symbol, exchange, ts, close from read_parquet($files) order by all", params={"files": files}
        ).to_arrow_table()
    assert [tuple(row.values()) for row in theirs.to_pylist()] == ours


def test_no_file_without_a_fitting_row_is_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each single day of each series: its file, and no other."""
    config = small_lake(tmp_path)
    with Manifest.open(config) as manifest:
        every = ask(config, manifest, "select exchange, symbol, period, partition, start_ts, end_ts from partitions")
        for exchange, symbol, period, partition, start, end in every:
            table = "ticks" if period == "trade" else "bars"
            names = {"exchange": exchange, "symbol": symbol, "start": start, "end": end}
            wanted = "exchange = $exchange and symbol = $symbol and ts >= $start and ts < $end"
            if table == "bars":
                wanted += f" and period = '{period}'"
            with opened(monkeypatch) as seen:
                ask(config, manifest, f"select count(*) from {table} where {wanted}", **names)  # noqa: S608 -- a test's own
            assert seen == [f"{exchange}/{symbol}/{period}/{partition}"]
