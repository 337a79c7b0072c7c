from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pytest

import dl_datalake
from dl_datalake import LakeError
from lake.config import Config
from lake.manifest import Manifest
from tests.embeddings import VECTORS, embedded, vectors
from tests.feature_rows import NOON, OF_VOL, VOL, lake_with, times, vols
from tests.manifests import make_lake

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from dl_datalake import Lake

BTC = "BINANCE/SPOT/BTCUSDT/bars/1m"
ETH = "BINANCE/SPOT/ETHUSDT/bars/1m"
START = dt.datetime(2024, 3, 1, tzinfo=dt.UTC)


def bars(days: int, first: float = 100.0, start: dt.datetime = START) -> pa.Table:
    """Return bars of one minute, whole days of them."""
    rows = days * 1440
    price = [first + minute % 60 for minute in range(rows)]
    return pa.table(
        {
            "ts": pa.array([start + dt.timedelta(minutes=m) for m in range(rows)], pa.timestamp("us", "UTC")),
            "open": price,
            "high": [value + 1 for value in price],
            "low": [value - 1 for value in price],
            "close": price,
            "volume": [1.0] * rows,
        }
    )


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a lake of three days of BTCUSDT, whose first was then changed, and one of ETHUSDT."""
    root = tmp_path_factory.mktemp("lake")
    Manifest.create(Config(root, root / "data", root / "manifest.db"))
    with dl_datalake.open(root) as lake:
        lake.write(BTC, bars(3))
        lake.write(ETH, bars(1, first=200.0))
        lake.write(BTC, bars(1, first=500.0), message="a better day")
    return root


@pytest.fixture
def lake(root: Path) -> Iterator[Lake]:
    with dl_datalake.open(root) as lake:
        yield lake


def test_symbol_is_enough_where_it_is_unique(lake: Lake) -> None:
    result = lake.bars("btcusdt")
    assert str(result.address) == BTC
    assert (result.count(), result.to_arrow().num_rows, result.snapshot) == (4320, 4320, 3)


@pytest.mark.parametrize(
    ("start", "end"),
    [
        ("2024-03-02", "2024-03-03"),
        (dt.date(2024, 3, 2), dt.date(2024, 3, 3)),
        (pd.Timestamp("2024-03-02"), pd.Timestamp("2024-03-03", tz="UTC")),
        (dt.datetime(2024, 3, 2), dt.datetime(2024, 3, 3, 3, tzinfo=dt.timezone(dt.timedelta(hours=3)))),  # noqa: DTZ001 - naive is UTC here
    ],
    ids=["text", "date", "pandas", "datetime"],
)
def test_range_is_half_open_in_every_spelling(lake: Lake, start: Any, end: Any) -> None:  # noqa: ANN401 - any spelling of a time
    times = lake.bars("BTCUSDT", start=start, end=end).to_arrow()["ts"]
    assert (len(times), times[0].as_py(), times[-1].as_py()) == (
        1440,
        dt.datetime(2024, 3, 2, tzinfo=dt.UTC),
        dt.datetime(2024, 3, 2, 23, 59, tzinfo=dt.UTC),
    )


def test_several_symbols_come_one_after_the_other(lake: Lake) -> None:
    result = lake.bars(["ETHUSDT", "BTCUSDT"], columns=["symbol", "ts"])
    assert [str(address) for address in result.addresses] == [ETH, BTC]
    assert result.to_arrow()["symbol"].to_pylist() == ["ETHUSDT"] * 1440 + ["BTCUSDT"] * 4320
    with pytest.raises(LakeError, match="holds 2 series"):
        _ = result.address


def test_as_of_gives_the_lake_as_it_was(lake: Lake) -> None:
    def first(as_of: Any) -> Any:  # noqa: ANN401 - any spelling of a time
        return lake.bars("BTCUSDT", as_of=as_of).head(1)["close"][0].as_py()

    assert [first(1), first(2), first(3), first(None), first("now")] == [100.0, 100.0, 500.0, 500.0, 500.0]
    with pytest.raises(LakeError) as caught:
        first("2001")
    assert caught.value.code == "E_UNKNOWN_SNAPSHOT"


def test_result_keeps_to_its_snapshot(lake: Lake) -> None:
    result = lake.bars("ETHUSDT")
    before = result.to_arrow()
    lake.write(ETH, bars(1, first=300.0))
    try:
        assert result.to_arrow() == before
        assert lake.bars("ETHUSDT").to_arrow()["close"][0].as_py() == 300.0
    finally:
        lake.write(ETH, bars(1, first=200.0))


def test_every_form_holds_the_same_rows(lake: Lake) -> None:
    result = lake.bars("BTCUSDT", columns=["ts", "close", "symbol"])
    table = result.to_arrow()
    close = table["close"].to_pylist()
    assert result.to_pandas()["close"].tolist() == close
    assert result.to_polars()["close"].to_list() == close
    assert pl.DataFrame(result)["close"].to_list() == close
    assert pa.table(result)["close"].to_pylist() == close
    found = duckdb.sql("select close from result order by ts")
    assert found is not None
    assert [row[0] for row in found.fetchall()] == close
    assert [value for batch in result.batches(1000) for value in batch["close"].to_pylist()] == close
    assert max(batch.num_rows for batch in result.batches(1000)) <= 1000
    assert result.schema.names == ["ts", "close", "symbol"] == table.schema.names


def test_pandas_gives_times_in_the_zone_asked_for(lake: Lake) -> None:
    result = lake.bars("BTCUSDT", columns=["ts", "close"])
    assert str(result.to_pandas()["ts"].dt.tz) == "UTC"
    moscow = result.to_pandas(tz="Europe/Moscow", index=True)
    assert str(moscow.index[0]) == "2024-03-01 03:00:00+03:00"
    naive = result.to_pandas(tz=None)["ts"]
    assert (naive.dt.tz, str(naive[0])) == (None, "2024-03-01 00:00:00")


def test_lists_are_arrays_in_pandas_and_everywhere_else(tmp_path: Path) -> None:
    config = make_lake(tmp_path)
    with dl_datalake.open(config.root) as lake:
        lake.write(str(VECTORS), vectors(embedded(0), embedded(1, None)))
        result = lake.read(str(VECTORS))
        first, second = result.to_pandas()["vector"]
        assert (first.dtype, first.tolist(), second) == (np.float32, [0.5, -1.25, 2.0], None)
        polars = result.to_polars()
        assert polars.schema["vector"] == pl.Array(pl.Float32, 3)
        assert polars["vector"].to_list() == pl.DataFrame(result)["vector"].to_list() == [first.tolist(), None]
        relation = duckdb.sql("SELECT vector, typeof(levels) FROM result ORDER BY ts")
        assert relation is not None
        assert relation.fetchall() == [((0.5, -1.25, 2.0), "INTEGER[2]"), (None, "INTEGER[2]")]
        assert lake.write(str(VECTORS), result.to_pandas()).rows["identical"] == 2
        assert lake.write(str(VECTORS), polars).rows["identical"] == 2
        assert "[0.5, -1.25, 2]" in result._repr_html_()


def test_head_and_tail_are_the_ends(lake: Lake) -> None:
    result = lake.bars("BTCUSDT")
    whole = result.to_arrow()
    for rows in (0, 1, 5, 1440, 1441, 4320, 9999):
        assert result.head(rows) == whole.slice(0, rows)
        assert result.tail(rows) == whole.slice(max(0, 4320 - rows))


def test_notebook_form_reads_only_the_ends(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    from lake import files

    opened: list[object] = []
    whole = files.open_parquet

    def noted(*given: Any) -> object:  # noqa: ANN401 - handed on as it comes
        opened.append(given[0])
        return whole(*given)

    monkeypatch.setattr(files, "open_parquet", noted)
    result = lake.bars("BTCUSDT")
    html = result._repr_html_()
    assert len(opened) == 2
    assert html.count("<tr>") == 1 + 3 + 1 + 3
    assert "4,320 rows" in html
    assert "2024-03-03T23:59:00.000000000Z" in html
    assert repr(result) == f"<{BTC} [begin, end), snapshot {result.snapshot}>"
    assert "<tr>" in lake.bars("BTCUSDT", start="2030")._repr_html_()


def test_unknown_symbol_names_what_is_near(lake: Lake) -> None:
    with pytest.raises(LakeError) as caught:
        lake.bars("BTCUSD")
    assert caught.value.code == "E_UNKNOWN_SERIES"
    assert "BTCUSDT" in caught.value.why
    places: list[dict[str, Any]] = [{}, {"exchange": "BINANCE", "market": "SPOT"}]
    for place in places:
        with pytest.raises(LakeError, match='"BTCUSDT" bars/1h is not in the lake') as caught:
            lake.bars("BTCUSDT", period="1h", **place)
        assert caught.value.why == f"Of BTCUSDT the lake has {BTC}."
    with pytest.raises(LakeError, match="no symbol was given"):
        lake.bars([])


def test_address_is_read_as_it_is_written(lake: Lake) -> None:
    assert lake.read(BTC).count() == lake.read("*/*/BTC*/bars/1m").count() == 4320
    for wrong, code in (
        ("BINANCE/SPOT", "E_USAGE"),
        ("A/B/C/bars/1m", "E_UNKNOWN_SERIES"),
        ("*/*/*/bars/1m", "E_AMBIGUOUS"),
    ):
        with pytest.raises(LakeError) as caught:
            lake.read(wrong)
        assert caught.value.code == code


def test_asset_that_is_not_declared_is_neither_read_nor_written(lake: Lake) -> None:
    address = "USA/EQUITY/SPY/features/mom.v1"
    snapshot = lake.snapshot
    for attempt in (lambda: lake.read(address), lambda: lake.write(address, bars(1))):
        with pytest.raises(LakeError, match=r'no asset "features/mom\.v1" is declared') as caught:
            attempt()
        assert caught.value.code == "E_UNKNOWN_ASSET"
    assert lake.snapshot == snapshot


def test_listing_history_assets_and_verify_answer(lake: Lake) -> None:
    assert [str(row.address) for row in lake.list("ETH*")] == [ETH]
    assert [row.message for row in lake.history(BTC)] == ["a better day", ""]
    assert lake.history(limit=1)[0].snapshot == lake.snapshot
    assert {asset.key: asset.series for asset in lake.assets()}["bars/1m"] == 2
    assert lake.verify().ok


def test_write_takes_frames_and_tells_what_it_did(tmp_path: Path) -> None:
    Manifest.create(Config(tmp_path, tmp_path / "data", tmp_path / "manifest.db"))
    with dl_datalake.open(tmp_path) as lake:
        frame = bars(1).to_pandas()
        assert lake.write(BTC, frame).rows["new"] == 1440
        again = lake.write(BTC, pl.from_pandas(frame))
        assert (again.rows["new"], again.rows["identical"]) == (0, 1440)
        with pytest.raises(LakeError):
            lake.write(BTC, frame, mode="append")


def test_features_are_held_to_their_inputs_however_they_are_written(tmp_path: Path) -> None:
    lake_with(tmp_path, VOL)
    with dl_datalake.open(tmp_path) as lake:
        for address in (OF_VOL, str(OF_VOL)):
            with pytest.raises(LakeError, match="stamped before its inputs end") as caught:
                lake.write(address, vols([NOON], known_at=times([NOON])))
            assert caught.value.code == "E_LOOKAHEAD"
        assert lake.write(OF_VOL, vols([NOON], known_at=times([NOON + 1]))).rows["new"] == 1
        told = lake.write(str(OF_VOL), vols([NOON + 5, NOON + 6]))
        assert (told.rows["read"], told.rows["new"], told.files_written) == (2, 2, 1)


def test_closed_lake_says_so(root: Path) -> None:
    with dl_datalake.open(root) as lake:
        assert repr(lake) == f"<Lake {root}>"
    with pytest.raises(LakeError, match="used after it was closed"):
        lake.list()


def test_folder_without_a_lake_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LakeError) as caught:
        dl_datalake.open(tmp_path)
    assert caught.value.code == "E_LAKE_NOT_INITIALISED"


def test_patterns_and_ccxts_spelling_read_what_they_mean(lake: Lake) -> None:
    assert [str(address) for address in lake.bars("*USDT").addresses] == [BTC, ETH]
    assert lake.bars(["ETH/USDT", "B*"]).to_arrow()["symbol"].to_pylist() == ["ETHUSDT"] * 1440 + ["BTCUSDT"] * 4320
    with pytest.raises(LakeError, match="no symbol was given"):
        lake.bars([])


def test_a_condition_holds_in_every_form(lake: Lake) -> None:
    result = lake.bars(["BTCUSDT", "ETHUSDT"], columns=["ts"], where="high > 258 and ts < '2024-03-01T02:00'")
    assert (result.count(), result.to_pandas().shape) == (124, (124, 1))
    assert [at.minute for at in result.head(60)["ts"].to_pylist()] == list(range(60))
    assert [at.minute for at in result.tail(2)["ts"].to_pylist()] == [58, 59]
    assert lake.read(BTC, where=pc.field("close") == 559.0).count() == 24
    with pytest.raises(LakeError, match="there is no column 'price'"):
        lake.bars("BTCUSDT", where="price > 1")


def test_a_lock_says_itself_which_rows(lake: Lake, tmp_path: Path) -> None:
    lake.lock(tmp_path / "study.lock", ETH)
    with pytest.raises(LakeError, match="a lock goes with"):
        lake.read(lock=tmp_path / "study.lock", where="close > 1")
