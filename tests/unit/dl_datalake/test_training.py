"""Training sets in the Python client: which sets, versions, columns and snapshots are joined."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import dl_datalake
from lake.adjust import Adjusted
from lake.errors import LakeError
from lake.features.join import PointInTime
from tests.feature_rows import NOON, VOL, give_bars, lake_with, times, vols
from tests.manifests import BTC, ETH, make_lake

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from dl_datalake.client import Lake

MINUTES = range(NOON, NOON + 5)


@pytest.fixture
def lake(tmp_path: Path) -> Iterator[Lake]:
    """Return a lake with five bars of two symbols, and a set with rows of one of them."""
    config = make_lake(tmp_path)
    for address in (BTC, ETH):
        give_bars(config, MINUTES, address=address)
    with dl_datalake.open(config.root) as opened:
        opened.features.register("vol", {"vol": "float64", "rank": "int64"}, inputs=["bars/1m"], ttl="2m")
        opened.features.write("vol", rows(1.0), symbol="BTCUSDT", code_version="1")
        yield opened


def rows(first: float, minutes: range = MINUTES, **more: Any) -> pa.Table:  # noqa: ANN401 - columns of any kind
    count = len(minutes)
    return pa.table({"ts": times(minutes), "vol": [first + at for at in range(count)], "rank": [*range(count)], **more})


def joined(lake: Lake, *symbols: str, features: Any = ("vol",), **words: Any) -> list[list[Any]]:  # noqa: ANN401 - as users write
    found = lake.training_set(lake.bars(list(symbols) or "BTCUSDT", columns=["ts"]), features, **words).to_arrow()
    return [found[name].to_pylist() for name in found.schema.names if "__" in name]


def test_a_bar_gets_the_row_of_its_own_minute_when_it_has_closed(lake: Lake) -> None:
    assert joined(lake) == [[1.0, 2.0, 3.0, 4.0, 5.0], [0, 1, 2, 3, 4]]
    assert joined(lake, decide="open", features={"vol": ["vol"]}) == [[None, 1.0, 2.0, 3.0, 4.0]]
    assert joined(lake, decide="open", by="ts", features={"vol": "vol"}) == [[1.0, 2.0, 3.0, 4.0, 5.0]]
    assert joined(lake, strict=True, features=[("vol", ["vol"])]) == [[None, 1.0, 2.0, 3.0, 4.0]]


def test_symbols_without_rows_have_none(lake: Lake) -> None:
    with pytest.warns(UserWarning, match=r"vol\.v1 has no rows of 1 of 2 series"):
        assert joined(lake, "ETHUSDT", "BTCUSDT", features=[("vol", ["rank"])]) == [[None] * 5 + [0, 1, 2, 3, 4]]
    with pytest.warns(UserWarning, match=r"vol\.v1 has no rows of any of these series"):
        assert joined(lake, "ETHUSDT", features=["vol.v1"]) == [[None] * 5] * 2


def test_ttl_and_tolerance_are_ages_at_the_decision(lake: Lake) -> None:
    lake.features.write("vol", rows(9.0, range(NOON - 9, NOON - 8)), symbol="ETHUSDT")
    wanted = {"ttl": [None] * 5, "none": [9.0] * 5, "own": [9.0, 9.0, None, None, None]}
    only = [("vol", ["vol"])]
    assert joined(lake, "ETHUSDT", features=only) == [wanted["ttl"]]
    assert joined(lake, "ETHUSDT", features=only, ttl=False) == [wanted["none"]]
    assert joined(lake, "ETHUSDT", features=only, ttl="11m") == [wanted["own"]]
    assert joined(lake, "ETHUSDT", features=only, ttl=False, tolerance=dt.timedelta(minutes=11)) == [wanted["own"]]


def test_the_latest_version_with_rows_is_joined_and_others_by_name(lake: Lake) -> None:
    columns = {"vol": "float64", "rank": "int64"}
    lake.features.register("vol.v2", columns, inputs=["bars/1m"])
    assert joined(lake, features=[("vol", ["vol"])]) == [[1.0, 2.0, 3.0, 4.0, 5.0]]
    lake.features.write("vol.v2", rows(10.0), symbol="BTCUSDT")
    assert joined(lake, features=[("vol", ["vol"])]) == [[10.0, 11.0, 12.0, 13.0, 14.0]]
    both = lake.training_set(lake.bars("BTCUSDT", columns=["ts"]), {"vol.v1": ["vol"], "vol.v2": ["vol"]})
    assert both.schema.names == ["ts", "vol.v1__vol", "vol.v2__vol"]


def test_rows_written_after_the_bars_were_planned_are_joined(lake: Lake) -> None:
    bars = lake.bars("BTCUSDT", columns=["ts"])
    lake.features.write("vol", rows(7.0), symbol="BTCUSDT")
    assert lake.training_set(bars, ["vol"]).to_arrow()["vol__vol"].to_pylist() == [7.0, 8.0, 9.0, 10.0, 11.0]


def test_as_of_gives_what_was_served_then(lake: Lake) -> None:
    before = lake.snapshot
    lake.features.write("vol", rows(7.0), symbol="BTCUSDT")
    lake.features.register("vol", {"vol": "float64", "rank": "int64"}, inputs=["bars/1m"], ttl="1m")
    then = [[1.0, 2.0, 3.0, 4.0, 5.0], [0, 1, 2, 3, 4]]
    assert joined(lake, as_of=before) == then
    read = lake.training_set(lake.bars("BTCUSDT", as_of=before), ["vol"])
    assert (read.snapshot, read.to_arrow()["vol__vol"].to_pylist()) == (before, then[0])
    with pytest.raises(LakeError) as caught:
        joined(lake, as_of=2)
    assert caught.value.code == "E_UNKNOWN_FEATURES"


def test_a_shared_set_is_joined_to_every_symbol(lake: Lake) -> None:
    lake.features.register("mood", {"mood": "float64"}, inputs=[], stamp="close", keys=["exchange"])
    table = pa.table({"ts": times([NOON]), "mood": [0.5]})
    told = lake.features.write("mood", table, exchange="BINANCE")
    assert [each.address for each in told.series] == ["BINANCE/_ALL/_ALL/features/mood.v1"]
    assert joined(lake, "ETHUSDT", "BTCUSDT", features=["mood"]) == [[0.5] * 10]


def test_what_cannot_be_joined_is_refused(lake: Lake) -> None:
    bars = lake.bars("BTCUSDT")
    for words, code in (
        ({"features": ["mom"]}, "E_UNKNOWN_FEATURES"),
        ({"features": []}, "E_USAGE"),
        ({"features": {"vol": ["volume"]}}, "E_USAGE"),
        ({"features": ["vol"], "by": "time"}, "E_USAGE"),
        ({"features": ["vol"], "decide": "middle"}, "E_USAGE"),
        ({"features": ["vol"], "tolerance": "soon"}, "E_USAGE"),
        ({"features": ["vol"], "tolerance": 5}, "E_USAGE"),
        ({"features": ["vol"], "tolerance": dt.timedelta(seconds=-1)}, "E_USAGE"),
        ({"features": ["vol"], "ttl": None}, "E_USAGE"),
        ({"features": ["vol", "vol"]}, "E_USAGE"),
    ):
        with pytest.raises(LakeError) as caught:
            lake.training_set(bars, **words)  # what users may write
        assert caught.value.code == code, words
    with pytest.raises(LakeError, match="a training set is made of bars"):
        lake.training_set(lake.features.read("vol"), ["vol"])


def test_names_of_rows_are_those_of_their_inputs(lake: Lake) -> None:
    told = lake.features.write("vol", rows(3.0), inputs=[lake.bars("ETHUSDT")])
    assert [each.address for each in told.series] == ["BINANCE/SPOT/ETHUSDT/features/vol.v1"]
    named = rows(4.0).append_column("symbol", pa.array(["ETHUSDT"] * 5))
    assert lake.features.write("vol", named, inputs=[lake.bars("ETHUSDT")]).rows["corrected"] == 5
    with pytest.raises(LakeError, match="the rows do not say their exchange"):
        lake.features.write("vol", rows(3.0), symbol="SOLUSDT")


def test_a_frame_is_no_bars_of_the_lake(tmp_path: Path) -> None:
    lake_with(tmp_path, VOL)
    with dl_datalake.open(tmp_path) as lake, pytest.raises(LakeError, match="not a DataFrame") as caught:
        lake.training_set(pd.DataFrame({"close": [1.0]}), ["vol"])  # type: ignore[arg-type]  # that is the point
    assert caught.value.code == "E_USAGE"


def test_series_without_rows_of_the_set_are_told(tmp_path: Path) -> None:
    config = lake_with(tmp_path, VOL)
    for address in (BTC, ETH):
        give_bars(config, range(NOON, NOON + 2), address=address)
    with dl_datalake.open(tmp_path) as lake:
        both = lake.bars(["BTCUSDT", "ETHUSDT"])
        with pytest.warns(UserWarning, match=r"vol\.v1 has no rows of any of these series"):
            lake.training_set(both, ["vol"])
        lake.features.write("vol", vols([NOON]), symbol="BTCUSDT", exchange="BINANCE")
        with pytest.warns(UserWarning, match=r"vol\.v1 has no rows of 1 of 2 series: BINANCE/SPOT/ETHUSDT: its col"):
            train = lake.training_set(both, ["vol"])
        assert train.to_arrow()["vol__vol"].to_pylist() == [0.0, 0.0, None, None]


@pytest.mark.parametrize("named", [5, [None], [("vol",)], {"vol": 5}])
def test_what_names_no_sets_is_refused(tmp_path: Path, named: Any) -> None:  # noqa: ANN401 -- that is the point
    give_bars(lake_with(tmp_path, VOL), [NOON])
    with dl_datalake.open(tmp_path) as lake, pytest.raises(LakeError, match="names no feature sets") as caught:
        lake.training_set(lake.bars("BTCUSDT"), named)
    assert caught.value.code == "E_USAGE"


def test_one_column_and_one_result_need_no_list(tmp_path: Path) -> None:
    give_bars(lake_with(tmp_path, VOL), [NOON])
    with dl_datalake.open(tmp_path) as lake:
        bars = lake.bars("BTCUSDT")
        assert lake.features.write("vol", vols([NOON], [2.5]), inputs=bars).lineage == 1
        assert lake.training_set(bars, {"vol": "vol"}).to_arrow()["vol__vol"].to_pylist() == [2.5]
        for given in (bars.to_pandas(), ["bars/1m"]):
            with pytest.raises(LakeError, match="inputs are results of the lake, not a"):
                lake.features.write("vol", vols([NOON]), inputs=given)  # type: ignore[arg-type]  # that is the point


def test_results_of_another_lake_are_refused(tmp_path: Path) -> None:
    for name in ("here", "there"):
        give_bars(lake_with(tmp_path / name, VOL), [NOON])
    with dl_datalake.open(tmp_path / "here") as lake, dl_datalake.open(tmp_path / "there") as other:
        bars = other.bars("BTCUSDT")
        with pytest.raises(LakeError, match="is of another lake") as caught:
            lake.training_set(bars, ["vol"])
        assert caught.value.code == "E_USAGE"
        with pytest.raises(LakeError, match="is of another lake"):
            lake.features.write("vol", vols([NOON]), inputs=[bars])


@pytest.mark.filterwarnings("ignore:.* has no rows of 1 of 2 series")
def test_embeddings_reach_other_libraries_where_some_are_null(lake: Lake) -> None:
    lake.features.register("shape", {"at": {"type": "float32[2]", "nullable": True}}, inputs=["bars/1m"], ttl="1m")
    vectors: list[list[float] | None] = [[0.5, 1.0], None, [2.0, -1.0], None, [3.0, 4.0]]
    lake.features.write("shape", pa.table({"ts": times(MINUTES), "at": vectors}), symbol="BTCUSDT")
    train = lake.training_set(lake.bars(["BTCUSDT", "ETHUSDT"], columns=["ts", "symbol"]), ["shape"])
    wanted = [*vectors, *[None] * 5]
    assert train.to_arrow()["shape__at"].to_pylist() == wanted
    assert pl.DataFrame(train)["shape__at"].to_list() == train.to_polars()["shape__at"].to_list() == wanted
    found = duckdb.query("SELECT symbol, count(shape__at) FROM train GROUP BY symbol ORDER BY symbol")
    assert found is not None
    assert found.fetchall() == [("BTCUSDT", 3), ("ETHUSDT", 0)]


def test_bars_that_were_chosen_or_adjusted_stay_so(lake: Lake) -> None:
    """Also when features came after the bars were planned, and they are planned anew."""
    second = (pd.Timestamp(NOON * 60, unit="s") + pd.Timedelta("1min")).isoformat()
    bars = lake.bars("BTCUSDT", columns=["ts"], where=f"ts >= '{second}' and volume > 0")
    lake.features.write("vol", rows(7.0), symbol="BTCUSDT", code_version="2", mode="replace")
    joined = lake.training_set(bars, ["vol"])
    assert joined.to_arrow()["vol__vol"].to_pylist() == [8.0, 9.0, 10.0, 11.0]
    assert (joined.count(), joined.head(1)["vol__rank"].to_pylist()) == (4, [1])
    planned = lake.training_set(lake.bars("BTCUSDT", adjust="split"), ["vol"]).planned
    assert isinstance(planned, PointInTime)
    assert isinstance(planned.source, Adjusted)
