"""What one run brings to one series: rows are cut into partitions, put in order, and staged as files.

Rows that come in order of time are written as they come: a partition is closed when the next one begins, and its file
is the final one when nothing is stored there yet. Whatever comes out of order becomes a further *run* of its
partition, a piece that is in order in itself, and runs are merged at the end. Runs that do not fit the memory budget
wait in staged files.
"""

from __future__ import annotations

import functools
import itertools
from concurrent.futures import wait
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from lake import files, layout, merge, rows
from lake.intake.jobs import Handed, Jobs
from lake.intake.memory import Memory
from lake.intake.pieces import (
    Part,
    Piece,
    Run,
    Settled,
    already,
    content,
    copied,
    equal_at,
    is_new,
    known,
    least,
    part_rows,
    results,
    shared_out,
    stored_rows,
    sums,
    width,
)
from lake.merge import Counts
from schemas.arrow import arrow_schema
from schemas.keys import Address, Partition

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from concurrent.futures import Executor

    from numpy.typing import NDArray

    from lake.files import FileWriter, StagedFile
    from lake.intake.pieces import Asked
    from lake.manifest.rows import FileRow
    from lake.merge import OnConflict
    from lake.merge.model import Place, Stream
    from lake.places import Places
    from lake.staging import Staging
    from schemas.columns import Schema

__all__ = ["Intake", "Memory", "Run", "Settled", "stored_rows"]

_COPIED = 16
"""Partitions of one file that are copied out of it in one pass."""


class Intake:
    """Collects one source's accepted rows for one series."""

    def __init__(  # noqa: PLR0913 -- a run's whole context, given once
        self,
        *,
        staging: Staging,
        places: Places,
        address: Address,
        schema: Schema,
        run_id: str,
        live: Mapping[str, FileRow],
        on_conflict: OnConflict,
        pool: Executor,
        memory: Memory,
    ) -> None:
        """Prepare to take rows.

        Args:
            staging: Where files are staged.
            places: Where stored files are opened.
            address: The series.
            schema: Its schema.
            run_id: The run, for the files' footers.
            live: What the partitions hold now, by label.
            on_conflict: Which row stays when a stored key comes with other values.
            pool: Workers to encode and merge in.
            memory: What may be held in memory, perhaps shared with the intakes of other series.
        """
        self._staging, self._places, self._address, self._schema = staging, places, address, schema
        self._run_id, self._live, self._on_conflict, self._pool = run_id, live, on_conflict, pool
        self._memory = memory
        self._stand, self._width = staging.stand(), width(schema)
        self._unit = rows.unit(schema)
        self._arrow, self._clocks = arrow_schema(schema, identity=False), merge.clocks(schema)
        self._open: dict[int, Part] = {}
        self._closed: dict[Partition, list[Part]] = {}
        self._lazy = False
        self._jobs = Jobs(pool, self._absorb)
        self.keep_stored: Callable[[pa.Table], pa.Table] | None = None
        """Which stored rows go into a merge; all of them unless set."""
        self.doubt_ns: int | None = None
        """The open of the source's last bar, when nothing shows that it was over; set before `settle`."""
        self.first: int | None = None
        self.last: int | None = None
        self.head: Place | None = None
        """The least key that was taken, where keys are made of several times."""

    # ---- taking rows -------------------------------------------------------------------------------------------------

    def add(self, batch: pa.RecordBatch, hashes: NDArray[np.uint64] | None = None) -> None:
        """Take accepted rows, in source order.

        Args:
            batch: The rows.
            hashes: Their `rows.row_hashes`, where at hand: a block at once is cheaper than each partition.
        """
        if not batch.num_rows:
            return
        ts = rows.times(batch)
        ordered = rows.is_sorted(ts, strictly=self._schema.key == ("ts",))
        low, high = (int(ts[0]), int(ts[-1])) if ordered else (int(ts.min()), int(ts.max()))
        self.first = low if self.first is None else min(self.first, low)
        self.last = high if self.last is None else max(self.last, high)
        if len(self._clocks) > 1:
            head = least(batch, self._clocks)
            self.head = head if self.head is None else min(self.head, head)
        per_day = layout.PER_DAY[self._unit]
        ends = layout.partition_days(np.array([low, high]), per_day, self._address.grain)
        if ends[0] == ends[1]:
            found = None if hashes is None else sums(hashes, np.zeros(1, np.int64))[0]
            self._put(int(ends[0]), Piece(batch, low, high, ordered, found, batch.nbytes))
        else:
            days = layout.partition_days(ts, per_day, self._address.grain)
            self._cut(batch, ts, days, hashes, ordered=ordered)
        if self._memory.is_full and not self._memory.crowded:
            for part in list(self._open.values()):
                # Many open partitions would be as many open files.
                self._close(part) if self._lazy else self._flush(part)
        self._jobs.send()

    def give_way(self) -> None:
        """Let go of the rows that are held, for the sake of other series; partitions that are met again go on."""
        for part in list(self._open.values()):
            self._close(part)
        self._jobs.send()

    def _cut(
        self,
        batch: pa.RecordBatch,
        ts: NDArray[np.int64],
        days: NDArray[np.int64],
        hashes: NDArray[np.uint64] | None,
        *,
        ordered: bool,
    ) -> None:
        steps = np.diff(days)
        cuts = np.flatnonzero(steps) + 1
        if len(cuts) > 1 and not ((steps >= 0).all() or (steps <= 0).all()):
            order = np.argsort(days, kind="stable")
            batch, ts, days, hashes = batch.take(pa.array(order)), ts[order], days[order], None
            cuts = np.flatnonzero(np.diff(days)) + 1
            self._lazy = True
        starts = np.concatenate([np.zeros(1, np.int64), cuts])
        contents = [None] * len(starts) if hashes is None else sums(hashes, starts)
        for start, stop, found in zip(starts.tolist(), [*cuts.tolist(), len(days)], contents, strict=True):
            piece = batch.slice(start, stop - start)
            size = piece.nbytes if self._width is None else self._width * piece.num_rows
            self._put(int(days[start]), Piece(piece, int(ts[start]), int(ts[stop - 1]), ordered, found, size))

    def _put(self, day: int, piece: Piece) -> None:
        part = self._open.get(day)
        if part is None:
            partition = Partition(day, self._address.grain)
            if partition in self._closed:
                self._lazy = True  # the input comes back: leave partitions open from now on
            if not self._lazy:
                for other in list(self._open.values()):
                    self._close(other)
            part = self._open[day] = Part(partition)
        if self._lazy:
            # Kept for long, a slice would keep its whole batch.
            whole = pa.array(np.arange(piece.batch.num_rows))
            piece = replace(piece, batch=piece.batch.take(whole))
        part.pieces.append(piece)
        part.tidy(self._schema)
        part.held += piece.batch.num_rows
        part.bytes += piece.bytes
        self._memory.held += piece.bytes
        if part.held >= files.ROW_GROUP or part.bytes >= files.GROUP_BYTES:
            self._flush(part)

    def _flush(self, part: Part) -> None:
        """Write out what a part holds; it stays open."""
        self._hand_over(part, final=False)

    def _close(self, part: Part) -> None:
        del self._open[part.partition.day]
        self._closed.setdefault(part.partition, []).append(part)
        self._hand_over(part, final=True)

    def _hand_over(self, part: Part, *, final: bool) -> None:
        handed, size = Handed(part, part.pieces, final), part.bytes
        part.pieces, part.held, part.bytes = [], 0, 0
        self._memory.held -= size
        self._jobs.put(handed, size)

    # ---- in a worker -------------------------------------------------------------------------------------------------

    def _absorb(self, handed: Handed) -> None:
        """Bring rows of one part into order; write them when they continue what is written, else keep them as a run."""
        part, pieces, final = handed
        if pieces:
            table = pa.Table.from_batches([p.batch for p in pieces], self._arrow)
            stored = part.partition.label in self._live
            small = final and part.writer is None
            if part.goes_on(pieces, table, self._schema):
                if small and (stored or part.runs):
                    live = already(pieces, self._live.get(part.partition.label), self._schema)
                    part.runs.append(Run(same=live) if live is not None else self._keep(table, part.partition))
                else:
                    if part.writer is None:
                        part.writer = self._writer(part.partition, None if stored else self._stand)
                    part.writer.write(table, known(pieces))
            else:
                self._end_file(part)
                table, counts = merge.dedup(table, self._schema)
                part.counts.add(counts)
                if small and not stored and not part.runs:
                    part.writer = self._writer(part.partition, self._stand)
                    part.writer.write(table)
                else:
                    part.runs.append(self._keep(table, part.partition))
        if final:
            self._end_file(part)

    def _writer(self, partition: Partition, stand: Mapping[str, str] | None = None) -> FileWriter:
        return files.FileWriter(self._staging, self._address, partition, self._schema, self._run_id, stand=stand)

    def _end_file(self, part: Part) -> None:
        if part.writer is not None:
            staged = part.writer.finish()
            part.writer = part.last = None
            if staged is not None:
                part.runs.append(Run(file=staged, path=staged.temporary))

    def _keep(self, table: pa.Table, partition: Partition) -> Run:
        if self._memory.keep(table.nbytes):
            return Run(table=table.combine_chunks())
        writer = self._writer(partition)
        writer.write(table)
        staged = writer.finish()
        return Run(path=None if staged is None else staged.temporary)

    def claim(self, first_ns: int, last_ns: int) -> list[FileRow]:
        """Have every stored partition between two times merged too, rows or none; return those left without a row.

        Call it with `keep_stored` set, before `settle`.
        """
        emptied = []
        mine = set(self._open) | {p.day for p in self._closed}
        for label, live in self._live.items():
            partition = Partition.parse(label)
            if partition.day in mine or live.last_ns < first_ns or live.first_ns > last_ns:
                continue
            if any(t.num_rows for t in self._survivors(live)):
                self._closed[partition] = []
            else:
                emptied.append(live)
        return emptied

    def close(self) -> None:
        """Wait for the workers and let go of files that will not be finished; for a run that fails, too."""
        for part in [*self._open.values(), *(p for parts in self._closed.values() for p in parts)]:
            if part.pending is not None:
                wait([part.pending])
            if part.writer is not None:
                part.writer.abandon()

    # ---- the end -----------------------------------------------------------------------------------------------------

    def settle(self) -> list[Settled]:
        """Close every partition and merge what has to be merged; in order of time.

        Raises:
            LakeError: CONFLICT when stored rows would change and that was refused; STORAGE or DISK_FULL.
        """
        for part in list(self._open.values()):
            self._close(part)
        self._jobs.send()
        for parts in self._closed.values():
            for part in parts:
                if part.pending is not None:
                    part.pending.result()
        asked = []
        for partition in sorted(self._closed):
            parts = self._closed[partition]
            counts = Counts()
            for part in parts:
                counts.add(part.counts)
            asked.append((partition, [r for p in parts for r in p.runs], counts, self._live.get(partition.label)))
        jobs = [self._pool.submit(self._merge_all, some) for some in shared_out(asked)]
        return [settled for made in results(jobs) for settled in made]

    def _merge_all(self, asked: list[Asked]) -> list[Settled]:
        return [self.merge(*each) for each in asked]

    def merge(self, partition: Partition, runs: list[Run], counts: Counts, live: FileRow | None) -> Settled:
        """Merge a partition's runs with what it holds; also called again when another writer was first."""
        total = Counts()
        total.add(counts)
        if is_new(runs, live) and runs[0].file is not None:
            total.new += runs[0].file.rows
            doubt = self._doubt(partition)
            doubts = () if doubt is None else (doubt,)
            return Settled(partition, runs[0].file, None, total, runs, counts, unproven=doubts)
        stored: Stream = tuple if live is None else lambda: self._survivors(live)
        source: list[Stream] = [functools.partial(run.rows, self._schema, self._places) for run in runs]
        same = runs[0].same if len(runs) == 1 and self.keep_stored is None else None
        if live is not None and same is not None and content(same) == content(live):
            total.identical += live.rows
            return Settled(partition, None, live, total, runs, counts, *self._doubts(partition, source, live))
        writer = self._writer(partition)
        try:
            found = merge.merge(stored, source, self._schema, self._on_conflict, writer.write)
            rewrites = self.keep_stored is not None and live is not None
            staged = writer.finish() if found.changes or rewrites else None
        except BaseException:
            writer.abandon()
            raise
        if rewrites and live is not None and staged is not None and self._same(staged, live):
            staged, rewrites = None, False
            found.new, found.identical = 0, found.identical + found.new
        if staged is None:
            writer.abandon()
        total.add(found)
        proven, unproven = self._doubts(partition, source, live)
        return Settled(partition, staged, live, total, runs, counts, proven, unproven, rewrites)

    def copy(self, parts: list[FileRow]) -> list[StagedFile]:
        """Stage stored partitions once more, as they are; those of one file stand together, in order of time.

        Raises:
            LakeError: FILE_DAMAGED when one is not what was stored; FILE_MISSING, STORAGE, DISK_FULL.
        """
        runs = [list(run) for _, run in itertools.groupby(parts, key=lambda part: part.path)]
        some = [run[at : at + _COPIED] for run in runs for at in range(0, len(run), _COPIED)]
        return [file for made in results([self._pool.submit(self._copy, run) for run in some]) for file in made]

    def _copy(self, parts: list[FileRow]) -> list[StagedFile]:
        parquet = self._places.parquet(parts[0], self._schema)
        return copied(parquet, self._schema, parts, lambda part: self._writer(Partition.parse(part.partition)))

    def _stored(self, live: FileRow) -> Iterator[pa.Table]:
        # Opened when the first row is asked for: many may be waiting for their turn.
        yield from part_rows(self._places.parquet(live, self._schema), self._schema, live)

    def _survivors(self, live: FileRow) -> Iterator[pa.Table]:
        for table in self._stored(live):
            yield table if self.keep_stored is None else self.keep_stored(table)

    def _same(self, staged: StagedFile, live: FileRow) -> bool:
        """Whether a file has the rows of a stored one, in their order too."""
        if staged.content_hash != live.content_hash:
            return False
        new = rows.sequence_hash(stored_rows(staged.temporary, self._schema))
        return new == rows.sequence_hash(self._stored(live))

    def _doubt(self, partition: Partition) -> int | None:
        doubt = self.doubt_ns
        return doubt if doubt is not None and partition.start_ns <= doubt < partition.end_ns else None

    def _doubts(
        self, partition: Partition, source: list[Stream], live: FileRow | None
    ) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Settle which bars are beyond doubt now, and which are in doubt.

        A bar in doubt is proven when another source has it too: as a bar that is not its last, or with equal values.
        """
        doubt, before = self._doubt(partition), () if live is None else live.unproven
        if doubt is None and not before:
            return (), ()
        scale = layout.NS_PER[self._unit]
        repeated = (
            live is not None
            and doubt is not None
            and equal_at(doubt // scale, self._survivors(live), (t for stream in source for t in stream()))
        )
        seen = (
            {int(t) * scale for stream in source for table in stream() for t in rows.times(table)} if before else set()
        )
        proven = tuple(t for t in before if t in seen and (t != doubt or repeated))
        unproven = {*before, *([] if doubt is None or repeated else [doubt])} - set(proven)
        return proven, tuple(sorted(unproven))
