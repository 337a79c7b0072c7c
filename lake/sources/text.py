"""Blocks of delimited text, parsed whole by Arrow; a block with anything odd goes the careful way."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv

from lake.sources import times
from lake.sources.arrays import array_of, flags
from lake.sources.careful import is_name, is_price, parse_carefully
from lake.sources.categories import coded, dictionary_of, fixed
from lake.sources.filling import Filled, Filling, filled
from lake.sources.model import MAX_RAW, Batch, Portion
from lake.sources.scaling import divided, scale_of
from schemas.arrow import arrow_schema
from schemas.columns import few_words

if TYPE_CHECKING:
    from lake.sources.model import Reject
    from lake.sources.recipe import Recipe
    from lake.sources.scaling import Scale
    from lake.sources.times import TimeColumn
    from schemas.columns import Schema

_NEWLINE = 10
_EXACT = 1 << 53
"""Up to here every whole number is a float64."""


@dataclass(frozen=True, slots=True)
class TextBlock:
    """Whole lines, in UTF-8: their bytes, the 1-based number of the first, and how many they are.

    `before` are the cells above them that empty cells of the recipe's `fill` stand for.
    """

    data: bytes
    line: int
    lines: int
    rejects: tuple[Reject, ...] = ()
    """Records that are no lines at all: a block of them has nothing else."""
    waiting: frozenset[int] = frozenset()
    """Numbers of the lines that tell of a book before its first snapshot."""
    before: tuple[str, ...] = ()

    @classmethod
    def of(cls, data: bytes, line: int) -> TextBlock:
        """Count the lines of `data`, the first of which has the number `line`."""
        newlines = int(np.count_nonzero(np.frombuffer(data, dtype=np.uint8) == _NEWLINE))
        return cls(data, line, newlines + (not data.endswith(b"\n")))


class _Odd(Exception):  # noqa: N818 -- no error: the block takes the other path
    """The block holds something the fast path does not vouch for."""


class TextParser:
    """Parses blocks of one source by its recipe; has no state of its own, so any thread may use it."""

    def __init__(self, recipe: Recipe, schema: Schema) -> None:
        self.recipe = recipe
        self.schema = schema
        self.arrow = arrow_schema(schema, identity=False)
        self._comment = recipe.comment.encode()
        self._is_us = schema.column("ts").type == "timestamp_us"
        # Two words are read fastest; a third, for neither side, makes it three.
        self._sides = few_words(schema, "side") if recipe.sides and all(recipe.sides.values()) else ()
        types = self._column_types()
        self._integers = any(kind == pa.int64() for kind in types.values())
        self._read = pacsv.ReadOptions(use_threads=False, column_names=list(recipe.names), block_size=1 << 30)
        self._parse = pacsv.ParseOptions(delimiter=recipe.delimiter)
        self._convert = pacsv.ConvertOptions(
            column_types=types,
            include_columns=list(types),
            null_values=["", *sorted(recipe.numerals.nulls)],
            decimal_point=recipe.numerals.decimal,
            strings_can_be_null=True,
            true_values=[word for word, side in recipe.sides.items() if self._sides and side == self._sides[1]],
            false_values=[word for word, side in recipe.sides.items() if self._sides and side == self._sides[0]],
        )

    def _column_types(self) -> dict[str, Any]:
        recipe, types = self.recipe, {}
        names = recipe.names
        for column in recipe.times:
            for position in column.columns:
                types[names[position]] = _time_type(column)
        for target, position in recipe.fields.items():
            types[names[position]] = self._column_type(target)
        for positions in recipe.joined.values():
            types |= dict.fromkeys((names[position] for position in positions), pa.string())
        said = [recipe.symbol] if recipe.symbol is not None else []
        said += [recipe.scale_by.column] if recipe.scale_by is not None else []
        for position in [*said, *(c.column for c in recipe.constants), *(s.column for s in recipe.skips)]:
            types[names[position]] = pa.dictionary(pa.int32(), pa.string())
        return types

    def _column_type(self, target: str) -> Any:  # noqa: ANN401 -- pa.DataType
        kind = self.arrow.field(target).type
        if target == "side" and self._sides:
            return pa.bool_()
        if pa.types.is_dictionary(kind) or pa.types.is_boolean(kind):
            return pa.dictionary(pa.int32(), pa.string())
        if pa.types.is_string(kind):
            return kind
        if self.recipe.numerals.as_text(scaled=not is_price(target)):
            return pa.string()
        return pa.float64() if target in self.recipe.pointed else kind

    def parse(self, block: TextBlock) -> Batch:
        """Convert one block."""
        try:
            return self._parse_fast(block)
        except (_Odd, pa.ArrowInvalid):
            return self.parse_carefully(block)

    def parse_carefully(self, block: TextBlock) -> Batch:
        """Convert one block record by record."""
        fill = Filling(self.recipe, block.before)
        return parse_carefully(self.recipe, self.schema, self.arrow, block.data, block.line, fill, block.waiting)

    def _is_odd(self, data: bytes) -> bool:
        """Return whether there is something in a block that Arrow reads otherwise."""
        if b"\0" in data or (self._integers and _maybe_hex(data)):
            return True  # Arrow reads 0x10 as sixteen
        if b'"' in data and _quoted_oddly(data, self.recipe.delimiter):
            return True  # Arrow reads ""4.5 as 4.5
        if self._comment and (data.startswith(self._comment) or b"\n" + self._comment in data):
            return True
        return b"\r" in data and data.count(b"\r") != data.count(b"\r\n")

    def _parse_fast(self, block: TextBlock) -> Batch:
        data = block.data
        if block.waiting or self._is_odd(data):
            raise _Odd
        table = pacsv.read_csv(pa.BufferReader(data), self._read, self._parse, self._convert)
        count = table.num_rows
        if count != block.lines:
            raise _Odd  # empty lines, or quotes that swallowed line ends
        columns = {name: _one(table.column(name)) for name in table.column_names}
        self._hold_to_constants(columns)
        fill = self._filled(columns, block)
        symbols = self._symbols(columns)
        scale = scale_of(self.recipe, columns)
        if scale is None:
            raise _Odd
        made = {column.target: self._times(column, columns) for column in self.recipe.times}
        for target, position in self.recipe.fields.items():
            made[target] = self._values(target, columns[self.recipe.names[position]], scale)
        for target, positions in self.recipe.joined.items():
            made[target] = self._values(target, _joined([columns[self.recipe.names[p]] for p in positions]), scale)
        for target, word in self.recipe.fixed.items():
            made[target] = fixed(self.schema, target, word, count)
        arrays = [made[f.name] if f.name in made else pa.nulls(count, f.type) for f in self.arrow]
        rows = pa.RecordBatch.from_arrays(arrays, schema=self.arrow)
        portion = Portion(rows, lambda row: (block.line + row, _line(data, row)), symbols=symbols)
        return fill.batch(portion, count)

    def _symbols(self, columns: dict[str, Any]) -> Any:  # noqa: ANN401 -- pa.DictionaryArray | None
        if self.recipe.symbol is None:
            return None
        symbols = columns[self.recipe.names[self.recipe.symbol]]
        if symbols.null_count or not all(is_name(word) for word in symbols.dictionary.to_pylist()):
            raise _Odd
        return symbols

    def _hold_to_constants(self, columns: dict[str, Any]) -> None:
        for constant in self.recipe.constants:
            _check_constant(columns[self.recipe.names[constant.column]], constant.value)
        for skip in self.recipe.skips:
            words = columns[self.recipe.names[skip.column]].dictionary
            if any(word in skip.values for word in words.to_pylist()):
                raise _Odd

    def _filled(self, columns: dict[str, Any], block: TextBlock) -> Filled:
        """Fill the columns that are to be."""
        names = [self.recipe.names[position] for position in self.recipe.fill]
        made = filled([columns[name] for name in names], block.before)
        columns |= dict(zip(names, made.arrays, strict=True))
        return made

    def _values(self, target: str, array: Any, scale: Scale) -> Any:  # noqa: ANN401 -- pa.Array
        nulls = array.null_count
        if nulls and not self.schema.column(target).nullable:
            raise _Odd
        if target == "side" and self._sides:
            return pa.DictionaryArray.from_arrays(array.cast(pa.int32()), dictionary_of(self._sides))
        if self.schema.column(target).type in {"category", "bool"}:
            return self._worded(target, array)
        array = self._numbers(target, array)
        if array.type != pa.float64():
            return array
        array = _none_at_zero(array) if target in self.recipe.zeros else array
        nulls = array.null_count
        values = numbers(array.fill_null(0.0) if nulls else array, np.float64)
        if not np.isfinite(values).all():
            raise _Odd
        if target in self.recipe.pointed:
            if nulls or (values != np.floor(values)).any() or (np.abs(values) > _EXACT).any():
                raise _Odd
            return array_of(values.astype(np.int64), pa.int64())
        array = divided(array, values, scale) if is_price(target) else array
        if array is None:
            raise _Odd
        return array

    def _worded(self, target: str, array: Any) -> Any:  # noqa: ANN401 -- pa.DictionaryArray to pa.Array
        """Return the source's words for one of few as ours."""
        ours, said = few_words(self.schema, target), self.recipe.said(target)
        words = array.dictionary.to_pylist()
        if not all(word in said for word in words):
            raise _Odd
        codes = np.array([*(ours.index(said[word]) if said[word] else -1 for word in words), -1], dtype=np.int32)
        places = np.frombuffer(
            array.indices.fill_null(len(words)).buffers()[1], dtype=np.int32, count=len(array), offset=array.offset * 4
        )
        return flags(codes[places]) if self.arrow.field(target).type == pa.bool_() else coded(codes[places], ours)

    def _numbers(self, target: str, array: Any) -> Any:  # noqa: ANN401 -- pa.Array
        """Return numbers that were read as texts, because of the marks they are written with, as numbers."""
        kind = self.arrow.field(target).type
        scaled = not is_price(target)
        if array.type != pa.string() or kind == pa.string() or not self.recipe.numerals.as_text(scaled=scaled):
            return array
        texts = self.recipe.numerals.rewritten(array, scaled=scaled)
        if texts is None:
            raise _Odd
        return texts.cast(pa.float64() if target in self.recipe.pointed else kind)

    def _times(self, column: TimeColumn, columns: dict[str, Any]) -> Any:  # noqa: ANN401 -- pa.Array
        is_us = self._is_us and column.target == "ts"
        parts = [columns[self.recipe.names[position]] for position in column.columns]
        if any(part.null_count for part in parts):
            if column.target == "ts":
                raise _Odd
            if parts[0].null_count == len(parts[0]):
                return pa.nulls(len(parts[0]), self.arrow.field(column.target).type)
            raise _Odd
        values, factor = _counts(column, parts)
        shift = self.recipe.shift_ns if column.target == "ts" else 0
        return as_timestamps(values, factor, shift, is_us=is_us)


def as_timestamps(values: np.ndarray[Any, Any], factor: int, shift: int, *, is_us: bool) -> Any:  # noqa: ANN401 -- pa.Array
    """Return counts of `factor` nanoseconds, less `shift` ns, as Arrow timestamps; _Odd when µs cannot hold them."""
    if is_us:
        if factor % 1000 == 0:
            values = values * (factor // 1000) if factor != 1000 else values
        else:
            values = values * factor
            if (values % 1000).any():
                raise _Odd
            values = values // 1000
        shift //= 1000
    elif factor != 1:
        values = values * factor
    if shift:
        values = values - shift
    return array_of(values, pa.timestamp("us" if is_us else "ns", tz="UTC"))


def _none_at_zero(array: Any) -> Any:  # noqa: ANN401 -- pa.DoubleArray
    return pc.if_else(pc.equal(array, 0.0), pa.scalar(None, pa.float64()), array)


def _joined(parts: list[Any]) -> Any:  # noqa: ANN401 -- pa.Array
    """Return the texts parted by commas, null where all are empty."""
    texts = pc.binary_join_element_wise(*parts, ",", null_handling="replace", null_replacement="")
    if not all(part.null_count for part in parts):
        return texts
    empty = functools.reduce(pc.and_, [part.is_null() for part in parts])
    return pc.if_else(empty, pa.scalar(None, pa.string()), texts)


def _time_type(column: TimeColumn) -> Any:  # noqa: ANN401 -- pa.DataType
    if column.kind == "text":
        form = column.text
        if form is not None and form.iso and len(column.columns) == 1:
            return pa.timestamp("ns", tz="UTC" if form.aware else None)
        return pa.string()
    if column.fraction:
        return pa.decimal128(38, len(str(times.UNIT_NS[column.unit])) - 1)
    return pa.int64()


def _counts(column: TimeColumn, parts: list[Any]) -> tuple[np.ndarray[Any, Any], int]:
    """Return times as counts of the nanoseconds given second; _Odd when one is none."""
    if column.kind == "text":
        return _texts(column, parts), 1
    factor = times.UNIT_NS[column.unit]
    if column.mixed:
        values, ok = times.mixed_epochs(numbers(parts[0], np.int64))
        if not ok.all():
            raise _Odd
        return values, 1
    if column.fraction:
        pairs = np.frombuffer(parts[0].buffers()[1], dtype=np.int64).reshape(-1, 2)[parts[0].offset :][: len(parts[0])]
        values = np.ascontiguousarray(pairs[:, 0])
        if (pairs[:, 1] != values >> 63).any():
            raise _Odd
        factor = 1
        bad = times.bad_epochs(values // times.UNIT_NS[column.unit], column.unit) if column.kind == "epoch" else None
    else:
        values = numbers(parts[0], np.int64)
        bad = times.bad_epochs(values, column.unit) if column.kind == "epoch" else None
    if bad is not None:
        raise _Odd
    return (_of_day(column, values, factor), 1) if column.kind in {"day", "clock"} else (values, factor)


def _of_day(column: TimeColumn, values: np.ndarray[Any, Any], factor: int) -> np.ndarray[Any, Any]:
    """Return times of the column's day, counts of so many nanoseconds or digits of the clock, as nanoseconds."""
    if column.kind == "clock":
        values, ok = times.clocks(values, column.unit)
        if not ok.all():
            raise _Odd
    else:
        if len(values) and (values.min() < 0 or int(values.max()) * factor >= times.DAY_NS):
            raise _Odd
        values = values * factor
    values, bad = times.to_utc(values + column.day_ns, column.zone)
    if bad is not None:
        raise _Odd
    return values


def _texts(column: TimeColumn, parts: list[Any]) -> np.ndarray[Any, Any]:
    form = column.text
    if form is None:
        raise _Odd
    if pa.types.is_timestamp(parts[0].type):
        values = numbers(parts[0], np.int64)
        ok = times.in_years(values)
    else:
        texts = parts[0] if len(parts) == 1 else pc.binary_join_element_wise(*parts, " ")
        values, ok = form.many(texts)
    if not ok.all():
        raise _Odd
    if form.aware or column.labels or not form.clock:
        return values
    values, bad = times.to_utc(values, column.zone)
    if bad is not None:
        raise _Odd
    return values


def numbers(array: Any, kind: type[np.generic]) -> np.ndarray[Any, Any]:  # noqa: ANN401 -- pa.Array
    """Return an array of 8-byte values without nulls as numpy's, without copying (to_numpy would import pandas)."""
    return np.frombuffer(array.buffers()[1], dtype=kind, count=len(array), offset=array.offset * 8)


def _quoted_oddly(data: bytes, delimiter: str) -> bool:
    """Return whether quotes do other than enclose whole cells, as doubled ones in a text do."""
    octets = np.frombuffer(b"\n" + data + b"\n", dtype=np.uint8)
    quotes = np.flatnonzero(octets == ord('"'))
    if len(quotes) % 2:
        return True
    ends = np.frombuffer(f"{delimiter}\r\n".encode(), dtype=np.uint8)
    before, behind = octets[quotes[::2] - 1], octets[quotes[1::2] + 1]
    return not (np.isin(before, ends).all() and np.isin(behind, ends).all())


def _maybe_hex(data: bytes) -> bool:
    # A lone letter is found far faster than a pair, and is mostly absent.
    return (b"x" in data and b"0x" in data) or (b"X" in data and b"0X" in data)


def _one(column: Any) -> Any:  # noqa: ANN401 -- pa.ChunkedArray to pa.Array
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()


def _check_constant(array: Any, value: str) -> None:  # noqa: ANN401 -- pa.DictionaryArray
    if array.null_count or array.dictionary.to_pylist() != [value]:
        raise _Odd


def _line(data: bytes, row: int) -> str:
    return data.split(b"\n", row + 1)[row].rstrip(b"\r").decode("utf-8", "backslashreplace")[:MAX_RAW]
