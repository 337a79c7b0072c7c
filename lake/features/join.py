"""Feature sets joined to bars as of each bar's decision: what was known by then, and nothing else."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from copy import copy
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Literal

import numpy as np
import pyarrow as pa

from lake import layout, lists, rows
from lake.errors import LakeError
from lake.features.ahead import Ahead, in_one
from lake.features.following import Choice, Following, needed
from lake.features.known import closes
from lake.read import BATCH_ROWS, plain_reader
from schemas.periods import Period

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from concurrent.futures import Executor
    from pathlib import Path

    from lake.features.front import Ints
    from lake.manifest.rows import FileRow
    from lake.read import Scan
    from schemas.keys import Address

    _Series = Mapping[Address | None, Scan]

By = Literal["known_at", "ts"]
Decide = Literal["close", "open"]
_US = layout.NS_PER["us"]


@dataclass(frozen=True)
class Joined:
    """One feature set to be joined.

    Attributes:
        name: The prefix of its columns: `<name>__<column>`.
        scan: All rows of the set's series, with ts, known_at and `columns`; None when there is no series.
        series: For each series of bars the set's series that is joined to it; None where the set has none.
        columns: The wanted ones, in the order they come, with their types: there may be no scan to tell them.
        ttl_us: How old a row may be and still be good; None is any age.
    """

    name: str
    scan: Scan | None
    series: Mapping[Address, Address | None]
    columns: pa.Schema
    ttl_us: int | None


class PointInTime:
    """Bars with the columns of feature sets, read like a `Scan`; a row a bar, in the bars' order.

    A bar gets of each set the row with the greatest ts among those known by its decision, and of that ts the one known
    last; none when it is older than the set's ttl or the tolerance. Bars come by time, so every series of features is
    read once beside them, from where it is first needed and no further than the last bar.

    Memory is bounded by the row groups under way, two or three of each set, by a share of `memory_mb` for the values
    of rows that are stored but not known yet, and by 24 bytes for each such row.
    """

    def __init__(
        self,
        bars: Scan,
        sets: Sequence[Joined],
        *,
        by: By = "known_at",
        decide: Decide = "close",
        strict: bool = False,
        tolerance_us: int | None = None,
        memory_mb: int,
        threads: int = 2,
    ) -> None:
        """Take what is joined; nothing is read.

        Args:
            bars: The bars, with the columns and the range that are wanted.
            sets: The sets, in the order their columns come.
            by: `known_at`, or `ts` to see what a join that ignores known_at would give.
            decide: Whether bars are decided on at their close or at their open.
            strict: Whether what becomes known at the decision itself is too late.
            tolerance_us: How old a row may be at most, for all sets.
            memory_mb: Megabytes to hold rows in; half of it is used.
            threads: How many series are read at a time.

        Raises:
            LakeError: USAGE when two columns would have one name.
        """
        self._bars, self._sets, self._decide = bars, tuple(sets), decide
        self._by, self._strict, self._tolerance_us = by, strict, tolerance_us
        self._budget = memory_mb * 500_000 // max(1, len(self._sets))
        self._threads = threads
        self.plan: list[FileRow] = bars.plan
        self.addresses, self.snapshot = bars.addresses, bars.snapshot
        self.start_ns, self.end_ns = bars.start_ns, bars.end_ns
        fields = [
            pa.field(f"{joined.name}__{column.name}", column.type) for joined in self._sets for column in joined.columns
        ]
        self.schema: pa.Schema = pa.schema([*bars.schema, *fields])
        self.columns: tuple[str, ...] = tuple(self.schema.names)
        if repeated := {name for name in self.columns if self.columns.count(name) > 1}:
            raise LakeError(
                "USAGE",
                f"two columns would be called {min(repeated)}",
                why="A set's columns are named by the set, and each is joined once.",
                fix=["name every set and column once"],
            )

    @property
    def source(self) -> Scan:
        """The read of the bars."""
        return self._bars

    @property
    def lake(self) -> Path:
        """The manifest of the lake it reads."""
        return self._bars.lake

    def count(self) -> int:
        """Count the rows, which are the bars; features are not looked at."""
        bars = copy(self._bars)
        bars.plan = self.plan
        return bars.count()

    def batches(self, size: int = BATCH_ROWS) -> Iterator[pa.RecordBatch]:
        """Yield the rows in batches of at most `size`.

        Raises:
            LakeError: LOOKAHEAD when a row that is read says it was known before its own ts; what reading may end in.
        """
        bars = copy(self._bars)
        bars.plan = self.plan
        bars.require()
        pool = ThreadPoolExecutor(self._threads, thread_name_prefix="features")
        try:
            features = [_by_series(joined.scan) for joined in self._sets]
            for address, files in groupby(self.plan, key=bars.address_of):
                yield from self._series(address, list(files), features, pool, size)
        finally:
            pool.shutdown(cancel_futures=True)

    def to_arrow(self) -> pa.Table:
        """Read everything into one table."""
        return pa.Table.from_batches(self.batches(), self.schema)

    def reader(self, size: int = BATCH_ROWS) -> pa.RecordBatchReader:
        """Return a stream for whatever speaks Arrow; text columns that repeat come as plain text there."""
        return plain_reader(self.schema, self.batches(size))

    def _series(
        self, address: Address, files: Sequence[FileRow], features: Sequence[_Series], pool: Executor, size: int
    ) -> Iterator[pa.RecordBatch]:
        """Yield the rows of one series of bars."""
        decisions = _Decisions(address, self._decide)
        last = int(decisions.of(np.array([files[-1].last_ns // _US], np.int64))[0])
        ahead = Ahead(pool, _Bars(self._bars, files, size).read)
        followed: list[Following | None] | None = None
        while (bars := ahead.take()) is not None:
            when = decisions.of(rows.times(bars))
            if followed is None:
                between = int(when[0]), last
                followed = [
                    self._followed(joined, series.get(joined.series[address]), pool, between)
                    for joined, series in zip(self._sets, features, strict=True)
                ]
            for at in range(0, bars.num_rows, size):
                yield self._joined(bars.slice(at, size), when[at : at + size], followed)

    def _followed(
        self, joined: Joined, series: Scan | None, pool: Executor, between: tuple[int, int]
    ) -> Following | None:
        if series is None:
            return None
        limits = [limit for limit in (joined.ttl_us, self._tolerance_us) if limit is not None]
        choice = Choice(self._by, self._strict, min(limits, default=None))
        return Following(needed(series, choice, *between), joined.columns, choice, pool, self._budget)

    def _joined(self, bars: pa.RecordBatch, when: Ints, followed: Sequence[Following | None]) -> pa.RecordBatch:
        columns = [bars.column(name) for name in self._bars.columns]
        for joined, following in zip(self._sets, followed, strict=True):
            if following is None:
                columns += [lists.nulls(len(when), kind) for kind in joined.columns.types]
            else:
                columns += map(lists.castable, following.values(when))
        return pa.RecordBatch.from_arrays(columns, schema=self.schema)


def _by_series(scan: Scan | None) -> _Series:
    """Return a read of several series as one of each."""
    found: dict[Address | None, Scan] = {}
    if scan is not None:
        for address, files in groupby(scan.plan, key=scan.address_of):
            found[address] = copy(scan)
            found[address].addresses, found[address].plan = (address,), list(files)
    return found


class _Bars:
    """The bars of some files, with their ts whether it is wanted or not."""

    def __init__(self, scan: Scan, files: Sequence[FileRow], size: int) -> None:
        columns = scan.columns if "ts" in scan.columns else (*scan.columns, "ts")
        self._tables = (table for file in files for table in scan.pieces(file, columns) if table.num_rows)
        self._size = size

    def read(self, goal: int) -> pa.RecordBatch | None:
        """Read on, so many rows or a few more but not for the sake of more than one batch; None at the end."""
        tables: list[pa.Table] = []
        while sum(table.num_rows for table in tables) < min(goal, self._size):
            table = next(self._tables, None)
            if table is None:
                break
            tables.append(table)
        return in_one(tables) if tables else None


class _Decisions:
    """When each bar of a series is decided on."""

    def __init__(self, address: Address, decide: Decide) -> None:
        self._period = Period.parse(address.period) if decide == "close" else None

    def of(self, ts: Ints) -> Ints:
        """Return the decisions of bars by their opens, both in microseconds; they go up as the opens do."""
        if self._period is None:
            return ts
        return closes(ts, self._period)
