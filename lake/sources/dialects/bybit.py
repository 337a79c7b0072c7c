"""Bybit's public archive (public.bybit.com): trades of derivatives and of the spot market."""

from __future__ import annotations

from lake.sources.dialects.declare import Dialect

_TRADING = (
    "timestamp", "symbol", "side", "size", "price", "tickDirection", "trdMatchID", "grossValue", "homeNotional",
    "foreignNotional",
)  # fmt: skip
_SPOT = ("id", "timestamp", "price", "volume", "side")

TRADING = Dialect(
    name="bybit-trades",
    title="Bybit trades, derivatives",
    maker="Bybit",
    example="BTCUSDT2024-01-01.csv",
    asset="ticks/trade",
    vendor='public.bybit.com/trading, header of the files: "timestamp,symbol,side,size,price,tickDirection,…"',
    sample="tests/unit/lake/sources/dialects/test_bybit.py",
    columns=("ts", "symbol", "side", "size", "price", None, "trade_id", None, None, None, None),
    optional=1,
    headers=(_TRADING, (*_TRADING, "RPI")),
    header="always",
    file=r"(?P<symbol>[A-Z0-9-]+?)(?P<date>\d{4}-\d{2}-\d{2})\.csv",
    sides={"Buy": "buy", "Sell": "sell"},
    id_space="bybit trades",
    market="DERIVATIVES",
    exchange="BYBIT",
    caution="The size of an inverse contract is in dollars.",
)

SPOT = Dialect(
    name="bybit-spot-trades",
    title="Bybit trades, spot",
    maker="Bybit",
    example="BTCUSDT_2024-01-01.csv",
    asset="ticks/trade",
    vendor='public.bybit.com/spot, header of the files: "id,timestamp,price,volume,side", later with "rpi"',
    sample="tests/unit/lake/sources/dialects/test_bybit.py",
    columns=("trade_id", "ts", "price", "size", "side", None),
    optional=1,
    headers=(_SPOT, (*_SPOT, "rpi")),
    header="always",
    file=r"(?P<symbol>[A-Z0-9]+)[_-](?P<date>\d{4}-\d{2}(?:-\d{2})?)\.csv",
    sides={"buy": "buy", "sell": "sell"},
    id_space="bybit trades",
    market="SPOT",
    exchange="BYBIT",
    caution="The ids begin at 1 every day.",
)

DIALECTS = (TRADING, SPOT)
