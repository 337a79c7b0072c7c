"""Tardis.dev's downloadable CSV files; `timestamp` falls back to `local_timestamp` where the exchange gives none."""

from __future__ import annotations

from dataclasses import replace

from lake.sources.dialects.declare import Dialect, Levels, Part

_PAGE = "docs.tardis.dev, downloadable CSV files, data types: "
_COMMON = {"exchange": "exchange", "symbol": "symbol", "timestamp": "ts", "local_timestamp": "ts_recv"}
_CLOCK = "exchange's time, or the arrival's where it gives none"

TRADES = Dialect(
    name="tardis-trades",
    maker="Tardis",
    title="Tardis trades",
    asset="ticks/trade",
    vendor=_PAGE + '"timestamp provided by exchange in microseconds since epoch - if exchange does not provide one'
    ' local_timestamp value is used as a fallback"',
    sample="bitmex_trades_XBTUSD.csv",
    header="always",
    by_name={**_COMMON, "id": "trade_id", "side": "side", "price": "price", "amount": "size"},
    required=("exchange", "symbol", "timestamp", "local_timestamp", "id", "side", "price", "amount"),
    clock=_CLOCK,
    sides={"buy": "buy", "sell": "sell", "unknown": ""},
)

QUOTES = replace(
    TRADES,
    name="tardis-quotes",
    title="Tardis best bids and asks",
    asset="ticks/quote",
    vendor=_PAGE + "quotes: best bids and asks; cells are empty where there is none",
    sample="tests/unit/lake/sources/dialects/test_tardis.py",
    by_name={
        **_COMMON,
        "ask_amount": "ask_size",
        "ask_price": "ask",
        "bid_price": "bid",
        "bid_amount": "bid_size",
    },
    required=(
        "exchange", "symbol", "timestamp", "local_timestamp", "ask_amount", "ask_price", "bid_price", "bid_amount",
    ),
    sides={},
    lacking={"ask": "one_sided", "bid": "one_sided"},
)  # fmt: skip

BOOK_CHANGES = replace(
    TRADES,
    name="tardis-incremental-book",
    title="Tardis order book, level by level",
    asset="orderbook/l2",
    vendor=_PAGE + '"skip these rows until you encounter the first is_snapshot=true row"',
    sample="tests/unit/lake/sources/dialects/test_tardis.py",
    by_name={**_COMMON, "is_snapshot": "is_snapshot", "side": "side", "price": "price", "amount": "size"},
    required=("exchange", "symbol", "timestamp", "local_timestamp", "is_snapshot", "side", "price", "amount"),
    sides={"bid": "bid", "ask": "ask"},
    words={"is_snapshot": {"true": "true", "false": "false"}},
    awaits=("is_snapshot", ("true",), "before_first_snapshot"),
)

BOOK_SNAPSHOTS = replace(
    TRADES,
    name="tardis-book-snapshot",
    title="Tardis order book, its first levels side by side",
    asset="orderbook/l2",
    vendor=_PAGE + "book_snapshot_N: the first N asks and bids, cells empty where there are fewer levels",
    sample="binance-futures_book_snapshot_5_BTCUSDT.csv",
    by_name=_COMMON,
    required=tuple(_COMMON),
    sides={},
    levels=(Levels("ask", "asks[*].price", "asks[*].amount"), Levels("bid", "bids[*].price", "bids[*].amount")),
    fixed={"is_snapshot": "true"},
)

DERIVATIVE_TICKER = replace(
    TRADES,
    name="tardis-derivative-ticker",
    title="Tardis derivative tickers: open interest and funding",
    asset="metrics/open_interest",
    vendor=_PAGE + 'derivative_ticker: "funding_timestamp,funding_rate,predicted_funding_rate,open_interest,last_price,'
    'index_price,mark_price"; cells are empty where the exchange gives no value',
    sample="tests/unit/lake/sources/dialects/test_tardis.py",
    by_name={},
    required=(),
    columns=("exchange", "symbol", "ts", None, None, None, None, "open_interest", None, None, None),
    parts=(
        Part(
            "metrics/funding",
            ("exchange", "symbol", "ts", None, None, "funding_rate", None, None, None, None, "mark_price"),
            lacking={"funding_rate": "no_funding_rate"},
        ),
    ),
    headers=(
        (
            "exchange", "symbol", "timestamp", "local_timestamp", "funding_timestamp", "funding_rate",
            "predicted_funding_rate", "open_interest", "last_price", "index_price", "mark_price",
        ),
    ),
    sides={},
    lacking={"open_interest": "no_open_interest"},
    caution="The funding rate is the one that is said for the event to come, told again and again until then; of"
    " records of one time the last is kept. The prices but the mark's, and the predicted rate, are not.",
)  # fmt: skip

DIALECTS = (TRADES, QUOTES, BOOK_CHANGES, BOOK_SNAPSHOTS, DERIVATIVE_TICKER)
