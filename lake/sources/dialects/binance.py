"""Binance Vision (data.binance.vision): klines, aggregate trades and trades, spot and both kinds of futures."""

from __future__ import annotations

from dataclasses import replace

from lake.sources.dialects.declare import BUYER_IS_MAKER, PERIOD_WORDS, Dialect

_README = "github.com/binance/binance-public-data, README: "
_DATE = r"(?P<date>\d{4}-\d{2}(?:-\d{2})?)"
_SPOT = r"(?P<symbol>[^-_/]+)"
_UM = r"(?P<symbol>[^-_/]+(?:_\d{6})?)"
_CM = r"(?P<symbol>[^-_/]+USD_(?:PERP|\d{6}))"
_UM_FOLDER = r"futures/um/|futures-um|futures_um"
_CM_FOLDER = r"futures/cm/|futures-cm|futures_cm"
_DOUBT = (
    "taken as spot: Binance's futures files of before mid-2022 have no header either and look the same;"
    " --market says which it is"
)

_KLINES_HEADER = (
    "open_time", "open", "high", "low", "close", "volume", "close_time", "quote_volume", "count",
    "taker_buy_volume", "taker_buy_quote_volume", "ignore",
)  # fmt: skip

SPOT_KLINES = Dialect(
    name="binance-spot-klines",
    title="Binance Vision klines, spot",
    asset="bars",
    vendor=_README + '"timestamp for SPOT Data from January 1st 2025 onwards will be in microseconds"',
    sample="BTCUSDT-1h-2025-01.csv",
    maker="Binance Vision",
    example="BTCUSDT-1h-2025-01.csv",
    columns=(
        "ts", "open", "high", "low", "close", "volume", None, "quote_volume", "trades",
        "taker_buy_volume", "taker_buy_quote_volume", None,
    ),
    file=rf"{_SPOT}-(?P<period>{PERIOD_WORDS})-{_DATE}\.csv",
    folder=r"data/spot/|/spot/",
    market="SPOT",
    exchange="BINANCE",
    relations=("klines_interval", "klines_quote_volume"),
    complete=True,
    doubt=_DOUBT,
)  # fmt: skip

UM_KLINES = replace(
    SPOT_KLINES,
    name="binance-um-klines",
    title="Binance Vision klines, USD-M futures",
    vendor=_README + '"USD-M Futures … |Open time|Open|High|Low|Close|Volume|Close time|Quote asset volume|…"',
    sample="FILUSDT-1m-2024-09.csv",
    example="FILUSDT-1m-2024-09.csv",
    headers=(_KLINES_HEADER,),
    header="maybe",
    file=rf"{_UM}-(?P<period>{PERIOD_WORDS})-{_DATE}\.csv",
    folder=_UM_FOLDER,
    needs=("folder-or-header",),
    market="FUTURES-UM",
    doubt="",
)

CM_KLINES = replace(
    UM_KLINES,
    name="binance-cm-klines",
    title="Binance Vision klines, COIN-M futures",
    vendor=_README + '"COIN-M Futures … |Volume|Close time|Base asset volume|Number of trades|Taker buy volume|…"',
    sample="tests/unit/lake/sources/dialects/test_binance.py",
    example="BTCUSD_PERP-1m-2024-09.csv",
    columns=(
        "ts", "open", "high", "low", "close", None, None, "volume", "trades", None, "taker_buy_volume", None,
    ),
    file=rf"{_CM}-(?P<period>{PERIOD_WORDS})-{_DATE}\.csv",
    folder=_CM_FOLDER,
    market="FUTURES-CM",
    relations=("klines_interval", "klines_contracts"),
    caution="volume is the base-asset volume, which Binance heads quote_volume; the number of contracts is not kept",
)  # fmt: skip

SPOT_AGG_TRADES = Dialect(
    name="binance-spot-aggtrades",
    title="Binance Vision aggregate trades, spot",
    asset="ticks/trade",
    vendor=_README
    + '"|Aggregate tradeId|Price|Quantity|First tradeId|Last tradeId|Timestamp|Was the buyer the maker|…"',
    sample="tests/unit/lake/sources/dialects/test_binance.py",
    maker="Binance Vision",
    example="BTCUSDT-aggTrades-2024-09-01.csv",
    columns=("trade_id", "price", "size", None, None, "ts", "side", None),
    optional=1,
    file=rf"{_SPOT}-aggTrades-{_DATE}\.csv",
    folder=r"data/spot/|/spot/",
    sides=BUYER_IS_MAKER,
    id_space="binance aggregate trades",
    market="SPOT",
    exchange="BINANCE",
    relations=("agg_trade_ids",),
    doubt=_DOUBT,
)

UM_AGG_TRADES = replace(
    SPOT_AGG_TRADES,
    name="binance-um-aggtrades",
    title="Binance Vision aggregate trades, USD-M futures",
    example="BTCUSDT-aggTrades-2024-09-01.csv",
    columns=("trade_id", "price", "size", None, None, "ts", "side"),
    optional=0,
    headers=(
        ("agg_trade_id", "price", "quantity", "first_trade_id", "last_trade_id", "transact_time", "is_buyer_maker"),
    ),
    header="maybe",
    file=rf"{_UM}-aggTrades-{_DATE}\.csv",
    folder=_UM_FOLDER,
    needs=("folder-or-header",),
    market="FUTURES-UM",
    doubt="",
)

CM_AGG_TRADES = replace(
    UM_AGG_TRADES,
    name="binance-cm-aggtrades",
    title="Binance Vision aggregate trades, COIN-M futures",
    example="BTCUSD_PERP-aggTrades-2024-09-01.csv",
    file=rf"{_CM}-aggTrades-{_DATE}\.csv",
    folder=_CM_FOLDER,
    needs=("file",),
    market="FUTURES-CM",
    caution="size counts contracts: the vendor's file has no base-asset quantity",
)

SPOT_TRADES = Dialect(
    name="binance-spot-trades",
    title="Binance Vision trades, spot",
    asset="ticks/trade",
    vendor=_README + '"|trade Id| price| qty|quoteQty|time|isBuyerMaker|isBestMatch|"',
    sample="tests/unit/lake/sources/dialects/test_binance.py",
    maker="Binance Vision",
    example="BTCUSDT-trades-2024-09-01.csv",
    columns=("trade_id", "price", "size", None, "ts", "side", None),
    file=rf"{_SPOT}-trades-{_DATE}\.csv",
    folder=r"data/spot/|/spot/",
    sides=BUYER_IS_MAKER,
    id_space="binance trades",
    market="SPOT",
    exchange="BINANCE",
    relations=("trades_quote_quantity",),
)

UM_TRADES = replace(
    SPOT_TRADES,
    name="binance-um-trades",
    title="Binance Vision trades, USD-M futures",
    example="BTCUSDT-trades-2024-09-01.csv",
    vendor=_README + '"USD-M Futures … |trade Id| price| qty|quoteQty|time|isBuyerMaker|"',
    columns=("trade_id", "price", "size", None, "ts", "side"),
    headers=(("id", "price", "qty", "quote_qty", "time", "is_buyer_maker"),),
    header="maybe",
    file=rf"{_UM}-trades-{_DATE}\.csv",
    folder=_UM_FOLDER,
    market="FUTURES-UM",
)

CM_TRADES = replace(
    UM_TRADES,
    name="binance-cm-trades",
    title="Binance Vision trades, COIN-M futures",
    example="BTCUSD_PERP-trades-2024-09-01.csv",
    vendor=_README + '"COIN-M Futures … |trade Id| price| qty|baseQty|time|isBuyerMaker|"',
    columns=("trade_id", "price", None, "size", "ts", "side"),
    headers=(("id", "price", "qty", "base_qty", "time", "is_buyer_maker"),),
    file=rf"{_CM}-trades-{_DATE}\.csv",
    folder=_CM_FOLDER,
    market="FUTURES-CM",
    relations=("trades_contracts",),
    caution="size is the base-asset quantity (base_qty); the number of contracts is not kept",
)

DIALECTS = (
    SPOT_KLINES, UM_KLINES, CM_KLINES,
    SPOT_AGG_TRADES, UM_AGG_TRADES, CM_AGG_TRADES,
    SPOT_TRADES, UM_TRADES, CM_TRADES,
)  # fmt: skip
