"""Records of a Parquet or Arrow file to rows of a schema: the same reasons and the same accounting as for text."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lake.errors import LakeError
from lake.sources import times
from lake.sources.arrays import array_of, flags
from lake.sources.careful import Bad, is_name, number, shown, time_of
from lake.sources.categories import coded, fixed
from lake.sources.model import MAX_RAW, Batch, Portion, Reject
from lake.sources.text import numbers
from schemas.arrow import arrow_schema
from schemas.columns import few_words

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from lake.sources.recipe import Recipe
    from lake.sources.times import TimeColumn
    from schemas.columns import Schema

    Flags = NDArray[np.bool_]

_REASONS = ("bad_number", "missing_value", "bad_value")


@dataclass(frozen=True, slots=True)
class ColumnarBlock:
    """Some records, and the 1-based number of the first."""

    records: Any
    first: int


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
        made = {clock.target: self._times(clock, records, verdicts) for clock in self.recipe.times}
        faults: list[tuple[str, str, Any, Flags]] = []
        for target, column in self.recipe.fields.items():
            made[target], found = self._convert(target, records.column(column))
            faults += [(reason, target, records.column(column), bad) for reason, bad in found]
        for constant in self.recipe.constants:
            said = records.column(constant.column).cast(pa.string())
            other = pc.fill_null(pc.not_equal(said, constant.value), True)  # noqa: FBT003 -- Arrow's signature
            faults.append(("bad_value", constant.what, said, _flags(other)))
        symbols = self._symbols(records, faults)
        for reason in _REASONS:
            for _, target, array, bad in [fault for fault in faults if fault[0] == reason]:
                _blame(verdicts, bad, array, reason, target)
        rejects = [
            Reject(bad.reason, block.first + row, _json(records, row), bad.detail)
            for row, bad in sorted(verdicts.items())
        ]
        made |= {target: fixed(self.schema, target, word, count) for target, word in self.recipe.fixed.items()}
        arrays = [made[f.name] if f.name in made else pa.nulls(count, f.type) for f in self.arrow]
        kept = np.array([row for row in range(count) if row not in verdicts], dtype=np.int64) if verdicts else None
        if kept is not None:
            arrays = [array.take(array_of(kept, pa.int64())) for array in arrays]
            symbols = None if symbols is None else symbols.take(array_of(kept, pa.int64()))
        rows = pa.RecordBatch.from_arrays(arrays, schema=self.arrow)

        def locate(row: int) -> tuple[int, str]:
            place = int(kept[row]) if kept is not None else row
            return block.first + place, _json(records, place)

        coded = None if symbols is None else symbols.dictionary_encode()
        return Batch([Portion(rows, locate, symbols=coded)], count, rejects, {})

    def _symbols(self, records: Any, faults: list[tuple[str, str, Any, Flags]]) -> Any:  # noqa: ANN401 -- pa.StringArray
        """Return each row's symbol, None where the file has one; which name no series is added to the faults."""
        if self.recipe.symbol is None:
            return None
        said = records.column(self.recipe.symbol).cast(pa.string())
        empty = _flags(pc.fill_null(pc.equal(said, ""), True))  # noqa: FBT003 -- Arrow's signature
        named = {word: is_name(word) for word in said.unique().to_pylist() if word}
        wrong = np.array([not named.get(word, True) for word in said.to_pylist()], dtype=np.bool_)
        faults += [("missing_value", "symbol", said, empty), ("bad_value", "symbol", said, wrong)]
        return said

    def _times(self, clock: TimeColumn, records: Any, verdicts: dict[int, Bad]) -> Any:  # noqa: ANN401 -- pa.Array
        arrays = [records.column(column) for column in clock.columns]
        values, bad, empty = _nanoseconds(clock, arrays)
        is_ts = clock.target == "ts"
        if is_ts:
            bad = bad | empty
        kind = self.arrow.field(clock.target).type
        if kind.unit == "us":
            bad = bad | (values % 1000 != 0)
            values = values // 1000
        for row in np.flatnonzero(bad):
            said = " ".join(str(python_values(array.slice(int(row), 1))[0]) for array in arrays)
            detail = f"{shown(said)} is no time in {clock.text or clock.unit}"
            verdicts.setdefault(int(row), Bad("bad_timestamp", detail))
        return array_of(values, kind, bad | empty)

    def _convert(self, target: str, array: Any) -> tuple[Any, list[tuple[str, Flags]]]:  # noqa: ANN401 -- pa.Array
        """Return the column in the schema's type, and per reason which rows are bad."""
        nullable, kind = self.schema.column(target).nullable, self.arrow.field(target).type
        if pa.types.is_dictionary(array.type):
            array = array.dictionary_decode()
        try:
            if pa.types.is_dictionary(kind) or pa.types.is_boolean(kind):
                return self._worded(target, array)
            found = []
            if pa.types.is_floating(kind):
                made, bad = _floats(array)
                found.append(("bad_number", bad))
            else:
                made = array.cast(kind if pa.types.is_integer(kind) else pa.string())
        except pa.ArrowException as error:
            said = f"the column for {target} is {array.type}, which cannot be {kind}: {error}"
            raise LakeError("FORMAT_UNKNOWN", said.splitlines()[0]) from error
        if not nullable and made.null_count:
            found.append(("missing_value", _flags(made.is_null())))
        return made, found

    def _worded(self, target: str, array: Any) -> tuple[Any, list[tuple[str, Flags]]]:  # noqa: ANN401 -- pa.Array
        """Return one of few words in ours, and which rows say another or, where one is needed, none."""
        ours, said = few_words(self.schema, target), self.recipe.said(target)
        source = array.cast(pa.string()).dictionary_encode()
        words = [word.strip() for word in source.dictionary.to_pylist()]
        known = [
            -2 if said.get(word) == "" or not word else ours.index(said[word]) if word in said else -1 for word in words
        ]
        places = numbers(source.indices.fill_null(len(known)).cast(pa.int64()), np.int64)
        codes = np.array([*known, -2], dtype=np.int64)[places]
        faults = [("bad_value", codes == -1)]
        if not self.schema.column(target).nullable:
            faults.append(("missing_value", codes == -2))
        is_bool = pa.types.is_boolean(self.arrow.field(target).type)
        return flags(codes == 1) if is_bool else coded(codes, ours), faults


def _nanoseconds(clock: TimeColumn, arrays: list[Any]) -> tuple[Any, Flags, Flags]:
    """Return UTC ns, which rows are no times, and which are empty."""
    count = len(arrays[0])
    empty: Flags = np.logical_or.reduce([_flags(array.is_null()) for array in arrays])
    if clock.kind == "stamp":
        values, bad = _stamps(arrays[0], clock)
        return values, bad & ~empty, empty
    values, bad = np.zeros(count, dtype=np.int64), np.zeros(count, dtype=np.bool_)
    if clock.kind == "epoch" and arrays[0].type == pa.int64():
        raw = numbers(arrays[0].fill_null(0), np.int64)
        found = times.bad_epochs(raw[~empty], clock.unit)
        if found is not None:
            bad[np.flatnonzero(~empty)[found]] = True
        return np.where(bad | empty, 0, raw) * times.UNIT_NS[clock.unit], bad, empty
    cells = list(zip(*map(python_values, arrays), strict=True))
    for row in np.flatnonzero(~empty):
        try:
            values[row] = time_of(clock, [" ".join(str(cell) for cell in cells[int(row)])])
        except Bad:
            bad[row] = True
    return values, bad, empty


def _stamps(array: Any, clock: TimeColumn) -> tuple[Any, Flags]:  # noqa: ANN401 -- pa.Array
    """Return UTC ns of Arrow's own times and dates, and which are out of range or no time of the zone's clock."""
    kind = array.type
    if pa.types.is_date(kind):
        unit, array = times.DAY_NS, array.cast(pa.date32()).cast(pa.int32()).cast(pa.int64())
    else:
        unit, array = times.UNIT_NS[kind.unit], array.view(pa.int64())
    raw = numbers(array.fill_null(0), np.int64)
    high = (1 << 62) // unit
    bad: Flags = (raw > high) | (raw < -high)
    values = np.where(bad, 0, raw) * unit
    bad |= ~times.in_years(values)
    values = np.where(bad, 0, values)
    if clock.zone != "UTC" and not clock.labels:
        values, twice = times.to_utc(values, clock.zone)
        bad = bad if twice is None else bad | twice
    return values, bad


def _floats(array: Any) -> tuple[Any, Flags]:  # noqa: ANN401 -- pa.Array
    """Return float64 and which rows hold no number; NaN is how data frames write an empty cell."""
    if pa.types.is_decimal(array.type) or pa.types.is_string(array.type) or pa.types.is_large_string(array.type):
        values: list[float | None] = []
        bad = np.zeros(len(array), dtype=np.bool_)
        for row, cell in enumerate(array.to_pylist()):
            text = f"{cell:f}" if isinstance(cell, Decimal) else (cell or "").strip()
            try:
                values.append(number("", text) if text else None)
            except Bad:
                values.append(None)
                bad[row] = True
        return pa.array(values, type=pa.float64()), bad
    if not (pa.types.is_integer(array.type) or pa.types.is_floating(array.type)):
        raise pa.ArrowInvalid("not a number")
    wide = array.cast(pa.float64())
    made = pc.if_else(pc.is_nan(wide), pa.scalar(None, pa.float64()), wide)
    return made, _flags(pc.fill_null(pc.is_inf(made), False))  # noqa: FBT003 -- Arrow's signature


def _flags(array: Any) -> Flags:  # noqa: ANN401 -- pa.BooleanArray
    if not array.true_count:
        return np.zeros(len(array), dtype=np.bool_)
    return np.array(array.to_pylist(), dtype=np.bool_)


def _blame(verdicts: dict[int, Bad], bad: Flags, array: Any, reason: str, target: str) -> None:  # noqa: ANN401 -- pa.Array
    for row in np.flatnonzero(bad):
        said = shown(str(python_values(array.slice(int(row), 1))[0]))
        detail = f"{target} is empty" if reason == "missing_value" else f"{target} {said}"
        verdicts.setdefault(int(row), Bad(reason, detail))


def python_values(array: Any) -> list[Any]:  # noqa: ANN401 -- pa.Array
    """Return an array's values as Python's; times and dates as ISO text, which loses nothing."""
    if pa.types.is_temporal(array.type):
        return list(array.cast(pa.string()).to_pylist())
    return list(array.to_pylist())


def _json(records: Any, row: int) -> str:  # noqa: ANN401 -- pa.RecordBatch
    cells = {name: python_values(records.column(i).slice(row, 1))[0] for i, name in enumerate(records.schema.names)}
    return json.dumps(cells, default=_text, ensure_ascii=False)[:MAX_RAW]


def _text(value: object) -> str:
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    return value.isoformat() if isinstance(value, dt.time | dt.date) else str(value)
