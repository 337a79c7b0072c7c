"""Writing a user's table into a series: all rows or none."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

import pyarrow as pa

from lake import layout, rows, validate
from lake.errors import LakeError
from lake.intake import Intake
from lake.lookup import schema_of
from lake.manifest import Manifest, Writer
from lake.manifest.rows import Change, Instrument, LedgerRecord
from lake.merge import Counts
from lake.staging import Staging
from lake.write.commit import Delivery, commit, live_files, run
from schemas.arrow import arrow_schema
from schemas.columns import IDENTITY
from schemas.periods import Period

if TYPE_CHECKING:
    from lake.config import Config
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
        LakeError: UNKNOWN_ASSET, COLUMN_MISSING, SCHEMA (rows break it), CONFLICT (append), LOCKED, DISK_FULL, STORAGE.
    """
    schema = schema_of(address.key)
    with Writer(config) as writer, run(writer, "write", f"write {mode} {address}") as run_id:
        with Manifest.open(config) as manifest:
            series = manifest.find(address)
            live = live_files(manifest, address)
        staging = Staging(config.data, run_id)
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
    change.instruments = {
        delivery.address: Instrument("")
    }  # a table has no vendor's spelling to hold against the series
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
        raise LakeError(
            "USAGE",
            f"{type(data).__name__} is not a table",
            where=str(address),
            why="Rows are taken from Arrow, pandas, Polars or anything with __arrow_c_stream__.",
            fix=["pa.table(rows)"],
        )
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
    if len(names) < len(batch.schema.names):
        twice = sorted({name for name in names if batch.schema.names.count(name) > 1})
        raise LakeError("SCHEMA", f"columns that come twice: {', '.join(twice)}", where=str(address))
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
        if pa.types.is_dictionary(column.type) and column.dictionary.null_count:
            column = column.dictionary_decode()  # Parquet has no null among the words
        if pa.types.is_dictionary(target.type) and not pa.types.is_dictionary(column.type):
            return column.cast(pa.string()).dictionary_encode()
        return column.cast(target.type)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise LakeError("SCHEMA", f"column {target.name!r}: {error}", where=str(address)) from error
