"""Writing a user's table into a series: all rows or none."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import pyarrow as pa

from lake import space, validate
from lake.declared import schema_of
from lake.errors import LakeError
from lake.instruments import may_be_negative
from lake.intake import Intake, Memory
from lake.manifest import Manifest, Writer
from lake.manifest.rows import Change, Instrument, LedgerRecord
from lake.merge import Counts
from lake.outcome import no_checks
from lake.places import Places
from lake.staging import Staging
from lake.write.appending import not_behind
from lake.write.casting import conform, one_line
from lake.write.commit import Delivery, commit, run
from lake.write.modes import prepare, refuse_overtaken, refuse_unknown
from lake.write.sealed import live_files
from schemas.periods import Period

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from lake.config import Config
    from lake.outcome import Check
    from lake.write.modes import Mode
    from schemas.columns import Schema
    from schemas.keys import Address

_SLICE_ROWS = 65_536
"""A table may come as one batch; its rows are checked so many at a time."""
_SLICE_BYTES = 33_554_432
"""And so many bytes of them, for rows with long lists."""


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


def write(
    config: Config,
    address: Address,
    data: Tabular,
    *,
    mode: Mode = "upsert",
    message: str = "",
    checks: Callable[[str], Sequence[Check]] = no_checks,
) -> WriteResult:
    """Write a table into a series, all rows or none.

    Args:
        config: The lake.
        address: The series; it is made when it does not exist.
        data: Anything with `__arrow_c_stream__` (Arrow, pandas, Polars, DuckDB). Columns by name as in the schema,
            nullable ones may be missing; times without a zone are UTC.
        mode: `upsert` merges by natural key or multiplicity; `append` refuses rows that are not behind the last stored
            one (of features, by ts and then by known_at); `replace` puts the rows in the place of everything stored
            between the first and the last of them.
        message: Kept with the snapshot.
        checks: Gives the user's own checks of an asset, by its key.

    Raises:
        LakeError: USAGE (no such mode, no table), UNKNOWN_ASSET, COLUMN_MISSING, SCHEMA (rows break it, or are another
            series'), CHECK (a partition fails one that is blocking), CONFLICT (append), LOCKED, DISK_FULL, STORAGE.
    """
    refuse_unknown(mode, str(address))
    schema = schema_of(config, address.key)
    own = checks(address.key)
    space.require(config, space.size_of(data), f"the write to {address}")
    with Writer(config) as writer, run(writer, "write", f"write {mode} {address}") as run_id:
        with Manifest.open(config) as manifest:
            series = manifest.find(address)
            negative = may_be_negative(manifest, address)
            live = live_files(manifest, address)
        staging = Staging(config.data, run_id)
        try:
            with ThreadPoolExecutor(config.threads, thread_name_prefix="write") as pool:
                intake = Intake(
                    staging=staging,
                    places=Places(config),
                    address=address,
                    schema=schema,
                    run_id=run_id,
                    live=live,
                    on_conflict="fail" if mode == "append" else "newest",
                    pool=pool,
                    memory=Memory(config.memory_mb * 1_000_000 // 2),
                )
                try:
                    waive = negative or (series is not None and series.price_may_be_negative)
                    read = _take_in(intake, data, schema, address, waive=waive)
                    removed = prepare(config, intake, schema, live, mode, address)
                    delivery = Delivery(address, schema, intake, intake.settle(), removed, checks=own)
                    return _deliver(config, writer, delivery, run_id, read, mode, message)
                finally:
                    intake.close()
        finally:
            staging.close()


def _deliver(
    config: Config, writer: Writer, delivery: Delivery, run_id: str, read: int, mode: Mode, message: str
) -> WriteResult:
    change = Change(run_id=run_id, operation="write", message=message, ends_run=True)
    # A table has no vendor's spelling to hold against the series.
    change.instruments = {delivery.address: Instrument("")}
    counts = Counts()

    def complete() -> None:
        nonlocal counts
        if mode == "append":
            refuse_overtaken(config, delivery)
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

    complete()
    result = _numbers(counts) | {"read": read}
    if not counts.changes and not delivery.removed and not any(s.rewrites for s in delivery.settled):
        writer.end_run(run_id, "unchanged")
        with Manifest.open(config) as manifest:
            return WriteResult(manifest.snapshot(), result, 0)
    try:
        snapshot = commit(config, writer, change, [delivery], complete)
    except LakeError as error:
        if mode == "append" and error.code == "E_CONFLICT":  # whatever was found first: it was another writer's row
            raise not_behind(delivery.address) from error
        raise
    return WriteResult(snapshot, _numbers(counts) | {"read": read}, len(change.files))


def _numbers(counts: Counts) -> dict[str, int]:
    return {k: getattr(counts, k) for k in ("new", "identical", "corrected", "superseded")}


def _take_in(intake: Intake, data: Tabular, schema: Schema, address: Address, *, waive: bool) -> int:
    grid = Period.parse(address.period).grid_us if address.type == "bars" else None
    read = 0
    for batch in slices(data, address):
        typed = conform(batch, schema, address, before=read)
        _, rejected = validate.split(typed, schema, grid_us=grid, waive=waive)
        if rejected:
            first = rejected[0]
            raise LakeError(
                "SCHEMA",
                f"{len(rejected):,} of the first {read + len(typed):,} rows break the schema of {address.key};"
                " nothing was written",
                where=f"row {read + first.index}: {first.reason}: {first.detail}",
                why="A write is all or nothing.",
                fix=["drop or mend these rows first"],
            )
        intake.add(typed)
        read += typed.num_rows
    return read


def few_of(rows: int, nbytes: int) -> int:
    """Return how many rows are few, where so many have so many bytes."""
    return max(1, min(_SLICE_ROWS, _SLICE_BYTES * rows // max(1, nbytes)))


def few(batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    """Yield the rows of a batch few at a time; once where there are none."""
    step = few_of(batch.num_rows, batch.nbytes)
    for start in range(0, batch.num_rows, step) or [0]:
        yield batch.slice(start, step)


def slices(data: Tabular, address: Address) -> Iterator[pa.RecordBatch]:
    """Yield a table's rows, few at a time; LakeError USAGE or SCHEMA when it is none, or cannot be read."""
    try:
        if getattr(getattr(data, "index", None), "name", None) == "ts":
            data = data.reset_index()  # type: ignore[attr-defined]  # a pandas frame indexed by time
        if not hasattr(data, "__arrow_c_stream__"):
            raise LakeError(
                "USAGE",
                f"{type(data).__name__} is not a table",
                where=str(address),
                why="Rows are taken from Arrow, pandas, Polars or anything with __arrow_c_stream__.",
                fix=["pa.table(rows)" if not hasattr(data, "collect") else "rows.collect()"],
            )
        for batch in pa.RecordBatchReader.from_stream(data):
            yield from few(batch)
    except (pa.ArrowException, ValueError, TypeError) as error:
        if str(error).rstrip().endswith("\nKeyboardInterrupt"):  # in a generator of batches, Arrow makes it its own
            raise KeyboardInterrupt from error
        raise LakeError(
            "SCHEMA",
            f"the table cannot be read: {one_line(error)}",
            where=str(address),
            why="Arrow could not make a table of what was given, or the reading of it failed.",
            fix=["give every column one name and one type"],
        ) from error
