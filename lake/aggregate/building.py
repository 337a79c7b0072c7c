"""Buckets as they come, put together to partitions; each is checked and staged as a file when it is over."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from lake import files, layout, validate
from lake.aggregate.kernel import bars_of
from lake.errors import LakeError
from lake.outcome import hold
from schemas.arrow import arrow_schema
from schemas.bars import BARS
from schemas.keys import DAY_US

if TYPE_CHECKING:
    from collections.abc import Sequence
    from concurrent.futures import Executor, Future

    from lake.aggregate.kernel import Block, Times
    from lake.aggregate.plan import Work
    from lake.files import StagedFile
    from lake.manifest.rows import CheckRecord
    from lake.outcome import Check
    from lake.staging import Staging


@dataclass(slots=True)
class Built:
    """One partition as it would be after the commit."""

    work: Work
    staged: StagedFile | None = None
    """None where no bucket is in it, or its rows are as they were."""
    rows: int = 0
    same: bool = False
    """Whether the stored rows are the ones that were made."""
    checks: list[CheckRecord] = field(default_factory=list)
    failure: LakeError | None = None


class Builder:
    """Takes the buckets of one target in order of time, and stages its partitions in a pool."""

    def __init__(
        self,
        works: Sequence[Work],
        *,
        staging: Staging,
        run_id: str,
        pool: Executor,
        checks: Sequence[Check],
        waive: bool,
    ) -> None:
        """Take the partitions to be made, in order; buckets of others are passed over."""
        self._works = {work.partition.day: work for work in works}
        self._waiting = list(works)
        self._staging, self._run_id, self._pool = staging, run_id, pool
        self._checks, self._waive = checks, waive
        self._day: int | None = None
        self._held: list[pa.RecordBatch] = []
        self.done: list[Future[Built]] = []
        """Partitions being staged; whoever takes them out waits for them."""

    def add(self, block: Block) -> None:
        """Take buckets that are over."""
        address = self._waiting[0].target.address if self._waiting else None
        if address is None:
            return
        days = layout.partition_days(block.ts, DAY_US, address.grain)
        cuts = np.flatnonzero(np.r_[True, days[1:] != days[:-1]])
        whole = bars_of(block)
        for low, high in zip(cuts.tolist(), [*cuts[1:].tolist(), len(days)], strict=True):
            day = int(days[low])
            if day != self._day:
                self._over(day)
                self._day = day
            work = self._works.get(day)
            if work is not None:
                self._held.append(whole.slice(low, _complete(block.ts[low:high], work)))

    def end(self) -> None:
        """Stage what is left: no more buckets will come."""
        self._over(None)

    def _over(self, day: int | None) -> None:
        """Stage the partitions before a day; those that got no bucket are empty."""
        while self._waiting and (day is None or self._waiting[0].partition.day < day):
            work = self._waiting.pop(0)
            held = self._held if work.partition.day == self._day else []
            self.done.append(self._pool.submit(self._stage, work, held))
        self._held = []

    def _stage(self, work: Work, held: list[pa.RecordBatch]) -> Built:
        built = Built(work)
        table = pa.Table.from_batches(held, arrow_schema(BARS, identity=False)) if held else None
        if table is None or not table.num_rows:
            built.same = work.content is None
            return built
        table = table.combine_chunks()
        built.rows = table.num_rows
        try:
            self._check(table, built)
        except LakeError as error:
            built.failure = error
            return built
        writer = files.FileWriter(self._staging, work.target.address, work.partition, BARS, self._run_id)
        try:
            writer.write(table)
            staged = writer.finish()
        except BaseException:
            writer.abandon()
            raise
        built.same = staged is not None and staged.content_hash == work.content
        if not built.same or _is_sealed(work):
            built.staged = staged
        elif staged is not None:
            files.discard(self._staging.folder, [staged])
        return built

    def _check(self, table: pa.Table, built: Built) -> None:
        """Hold the rows to their schema and to the user's checks; LakeError CHECK when they do not stand."""
        address, label = built.work.target.address, built.work.partition.label
        (batch,) = table.to_batches()
        grid = built.work.target.buckets.period.grid_us
        _, rejected = validate.split(batch, BARS, grid_us=grid, waive=self._waive)
        if rejected:
            first = rejected[0]
            raise LakeError(
                "CHECK",
                f"{len(rejected):,} bars of {address} {label} break their schema: {first.reason}: {first.detail}",
                where=f"{address} {label}",
            )
        built.checks += hold(self._checks, table, address, label)


def _complete(ts: Times, work: Work) -> int:
    """Return how many of some buckets are whole: the one that may be unfinished can only be the last one."""
    if work.withheld_ns is None:
        return len(ts)
    return int((work.target.buckets.ends(ts) * 1000 < work.withheld_ns).sum())


def _is_sealed(work: Work) -> bool:
    """Whether the partition is stored in a file around it, which is replaced whole."""
    return work.live is not None and work.live.partition != work.partition.label
