from __future__ import annotations

import datetime as dt
import sys
from typing import TYPE_CHECKING, Any, assert_type

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from numpy.typing import NDArray

import dl_datalake
from dl_datalake import LakeError, forms
from dl_datalake.result import Result
from lake.features.join import PointInTime
from lake.read import Scan
from tests.embeddings import VECTORS, embedded, vectors
from tests.manifests import make_lake
from tests.tables import MINUTE_US, bar, bars, trade, trades

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from dl_datalake import Lake

BTC, ETH = "BINANCE/SPOT/BTCUSDT", "BINANCE/SPOT/ETHUSDT"


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    """Return a lake of bars of two exchanges, and of a few trades."""
    root = tmp_path_factory.mktemp("lake")
    make_lake(root)
    with dl_datalake.open(root) as lake:
        lake.write(f"{BTC}/bars/1m", bars(*(bar(at, 1.0 + at, trades=at or None) for at in range(4))))
        lake.write(f"{ETH}/bars/1m", bars(bar(1, 20.0, volume=None), bar(1440, 21.0)))
        lake.write("KRAKEN/SPOT/ETHUSDT/bars/1m", bars(bar(2, 30.0)))
        lake.write(f"{BTC}/ticks/trade", trades(trade(5, 1.0, "a", side="buy"), trade(5, 2.0, "b"), trade(6, 2.5, "c")))
        yield lake


# ---- NumPy -----------------------------------------------------------------------------------------------------------


def test_columns_are_arrays_of_their_own_types(lake: Lake) -> None:
    found = lake.bars("BTCUSDT", columns=["ts", "close", "trades", "symbol"]).to_numpy()
    assert {name: array.dtype.str for name, array in found.items()} == {
        "ts": "<M8[us]",
        "close": "<f8",
        "trades": "<f8",
        "symbol": "|O",
    }
    assert found["ts"].astype(np.int64).tolist() == [at * MINUTE_US for at in range(4)]
    assert found["close"].tolist() == [1.0, 2.0, 3.0, 4.0]
    np.testing.assert_array_equal(found["trades"], [np.nan, 1, 2, 3])
    assert set(found["symbol"]) == {"BTCUSDT"}
    ticks = lake.ticks("BTCUSDT").to_numpy()
    assert ticks["ts"].dtype == "<M8[ns]"
    assert ticks["side"].tolist() == ["buy", None, None]
    whole = lake.bars("BTCUSDT", start="1970-01-01T00:01", columns=["trades"]).to_numpy()["trades"]
    assert (whole.dtype.str, whole.tolist()) == ("<i8", [1, 2, 3])


def test_one_array_has_the_columns_as_fields(lake: Lake) -> None:
    found = lake.bars("BTCUSDT", columns=["ts", "close"]).to_numpy(structured=True)
    assert found.dtype == np.dtype([("ts", "<M8[us]"), ("close", "<f8")])
    assert found["close"].tolist() == [1.0, 2.0, 3.0, 4.0]
    assert lake.bars("BTCUSDT", start="2030").to_numpy(structured=True).shape == (0,)


def test_lists_have_two_dimensions(tmp_path: Path) -> None:
    config = make_lake(tmp_path)
    with dl_datalake.open(config.root) as lake:
        lake.write(str(VECTORS), vectors(embedded(0), embedded(1, None)))
        found = lake.read(str(VECTORS)).to_numpy()
        assert (found["vector"].dtype.str, found["vector"].shape) == ("<f4", (2, 3))
        np.testing.assert_array_equal(found["vector"], [[0.5, -1.25, 2.0], [np.nan] * 3])
        assert lake.read(str(VECTORS), end="1960").to_numpy()["vector"].shape == (0, 3)
        assert lake.read(str(VECTORS)).to_numpy(structured=True)["vector"].shape == (2, 3)


# ---- Polars ----------------------------------------------------------------------------------------------------------


def read_of(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, list[str]]]:
    """Return what is noted of each file that is read: its series, and the columns."""
    from lake.read import Scan

    noted: list[tuple[int, list[str]]] = []
    whole = Scan.pieces

    def pieces(self: Scan, file: Any, columns: Any, **words: Any) -> Any:  # noqa: ANN401 - handed on
        noted.append((file.series_id, list(columns)))
        return whole(self, file, columns, **words)

    monkeypatch.setattr(Scan, "pieces", pieces)
    return noted


def test_a_lazy_frame_is_the_frame_and_reads_nothing_until_asked(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    noted = read_of(monkeypatch)
    result = lake.bars("*USDT", exchange="BINANCE")
    frame = result.scan()
    assert frame.collect_schema() == result.to_polars().schema
    noted.clear()
    assert noted == []
    assert frame.collect().equals(result.to_polars())
    assert frame.collect(engine="streaming").equals(result.to_polars())


def test_only_what_a_query_needs_is_read(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    frame = lake.bars(["ETHUSDT", "BTCUSDT"], exchange="BINANCE").scan()
    noted = read_of(monkeypatch)
    query = frame.filter(pl.col("symbol") == "BTCUSDT", pl.col("close") > 2).select("volume")
    assert query.collect()["volume"].to_list() == [1.0, 1.0]
    assert {name for _, columns in noted for name in columns} == {"symbol", "close", "volume"}
    assert len(noted) == 1
    noted.clear()
    assert frame.head(1).select("close").collect()["close"].to_list() == [20.0]
    assert noted == [(noted[0][0], ["close"])]
    noted.clear()
    assert frame.filter(pl.col("ts") >= dt.datetime(1970, 1, 2, tzinfo=dt.UTC)).collect().height == 1
    assert len(noted) == 1


def test_what_is_made_of_rows_is_a_lazy_frame_too(lake: Lake) -> None:
    query = lake.bars("BTCUSDT").resample("2m").scan().filter(pl.col("close") > 2).select("close")
    assert query.collect()["close"].to_list() == [4.0]
    assert lake.bars("BTCUSDT", start="2030").scan().collect().shape == (0, 16)
    assert lake.bars("BTCUSDT", start="2030").scan().select(pl.len()).collect().item() == 0


def test_without_polars_it_is_said_how_to_get_it(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "polars", None)
    with pytest.raises(LakeError, match="Polars is not installed"):
        lake.bars("BTCUSDT").scan()


def test_a_relation_of_duckdb_has_the_rows_that_were_chosen(lake: Lake) -> None:
    result = lake.bars("*USDT", exchange="BINANCE", where="close > 2 and ts < '1970-01-02'")
    relation = result.to_duckdb()
    assert relation.order("close").project("close").fetchall() == [(3.0,), (4.0,), (20.0,)]
    assert relation.filter("symbol = 'BTCUSDT' AND volume > 0").aggregate("count(*)").fetchall() == [(2,)]
    filled = lake.bars("ETHUSDT", exchange="BINANCE").fill().to_duckdb()
    assert filled.aggregate("count(*), count(*) FILTER (filled)").fetchall() == [(1440, 1438)]


# ---- pivots ----------------------------------------------------------------------------------------------------------


def test_a_pivot_is_wide(lake: Lake) -> None:
    frame = lake.bars("*USDT", exchange="BINANCE").pivot()  # noqa: PD010 - a result's own
    assert (frame.index.name, frame.columns.name, str(frame.index.dtype)) == ("ts", "symbol", "datetime64[us, UTC]")
    assert frame["BTCUSDT"].dropna().tolist() == [1.0, 2.0, 3.0, 4.0]
    assert frame["ETHUSDT"].dropna().tolist() == [20.0, 21.0]
    assert frame.shape == (5, 2)
    moscow = lake.bars("BTCUSDT").pivot("volume", tz="Europe/Moscow")  # noqa: PD010 - as above
    assert str(moscow.index[0]) == "1970-01-01 03:00:00+03:00"
    assert lake.bars("BTCUSDT").pivot(tz=None).index.tz is None  # type: ignore[attr-defined]  # noqa: PD010 - as above


def test_symbols_of_several_exchanges_are_told_apart(lake: Lake) -> None:
    frame = lake.bars("ETH*", columns=["close"]).pivot()  # noqa: PD010 - a result's own
    assert frame.columns.names == ["exchange", "market", "symbol"]
    assert [*frame.columns] == [("BINANCE", "SPOT", "ETHUSDT"), ("KRAKEN", "SPOT", "ETHUSDT")]
    assert frame["KRAKEN", "SPOT", "ETHUSDT"].dropna().tolist() == [30.0]


def test_a_series_without_rows_has_a_column_all_the_same(lake: Lake) -> None:
    frame = lake.bars(["ETHUSDT", "BTCUSDT"], exchange="BINANCE", start="1970-01-02").pivot()  # noqa: PD010 - as above
    assert frame.columns.to_list() == ["ETHUSDT", "BTCUSDT"]
    assert frame["ETHUSDT"].tolist() == [21.0]
    assert frame["BTCUSDT"].isna().all()
    none = lake.bars("*USDT", exchange="BINANCE", start="2030").pivot("trades")  # noqa: PD010 - as above
    assert none.shape == (0, 2)


def test_what_is_made_of_rows_is_pivoted_too(lake: Lake) -> None:
    filled = lake.bars("*USDT", exchange="BINANCE").fill().pivot("filled")  # noqa: PD010 - as above
    assert filled.shape == (1441, 2)
    ticks = lake.ticks("BTCUSDT", where="price > 2").pivot("price")  # noqa: PD010 - as above
    assert ticks["BTCUSDT"].tolist() == [2.5]
    sides = lake.ticks("BTCUSDT", where="price < 2").pivot("side")  # noqa: PD010 - as above
    assert sides["BTCUSDT"].tolist() == ["buy"]


def test_what_has_no_one_place_is_refused(lake: Lake) -> None:
    with pytest.raises(LakeError, match="several rows at one time") as caught:
        lake.ticks("BTCUSDT").pivot("price")  # noqa: PD010 - a result's own
    assert caught.value.code == "E_USAGE"
    for name in ("ts", "price"):
        with pytest.raises(LakeError, match=f"no column '{name}' to pivot"):
            lake.bars("BTCUSDT").pivot(name)  # noqa: PD010 - as above


# ---- types -----------------------------------------------------------------------------------------------------------


def types_of(result: Result, structured: bool) -> None:  # noqa: FBT001 - one of both
    """Say what mypy is to take the forms of a result for; never called."""
    assert_type(result.to_numpy(), dict[str, NDArray[Any]])
    assert_type(result.to_numpy(structured=False), dict[str, NDArray[Any]])
    assert_type(result.to_numpy(structured=True), NDArray[np.void])
    assert_type(result.to_numpy(structured=structured), dict[str, NDArray[Any]] | NDArray[np.void])
    assert_type(result.to_polars(), pl.DataFrame)
    assert_type(result.scan(), pl.LazyFrame)
    assert_type(result.to_pandas(), pd.DataFrame)
    assert_type(result.pivot("close"), pd.DataFrame)  # noqa: PD010 - a result's own
    assert_type(result.resample("1h"), Result)
    assert_type(result.fill("previous"), Result)
    assert_type(result.count(), int)


def test_wide_frames_come_of_joins_as_well(lake: Lake) -> None:
    """A join is planned otherwise; without features it is the bars."""
    bars = lake.bars("*USDT", exchange="BINANCE")
    assert isinstance(bars.planned, Scan)
    joined = Result(PointInTime(bars.planned, [], memory_mb=10))
    assert joined.pivot().equals(bars.pivot())  # noqa: PD010 - a result's own
    assert joined.scan().select("close").collect()["close"].to_list() == [1.0, 2.0, 3.0, 4.0, 20.0, 21.0]


def test_a_column_of_no_rows_is_an_array_of_none() -> None:
    assert forms._array(pa.chunked_array([], pa.int64())).tolist() == []
