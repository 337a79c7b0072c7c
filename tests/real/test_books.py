"""Books of real vendor files at random times, against a plain replay of the stored rows in dictionaries."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

import dl_datalake
from tests.runs import runner

if TYPE_CHECKING:
    from pathlib import Path

FILES = (
    "binance_ws_depth_csv/test_positive_binance_difference_depth_stream_spot_trxusdt_04-03-2025.csv",
    "bybit_ob500_zip/xrpusdt-ob500.data.zip",
    "tardis_csv/binance-futures_book_snapshot_5_BTCUSDT.csv",
)


@pytest.mark.parametrize("name", FILES)
def test_book_at_random_times_is_that_of_a_plain_replay(
    name: str, vendor_data: Path, tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    dl = runner(capfdbinary)
    dl("init", tmp_path)
    assert dl("ingest", "--source", vendor_data / name, "--market", "X", "--root", tmp_path).status == 0
    with dl_datalake.open(tmp_path) as lake:
        [row] = lake.list(type="orderbook")
        book = lake.book(row.address.symbol)
        draw = random.Random(7)  # noqa: S311 - no secret
        times = sorted(draw.randrange(row.first_ns, row.last_ns + 1) for _ in range(1000))
        rows = book.to_arrow().select(["ts", "is_snapshot", "side", "price", "size"])
        stream = zip(
            rows.column("ts").cast("int64").to_pylist(), *(c.to_pylist() for c in rows.columns[1:]), strict=True
        )
        sides: dict[str, dict[float, float]] = {"bid": {}, "ask": {}}
        ahead, cleared = next(stream, None), -1
        for at in times:
            while ahead is not None and ahead[0] <= at:
                ts, snapshot, side, price, size = ahead
                if snapshot and ts != cleared:
                    sides, cleared = {"bid": {}, "ask": {}}, ts
                sides[side][price] = size
                ahead = next(stream, None)
            ladder = book.at(at, None)
            assert ladder.bids.pairs() == sorted(((p, s) for p, s in sides["bid"].items() if s), reverse=True)
            assert ladder.asks.pairs() == sorted((p, s) for p, s in sides["ask"].items() if s)
