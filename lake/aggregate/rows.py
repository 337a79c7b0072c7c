"""Stored rows as blocks for the kernel: bars, trades and quotes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np
import pyarrow.compute as pc

from lake import rows
from lake.aggregate.kernel import Block, Latest
from lake.aggregate.sums import Exact, Reader, both

if TYPE_CHECKING:
    import numpy.typing as npt
    import pyarrow as pa

    Floats = npt.NDArray[np.float64]
    Mask = npt.NDArray[np.bool_]

_DECIMALS = ("volume", "quote_volume", "taker_buy_volume", "taker_buy_quote_volume")


class Source(Protocol):
    """Turns tables of one series into blocks; keeps what it learnt of its columns."""

    @property
    def columns(self) -> tuple[str, ...]:
        """What it reads."""

    def block(self, table: pa.Table) -> Block:
        """Return the rows of a table, which must come in stored order."""


class Bars:
    """Bars of one series."""

    columns = ("ts", "open", "high", "low", "close", *_DECIMALS, "trades", "vwap", "open_interest", "spread")

    def __init__(self) -> None:
        """Know nothing of the columns yet."""
        self._readers = {name: Reader() for name in (*_DECIMALS, "vwap")}

    def block(self, table: pa.Table) -> Block:
        """Return the bars of a table."""
        sums = {name: self._exact(table, name) for name in _DECIMALS}
        weighted, weight = self._weighted(table, sums["volume"], sums["quote_volume"])
        trades, counted = _values(table, "trades")
        return Block(
            ts=rows.times(table),
            open=table.column("open").to_numpy(),
            high=table.column("high").to_numpy(),
            low=table.column("low").to_numpy(),
            close=table.column("close").to_numpy(),
            trades=None if trades is None else Exact(trades.astype(np.int64), 0, counted),
            weighted=weighted,
            weight=weight,
            open_interest=_latest(table, "open_interest"),
            spread=_latest(table, "spread"),
            **sums,
        )

    def _exact(self, table: pa.Table, name: str) -> Exact | None:
        values, present = _values(table, name)
        return None if values is None else self._readers[name].read(values, present)

    def _weighted(
        self, table: pa.Table, volume: Exact | None, quote: Exact | None
    ) -> tuple[Exact | None, Exact | None]:
        """Return vwap times volume, and that volume, of the rows that have no quote volume."""
        if volume is None or (quote is not None and quote.present is None):
            return None, None
        vwap = self._exact(table, "vwap")
        if vwap is None:
            return None, None
        needed = np.ones(len(volume), np.bool_) if quote is None or quote.present is None else ~quote.present
        chosen = both(both(needed, vwap.present), volume.present)
        if chosen is None or not chosen.any():
            return None, None
        weight = volume.only(chosen)
        return vwap.only(chosen).times(weight), weight


class Trades:
    """Single trades, each a bar of one price; trades of equal time stay in the order they are stored in."""

    columns = ("ts", "price", "size", "side")

    def __init__(self) -> None:
        """Know nothing of the columns yet."""
        self._price, self._size = Reader(), Reader()

    def block(self, table: pa.Table) -> Block:
        """Return the trades of a table; what the taker bought is absent where the side is."""
        prices = table.column("price").to_numpy()
        sizes, sized = _values(table, "size")
        size = None if sizes is None else self._size.read(sizes, sized)
        quote = None if size is None else self._price.read(prices).times(size)
        bought, known = _bought(table.column("side"))
        return Block(
            ts=rows.times(table) // 1000,
            open=prices,
            high=prices,
            low=prices,
            close=prices,
            volume=size,
            quote_volume=quote,
            trades=Exact(np.ones(len(prices), np.int64), 0),
            taker_buy_volume=_of_side(size, bought, known),
            taker_buy_quote_volume=_of_side(quote, bought, known),
        )


class Quotes:
    """One side of quotes, or their middle; a quote is no trade, so there are prices and nothing else."""

    def __init__(self, side: str) -> None:
        """Take `bid`, `ask` or `mid`."""
        self._side = side
        self.columns: tuple[str, ...] = ("ts", "bid", "ask") if side == "mid" else ("ts", side)
        self._bid, self._ask = Reader(), Reader()

    def block(self, table: pa.Table) -> Block:
        """Return the quotes of a table."""
        if self._side == "mid":
            prices = self._middle(table.column("bid").to_numpy(), table.column("ask").to_numpy())
        else:
            prices = table.column(self._side).to_numpy()
        return Block(ts=rows.times(table) // 1000, open=prices, high=prices, low=prices, close=prices)

    def _middle(self, bid: Floats, ask: Floats) -> Floats:
        """Return the doubles nearest to half the sums of the decimals."""
        a, b = self._bid.read(bid), self._ask.read(ask)
        scale = max(a.scale, b.scale)
        a, b = a.rescaled(scale), b.rescaled(scale)
        return Exact(a.numbers + b.numbers, scale).floats(2)


def _of_side(amounts: Exact | None, bought: Mask | None, known: Mask | None) -> Exact | None:
    if amounts is None or bought is None:
        return None
    return amounts.where(bought) if known is None else amounts.where(bought).only(known)


def _bought(side: pa.ChunkedArray) -> tuple[Mask | None, Mask | None]:
    """Return which trades' takers bought, and of which it is known; None where it is of none, or of all."""
    if side.null_count == len(side):
        return None, None
    known = None if not side.null_count else pc.is_valid(side).to_numpy()
    bought = pc.fill_null(pc.equal(side, "buy"), fill_value=False).to_numpy()
    return bought, known


def _values(table: pa.Table, name: str) -> tuple[Floats | None, Mask | None]:
    """Return a column's values, 0 where there is none, and where there is one; None, None for an empty column."""
    column = table.column(name)
    if column.null_count == len(column):
        return None, None
    if not column.null_count:
        return column.to_numpy(), None
    return pc.fill_null(column, 0).to_numpy(), pc.is_valid(column).to_numpy()


def _latest(table: pa.Table, name: str) -> Latest | None:
    values, present = _values(table, name)
    if values is None:
        return None
    return Latest(values, np.ones(len(values), np.bool_) if present is None else present)
