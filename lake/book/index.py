"""What is kept of one stored file of a book so that any time in it is near: checkpoints, and what not to apply."""

from __future__ import annotations

import zlib
from array import array
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from lake.book.chains import NONE, Message
from lake.book.state import (
    BEFORE,
    CLEARED,
    REASONS,
    RESYNCED,
    SKIPPED,
    SUSPECT,
    VALID,
    Book,
    Condition,
    Levels,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    _Side = tuple[NDArray[np.float64], NDArray[np.float64]]
    """Prices and sizes."""

VERSION = 2
"""Of the rules and of the form; what another version wrote is not used."""
SPACING = 8192
"""Rows between two checkpoints at least; and twice as many as there are levels, so that an index stays smaller than the
rows."""
_STATES = (BEFORE, VALID, SUSPECT)
_WHY = ("", *REASONS)
_NUMBERS = ("head", "held", "clears", "skips", "marks", "groups", "rows")
_FLOATS = ("bid_price", "bid_size", "ask_price", "ask_size", "held_price", "held_size")
_SCHEMA = pa.schema(
    [pa.field("sum", pa.int64())]
    + [pa.field(name, pa.list_(pa.int64())) for name in _NUMBERS]
    + [pa.field(name, pa.list_(pa.float64())) for name in _FLOATS]
    + [pa.field("held_bids", pa.list_(pa.int8())), pa.field("depends", pa.list_(pa.string()))]
)


_opened = count()
"""Numbers of open indexes: another one of the same file may have been made of other files before it."""


class IndexDamagedError(Exception):
    """What is kept is not what was written; it is made anew."""


@dataclass(frozen=True, slots=True)
class Group:
    """A row group: its first row's number and time."""

    row: int
    ts: int


@dataclass(slots=True)
class Marks:
    """What happened in a file, by row."""

    rows: NDArray[np.int64]
    """How many rows were applied at each checkpoint; 0 is the first."""
    clears: NDArray[np.int64]
    """Rows at which a snapshot cleared the book."""
    skips: NDArray[np.int64]
    """Pairs of first row and end of what is not applied."""
    conditions: NDArray[np.int64]
    """Lines of: row from which it holds, state, reason, since."""
    groups: NDArray[np.int64]
    """Lines of: first row of a row group, its time."""
    depends: tuple[str, ...]
    """What the book at the file's beginning was made from; the first word tells whether that is all there was."""
    total: int
    """Rows of the file."""

    def condition(self, row: int) -> Condition:
        """Return the condition when `row` rows were applied."""
        at = int(np.searchsorted(self.conditions[:, 0], row, side="left")) - 1
        _, state, reason, since = self.conditions[max(at, 0)].tolist()
        return Condition(_STATES[state], _WHY[reason], since)


class Index:
    """An open index: marks in memory, checkpoints read one at a time."""

    def __init__(self, source: pa.NativeFile) -> None:
        """Open what `build` wrote; IndexDamagedError when it is not whole."""
        self.key = str(next(_opened))
        try:
            # What is read is small: another thread would have to be waited for, and wins nothing.
            self._file = pa.ipc.open_file(source, options=pa.ipc.IpcReadOptions(use_threads=False))
            batch = self._file.get_batch(self._file.num_record_batches - 1)
            values = _checked(batch)
        except (OSError, pa.ArrowException, IndexError, ValueError) as error:
            raise IndexDamagedError(str(error)) from error
        self.marks = Marks(
            values["rows"],
            values["clears"],
            values["skips"].reshape(-1, 2),
            values["marks"].reshape(-1, 4),
            values["groups"].reshape(-1, 2),
            tuple(batch.column("depends")[0].as_py()),
            int(values["head"][0]),
        )

    def levels(self, number: int) -> tuple[_Side, _Side]:
        """Return prices and sizes of bids and of asks at a checkpoint."""
        values = self._values(number)
        return (values["bid_price"], values["bid_size"]), (values["ask_price"], values["ask_size"])

    def book(self, number: int, exchange: str) -> Book:
        """Return the book as it was at a checkpoint, ready for the next message."""
        values = self._values(number)
        _, ts, seq, last, joined, aside, state, reason, since = values["head"].tolist()
        book = Book(exchange, ts=ts, seq=seq, last=last, joined=bool(joined), aside=bool(aside))
        book.condition = Condition(_STATES[state], _WHY[reason], since)
        for side, sign in (("bid", 1), ("ask", -1)):
            pairs = zip(values[f"{side}_price"].tolist(), values[f"{side}_size"].tolist(), strict=True)
            setattr(book, f"{side}s", Levels(sign, pairs))
        start = 0
        for row, end, held_ts, first, to, previous in values["held"].reshape(-1, 6).tolist():
            stop = start + end - row
            bids = [bool(v) for v in values["held_bids"][start:stop].tolist()]
            prices, sizes = (values[f"held_{name}"][start:stop].tolist() for name in ("price", "size"))
            book.held.append(
                Message(row, end, held_ts, NONE, NONE, NONE, False, first, to, previous, bids, prices, sizes)  # noqa: FBT003 - held ones are changes
            )
            start = stop
        return book

    def _values(self, number: int) -> dict[str, NDArray[Any]]:
        try:
            return _checked(self._file.get_batch(number))
        except (OSError, pa.ArrowException) as error:
            raise IndexDamagedError(str(error)) from error


def build(
    path: Path,
    book: Book,
    stream: Iterable[Message],
    *,
    groups: Sequence[Group],
    depends: Sequence[str],
) -> None:
    """Feed the messages of one file to a book, and write down what is met on the way.

    Args:
        path: Where; what is there is written over.
        book: The book at the file's beginning.
        stream: Its messages.
        groups: Its row groups.
        depends: What the book was made from.
    """
    marks = {name: array("q") for name in ("rows", "clears", "skips", "marks")}
    options = pa.ipc.IpcWriteOptions(compression="lz4")
    known: Condition | None = None
    row = since = 0

    def note(at: int) -> None:
        nonlocal known
        if book.condition is not known:
            known = book.condition
            marks["marks"].extend((at, _STATES.index(known.state), _WHY.index(known.reason), known.since_ns))

    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, _SCHEMA, options=options) as writer:

        def keep() -> None:
            nonlocal since
            marks["rows"].append(row)
            since = row
            writer.write_batch(_checkpoint(book, row))

        note(-1)
        keep()
        for message in stream:
            outcome = book.feed(message)
            row = message.end
            if outcome == CLEARED:
                marks["clears"].append(message.row)
            elif outcome == SKIPPED:
                marks["skips"].extend((message.row, message.end))
            note(message.row)
            if outcome == RESYNCED or row - since >= max(SPACING, 2 * (len(book.bids) + len(book.asks))):
                keep()
        if row != since:
            keep()
        pairs = [number for group in groups for number in (group.row, group.ts)]
        closing = {**marks, "groups": pairs, "head": [row], "depends": list(depends)}
        writer.write_batch(_batch(closing))


def _checkpoint(book: Book, row: int) -> pa.RecordBatch:
    condition = book.condition
    values: dict[str, list[Any] | NDArray[Any]] = {
        "head": [
            row,
            book.ts,
            book.seq,
            book.last,
            int(book.joined),
            int(book.aside),
            _STATES.index(condition.state),
            _WHY.index(condition.reason),
            condition.since_ns,
        ],
        "held": [n for m in book.held for n in (m.row, m.end, m.ts, m.first, m.last, m.previous)],
        "held_bids": [int(bid) for m in book.held for bid in m.bids],
        "held_price": [price for m in book.held for price in m.prices],
        "held_size": [size for m in book.held for size in m.sizes],
    }
    for name, side in (("bid", book.bids), ("ask", book.asks)):
        values[f"{name}_price"], values[f"{name}_size"] = side.arrays()
    return _batch(values)


def _batch(values: dict[str, Any]) -> pa.RecordBatch:
    """Return one line of lists, with a sum over all of them."""
    columns = []
    for field in _SCHEMA:
        if field.name == "sum":
            continue
        given = values.get(field.name, [])
        items = pa.array(np.asarray(given) if isinstance(given, array) else given, field.type.value_type)
        columns.append(pa.ListArray.from_arrays(pa.array([0, len(items)], pa.int32()), items))
    return pa.RecordBatch.from_arrays([pa.array([_sum(columns)]), *columns], schema=_SCHEMA)


def _checked(batch: pa.RecordBatch) -> dict[str, NDArray[Any]]:
    """Return the lists of one line by name; IndexDamagedError when they are not what was written."""
    columns = batch.columns[1:]
    if batch.num_rows != 1 or _sum(columns) != batch.column(0)[0].as_py():
        raise IndexDamagedError("its sum is not that of what it holds")
    return {
        field.name: column.values.to_numpy()
        for field, column in zip(_SCHEMA, batch.columns, strict=True)
        if field.name not in {"sum", "depends"}
    }


def _sum(columns: Sequence[pa.ListArray]) -> int:
    total = 0
    for column in columns:
        if pa.types.is_string(column.type.value_type):
            total = zlib.crc32("\0".join(column.values.to_pylist()).encode(), total)
        else:
            total = zlib.crc32(column.values.to_numpy().tobytes(), total)
        total = zlib.crc32(len(column.values).to_bytes(8, "little"), total)
    return total
