"""OKX's historical data (okx.com/historical-data): trades, candles and funding rates, in days of UTC+8."""

from __future__ import annotations

from dataclasses import replace

from lake.sources.dialects.declare import Dialect
from lake.sources.dialects.message import Feed, Message

_OKX = "okx.com/historical-data, header of the files: "
_DAYS = "Etc/GMT-8"
"""Eight hours ahead of UTC."""
_DATE = r"(?P<date>\d{4}-\d{2}(?:-\d{2})?)"
_NAME = r"(?P<market>all(?:spot|swap|futures?)|(?P<symbol>[A-Z0-9]+-[A-Z0-9]+(?:-[A-Z0-9]+)*))"
_MARKETS = (
    (r"allspot|[A-Z0-9]+-[A-Z0-9]+", "SPOT"),
    (r"allswap|.+-SWAP", "SWAP"),
    (r"allfutures?|.+-\d{6}", "FUTURES"),
    (r".+-[CP]", "OPTION"),
)
_TRADES = ("instrument_name", "trade_id", "side", "price", "size", "created_time")
_CANDLES = (
    "instrument_name", "open", "high", "low", "close", "vol", "vol_ccy", "vol_quote", "open_time", "confirm",
)  # fmt: skip

TRADES = Dialect(
    name="okx-trades",
    title="OKX trades",
    maker="OKX",
    example="BTC-USDT-SWAP-trades-2024-01-01.csv",
    asset="ticks/trade",
    vendor=_OKX + '"instrument_name,trade_id,side,price,size,created_time", later with "source"',
    sample="tests/unit/lake/sources/dialects/test_okx.py",
    columns=("symbol", "trade_id", "side", "price", "size", "ts", None),
    optional=1,
    headers=(_TRADES, (*_TRADES, "source")),
    header="always",
    file=rf"{_NAME}-trades-{_DATE}\.csv",
    days=_DAYS,
    sides={"buy": "buy", "sell": "sell", "BUY": "buy", "SELL": "sell"},
    id_space="okx trades",
    markets=_MARKETS,
    exchange="OKX",
    caution="The size of a contract's trade counts contracts. A file holds a day of UTC+8.",
)

TRADES_BILINGUAL = replace(
    TRADES,
    name="okx-trades-bilingual",
    title="OKX trades, older files whose header is English and Chinese",
    example="BTC-USDT-trades-2021-09-01.csv",
    vendor=_OKX + '"trade_id/撮合id,side/交易方向,size/数量,price/价格,created_time/成交时间", in GBK',
    columns=("trade_id", "side", "size", "price", "ts"),
    optional=0,
    headers=(("trade_id/撮合id", "side/交易方向", "size/数量", "price/价格", "created_time/成交时间"),),
    encoding="gbk",
)

SPOT_CANDLES = Dialect(
    name="okx-spot-candles",
    title="OKX candles, spot",
    maker="OKX",
    example="BTC-USDT-candlesticks-2024-01-01.csv",
    asset="bars",
    vendor='okx.com/docs-v5, candlesticks, vol: "If it is SPOT/MARGIN, the value is the quantity in base currency."',
    sample="tests/unit/lake/sources/dialects/test_okx.py",
    columns=("symbol", "open", "high", "low", "close", "volume", None, "quote_volume", "ts", None),
    headers=(_CANDLES,),
    header="always",
    file=rf"(?P<symbol>[A-Z0-9]+-[A-Z0-9]+)-candlesticks-{_DATE}\.csv",
    days=_DAYS,
    market="SPOT",
    exchange="OKX",
    skips=(("confirm", ("0",), "unconfirmed"),),
    relations=("okx_volume",),
    complete=True,
)

CONTRACT_CANDLES = replace(
    SPOT_CANDLES,
    name="okx-contract-candles",
    title="OKX candles, swaps and futures",
    example="BTC-USDT-SWAP-candlesticks-2024-01-01.csv",
    vendor='okx.com/docs-v5, candlesticks, volCcy: "If it is a derivatives contract, the value is the number of base'
    ' currency."',
    columns=("symbol", "open", "high", "low", "close", None, "volume", "quote_volume", "ts", None),
    file=rf"(?P<market>(?P<symbol>[A-Z0-9]+-[A-Z0-9]+-(?:SWAP|\d{{6}})))-candlesticks-{_DATE}\.csv",
    market=None,
    markets=_MARKETS,
    relations=("okx_currency_volume",),
    caution="volume is in the base currency; the number of contracts is not kept.",
)

FUNDING = Dialect(
    name="okx-funding",
    title="OKX funding rates",
    maker="OKX",
    example="allswap-fundingrates-2024-01-01.csv",
    asset="metrics/funding",
    vendor=_OKX + '"instrument_name,funding_rate,funding_time"',
    sample="tests/unit/lake/sources/dialects/test_okx.py",
    columns=("symbol", "funding_rate", "ts"),
    headers=(("instrument_name", "funding_rate", "funding_time"),),
    header="always",
    file=rf"{_NAME}-fundingrates-{_DATE}\.csv",
    days=_DAYS,
    market="SWAP",
    markets=_MARKETS,
    exchange="OKX",
)

_BOOK = Message(
    "orderbook/l2",
    has=("instId", "ts", "asks", "bids"),
    fields={"symbol": ("instId",), "ts": ("ts",)},
    levels=(("bid", "bids"), ("ask", "asks")),
)

ORDER_BOOKS = Dialect(
    name="okx-orderbook",
    title="OKX order books, snapshots and the changes of them",
    maker="OKX",
    example="BTC-USDT-L2orderbook-400lv-2025-08-01.data",
    asset="orderbook/l2",
    vendor='okx.com/historical-data, lines of the files: {"instId":…,"action":"snapshot" or "update","ts":…,"asks":'
    '[[price, size, orders],…],"bids":…}; a size of 0 deletes',
    sample="tests/unit/lake/sources/dialects/test_okx.py",
    container="messages",
    feed=Feed(
        (
            replace(_BOOK, when={"action": ("snapshot",)}, snapshot=True),
            replace(_BOOK, when={"action": ("update",)}),
        )
    ),
    file=r"(?P<market>(?P<symbol>[A-Z0-9_]+(?:-[A-Z0-9_]+)+))-L2orderbook-\d+lv-(?P<date>\d{4}-\d{2}-\d{2})\.data",
    markets=_MARKETS,
    exchange="OKX",
    clock="the venue's",
    caution="The size of a contract's level counts contracts. How many orders a level has is not kept.",
)

DIALECTS = (TRADES, TRADES_BILINGUAL, SPOT_CANDLES, CONTRACT_CANDLES, FUNDING, ORDER_BOOKS)
