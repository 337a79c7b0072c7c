"""The best levels of a book at regular times, read like a `Scan`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from lake.book.chains import NONE
from lake.book.state import DAY_NS
from lake.errors import LakeError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from lake.book.reading import Reader
    from lake.book.state import Book
    from schemas.keys import Address

BATCH_ROWS = 65_536
MOST_LEVELS = 1_000
_CELLS = 1_000_000
"""Numbers of a batch at most."""


class Grid:
    """A row a time: the book once every message up to it had come, best levels side by side.

    Nothing is read until asked.

    Times are the multiples of `every_ns` since the epoch, UTC, in [start, end).
    """

    def __init__(
        self, reader: Reader, every_ns: int, levels: int, start_ns: int | None = None, end_ns: int | None = None
    ) -> None:
        """Plan; without a start the first row of the series is the first to be seen, without an end the last.

        Raises:
            LakeError: USAGE for steps or levels that cannot be.
        """
        if every_ns < 1:
            raise LakeError("USAGE", "a grid needs a step", why="Times go on from row to row.", fix=["every 1s"])
        if not 1 <= levels <= MOST_LEVELS:
            why = f"A row has from 1 to {MOST_LEVELS:,} levels of each side."
            raise LakeError("USAGE", f"there are no rows of {levels} levels", why=why, fix=["levels 10"])
        self._reader, self._every, self._levels = reader, every_ns, levels
        self.addresses: tuple[Address, ...] = (reader.address,)
        self.snapshot = reader.scan.snapshot
        self.start_ns, self.end_ns = start_ns, end_ns
        files = reader.plan
        low = start_ns if start_ns is not None else files[0].first_ns if files else 0
        high = end_ns if end_ns is not None else files[-1].last_ns + every_ns if files else low
        first, last = -(-low // every_ns), -(-high // every_ns)
        per = max(1, DAY_NS // every_ns)
        self.plan = [range(at, min(at + per, last)) for at in range(first, last, per)]
        """Which multiples there are, about a day's together."""
        fields = [("ts", pa.timestamp("ns", "UTC")), ("last_ts", pa.timestamp("ns", "UTC"))]
        fields += [
            ("state", pa.dictionary(pa.int32(), pa.string())),
            ("reason", pa.dictionary(pa.int32(), pa.string())),
        ]
        fields += [("crossed", pa.bool_())]
        for level in range(1, levels + 1):
            fields += [(f"{name}_{level}", pa.float64()) for name in ("bid", "bid_size", "ask", "ask_size")]
        self.schema: pa.Schema = pa.schema(fields)
        self.columns: tuple[str, ...] = tuple(self.schema.names)

    @property
    def lake(self) -> Path:
        """The manifest of the lake it reads."""
        return self._reader.scan.lake

    def count(self) -> int:
        """Count the rows; nothing is read for it."""
        return sum(map(len, self.plan))

    def batches(self, size: int = BATCH_ROWS) -> Iterator[pa.RecordBatch]:
        """Yield the rows in batches of at most `size`."""
        size = max(1, min(size, _CELLS // (4 * self._levels)))
        held: list[tuple[int, ...]] = []
        flat: list[list[float]] = []
        row, fed = list[float](), -1
        for at, book in self._books():
            last = None if book.ts == NONE else book.ts
            held.append((at, last, book.condition.state, book.condition.reason or None, book.crossed))  # type: ignore[arg-type]  # what the columns are of
            if book.counts.messages != fed:
                row, fed = self._row(book), book.counts.messages
            flat.append(row)
            if len(held) == size:
                yield self._batch(held, flat)
                held, flat = [], []
        if held:
            yield self._batch(held, flat)

    def to_arrow(self) -> pa.Table:
        """Read everything into one table."""
        return pa.Table.from_batches(self.batches(), self.schema)

    def reader(self, size: int = BATCH_ROWS) -> pa.RecordBatchReader:
        """Return a stream for whatever speaks Arrow; text columns come as plain text there."""
        from lake.read import plain_reader

        return plain_reader(self.schema, self.batches(size))

    def _books(self) -> Iterator[tuple[int, Book]]:
        """Yield each time with the book at it: the same object every time."""
        times = (number * self._every for part in self.plan for number in part)
        at = next(times, None)
        if at is None:
            return
        book, stream = self._reader.resume(at)
        for message in stream:
            while message.ts > at:
                _pass(book, at, message.ts)
                yield at, book
                at = next(times, None)
                if at is None:
                    return
            book.feed(message)
        while at is not None:
            _pass(book, at, None)
            yield at, book
            at = next(times, None)

    def _row(self, book: Book) -> list[float]:
        row = [np.nan] * (4 * self._levels)
        for offset, side in ((0, book.bids), (2, book.asks)):
            top = side.top(self._levels)
            row[offset : 4 * len(top) : 4] = [price for price, _ in top]
            row[offset + 1 : 4 * len(top) : 4] = [size for _, size in top]
        return row

    def _batch(self, held: list[tuple[int, ...]], flat: list[list[float]]) -> pa.RecordBatch:
        ts, last, state, reason, crossed = zip(*held, strict=True)
        values = np.array(flat, np.float64)
        columns = [pa.array(ts, pa.int64()).cast(self.schema.field("ts").type)]
        columns.append(pa.array(last, pa.int64()).cast(self.schema.field("last_ts").type))
        columns += [pa.array(words, pa.string()).dictionary_encode() for words in (state, reason)]
        columns.append(pa.array(crossed, pa.bool_()))
        columns += [pa.array(np.ascontiguousarray(column), from_pandas=True) for column in values.T]
        return pa.RecordBatch.from_arrays(columns, schema=self.schema)


def _pass(book: Book, at: int, next_ns: int | None) -> None:
    """Tell a book that time goes on to `at`, where a day without a row may have begun."""
    if book.ts != NONE and at // DAY_NS > book.ts // DAY_NS:
        book.miss(next_ns)
