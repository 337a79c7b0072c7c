"""Real vendor files replayed together, against whole series put together by pandas and sorted stably."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import pytest

import dl_datalake
from tests.real.test_ingest import ingest, words

if TYPE_CHECKING:
    from pathlib import Path

    from dl_datalake.replay import Order
    from tests.runs import Dl

SOURCES = (
    "tardis_csv/bitmex_trades_XBTUSD.csv",
    "binance_ws_trade_csv/test_positive_binance_trade_stream_spot_trxusdt_04-03-2025.csv",
    "binance_ws_depth_csv/test_positive_binance_difference_depth_stream_spot_trxusdt_04-03-2025.csv",
    "binance_spot_klines_ms/ADABTC-1m-2021-11-27.csv",
)


def moments(frame: pd.DataFrame, name: str, by: str) -> pd.Series[int]:
    """Return when each row comes: bars of a minute at their close, all else at the clock that is asked for."""
    at: pd.Series[int] = frame["ts" if "/bars/" in name else by].dt.as_unit("ns").astype("int64")
    return at + 60 * 10**9 if "/bars/1m" in name else at


@pytest.mark.parametrize("by", ["ts", "ts_recv"])
def test_rows_of_trades_books_and_bars_come_as_pandas_sorts_them(by: Order, vendor_data: Path, dl: Dl) -> None:
    names = [name for source in SOURCES for name in ingest(dl, words(dl, vendor_data / source))["addresses"]]
    assert {name.split("/")[3] for name in names} == {"bars", "ticks", "orderbook"}
    with dl_datalake.open(".") as lake:
        whole = {name: lake.read(name).to_pandas() for name in names}
        kept = [name for name in names if by == "ts" or "/bars/" in name or not whole[name]["ts_recv"].isna().any()]
        parts = [
            pd.DataFrame({"at": moments(whole[name], name, by), "name": name, "row": range(len(whole[name]))})
            for name in kept
        ]
        wanted = pd.concat(parts).sort_values("at", kind="stable")
        runs = list(lake.replay(kept, by=by))
    assert len(kept) >= 2
    assert [at for run in runs for at in run.at.tolist()] == wanted["at"].tolist()
    assert [str(run.address) for run in runs for _ in run.at] == wanted["name"].tolist()
    for name in kept:
        told = pd.concat([run.rows.to_pandas() for run in runs if str(run.address) == name], ignore_index=True)
        order = wanted.loc[wanted["name"] == name, "row"]
        stored = whole[name].iloc[order].reset_index(drop=True)
        pd.testing.assert_frame_equal(told, stored, check_dtype=False, check_categorical=False)
