"""The dialects the lake knows, by name: one table, of declarations alone."""

from __future__ import annotations

from lake.sources.dialects import binance, crypto, finam, lean, sites, terminals
from lake.sources.dialects.declare import Dialect, Place

__all__ = ["DIALECTS", "Dialect", "Place"]

DIALECTS: dict[str, Dialect] = {
    dialect.name: dialect
    for dialect in (
        *binance.DIALECTS,
        *lean.DIALECTS,
        *finam.DIALECTS,
        *crypto.DIALECTS,
        *terminals.DIALECTS,
        *sites.DIALECTS,
    )
}
