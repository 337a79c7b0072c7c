"""QuantConnect LEAN data zips: one CSV in a zip, the date only in the name, times counted from midnight.

Equity quote ticks (eight columns) stay out: "Each quote tick contains either bid or ask data only", and a quote of the
lake has both.
"""

from __future__ import annotations

from dataclasses import replace

from lake.sources.dialects.declare import Dialect, Place

_README = "github.com/QuantConnect/Lean, Data/equity/readme.md: "
_PLACE = r"(?P<place>[a-z]+[/_](?P<exchange>[a-z0-9]+))"
_FLAT = r"(?P<symbol>[a-z0-9.]+)[/_](?P<date>\d{8})_"

_MINUTE = Dialect(
    name="lean-minute-trade",
    title="LEAN trade bars, second and minute",
    asset="bars",
    vendor=_README
    + '"Time - Milliseconds since midnight in the timezone of the data format. Open - Deci-cents Open Price"',
    sample="equity_usa_minute_spy_20131007_trade.zip",
    maker="QuantConnect LEAN",
    example="equity/usa/minute/spy/20131007_trade.zip",
    columns=("ts", "open", "high", "low", "close", "volume"),
    container="zip",
    folder=rf"(?:^|/|_){_PLACE}[/_](?P<period>second|minute)[/_]{_FLAT}trade\.zip",
    member=r"(?P<date>\d{8})_[^/]*(?=.*(?:second|minute))(?=.*trade)[^/]*\.csv",
    needs=("member",),
    time="day",
    zone=None,
    places={
        "equity/usa": Place("America/New_York", "EQUITY", 10_000),
        "equity/india": Place("Asia/Kolkata", "EQUITY", 10_000),
        "equity/*": Place(None, "EQUITY", 10_000),
        "crypto/*": Place("UTC", "SPOT"),
        "cryptofuture/*": Place("UTC", "FUTURES"),
        "forex/oanda": Place("UTC", "FX"),
        "forex/*": Place(None, "FX"),
        "cfd/oanda": Place("UTC", "CFD"),
        "cfd/*": Place(None, "CFD"),
    },
    periods={"second": "1s", "minute": "1m"},
    complete=True,
)
_TICK_TRADE = replace(
    _MINUTE,
    name="lean-tick-trade",
    title="LEAN trade ticks",
    asset="ticks/trade",
    vendor=_README + '"| Time | TradeSale | Trade Volume | Exchange | Trade Sale Condition | Suspicious"',
    sample="equity_usa_tick_ibm_20131008_trade.zip",
    example="equity/usa/tick/ibm/20131008_trade.zip",
    columns=("ts", "price", "size", "conditions", "conditions", "conditions"),
    optional=3,
    folder=rf"(?:^|/|_){_PLACE}[/_]tick[/_]{_FLAT}trade\.zip",
    member=r"(?P<date>\d{8})_(?=.*tick)(?=.*trade)[^/]*\.csv",
    periods={},
)
_TICK_QUOTE = replace(
    _TICK_TRADE,
    name="lean-tick-quote",
    title="LEAN quote ticks: bid and ask alone",
    asset="ticks/quote",
    vendor='github.com/QuantConnect/Lean, Data/forex/readme.md: "| Time | Bid Price | Ask Price |"',
    sample="forex_oanda_tick_eurusd_20140502_quote.zip",
    example="forex/oanda/tick/eurusd/20140502_quote.zip",
    columns=("ts", "bid", "ask"),
    optional=0,
    folder=rf"(?:^|/|_){_PLACE}[/_]tick[/_]{_FLAT}quote\.zip",
    member=r"(?P<date>\d{8})_(?=.*tick)(?=.*quote)[^/]*\.csv",
)
_TICK_QUOTE_SIZES = replace(
    _TICK_QUOTE,
    name="lean-tick-quote-sizes",
    title="LEAN quote ticks with sizes",
    vendor='QuantConnect/Lean, Data/crypto/readme.md: "| Time | Bid Price | Bid Size | Ask Price | Ask Size |"',
    sample="tests/unit/lake/sources/dialects/test_lean.py",
    example="crypto/coinbase/tick/btcusd/20161007_quote.zip",
    columns=("ts", "bid", "bid_size", "ask", "ask_size"),
)

DIALECTS = (_MINUTE, _TICK_TRADE, _TICK_QUOTE, _TICK_QUOTE_SIZES)
