"""The dialects the lake knows, by name: one table, of declarations alone."""

from __future__ import annotations

from lake.sources.dialects import binance, books, crypto, databento, dukascopy, finam, lean, tardis, terminals
from lake.sources.dialects.declare import Dialect, Levels, Place

__all__ = ["DIALECTS", "Dialect", "Levels", "Place"]

DIALECTS: dict[str, Dialect] = {
    dialect.name: dialect
    for dialect in (
        *binance.DIALECTS,
        *lean.DIALECTS,
        *finam.DIALECTS,
        *crypto.DIALECTS,
        *terminals.DIALECTS,
        *books.DIALECTS,
        *databento.DIALECTS,
        *dukascopy.DIALECTS,
        *tardis.DIALECTS,
    )
}
