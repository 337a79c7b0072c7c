"""A book while messages come: its levels, whether they can be trusted, and why not."""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from lake.book.chains import NONE, Chain, Message, chain_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

VALID, SUSPECT, BEFORE = "valid", "suspect", "before_first_snapshot"
GAP, BACKWARDS, NOT_JOINED, NO_ROWS, TOO_OLD = (
    "messages_missing",
    "ids_went_back",
    "snapshot_not_joined",
    "day_without_rows",
    "snapshot_too_old",
)
REASONS = (GAP, BACKWARDS, NOT_JOINED, NO_ROWS, TOO_OLD)
"""Why a book is suspect."""
APPLIED, CLEARED, SKIPPED, RESYNCED = range(4)
"""What became of a message: applied; a snapshot that cleared the book first; passed over, as the book had it already; a
snapshot under changes that are newer than it."""
DAY_NS = 86_400 * 10**9
_HELD = 64
"""Messages that are kept while a book is no good, for a snapshot that comes later than they."""


class Levels:
    """One side: sizes by price, and the prices in order, the best one last."""

    __slots__ = ("_keys", "_sign", "sizes")

    def __init__(self, sign: int, levels: Iterable[tuple[float, float]] = ()) -> None:
        """Take levels of sizes above 0; `sign` is 1 for bids, -1 for asks."""
        self._sign = sign
        self.sizes: dict[float, float] = dict(levels)
        self._keys = sorted(sign * price for price in self.sizes)

    def __len__(self) -> int:
        return len(self.sizes)

    def set(self, price: float, size: float) -> None:
        """Set the size of a level; 0 takes it away."""
        if size:
            if price not in self.sizes:
                key = self._sign * price
                self._keys.insert(bisect_left(self._keys, key), key)
            self.sizes[price] = size
        elif self.sizes.pop(price, None) is not None:
            del self._keys[bisect_left(self._keys, self._sign * price)]

    @property
    def best(self) -> float | None:
        """The best price."""
        return self._sign * self._keys[-1] if self._keys else None

    def top(self, count: int | None = None) -> list[tuple[float, float]]:
        """Return price and size of the best levels, the best one first; of all unless a number is given."""
        keys = self._keys[:] if count is None else self._keys[-count:] if count else []
        prices = [self._sign * key for key in reversed(keys)]
        return [(price, self.sizes[price]) for price in prices]

    def arrays(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return prices and sizes of all levels, the worst one first."""
        prices = [self._sign * key for key in self._keys]
        return np.array(prices, np.float64), np.array([self.sizes[price] for price in prices], np.float64)


@dataclass(slots=True)
class Condition:
    """Whether a book can be trusted, since when, and why not."""

    state: str = BEFORE
    reason: str = ""
    since_ns: int = NONE


@dataclass(slots=True)
class Counts:
    """What became of the messages of a replay."""

    rows: int = 0
    messages: int = 0
    snapshots: int = 0
    old: int = 0
    """Changes that the snapshot before them had already."""
    late_snapshots: int = 0
    """Snapshots that were older than the book, which was sound: they were passed over."""
    breaks: int = 0
    """Changes that do not follow what came before, by their ids."""
    unchecked: int = 0
    """Changes whose ids tell nothing of what came before."""


@dataclass(slots=True)
class Book:
    """Both sides of a book, fed message by message."""

    exchange: str
    bids: Levels = field(default_factory=lambda: Levels(1))
    asks: Levels = field(default_factory=lambda: Levels(-1))
    last: int = NONE
    """The id of the last message applied."""
    joined: bool = False
    """Whether a change was applied since the last snapshot."""
    seq: int = NONE
    """The venue's number of the last message that had one."""
    ts: int = NONE
    """When the last message was of."""
    condition: Condition = field(default_factory=Condition)
    aside: bool = False
    """Whether snapshots come beside the changes that were last applied."""
    fault: str = ""
    """What was wrong with the last message that did not follow."""
    held: deque[Message] = field(default_factory=lambda: deque(maxlen=_HELD))
    """Changes that a snapshot to come may be older than."""
    counts: Counts = field(default_factory=Counts)

    @property
    def crossed(self) -> bool:
        """Whether the best bid is above the best ask."""
        bid, ask = self.bids.best, self.asks.best
        return bid is not None and ask is not None and bid > ask

    def feed(self, message: Message) -> int:
        """Take the next message; return what became of it: APPLIED, CLEARED, SKIPPED or RESYNCED."""
        counts = self.counts
        counts.messages += 1
        counts.rows += message.end - message.row
        self.miss(message.ts)
        self.ts = message.ts
        seq = self.seq
        if message.seq != NONE or message.snapshot:
            self.seq = message.seq
        if message.snapshot:
            counts.snapshots += 1
            return self._load(message)
        chain = chain_of(message, self.exchange)
        if chain is None:
            counts.unchecked += 1
            self.last, self.joined = NONE, True
            if self.seq < seq:  # numbers may leave some out, as one count may be of many books, but go up
                self._break(BACKWARDS, message.ts)
        elif self.last != NONE and not self.joined and chain.is_old(self.last, message):
            counts.old += 1
            return SKIPPED
        else:
            self._link(chain, message)
        self._apply(message)
        return APPLIED

    def miss(self, next_ns: int | None) -> None:
        """Mark the book as suspect where a whole day has no row, and no ids tell that nothing is lost.

        Args:
            next_ns: When the next message is of; None when there is none.
        """
        if self.last == NONE and self.ts != NONE:
            day = self.ts // DAY_NS + 1
            if next_ns is None or next_ns // DAY_NS > day:
                self.doubt(NO_ROWS, day * DAY_NS)

    def doubt(self, reason: str, since_ns: int) -> None:
        """Mark the book as suspect, unless it is no good already."""
        self.held.clear()
        if self.condition.state == VALID:
            self.condition = Condition(SUSPECT, reason, since_ns)

    def _break(self, reason: str, since_ns: int) -> None:
        """Count a message that does not follow, whatever the book is like."""
        self.counts.breaks += 1
        self.fault = reason
        self.doubt(reason, since_ns)

    def _link(self, chain: Chain, message: Message) -> None:
        known = self.last
        if known != NONE:
            fits = chain.follows(known, message) if self.joined else chain.joins(known, message)
            if not fits:
                back = self.joined and message.last <= known
                self._break(BACKWARDS if back else GAP if self.joined else NOT_JOINED, message.ts)
        self.last, self.joined, self.aside = message.last, True, chain.aside
        if chain.aside and self.condition.state != VALID:
            self.held.append(message)

    def _apply(self, change: Message) -> None:
        set_bid, set_ask = self.bids.set, self.asks.set
        for is_bid, price, size in zip(change.bids, change.prices, change.sizes, strict=True):
            (set_bid if is_bid else set_ask)(price, size)

    def _load(self, message: Message) -> int:
        """Take a snapshot: it clears the book, unless the book is newer than it."""
        known, taken, newer = self.last, message.last, list[Message]()
        if self.aside and self.joined and NONE not in {known, taken} and taken < known:
            if self.condition.state == VALID:
                self.counts.late_snapshots += 1
                return SKIPPED
            newer = [change for change in self.held if change.last > taken]
        self._clear(message)
        self.held.clear()
        if not newer:
            return CLEARED
        chain = chain_of(newer[0], self.exchange)
        for change in newer:
            self._apply(change)
        self.last, self.joined = known, True
        if chain is None or not chain.joins(taken, newer[0]):
            self.condition = Condition(SUSPECT, TOO_OLD, message.ts)
        return RESYNCED

    def _clear(self, message: Message) -> None:
        sides: tuple[dict[float, float], dict[float, float]] = ({}, {})
        for is_bid, price, size in zip(message.bids, message.prices, message.sizes, strict=True):
            side = sides[0 if is_bid else 1]
            side.pop(price, None)
            if size:
                side[price] = size
        self.bids, self.asks = Levels(1, sides[0].items()), Levels(-1, sides[1].items())
        self.last, self.joined = message.last, False
        if self.condition.state != VALID:
            self.condition = Condition(VALID, "", message.ts)
