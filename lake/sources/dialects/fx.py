"""Archives of foreign-exchange brokers: FXCM, TrueFX, Dukascopy."""

from __future__ import annotations

from dataclasses import replace

from lake.sources.dialects.declare import Dialect, Part

_SAMPLE = "tests/unit/lake/sources/dialects/test_fx.py"
_FXCM_PERIODS = {"m1": "1m", "H1": "1h", "D1": "1d", "h1": "1h", "d1": "1d"}
_DUKASCOPY_PERIODS = {
    "1_M": "1m", "5_M": "5m", "10_M": "10m", "15_M": "15m", "30_M": "30m", "1_Hour": "1h", "4_Hour": "4h", "1_D": "1d",
    "1M": "1m", "5M": "5m", "10M": "10m", "15M": "15m", "30M": "30m", "1H": "1h", "4H": "4h", "1D": "1d",
}  # fmt: skip
_DUKASCOPY_TIME = "%d.%m.%Y %H:%M:%S.%f"

FXCM_CANDLES = Dialect(
    name="fxcm-candles",
    title="FXCM candles, bid and ask in one file",
    maker="FXCM",
    example="m1/EURUSD/2017/1.csv",
    asset="bars",
    vendor='github.com/fxcm/MarketData, candle data: "DateTime, BidOpen, BidHigh, BidLow, BidClose, AskOpen, …", UTC',
    sample=_SAMPLE,
    columns=("ts", "open", "high", "low", "close", None, None, None, None, None),
    optional=1,
    parts=(Part("bars", ("ts", None, None, None, None, "open", "high", "low", "close"), side="ask"),),
    headers=(
        (
            "DateTime", "BidOpen", "BidHigh", "BidLow", "BidClose", "AskOpen", "AskHigh", "AskLow", "AskClose",
            "TickQty",
        ),
        ("DateTime", "BidOpen", "BidHigh", "BidLow", "BidClose", "AskOpen", "AskHigh", "AskLow", "AskClose"),
    ),
    header="always",
    folder=r"(?P<period>m1|H1|D1)/(?P<symbol>[A-Z0-9]+)/\d{4}(?:/\d{1,2})?\.csv",
    time="text",
    form="%m/%d/%Y %H:%M:%S.%f",
    labels=True,
    side="bid",
    periods=_FXCM_PERIODS,
    market="FX",
    exchange="FXCM",
)  # fmt: skip

FXCM_SIDE = Dialect(
    name="fxcm-side",
    title="FXCM bars of one price side, as nautilus_trader keeps them",
    maker="FXCM",
    example="gbpusd-m1-bid-2012.csv",
    asset="bars",
    vendor="github.com/nautechsystems/nautilus_trader, test data: gbpusd-m1-bid-2012.csv and gbpusd-m1-ask-2012.csv",
    sample="gbpusd-m1-bid-2012.csv",
    columns=("ts", "open", "high", "low", "close"),
    headers=(("timestamp", "open", "high", "low", "close"),),
    header="always",
    file=r"(?P<symbol>[a-z]{6})-(?P<period>m1|h1|d1)-(?P<side>bid|ask)-\d{4}\.csv",
    needs=("file",),
    time="text",
    periods=_FXCM_PERIODS,
    market="FX",
    exchange="FXCM",
)

TRUEFX = Dialect(
    name="truefx",
    title="TrueFX ticks",
    maker="TrueFX",
    example="EURUSD-2015-03.csv",
    asset="ticks/quote",
    vendor="truefx.com, historical downloads: EUR/USD,20160502 00:00:00.959,1.14601,1.14605, in GMT",
    sample=_SAMPLE,
    columns=("symbol", "ts", "bid", "ask"),
    file=r"(?P<symbol>[A-Z]{6})-(?P<date>\d{4}-\d{2})\.csv",
    time="text",
    form="YYYYMMDD HH:MM:SS",
    market="FX",
    exchange="TRUEFX",
)

DUKASCOPY_BARS = Dialect(
    name="dukascopy-bars",
    title="Dukascopy candles, exported in GMT",
    maker="Dukascopy",
    example="EURUSD_Candlestick_1_Hour_BID_01.07.2020-15.07.2023.csv",
    asset="bars",
    vendor='dukascopy.com, historical data export: "Gmt time,Open,High,Low,Close,Volume", 01.01.2017 22:00:00.000',
    sample=_SAMPLE,
    columns=("ts", "open", "high", "low", "close", "volume"),
    headers=(("Gmt time", "Open", "High", "Low", "Close", "Volume"),),
    header="always",
    file=r"(?P<symbol>[A-Z0-9.]+)_Candlestick_(?P<period>\d+_(?:M|Hour|D))_(?P<side>BID|ASK)_[\d.]+-[\d.]+\.csv",
    time="text",
    form=_DUKASCOPY_TIME,
    periods=_DUKASCOPY_PERIODS,
    market="FX",
    exchange="DUKASCOPY",
    caution="A closed market has flat bars without volume.",
)

DUKASCOPY_BARS_OTHER = replace(
    DUKASCOPY_BARS,
    name="dukascopy-bars-other",
    title="Dukascopy candles whose header does not say the zone",
    example="FOREX_EURUSD_1H_ASK.csv",
    vendor='dukascopy.com, its platform\'s export: "Time,Open,High,Low,Close,Volume", 01.01.2017 22:00:00.000',
    sample="FOREX_EURUSD_1H_ASK.csv",
    headers=(("Time", "Open", "High", "Low", "Close", "Volume"),),
    file=r"(?:FOREX_)?(?P<symbol>[A-Z0-9.]+)_(?P<period>\d+[MHD])_(?P<side>BID|ASK)\.csv",
    needs=("file",),
    zone=None,
)

DUKASCOPY_TICKS = Dialect(
    name="dukascopy-ticks",
    title="Dukascopy ticks, exported in GMT",
    maker="Dukascopy",
    example="EURUSD_Ticks_01.07.2019-01.07.2019.csv",
    asset="ticks/quote",
    vendor='dukascopy.com, historical data export: "Gmt time,Ask,Bid,AskVolume,BidVolume", 01.07.2019 13:30:03.304',
    sample=_SAMPLE,
    columns=("ts", "ask", "bid", "ask_size", "bid_size"),
    headers=(("Gmt time", "Ask", "Bid", "AskVolume", "BidVolume"),),
    header="always",
    file=r"(?P<symbol>[A-Z0-9.]+)_Ticks_[\d.]+-[\d.]+\.csv",
    time="text",
    form=_DUKASCOPY_TIME,
    market="FX",
    exchange="DUKASCOPY",
    caution="The volumes are in millions.",
)

DIALECTS = (
    FXCM_CANDLES, FXCM_SIDE, TRUEFX, DUKASCOPY_BARS, DUKASCOPY_BARS_OTHER, DUKASCOPY_TICKS,
)  # fmt: skip
