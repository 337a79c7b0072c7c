"""A book at one time: bids and asks, the best first, and whether they can be trusted."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from lake.book.chains import NONE
from lake.book.state import SUSPECT, VALID, Condition

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from lake.book.state import Book
    from schemas.keys import Address

_SHOWN = 10


@dataclass(frozen=True, slots=True, eq=False)
class Side:
    """The levels of one side, the best first."""

    price: NDArray[np.float64]
    size: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.price)

    @property
    def best(self) -> float | None:
        """The best price; None on an empty side."""
        return float(self.price[0]) if len(self.price) else None

    def pairs(self) -> list[tuple[float, float]]:
        """Return the levels as pairs of price and size."""
        return list(zip(self.price.tolist(), self.size.tolist(), strict=True))


@dataclass(frozen=True, slots=True, eq=False)
class Ladder:
    """A book as it was when every message up to a time, that time included, had come."""

    address: Address
    ts_ns: int
    """The time that was asked for, in nanoseconds since the epoch, UTC."""
    last_ns: int | None
    """When the last message before it was of; None before the first one."""
    bids: Side
    asks: Side
    state: str
    """`valid`, `suspect`, or `before_first_snapshot`: what is there then is only what changes told."""
    reason: str
    """Why a book is suspect; else empty."""
    since_ns: int | None
    """Since when a book is suspect; else None."""

    @classmethod
    def of(cls, address: Address, ts_ns: int, book: Book, levels: int | None = None) -> Ladder:
        """Take what a book is now."""
        sides = []
        for side in (book.bids, book.asks):
            top = side.top(levels)
            prices, sizes = zip(*top, strict=True) if top else ((), ())
            sides.append(Side(np.array(prices, np.float64), np.array(sizes, np.float64)))
        return cls.made(address, ts_ns, book.ts, sides, book.condition)

    @classmethod
    def made(cls, address: Address, ts_ns: int, last_ns: int, sides: list[Side], condition: Condition) -> Ladder:
        """Put a ladder together."""
        bids, asks = sides
        last = None if last_ns == NONE else last_ns
        since_ns = condition.since_ns if condition.state == SUSPECT else None
        return cls(address, ts_ns, last, bids, asks, condition.state, condition.reason, since_ns)

    @property
    def is_valid(self) -> bool:
        """Whether the book is known to be whole."""
        return self.state == VALID

    @property
    def best_bid(self) -> float | None:
        """The highest bid; None where there is none."""
        return self.bids.best

    @property
    def best_ask(self) -> float | None:
        """The lowest ask; None where there is none."""
        return self.asks.best

    @property
    def mid(self) -> float | None:
        """The middle of the best bid and ask; None where one is missing."""
        bid, ask = self.best_bid, self.best_ask
        return None if bid is None or ask is None else (bid + ask) / 2

    @property
    def spread(self) -> float | None:
        """How far the best ask is above the best bid, below 0 in a crossed book; None where one is missing."""
        bid, ask = self.best_bid, self.best_ask
        return None if bid is None or ask is None else ask - bid

    @property
    def crossed(self) -> bool:
        """Whether the best bid is above the best ask."""
        bid, ask = self.best_bid, self.best_ask
        return bid is not None and ask is not None and bid > ask

    def to_arrow(self) -> pa.Table:
        """Return a row a level: level from 1, bid_size, bid, ask, ask_size; null where a side has fewer levels."""
        rows = max(len(self.bids), len(self.asks))

        def padded(values: NDArray[np.float64]) -> pa.Array:
            return pa.array([*values.tolist(), *[None] * (rows - len(values))], pa.float64())

        return pa.table(
            {
                "level": pa.array(range(1, rows + 1), pa.int64()),
                "bid_size": padded(self.bids.size),
                "bid": padded(self.bids.price),
                "ask": padded(self.asks.price),
                "ask_size": padded(self.asks.size),
            }
        )

    def to_pandas(self) -> pd.DataFrame:
        """Return a row a level, by level: bid_size, bid, ask, ask_size; NaN where a side has fewer levels."""
        frame: pd.DataFrame = self.to_arrow().to_pandas()
        return frame.set_index("level")

    def to_dict(self) -> dict[str, Any]:
        """Return the ladder as plain values, times as nanoseconds."""
        return {
            "address": str(self.address),
            "ts_ns": self.ts_ns,
            "last_ns": self.last_ns,
            "state": self.state,
            "reason": self.reason,
            "since_ns": self.since_ns,
            "best_bid": self.best_bid,
            "best_ask": self.best_ask,
            "mid": self.mid,
            "spread": self.spread,
            "crossed": self.crossed,
            "bids": self.bids.pairs(),
            "asks": self.asks.pairs(),
        }

    def __repr__(self) -> str:
        return f"<{self._caption()}>"

    def _repr_html_(self) -> str:
        rows = []
        for pair in self.to_arrow().slice(0, _SHOWN).to_pylist():
            cells = "".join(f"<td>{'' if value is None else value}</td>" for value in pair.values())
            rows.append(f"<tr>{cells}</tr>")
        left = max(len(self.bids), len(self.asks)) - _SHOWN
        if left > 0:
            rows.append(f'<tr><td colspan="5">… {left} more</td></tr>')
        head = "".join(f"<th>{name}</th>" for name in ("level", "bid_size", "bid", "ask", "ask_size"))
        caption = escape(self._caption())
        return (
            f"<table><caption>{caption}</caption><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>"
        )

    def _caption(self) -> str:
        at = np.datetime64(self.ts_ns, "ns")
        words = [f"{self.address} at {at}Z: bid {_shown(self.best_bid)}, ask {_shown(self.best_ask)}"]
        words.append(f"{len(self.bids)} and {len(self.asks)} levels")
        words.append(self.state + (f" ({self.reason})" if self.reason else ""))
        return ", ".join([*words, *["crossed"] * self.crossed])


def _shown(price: float | None) -> str:
    return "-" if price is None else f"{price:.15g}"
