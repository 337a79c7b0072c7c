"""Cutting streams that are ordered by time at common times, so that long merges need little memory."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from lake import rows

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

WINDOW_ROWS = 131_072
"""Rows a merge holds at a time, of all its streams together; more only where a single ts has more."""
_WINDOW_BYTES = 25_165_824
"""And bytes, for rows with long texts."""


def windows(streams: list[Iterable[pa.Table]]) -> Iterator[list[pa.Table]]:
    """Cut streams that are ordered by ts at common times: each window has, of every stream, all rows of its times."""
    heads = [_Head(iter(s)) for s in streams]
    share, size = (max(1, most // max(1, len(heads))) for most in (WINDOW_ROWS, _WINDOW_BYTES))
    while any([h.fill(share, size) for h in heads]):  # noqa: C419 -- every stream has to be filled
        open_ends = [int(h.ts[-1]) for h in heads if not h.exhausted]
        if not open_ends:
            yield [h.take(None) for h in heads]
            return
        boundary = min(open_ends)
        if all(not len(h.ts) or h.ts[0] >= boundary for h in heads):
            for h in heads:  # one ts fills a whole window: make room for all of it
                if not h.exhausted and int(h.ts[-1]) == boundary:
                    h.fill(len(h.ts) + share, h.nbytes + size)
            continue
        yield [h.take(boundary) for h in heads]


class _Head:
    """The next rows of one stream."""

    def __init__(self, stream: Iterator[pa.Table]) -> None:
        self._stream = stream
        self._tables: deque[pa.Table] = deque()
        self._empty: pa.Table | None = None
        self.exhausted = False
        self.nbytes = 0
        self.ts: NDArray[np.int64] = np.empty(0, np.int64)

    def fill(self, at_least: int, size: int) -> bool:
        """Hold at least that many rows or bytes, or all that are left; whether there are any."""
        while len(self.ts) < at_least and self.nbytes < size and not self.exhausted:
            table = next(self._stream, None)
            if table is None:
                self.exhausted = True
            else:
                self._empty = table.slice(0, 0)
                if table.num_rows:
                    self._tables.append(table)
                    self.nbytes += table.nbytes
                    self.ts = np.concatenate([self.ts, rows.times(table)])
        return bool(len(self.ts))

    def take(self, before: int | None) -> pa.Table:
        """Take the rows whose ts is below `before`, or all."""
        count = len(self.ts) if before is None else int(np.searchsorted(self.ts, before))
        if not self._tables:
            return self._empty if self._empty is not None else pa.table({"ts": pa.array([], pa.int64())})
        held = pa.concat_tables(self._tables)
        self._tables = deque([held.slice(count)] if count < held.num_rows else [])
        self.nbytes = sum(table.nbytes for table in self._tables)
        self.ts = self.ts[count:]
        return held.slice(0, count)
