"""Dukascopy's data feed: an hour of ticks, or a day of minute candles, in a file whose path says the rest.

The months of its paths begin with 00. A file of no bytes is an hour without ticks.
"""

from __future__ import annotations

from dataclasses import replace

from lake.sources.dialects.declare import Dialect, Place

_DAY = r"(?:^|/)(?P<symbol>[A-Z0-9]+)/(?P<year>\d{4})/(?P<month>0\d|1[01])/(?P<day>\d{2})"
_MAJOR = "(?:AUD|CAD|CHF|EUR|GBP|NZD|USD)"

TICKS = Dialect(
    name="dukascopy-bi5-ticks",
    maker="Dukascopy",
    title="Dukascopy ticks (bi5)",
    asset="ticks/quote",
    vendor="datafeed.dukascopy.com, HHh_ticks.bi5, as newbe.dev/bi5 lays it out: big-endian milliseconds of the hour,"
    " ask, bid, ask volume, bid volume",
    sample="tests/unit/lake/sources/test_bi5.py",
    container="bi5",
    record=(("time", ">u4"), ("ask", ">u4"), ("bid", ">u4"), ("ask_volume", ">f4"), ("bid_volume", ">f4")),
    by_name={"time": "ts", "ask": "ask", "bid": "bid", "ask_volume": "ask_size", "bid_volume": "bid_size"},
    folder=_DAY + r"/(?P<hour>[01]\d|2[0-3])h_ticks\.bi5$",
    example="EURUSD/2024/00/15/09h_ticks.bi5",
    unit_ns=10**6,
    kinds=(
        (f"{_MAJOR}JPY", Place("UTC", "FX", 10**3)),
        (f"{_MAJOR}{_MAJOR}", Place("UTC", "FX", 10**5)),
        ("(?:XAU|XAG)USD", Place("UTC", "METALS", 10**3)),
    ),
    exchange="DUKASCOPY",
    caution="Volumes are in millions, as the vendor counts them.",
)

CANDLES = replace(
    TICKS,
    name="dukascopy-bi5-candles",
    title="Dukascopy minute candles (bi5)",
    asset="bars",
    vendor="datafeed.dukascopy.com, BID_candles_min_1.bi5, as stackoverflow.com/q/58649138 reads it: big-endian seconds"
    " of the day, open, close, low, high, volume",
    record=(
        ("time", ">u4"), ("open", ">u4"), ("close", ">u4"), ("low", ">u4"), ("high", ">u4"), ("volume", ">f4"),
    ),
    by_name={"time": "ts", "open": "open", "close": "close", "low": "low", "high": "high", "volume": "volume"},
    folder=_DAY + r"/(?P<period>BID|ASK)_candles_min_1\.bi5$",
    example="EURUSD/2024/00/15/BID_candles_min_1.bi5",
    unit_ns=10**9,
    periods={"BID": "1m-bid", "ASK": "1m-ask"},
    skips=(("volume", ("0",), "no_trade"),),
    caution="Volumes are in millions, as the vendor counts them; the flat candles of minutes without any are left out.",
)  # fmt: skip

DIALECTS = (TICKS, CANDLES)
