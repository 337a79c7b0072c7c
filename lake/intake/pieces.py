"""What an intake holds: pieces of batches, the parts they make, the runs these become, and how a partition settles."""

from __future__ import annotations

import itertools
from concurrent.futures import wait
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import pyarrow as pa

from lake import files, layout, merge, rows
from lake.errors import LakeError
from lake.merge import Counts
from schemas.arrow import arrow_schema
from schemas.columns import IDENTITY

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from concurrent.futures import Future
    from pathlib import Path

    from numpy.typing import NDArray

    from lake.checksums import StoredFile
    from lake.files import FileWriter, StagedFile
    from lake.manifest.rows import FileRow
    from lake.merge.model import Place
    from lake.places import Places
    from schemas.columns import Schema
    from schemas.keys import Partition

    Asked = tuple[Partition, list["Run"], Counts, FileRow | None]
    """A partition to settle: its runs, what was counted of them already, and what it holds."""

T = TypeVar("T")

_SCRAPS, _SCRAP_BYTES = 4, 65_536
"""As many small pieces in a row become one: of a few rows of each of thousands of series, pieces outweigh the rows."""


@dataclass(slots=True)
class Run:
    """Rows of one partition from one source, in stored order: in memory, in a staged file, or just those stored."""

    table: pa.Table | None = None
    file: StagedFile | None = None
    path: Path | None = None
    same: FileRow | None = None
    """The stored partition that has the same rows, which are read from there if they are needed after all."""

    def rows(self, schema: Schema, places: Places) -> Iterator[pa.Table]:
        """Yield the rows from the start."""
        if self.table is not None:
            yield self.table
        elif self.same is not None:
            yield from part_rows(places.parquet(self.same, schema), schema, self.same)
        elif self.path is not None:
            yield from stored_rows(self.path, schema)


def stored_rows(path: Path, schema: Schema) -> Iterator[pa.Table]:
    """Yield the rows of a lake file by row group, without the identity columns.

    Raises:
        LakeError: FILE_MISSING, FILE_DAMAGED.
    """
    yield from rows_of(files.open_parquet(path, schema), schema)


def rows_of(parquet: StoredFile, schema: Schema) -> Iterator[pa.Table]:
    """Yield the rows of an open lake file as `stored_rows` does, and close it."""
    wanted = arrow_schema(schema, identity=False)
    with parquet:
        for table in files.read_pieces(parquet, wanted.names):
            yield table.cast(wanted)


def part_rows(parquet: StoredFile, schema: Schema, part: FileRow) -> Iterator[pa.Table]:
    """Yield the rows of one partition as `rows_of` does; the open file may hold others too, where it is sealed."""
    if parquet.metadata.num_rows == part.rows:
        yield from rows_of(parquet, schema)
        return
    wanted = arrow_schema(schema, identity=False)
    scale = layout.NS_PER[rows.unit(schema)]
    ends = [part.start_ns // scale, part.end_ns // scale]
    with parquet:
        groups = files.groups_between(parquet, schema, part.start_ns, part.end_ns)
        for table in files.read_pieces(parquet, wanted.names, groups):
            low, high = np.searchsorted(rows.times(table), ends).tolist()
            if high > low:
                yield table.slice(low, high - low).cast(wanted)


def copied(
    parquet: StoredFile, schema: Schema, parts: Sequence[FileRow], writer_of: Callable[[FileRow], FileWriter]
) -> list[StagedFile]:
    """Write partitions that lie in one open file once more, each into a file of its own, in one pass.

    Args:
        parquet: The file; it is closed.
        schema: Its schema.
        parts: The partitions, in order of time.
        writer_of: Gives each its writer.

    Raises:
        LakeError: FILE_DAMAGED when their rows are not what was stored.
    """
    wanted = arrow_schema(schema, identity=False)
    scale = layout.NS_PER[rows.unit(schema)]
    staged: list[StagedFile] = []
    writer: FileWriter | None = None
    try:
        with parquet:
            groups = files.groups_between(parquet, schema, parts[0].start_ns, parts[-1].end_ns)
            for table in files.read_pieces(parquet, wanted.names, groups):
                ts = rows.times(table)
                while len(staged) < len(parts):
                    part = parts[len(staged)]
                    low, high = np.searchsorted(ts, [part.start_ns // scale, part.end_ns // scale]).tolist()
                    if high > low:
                        writer = writer or writer_of(part)
                        writer.write(table.slice(low, high - low).cast(wanted))
                    if high == len(ts):
                        break  # it may go on
                    staged.append(_finished(writer, part))
                    writer = None
        while len(staged) < len(parts):
            staged.append(_finished(writer, parts[len(staged)]))
            writer = None
    except BaseException:
        if writer is not None:
            writer.abandon()
        raise
    return staged


def _finished(writer: FileWriter | None, part: FileRow) -> StagedFile:
    staged = None if writer is None else writer.finish()
    if staged is None or (staged.content_hash, staged.rows) != (part.content_hash, part.rows):
        message = f"its rows of {part.partition} are not those that were stored"
        raise LakeError("FILE_DAMAGED", message, where=part.path)
    return staged


@dataclass(slots=True)
class Settled:
    """One partition as it would be after the commit."""

    partition: Partition
    staged: StagedFile | None
    """None when nothing changes."""
    replaces: FileRow | None
    counts: Counts
    runs: list[Run]
    own: Counts
    """What was counted before the merge: rows of the source that gave way to later ones of it."""
    proven: tuple[int, ...] = ()
    """Opens, in nanoseconds, of stored bars that were in doubt until this source repeated them."""
    unproven: tuple[int, ...] = ()
    """Opens of bars that may be unfinished."""
    rewrites: bool = False
    """Whether stored rows may have gone."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Rows that came in one batch for one partition."""

    batch: pa.RecordBatch
    first: int
    last: int
    ordered: bool
    """Whether ts goes on in it, strictly where ts is the key."""
    content: tuple[int, int] | None
    """The sums of its content hash, where they are known."""
    bytes: int
    """In memory, or near it: to ask a batch takes longer than anything else that is done to a small one."""


@dataclass(slots=True)
class Part:
    """The rows of one partition that came one after the other."""

    partition: Partition
    pieces: list[Piece] = field(default_factory=list)
    held: int = 0
    bytes: int = 0
    writer: FileWriter | None = None
    """Open while everything so far came in order and nothing is stored there."""
    runs: list[Run] = field(default_factory=list)
    counts: Counts = field(default_factory=Counts)
    last: Place | None = None
    """Of the last row written."""
    pending: Future[None] | None = None

    def tidy(self, schema: Schema) -> None:
        """Put the last pieces together where they are small."""
        last = self.pieces[-_SCRAPS:]
        if len(last) == _SCRAPS and all(p.bytes < _SCRAP_BYTES for p in last):
            self.pieces[-_SCRAPS:] = [joined(last, schema)]

    def goes_on(self, pieces: list[Piece], table: pa.Table, schema: Schema) -> bool:
        """Whether rows can be written behind the last ones as they are; if so they become the last ones.

        Args:
            pieces: The rows.
            table: The same, as one table.
            schema: Their schema.
        """
        if schema.key in {(), ("ts",)}:
            if not all(p.ordered for p in pieces):
                return False
            bounds: list[tuple[Place, Place]] = [((p.first, -1), (p.last, -1)) for p in pieces]
        else:  # the order hangs on more than the times that the pieces know
            if not merge.in_order(table, schema):
                return False
            bounds = [merge.ends(table, schema)]
        before = self.last
        for first, last in bounds:
            if before is not None and not merge.follows(before, first, schema):
                return False
            before = last
        self.last = before
        return True


def joined(pieces: Sequence[Piece], schema: Schema) -> Piece:
    """Return pieces that came one after the other as one."""
    ends = [((p.first, -1), (p.last, -1)) for p in pieces]
    on = all(merge.follows(before[1], after[0], schema) for before, after in itertools.pairwise(ends))
    contents = [p.content for p in pieces if p.content is not None]
    content = (sum(c[0] for c in contents), sum(c[1] for c in contents)) if len(contents) == len(pieces) else None
    batch = pa.concat_batches([p.batch for p in pieces])
    ordered = on and all(p.ordered for p in pieces)
    return Piece(batch, pieces[0].first, pieces[-1].last, ordered, content, sum(p.bytes for p in pieces))


def sums(hashes: NDArray[np.uint64], starts: NDArray[np.int64]) -> list[tuple[int, int]]:
    """Return the content hash's sums of the rows from each start to the next."""
    totals, squares = np.add.reduceat(hashes, starts), np.add.reduceat(hashes * hashes, starts)
    return list(zip(totals.tolist(), squares.tolist(), strict=True))


def width(schema: Schema) -> int | None:
    """Return how many bytes of memory a row takes at most, None where that depends on its texts."""
    own = [column for column in schema.columns if column not in IDENTITY]
    return None if any(column.type == "text" for column in own) else sum(8 * (column.length or 1) + 1 for column in own)


def least(batch: pa.RecordBatch, clocks: Sequence[str]) -> Place:
    """Return the least key of some rows, which is made of the times in these columns."""
    times = [rows.times(batch, name) for name in clocks]
    at = np.lexsort(times[::-1])[0]
    return tuple(int(column[at]) for column in times)


def known(pieces: list[Piece]) -> rows.Known | None:
    """Return what the pieces say of their rows together; None when one of them does not know its content."""
    contents = [p.content for p in pieces if p.content is not None]
    if len(contents) < len(pieces):
        return None
    total, squares = sum(c[0] for c in contents), sum(c[1] for c in contents)
    return rows.Known(pieces[0].first, pieces[-1].last, total, squares, sum(p.bytes for p in pieces))


def content(part: FileRow) -> tuple[int, str]:
    """Return what tells the rows of a stored partition from others."""
    return part.rows, part.content_hash


def already(pieces: list[Piece], live: FileRow | None, schema: Schema) -> FileRow | None:
    """Return what a partition holds where rows that come in order are just that, by their content; else None.

    No key can come twice among rows in order where keys are times, so that the same rows are stored in the same order.
    """
    came = known(pieces)
    if live is None or came is None or not merge.keyed_by_time(schema):
        return None
    digest = rows.ContentHash(schema)
    digest.add(came.total, came.squares)
    same = (sum(p.batch.num_rows for p in pieces), digest.hexdigest()) == content(live)
    return live if same else None


def equal_at(ts: int, stored: Iterable[pa.Table], source: Iterable[pa.Table]) -> bool:
    """Whether the source has at a time just what is stored there."""

    def at(tables: Iterable[pa.Table]) -> pa.Table:
        return pa.concat_tables([table.filter(pa.array(rows.times(table) == ts)) for table in tables])

    old, new = at(stored), at(source)
    return old.num_rows == new.num_rows and bool(rows.equal_rows(old, new, old.column_names).all())


def results(jobs: list[Future[T]]) -> list[T]:
    """Return what the jobs made; after a failure of one, the others are over too, and nobody writes any more."""
    try:
        return [job.result() for job in jobs]
    finally:
        for job in jobs:
            job.cancel()
        wait(jobs)


def is_new(runs: Sequence[Run], live: FileRow | None) -> bool:
    """Whether the file that was written is the partition's as it stands."""
    return live is None and len(runs) == 1 and runs[0].file is not None


def shared_out(asked: Iterable[Asked]) -> Iterator[list[Asked]]:
    """Yield what workers are to settle, in order: one at a time, and together what takes less than a job does."""
    for new, some in itertools.groupby(asked, lambda each: is_new(each[1], each[3])):
        each = list(some)
        yield from [each] if new else [[one] for one in each]
