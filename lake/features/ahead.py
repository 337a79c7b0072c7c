"""Reading on in another thread while what was read is used: many small files at a time, and never far."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from concurrent.futures import Executor

JOB_ROWS = 32_768
"""Rows that are read at once, out of as many files as it takes: threads that take turns at small files lose the time
in changing over."""


class Piece(Protocol):
    """What is read at once."""

    @property
    def num_rows(self) -> int:
        """How many rows there are."""


P = TypeVar("P", bound=Piece)


class Ahead(Generic[P]):
    """One stream of pieces; the next is being read when one is taken.

    The first pieces are small, so that who wants only the first rows need not wait for more.
    """

    def __init__(self, pool: Executor, read: Callable[[int], P | None]) -> None:
        """Begin to read.

        Args:
            pool: Where to read.
            read: Reads on, so many rows or a few more; None at the end. It is never called twice at a time.
        """
        self._pool, self._read = pool, read
        self._job = pool.submit(read, 1)

    def take(self) -> P | None:
        """Return the next piece, None at the end; raises what reading raised."""
        found = self._job.result()
        if found is not None:
            self._job = self._pool.submit(self._read, min(JOB_ROWS, 2 * found.num_rows))
        return found


def in_one(tables: Sequence[pa.Table]) -> pa.RecordBatch:
    """Return tables of one schema, with at least one row, as one batch; not copied when they are in one piece."""
    batches = [batch for table in tables for batch in table.to_batches()]
    return batches[0] if len(batches) == 1 else pa.concat_batches(batches)
