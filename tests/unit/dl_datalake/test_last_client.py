"""`lake.last` is the end of what `lake.bars` gives, for each symbol."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pytest

import dl_datalake
from lake.errors import LakeError
from lake.write import write
from schemas.keys import Address
from tests.manifests import make_lake
from tests.tables import bar, bars, trade, trades

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from dl_datalake.client import Lake

SYMBOLS = ["BTCUSDT", "ETHUSDT", "XRPUSDT"]


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    path: Path = tmp_path_factory.mktemp("last")
    config = make_lake(path)
    for number, symbol in enumerate(SYMBOLS):
        rows = [bar(day * 1440 + i, 1.0 + number + day / 10 + i / 100) for day in range(3) for i in range(4)]
        write(config, Address.of("BINANCE", "SPOT", symbol, "bars", "1m"), bars(*rows))
    write(config, Address.of("BINANCE", "SPOT", "BTCUSDT", "ticks", "trade"), trades(trade(1, 5.0, "a"), trade(2, 6.0)))
    with dl_datalake.open(config.root) as opened:
        yield opened


@pytest.mark.parametrize("rows", [1, 5, 50])
def test_the_last_rows_of_each_symbol_are_those_of_its_bars(lake: Lake, rows: int) -> None:
    found = lake.last("*USDT", rows=rows, columns=["symbol", "ts", "close"])
    each = [lake.bars(symbol, columns=["symbol", "ts", "close"]).tail(rows) for symbol in SYMBOLS]
    assert found.to_arrow().to_pylist() == pa.concat_tables(each).to_pylist()
    assert found.count() == sum(table.num_rows for table in each)
    assert found.to_pandas()["close"].tolist() == found.to_arrow()["close"].to_pylist()
    assert [str(address) for address in found.addresses] == [f"BINANCE/SPOT/{symbol}/bars/1m" for symbol in SYMBOLS]


def test_any_asset_and_any_snapshot_can_be_asked(lake: Lake) -> None:
    assert lake.last("BTC/USDT", asset="ticks/trade").to_arrow()["price"].to_pylist() == [6.0]
    with pytest.raises(LakeError) as caught:
        lake.last("XRPUSDT", as_of=1)
    assert caught.value.code == "E_UNKNOWN_SERIES"


def test_none_are_no_last_rows(lake: Lake) -> None:
    with pytest.raises(LakeError, match="no last 0 rows") as caught:
        lake.last("BTCUSDT", rows=0)
    assert caught.value.why
    assert caught.value.fix
