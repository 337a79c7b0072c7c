"""Frames that NautilusTrader's wranglers take: what they ask of columns, index and values."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import pytest

from dl_datalake import LakeError
from tests.tables import bar, bars, quote, quotes, trade, trades

if TYPE_CHECKING:
    from pathlib import Path

    from dl_datalake import Lake

BARS, TRADES, QUOTES = (f"KRAKEN/SPOT/ABC/{key}" for key in ("bars/1mo", "ticks/trade", "ticks/quote"))


def frame(lake: Lake, tmp_path: Path, series: str) -> tuple[pd.DataFrame, dict[str, int]]:
    """Return what pandas reads of an exported series, and what was lost."""
    report = lake.export(series, "nautilus", tmp_path, force=True)
    found = pd.read_parquet(tmp_path / f"{series}.parquet")
    assert (found.index.name, str(found.index.dtype)) == ("timestamp", "datetime64[ns, UTC]")
    return found, dict(report.losses)


def test_bars_are_stamped_with_their_close_whatever_their_length(lake: Lake, tmp_path: Path) -> None:
    lake.write(BARS, bars(bar(0, 1.5), bar(31 * 1440, 2.5, volume=None)))
    found, lost = frame(lake, tmp_path, BARS)
    assert found.columns.tolist() == ["open", "high", "low", "close", "volume"]
    assert pd.DatetimeIndex(found.index).strftime("%F").tolist() == ["1970-02-01", "1970-03-01"]
    assert found.to_numpy().tolist() == [[1.5, 1.5, 1.5, 1.5, 1.0], [2.5, 2.5, 2.5, 2.5, 0.0]]
    assert lost == {"volumes that are not known, written as 0": 1}


def test_sides_are_told_only_where_all_are_known(lake: Lake, tmp_path: Path) -> None:
    lake.write(TRADES, trades(trade(1, 2.0, "7", side="buy"), trade(2, 3.0, side="sell")))
    found, lost = frame(lake, tmp_path, TRADES)
    assert found.to_dict("list") == {
        "price": [2.0, 3.0],
        "quantity": [1.0, 1.0],
        "trade_id": ["7", "1"],
        "side": ["BUY", "SELL"],
    }
    assert lost == {"trades without an id, which got one": 1}
    lake.write(TRADES, trades(trade(3)))
    found, lost = frame(lake, tmp_path, TRADES)
    assert found.columns.tolist() == ["price", "quantity", "trade_id"]
    assert lost["sides of trades, since some have none"] == 2
    lake.write(TRADES, trades(trade(4, size=None)))
    with pytest.raises(LakeError, match="a trade has no size"):
        frame(lake, tmp_path, TRADES)


def test_sizes_of_quotes_are_told_only_where_all_are_known(lake: Lake, tmp_path: Path) -> None:
    lake.write(QUOTES, quotes(quote(1, 2.0, bid_size=4.0, ask_size=5.0)))
    found, lost = frame(lake, tmp_path, QUOTES)
    assert found.to_dict("list") == {"bid_price": [2.0], "ask_price": [3.0], "bid_size": [4.0], "ask_size": [5.0]}
    assert (found.index.astype("int64").tolist(), lost) == ([1], {})
    lake.write(QUOTES, quotes(quote(2, 2.0, bid_size=4.0)))
    found, lost = frame(lake, tmp_path, QUOTES)
    assert found.columns.tolist() == ["bid_price", "ask_price"]
    assert lost == {"sizes of quotes, since some have none": 2}
