"""What can be declared about messages: which kinds a feed has, and where in each one the values stand."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

BookSide = Literal["bid", "ask"]

RECEIVED = "@"
"""The path of the time that stands before a message on its line."""


@dataclass(frozen=True, slots=True)
class Message:
    """One kind of message, and the rows it makes.

    A path is a name in the message, or with a leading `/` one in the object around it. A message is of this kind when
    every path of `when` holds one of its words, those of `has` are there, and those of `lacks` are not. Of the paths
    of a field the first that is there and not null counts. `levels` are arrays of [price, size, …], a row each; a path
    that ends in `.0` or `.1` is of one of two sides that stand in one array.
    """

    asset: Literal["ticks/trade", "ticks/quote", "orderbook/l2", ""]
    """Empty for messages that are known to be no data."""
    when: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    has: tuple[str, ...] = ()
    lacks: tuple[str, ...] = ()
    fields: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    levels: tuple[tuple[BookSide, str], ...] = ()
    cells: tuple[str, str] | None = None
    """The names of price and size, where levels are objects."""
    snapshot: bool = False
    """Whether the levels are a whole book, and not what changed in it."""

    def fits(self, root: Mapping[str, Any], body: Mapping[str, Any]) -> bool:
        """Return whether a message is of this kind."""
        if not all(_is_there(root, body, path) for path in self.has):
            return False
        if any(_is_there(root, body, path) for path in self.lacks):
            return False
        return all(found(root, body, path) in words for path, words in self.when.items())


@dataclass(frozen=True, slots=True)
class Feed:
    """The messages of one source: JSON objects, one a line."""

    messages: tuple[Message, ...]
    envelope: str = "data"
    """The name whose object holds the message, or several from the outside in, parted by points; one that is absent is
    passed over."""
    unit: Literal["ms", "us", "ns"] = "ms"
    """What the venue counts times in."""
    received: bool = False
    """Whether each line starts with the time in ns at which the message came, and a space."""
    sides: Mapping[str, str] = field(default_factory=dict)

    @property
    def assets(self) -> tuple[str, ...]:
        """The kinds of rows, in the order in which the messages are declared."""
        return tuple(dict.fromkeys(message.asset for message in self.messages if message.asset))


def found(root: Mapping[str, Any], body: Mapping[str, Any], path: str) -> Any:  # noqa: ANN401 -- any JSON value
    """Return what a path holds, None where nothing is."""
    return root.get(path[1:]) if path.startswith("/") else body.get(path)


def _is_there(root: Mapping[str, Any], body: Mapping[str, Any], path: str) -> bool:
    return path[1:] in root if path.startswith("/") else path in body
