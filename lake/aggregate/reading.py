"""Reading a range of a series in pieces of a good size, ahead of whoever works on them."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from lake import files, layout, rows
from schemas.arrow import arrow_schema

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from concurrent.futures import Executor, Future

    from lake.manifest.rows import FileRow
    from lake.places import Places
    from schemas.columns import Schema

PIECE_ROWS = 65_536
"""Rows that are worked on at a time: enough that calls cost nothing, few enough for the memory."""
_AHEAD = 2


class Range:
    """The rows of some files of a series in `[start_ns, end_ns)`, in stored order."""

    def __init__(
        self, places: Places, schema: Schema, columns: Sequence[str], stored: Sequence[FileRow], span: tuple[int, int]
    ) -> None:
        """Take the files in order of time; nothing is opened until asked."""
        self._places, self._schema, self._columns = places, schema, list(columns)
        self._stored = stored
        self._start_ns, self._end_ns = span
        whole = arrow_schema(schema)
        self._arrow = pa.schema([whole.field(name) for name in self._columns])
        self._scale = layout.NS_PER[rows.unit(schema)]

    def tables(self, pool: Executor) -> Iterator[pa.Table]:
        """Yield the rows, read in the pool a few pieces ahead.

        Raises:
            LakeError: FILE_MISSING, FILE_DAMAGED, TIER_UNAVAILABLE.
        """
        waiting: deque[Future[pa.Table]] = deque()
        try:
            for job in self._jobs():
                waiting.append(pool.submit(job))
                if len(waiting) > _AHEAD:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()

    def _jobs(self) -> Iterator[Callable[[], pa.Table]]:
        """Yield what reads one piece each: some small files, or a row group of a large one."""
        held: list[FileRow] = []
        count = 0
        for file in self._stored:
            if held and count + file.rows > PIECE_ROWS:
                yield self._small(held)
                held, count = [], 0
            if file.rows > files.ROW_GROUP:
                yield from self._large(file)
                continue
            held.append(file)
            count += file.rows
        if held:
            yield self._small(held)

    def _small(self, stored: list[FileRow]) -> Callable[[], pa.Table]:
        return lambda: pa.concat_tables([self._read(file, None) for file in stored])

    def _large(self, file: FileRow) -> Iterator[Callable[[], pa.Table]]:
        with self._places.parquet(file, self._schema) as parquet:
            groups = files.groups_between(parquet, self._schema, self._start_ns, self._end_ns)
        for group in groups:
            yield self._group(file, group)

    def _group(self, file: FileRow, group: int) -> Callable[[], pa.Table]:
        return lambda: self._read(file, [group])

    def _read(self, file: FileRow, groups: list[int] | None) -> pa.Table:
        with self._places.parquet(file, self._schema) as parquet:
            chosen = range(parquet.num_row_groups) if groups is None else groups
            table = pa.concat_tables([files.read_group(parquet, g, self._columns) for g in chosen])
        if not table.schema.equals(self._arrow):
            table = table.cast(self._arrow)  # of a version in which less could be null
        if self._start_ns <= file.first_ns and file.last_ns < self._end_ns:
            return table
        ts = rows.times(table)
        low, high = (int(np.searchsorted(ts, -(-ns // self._scale))) for ns in (self._start_ns, self._end_ns))
        return table.slice(low, max(0, high - low))
