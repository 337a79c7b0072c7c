"""Feature sets joined to bars as of each bar's decision: what was known by then, and nothing else."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from copy import copy
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Literal

import numpy as np
import pyarrow as pa

from lake import layout, rows
from lake.errors import LakeError
from lake.features.following import Choice, Following
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

By = Literal["known_at", "ts"]
Decide = Literal["close", "open"]
_US = layout.NS_PER["us"]


@dataclass(frozen=True)
class Joined:
    """One feature set to be joined.

    Attributes:
        name: The prefix of its columns: `<name>__<column>`.
        scans: For each series of bars the rows of the set's series, all of them, with ts, known_at and `columns`; None
            where the set has no such series.
        columns: The wanted ones, in the order they come, with their types: there may be no scan to tell them.
        ttl_us: How old a row may be and still be good; None is any age.
    """

    name: str
    scans: Mapping[Address, Scan | None]
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
            for address, files in groupby(self.plan, key=bars.address_of):
                yield from self._series(address, list(files), pool, size)
        finally:
            pool.shutdown(cancel_futures=True)

    def to_arrow(self) -> pa.Table:
        """Read everything into one table."""
        return pa.Table.from_batches(self.batches(), self.schema)

    def reader(self, size: int = BATCH_ROWS) -> pa.RecordBatchReader:
        """Return a stream for whatever speaks Arrow; text columns that repeat come as plain text there."""
        return plain_reader(self.schema, self.batches(size))

    def _series(
        self, address: Address, files: Sequence[FileRow], pool: Executor, size: int
    ) -> Iterator[pa.RecordBatch]:
        """Yield the rows of one series of bars."""
        decisions = _Decisions(address, self._decide)
        last = int(decisions.of(np.array([files[-1].last_ns // _US], np.int64))[0])
        columns = self._bars.columns
        needed = columns if "ts" in columns else (*columns, "ts")
        followed: list[Following | None] | None = None
        for file in files:
            for table in self._bars.pieces(file, needed):
                for batch in table.to_batches(max_chunksize=size):
                    if not batch.num_rows:
                        continue
                    when = decisions.of(rows.times(batch))
                    if followed is None:
                        followed = self._followed(address, pool, (int(when[0]), last))
                    yield self._joined(batch, when, followed)

    def _followed(self, address: Address, pool: Executor, between: tuple[int, int]) -> list[Following | None]:
        found: list[Following | None] = []
        for joined in self._sets:
            scan = joined.scans[address]
            if scan is None:
                found.append(None)
                continue
            limits = [limit for limit in (joined.ttl_us, self._tolerance_us) if limit is not None]
            choice = Choice(self._by, self._strict, min(limits, default=None))
            following = Following(scan, joined.columns, choice, pool, self._budget)
            following.start(*between)
            found.append(following)
        return found

    def _joined(self, bars: pa.RecordBatch, when: Ints, followed: Sequence[Following | None]) -> pa.RecordBatch:
        columns = [bars.column(name) for name in self._bars.columns]
        for joined, following in zip(self._sets, followed, strict=True):
            if following is None:
                columns += [pa.nulls(len(when), kind) for kind in joined.columns.types]
            else:
                columns += following.values(when)
        return pa.RecordBatch.from_arrays(columns, schema=self.schema)


class _Decisions:
    """When each bar of a series is decided on."""

    def __init__(self, address: Address, decide: Decide) -> None:
        self._period = Period.parse(address.period) if decide == "close" else None

    def of(self, ts: Ints) -> Ints:
        """Return the decisions of bars by their opens, both in microseconds; they go up as the opens do."""
        if self._period is None:
            return ts
        return closes(ts, self._period)
