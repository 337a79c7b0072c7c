"""Trades and candles of other crypto sources."""

from __future__ import annotations

from lake.sources.dialects.declare import BUYER_IS_MAKER, PERIOD_WORDS, Dialect

KRAKEN_TRADES = Dialect(
    name="kraken-trades",
    title="Kraken historical trades",
    asset="ticks/trade",
    vendor="support.kraken.com, downloadable time and sales: unix seconds, price, volume, without a header",
    sample="BCHEUR.csv",
    columns=("ts", "price", "size"),
    file=r"(?P<symbol>[A-Z0-9]{5,14})\.csv",
    needs=("file",),
    market="SPOT",
    exchange="KRAKEN",
)

CRYPTO_CHASSIS_TRADES = Dialect(
    name="crypto-chassis-trades",
    title="CryptoChassis trades",
    asset="ticks/trade",
    vendor='github.com/crypto-chassis/ccapi, its sample file: "time_seconds,price,size,is_buyer_maker"',
    sample="gemini__eth-usd__2021-07-02__trade.csv",
    columns=("ts", "price", "size", "side"),
    headers=(("time_seconds", "price", "size", "is_buyer_maker"),),
    header="always",
    file=r"(?P<exchange>[a-z0-9-]+)__(?P<symbol>[a-z0-9-]+)__(?P<date>\d{4}-\d{2}-\d{2})__trade\.csv",
    sides=BUYER_IS_MAKER,
)

FREQTRADE_FEATHER = Dialect(
    name="freqtrade-feather",
    title="freqtrade candles in Feather",
    asset="bars",
    vendor="github.com/freqtrade/freqtrade, constants.py: candles have date (UTC), open, high, low, close, volume",
    sample="XRP_ETH-5m.feather",
    container="arrow",
    header="always",
    by_name={"date": "ts", "open": "open", "high": "high", "low": "low", "close": "close", "volume": "volume"},
    required=("date", "open", "high", "low", "close", "volume"),
    file=rf"(?P<symbol>[A-Za-z0-9.]+(?:_[A-Za-z0-9.]+)+)-(?P<period>{PERIOD_WORDS})\.feather",
    needs=("file",),
    time="text",
)

DIALECTS = (KRAKEN_TRADES, CRYPTO_CHASSIS_TRADES, FREQTRADE_FEATHER)
