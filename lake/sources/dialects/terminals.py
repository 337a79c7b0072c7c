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
    caution="The prices are bids, and the volume is always 0.",
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
    file=r"(?P<symbol>[A-Z0-9]+(?: \d\d-\d\d)?)(?:\.Last)?\.txt",
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

DIALECTS = (
    HISTDATA_M1,
    HISTDATA_TICKS,
    HISTDATA_MT,
    NINJATRADER_MINUTES,
    METATRADER4_BARS,
    METATRADER4_BARS_ONE,
    METATRADER5_RATES,
)
