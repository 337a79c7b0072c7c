"""What freqtrade keeps of candles and trades: Feather, and JSON in older versions."""

from __future__ import annotations

from lake.sources.dialects.declare import PERIOD_WORDS, Dialect

_PAIR = r"(?P<symbol>[A-Za-z0-9.]+(?:_[A-Za-z0-9.]+)+)"
_SIDES = {"buy": "buy", "sell": "sell"}

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
    file=rf"{_PAIR}-(?P<period>{PERIOD_WORDS})\.feather",
    needs=("file",),
    time="text",
)

FREQTRADE_TRADES_FEATHER = Dialect(
    name="freqtrade-trades-feather",
    title="freqtrade trades in Feather",
    asset="ticks/trade",
    vendor="github.com/freqtrade/freqtrade, constants.py: trades have timestamp (ms), id, type, side, price,"
    " amount, cost",
    sample="tests/unit/lake/sources/dialects/test_freqtrade.py",
    maker="freqtrade",
    example="XRP_ETH-trades.feather",
    container="arrow",
    header="always",
    by_name={"timestamp": "ts", "id": "trade_id", "side": "side", "price": "price", "amount": "size"},
    required=("timestamp", "id", "side", "price", "amount"),
    file=rf"{_PAIR}-trades\.feather",
    needs=("file",),
    sides=_SIDES,
)

FREQTRADE_JSON = Dialect(
    name="freqtrade-json",
    title="freqtrade candles in JSON",
    asset="bars",
    vendor="github.com/freqtrade/freqtrade, constants.py: candles are date (ms), open, high, low, close, volume",
    sample="UNITTEST_BTC-1m.json",
    maker="freqtrade",
    example="XRP_ETH-5m.json",
    container="json",
    columns=("ts", "open", "high", "low", "close", "volume"),
    file=rf"{_PAIR}-(?P<period>{PERIOD_WORDS})\.json",
    needs=("file",),
    relations=("open_high_low_close",),
)

FREQTRADE_TRADES_JSON = Dialect(
    name="freqtrade-trades-json",
    title="freqtrade trades in JSON",
    asset="ticks/trade",
    vendor="github.com/freqtrade/freqtrade, constants.py: trades are timestamp (ms), id, type, side, price,"
    " amount, cost",
    sample="XRP_ETH-trades.json.gz",
    maker="freqtrade",
    example="XRP_ETH-trades.json",
    container="json",
    columns=("ts", "trade_id", None, "side", "price", "size", None),
    file=rf"{_PAIR}-trades\.json",
    needs=("file",),
    sides=_SIDES,
)

DIALECTS = (FREQTRADE_FEATHER, FREQTRADE_JSON, FREQTRADE_TRADES_FEATHER, FREQTRADE_TRADES_JSON)
