"""Prints what freqtrade itself finds and loads in a folder of data: `load_freqtrade.py FOLDER`."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from freqtrade.data.history.datahandlers import get_datahandler
from freqtrade.enums import TradingMode

folder = Path(sys.argv[1])
reader = get_datahandler(folder, "feather")
found = {}
for mode in (TradingMode.SPOT, TradingMode.FUTURES):
    for pair, timeframe, kind in reader.ohlcv_get_available_data(folder, mode):
        frame = reader.ohlcv_load(pair, timeframe, kind, fill_missing=False, drop_incomplete=False)
        frame["date"] = frame["date"].dt.as_unit("us").astype("int64")
        found[f"{pair} {timeframe} {kind}"] = frame.to_numpy().tolist()
    for pair in reader.trades_get_available_data(folder, mode):
        trades = reader.trades_load(pair, mode)
        found[f"{pair} trades"] = trades[["timestamp", "id", "side", "price", "amount"]].to_numpy().tolist()
sys.stdout.write(json.dumps(found))
