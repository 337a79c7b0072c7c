"""Exports of trading terminals and the files of foreign-exchange archives: text times, often in a zone of their own."""

from __future__ import annotations

from dataclasses import replace

from lake.sources.dialects.declare import Dialect

_EST = "Etc/GMT+5"
"""Five hours behind UTC all year: HistData's days know no daylight-saving time."""
_METATRADER_PERIODS = {
    "1": "1m", "5": "5m", "15": "15m", "30": "30m", "60": "1h", "240": "4h", "1440": "1d", "10080": "1w",
    "M1": "1m", "M5": "5m", "M15": "15m", "M30": "30m", "H1": "1h", "H4": "4h", "D1": "1d", "W1": "1w",
}  # fmt: skip

HISTDATA_M1 = Dialect(
    name="histdata-m1",
    title="HistData minute bars, ASCII",
    asset="bars",
    vendor="histdata.com, file specification, generic ASCII M1: YYYYMMDD HHMMSS;open bid;high bid;low bid;close bid;"
    "volume, in Eastern Standard Time without daylight saving",
    sample="DAT_ASCII_EURUSD_M1_201701.csv",
    maker="HistData",
    example="DAT_ASCII_EURUSD_M1_201701.csv",
    columns=("ts", "open", "high", "low", "close", "volume"),
    delimiters=";",
    file=r"DAT_ASCII_(?P<symbol>[A-Z0-9]+)_M1_(?:(?P<date>\d{6})|\d{4})\.csv",
    time="text",
    form="YYYYMMDD HHMMSS",
    zone=_EST,
    market="FX",
    exchange="HISTDATA",
    relations=("open_high_low_close",),
    side="bid",
    caution="The volume is always 0.",
)

HISTDATA_TICKS = Dialect(
    name="histdata-ticks",
    title="HistData ticks, ASCII",
    asset="ticks/quote",
    vendor="histdata.com, file specification, generic ASCII tick: YYYYMMDD HHMMSSNNN,bid,ask,volume, in Eastern"
    " Standard Time without daylight saving",
    sample="quote_tick_data.csv",
    maker="HistData",
    example="DAT_ASCII_EURUSD_T_202001.csv",
    columns=("ts", "bid", "ask", None),
    relations=("bid_ask",),
    file=r"DAT_ASCII_(?P<symbol>[A-Z0-9]+)_T_(?P<date>\d{6})\.csv",
    time="text",
    form="YYYYMMDD HHMMSS",
    zone=_EST,
    market="FX",
    exchange="HISTDATA",
)

HISTDATA_MT = replace(
    HISTDATA_M1,
    name="histdata-mt",
    title="HistData minute bars, for MetaTrader",
    vendor="histdata.com, file specification, MetaTrader M1: YYYY.MM.DD,HH:MM,open bid,high bid,low bid,close bid,"
    "volume, in Eastern Standard Time without daylight saving",
    sample="tests/unit/lake/sources/dialects/test_terminals.py",
    example="DAT_MT_EURUSD_M1_202008.csv",
    columns=("ts.date", "ts.time", "open", "high", "low", "close", "volume"),
    delimiters=",",
    file=r"DAT_MT_(?P<symbol>[A-Z0-9]+)_M1_(?:(?P<date>\d{6})|\d{4})\.csv",
    form="",
    relations=(),
)

NINJATRADER_MINUTES = Dialect(
    name="ninjatrader-minutes",
    title="NinjaTrader minute bars",
    asset="bars",
    vendor="ninjatrader.com, help, importing: yyyyMMdd HHmmss;open;high;low;close;volume, stamped at the end of the"
    " bar; exported in UTC",
    sample="nt-spy-minute-2011-03.csv",
    maker="NinjaTrader",
    example="ES 12-06.Last.txt",
    columns=("ts", "open", "high", "low", "close", "volume"),
    delimiters=";",
    file=r"(?P<symbol>[A-Z0-9]+(?: \d\d-\d\d)?)(?:\.(?:Last|(?P<side>Bid|Ask)))?\.txt",
    time="text",
    form="YYYYMMDD HHMMSS",
    stamp="close",
    relations=("open_high_low_close",),
    caution="The times are ends of bars in the source; the lake keeps their opens.",
)

METATRADER4_BARS = Dialect(
    name="metatrader4-bars",
    title="MetaTrader 4 bars, date and time in two columns",
    asset="bars",
    vendor="metatrader4.com, help, history center, export: 2020.08.27,15:13,open,high,low,close,tick volume",
    sample="tests/unit/lake/sources/dialects/test_terminals.py",
    maker="MetaTrader",
    example="EURUSD60.csv",
    columns=("ts.date", "ts.time", "open", "high", "low", "close", "volume"),
    file=r"(?P<symbol>[A-Za-z0-9.#]+?)_?"
    r"(?P<period>(?<=_)(?:M1|M5|M15|M30|H1|H4|D1|W1)|(?<!_)(?:1|5|15|30|60|240|1440|10080))\.csv",
    time="text",
    zone=None,
    labels=True,
    periods=_METATRADER_PERIODS,
    caution="The volume counts ticks.",
)

METATRADER4_BARS_ONE = replace(
    METATRADER4_BARS,
    name="metatrader4-bars-iso",
    title="MetaTrader 4 bars, date and time in one column",
    vendor="MetaTrader's bars as scripts write them: 2020-08-27 15:13,open,high,low,close,tick volume",
    sample="EURUSD_M1.csv",
    example="EURUSD_M1.csv",
    columns=("ts", "open", "high", "low", "close", "volume"),
    needs=("file",),
    form="YYYY-MM-DD HH:MM",
    relations=("open_high_low_close",),
)

METATRADER5_RATES = Dialect(
    name="metatrader5-rates",
    title="MetaTrader 5 rates, from its Python package",
    asset="bars",
    vendor="mql5.com, copy_rates_range: time, open, high, low, close, tick_volume, spread, real_volume",
    sample="EURUSD_M1.csv",
    maker="MetaTrader",
    header="always",
    by_name={
        "time": "ts",
        "open": "open",
        "high": "high",
        "low": "low",
        "close": "close",
        "tick_volume": "volume",
        "spread": "spread",
    },
    required=("time", "open", "high", "low", "close", "tick_volume", "spread", "real_volume"),
    caution="The volume counts ticks.",
)

METATRADER5_BARS = Dialect(
    name="metatrader5-bars",
    title="MetaTrader 5 bars, exported from the terminal",
    maker="MetaTrader",
    example="EURUSD_M1_202401020000_202401312359.csv",
    asset="bars",
    vendor="metatrader5.com, help, symbols, bars, export: <DATE> <TIME> <OPEN> <HIGH> <LOW> <CLOSE> <TICKVOL> <VOL>"
    " <SPREAD>, in the broker's time",
    sample="tests/unit/lake/sources/dialects/test_terminals_mt5.py",
    header="always",
    by_name={
        "<DATE>": "ts.date",
        "<TIME>": "ts.time",
        "<OPEN>": "open",
        "<HIGH>": "high",
        "<LOW>": "low",
        "<CLOSE>": "close",
        "<TICKVOL>": "volume",
        "<SPREAD>": "spread",
    },
    required=("<DATE>", "<OPEN>", "<HIGH>", "<LOW>", "<CLOSE>", "<TICKVOL>", "<VOL>", "<SPREAD>"),
    delimiters="\t",
    file=r"(?P<symbol>[A-Za-z0-9.#_-]+?)_(?P<period>M\d+|H\d+|D1|Daily|W1|Weekly|MN1|Monthly)(?:_\d{8,12}){2}\.csv",
    time="text",
    zone=None,
    labels=True,
    periods={
        "M1": "1m", "M2": "2m", "M3": "3m", "M4": "4m", "M5": "5m", "M6": "6m", "M10": "10m", "M12": "12m",
        "M15": "15m", "M20": "20m", "M30": "30m", "H1": "1h", "H2": "2h", "H3": "3h", "H4": "4h", "H6": "6h",
        "H8": "8h", "H12": "12h", "D1": "1d", "Daily": "1d", "W1": "1w", "Weekly": "1w", "MN1": "1mo",
        "Monthly": "1mo",
    },
    caution="The volume counts ticks, and the spread is in points; the real volume is not kept.",
)  # fmt: skip

METATRADER5_TICKS = Dialect(
    name="metatrader5-ticks",
    title="MetaTrader 5 ticks, exported from the terminal: bid and ask",
    maker="MetaTrader",
    example="EURUSD_202401020000_202401022359.csv",
    asset="ticks/quote",
    vendor="metatrader5.com, help, symbols, ticks, export: <DATE> <TIME> <BID> <ASK> <LAST> <VOLUME> <FLAGS>, a cell"
    " empty where nothing changed, in the broker's time",
    sample="tests/unit/lake/sources/dialects/test_terminals_mt5.py",
    header="always",
    by_name={"<DATE>": "ts.date", "<TIME>": "ts.time", "<BID>": "bid", "<ASK>": "ask"},
    required=("<DATE>", "<TIME>", "<BID>", "<ASK>", "<LAST>", "<VOLUME>"),
    delimiters="\t",
    fill=("bid", "ask"),
    file=r"(?P<symbol>[A-Za-z0-9.#_-]+?)(?:_\d{12}){2}\.csv",
    time="text",
    zone=None,
    caution="Last prices and their volumes are not kept.",
)

TRADINGVIEW = Dialect(
    name="tradingview",
    title="TradingView chart exports",
    maker="TradingView",
    example="BINANCE_BTCUSDT, 60.csv",
    asset="bars",
    vendor='tradingview.com, "Export chart data…": time,open,high,low,close, then Volume and whatever the chart plots,'
    " named as in BINANCE_BTCUSDT, 60.csv",
    sample="tests/unit/lake/sources/dialects/test_terminals_tradingview.py",
    header="always",
    by_name={"time": "ts", "open": "open", "high": "high", "low": "low", "close": "close", "Volume": "volume"},
    required=("time", "open", "high", "low", "close"),
    file=r"(?P<exchange>[A-Z0-9]+)_(?P<symbol>[^,/]+), (?P<period>\d+|\d*[SDWM])(?:_[0-9a-f]{5})?(?: ?\(\d+\))?\.csv",
    needs=("file",),
    time="any",
    periods={
        "1": "1m", "2": "2m", "3": "3m", "5": "5m", "10": "10m", "15": "15m", "30": "30m", "45": "45m", "60": "1h",
        "120": "2h", "180": "3h", "240": "4h", "1S": "1s", "S": "1s", "D": "1d", "1D": "1d", "W": "1w", "1W": "1w",
        "M": "1mo", "1M": "1mo",
    },
    caution="What the chart plots beside the prices is not kept.",
)  # fmt: skip

DIALECTS = (
    METATRADER5_BARS,
    METATRADER5_TICKS,
    TRADINGVIEW,
    HISTDATA_M1,
    HISTDATA_TICKS,
    HISTDATA_MT,
    NINJATRADER_MINUTES,
    METATRADER4_BARS,
    METATRADER4_BARS_ONE,
    METATRADER5_RATES,
)
