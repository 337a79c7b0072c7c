"""Files of vendors of stock prices: Alpha Vantage, Polygon, Stooq, Yahoo, Refinitiv Eikon."""

from __future__ import annotations

from dataclasses import replace

from lake.sources.dialects.declare import Dialect

_NEW_YORK = "America/New_York"
_SAMPLE = "tests/unit/lake/sources/dialects/test_equities.py"
_OHLC = {"Open": "open", "High": "high", "Low": "low", "Close": "close"}

ALPHA_VANTAGE_DAILY = Dialect(
    name="alphavantage-daily",
    title="Alpha Vantage daily prices, raw, with the adjusted close beside",
    maker="Alpha Vantage",
    example="daily_adjusted_IBM.csv",
    asset="bars",
    vendor='alphavantage.co/documentation, daily adjusted: "raw (as-traded) daily open/high/low/close/volume values"',
    sample=_SAMPLE,
    columns=("ts", "open", "high", "low", "close", None, "volume", None, None),
    headers=(
        (
            "timestamp", "open", "high", "low", "close", "adjusted_close", "volume", "dividend_amount",
            "split_coefficient",
        ),
    ),
    header="always",
    file=r"daily_adjusted_(?P<symbol>[A-Za-z0-9.^-]+)\.csv",
    time="text",
    zone=_NEW_YORK,
    labels=True,
    exchange="ALPHAVANTAGE",
    market="EQUITY",
    caution="The adjusted close, dividends and splits are not kept.",
)  # fmt: skip

ALPHA_VANTAGE_DAILY_RAW = replace(
    ALPHA_VANTAGE_DAILY,
    name="alphavantage-daily-raw",
    title="Alpha Vantage daily prices, raw",
    example="daily_IBM.csv",
    vendor='alphavantage.co/documentation, daily: "raw (as-traded) daily time series"',
    columns=("ts", "open", "high", "low", "close", "volume"),
    headers=(("timestamp", "open", "high", "low", "close", "volume"),),
    file=r"daily_(?!adjusted_)(?P<symbol>[A-Za-z0-9.^-]+?)(?: \(\d+\))?\.csv",
    needs=("file",),
    caution="",
)

ALPHA_VANTAGE_INTRADAY = Dialect(
    name="alphavantage-intraday",
    title="Alpha Vantage intraday prices",
    maker="Alpha Vantage",
    example="intraday_5min_IBM.csv",
    asset="bars",
    vendor='alphavantage.co/documentation, intraday: times are in "US/Eastern"; "By default, adjusted=true"',
    sample=_SAMPLE,
    columns=("ts", "open", "high", "low", "close", "volume"),
    headers=(("timestamp", "open", "high", "low", "close", "volume"),),
    header="always",
    file=r"intraday_(?P<period>1min|5min|15min|30min|60min)_(?P<symbol>[A-Za-z0-9.^-]+?)(?: \(\d+\))?\.csv",
    needs=("file",),
    time="text",
    zone=_NEW_YORK,
    periods={"1min": "1m", "5min": "5m", "15min": "15m", "30min": "30m", "60min": "1h"},
    exchange="ALPHAVANTAGE",
    market="EQUITY",
    caution="The file does not say whether its prices are adjusted: they are unless adjusted=false was asked for;"
    " --period 1m-total says so.",
)

POLYGON_AGGREGATES = Dialect(
    name="polygon-aggregates",
    title="Polygon flat files, minute and day aggregates",
    maker="Polygon",
    example="us_stocks_sip/minute_aggs_v1/2024/03/2024-03-28.csv",
    asset="bars",
    vendor='polygon.io/flat-files: "ticker,volume,open,close,high,low,window_start,transactions", window_start in ns',
    sample=_SAMPLE,
    header="always",
    by_name={
        "ticker": "symbol",
        "volume": "volume",
        "open": "open",
        "close": "close",
        "high": "high",
        "low": "low",
        "window_start": "ts",
        "transactions": "trades",
    },
    required=("ticker", "volume", "open", "close", "high", "low", "window_start", "transactions"),
    file=r"(?P<date>\d{4}-\d{2}-\d{2})\.csv",
    folder=r"(?:(?P<market>us_stocks_sip|us_options_opra|us_indices|global_crypto|global_forex)/)?"
    r"(?P<period>minute|day)_aggs_v1/",
    days=_NEW_YORK,
    unit="ns",
    periods={"minute": "1m", "day": "1d"},
    markets=(
        ("us_stocks_sip", "EQUITY"),
        ("us_options_opra", "OPTIONS"),
        ("us_indices", "INDEX"),
        ("global_crypto", "SPOT"),
        ("global_forex", "FX"),
    ),
    exchange="POLYGON",
    complete=True,
    caution="The market is told by the vendor's folders; a day begins at midnight in New York.",
)

POLYGON_TRADES = Dialect(
    name="polygon-trades",
    title="Polygon flat files, trades of stocks",
    maker="Polygon",
    example="us_stocks_sip/trades_v1/2024/03/2024-03-28.csv",
    asset="ticks/trade",
    vendor='polygon.io/flat-files, stocks trades: ids "are unique per combination of ticker, exchange, and TRF"',
    sample=_SAMPLE,
    columns=(
        "symbol", "conditions", None, "trade_id", "trade_id", "ts", "price", None, "ts_recv", "size", None, "trade_id",
        None,
    ),
    headers=(
        (
            "ticker", "conditions", "correction", "exchange", "id", "participant_timestamp", "price",
            "sequence_number", "sip_timestamp", "size", "tape", "trf_id", "trf_timestamp",
        ),
    ),
    header="always",
    file=r"(?P<date>\d{4}-\d{2}-\d{2})\.csv",
    folder=r"us_stocks_sip/trades_v1/",
    days=_NEW_YORK,
    unit="ns",
    exchange="POLYGON",
    market="EQUITY",
    id_space="polygon trades",
    caution="ts is the exchange's time and ts_recv that of the consolidated tape; the id is exchange, id and TRF."
    " Corrections are not kept.",
)  # fmt: skip

STOOQ_BULK = Dialect(
    name="stooq-bulk",
    title="Stooq bulk files",
    maker="Stooq",
    example="aapl.us.txt",
    asset="bars",
    vendor='stooq.com/db, the files: "<TICKER>,<PER>,<DATE>,<TIME>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<VOL>,<OPENINT>"',
    sample=_SAMPLE,
    header="always",
    by_name={
        "<TICKER>": "symbol",
        "<PER>": "period",
        "<DATE>": "ts.date",
        "<TIME>": "ts.time",
        "<OPEN>": "open",
        "<HIGH>": "high",
        "<LOW>": "low",
        "<CLOSE>": "close",
        "<VOL>": "volume",
        "<OPENINT>": "open_interest",
    },
    required=("<TICKER>", "<PER>", "<DATE>", "<TIME>", "<OPEN>", "<HIGH>", "<LOW>", "<CLOSE>", "<VOL>", "<OPENINT>"),
    file=r"(?P<symbol>[a-z0-9^._-]+)\.txt",
    time="text",
    zone=None,
    zone_asked=True,
    labels=True,
    periods={"5": "5m", "60": "1h", "D": "1d", "W": "1w", "M": "1mo"},
    exchange="STOOQ",
    market="EQUITY",
    caution="Whether the prices are adjusted is not said.",
)

STOOQ_DAILY = Dialect(
    name="stooq-daily",
    title="Stooq downloads of one symbol",
    maker="Stooq",
    example="spy_us_d.csv",
    asset="bars",
    vendor='stooq.com/q/d, header of the files: "Date,Open,High,Low,Close,Volume", named as in spy_us_d.csv',
    sample="spy_us_d.csv",
    columns=("ts", "open", "high", "low", "close", "volume"),
    optional=1,
    headers=(("Date", "Open", "High", "Low", "Close", "Volume"), ("Date", "Open", "High", "Low", "Close")),
    header="always",
    file=r"(?P<symbol>\^?[a-z0-9.-]+(?:_[a-z]{1,2})?)_(?P<period>[dwm])\.csv",
    needs=("file",),
    time="text",
    zone=None,
    labels=True,
    periods={"d": "1d", "w": "1w", "m": "1mo"},
    exchange="STOOQ",
    caution="Whether the prices are adjusted is not said.",
)

YAHOO = Dialect(
    name="yahoo",
    title="Yahoo Finance downloads, prices adjusted for splits",
    maker="Yahoo Finance",
    example="AAPL.csv",
    asset="bars",
    vendor='finance.yahoo.com, history: "Close price adjusted for splits."',
    sample=_SAMPLE,
    columns=("ts", "open", "high", "low", "close", None, "volume"),
    headers=(("Date", "Open", "High", "Low", "Close", "Adj Close", "Volume"),),
    header="always",
    file=r"(?P<symbol>[A-Z0-9.^=-]+)\.csv",
    time="text",
    zone=None,
    labels=True,
    adjustment="split",
    exchange="YAHOO",
    skips=(("Open", ("null",), "no_data"),),
    caution="The close adjusted for dividends is not kept.",
)

YFINANCE = Dialect(
    name="yfinance",
    title="Prices written by yfinance, adjusted for splits",
    maker="Yahoo Finance",
    example="AAPL-1d.csv",
    asset="bars",
    vendor='ranaroussi.github.io/yfinance, history: auto_adjust "Adjust all OHLC automatically? Default is True"',
    sample="AET-L-1d-100x-error.csv",
    header="always",
    by_name={
        **_OHLC,
        "Date": "ts",
        "Volume": "volume",
    },
    required=("Date", "Open", "High", "Low", "Close", "Adj Close", "Volume", "Dividends", "Stock Splits"),
    file=r"(?P<symbol>[A-Z0-9.^=-]+?)-(?P<period>1m|5m|15m|30m|1h|1d)(?:-[^/]+)?\.csv",
    time="text",
    zone=None,
    labels=True,
    adjustment="split",
    exchange="YAHOO",
    caution="The close adjusted for dividends is not kept.",
)

YFINANCE_TOTAL = replace(
    YFINANCE,
    name="yfinance-total",
    title="Prices written by yfinance, adjusted for splits and dividends",
    example="AAPL-1d.csv",
    sample=_SAMPLE,
    headers=(("Date", "Open", "High", "Low", "Close", "Volume", "Dividends", "Stock Splits"),),
    by_name={},
    required=(),
    columns=("ts", "open", "high", "low", "close", "volume", None, None),
    adjustment="total",
    caution="",
)

EIKON = Dialect(
    name="eikon-minutes",
    title="Refinitiv Eikon bars, from its Python package",
    maker="Refinitiv Eikon",
    example="AAPL_1min_05052020.csv",
    asset="bars",
    vendor="github.com/yhilpisch/py4at, data/AAPL_1min_05052020.csv: Date,HIGH,LOW,OPEN,CLOSE,COUNT,VOLUME",
    sample="AAPL_1min_05052020.csv",
    columns=("ts", "high", "low", "open", "close", "trades", "volume"),
    headers=(("Date", "HIGH", "LOW", "OPEN", "CLOSE", "COUNT", "VOLUME"),),
    header="always",
    file=r"(?P<symbol>[A-Za-z0-9.]+)_(?P<period>1min)_\d{8}\.csv",
    time="text",
    periods={"1min": "1m"},
    exchange="REFINITIV",
    caution="Which end of a bar is stamped is not said: the times are kept as they are.",
)

DIALECTS = (
    ALPHA_VANTAGE_DAILY,
    ALPHA_VANTAGE_DAILY_RAW,
    ALPHA_VANTAGE_INTRADAY,
    POLYGON_AGGREGATES,
    POLYGON_TRADES,
    STOOQ_BULK,
    STOOQ_DAILY,
    YAHOO,
    YFINANCE,
    YFINANCE_TOTAL,
    EIKON,
)
