"""What a training set can be made of."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

import dl_datalake
from lake.errors import LakeError
from tests.feature_rows import BTC, NOON, VOL, give_bars, lake_with, vols

if TYPE_CHECKING:
    from pathlib import Path


def test_a_frame_is_no_bars_of_the_lake(tmp_path: Path) -> None:
    lake_with(tmp_path, VOL)
    with dl_datalake.open(tmp_path) as lake, pytest.raises(LakeError, match="not a DataFrame") as caught:
        lake.training_set(pd.DataFrame({"close": [1.0]}), ["vol"])  # type: ignore[arg-type]  # that is the point
    assert caught.value.code == "E_USAGE"


def test_series_without_rows_of_the_set_are_told(tmp_path: Path) -> None:
    config = lake_with(tmp_path, VOL)
    for symbol in ("BTCUSDT", "ETHUSDT"):
        give_bars(config, range(NOON, NOON + 2), address=replace(BTC, symbol=symbol))
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
