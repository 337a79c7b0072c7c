"""Prints hftbacktest's own book at times: `load_hftbacktest.py TICK LOT TIMES FILE...`; exits badly for a bad order."""

from __future__ import annotations

import json
import sys

import numpy as np
from hftbacktest import BacktestAsset, HashMapMarketDepthBacktest
from hftbacktest.data import correct_event_order, validate_event_order
from hftbacktest.types import BUY_EVENT, EXCH_EVENT, LOCAL_EVENT, event_dtype

tick, lot, times, files = float(sys.argv[1]), float(sys.argv[2]), json.loads(sys.argv[3]), sys.argv[4:]
events = np.concatenate([np.load(file)["data"] for file in files])
validate_event_order(events)
plain = np.zeros(np.count_nonzero(events["ev"] & EXCH_EVENT), event_dtype)
for name in event_dtype.names:
    plain[name] = events[name][events["ev"] & EXCH_EVENT != 0]
plain["ev"] &= ~np.uint64(EXCH_EVENT | LOCAL_EVENT)
sorts = (np.argsort(plain[name], kind="stable") for name in ("exch_ts", "local_ts"))
if correct_event_order(plain, *sorts).tolist() != events.tolist():
    sys.exit("the order is not the one that hftbacktest makes itself")
asset = BacktestAsset().data(files).linear_asset(1.0).constant_order_latency(0, 0).tick_size(tick).lot_size(lot)
asset = asset.risk_adverse_queue_model().no_partial_fill_exchange().trading_value_fee_model(0, 0)
backtest = HashMapMarketDepthBacktest([asset])
backtest.elapse(0)
books = []
for at in times:
    backtest.elapse(at - backtest.current_timestamp)
    levels = backtest.depth(0).snapshot()
    sides: tuple[list[list[float]], list[list[float]]] = ([], [])
    for level in levels:
        sides[0 if int(level["ev"]) & BUY_EVENT else 1].append([float(level["px"]), float(level["qty"])])
    books.append(sides)
split = np.count_nonzero(events["ev"] & EXCH_EVENT == 0)
sys.stdout.write(json.dumps({"events": len(events), "split": int(split), "books": books}))
