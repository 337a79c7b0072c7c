"""What venues send as messages: captures of websocket feeds, and archives of order books."""

from __future__ import annotations

from dataclasses import replace

from lake.sources.dialects.declare import BUYER_IS_MAKER, Dialect
from lake.sources.dialects.message import RECEIVED, Feed, Message

_ACKNOWLEDGED = Message("", has=("/id",), lacks=("/data", "e", "lastUpdateId", "u"))

_TRADE = Message(
    "ticks/trade",
    when={"e": ("trade",)},
    has=("T", "t", "p", "q", "m", "M"),
    fields={
        "symbol": ("s",),
        "ts": ("T",),
        "ts_event": ("E",),
        "ts_recv": (RECEIVED,),
        "trade_id": ("t",),
        "price": ("p",),
        "size": ("q",),
        "side": ("m",),
    },
)
_QUOTE = Message(
    "ticks/quote",
    has=("u", "b", "B", "a", "A"),
    lacks=("e",),
    fields={
        "symbol": ("s",),
        "ts": (RECEIVED,),
        "ts_recv": (RECEIVED,),
        "bid": ("b",),
        "bid_size": ("B",),
        "ask": ("a",),
        "ask_size": ("A",),
    },
)
_DEPTH = Message(
    "orderbook/l2",
    when={"e": ("depthUpdate",)},
    has=("E", "U", "u", "b", "a"),
    lacks=("pu",),
    fields={
        "symbol": ("s",),
        "ts": ("E",),
        "ts_recv": (RECEIVED,),
        "first_update_id": ("U",),
        "last_update_id": ("u",),
    },
    levels=(("bid", "b"), ("ask", "a")),
)
_SNAPSHOT = Message(
    "orderbook/l2",
    has=("lastUpdateId", "bids", "asks"),
    lacks=("E",),
    fields={"ts": (RECEIVED,), "ts_recv": (RECEIVED,), "last_update_id": ("lastUpdateId",)},
    levels=(("bid", "bids"), ("ask", "asks")),
    snapshot=True,
)

BINANCE_SPOT_CAPTURE = Dialect(
    name="binance-spot-capture",
    title="Binance spot streams, captured",
    asset="ticks/trade",
    vendor="developers.binance.com, spot WebSocket streams: trade has T, E, t, p, q, m; bookTicker u, b, B, a, A and no"
    " time; depthUpdate E, U, u, b, a. github.com/nkaz001/hftbacktest: a line is local ns and message",
    sample="ethusdt_20240808.gz",
    maker="Binance",
    container="messages",
    feed=Feed((_TRADE, _QUOTE, _DEPTH, _SNAPSHOT, _ACKNOWLEDGED), received=True, sides=BUYER_IS_MAKER),
    market="SPOT",
    exchange="BINANCE",
    id_space="binance trades",
    clock="matching engine; of book updates the sender, of quotes and snapshots, which tell none, the receiver",
)

BINANCE_UM_CAPTURE = Dialect(
    name="binance-um-capture",
    title="Binance USDⓈ-M streams, captured",
    asset="ticks/trade",
    vendor="developers.binance.com, USDⓈ-M WebSocket streams: bookTicker has T, E, u, b, B, a, A; depthUpdate T, E, U,"
    " u, pu, b, a; order book: lastUpdateId, E, T, bids, asks. github.com/nkaz001/hftbacktest, binancefutures.py: trade"
    " has T, E, t, p, q, X, m, and is one of the market where X is MARKET",
    sample="tests/unit/lake/sources/dialects/test_feeds.py",
    maker="Binance",
    container="messages",
    feed=Feed(
        (
            replace(_TRADE, when={"e": ("trade",), "X": ("MARKET",)}, has=("T", "t", "p", "q", "m")),
            Message("", when={"e": ("trade",)}, has=("X",)),
            Message("", when={"e": ("markPriceUpdate",)}),
            replace(
                _QUOTE,
                when={"e": ("bookTicker",)},
                has=("T", "u", "b", "B", "a", "A"),
                lacks=("ps",),
                fields={**_QUOTE.fields, "ts": ("T",), "ts_event": ("E",)},
            ),
            replace(
                _DEPTH,
                has=("T", "E", "U", "u", "pu", "b", "a"),
                lacks=("ps",),
                fields={**_DEPTH.fields, "ts": ("T",), "ts_event": ("E",), "prev_update_id": ("pu",)},
            ),
            replace(
                _SNAPSHOT,
                has=("lastUpdateId", "E", "T", "bids", "asks"),
                lacks=("pair",),
                fields={**_SNAPSHOT.fields, "ts": ("T",), "ts_event": ("E",)},
            ),
            _ACKNOWLEDGED,
        ),
        received=True,
        sides=BUYER_IS_MAKER,
    ),
    market="FUTURES-UM",
    exchange="BINANCE",
    id_space="binance trades",
)

_BOOK = Message(
    "orderbook/l2",
    has=("/ts", "s", "b", "a", "u"),
    fields={
        "symbol": ("s",),
        "ts": ("/ts",),
        "ts_event": ("/cts",),
        "seq": ("seq",),
        "last_update_id": ("u",),
    },
    levels=(("bid", "b"), ("ask", "a")),
)

BYBIT_ORDER_BOOK = Dialect(
    name="bybit-orderbook",
    title="Bybit order book archives",
    asset="orderbook/l2",
    vendor='bybit-exchange.github.io, orderbook stream: ts is "the timestamp (ms) that the system generates the data",'
    " cts the matching engine's; type snapshot or delta, b and a [price, size], size 0 deletes",
    sample="xrpusdt-ob500.data.zip",
    maker="Bybit",
    example="2024-12-01_XRPUSDT_ob500.data",
    container="messages",
    feed=Feed(
        (
            replace(_BOOK, when={"/type": ("snapshot",)}, snapshot=True),
            replace(_BOOK, when={"/type": ("delta",)}),
        )
    ),
    exchange="BYBIT",
    file=r"(?P<date>\d{4}-\d{2}-\d{2})_(?P<symbol>[A-Z0-9-]+)_ob\d+\.data",
    clock="the venue's sender; the matching engine's time is in ts_event",
)

HYPERLIQUID_BOOK = Dialect(
    name="hyperliquid-l2book",
    title="Hyperliquid order books, captured or from its archive",
    asset="orderbook/l2",
    vendor='hyperliquid.gitbook.io, historical data: "L2 book snapshots are available in market_data"; a line is'
    ' {"time":…,"ver_num":…,"raw":{"channel":"l2Book","data":{"coin":…,"time":ms,"levels":[bids, asks]}}}, a level'
    ' {"px":…,"sz":…,"n":…}',
    sample="tests/unit/lake/sources/dialects/test_feeds.py",
    maker="Hyperliquid",
    container="messages",
    feed=Feed(
        (
            Message(
                "orderbook/l2",
                has=("coin", "time", "levels"),
                fields={"symbol": ("coin",), "ts": ("time",)},
                levels=(("bid", "levels.0"), ("ask", "levels.1")),
                cells=("px", "sz"),
                snapshot=True,
            ),
            Message("", when={"/channel": ("subscriptionResponse", "pong")}),
        ),
        envelope="raw.data",
    ),
    exchange="HYPERLIQUID",
    market="SWAP",
    clock="the venue's",
    caution="The archive has perpetual contracts alone; a capture of spot pairs wants --market SPOT. The time that the"
    " archive's recorder put before a message is not kept, nor how many orders a level has.",
)

DIALECTS = (BINANCE_SPOT_CAPTURE, BINANCE_UM_CAPTURE, BYBIT_ORDER_BOOK, HYPERLIQUID_BOOK)
