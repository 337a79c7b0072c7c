"""The careful way through a block: every cell looked at, bad records told apart with line, text and reason."""

from __future__ import annotations

import csv
from dataclasses import dataclass, field
from decimal import Decimal
from functools import lru_cache
from math import isfinite
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from lake.sources import times
from lake.sources.categories import TRUE, dictionary_of
from lake.sources.model import MAX_RAW, Batch, Portion, Reject
from lake.sources.written import PLAIN_NUMERALS
from schemas.columns import few_words
from schemas.keys import normalise

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from lake.sources.recipe import Recipe
    from lake.sources.times import TimeColumn
    from lake.sources.written import Numerals
    from schemas.columns import Schema

_INT64 = 1 << 63
_MAX_DIGITS = 400
"""Longer numbers are no market data, and slow to convert."""
PRICES = frozenset({"open", "high", "low", "close", "price", "bid", "ask", "vwap", "spread"})


def is_price(target: str) -> bool:
    """Return whether a target is a price; `price.3` is the one of level 3."""
    return target.partition(".")[0] in PRICES


class Bad(Exception):  # noqa: N818 -- a verdict on a row, not an error of the program
    """A record cannot be converted: reason and detail."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(reason, detail)
        self.reason = reason
        self.detail = detail


@dataclass(slots=True)
class _Kept:
    """What came through: per target column the values, and each row's line and text."""

    values: dict[str, list[Any]]
    symbols: list[str] = field(default_factory=list)
    lines: list[tuple[int, bytes]] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)
    skipped: dict[str, int] = field(default_factory=dict)
    records: int = 0


def parse_carefully(
    recipe: Recipe,
    schema: Schema,
    arrow: Any,  # noqa: ANN401 -- pa.Schema
    data: bytes,
    first_line: int,
    fill: Callable[[list[str]], str | None] = lambda _: None,
    waiting: frozenset[int] = frozenset(),
) -> Batch:
    """Convert the block `data`, whose first line has the number `first_line`, record by record.

    `fill` puts into empty cells what they stand for, and returns why a record is skipped, if it is. The lines `waiting`
    are of books that have not begun, and are skipped.
    """
    targets = [*(column.target for column in recipe.times), *recipe.fields, *recipe.joined]
    kept = _Kept({target: [] for target in targets})
    convert = Converter(recipe, schema)
    comment = recipe.comment.encode()
    for line, raw in records(data, first_line):
        if comment and raw.startswith(comment):
            continue
        kept.records += 1
        try:
            cells = split(raw, recipe)
            unbegun = recipe.awaits.reason if recipe.awaits and line in waiting else None
            reason = unbegun or convert.skip(cells) or fill(cells)
            if reason:
                kept.skipped[reason] = kept.skipped.get(reason, 0) + 1
                continue
            row = convert.row(cells)
        except Bad as bad:
            kept.rejects.append(Reject(bad.reason, line, text_of(raw), bad.detail))
            continue
        for target, value in row.items():
            kept.values[target].append(value)
        if recipe.symbol is not None:
            kept.symbols.append(cells[recipe.symbol])
        kept.lines.append((line, raw))
    count = len(kept.lines)
    for target, word in recipe.fixed.items():
        kept.values[target] = [word == TRUE if schema.column(target).type == "bool" else word] * count
    arrays = [
        _array(kept.values[f.name], f, schema) if f.name in kept.values else pa.nulls(count, f.type) for f in arrow
    ]
    rows = pa.RecordBatch.from_arrays(arrays, schema=arrow)

    def locate(row: int) -> tuple[int, str]:
        line, raw = kept.lines[row]
        return line, text_of(raw)

    symbols = None if recipe.symbol is None else pa.array(kept.symbols, type=pa.string()).dictionary_encode()
    return Batch([Portion(rows, locate, symbols=symbols)], kept.records, kept.rejects, kept.skipped)


@lru_cache(maxsize=65536)
def is_name(symbol: str) -> bool:
    """Return whether a symbol can name a series."""
    try:
        normalise(symbol)
    except ValueError:
        return False
    return True


def _array(values: list[Any], field_: Any, schema: Schema) -> Any:  # noqa: ANN401 -- pa.Field to pa.Array
    if pa.types.is_dictionary(field_.type):
        words = few_words(schema, field_.name)
        indices = [None if value is None else words.index(value) for value in values]
        return pa.DictionaryArray.from_arrays(pa.array(indices, type=pa.int32()), dictionary_of(words))
    return pa.array(values, type=field_.type)


def text_of(raw: bytes) -> str:
    """Return a record's text as it can be shown and stored."""
    return raw[: 4 * MAX_RAW].decode("utf-8", "backslashreplace")[:MAX_RAW]


def records(data: bytes, line: int) -> Iterator[tuple[int, bytes]]:
    """Yield (line number, text) of each line that is not empty; a lone carriage return ends a line too."""
    if not data.strip(b"\r\n"):
        return
    for part in data.split(b"\n"):
        for piece in part.split(b"\r") if b"\r" in part else (part,):
            if piece:
                yield line, piece
        line += 1


def split(raw: bytes, recipe: Recipe) -> list[str]:
    """Return the cells of one record; Bad when their number or their quotes are wrong."""
    if b"\0" in raw:
        raise Bad("bad_value", "a NUL byte")
    text = raw.decode("utf-8", "surrogateescape")
    if '"' in text:
        try:
            cells = next(csv.reader([text], delimiter=recipe.delimiter, strict=True))
        except csv.Error as error:
            detail = "a quoted cell does not end on its line" if "unexpected end" in str(error) else str(error)
            raise Bad("wrong_field_count", detail) from error
    else:
        cells = text.split(recipe.delimiter)
    if len(cells) != recipe.width:
        raise Bad("wrong_field_count", f"{len(cells)} cells where {recipe.width} are expected")
    return cells


class Converter:
    """Converts the cells of one record, strongest reason first."""

    def __init__(self, recipe: Recipe, schema: Schema) -> None:
        self._recipe = recipe
        self._numerals = recipe.numerals
        self._is_us = schema.column("ts").type == "timestamp_us"
        places = {target: (position,) for target, position in recipe.fields.items()} | recipe.joined
        self._fields = [
            (target, columns, schema.column(target).type, schema.column(target).nullable)
            for target, columns in places.items()
        ]

    def skip(self, cells: list[str]) -> str | None:
        """Return the reason why the vendor means this record as no data, if it does."""
        for skip in self._recipe.skips:
            if cells[skip.column] in skip.values:
                return skip.reason
        for target, reason in self._recipe.lacking.items():
            if not self._said(cells[self._recipe.fields[target]]).strip():
                return reason
        return None

    def row(self, cells: list[str]) -> dict[str, Any]:
        """Return target column → value (times as integers of the column's unit); Bad when one cannot be had."""
        row: dict[str, Any] = {column.target: self._time(column, cells) for column in self._recipe.times}
        failures: dict[str, Bad] = {}
        scale = self._scale(cells, failures)
        for target, columns, kind, nullable in self._fields:
            said = [self._said(cells[position], exact=kind == "text") for position in columns]
            try:
                row[target] = self._value(target, ",".join(said) if any(said) else "", kind, scale, nullable=nullable)
            except Bad as bad:
                failures.setdefault(bad.reason, bad)
        for constant in self._recipe.constants:
            if cells[constant.column] != constant.value:
                detail = f"{constant.what} {shown(cells[constant.column])} in a file of {constant.value}"
                failures.setdefault("bad_value", Bad("bad_value", detail))
        if self._recipe.symbol is not None and not is_name(cells[self._recipe.symbol]):
            reason = "bad_value" if cells[self._recipe.symbol] else "missing_value"
            failures.setdefault(reason, Bad(reason, f"symbol {shown(cells[self._recipe.symbol])} names no series"))
        for reason in ("bad_number", "missing_value", "bad_value"):
            if reason in failures:
                raise failures[reason]
        return row

    def _scale(self, cells: list[str], failures: dict[str, Bad]) -> int:
        """Return what the record's prices are divided by; a word that says none is a failure."""
        by = self._recipe.scale_by
        if by is None:
            return self._recipe.price_scale
        if cells[by.column] not in by.scales:
            detail = f"prices in {shown(cells[by.column])}, which is none of {', '.join(by.scales)}"
            failures["bad_value"] = Bad("bad_value", detail)
        return self._recipe.price_scale * by.scales.get(cells[by.column], 1)

    def _said(self, cell: str, *, exact: bool = False) -> str:
        """Return a cell, empty where it stands for no value; blanks around it count in texts alone."""
        return "" if self._numerals.nulls and (cell if exact else cell.strip()) in self._numerals.nulls else cell

    def _time(self, column: TimeColumn, cells: list[str]) -> int | None:
        parts = [self._said(cells[position]).strip() for position in column.columns]
        if column.target != "ts" and not any(parts):
            return None
        ns = time_of(column, parts, self._numerals)
        if column.target == "ts":
            ns -= self._recipe.shift_ns
            if self._is_us:
                ns, rest = divmod(ns, 1000)
                if rest:
                    raise Bad("bad_timestamp", f"{shown(' '.join(parts))} is finer than a microsecond")
        return ns

    def _value(self, target: str, cell: str, kind: str, scale: int, *, nullable: bool) -> Any:  # noqa: ANN401 -- any cell
        if kind != "text":
            cell = cell.strip()
        if cell == "":
            if nullable:
                return None
            raise Bad("missing_value", f"{target} is empty")
        if kind in {"category", "bool"}:
            words = self._recipe.said(target)
            if cell not in words:
                raise Bad("bad_value", f"{target} {shown(cell)} is none of {', '.join(words)}")
            return words[cell] == TRUE if kind == "bool" else words[cell] or None
        if kind == "float64":
            if self._recipe.whole_prices and "." in cell and is_price(target):
                raise Bad("bad_number", f"{target} {shown(cell)} has a decimal point in a file of whole numbers")
            value = number(target, cell, scale if is_price(target) else 1, self._numerals)
            return None if value == 0 and target in self._recipe.zeros else value
        if kind == "int64":
            return integer(target, cell, self._numerals)
        if not cell.isascii() and any("\udc80" <= character <= "\udcff" for character in cell):
            raise Bad("bad_value", f"{target} is not UTF-8")
        return cell


def shown(cell: str) -> str:
    """Return a cell's text for a message."""
    text = cell[:60].encode("utf-8", "backslashreplace").decode()
    return repr(text) + ("…" if len(cell) > 60 else "")


def number(target: str, cell: str, scale: int = 1, numerals: Numerals = PLAIN_NUMERALS) -> float:
    """Return a decimal or exponent number, divided by `scale` and rounded once; Bad when it is none."""
    plain = numerals.plain(cell, scaled=not is_price(target)) if len(cell) <= _MAX_DIGITS else None
    if plain is None:
        raise Bad("bad_number", f"{target} {shown(cell)}")
    value = float(plain) if scale == 1 else float(Decimal(plain) / scale)
    if not isfinite(value):
        raise Bad("bad_number", f"{target} {shown(cell)} is too large")
    return value


def integer(target: str, cell: str, numerals: Numerals = PLAIN_NUMERALS) -> int:
    """Return a whole number that fits 64 bits, however it is written (795, 795.0); Bad when it is none."""
    value = _decimal(cell, numerals, scaled=not is_price(target))
    if value is None or value.adjusted() > 19 or value != int(value) or not -_INT64 <= int(value) < _INT64:
        raise Bad("bad_number", f"{target} {shown(cell)} is not a whole number")
    return int(value)


def _decimal(cell: str, numerals: Numerals, *, scaled: bool = False) -> Decimal | None:
    plain = numerals.plain(cell, scaled=scaled) if len(cell) <= _MAX_DIGITS else None
    return None if plain is None else Decimal(plain)


def time_of(column: TimeColumn, parts: list[str], numerals: Numerals = PLAIN_NUMERALS) -> int:
    """Return one time in ns; Bad bad_timestamp when the cells hold none, or one outside the file's unit."""
    shown_parts = shown(" ".join(parts))
    if column.kind == "text":
        return _text_time(column, parts, shown_parts)
    value = _decimal(parts[0], numerals)
    if value is None or value.adjusted() > 19:
        raise Bad("bad_timestamp", f"{shown_parts} is not a number")
    unit = times.unit_of(float(value)) if column.mixed else column.unit
    if column.kind == "clock":
        return local_time(_clock(value, unit, shown_parts) + column.day_ns, column.zone, shown_parts)
    ns = value * times.UNIT_NS[unit]
    if ns != int(ns):
        raise Bad("bad_timestamp", f"{shown_parts} is finer than a nanosecond")
    if column.kind == "day":
        if not 0 <= ns < times.DAY_NS:
            raise Bad("bad_timestamp", f"{shown_parts} is not a time of day")
        return local_time(int(ns) + column.day_ns, column.zone, shown_parts)
    low, high, floor = times.bounds(unit)
    if not low <= value < high + 1:
        raise Bad("bad_timestamp", f"{shown_parts} {unit} is outside the years 1800 to 2199")
    if abs(value) < floor or (unit == "s" and abs(value) >= 10**11):
        raise Bad("bad_timestamp", f"{shown_parts} is not in {unit}, as this file's times are")
    return int(ns)


def _clock(value: Decimal, unit: times.Unit, said: str) -> int:
    """Return the nanoseconds of the day that the digits HHMMSS and those of a fraction tell."""
    places = {"s": 0, "ms": 3, "us": 6, "ns": 9}[unit]
    text = f"{int(value):0{6 + places}d}" if 0 <= value == int(value) else ""
    if len(text) == 6 + places:
        hours, minutes, seconds = (int(text[start : start + 2]) for start in (0, 2, 4))
        if hours <= 23 and minutes <= 59 and seconds <= 59:
            return ((hours * 60 + minutes) * 60 + seconds) * 10**9 + int(text[6:].ljust(9, "0"))
    raise Bad("bad_timestamp", f"{said} is not a time of day written HHMMSS{'f' * places}")


def _text_time(column: TimeColumn, parts: list[str], said: str) -> int:
    form = column.text
    value = form.one(" ".join(parts)) if form is not None else None
    if form is None or value is None:
        raise Bad("bad_timestamp", f"{said} is not written as {form}")
    if form.aware or column.labels or not form.clock:
        return value
    return local_time(value, column.zone, said)


def local_time(local_ns: int, zone: str, said: str) -> int:
    """Return UTC of a wall-clock time; Bad when the zone's clock shows it twice or never."""
    offset = times.offset_at(zone, local_ns)
    if offset is None:
        raise Bad("bad_timestamp", f"{said} happens twice or never in {zone}")
    return local_ns - offset
