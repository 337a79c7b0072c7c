"""The dialects the lake knows, by name: one table, of declarations alone.

`known()` is the table that everything looks into: the built-in DIALECTS, what installed packages offer, and what was
registered. `left_out()` says what was not taken, and why; `origin_of(name)` where a dialect comes from.
"""

from __future__ import annotations

from lake.sources.dialects import (
    binance,
    binance_futures,
    books,
    bybit,
    crypto,
    databento,
    dukascopy,
    equities,
    feeds,
    finam,
    freqtrade,
    fx,
    lean,
    okx,
    sites,
    tardis,
    terminals,
)
from lake.sources.dialects.declare import Dialect, Levels, Place
from lake.sources.dialects.table import Table

__all__ = ["DIALECTS", "Dialect", "Levels", "Place", "known", "left_out", "origin_of", "register"]

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
        *feeds.DIALECTS,
        *freqtrade.DIALECTS,
        *terminals.DIALECTS,
        *books.DIALECTS,
        *databento.DIALECTS,
        *dukascopy.DIALECTS,
        *tardis.DIALECTS,
        *sites.DIALECTS,
    )
}

_TABLE = Table(DIALECTS)
known, left_out, origin_of, register = _TABLE.known, _TABLE.left_out, _TABLE.origin_of, _TABLE.register
