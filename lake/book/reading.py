"""Reading a book: at one time, from the nearest checkpoint; or message by message from one on."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from lake.book import shelf
from lake.book.chains import NONE, Message, chain_of
from lake.book.index import Index, IndexDamagedError
from lake.book.indexing import Indexes
from lake.book.ladder import Ladder, Side
from lake.book.messages import COLUMNS, integers, is_bid, messages
from lake.book.shelf import Recent
from lake.book.state import DAY_NS, NO_ROWS, SUSPECT, VALID, Book, Condition
from lake.errors import LakeError

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pyarrow as pa
    from numpy.typing import NDArray

    from lake.book.indexing import Progress
    from lake.config import Config
    from lake.read import Scan
    from schemas.keys import Address

_Levels: TypeAlias = "tuple[NDArray[np.float64], NDArray[np.float64]]"
"""Prices and sizes."""
_TAPE = ("ts", "side", "price", "size")
_TAPES_BYTES = 64_000_000
_BASES_BYTES = 32_000_000


@dataclass(frozen=True, slots=True)
class _Tape:
    """What is applied of the rows of one row group."""

    ts: NDArray[np.int64]
    bids: NDArray[np.bool_]
    prices: NDArray[np.float64]
    sizes: NDArray[np.float64]

    @property
    def bytes(self) -> int:
        return self.ts.nbytes + self.bids.nbytes + self.prices.nbytes + self.sizes.nbytes


_tapes: Recent[_Tape] = Recent(_TAPES_BYTES, lambda tape: tape.bytes)
"""By the hash of the file and the number of the row group: what has one hash has one content, in whichever lake."""
_bases: Recent[tuple[_Levels, _Levels]] = Recent(
    _BASES_BYTES, lambda base: sum(v.nbytes for side in base for v in side)
)
"""Checkpoints, by the index and their number in it."""


def forget() -> None:
    """Let go of what this process holds of books: rows, checkpoints and open indexes, about 100 MB at most."""
    _tapes.clear()
    _bases.clear()
    shelf.forget()


@dataclass(frozen=True, slots=True)
class Replayed:
    """A message, and the book right after it: the same object every time, so take what is wanted of it at once."""

    message: Message
    book: Book
    address: Address

    @property
    def ts_ns(self) -> int:
        """When the message was of."""
        return self.message.ts

    @property
    def changes(self) -> list[tuple[str, float, float]]:
        """Side, price and size of each row of the message; a size of 0 deletes."""
        rows = zip(self.message.bids, self.message.prices, self.message.sizes, strict=True)
        return [("bid" if bid else "ask", price, size) for bid, price, size in rows]

    def ladder(self, levels: int | None = None) -> Ladder:
        """Return the book as it is now, to be kept."""
        return Ladder.of(self.address, self.message.ts, self.book, levels)


class Reader:
    """One book at one snapshot of the lake, from its first row to its last."""

    def __init__(self, config: Config, scan: Scan, progress: Progress | None = None) -> None:
        """Take the planned read of a whole series; LakeError USAGE for what is no book of levels."""
        [self.address] = scan.addresses
        if self.address.key != "orderbook/l2":
            raise LakeError(
                "USAGE",
                f"{self.address} is no book of levels",
                why="A ladder is rebuilt from changes of levels; of single orders it is not.",
                fix=["an address that ends in orderbook/l2", "dl list"],
            )
        self.scan = scan
        self.plan = self.scan.plan
        self._firsts = [file.first_ns for file in self.plan]
        self._indexes = Indexes(self.scan, config.data, progress)

    def at(self, ts_ns: int, levels: int | None = 20) -> Ladder:
        """Return the best levels once every message up to a time had come; all of them when levels is None."""
        if levels is not None and levels < 1:
            raise LakeError(
                "USAGE", f"there are no {levels} levels", why="A ladder has one at least.", fix=["levels=20"]
            )
        number = bisect_right(self._firsts, ts_ns) - 1
        if number < 0:
            return Ladder.of(self.address, ts_ns, Book(self.address.exchange))
        try:
            return self._at(number, ts_ns, levels)
        except IndexDamagedError:
            self._indexes.drop(number)
            return self._at(number, ts_ns, levels)

    def _at(self, number: int, ts_ns: int, levels: int | None) -> Ladder:
        index = self._indexes.of(number)
        marks = index.marks
        group = int(np.searchsorted(marks.groups[:, 1], ts_ns, side="right")) - 1
        tape = self._tape(number, group)
        begin = int(marks.groups[group, 0])
        end = begin + int(np.searchsorted(tape.ts, ts_ns, side="right"))
        last_ns = int(tape.ts[end - begin - 1])
        start, base = self._base(index, end)
        parts = []
        while group >= 0 and end > start:
            part, begin = self._tape(number, group), int(marks.groups[group, 0])
            low, high = max(0, start - begin), min(len(part.ts), end - begin)
            keep = _kept(marks.skips, begin + low, begin + high)
            parts.append([values[low:high][keep] for values in (part.bids, part.prices, part.sizes)])
            if begin <= start:
                break
            group -= 1
        bids, prices, sizes = (np.concatenate(c) for c in zip(*reversed(parts), strict=True)) if parts else _NOTHING
        sides = [
            _net(base[0], prices[bids], sizes[bids], levels, best_last=True),
            _net(base[1], prices[~bids], sizes[~bids], levels, best_last=False),
        ]
        condition = self._doubted(number, end, last_ns, ts_ns, marks.condition(end))
        return Ladder.made(self.address, ts_ns, last_ns, sides, condition)

    @staticmethod
    def _base(index: Index, end: int) -> tuple[int, tuple[_Levels, _Levels]]:
        """Return from which row on changes are to be applied, and to which levels."""
        marks = index.marks
        at = int(np.searchsorted(marks.rows, end, side="right")) - 1
        start = int(marks.rows[at])
        cleared = int(np.searchsorted(marks.clears, end, side="left")) - 1
        if cleared >= 0 and marks.clears[cleared] >= start:
            return int(marks.clears[cleared]), ((_EMPTY, _EMPTY), (_EMPTY, _EMPTY))
        key = (index.key, str(at))
        base = _bases.find(key)
        if base is None:
            base = index.levels(at)
            _bases.keep(key, base)
        return start, base

    def _doubted(self, number: int, end: int, last_ns: int, ts_ns: int, condition: Condition) -> Condition:
        """Return the condition, for a time behind a day's end also by what comes next."""
        if condition.state != VALID or ts_ns // DAY_NS == last_ns // DAY_NS:
            return condition
        following = self._next_ns(number, end)
        if following is not None and following // DAY_NS <= last_ns // DAY_NS + 1:
            return condition
        message = next(messages([self._row(number, end - 1)]))
        if (message.last if message.snapshot else chain_of(message, self.address.exchange)) not in {NONE, None}:
            return condition
        return Condition(SUSPECT, NO_ROWS, (last_ns // DAY_NS + 1) * DAY_NS)

    def _next_ns(self, number: int, end: int) -> int | None:
        """Return when the row behind `end` of a file is of; None when there is none."""
        if end < self.plan[number].rows:
            return int(integers(self._row(number, end), "ts")[0])
        return self._firsts[number + 1] if number + 1 < len(self.plan) else None

    def _row(self, number: int, row: int) -> pa.Table:
        groups = self._indexes.of(number).marks.groups
        group = int(np.searchsorted(groups[:, 0], row, side="right")) - 1
        return next(self.scan.pieces(self.plan[number], COLUMNS, skip=group)).slice(row - int(groups[group, 0]), 1)

    def _tape(self, number: int, group: int) -> _Tape:
        file = self.plan[number]
        key = (file.sha256, str(group))
        tape = _tapes.find(key)
        if tape is None:
            table = next(self.scan.pieces(file, _TAPE, skip=group))
            prices, sizes = (table.column(name).to_numpy() for name in ("price", "size"))
            tape = _Tape(integers(table, "ts"), is_bid(table), prices, sizes)
            _tapes.keep(key, tape)
        return tape

    def replay(self, start_ns: int | None = None, end_ns: int | None = None) -> Iterator[Replayed]:
        """Yield each message of [start, end), with the book right after it."""
        book, stream = self.resume(start_ns)
        for message in stream:
            if end_ns is not None and message.ts >= end_ns:
                return
            book.feed(message)
            if start_ns is None or message.ts >= start_ns:
                yield Replayed(message, book, self.address)

    def resume(self, start_ns: int | None) -> tuple[Book, Iterator[Message]]:
        """Return a book as it was at some time not after `start_ns`, and the messages from there on."""
        number = -1 if start_ns is None else bisect_right(self._firsts, start_ns - 1) - 1
        if start_ns is None or number < 0:
            return Book(self.address.exchange), self._messages(0)
        try:
            return self._resume(number, start_ns)
        except IndexDamagedError:
            self._indexes.drop(number)
            return self._resume(number, start_ns)

    def _resume(self, number: int, start_ns: int) -> tuple[Book, Iterator[Message]]:
        index = self._indexes.of(number)
        groups = index.marks.groups
        group = int(np.searchsorted(groups[:, 1], start_ns, side="left")) - 1
        tape = self._tape(number, group)
        row = int(groups[group, 0]) + int(np.searchsorted(tape.ts, start_ns, side="left"))
        at = int(np.searchsorted(index.marks.rows, row, side="right")) - 1
        return index.book(at, self.address.exchange), self._messages(number, int(index.marks.rows[at]), groups)

    def _messages(self, number: int, row: int = 0, groups: NDArray[np.int64] | None = None) -> Iterator[Message]:
        """Yield the messages from a row of a file on, to the end of all files."""
        self.scan.require()
        for place in range(number, len(self.plan)):
            skip = 0
            if row and groups is not None:
                skip = int(np.searchsorted(groups[:, 0], row, side="right")) - 1
            yield from messages(self._tables(place, row, skip, 0 if groups is None else int(groups[skip, 0])), row)
            row, groups = 0, None

    def _tables(self, number: int, row: int, skip: int, begin: int) -> Iterator[pa.Table]:
        """Yield the rows of a file from a row on, which lies in the row group that begins with row `begin`."""
        for table in self.scan.pieces(self.plan[number], COLUMNS, skip=skip):
            yield table.slice(row - begin) if begin < row else table
            begin = row


_EMPTY = np.empty(0, np.float64)
_NOTHING = (np.empty(0, bool), _EMPTY, _EMPTY)


def _kept(skips: NDArray[np.int64], begin: int, end: int) -> NDArray[np.bool_]:
    """Return which rows of [begin, end) are applied."""
    keep = np.ones(max(0, end - begin), bool)
    for low, high in skips[np.searchsorted(skips[:, 1], begin, side="right") :].tolist():
        if low >= end:
            break
        keep[max(0, low - begin) : high - begin] = False
    return keep


def _net(
    levels: _Levels,
    prices: NDArray[np.float64],
    sizes: NDArray[np.float64],
    count: int | None,
    *,
    best_last: bool,
) -> Side:
    """Return one side after changes: of each price the last size, without those of 0."""
    keys = np.concatenate([levels[0], prices])
    order = np.argsort(keys, kind="stable")
    keys, values = keys[order], np.concatenate([levels[1], sizes])[order]
    there = values != 0
    there[:-1] &= keys[1:] != keys[:-1]
    keys, values = keys[there], values[there]
    if best_last:
        keys, values = keys[::-1], values[::-1]
    return Side(keys[:count].copy(), values[:count].copy())
