"""The dialects the lake knows, by name: one table, of declarations alone."""

from __future__ import annotations

from lake.sources.dialects import (
    binance,
    binance_futures,
    bybit,
    crypto,
    equities,
    finam,
    fx,
    lean,
    okx,
    sites,
    terminals,
)
from lake.sources.dialects.declare import Dialect, Place

__all__ = ["DIALECTS", "Dialect", "Place"]

DIALECTS: dict[str, Dialect] = {
    dialect.name: dialect
    for dialect in (
        *binance.DIALECTS,
        *binance_futures.DIALECTS,
        *bybit.DIALECTS,
        *okx.DIALECTS,
        *equities.DIALECTS,
        *fx.DIALECTS,
        *lean.DIALECTS,
        *finam.DIALECTS,
        *crypto.DIALECTS,
        *terminals.DIALECTS,
        *sites.DIALECTS,
    )
}
