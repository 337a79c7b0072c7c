"""Messages of a feed, an object on each line, to rows of one or several channels: whole blocks at once.

Where a block has a bad message it is found by halves; a message is taken or rejected whole.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson
import pyarrow as pa

from lake.lookup import schema_of
from lake.sources import times
from lake.sources.arrays import array_of, texts
from lake.sources.careful import Bad, is_name, shown, text_of
from lake.sources.categories import dictionary_of
from lake.sources.cut_levels import CutLevels, Cutter
from lake.sources.dialects.message import RECEIVED
from lake.sources.feed_arrays import column_of, floats, joined
from lake.sources.flatten import no_constant, unique
from lake.sources.model import Batch, Portion, Reject
from schemas.arrow import arrow_schema

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from lake.sources.dialects.message import Feed, Message
    from lake.sources.text import TextBlock
    from schemas.columns import Column, Schema

_WORDS = {"buy": 0, "sell": 1, "bid": 0, "ask": 1}
MALFORMED = (ValueError, TypeError, AttributeError, LookupError, OverflowError, RecursionError, StopIteration)
OTHER = "other_message"


_decode = json.JSONDecoder(parse_float=str, parse_constant=no_constant, object_pairs_hook=unique).decode


@dataclass(frozen=True)
class FeedRecipe:
    """What a reader of messages works from."""

    feed: Feed
    symbol: str | None = None
    """The symbol of messages that tell none."""
    sole: bool = False
    """Whether messages of another symbol are bad; rows are then not parted."""


@dataclass(slots=True)
class _Group:
    """Messages of one kind whose names are the same, so that the same paths lead to their values."""

    message: Message | None
    roots: list[dict[str, Any]]
    bodies: list[dict[str, Any]]
    places: list[int]

    def values(self, paths: Sequence[str]) -> list[Any] | None:
        """Return what the first path that is there holds in each; none where none is there, None for the receipt."""
        for path in paths:
            if path == RECEIVED:
                return None
            holders, key = (self.roots, path[1:]) if path[0] == "/" else (self.bodies, path)
            if key in holders[0]:
                return [holder[key] for holder in holders]
        return []


@dataclass(slots=True)
class _Piece:
    """Rows of one channel: its columns, the code of each row's symbol, and which message it comes from."""

    columns: dict[str, Any]
    symbols: NDArray[np.int32]
    places: NDArray[np.int64]

    def at(self, rows: NDArray[np.int64], **columns: Any) -> _Piece:  # noqa: ANN401 -- numpy arrays
        """Return some rows, which may be the same one several times, with further columns."""
        mine = {name: values[rows] for name, values in self.columns.items()}
        return _Piece(mine | columns, self.symbols[rows], self.places[rows])


class FeedParser:
    """Parses blocks of one feed; has no state of its own, so any thread may use it."""

    def __init__(self, recipe: FeedRecipe) -> None:
        self.recipe = recipe
        self._feed = recipe.feed
        self._envelope = recipe.feed.envelope.split(".")
        self._assets = recipe.feed.assets
        self._schemas: list[Schema] = [schema_of(asset) for asset in self._assets]
        said = {path for message in self._feed.messages for path in message.when}
        self._of_root = [path[1:] for path in said if path.startswith("/")]
        self._of_body = [path for path in said if not path.startswith("/")]
        plain = [message for message in recipe.feed.messages if message.cells is None]
        levels = [path.lstrip("/") for message in plain for _, path in message.levels if "." not in path]
        self._cutter = Cutter(levels) if levels else None

    def parse(self, block: TextBlock) -> Batch:
        """Convert one block."""
        lines = block.data.split(b"\n")
        numbered = [(block.line + place, line) for place, line in enumerate(lines) if line and line != b"\r"]
        rejects: list[Reject] = []
        batch = self._without_levels(numbered) or self._good(numbered, rejects)
        if batch is None:
            kept = {reject.line for reject in rejects}
            batch = self._rows([each for each in numbered if each[0] not in kept])
            batch.rejects, batch.records = rejects, len(numbered)
        return batch

    def _without_levels(self, lines: list[tuple[int, bytes]]) -> Batch | None:
        """Convert messages whose levels are read apart from them; None when they are not as plain as most are."""
        cut = self._cutter.cut(b"\n".join([line for _, line in lines])) if self._cutter is not None else None
        if cut is None:
            return None
        slim, levels = cut
        try:
            return self._rows(lines, slim.split(b"\n"), levels)
        except (Bad, *MALFORMED):
            return None

    def _good(self, lines: list[tuple[int, bytes]], rejects: list[Reject]) -> Batch | None:
        """Convert all lines, or look for the bad ones by halves and return nothing."""
        try:
            return self._rows(lines)
        except Bad as bad:
            verdict = bad
        except MALFORMED as error:
            verdict = Bad("bad_value", f"it is no message of this format: {str(error)[:100] or type(error).__name__}")
        if len(lines) == 1:
            [(line, raw)] = lines
            rejects.append(Reject(verdict.reason, line, text_of(raw), verdict.detail))
            return None
        half = len(lines) // 2
        self._good(lines[:half], rejects)
        self._good(lines[half:], rejects)
        return None

    def body(self, root: dict[str, Any]) -> dict[str, Any]:
        """Return the object that holds a message's values."""
        body = root
        for name in self._envelope:
            inner = body.get(name)
            body = inner if type(inner) is dict else body
        return body

    def kind(self, root: dict[str, Any], body: dict[str, Any]) -> Message | None:
        """Return the kind of a message, None when it is of none."""
        return next((message for message in self._feed.messages if message.fits(root, body)), None)

    def objects(self, lines: Sequence[bytes]) -> tuple[list[dict[str, Any]], list[bytes]]:
        """Return the messages, and the times before them; Bad, or what the decoder raises, for one that is none."""
        stamps: list[bytes] = []
        if self._feed.received:
            pairs = [line.partition(b" ") for line in lines]
            stamps, lines = [pair[0] for pair in pairs], [pair[2] for pair in pairs]
        roots = []
        for line in lines:
            root = self._object(line)
            if type(root) is not dict:
                raise Bad("bad_value", "it is no JSON object")
            roots.append(root)
        return roots, stamps

    def _object(self, line: bytes) -> Any:  # noqa: ANN401 -- any JSON value
        """Return what a line holds; the fast decoder is believed where no name can stand in an object twice."""
        try:
            root = orjson.loads(line)
        except orjson.JSONDecodeError:
            return _decode(line.decode("utf-8", "surrogateescape"))
        if type(root) is dict:
            body = self.body(root)
            # Of n names written each has its colon: as many colons as names are left says that none was lost.
            if line.count(b":") == len(root) + (len(body) if body is not root else 0):
                return root
        return _decode(line.decode("utf-8", "surrogateescape"))

    def _rows(
        self, lines: list[tuple[int, bytes]], slim: list[bytes] | None = None, cut: CutLevels | None = None
    ) -> Batch:
        roots, stamps = self.objects([line for _, line in lines] if slim is None else slim)
        groups: dict[Any, _Group] = {}
        skipped: Counter[str] = Counter()
        of_root, of_body = self._of_root, self._of_body
        for place, root in enumerate(roots):
            body = self.body(root)
            shape = (*root, None, *body, None, *map(root.get, of_root), *map(body.get, of_body))
            group = groups.get(shape)
            if group is None:
                group = groups[shape] = _Group(self.kind(root, body), [], [], [])
            group.roots.append(root)
            group.bodies.append(body)
            group.places.append(place)
        received = self._received(stamps)
        names: dict[str, int] = {}
        pieces: list[list[_Piece]] = [[] for _ in self._assets]
        for group in groups.values():
            if group.message is None:
                raise Bad("bad_value", "it is of no kind that this format has")
            if group.message.asset:
                piece = self._piece(group.message, group, received, names, cut)
                pieces[self._assets.index(group.message.asset)].append(piece)
            else:
                skipped[OTHER] += len(group.places)
        portions = [
            self._portion(channel, made, lines, list(names))
            for channel, made in enumerate(pieces)
            if made or (not channel and not any(pieces))
        ]
        return Batch(portions, len(roots), [], dict(skipped))

    def _received(self, stamps: list[bytes]) -> NDArray[np.int64]:
        if not all(map(bytes.isdigit, stamps)) or max(map(len, stamps), default=0) > 19:
            raise Bad("bad_timestamp", "no time of receipt stands before the message")
        return _clock(np.array(list(map(int, stamps)), dtype=np.int64), "ns")

    def _piece(
        self,
        message: Message,
        group: _Group,
        received: NDArray[np.int64],
        names: dict[str, int],
        cut: CutLevels | None,
    ) -> _Piece:
        schema = self._schemas[self._assets.index(message.asset)]
        places = np.array(group.places, dtype=np.int64)
        columns: dict[str, Any] = {}
        said: list[Any] = [self.recipe.symbol] * len(places)
        for target, paths in message.fields.items():
            values = group.values(paths)
            if values is None:
                columns[target] = received[places]
            elif not values:
                continue
            elif target == "symbol":
                said = values
            else:
                columns[target] = self._column(target, values, schema.column(target))
        piece = _Piece(columns, self._symbols(said, names), places)
        if not message.levels:
            return piece
        sides = [_levels(group, path, message.cells, cut) for _, path in message.levels]
        codes = np.repeat([_WORDS[side] for side, _ in message.levels], [len(rows) for rows, _, _ in sides])
        rows = np.concatenate([rows for rows, _, _ in sides])
        order = np.argsort(rows, kind="stable")
        return piece.at(
            rows[order],
            side=codes[order].astype(np.int32),
            price=np.concatenate([prices for _, prices, _ in sides])[order],
            size=np.concatenate([sizes for _, _, sizes in sides])[order],
            is_snapshot=np.full(len(rows), message.snapshot),
        )

    def _symbols(self, values: list[Any], names: dict[str, int]) -> NDArray[np.int32]:
        for value in set(values):
            if type(value) is not str:
                raise Bad("missing_value", "the message does not say its symbol")
            if not is_name(value):
                raise Bad("bad_value", f"symbol {shown(value)} names no series")
            if self.recipe.sole and value != self.recipe.symbol:
                raise Bad("bad_value", f"symbol {shown(value)} in a file of {self.recipe.symbol}")
            names.setdefault(value, len(names))
        return np.array([names[value] for value in values], dtype=np.int32)

    def _column(self, target: str, values: list[Any], column: Column) -> Any:  # noqa: ANN401 -- a numpy array
        kinds = set(map(type, values))
        if target == "side":
            words = list(map(_word, values))
            wrong = next((word for word in set(words) if word not in self._feed.sides), None)
            if wrong is not None:
                raise Bad("bad_value", f"side {shown(wrong)} is none of {', '.join(self._feed.sides)}")
            return np.array([_WORDS[self._feed.sides[word]] for word in words], dtype=np.int32)
        if column.type == "float64":
            return floats(target, values, kinds)
        if column.type == "text":
            if not kinds <= {int, str}:
                raise Bad("bad_value", f"{target} is neither a number nor a text")
            return np.array(list(map(str, values)), dtype=object)
        if column.type == "timestamp_ns":
            if kinds == {str} and all(text.isascii() and text.isdigit() and len(text) < 20 for text in values):
                values, kinds = list(map(int, values)), {int}
            if kinds != {int}:
                raise Bad("bad_timestamp", f"{target} is no whole number")
            return _clock(np.array(values, dtype=np.int64), self._feed.unit)
        if kinds != {int}:
            raise Bad("bad_number", f"{target} is no whole number")
        return np.array(values, dtype=np.int64)

    def _portion(self, channel: int, pieces: list[_Piece], lines: list[tuple[int, bytes]], names: list[str]) -> Portion:
        """Put the rows of all kinds of one channel together, in the order of the messages."""
        arrow = arrow_schema(self._schemas[channel], identity=False)
        words = dictionary_of(("buy", "sell") if self._assets[channel] == "ticks/trade" else ("bid", "ask"))
        places = joined([piece.places for piece in pieces], np.int64)
        order = np.argsort(places, kind="stable")
        arrays = []
        for field in arrow:
            parts = [piece.columns.get(field.name) for piece in pieces]
            arrays.append(column_of(parts, [len(piece.places) for piece in pieces], order, field.type, words))
        codes = joined([piece.symbols for piece in pieces], np.int32)[order]
        symbols = (
            None if self.recipe.sole else pa.DictionaryArray.from_arrays(array_of(codes, pa.int32()), texts(names))
        )
        places = places[order]

        def locate(row: int) -> tuple[int, str]:
            line, raw = lines[int(places[row])]
            return line, text_of(raw)

        return Portion(pa.RecordBatch.from_arrays(arrays, schema=arrow), locate, channel, symbols)


def _clock(values: NDArray[np.int64], unit: times.Unit) -> NDArray[np.int64]:
    if times.bad_epochs(values, unit) is not None:
        raise Bad("bad_timestamp", f"a time is not in {unit}, or outside the years 1800 to 2199")
    return values * times.UNIT_NS[unit]


def _levels(
    group: _Group, path: str, cells: tuple[str, str] | None, cut: CutLevels | None
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    """Return the message, the price and the size of each level of one side."""
    name, _, side = path.partition(".")
    arrays = group.values((name,)) or []
    if cut is not None and not side and (found := cut.of(arrays)) is not None:
        return found
    if side:
        if set(map(type, arrays)) - {list} or set(map(len, arrays)) - {2}:
            raise Bad("bad_value", f"{name.lstrip('/')} is no array of two sides")
        arrays = [sides[int(side)] for sides in arrays]
    price, size = cells or (0, 1)
    levels = list(chain.from_iterable(arrays))
    if set(map(type, arrays)) - {list} or set(map(type, levels)) - {dict if cells else list}:
        raise Bad("bad_value", f"{name.lstrip('/')} is no array of prices with sizes")
    if (
        any(price not in level or size not in level for level in levels)
        if cells
        else min(map(len, levels), default=2) < 2
    ):
        raise Bad("bad_value", f"{name.lstrip('/')} is no array of prices with sizes")
    rows = np.repeat(np.arange(len(arrays)), list(map(len, arrays)))
    prices, sizes = [level[price] for level in levels], [level[size] for level in levels]
    return rows, floats("price", prices, set(map(type, prices))), floats("size", sizes, set(map(type, sizes)))


def _word(value: Any) -> str:  # noqa: ANN401 -- any JSON value
    return {True: "true", False: "false"}[value] if type(value) is bool else str(value)
