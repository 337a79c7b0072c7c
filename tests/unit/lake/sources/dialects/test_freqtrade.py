"""freqtrade's candles and trades, under the names it gives and in the columns it documents."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest
from pyarrow import feather

from lake.errors import LakeError
from lake.sources import SourceOptions, detect
from tests.source_files import read, write

if TYPE_CHECKING:
    from pathlib import Path

START = 1_704_448_800_000
TRADES = [
    [START, "101", None, "sell", 0.5, 2.0, 1.0],
    [START + 1, "102", "limit", "buy", 0.25, 4.0, 1.0],
]


def test_trades_in_feather_and_in_json_are_the_same(tmp_path: Path) -> None:
    names = ("timestamp", "id", "type", "side", "price", "amount", "cost")
    table = pa.table({name: [row[place] for row in TRADES] for place, name in enumerate(names)})
    feather.write_feather(table, tmp_path / "XRP_ETH-trades.feather")
    one = read(tmp_path / "XRP_ETH-trades.feather")
    other = read(write(tmp_path / "XRP_ETH-trades.json", json.dumps(TRADES)))
    assert [whole.plan.dialect for whole in (one, other)] == ["freqtrade-trades-feather", "freqtrade-trades-json"]
    for whole in (one, other):
        assert (whole.plan.type, whole.plan.period, whole.plan.symbol) == ("ticks", "trade", "XRP_ETH")
        assert whole.ns == [START * 10**6, (START + 1) * 10**6]
        assert whole.column("trade_id") == ["101", "102"]
        assert whole.column("side") == ["sell", "buy"]
        assert (whole.column("price"), whole.column("size")) == ([0.5, 0.25], [2.0, 4.0])


def test_candles_are_taken_under_their_name_alone(tmp_path: Path) -> None:
    text = json.dumps([[START + 300_000 * i, 10, 12, 9, 11, 1] for i in range(3)])
    assert read(write(tmp_path / "BTC_USDT-5m.json", text)).plan.dialect == "freqtrade-json"
    assert read(write(tmp_path / "dump.json", text)).plan.dialect == "ccxt-candles"


def test_candles_in_another_order_are_not_freqtrades(tmp_path: Path) -> None:
    text = json.dumps([[START + 300_000 * i, 9, 12, 10, 11, 1] for i in range(3)])
    assert read(write(tmp_path / "BTC_USDT-5m.json", text)).plan.dialect == "coinbase-candles"


def test_candles_that_fit_every_order_are_asked_about(tmp_path: Path) -> None:
    path = write(tmp_path / "dump.json", json.dumps([[START + 300_000 * i, 10, 10, 10, 10, 1] for i in range(3)]))
    with pytest.raises(LakeError) as refusal:
        detect(path, SourceOptions())
    assert refusal.value.code == "E_AMBIGUOUS"
    assert "--format ccxt-candles" in refusal.value.fix
