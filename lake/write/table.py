"""Writing a user's table into a series: all rows or none."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lake import space, validate
from lake.declared import schema_of
from lake.errors import LakeError
from lake.intake import Intake, Memory
from lake.manifest import Manifest, Writer
from lake.manifest.rows import Change, Instrument, LedgerRecord
from lake.merge import Counts
from lake.outcome import no_checks
from lake.places import Places
from lake.sources.times import bounds
from lake.staging import Staging
from lake.write.appending import not_behind
from lake.write.commit import Delivery, commit, run
from lake.write.modes import prepare, refuse_overtaken, refuse_unknown
from lake.write.sealed import live_files
from schemas.arrow import arrow_schema
from schemas.columns import IDENTITY
from schemas.keys import normalise
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
                    waive = series is not None and series.price_may_be_negative
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
                fix=["pa.table(rows)"],
            )
        for batch in pa.RecordBatchReader.from_stream(data):
            for start in range(0, batch.num_rows, _SLICE_ROWS) or [0]:
                yield batch.slice(start, _SLICE_ROWS)
    except (pa.ArrowException, ValueError, TypeError) as error:
        if str(error).rstrip().endswith("\nKeyboardInterrupt"):  # in a generator of batches, Arrow makes it its own
            raise KeyboardInterrupt from error
        raise LakeError(
            "SCHEMA",
            f"the table cannot be read: {_one_line(error)}",
            where=str(address),
            why="Arrow could not make a table of what was given, or the reading of it failed.",
            fix=["give every column one name and one type"],
        ) from error


def _one_line(error: Exception) -> str:
    """Return what an error says, without the traceback that Arrow adds to those of Python."""
    said = str(error).partition(" Detail: Python exception:")[0].split("\n")[0].strip()
    return said or type(error).__name__


def conform(batch: pa.RecordBatch, schema: Schema, address: Address, *, before: int = 0) -> pa.RecordBatch:
    """Give a batch the columns and types of a schema, without the identity ones.

    Args:
        batch: The rows.
        schema: What they are to become.
        address: The series they are meant for; where they name another one, they are refused.
        before: How many rows came before these, for what is said of one.

    Raises:
        LakeError: COLUMN_MISSING, or SCHEMA for an unknown column, another series' name, a value that does not fit its
            type, or a time outside the years 1800 to 2199.
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
    for column in IDENTITY:
        if column.name in names:
            _refuse_other_series(batch.column(column.name), column.name, address)
    arrays = []
    for target in wanted:
        if target.name not in names:
            if not target.nullable:
                raise LakeError("COLUMN_MISSING", f"column {target.name!r} is missing", where=str(address))
            arrays.append(pa.nulls(batch.num_rows, target.type))
            continue
        arrays.append(_cast(batch.column(target.name), target, address, before))
    return pa.RecordBatch.from_arrays(arrays, schema=wanted)


def _refuse_other_series(column: pa.Array, name: str, address: Address) -> None:
    """Refuse rows that say they are of another exchange, market or symbol than the address."""
    own = getattr(address, name)
    try:
        found = _different(column)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        why, fix = "Names of a series are texts.", [f"drop the column {name}: the address says it"]
        message = f"column {name!r}: {_one_line(error)}"
        raise LakeError("SCHEMA", message, where=str(address), why=why, fix=fix) from error
    for value in found:
        if value is None or _spelt(value) == own:
            continue
        raise LakeError(
            "SCHEMA",
            f"the table has rows of {name} {value!r}, and the address says {own!r}",
            where=str(address),
            why="Rows of one series would be stored as another's.",
            fix=["write each series' rows to its own address", f"or drop the column {name}"],
        )


def _different(column: pa.Array) -> list[str | None]:
    """Return a column's values as texts, each once."""
    if not pa.types.is_dictionary(column.type):
        texts: list[str | None] = column.cast(pa.string()).unique().to_pylist()
        return texts
    words = column.dictionary.cast(pa.string()).to_pylist()
    return [words[i] for i in column.indices.unique().to_pylist() if i is not None]


def _spelt(name: str) -> str | None:
    try:
        return normalise(name)
    except ValueError:
        return None


def _cast(column: pa.Array, target: pa.Field, address: Address, before: int) -> pa.Array:
    try:
        if pa.types.is_timestamp(target.type):
            return _times(column, target.type, before)
        if pa.types.is_dictionary(column.type) and column.dictionary.null_count:
            column = column.dictionary_decode()  # Parquet has no null among the words
        words = pa.types.is_dictionary(target.type)
        if words or pa.types.is_string(target.type):
            column = _without_fractions(column)
        if words and not pa.types.is_dictionary(column.type):
            return column.cast(pa.string()).dictionary_encode()
        return column.cast(target.type)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        reason = "bad_timestamp: " if pa.types.is_timestamp(target.type) else ""
        raise LakeError(
            "SCHEMA",
            f"column {target.name!r}: {reason}{_one_line(error)}",
            where=str(address),
            why="A value does not fit the column's type.",
            fix=[f"make the column {target.type}"],
        ) from error


def _times(column: pa.Array, target: pa.TimestampType, before: int) -> pa.Array:
    """Cast to times; ArrowInvalid for what is none, or lies outside the years 1800 to 2199."""
    if pa.types.is_integer(column.type):
        msg = "integers are no times: make them timestamps first"
        raise pa.ArrowInvalid(msg)
    times = column if pa.types.is_timestamp(column.type) else column.cast(target)
    unit = times.type.unit
    low, high, _ = bounds(unit)
    numbers = times.view(pa.int64())
    found = pc.min_max(numbers).as_py()
    if found["min"] is not None and (found["min"] < low or found["max"] > high):
        outside = pc.or_(pc.less(numbers, low), pc.greater(numbers, high))
        row = outside.index(pa.scalar(value=True)).as_py()
        msg = f"row {before + row}: {np.datetime64(numbers[row].as_py(), unit)} is outside the years 1800 to 2199"
        raise pa.ArrowInvalid(msg)
    return times.cast(target)


def _without_fractions(column: pa.Array) -> pa.Array:
    """Turn floats, which pandas makes of whole numbers when one is missing, into these; leave other columns."""
    words = pa.types.is_dictionary(column.type)
    if not pa.types.is_floating(column.type.value_type if words else column.type):
        return column
    numbers = (column.dictionary_decode() if words else column).cast(pa.float64())
    values = numbers.drop_null().to_numpy()
    broken = values[~((np.abs(values) < 2**53) & (values == np.trunc(values)))]
    if len(broken):
        msg = f"{float(broken[0])!r} is no text, and not a whole number that a float holds exactly"
        raise pa.ArrowInvalid(msg)
    return numbers.cast(pa.int64())
