"""How the messages of a book follow each other: one table of rules, chosen by the ids that a message carries."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

NONE = -(2**63)
"""No id, where ids are plain integers."""


@dataclass(slots=True)
class Message:
    """One message: rows that came together, either changes of levels or a snapshot of all of them."""

    row: int
    """Its first row, counted from the beginning of its file."""
    end: int
    """The row behind its last."""
    ts: int
    ts_event: int
    ts_recv: int
    seq: int
    snapshot: bool
    first: int
    last: int
    previous: int
    bids: list[bool]
    """For each row whether it is a bid."""
    prices: list[float]
    sizes: list[float]


@dataclass(frozen=True, slots=True)
class Chain:
    """A rule of sequence; ids are those of the book, that is of the last message applied, and of the next message."""

    name: str
    needs: tuple[str, ...]
    """Which ids a message must carry for the rule to hold; see `Message`."""
    follows: Callable[[int, Message], bool]
    """Whether a change comes directly behind another one."""
    joins: Callable[[int, Message], bool]
    """Whether a change is the first one behind a snapshot."""
    is_old: Callable[[int, Message], bool]
    """Whether a snapshot has the change already."""
    aside: bool
    """Whether snapshots are asked for beside the stream, so that they may come later than changes newer than they."""
    exchanges: tuple[str, ...] = ()
    """Where it holds, and no other does; everywhere else unless named."""


CHAINS = (
    # Binance USDⓈ-M, "how to manage a local order book correctly": "each new event's pu should be equal to the previous
    # event's u"; "the first processed event should have U <= lastUpdateId AND u >= lastUpdateId"; "drop any event where
    # u is < lastUpdateId".
    Chain(
        "previous",
        ("previous", "last"),
        follows=lambda known, m: m.previous == known,
        joins=lambda known, m: m.previous == known or (m.first <= known <= m.last),
        is_old=lambda known, m: m.last < known,
        aside=True,
    ),
    # Binance spot: "each new event's U should be equal to the previous event's u+1"; "drop any event where u is <=
    # lastUpdateId"; the first one has "U <= lastUpdateId+1 AND u >= lastUpdateId+1".
    Chain(
        "range",
        ("first", "last"),
        follows=lambda known, m: m.first == known + 1,
        joins=lambda known, m: m.first <= known + 1 <= m.last,
        is_old=lambda known, m: m.last <= known,
        aside=True,
    ),
    # Bybit: "u: Update ID"; it goes up by one with each message, and snapshots come in the stream itself.
    Chain(
        "step",
        ("last",),
        follows=lambda known, m: m.last == known + 1,
        joins=lambda known, m: m.last == known + 1,
        is_old=lambda known, m: False,  # noqa: ARG005 - no snapshot is ever ahead of its own stream
        aside=False,
        exchanges=("BYBIT",),
    ),
)
"""The first that fits a message is its rule."""


_OWN = {exchange: tuple(c for c in CHAINS if exchange in c.exchanges) for c in CHAINS for exchange in c.exchanges}
_COMMON = tuple(chain for chain in CHAINS if not chain.exchanges)


def chains_of(exchange: str) -> tuple[Chain, ...]:
    """Return the rules that may hold at an exchange."""
    return _OWN.get(exchange, _COMMON)


def chain_of(message: Message, exchange: str) -> Chain | None:
    """Return the rule of a message; None where its ids tell nothing of what came before."""
    for chain in chains_of(exchange):
        if all(getattr(message, name) != NONE for name in chain.needs):
            return chain
    return None
