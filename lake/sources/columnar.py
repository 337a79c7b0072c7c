"""Parquet and Arrow IPC files (Feather included): read by batches, mapped by column names, checked like text."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyarrow import ipc

from lake.errors import LakeError
from lake.sources import times
from lake.sources.careful import PRICES, Bad, shown
from lake.sources.dialects import DIALECTS
from lake.sources.generic import draft_by_names
from lake.sources.model import MAX_RAW, Batch, Reject
from lake.sources.recipe import Recipe
from lake.sources.resolve import TIME_TARGETS, Draft, column_of, constants, sides_of
from lake.sources.times import TimeColumn
from schemas.arrow import arrow_schema

if TYPE_CHECKING:
    import re
    from collections.abc import Iterator
    from pathlib import Path

    from lake.sources.model import Plan, SourceOptions
    from lake.sources.sniff import Head
    from schemas.columns import Schema

BATCH_ROWS = 16_384
HEAD_ROWS = 1000
_MAX_CELL = 1 << 16


@dataclass(frozen=True, slots=True)
class ColumnarBlock:
    """Some records, and the 1-based number of the first."""

    records: Any
    first: int


class _File:
    """An opened Parquet or Arrow file: its schema, and its records in batches of the columns asked for."""

    def __init__(self, path: Path, kind: str) -> None:
        self.path = path
        try:
            self._source = pa.OSFile(str(path), "rb")
            if kind == "parquet":
                self._parquet = pq.ParquetFile(self._source, pre_buffer=False, page_checksum_verification=True)
                self.schema = self._parquet.schema_arrow
            else:
                self._parquet = None
                self._reader = self._open_ipc()
                self.schema = self._reader.schema
        except (pa.ArrowException, OSError) as error:
            raise self.damaged(error) from error

    def _open_ipc(self) -> Any:  # noqa: ANN401 -- pyarrow has no types
        if self._source.read(6) == b"ARROW1":
            self._source.seek(0)
            return ipc.open_file(self._source)
        self._source.seek(0)
        return ipc.open_stream(self._source)

    def damaged(self, error: BaseException) -> LakeError:
        """Return the error for a file that cannot be read."""
        said = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
        return LakeError("SOURCE_UNREADABLE", f"{self.path.name} cannot be read: {said}", where=str(self.path))

    def batches(self, columns: list[int]) -> Iterator[Any]:
        """Yield record batches of BATCH_ROWS at most, with the columns at these places, in this order."""
        names = [self.schema.names[place] for place in columns]
        try:
            if self._parquet is not None:
                for batch in self._parquet.iter_batches(BATCH_ROWS, columns=names, use_threads=False):
                    yield pa.RecordBatch.from_arrays([batch.column(name) for name in names], names=names)
                return
            for batch in self._ipc_batches():
                picked = pa.RecordBatch.from_arrays([batch.column(place) for place in columns], names=names)
                for start in range(0, len(picked), BATCH_ROWS):
                    yield picked.slice(start, BATCH_ROWS)
        except (pa.ArrowException, OSError) as error:
            raise self.damaged(error) from error

    def _ipc_batches(self) -> Iterator[Any]:
        if hasattr(self._reader, "num_record_batches"):
            for number in range(self._reader.num_record_batches):
                yield self._reader.get_batch(number)
        else:
            yield from self._reader

    def close(self) -> None:
        """Close the file."""
        self._source.close()


def draft_columnar(head: Head, options: SourceOptions) -> tuple[Draft, Recipe]:
    """Choose how a Parquet or Arrow source is read; the same refusals as for text."""
    dialect = _dialect(head, options)
    if dialect is None and options.format not in {None, head.kind}:
        raise LakeError("FORMAT_MISMATCH", f"{head.path.name} is a {head.kind} file, not {options.format}")
    file = _File(head.path, head.kind)
    try:
        names = list(file.schema.names)
        doubled = sorted({name for name in names if names.count(name) > 1})
        flat = [n if not pa.types.is_nested(file.schema.field(i).type) else "" for i, n in enumerate(names)]
        if dialect is not None:
            match, found = dialect
            absent = [name for name in found.required if name not in names]
            if absent:
                raise LakeError("FORMAT_MISMATCH", f"{head.path.name} is not in {found.name}: no column {absent[0]}")
            draft = Draft(found.asset, {t: names.index(n) for n, t in found.by_name.items() if n in names}, found)
            draft.groups, draft.zone = match.groupdict() if match else {}, options.tz or found.zone
            draft.evidence = [f"file name {head.path.name}", f"columns {', '.join(names)}"]
        else:
            draft = draft_by_names(flat, (), len(flat), options)
        if any(names[column] in doubled for column in draft.targets.values()):
            raise LakeError("AMBIGUOUS", f"{head.path.name} has more than one column {doubled[0]!r}")
        draft.evidence.append(f"a {head.kind} file")
        return draft, _recipe(draft, head, file)
    finally:
        file.close()


def _dialect(head: Head, options: SourceOptions) -> tuple[re.Match[str] | None, Any] | None:
    import re

    if options.columns:
        return None
    for dialect in DIALECTS.values():
        match = re.fullmatch(dialect.file, head.path.name) if dialect.file else None
        asked = options.format == dialect.name
        if dialect.container == "arrow" and head.kind == "arrow" and (asked or (match and options.format is None)):
            return match, dialect
    if options.format in DIALECTS:
        raise LakeError("FORMAT_MISMATCH", f"{head.path.name} is a {head.kind} file, not {options.format}")
    return None


def _recipe(draft: Draft, head: Head, file: _File) -> Recipe:
    """Return the recipe; its column numbers are places in the file's schema."""
    places = sorted(set(draft.targets.values()))
    batch = next(file.batches(places), None)
    if batch is None or not len(batch):
        raise LakeError(
            "FORMAT_UNKNOWN", f"{head.path.name} has columns and no rows", fix=["nothing is there to ingest"]
        )
    batch = batch.slice(0, HEAD_ROWS)
    texts = [[("" if v is None else str(v)) for v in _python(batch.column(i))] for i in range(len(places))]
    rows = list(zip(*texts, strict=True))
    inside = {target: places.index(place) for target, place in draft.targets.items()}
    clocks = []
    for target in TIME_TARGETS:
        columns = tuple(inside[t] for t in ((target,) if target in inside else ("ts.date", "ts.time")) if t in inside)
        if columns and (target == "ts" or target in inside):
            clocks.append(_clock(draft, target, columns, [batch.column(c) for c in columns]))
    fields = {
        ("side" if target == "buyer_maker" else target): column
        for target, column in inside.items()
        if target not in {*TIME_TARGETS, "ts.date", "ts.time", "symbol", "exchange", "period"}
    }
    return Recipe(
        kind="parquet" if head.kind == "parquet" else "arrow",
        names=tuple(f"{place}" for place in places),
        times=tuple(clocks),
        fields=fields,
        sides=dict(sides_of(draft)),
        constants=tuple(constants(replace(draft, targets=inside), rows)),
    )


def _clock(draft: Draft, target: str, columns: tuple[int, ...], arrays: list[Any]) -> TimeColumn:
    kind = arrays[0].type
    if len(arrays) == 1 and (pa.types.is_timestamp(kind) or pa.types.is_date(kind)):
        if pa.types.is_date(kind):
            return TimeColumn(target, columns, "stamp", labels=True)
        if kind.tz is None and draft.zone is None and target == "ts":
            draft.warnings.append("the times carry no zone and are taken as UTC; --tz says otherwise")
        return TimeColumn(target, columns, "stamp", zone="UTC" if kind.tz else draft.zone or "UTC")
    cells = [" ".join(str(v) for v in row if v is not None) for row in zip(*map(_python, arrays), strict=True)]
    made = column_of(target, columns, [cell for cell in cells if cell])
    if made.text is None or made.text.aware or not made.text.clock:
        return made
    if draft.zone is None and target == "ts":
        draft.warnings.append("the times carry no zone and are taken as UTC; --tz says otherwise")
    return replace(made, zone=draft.zone or "UTC")


def _python(array: Any) -> list[Any]:  # noqa: ANN401 -- pa.Array
    kind = array.type
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        return list(array.cast(pa.string()).to_pylist())
    return list(array.to_pylist())


class ColumnarParser:
    """Converts batches by a recipe; has no state of its own."""

    def __init__(self, recipe: Recipe, schema: Schema) -> None:
        self.recipe = recipe
        self.schema = schema
        self.arrow = arrow_schema(schema, identity=False)

    def parse(self, block: ColumnarBlock) -> Batch:
        """Convert one batch."""
        records, count = block.records, len(block.records)
        verdicts: dict[int, Bad] = {}
        made: dict[str, Any] = {}
        for clock in self.recipe.times:
            made[clock.target] = self._times(clock, records, verdicts)
        for reason in ("bad_number", "missing_value", "bad_value"):
            for target, column in self.recipe.fields.items():
                array, bad, why = _convert(target, records.column(column), self.schema, self.arrow, self.recipe)
                made[target] = array
                if why == reason:
                    _blame(verdicts, bad, records.column(column), reason, target)
        for constant in self.recipe.constants:
            said = records.column(constant.column).cast(pa.string())
            other = pc.fill_null(pc.not_equal(said, constant.value), True)  # noqa: FBT003 -- Arrow's signature
            _blame(verdicts, _flags(other), records.column(constant.column), "bad_value", constant.what)
        rejects = [
            Reject(bad.reason, block.first + row, _json(records, row), bad.detail)
            for row, bad in sorted(verdicts.items())
        ]
        arrays = [made[f.name] if f.name in made else pa.nulls(count, f.type) for f in self.arrow]
        kept = np.array([row for row in range(count) if row not in verdicts], dtype=np.int64) if verdicts else None
        if kept is not None:
            arrays = [array.take(pa.array(kept)) for array in arrays]
        rows = pa.RecordBatch.from_arrays(arrays, schema=self.arrow)

        def locate(row: int) -> tuple[int, str]:
            place = int(kept[row]) if kept is not None else row
            return block.first + place, _json(records, place)

        return Batch(rows, count, rejects, {}, locate)

    def _times(self, clock: TimeColumn, records: Any, verdicts: dict[int, Bad]) -> Any:  # noqa: ANN401
        arrays = [records.column(column) for column in clock.columns]
        values, bad, empty = _nanoseconds(clock, arrays)
        is_ts = clock.target == "ts"
        if is_ts:
            bad |= empty
        kind = self.arrow.field(clock.target).type
        if is_ts and kind.unit == "us":
            bad |= values % 1000 != 0
            values = values // 1000
        for row in np.flatnonzero(bad):
            said = " ".join(str(_python(array.slice(int(row), 1))[0]) for array in arrays)
            verdicts.setdefault(
                int(row), Bad("bad_timestamp", f"{shown(said)} is no time in {clock.text or clock.unit}")
            )
        return pa.array(values, mask=bad | empty).cast(pa.int64()).view(kind)


def _nanoseconds(clock: TimeColumn, arrays: list[Any]) -> tuple[Any, Any, Any]:
    """Return UTC ns, which rows are no times, and which are empty."""
    count = len(arrays[0])
    empty = np.logical_or.reduce([_flags(array.is_null()) for array in arrays])
    if clock.kind == "stamp":
        values, bad = _stamps(arrays[0], clock)
        return values, bad & ~empty, empty
    values, bad = np.zeros(count, dtype=np.int64), np.zeros(count, dtype=np.bool_)
    if clock.kind == "epoch" and pa.types.is_integer(arrays[0].type):
        raw = _integers(arrays[0].cast(pa.int64(), safe=False))
        found = times.bad_epochs(raw[~empty], clock.unit)
        if found is not None:
            bad[np.flatnonzero(~empty)[found]] = True
        return np.where(bad | empty, 0, raw) * times.UNIT_NS[clock.unit], bad, empty
    from lake.sources.careful import time_of

    cells = list(zip(*map(_python, arrays), strict=True))
    for row in np.flatnonzero(~empty):
        try:
            values[row] = time_of(clock, [str(cell) for cell in cells[int(row)]])
        except Bad:
            bad[row] = True
    return values, bad, empty


def _stamps(array: Any, clock: TimeColumn) -> tuple[Any, Any]:  # noqa: ANN401 -- pa.Array
    kind = array.type
    if pa.types.is_date(kind):
        unit, raw = times.DAY_NS, _integers(array.cast(pa.date32()).cast(pa.int32()).cast(pa.int64()))
    else:
        unit, raw = times.UNIT_NS[kind.unit], _integers(array.view(pa.int64()))
    high = (1 << 62) // unit
    bad = (raw > high) | (raw < -high)
    values = np.where(bad, 0, raw) * unit
    bad |= ~times.in_years(values)
    if clock.zone != "UTC" and not clock.labels:
        values, twice = times.to_utc(values, clock.zone)
        bad = bad if twice is None else bad | twice
    return np.where(bad, 0, values), bad


def _integers(array: Any) -> Any:  # noqa: ANN401 -- pa.Array to numpy
    return np.frombuffer(array.fill_null(0).buffers()[1], dtype=np.int64)[array.fill_null(0).offset :][: len(array)]


def _flags(array: Any) -> Any:  # noqa: ANN401 -- pa.BooleanArray to numpy
    return np.array(array.to_pylist(), dtype=np.bool_) if array.true_count else np.zeros(len(array), dtype=np.bool_)


def _blame(verdicts: dict[int, Bad], bad: Any, array: Any, reason: str, target: str) -> None:  # noqa: ANN401
    for row in np.flatnonzero(bad):
        said = shown(str(array[int(row)].as_py()))
        verdicts.setdefault(
            int(row), Bad(reason, f"{target} is empty" if reason == "missing_value" else f"{target} {said}")
        )


def _convert(target: str, array: Any, schema: Schema, arrow: Any, recipe: Recipe) -> tuple[Any, Any, str]:  # noqa: ANN401
    """Return the column in the schema's type, which rows are bad, and the reason they are."""
    column, kind = schema.column(target), arrow.field(target).type
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    try:
        if target == "side":
            return _sides(array, recipe)
        if pa.types.is_floating(kind):
            made, bad = _floats(array, nullable=column.nullable)
            if recipe.price_scale != 1 and target in PRICES:
                made = pc.divide(made, float(recipe.price_scale))
            if bad.any():
                return made, bad, "bad_number"
        elif pa.types.is_integer(kind):
            made = array.cast(kind)
        else:
            made = array.cast(pa.string())
    except pa.ArrowException as error:
        raise LakeError("FORMAT_UNKNOWN", f"column {target} of type {array.type} cannot be {kind}: {error}") from error
    missing = _flags(made.is_null()) if not column.nullable and made.null_count else np.zeros(len(made), dtype=np.bool_)
    return made, missing, "missing_value"


def _floats(array: Any, *, nullable: bool) -> tuple[Any, Any]:  # noqa: ANN401 -- pa.Array
    """Return float64 and which rows hold no number; NaN is how data frames write an empty cell."""
    if pa.types.is_decimal(array.type) or pa.types.is_string(array.type) or pa.types.is_large_string(array.type):
        from lake.sources.careful import number

        values: list[float | None] = []
        bad = np.zeros(len(array), dtype=np.bool_)
        for row, cell in enumerate(array.to_pylist()):
            try:
                values.append(
                    None if cell in {None, ""} else number("", f"{cell:f}" if isinstance(cell, Decimal) else cell)
                )
            except Bad:
                values.append(None)
                bad[row] = True
        return pa.array(values, type=pa.float64()), bad
    if pa.types.is_boolean(array.type) or pa.types.is_temporal(array.type):
        raise pa.ArrowInvalid("not a number")
    made = pc.if_else(pc.is_nan(wide := array.cast(pa.float64())), None, wide)
    infinite = pc.fill_null(pc.is_inf(made), False)  # noqa: FBT003 -- Arrow's signature
    del nullable
    return made, _flags(infinite)


def _sides(array: Any, recipe: Recipe) -> tuple[Any, Any, str]:  # noqa: ANN401 -- pa.Array
    words = ["" if cell is None else str(cell) for cell in array.to_pylist()]
    bad = np.array([bool(word) and word not in recipe.sides for word in words], dtype=np.bool_)
    indices = [{"buy": 0, "sell": 1}.get(recipe.sides.get(word, "")) for word in words]
    made = pa.DictionaryArray.from_arrays(pa.array(indices, type=pa.int32()), pa.array(["buy", "sell"]))
    return made, bad, "bad_value"


def _json(records: Any, row: int) -> str:  # noqa: ANN401 -- pa.RecordBatch
    cells = {name: _python(records.column(i).slice(row, 1))[0] for i, name in enumerate(records.schema.names)}
    return json.dumps(cells, default=_text, ensure_ascii=False)[:MAX_RAW]


def _text(value: object) -> str:
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    return value.isoformat() if isinstance(value, dt.time | dt.date) else str(value)


def first_rows(path: Path, recipe: Recipe, schema: Schema) -> Batch:
    """Parse the first records of a source."""
    file = _File(path, recipe.kind)
    try:
        batch = next(file.batches([int(name) for name in recipe.names]))
        return ColumnarParser(recipe, schema).parse(ColumnarBlock(batch.slice(0, HEAD_ROWS), 1))
    finally:
        file.close()


class ColumnarReader:
    """Reads a Parquet or Arrow source."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._file = _File(plan.path, plan.recipe.kind)
        self._parser = ColumnarParser(plan.recipe, plan.schema)
        self._sha256 = ""
        self._done = 0

    def parse(self, block: ColumnarBlock) -> Batch:
        """Convert one block; any thread may call it."""
        return self._parser.parse(block)

    @property
    def sha256(self) -> str:
        """SHA-256 of the file's bytes, in hex; valid once `blocks` is exhausted."""
        return self._sha256

    def progress(self) -> tuple[int, int]:
        """Bytes of the file consumed, and its size."""
        return self._done, self._plan.nbytes

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def blocks(self) -> Iterator[ColumnarBlock]:
        """Hash the file, then yield its records in batches."""
        with self._plan.path.open("rb") as file:
            self._sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        if self._plan.recipe.sha256 not in {None, self._sha256}:
            message = f"{self._plan.path.name} changed while it was read"
            raise LakeError("SOURCE_CHECKSUM", message, where=str(self._plan.path))
        first = 1
        for batch in self._file.batches([int(name) for name in self._plan.recipe.names]):
            yield ColumnarBlock(batch, first)
            first += len(batch)
        self._done = self._plan.nbytes
