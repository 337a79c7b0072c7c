"""Trades and candles of other crypto sources."""

from __future__ import annotations

from lake.sources.dialects.declare import BUYER_IS_MAKER, PERIOD_WORDS, Dialect

KRAKEN_TRADES = Dialect(
    name="kraken-trades",
    title="Kraken historical trades",
    asset="ticks/trade",
    vendor="support.kraken.com, downloadable time and sales: unix seconds, price, volume, without a header",
    sample="BCHEUR.csv",
    maker="Kraken",
    example="BCHEUR.csv",
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
    maker="CryptoChassis",
    example="gemini__eth-usd__2021-07-02__trade.csv",
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
    maker="freqtrade",
    example="XRP_ETH-5m.feather",
    container="arrow",
    header="always",
    by_name={"date": "ts", "open": "open", "high": "high", "low": "low", "close": "close", "volume": "volume"},
    required=("date", "open", "high", "low", "close", "volume"),
    file=rf"(?P<symbol>[A-Za-z0-9.]+(?:_[A-Za-z0-9.]+)+)-(?P<period>{PERIOD_WORDS})\.feather",
    needs=("file",),
    time="text",
)

KRAKEN_OHLCVT = Dialect(
    name="kraken-ohlcvt",
    title="Kraken candles",
    asset="bars",
    vendor="support.kraken.com, downloadable OHLCVT data: unix seconds, open, high, low, close, volume, trades; the"
    " name ends in the minutes of a bar",
    sample="tests/unit/lake/sources/dialects/test_crypto_candles.py",
    maker="Kraken",
    example="XBTUSD_60.csv",
    columns=("ts", "open", "high", "low", "close", "volume", "trades"),
    file=r"(?P<symbol>[A-Z0-9]{5,14})_(?P<period>1|5|15|30|60|240|720|1440)\.csv",
    needs=("file",),
    periods={
        "1": "1m", "5": "5m", "15": "15m", "30": "30m", "60": "1h", "240": "4h", "720": "12h", "1440": "1d",
    },
    market="SPOT",
    exchange="KRAKEN",
    relations=("open_high_low_close",),
    caution="A minute without a trade has no bar.",
)  # fmt: skip

BITCOINCHARTS_TRADES = Dialect(
    name="bitcoincharts-trades",
    title="bitcoincharts trades",
    asset="ticks/trade",
    vendor="api.bitcoincharts.com/v1/csv: unixtime, price, amount, without a header; a file a market, bitstampUSD.csv",
    sample="bitstampUSD.csv",
    maker="bitcoincharts",
    example="bitstampUSD.csv",
    columns=("ts", "price", "size"),
    file=r"(?P<exchange>[a-z0-9]+)[A-Z]{3}\.csv",
    needs=("file",),
    market="SPOT",
)

BITFINEX_CANDLES = Dialect(
    name="bitfinex-candles",
    title="Bitfinex candles",
    asset="bars",
    vendor="docs.bitfinex.com, candles: MTS, OPEN, CLOSE, HIGH, LOW, VOLUME",
    sample="ETHUSD-1m-2016-merged.csv.gz",
    maker="Bitfinex",
    columns=("ts", "open", "close", "high", "low", "volume"),
    relations=("open_close_high_low",),
)

COINBASE_CANDLES = Dialect(
    name="coinbase-candles",
    title="Coinbase candles",
    asset="bars",
    vendor="docs.cdp.coinbase.com, product candles: time, low, high, open, close, volume",
    sample="tests/unit/lake/sources/dialects/test_crypto_candles.py",
    maker="Coinbase",
    columns=("ts", "low", "high", "open", "close", "volume"),
    headers=(("time", "low", "high", "open", "close", "volume"),),
    header="maybe",
    relations=("low_high_open_close",),
)

CCXT_CANDLES = Dialect(
    name="ccxt-candles",
    title="ccxt candles",
    asset="bars",
    vendor="docs.ccxt.com, fetchOHLCV: UTC milliseconds, open, high, low, close, volume",
    sample="tests/unit/lake/sources/dialects/test_crypto_candles.py",
    maker="ccxt",
    columns=("ts", "open", "high", "low", "close", "volume"),
    relations=("open_high_low_close",),
)

CRYPTO_DATA_DOWNLOAD = Dialect(
    name="cryptodatadownload",
    title="CryptoDataDownload candles, files of 2019",
    asset="bars",
    vendor='cryptodatadownload.com: "Date,Symbol,Open,High,Low,Close,Volume BTC,Volume USD", 2019-04-22 11-PM, UTC',
    sample="Coinbase_BTCUSD_1h.csv",
    maker="CryptoDataDownload",
    example="Coinbase_BTCUSD_1h.csv",
    columns=("ts", "symbol", "open", "high", "low", "close", "volume", "quote_volume"),
    headers=(("Date", "Symbol", "Open", "High", "Low", "Close", "Volume *", "Volume *"),),
    header="always",
    file=r"(?P<exchange>[A-Za-z]+)_[A-Z0-9]+_(?P<period>1h|d|minute)\.csv",
    periods={"d": "1d", "minute": "1m"},
    time="text",
    market="SPOT",
)

CRYPTO_DATA_DOWNLOAD_UNIX = Dialect(
    name="cryptodatadownload-unix",
    title="CryptoDataDownload candles",
    maker="CryptoDataDownload",
    example="Binance_BTCUSDT_1h.csv",
    asset="bars",
    vendor='cryptodatadownload.com: a line with its address, then "unix,date,symbol,open,high,low,close,Volume BTC,…"',
    sample="tests/unit/lake/sources/dialects/test_crypto_candles.py",
    columns=("ts", None, "symbol", "open", "high", "low", "close", "volume", "quote_volume", "trades"),
    optional=1,
    headers=(
        ("unix", "date", "symbol", "open", "high", "low", "close", "Volume *", "Volume *", "tradecount"),
        ("unix", "date", "symbol", "open", "high", "low", "close", "Volume *", "Volume *"),
    ),
    header="always",
    preamble=1,
    file=r"(?P<exchange>[A-Za-z]+)_[A-Z0-9]+_(?:\d{4}_)?(?P<period>1h|d|minute)\.csv",
    unit="mixed",
    periods={"d": "1d", "minute": "1m"},
    market="SPOT",
)

BITSTAMP_KAGGLE = Dialect(
    name="bitstamp-kaggle",
    title="Minutes of Bitcoin as published on Kaggle",
    maker="Kaggle",
    example="bitstampUSD_1-min_data_2012-01-01_to_2021-03-31.csv",
    asset="bars",
    vendor='kaggle.com/mczielinski/bitcoin-historical-data: "Timestamps without any trades or activity have their data'
    ' fields filled with NaNs."',
    sample="tests/unit/lake/sources/dialects/test_crypto_candles.py",
    columns=("ts", "open", "high", "low", "close", "volume", "quote_volume", "vwap"),
    headers=(("Timestamp", "Open", "High", "Low", "Close", "Volume_(BTC)", "Volume_(Currency)", "Weighted_Price"),),
    header="always",
    file=r"(?P<exchange>[a-z]+)USD_(?P<period>1-min)_data_.*\.csv",
    periods={"1-min": "1m"},
    market="SPOT",
    skips=(("Open", ("NaN", ""), "no_trade"),),
)

HUMMINGBOT_CANDLES = Dialect(
    name="hummingbot-candles",
    title="Hummingbot candles",
    maker="Hummingbot",
    asset="bars",
    vendor='github.com/hummingbot/hummingbot, candles_base.py: columns "timestamp, open, high, low, close, volume,'
    ' quote_asset_volume, n_trades, …"',
    sample="tests/unit/lake/sources/dialects/test_crypto_candles.py",
    columns=(
        "ts", "open", "high", "low", "close", "volume", "quote_volume", "trades", "taker_buy_volume",
        "taker_buy_quote_volume",
    ),
    headers=(
        (
            "timestamp", "open", "high", "low", "close", "volume", "quote_asset_volume", "n_trades",
            "taker_buy_base_volume", "taker_buy_quote_volume",
        ),
    ),
    header="always",
)  # fmt: skip

DIALECTS = (
    CRYPTO_DATA_DOWNLOAD_UNIX,
    BITSTAMP_KAGGLE,
    HUMMINGBOT_CANDLES,
    KRAKEN_TRADES,
    KRAKEN_OHLCVT,
    CRYPTO_CHASSIS_TRADES,
    BITCOINCHARTS_TRADES,
    BITFINEX_CANDLES,
    COINBASE_CANDLES,
    CCXT_CANDLES,
    CRYPTO_DATA_DOWNLOAD,
    FREQTRADE_FEATHER,
)
