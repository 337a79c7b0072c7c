"""What is read of stored rows and made of them on the way: planned like a `Scan`, and read like one."""

from __future__ import annotations

from abc import ABC, abstractmethod
from copy import copy
from typing import TYPE_CHECKING

import pyarrow as pa

from lake.read import BATCH_ROWS, plain_reader

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path
    from typing import Self

    from lake.manifest.rows import FileRow
    from lake.read import Scan
    from schemas.keys import Address


class Stream(ABC):
    """Rows made of those of some series, each series by itself, in the order of time in each; nothing is kept.

    What it gives of a range is what it gives of all time, cut to that range.
    """

    def __init__(self, source: Scan, addresses: Sequence[Address], schema: pa.Schema) -> None:
        """Take what is read.

        Args:
            source: The stored rows.
            addresses: Of the rows that are made, one for each series of the source.
            schema: Of the rows that are made.
        """
        self.source = source
        self._origins = dict(zip(addresses, source.addresses, strict=True))
        self.addresses: tuple[Address, ...] = tuple(addresses)
        self.snapshot = source.snapshot
        self.plan: list[FileRow] = source.plan
        """The files of the source that are read."""
        self.start_ns, self.end_ns = source.start_ns, source.end_ns
        self.schema = schema
        self.columns: tuple[str, ...] = tuple(schema.names)

    @property
    def lake(self) -> Path:
        """The manifest of the lake it reads."""
        return self.source.lake

    @abstractmethod
    def _made(self, address: Address, start_ns: int | None) -> Iterator[pa.RecordBatch]:
        """Yield the rows of one of the addresses, from a time on; None is where the range begins."""

    def batches(self, size: int = BATCH_ROWS) -> Iterator[pa.RecordBatch]:
        """Yield the rows in batches of at most `size`."""
        for address in self.addresses:
            yield from _cut(self._made(address, self.start_ns), size)

    def count(self) -> int:
        """Count the rows, which have to be made for it."""
        return sum(batch.num_rows for batch in self.batches())

    def to_arrow(self) -> pa.Table:
        """Make all rows, as one table."""
        return pa.Table.from_batches(self.batches(), self.schema)

    def reader(self, size: int = BATCH_ROWS) -> pa.RecordBatchReader:
        """Return a stream for whatever speaks Arrow; text columns that repeat come as plain text there."""
        return plain_reader(self.schema, self.batches(size))

    def of(self, address: Address) -> Self:
        """Return what there is of one of the addresses."""
        part = copy(self)
        part.addresses = (address,)
        return part

    def tail(self, rows: int) -> pa.Table:
        """Return the last rows: it reads from ever further back until there are enough."""
        kept = self.schema.empty_table()
        for address in reversed(self.addresses):
            found = self._ending(address, rows - kept.num_rows)
            kept = pa.Table.from_batches([*found.to_batches(), *kept.to_batches()], self.schema)
            if kept.num_rows >= rows:
                break
        return kept

    def _ending(self, address: Address, rows: int) -> pa.Table:
        origin = self._origins[address]
        stored = [file for file in self.source.plan if self.source.address_of(file) == origin]
        back = 1
        while True:
            start_ns = self.start_ns if back >= len(stored) else stored[-back].start_ns
            found = pa.Table.from_batches(self._made(address, start_ns), self.schema)
            if found.num_rows >= rows or start_ns == self.start_ns:
                return found.slice(max(0, found.num_rows - rows))
            back *= 4


def _cut(batches: Iterator[pa.RecordBatch], size: int) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        for at in range(0, batch.num_rows, size):
            yield batch.slice(at, size)
