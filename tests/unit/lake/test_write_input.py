"""Writing tables: what may be given, and what is refused."""

from __future__ import annotations

import datetime as dt
import decimal
from collections import Counter
from typing import TYPE_CHECKING, Any

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from lake.check import verify
from lake.errors import LakeError
from lake.manifest import Manifest
from lake.read import Scan
from lake.write import write
from schemas.keys import Address
from tests.manifests import make_lake
from tests.tables import Row, bar, bars, plain, trade, trades

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from lake.config import Config
    from lake.write import Tabular, WriteResult

BTC = Address.of("BINANCE", "SPOT", "BTCUSDT", "bars", "1m")
TICKS = Address.of("BINANCE", "SPOT", "BTCUSDT", "ticks", "trade")
DAY = 1440


@pytest.fixture
def lake(tmp_path: Path) -> Config:
    return make_lake(tmp_path)


def read(lake: Config, address: Address = BTC) -> list[Row]:
    with Manifest.open(lake) as manifest:
        return plain(Scan(lake, manifest, [address]).to_arrow())


def counts(result: WriteResult) -> Counter[str]:
    told = Counter(result.rows)
    assert told.pop("read") == sum(told.values())
    return +told


def refused(lake: Config, address: Address, data: Any) -> LakeError:  # noqa: ANN401 -- anything may be given
    """Write what must be refused, and hold the lake to be as it was; return the error."""
    before = state(lake)
    with pytest.raises(LakeError) as caught:
        write(lake, address, data)
    assert state(lake) == before
    assert list((lake.data / "_staging").glob("*/*")) == []
    with Manifest.open(lake) as manifest:
        assert manifest.runs()[0].status == ("refused" if caught.value.exit == 12 else "failed")
    return caught.value


def state(lake: Config) -> tuple[int, set[str], list[str]]:
    with Manifest.open(lake) as manifest:
        found = manifest.snapshot(), [str(row.address) for row in manifest.series()]
    paths = (path.relative_to(lake.data) for path in lake.data.rglob("*.parquet*"))
    return found[0], {path.as_posix() for path in paths if not path.parts[0].startswith("_")}, found[1]


# ---- what is refused -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "code", "says"),
    [
        (bars(bar(0), bar(1, volume=-1.0)), "E_SCHEMA", "row 1: negative_volume"),
        (bars(bar(0)).append_column("colour", pa.array(["red"])), "E_SCHEMA", "unknown columns: colour"),
        (bars(bar(0)).drop_columns(["close"]), "E_COLUMN_MISSING", "'close'"),
        (bars(bar(0)).drop_columns(["ts"]), "E_COLUMN_MISSING", "'ts'"),
        (bars(bar(0)).set_column(0, "ts", pa.array([0])), "E_SCHEMA", "integers are no times"),
        (bars(bar(0)).set_column(1, "open", pa.array(["dear"])), "E_SCHEMA", "column 'open'"),
        (bars(bar(0)).set_column(1, "open", pa.array([[1.0]])), "E_SCHEMA", "column 'open'"),
        (bars(bar(0)).set_column(0, "ts", pa.array([1], pa.timestamp("ns", "UTC"))), "E_SCHEMA", "column 'ts'"),
        (bars(bar(0)).append_column("open", pa.array([1.0])), "E_SCHEMA", "open"),
        (bars(bar(0)).append_column("symbol", pa.array([["BTCUSDT"]])), "E_SCHEMA", "column 'symbol'"),
        (pa.table({"ts": pa.array([None], pa.timestamp("us", "UTC"))}), "E_COLUMN_MISSING", "'open'"),
        ([1, 2, 3], "E_USAGE", "list is not a table"),
    ],
)
def test_what_does_not_fit_is_refused_whole(lake: Config, data: Any, code: str, says: str) -> None:  # noqa: ANN401 -- that is the point
    error = refused(lake, BTC, data)
    assert error.code == code
    assert says in f"{error.message} {error.where}"


def test_a_bad_row_in_the_last_batch_takes_back_all(lake: Config) -> None:
    write(lake, BTC, bars(bar(0)))
    good = [bar(i) for i in range(0, 3 * DAY, 7)]
    batches = [*bars(*good).to_batches(max_chunksize=100), *bars(bar(3 * DAY, high=0.5)).to_batches()]
    error = refused(lake, BTC, pa.RecordBatchReader.from_batches(batches[0].schema, iter(batches)))
    assert "break the schema" in error.message
    assert f"row {len(good)}: ohlc_inconsistent" in error.where
    assert read(lake) == [bar(0)]


def failing(error: BaseException) -> pa.RecordBatchReader:
    def batches() -> Any:  # noqa: ANN401 -- a generator that fails
        yield bars(bar(0)).to_batches()[0]
        raise error

    return pa.RecordBatchReader.from_batches(bars().schema, batches())


@pytest.mark.parametrize("kind", [RuntimeError, ValueError, KeyError])
def test_a_table_that_breaks_while_it_is_read_takes_back_all(lake: Config, kind: type[Exception]) -> None:
    error = refused(lake, BTC, failing(kind("the other end hung up")))
    assert (error.code, "\n" in error.message) == ("E_SCHEMA", False)
    assert "the other end hung up" in error.message


def test_an_interrupt_in_a_generator_is_an_interrupt(lake: Config) -> None:
    with pytest.raises(KeyboardInterrupt):
        write(lake, BTC, failing(KeyboardInterrupt()))
    with Manifest.open(lake) as manifest:
        assert [run.status for run in manifest.runs()] == ["interrupted"]


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (lambda: pd.DataFrame([[1.0, 2.0]], columns=["open", "open"]), "Duplicate column names"),
        (lambda: pd.DataFrame({"open": [1, "x", 2.0]}), "open"),
        (lambda: pa.chunked_array([[1, 2]]), "non-struct"),
        (lambda: pd.DataFrame(PLAIN).assign(open=PLAIN["ts"]).set_index("ts", drop=False), "ts"),
    ],
)
def test_what_arrow_makes_no_table_of_is_refused_in_a_line(lake: Config, data: Any, says: str) -> None:  # noqa: ANN401 -- that is the point
    error = refused(lake, BTC, data())
    assert (error.code, "\n" in error.message) == ("E_SCHEMA", False)
    assert says in error.message


@pytest.mark.parametrize(
    ("name", "value"),
    [("symbol", "ETHUSDT"), ("market", "FUTURES-UM"), ("exchange", "KRAKEN"), ("symbol", ""), ("symbol", 7)],
)
@pytest.mark.parametrize("as_words", [False, True])
def test_rows_of_another_series_are_refused(lake: Config, name: str, value: object, *, as_words: bool) -> None:
    write(lake, BTC, bars(bar(0), bar(1)))
    own = getattr(BTC, name) if isinstance(value, str) else value
    names = pa.array([own, value])
    data = bars(bar(0, 9.0), bar(1, 9.0)).append_column(name, names.dictionary_encode() if as_words else names)
    error = refused(lake, BTC, data)
    assert error.code == "E_SCHEMA"
    assert repr(str(value)) in error.message
    assert error.where == str(BTC)


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
@pytest.mark.parametrize("when", ["1799-12-31T23:59", "2200-01-01", "9999-12-31", "10000-01-01", "0001-01-01"])
@pytest.mark.parametrize("address", [BTC, TICKS])
def test_times_of_other_centuries_are_refused(lake: Config, address: Address, when: str, unit: Any) -> None:  # noqa: ANN401 -- of NumPy's literals
    moment = int(np.datetime64(when, "s").astype(np.int64)) * {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}[unit]
    if abs(moment) >= 2**63:
        pytest.skip("no such time in this unit")
    times = pa.array([0, moment], pa.timestamp(unit, "UTC"))
    rows = bars(bar(0), bar(1)) if address == BTC else trades(trade(0, 1.0), trade(1, 1.0))
    error = refused(lake, address, rows.set_column(rows.schema.get_field_index("ts"), "ts", times))
    assert error.code == "E_SCHEMA"
    assert f"bad_timestamp: row 1: {when}" in error.message


def test_the_first_and_the_last_time_there_may_be(lake: Config) -> None:
    times = pa.array([np.datetime64("1800-01-01", "us"), np.datetime64("2199-12-31T23:59", "us")])
    data = bars(bar(0), bar(1))
    assert counts(write(lake, BTC, data.set_column(0, "ts", times))) == {"new": 2}
    assert verify(lake).ok


def test_a_large_batch_is_checked_a_part_at_a_time(lake: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lake.write.table._SLICE_ROWS", 10)
    data = bars(*(bar(i, volume=-1.0 if i in {12, 13, 25} else 1.0) for i in range(40))).combine_chunks()
    error = refused(lake, BTC, data)
    assert error.message.startswith("2 of the first 20 rows break the schema of bars/1m")
    assert error.where.startswith("row 12: negative_volume")
    late = pa.array([10**18 if i == 37 else 0 for i in range(40)], pa.timestamp("s", "UTC"))
    assert "row 37: " in refused(lake, BTC, bars(*(bar(i) for i in range(40))).set_column(0, "ts", late)).message
    rows = [bar(i) for i in range(41)]
    assert counts(write(lake, BTC, bars(*rows).combine_chunks())) == {"new": 41}
    assert read(lake) == rows


@pytest.mark.parametrize("value", [0.5, 2.0**53, 1e300, -(2.0**53), float("inf"), float("nan")])
def test_a_number_that_is_no_id_is_refused(lake: Config, value: float) -> None:
    error = refused(lake, TICKS, pa.table(TRADES_PLAIN | {"trade_id": pa.array([1.0, None, value])}))
    assert error.code == "E_SCHEMA"
    assert error.message.startswith(f"column 'trade_id': {value!r} is ")


# ---- what may be given -----------------------------------------------------------------------------------------------

MOMENTS = [dt.datetime(2024, 3, 5, 10, minute, tzinfo=dt.UTC) for minute in range(3)]
PLAIN: dict[str, list[Any]] = {
    "ts": MOMENTS,
    "open": [1.0, 2.0, 3.0],
    "high": [1.5, 2.5, 3.5],
    "low": [0.5, 1.5, 2.5],
    "close": [1.0, 2.0, 3.0],
    "volume": [1.0, None, 0.0],
    "trades": [1, 2, 3],
}
EXPECTED = [
    {
        name: int(value.timestamp()) * 10**6 if name == "ts" else value
        for name, value in row.items()
        if value is not None
    }
    for row in (dict(zip(PLAIN, values, strict=True)) for values in zip(*PLAIN.values(), strict=True))
]
NAIVE = [moment.replace(tzinfo=None) for moment in MOMENTS]
EAST = dt.timezone(dt.timedelta(hours=9))


def _duck() -> duckdb.DuckDBPyRelation | None:
    return duckdb.sql(
        "SELECT TIMESTAMPTZ '2024-03-05 10:00:00+00' + INTERVAL (i) MINUTE AS ts, 1.0::DOUBLE + i AS open,"
        " 1.5 + i AS high, 0.5 + i AS low, 1.0 + i AS close, [1.0, NULL, 0.0][i + 1] AS volume, i + 1 AS trades"
        " FROM range(3) t(i) ORDER BY i"
    )


GIVEN: dict[str, Any] = {
    "arrow table": lambda: pa.table(PLAIN),
    "arrow batch": lambda: pa.RecordBatch.from_pydict(PLAIN),
    "arrow reader": lambda: pa.table(PLAIN).to_reader(),
    "columns in another order": lambda: pa.table(dict(reversed(PLAIN.items()))),
    "naive times": lambda: pa.table(PLAIN | {"ts": pa.array(NAIVE, pa.timestamp("us"))}),
    "times in seconds": lambda: pa.table(PLAIN | {"ts": pa.array(NAIVE, pa.timestamp("s"))}),
    "times in nanoseconds": lambda: pa.table(PLAIN | {"ts": pa.array(MOMENTS, pa.timestamp("ns", "UTC"))}),
    "times of another zone": lambda: pa.table(PLAIN | {"ts": pa.array(MOMENTS, pa.timestamp("us", "Asia/Tokyo"))}),
    "whole numbers and decimals": lambda: pa.table(
        PLAIN | {"open": pa.array([1, 2, 3]), "volume": pa.array([decimal.Decimal(1), None, decimal.Decimal(0)])}
    ),
    "pandas": lambda: pd.DataFrame(PLAIN),
    "pandas, indexed by ts": lambda: pd.DataFrame(PLAIN).set_index("ts"),
    "pandas, a part with its index": lambda: pd.concat([pd.DataFrame(PLAIN)] * 2).iloc[3:],
    "pandas, naive": lambda: pd.DataFrame(PLAIN | {"ts": NAIVE}),
    "pandas, eastern": lambda: pd.DataFrame(PLAIN | {"ts": [moment.astimezone(EAST) for moment in MOMENTS]}),
    "polars": lambda: pl.DataFrame(PLAIN),
    "polars, naive": lambda: pl.DataFrame(PLAIN | {"ts": NAIVE}),
    "duckdb": _duck,
}


@pytest.mark.parametrize("given", GIVEN)
def test_tables_of_every_make(lake: Config, given: str) -> None:
    data: Tabular = GIVEN[given]()
    assert counts(write(lake, BTC, data)) == {"new": 3}
    assert read(lake) == EXPECTED


SIDES = ["buy", None, "sell"]
TRADES_PLAIN = {"ts": MOMENTS, "price": [1.0, 2.0, 3.0], "size": [1.0] * 3, "side": SIDES, "trade_id": ["1", "2", None]}


@pytest.mark.parametrize(
    "data",
    [
        pa.table(TRADES_PLAIN),
        pa.table(TRADES_PLAIN | {"side": pa.array(SIDES).dictionary_encode()}),
        pa.table(TRADES_PLAIN | {"side": pa.array(SIDES).dictionary_encode(null_encoding="encode")}),
        pa.table(
            TRADES_PLAIN
            | {
                "side": pa.array(SIDES, pa.large_string())
                .dictionary_encode()
                .cast(pa.dictionary(pa.int8(), pa.large_string()))
            }
        ),
        pd.DataFrame(TRADES_PLAIN),
        pd.DataFrame(TRADES_PLAIN).astype({"side": "category"}),
        pl.DataFrame(TRADES_PLAIN),
        pl.DataFrame(TRADES_PLAIN).with_columns(pl.col("side").cast(pl.Categorical)),
        pl.DataFrame(TRADES_PLAIN).with_columns(pl.col("side").cast(pl.Enum(["sell", "buy"]))),
    ],
)
def test_texts_of_every_make(lake: Config, data: Tabular) -> None:
    write(lake, TICKS, data)
    found = read(lake, TICKS)
    assert [(row.get("side"), row.get("trade_id")) for row in found] == list(zip(SIDES, ["1", "2", None], strict=True))
    assert found[0]["ts"] == int(MOMENTS[0].timestamp()) * 10**9
    assert counts(write(lake, TICKS, pa.table(TRADES_PLAIN))) == {"identical": 3}


def test_names_of_the_series_in_the_table_are_the_addresss_business(lake: Config) -> None:
    write(lake, BTC, bars(bar(0), bar(1)))
    with Manifest.open(lake) as manifest:
        whole = Scan(lake, manifest, [BTC]).to_arrow()
    assert whole.column("symbol").to_pylist() == ["BTCUSDT"] * 2
    assert counts(write(lake, BTC, whole)) == {"identical": 2}


@pytest.mark.parametrize("kind", [pl.String, pl.Categorical])
@pytest.mark.parametrize("spelt", [str, str.lower, lambda name: f" {name} ", lambda _: None])
def test_names_of_the_series_may_be_spelt_otherwise_or_missing(
    lake: Config, spelt: Callable[[str], str | None], kind: type[pl.DataType]
) -> None:
    frame = pl.DataFrame(PLAIN).with_columns(
        pl.lit(spelt(getattr(BTC, name)), pl.String).cast(kind).alias(name) for name in ("exchange", "market", "symbol")
    )
    assert counts(write(lake, BTC, frame)) == {"new": 3}
    assert read(lake) == EXPECTED


def test_a_symbol_of_digits_may_be_a_number(lake: Config) -> None:
    shares = Address.of("SSE", "EQUITY", "600519", "bars", "1m")
    assert counts(write(lake, shares, bars(bar(0)).append_column("symbol", pa.array([600519])))) == {"new": 1}


def test_ids_that_pandas_made_floats_are_whole_numbers_again(lake: Config) -> None:
    ids = [10**12, None, 2**53 - 1]
    frame = pd.DataFrame(TRADES_PLAIN | {"trade_id": ids})
    assert frame["trade_id"].dtype == np.float64
    write(lake, TICKS, frame)
    assert [row.get("trade_id") for row in read(lake, TICKS)] == ["1000000000000", None, str(2**53 - 1)]
    data = pa.table(TRADES_PLAIN | {"trade_id": pa.array([None if i is None else str(i) for i in ids])})
    assert counts(write(lake, TICKS, data)) == {"identical": 3}
