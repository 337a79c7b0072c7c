"""The one way in for bytes: staged partitions become a snapshot, whole or not at all. And `write` for users' tables."""

from __future__ import annotations

import fcntl
import os
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol, Self

import pyarrow as pa

from lake import files, layout, rows, validate
from lake.errors import LakeError
from lake.intake import Intake
from lake.manifest import Manifest, Writer
from lake.manifest.rows import Change, CheckRecord, Conflict, Instrument, LedgerRecord, NewFile
from lake.merge import Counts
from schemas.arrow import arrow_schema
from schemas.assets import schema_of
from schemas.columns import IDENTITY
from schemas.periods import Period

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from lake.config import Config
    from lake.files import StagedFile
    from lake.intake import Settled
    from lake.manifest.rows import FileRow
    from schemas.columns import Schema
    from schemas.keys import Address

Mode = Literal["upsert", "append", "replace"]


class Tabular(Protocol):
    """A table of any library: Arrow, pandas, Polars, DuckDB."""

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """Export the rows as an Arrow stream."""
        ...


@dataclass(frozen=True, slots=True)
class WriteResult:
    """What a write did: the new snapshot (the current one when nothing changed) and where the rows went."""

    snapshot: int
    rows: dict[str, int]
    files_written: int


@dataclass(slots=True)
class Delivery:
    """What one run wants to become part of the lake, for one series."""

    address: Address
    schema: Schema
    intake: Intake
    settled: list[Settled]
    removed: list[FileRow] = field(default_factory=list)
    """Live files to go without a successor."""
    before_commit: Callable[[], None] = lambda: None
    """Called when the partitions are as they will be committed; again after every lost race."""


def commit(config: Config, writer: Writer, change: Change, delivery: Delivery) -> int:
    """Publish the staged files and commit them in one transaction; merge again when another writer was first.

    Files that lost a race are removed. After an unknown outcome nothing is: see `Writer.commit`.

    Args:
        config: The lake.
        writer: The manifest's writer, whose run is under way.
        change: What else the snapshot holds; its files, checks, touched and corrected are filled in here.
        delivery: The partitions.

    Returns:
        The number of the new snapshot.

    Raises:
        LakeError: LOCKED when the race could not be won in time; DISK_FULL, STORAGE; CONFLICT from a new merge.
        AlreadyIngested: The same ingest became current meanwhile.
    """
    deadline = time.monotonic() + config.wait_s
    outrun: list[StagedFile] = []
    with _Turn(config) as turn:
        while True:
            published = [s.staged for s in delivery.settled if s.staged is not None]
            _publish(config, delivery.settled)
            _fill(change, delivery)
            delivery.before_commit()
            try:
                snapshot = writer.commit(change)
            except Conflict as lost:
                if time.monotonic() > deadline:
                    files.discard(config.data, published)
                    raise LakeError(
                        "LOCKED", "other writers kept changing the same partitions", where=str(lost)
                    ) from lost
                turn.wait(deadline)
                outrun += _merge_again(config, delivery, {label for _, label in lost.partitions})
            except LakeError as error:
                if error.code in _NOTHING_WRITTEN:
                    files.discard(config.data, published)
                raise
            else:
                files.discard(config.data, outrun)
                return snapshot


def _publish(config: Config, settled: list[Settled]) -> None:
    waiting = [s.staged for s in settled if s.staged is not None and s.staged.temporary.exists()]
    files.publish(config.data, waiting)
    moved = {f.temporary: config.data / f.path for f in waiting}
    for run in (r for s in settled for r in s.runs):
        if run.path in moved:
            run.path = moved[run.path]


def _fill(change: Change, delivery: Delivery) -> None:
    address, version = delivery.address, delivery.schema.version
    change.files, change.checks = [], []
    change.touched = [(address, s.partition.label) for s in delivery.settled]
    change.corrected = [(address, s.partition.label) for s in delivery.settled if s.counts.corrected or s.rewrites]
    change.corrected += [(address, f.partition) for f in delivery.removed]
    change.removed = [f.id for f in delivery.removed]
    for s in delivery.settled:
        for ts in s.proven:
            detail = f"the bar at {ts} was repeated by a later source"
            change.checks.append(CheckRecord(address, s.partition.label, "bar_complete", passed=True, detail=detail))
        if s.staged is None:
            continue
        change.files.append(_new_file(s, s.staged, version))


def _new_file(settled: Settled, staged: StagedFile, schema_version: int) -> NewFile:
    return NewFile(
        address=staged.address,
        partition=settled.partition.label,
        start_ns=settled.partition.start_ns,
        end_ns=settled.partition.end_ns,
        path=staged.path,
        rows=staged.rows,
        bytes=staged.bytes,
        first_ns=staged.first_ns,
        last_ns=staged.last_ns,
        sha256=staged.sha256,
        content_hash=staged.content_hash,
        schema_version=schema_version,
        unproven=settled.unproven,
        replaces=settled.replaces.id if settled.replaces else None,
    )


def _merge_again(config: Config, delivery: Delivery, labels: set[str]) -> list[StagedFile]:
    """Merge the lost partitions with what is stored now; return the losing files that still hold the source's rows."""
    with Manifest.open(config) as manifest:
        live = _live(manifest, delivery.address, sorted(labels))
    still_read: list[StagedFile] = []
    for i, old in enumerate(delivery.settled):
        label = old.partition.label
        if label not in labels:
            continue
        delivery.settled[i] = delivery.intake.merge(old.partition, old.runs, old.own, live.get(label))
        if old.staged is None:
            continue
        if any(run.file is old.staged for run in old.runs):
            still_read.append(old.staged)
        else:
            files.discard(config.data, [old.staged])
    return still_read


def _live(manifest: Manifest, address: Address, labels: list[str] | None = None) -> dict[str, FileRow]:
    series = manifest.find(address)
    return {} if series is None else manifest.current(series.id, labels)


_NOTHING_WRITTEN = {"E_LOCKED", "E_SYMBOL_CASE"}
"""Errors of a commit that leave no doubt."""


class _Turn:
    """A lock for writers that lost a race, so that they queue instead of racing each other again and again."""

    def __init__(self, config: Config) -> None:
        self._path = config.data / layout.STAGING / ".turn"
        self._descriptor: int | None = None

    def __enter__(self) -> Self:
        return self

    def wait(self, deadline: float) -> None:
        """Take the turn, unless it is held already; LakeError LOCKED when the deadline passes first."""
        if self._descriptor is not None:
            return
        self._descriptor = os.open(self._path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o644)
        while True:
            try:
                fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise LakeError("LOCKED", "other writers hold the lake", where=str(self._path)) from None
                time.sleep(0.005)
            else:
                return

    def __exit__(self, *_: object) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)


@contextmanager
def run(writer: Writer, kind: str, command: str) -> Iterator[str]:
    """Record a run in the manifest from its start to its end, whatever the end is; yield its id.

    A run that commits is ended by its commit; any other by how the block is left.
    """
    run_id = writer.start_run(kind, command)
    try:
        yield run_id
    except LakeError as error:
        status: Any = "refused" if error.exit == 12 else "failed"
        writer.end_run(run_id, status, {"code": error.code, "message": error.message, "where": error.where})
        raise
    except KeyboardInterrupt:
        writer.end_run(run_id, "interrupted")
        raise
    except Exception as error:
        writer.end_run(run_id, "failed", {"code": "E_UNEXPECTED", "message": repr(error)})
        raise


def write(config: Config, address: Address, data: Tabular, *, mode: Mode = "upsert", message: str = "") -> WriteResult:
    """Write a table into a series, all rows or none.

    Args:
        config: The lake.
        address: The series; it is made when it does not exist.
        data: Anything with `__arrow_c_stream__` (Arrow, pandas, Polars, DuckDB). Columns by name as in the schema,
            nullable ones may be missing; times without a zone are UTC.
        mode: `upsert` merges by natural key or multiplicity; `append` refuses rows that are not behind the last stored
            one; `replace` puts the rows in the place of everything stored between the first and the last of them.
        message: Kept with the snapshot.

    Raises:
        LakeError: COLUMN_MISSING, SCHEMA (rows break the schema), CONFLICT (append), LOCKED, DISK_FULL, STORAGE.
    """
    schema = schema_of(address.key)
    with Writer(config) as writer, run(writer, "write", f"write {mode} {address}") as run_id:
        with Manifest.open(config) as manifest:
            series = manifest.find(address)
            live = _live(manifest, address)
        staging = files.Staging(config.data, run_id)
        try:
            with ThreadPoolExecutor(config.threads, thread_name_prefix="write") as pool:
                intake = Intake(
                    staging=staging,
                    data=config.data,
                    address=address,
                    schema=schema,
                    run_id=run_id,
                    live=live,
                    on_conflict="newest",
                    pool=pool,
                    budget=config.memory_mb * 1_000_000 // 2,
                )
                try:
                    waive = series is not None and series.price_may_be_negative
                    read = _take_in(intake, data, schema, address, waive=waive)
                    removed = _prepare(intake, schema, live, mode, address)
                    delivery = Delivery(address, schema, intake, intake.settle(), removed=removed)
                    return _deliver(config, writer, delivery, run_id, read, message)
                finally:
                    intake.close()
        finally:
            staging.close()


def _deliver(config: Config, writer: Writer, delivery: Delivery, run_id: str, read: int, message: str) -> WriteResult:
    change = Change(run_id=run_id, operation="write", message=message, ends_run=True)
    change.instruments = {delivery.address: Instrument(delivery.address.symbol)}
    counts = Counts()

    def complete() -> None:
        nonlocal counts
        counts = Counts()
        for s in delivery.settled:
            counts.add(s.counts)
        change.ledger = LedgerRecord(
            read=read,
            new=counts.new,
            identical=counts.identical,
            corrected=counts.corrected,
            superseded=counts.superseded,
            rows_out=read,
        )

    delivery.before_commit = complete
    complete()
    result = _numbers(counts) | {"read": read}
    if not counts.changes and not delivery.removed and not any(s.rewrites for s in delivery.settled):
        writer.end_run(run_id, "unchanged")
        with Manifest.open(config) as manifest:
            return WriteResult(manifest.snapshot(), result, 0)
    snapshot = commit(config, writer, change, delivery)
    return WriteResult(snapshot, _numbers(counts) | {"read": read}, len(change.files))


def _numbers(counts: Counts) -> dict[str, int]:
    return {k: getattr(counts, k) for k in ("new", "identical", "corrected", "superseded")}


def _prepare(intake: Intake, schema: Schema, live: dict[str, FileRow], mode: Mode, address: Address) -> list[FileRow]:
    """Make the mode's demands; return the live files that a replacement empties."""
    if intake.first is None or intake.last is None or not live:
        return []
    scale = layout.NS_PER[rows.unit(schema)]
    first, last = intake.first, intake.last
    if mode == "append":
        stored = max(f.last_ns for f in live.values())
        if first * scale <= stored:
            raise LakeError(
                "CONFLICT",
                "the rows to append are not behind those stored",
                where=str(address),
                why="mode append only adds behind the last stored row.",
                fix=['mode="upsert"', 'or mode="replace"'],
            )
    if mode != "replace":
        return []

    def outside(table: pa.Table) -> pa.Table:
        ts = rows.times(table)
        return table.filter(pa.array((ts < first) | (ts > last)))

    intake.keep_stored = outside
    return intake.claim(first * scale, last * scale)


def _take_in(intake: Intake, data: Tabular, schema: Schema, address: Address, *, waive: bool) -> int:
    if getattr(getattr(data, "index", None), "name", None) == "ts":
        data = data.reset_index()  # type: ignore[attr-defined]  # a pandas frame indexed by time
    if not hasattr(data, "__arrow_c_stream__"):
        msg = (
            f"{type(data).__name__} is not a table: expected Arrow, pandas, Polars or anything with __arrow_c_stream__"
        )
        raise LakeError("USAGE", msg, where=str(address))
    grid = Period.parse(address.period).grid_us if address.type == "bars" else None
    read = 0
    for batch in pa.RecordBatchReader.from_stream(data):
        typed = conform(batch, schema, address)
        _, rejected = validate.split(typed, schema, grid_us=grid, waive=waive)
        if rejected:
            first = rejected[0]
            raise LakeError(
                "SCHEMA",
                f"{len(rejected):,} rows break the schema of {address.key}; nothing was written",
                where=f"row {read + first.index}: {first.reason}: {first.detail}",
                why="A write is all or nothing.",
                fix=["drop or mend these rows first"],
            )
        intake.add(typed)
        read += typed.num_rows
    return read


def conform(batch: pa.RecordBatch, schema: Schema, address: Address) -> pa.RecordBatch:
    """Give a batch the columns and types of a schema, without the identity ones.

    Raises:
        LakeError: COLUMN_MISSING, or SCHEMA for an unknown column or a value that does not fit its type.
    """
    wanted = arrow_schema(schema, identity=False)
    names = set(batch.schema.names)
    unknown = names - set(wanted.names) - {c.name for c in IDENTITY} - {"__index_level_0__"}
    if unknown:
        raise LakeError(
            "SCHEMA",
            f"unknown columns: {', '.join(sorted(unknown))}",
            where=str(address),
            why=f"The schema of {address.key} is closed.",
            fix=[f"keep to {', '.join(wanted.names)}"],
        )
    arrays = []
    for target in wanted:
        if target.name not in names:
            if not target.nullable:
                raise LakeError("COLUMN_MISSING", f"column {target.name!r} is missing", where=str(address))
            arrays.append(pa.nulls(batch.num_rows, target.type))
            continue
        arrays.append(_cast(batch.column(target.name), target, address))
    return pa.RecordBatch.from_arrays(arrays, schema=wanted)


def _cast(column: pa.Array, target: pa.Field, address: Address) -> pa.Array:
    try:
        if pa.types.is_timestamp(target.type) and pa.types.is_integer(column.type):
            msg = "integers are no times: make them timestamps first"
            raise pa.ArrowInvalid(msg)  # noqa: TRY301 -- one place turns them into a LakeError
        if pa.types.is_dictionary(target.type) and not pa.types.is_dictionary(column.type):
            return column.cast(pa.string()).dictionary_encode()
        return column.cast(target.type)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise LakeError("SCHEMA", f"column {target.name!r}: {error}", where=str(address)) from error
