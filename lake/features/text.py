"""Feature rows written as comma-separated text: read strictly by the types of the set, bad cells told by their line."""

from __future__ import annotations

import codecs
import csv
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv

from lake.errors import LakeError
from lake.features.given import BLOCK_BYTES, Parsed, source_of, unreadable
from lake.features.timing import is_alias
from lake.manifest.rows import QuarantineRecord
from lake.sources import Source
from lake.sources.flatten import whole_lines
from lake.sources.model import MAX_RAW
from schemas.arrow import arrow_schema

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from lake.manifest.rows import SourceRecord
    from schemas.features import FeatureSet

_ZONE = r"(?:[zZ]|[+-][0-9]{2}(?::?[0-9]{2})?)$"
_CLOCK_ZONE = r"[tT ][0-9]{2}.*" + _ZONE
"""A zone stands behind a time of day: the last part of a bare date begins with a dash, too."""
_UTC = pa.timestamp("us", tz="UTC")


@dataclass(frozen=True, slots=True)
class _Lines:
    """Whole lines and the 1-based number of the first."""

    data: bytes
    line: int


class Text:
    """A file of comma-separated text, whose first line has the names; every further line is a row."""

    def __init__(self, path: Path, feature_set: FeatureSet) -> None:
        self._path = path
        self._source = Source(path)
        self.nbytes = self._source.file.size
        self._sha256 = ""
        types = {field.name: field.type for field in arrow_schema(feature_set.schema, identity=False)}
        try:
            self._chunks = self._lines()
            head = next(self._chunks, b"")
            first, _, self._rest = head.partition(b"\n")
            self.names = next(csv.reader([self._text(first).rstrip("\r")], strict=True), [])
            self._refuse_empty()
            self._types: dict[str, pa.DataType] = dict.fromkeys(filter(is_alias, self.names), _UTC) | types
        except BaseException as error:
            self._source.close()
            if isinstance(error, csv.Error):
                raise unreadable(path, error) from error
            raise

    def _refuse_empty(self) -> None:
        if not any(self.names):
            raise unreadable(self._path, "its first line has no names")

    def _lines(self) -> Iterator[bytes]:
        """Yield the unpacked text, cut at line ends."""

        def chunks() -> Iterator[bytes]:
            first = True
            while data := self._source.read(BLOCK_BYTES):
                yield data.removeprefix(codecs.BOM_UTF8) if first else data
                first = False

        return whole_lines(chunks(), self._path.name)

    def _text(self, data: bytes) -> str:
        if b"\0" in data:
            raise LakeError("SOURCE_UNREADABLE", f"{self._path.name} is no text", where=str(self._path))
        try:
            return data.decode()
        except UnicodeDecodeError as error:
            raise unreadable(self._path, error) from error

    def blocks(self) -> Iterator[_Lines]:
        """Yield the rows, few at a time."""
        line = 2
        if self._rest:
            yield _Lines(self._rest, line)
            line += _count(self._rest)
        for data in self._chunks:
            yield _Lines(data, line)
            line += _count(data)
        self._sha256 = self._source.file.finish()

    def parse(self, block: _Lines) -> Parsed:
        """Return the rows of a block."""
        lines = self._text(block.data).split("\n")
        if not lines[-1]:
            lines.pop()
        lines = [line.rstrip("\r") for line in lines]
        cells = self._by_arrow(block.data, len(lines))
        lost: list[QuarantineRecord] = []
        numbers: list[int] | range = range(len(lines))
        if cells is None:
            cells, numbers = self._line_by_line(lines, block.line, lost)
        bad: dict[int, tuple[str, str]] = {}
        columns = [self._typed(name, column, bad) for name, column in zip(self.names, cells, strict=True)]
        return Parsed(
            pa.RecordBatch.from_arrays(columns, names=self.names),
            lambda row: (block.line + numbers[row], lines[numbers[row]][:MAX_RAW]),
            bad,
            tuple(lost),
        )

    def _by_arrow(self, data: bytes, lines: int) -> list[pa.Array] | None:
        """Return the cells as texts, null where empty; None unless each line is seen to make one row."""
        places = [str(place) for place in range(len(self.names))]
        try:
            table = pacsv.read_csv(
                pa.BufferReader(data),
                pacsv.ReadOptions(use_threads=False, column_names=places, block_size=1 << 30),
                pacsv.ParseOptions(newlines_in_values=False),
                pacsv.ConvertOptions(
                    column_types=dict.fromkeys(places, pa.string()), null_values=[""], strings_can_be_null=True
                ),
            )
        except pa.ArrowInvalid:
            return None
        if table.num_rows != lines:
            return None
        return [table.column(place).combine_chunks() for place in places]

    def _line_by_line(
        self, lines: list[str], first: int, lost: list[QuarantineRecord]
    ) -> tuple[list[pa.Array], list[int]]:
        """Return the cells of the lines that have as many as there are names, with the numbers of these lines."""
        rows: list[list[str]] = []
        numbers: list[int] = []
        for number, line in enumerate(lines):
            if not line:
                continue
            try:
                cells = next(csv.reader([line], strict=True), [])
            except csv.Error as error:
                lost.append(QuarantineRecord(first + number, "wrong_field_count", str(error), line[:MAX_RAW]))
                continue
            if len(cells) != len(self.names):
                detail = f"{len(cells)} fields, expected {len(self.names)}"
                lost.append(QuarantineRecord(first + number, "wrong_field_count", detail, line[:MAX_RAW]))
                continue
            rows.append(cells)
            numbers.append(number)
        columns = zip(*rows, strict=True) if rows else [()] * len(self.names)
        return [pa.array([cell or None for cell in column], pa.string()) for column in columns], numbers

    def _typed(self, name: str, texts: pa.Array, bad: dict[int, tuple[str, str]]) -> pa.Array:
        kind = self._types.get(name)
        if kind is None or pa.types.is_string(kind) or pa.types.is_dictionary(kind):
            return texts
        broken: list[int] = []
        made = _each(texts, _reader(kind), broken)
        reason = "bad_timestamp" if pa.types.is_timestamp(kind) else "bad_number" if _is_number(kind) else "bad_value"
        for row in broken:
            bad.setdefault(row, (reason, f"{name} is {texts[row].as_py()[:80]!r}"))
        return made

    def consumed(self) -> int:
        """Return how many bytes are read."""
        return self._source.file.consumed

    def source(self) -> SourceRecord | None:
        """Return what is kept of the file."""
        return source_of(self._path, self._sha256)

    def close(self) -> None:
        """Let go of the file."""
        self._source.close()


def _count(data: bytes) -> int:
    return data.count(b"\n") + (not data.endswith(b"\n"))


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind))


def _each(texts: pa.Array, read: Callable[[pa.Array], pa.Array], broken: list[int], first: int = 0) -> pa.Array:
    """Return texts as they are read, null where that cannot be done; `broken` gets the places of these."""
    try:
        return read(texts)
    except (pa.ArrowInvalid, ValueError):
        if len(texts) == 1:
            broken.append(first)
            return read(pa.nulls(1, pa.string()))
        half = len(texts) // 2
        halves = [_each(texts[:half], read, broken, first), _each(texts[half:], read, broken, first + half)]
        return pa.concat_arrays(halves)


def _reader(kind: pa.DataType) -> Callable[[pa.Array], pa.Array]:
    """Return what reads texts as a type; it raises ArrowInvalid or ValueError when one of them is none."""
    if pa.types.is_timestamp(kind):
        return _times
    if pa.types.is_fixed_size_list(kind):
        return lambda texts: _lists(texts, kind)
    if pa.types.is_integer(kind):
        return lambda texts: _integers(texts, kind)
    return lambda texts: texts.cast(pa.float64() if pa.types.is_floating(kind) else kind)


def _integers(texts: pa.Array, kind: pa.DataType) -> pa.Array:
    if pc.any(pc.match_substring(texts, "x", ignore_case=True)).as_py():
        msg = "hexadecimal"
        raise ValueError(msg)
    return texts.cast(kind)


def _times(texts: pa.Array) -> pa.Array:
    """Read ISO 8601; what has no zone is UTC."""
    zoned = pc.match_substring_regex(texts, _CLOCK_ZONE)
    if not pc.any(zoned).as_py():
        return texts.cast(pa.timestamp("us")).cast(_UTC)
    if pc.all(zoned).as_py():
        return texts.cast(_UTC)
    aware = pc.if_else(zoned, texts, None).cast(_UTC)
    return pc.coalesce(aware, pc.if_else(zoned, None, texts).cast(pa.timestamp("us")).cast(_UTC))


def _lists(texts: pa.Array, kind: Any) -> pa.Array:  # noqa: ANN401 -- pa.FixedSizeListType
    """Read lists of numbers written as JSON."""
    made: list[list[float] | None] = []
    for text in texts.to_pylist():
        values = None if text is None else json.loads(text)
        if values is not None and not (
            isinstance(values, list)
            and len(values) == kind.list_size
            and all(type(value) in {int, float} for value in values)
        ):
            msg = f"no list of {kind.list_size} numbers"
            raise ValueError(msg)
        made.append(values)
    return pa.array(made, pa.list_(kind.value_type, kind.list_size))
