"""Prints what a NautilusTrader catalog holds of frames: `load_nautilus.py bars|trades|quotes FILE`."""

from __future__ import annotations

import json
import sys
import tempfile

import pandas as pd
from nautilus_trader.model.data import BarType
from nautilus_trader.persistence.catalog import ParquetDataCatalog
from nautilus_trader.persistence.wranglers import BarDataWrangler, QuoteTickDataWrangler, TradeTickDataWrangler
from nautilus_trader.test_kit.providers import TestInstrumentProvider

kind, path = sys.argv[1:]
instrument = TestInstrumentProvider.btcusdt_binance()
wrangler = {
    "bars": lambda: BarDataWrangler(BarType.from_str(f"{instrument.id}-1-MINUTE-LAST-EXTERNAL"), instrument),
    "trades": lambda: TradeTickDataWrangler(instrument),
    "quotes": lambda: QuoteTickDataWrangler(instrument),
}[kind]()
with tempfile.TemporaryDirectory() as folder:
    catalog = ParquetDataCatalog(folder)
    catalog.write_data([instrument])
    catalog.write_data(wrangler.process(pd.read_parquet(path)))
    stored = {"bars": catalog.bars, "trades": catalog.trade_ticks, "quotes": catalog.quote_ticks}[kind]()
    sys.stdout.write(json.dumps([each.to_dict(each) for each in stored]))
