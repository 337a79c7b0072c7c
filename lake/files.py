"""Parquet files: written to a staging folder while they are hashed, made durable together, and moved into place.

A run stages into `<data>/_staging/<run>/`, a folder it holds a lock on; what a dead run left there is swept when the
next one begins. Nothing becomes visible below an address before `publish`, and nothing exists before the manifest
says so.
"""

from __future__ import annotations

import hashlib
import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from lake import checksums, columns, layout, lists, rows
from lake.encoding import LIST_GROUP_BYTES, encoding, identity
from lake.errors import LakeError
from lake.staging import storage_error
from schemas.arrow import arrow_schema

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from lake.staging import Staging
    from schemas.columns import Schema
    from schemas.keys import Address, Partition

ROW_GROUP = 131_072
"""Rows a row group: what a writer holds in memory, and what a reader skips by."""
GROUP_BYTES = 33_554_432
"""Bytes of rows that a writer holds at most, so that row groups of rows with long texts are smaller."""
PIECE_ROWS = 8_192
"""Rows of a file that a merge decodes at a time."""
_PIECE_BYTES = 2_097_152
"""And bytes, as far as a file tells beforehand."""
_SYNC_THREADS = 16


@dataclass(frozen=True, slots=True)
class StagedFile:
    """A finished file that is not yet in place: where it lies, where it shall lie, and what is in it."""

    temporary: Path
    path: str
    address: Address
    partition: Partition
    rows: int
    bytes: int
    first_ns: int
    last_ns: int
    sha256: str
    content_hash: str


class FileWriter:
    """Writes the rows of one partition, in stored order, as one Parquet file."""

    def __init__(
        self,
        staging: Staging,
        address: Address,
        partition: Partition,
        schema: Schema,
        run_id: str,
        base: int | None = None,
        stand: Mapping[str, str] | None = None,
    ) -> None:
        """Prepare; the file is made by the first `write`, and says it was staged on the snapshot `base` if given.

        `stand` is what the staging's said before, for a file that takes no other one's place.
        """
        self._staging = staging
        self._address, self._partition, self._schema = address, partition, schema
        self._identity = identity(address)
        self._metadata = {"dl.address": str(address), "dl.partition": partition.label, "dl.run": run_id}
        self._metadata |= {**schema.footer, **(staging.stand() if stand is None else stand)}
        self._metadata |= {} if base is None else {"dl.base": str(base)}
        self._content = rows.ContentHash(schema)
        self._held: list[pa.Table] = []
        self._held_rows = self._held_bytes = 0
        self._most_bytes = min(GROUP_BYTES, LIST_GROUP_BYTES) if schema.has_lists else GROUP_BYTES
        self._writer: pq.ParquetWriter | None = None
        self._sink: pa.NativeFile | None = None
        self._written: list[pq.FileMetaData] = []
        self._groups = 0
        self._temporary = staging.path()
        self.rows = self._first = self._last = 0

    def write(self, table: pa.Table, known: rows.Known | None = None) -> None:
        """Add rows (the schema's columns without the identity ones) behind those already written.

        Args:
            table: The rows, in stored order.
            known: What the caller knows of them already.

        Raises:
            LakeError: DISK_FULL, STORAGE.
        """
        if not table.num_rows:
            return
        if known is None:
            self._content.update(table)
            first, last = (int(rows.times(table.slice(at, 1))[0]) for at in (0, table.num_rows - 1))
            size = table.nbytes
        else:
            self._content.add(known.total, known.squares)
            first, last, size = known.first, known.last, known.bytes
        if not self.rows:
            self._first = first
        self._last = last
        self.rows += table.num_rows
        self._held.append(table)
        self._held_rows += table.num_rows
        self._held_bytes += size
        if self._held_rows < ROW_GROUP and self._held_bytes < self._most_bytes:
            return
        try:
            self._flush(everything=False)
        except OSError as error:
            raise storage_error(error, self._temporary) from error

    def _flush(self, *, everything: bool) -> None:
        table, group = self._held[0] if len(self._held) == 1 else pa.concat_tables(self._held), ROW_GROUP
        if self._held_bytes > self._most_bytes:
            group = min(group, max(1, table.num_rows * self._most_bytes // self._held_bytes))
        last = everything and table.num_rows <= group
        writer = self._writer or self._open(table, small=last)
        if last:
            self._put(writer, table)
            return
        while table.num_rows >= group or (everything and table.num_rows):
            self._put(writer, table.slice(0, group))
            table = table.slice(group)
        self._held, self._held_rows, self._held_bytes = [table], table.num_rows, table.nbytes

    def _open(self, table: pa.Table, *, small: bool) -> pq.ParquetWriter:
        # Arrow's own streams: a Python file would be called dozens of times a row group, each time for the lock that
        # all threads share. A file of one row group is made in memory and written at once.
        if small:
            self._sink = pa.BufferOutputStream()
        else:
            self._temporary.touch(exist_ok=False)
            self._sink = pa.OSFile(str(self._temporary), "wb")
        empty = frozenset(n for n in table.column_names if table.column(n).null_count == table.num_rows and small)
        options = encoding(self._schema, empty)
        schema = arrow_schema(self._schema)
        self._writer = pq.ParquetWriter(self._sink, schema, metadata_collector=self._written, **options)
        return self._writer

    def _put(self, writer: pq.ParquetWriter, table: pa.Table) -> None:
        columns = [*table.columns, *(column(table.num_rows) for column in self._identity)]
        full = pa.Table.from_arrays(columns, schema=arrow_schema(self._schema))
        writer.write_table(full, row_group_size=ROW_GROUP)
        self._groups += 1

    def finish(self) -> StagedFile | None:
        """Close the file and say what it is; None when no row was written."""
        try:
            if self._held_rows:
                self._flush(everything=True)
            if self._writer is None or self._sink is None:
                return None
            room = checksums.room(len(arrow_schema(self._schema)), self._groups)
            self._writer.add_key_value_metadata(self._metadata | room)
            self._writer.close()
            if self._written[0].num_rows != self.rows:
                raise LakeError("UNEXPECTED", f"{self.rows} rows were written, and the file has others")
            size, digest = self._land(self._sink, self._written[0])
        except OSError as error:
            raise storage_error(error, self._temporary) from error
        scale = layout.NS_PER[rows.unit(self._schema)]
        return StagedFile(
            temporary=self._temporary,
            path=f"{layout.directory(self._address, self._partition)}/{layout.file_name(digest)}",
            address=self._address,
            partition=self._partition,
            rows=self.rows,
            bytes=size,
            first_ns=self._first * scale,
            last_ns=self._last * scale,
            sha256=digest,
            content_hash=self._content.hexdigest(),
        )

    def _land(self, sink: pa.NativeFile, metadata: pq.FileMetaData) -> tuple[int, str]:
        """Have the whole file on disk, with its checksums; return its size and SHA-256."""
        if isinstance(sink, pa.BufferOutputStream):
            data = memoryview(bytearray(sink.getvalue()))
            at, sums = checksums.fill(lambda start, size: data[start : start + size], data.nbytes, metadata)
            data[at : at + len(sums)] = sums
            with self._temporary.open("xb") as file:
                file.write(data)
            return data.nbytes, hashlib.sha256(data).hexdigest()
        sink.close()
        with self._temporary.open("r+b") as file:
            number, size = file.fileno(), os.fstat(file.fileno()).st_size
            at, sums = checksums.fill(lambda start, count: os.pread(number, count, start), size, metadata)
            file.seek(at)
            file.write(sums)
            file.seek(0)
            return size, hashlib.file_digest(file, "sha256").hexdigest()

    def abandon(self) -> None:
        """Close and remove the file."""
        if self._writer is not None:
            with suppress(OSError, pa.ArrowException):
                self._writer.close()  # else it would try when it is collected
        if self._sink is not None:
            with suppress(OSError, pa.ArrowException):
                self._sink.close()
        with suppress(OSError):
            self._temporary.unlink(missing_ok=True)
        self._writer = self._sink = None


def retired(data: Path, path: str) -> Path:
    """Return where a file lies once it is replaced; `path` is the one in the manifest, which never changes."""
    return data / layout.REPLACED / path


def retire(data: Path, paths: Iterable[str]) -> None:
    """Move files that are live no more out of the sight of other engines' globs.

    Readers look in both places, so it does not matter when this happens. A file goes only into a folder that is on disk
    with all those around it: else a power cut could take the folder, and the file that older snapshots need with it.
    Where that cannot be had, the file stays in sight. Files that were moved before are passed over at the price of one
    look.
    """
    moves = [(data / path, retired(data, path)) for path in paths]
    moves = [(source, target) for source, target in moves if source.exists()]
    if not moves:
        return
    with suppress(OSError), ThreadPoolExecutor(_SYNC_THREADS, thread_name_prefix="sync") as pool:
        folders: set[Path] = set()
        for _, target in moves:
            target.parent.mkdir(parents=True, exist_ok=True)
            folders.update(folder for folder in target.parents if folder.is_relative_to(data))
        list(pool.map(_sync, folders))
        for source, target in moves:
            with suppress(OSError):
                source.rename(target)


def open_parquet(path: Path | str, schema: Schema, place: str = "") -> checksums.StoredFile:
    """Open a Parquet file of ours for reading; what is read of it is compared with its checksums.

    `lake.places` opens files of the manifest, wherever they lie.

    Args:
        path: The file.
        schema: Its schema; a nullable column that the file was written before is read as null.
        place: What to call where it lies, if not by its path.

    Raises:
        LakeError: FILE_MISSING, FILE_DAMAGED.
    """
    try:
        name = os.fspath(path)
        try:
            parquet = checksums.opened(name, columns.words(schema))
        except KeyError:  # it lacks one of these
            with checksums.opened(name, []) as found:
                parquet = checksums.opened(name, columns.words(schema, found.schema_arrow.names))
        (parquet.numbers, parquet.absent, parquet.has_lists, parquet.blanks) = columns.layout(parquet, schema)
    except (FileNotFoundError, NotADirectoryError):
        raise missing(path) from None
    except (OSError, pa.ArrowException, KeyError, UnicodeDecodeError) as error:
        raise LakeError("FILE_DAMAGED", f"a file of the lake cannot be opened: {error}", where=place or name) from error
    parquet.place = place or name
    return parquet


def missing(path: Path | str) -> LakeError:
    """Return the error for a file of the manifest that is not where it should be."""
    return LakeError("FILE_MISSING", f"a file of the lake is gone: {str(path).rpartition('/')[2]}", where=str(path))


def read_group(parquet: checksums.StoredFile, group: int, names: list[str], unread: Collection[str] = ()) -> pa.Table:
    """Read columns of one row group, of the `unread` ones only the checksums; FILE_DAMAGED when a page is another."""
    with explained(parquet):
        parquet.check(group, names)
        wanted = [name for name in names if name not in unread]
        table = parquet.read_row_group(group, columns=wanted, use_threads=False)
    return columns.completed(lists.clean(table) if parquet.has_lists else table, wanted, parquet.absent)


def groups_between(
    parquet: checksums.StoredFile, schema: Schema, start_ns: int | None, end_ns: int | None
) -> list[int]:
    """Return the row groups of an open file that may have rows of [start_ns, end_ns), by their statistics."""
    groups = list(range(parquet.num_row_groups))
    if len(groups) == 1:
        return groups
    scale = layout.NS_PER[rows.unit(schema)]
    index = parquet.schema_arrow.get_field_index("ts")

    def may_hold(statistics: pq.Statistics | None) -> bool:
        if statistics is None or not statistics.has_min_max:
            return True
        low, high = (int(v) * scale for v in (statistics.min_raw, statistics.max_raw))
        return (end_ns is None or low < end_ns) and (start_ns is None or high >= start_ns)

    return [g for g in groups if may_hold(parquet.metadata.row_group(g).column(index).statistics)]


def read_pieces(parquet: checksums.StoredFile, names: list[str], groups: list[int] | None = None) -> Iterator[pa.Table]:
    """Yield the rows of an open file in order, a few thousand at a time, so that many files can be read side by side.

    Args:
        parquet: The file.
        names: Which columns.
        groups: Only these row groups.

    Raises:
        LakeError: FILE_DAMAGED.
    """
    for group in range(parquet.num_row_groups) if groups is None else groups:
        with explained(parquet):
            parquet.check(group, names)
            held = parquet.metadata.row_group(group)
            some = min(PIECE_ROWS, max(1, _PIECE_BYTES * held.num_rows // max(1, held.total_byte_size)))
            batches = parquet.iter_batches(some, row_groups=[group], columns=names, use_threads=False)
        while True:
            with explained(parquet):
                batch = next(batches, None)
            if batch is None:
                break
            table = pa.Table.from_batches([batch])
            yield columns.completed(lists.clean(table) if parquet.has_lists else table, names, parquet.absent)


@contextmanager
def explained(parquet: checksums.StoredFile) -> Iterator[None]:
    """Say of what goes wrong in the block that a file is not what was written."""
    try:
        yield
    except (OSError, pa.ArrowException, KeyError, UnicodeDecodeError) as error:
        raise LakeError("FILE_DAMAGED", f"a file of the lake cannot be read: {error}", where=parquet.place) from error


def publish(data: Path, staged: Sequence[StagedFile]) -> None:
    """Make staged files durable and move them into place, with every folder on the way to them.

    Raises:
        LakeError: DISK_FULL or STORAGE. Files already moved stay as orphans: nothing is in the manifest yet.
    """
    try:
        with ThreadPoolExecutor(_SYNC_THREADS, thread_name_prefix="sync") as pool:
            _sync_all(pool, [f.temporary for f in staged])
            folders: set[str] = set()
            for file in staged:
                folder = file.path.rpartition("/")[0]
                if folder not in folders:
                    (data / folder).mkdir(parents=True, exist_ok=True)
                # Every folder on the way, not the new ones only: another process may have made one and not synced it.
                while folder not in folders:
                    folders.add(folder)
                    folder = folder.rpartition("/")[0]
                file.temporary.rename(data / file.path)
            _sync_all(pool, [data / folder for folder in folders])
    except OSError as error:
        raise storage_error(error, data) from error


def _sync_all(pool: ThreadPoolExecutor, paths: Sequence[Path]) -> None:
    def some(first: int) -> None:  # a job a thread: one a file costs more than its call
        for path in paths[first::_SYNC_THREADS]:
            _sync(path)

    list(pool.map(some, range(_SYNC_THREADS)))


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def discard(data: Path, staged: Iterable[StagedFile]) -> None:
    """Remove files that are known not to be in the manifest, wherever they lie."""
    for file in staged:
        for path in (file.temporary, data / file.path):
            with suppress(OSError):
                path.unlink(missing_ok=True)
