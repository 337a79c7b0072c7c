"""Parquet and Arrow IPC files (Feather included): read by batches, mapped by column names, checked like text."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import ipc

from lake.errors import LakeError, printable
from lake.sources.cells import is_text, pieces
from lake.sources.columnar_parse import ColumnarBlock, ColumnarParser, python_values
from lake.sources.dialects import known
from lake.sources.generic import draft_by_names
from lake.sources.model import Batch
from lake.sources.recipe import Recipe
from lake.sources.resolve import (
    TIME_TARGETS,
    Draft,
    column_of,
    constants,
    fixed_of,
    sides_of,
    unlikely,
    words_of,
    zone_of,
    zoned,
)
from lake.sources.times import TimeColumn
from lake.sources.words import refuse_words, told

if TYPE_CHECKING:
    import re
    from collections.abc import Iterator, Sequence

    from lake.sources.containers import SourceFile
    from lake.sources.model import Batch, Plan, SourceOptions
    from lake.sources.sniff import Head
    from schemas.columns import Schema

BATCH_ROWS = 16_384
HEAD_ROWS = 1000
_DAMAGE = (pa.ArrowException, OSError, UnicodeError)
"""What pyarrow raises on broken files; names of columns that are no UTF-8 only show when they are asked for."""


class _File:
    """An opened Parquet or Arrow file: its schema, and its records in batches of the columns asked for."""

    def __init__(self, source: SourceFile, kind: str) -> None:
        self.path = source.place
        try:
            if source.held is None:
                self._source = pa.OSFile(os.fsencode(source.path), "rb")
            else:
                self._source = pa.PythonFile(source.open(), mode="r")
        except OSError as error:
            raise self.damaged(error) from error
        try:
            if kind == "parquet":
                self._parquet = self._open_parquet()
                self.schema = self._parquet.schema_arrow
                texts = [field.name for field in self.schema if is_text(field.type)]
                if texts:
                    self._parquet = self._open_parquet(texts)
            else:
                self._parquet = None
                self.schema = self._open_ipc().schema
            self.names = list(self.schema.names)
        except _DAMAGE as error:
            self.close()
            raise self.damaged(error) from error

    def _open_parquet(self, texts: Sequence[str] = ()) -> Any:  # noqa: ANN401 -- pyarrow has no types
        return pq.ParquetFile(
            self._source, pre_buffer=False, page_checksum_verification=True, read_dictionary=list(texts)
        )

    def _open_ipc(self, options: Any = None) -> Any:  # noqa: ANN401 -- pyarrow has no types
        self._source.seek(0)
        is_file = self._source.read(6) == b"ARROW1"
        self._source.seek(0)
        return (ipc.open_file if is_file else ipc.open_stream)(self._source, options=options)

    def damaged(self, error: BaseException) -> LakeError:
        """Return the error for a file that cannot be read."""
        said = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
        return LakeError("SOURCE_UNREADABLE", f"{self.path.name} cannot be read: {said}", where=str(self.path))

    def batches(self, columns: list[int]) -> Iterator[Any]:
        """Yield record batches of BATCH_ROWS at most, with the columns at these places, in this order."""
        names = [self.names[place] for place in columns]
        wanted = pa.schema([self.schema.field(place) for place in columns])
        try:
            made = self._ipc_batches(columns) if self._parquet is None else self._parquet_batches(names)
            for batch in made:
                picked = pa.RecordBatch.from_arrays([batch.column(name) for name in names], names=names)
                picked.validate(full=True)  # nobody else looks at offsets and encodings, and Arrow trusts them
                yield from pieces(picked, wanted, BATCH_ROWS, self.path)
        except _DAMAGE as error:
            raise self.damaged(error) from error

    def _parquet_batches(self, names: list[str]) -> Iterator[Any]:
        yield from self._parquet.iter_batches(BATCH_ROWS, columns=names, use_threads=False)

    def _ipc_batches(self, columns: list[int]) -> Iterator[Any]:
        reader = self._open_ipc(ipc.IpcReadOptions(included_fields=columns, use_threads=False))
        if hasattr(reader, "num_record_batches"):
            for number in range(reader.num_record_batches):
                yield reader.get_batch(number)
        else:
            yield from reader

    def first(self, columns: list[int]) -> Any:  # noqa: ANN401 -- pa.RecordBatch
        """Return the first HEAD_ROWS records, or what there is, as one batch."""
        found, count = [], 0
        for batch in self.batches(columns):
            found.append(batch.slice(0, HEAD_ROWS - count))
            count += len(found[-1])
            if count >= HEAD_ROWS:
                break
        schema = pa.schema([self.schema.field(place) for place in columns])
        batches = pa.Table.from_batches(found, found[0].schema if found else schema).combine_chunks().to_batches()
        return batches[0] if batches else pa.RecordBatch.from_pylist([], schema)

    def close(self) -> None:
        """Close the file."""
        self._source.close()


def draft_columnar(head: Head, options: SourceOptions) -> tuple[Draft, Recipe]:
    """Choose how a Parquet or Arrow source is read; the same refusals as for text."""
    dialect = _dialect(head, options)
    if dialect is None and options.format not in {None, head.kind}:
        raise LakeError("FORMAT_MISMATCH", f"{head.path.name} is a {head.kind} file, not {options.format}")
    file = _File(head.source, head.kind)
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
            draft.confidence = "asked" if options.format else "named"
        else:
            what = f"{head.path.name} is a {head.kind} file"
            refuse_words(options.words, what, but=("map", "date-column", "time-column"))
            draft = draft_by_names(flat, (), len(flat), options, told(options.words))
        if any(names[column] in doubled for column in draft.targets.values()):
            raise LakeError("AMBIGUOUS", f"{head.path.name} has more than one column {doubled[0]!r}")
        draft.evidence.append(f"a {head.kind} file")
        draft.many = "symbol" in draft.targets and options.symbol is None
        return draft, _recipe(draft, head, file)
    finally:
        file.close()


def _dialect(head: Head, options: SourceOptions) -> tuple[re.Match[str] | None, Any] | None:
    import re

    if options.columns:
        return None
    for dialect in known().values():
        match = re.fullmatch(dialect.file, printable(head.path.name)) if dialect.file else None
        asked = options.format == dialect.name
        if dialect.container == "arrow" and head.kind == "arrow" and (asked or (match and options.format is None)):
            return match, dialect
    if options.format in known():
        raise LakeError("FORMAT_MISMATCH", f"{head.path.name} is a {head.kind} file, not {options.format}")
    return None


def _recipe(draft: Draft, head: Head, file: _File) -> Recipe:
    """Return the recipe; its column numbers are places in the file's schema."""
    places = sorted(set(draft.targets.values()))
    batch = file.first(places)
    if not len(batch):
        raise LakeError(
            "FORMAT_UNKNOWN", f"{head.path.name} has columns and no rows", fix=["nothing is there to ingest"]
        )
    texts = [[("" if v is None else str(v)) for v in python_values(batch.column(i))] for i in range(len(places))]
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
        words=words_of(draft),
        fixed=fixed_of(draft),
        constants=tuple(constants(replace(draft, targets=inside), rows)),
        symbol=inside.get("symbol") if draft.many else None,
    )


def _clock(draft: Draft, target: str, columns: tuple[int, ...], arrays: list[Any]) -> TimeColumn:
    kind = arrays[0].type
    if len(arrays) == 1 and (pa.types.is_timestamp(kind) or pa.types.is_date(kind)):
        if pa.types.is_date(kind):
            return TimeColumn(target, columns, "stamp", labels=True)
        return TimeColumn(target, columns, "stamp", zone="UTC" if kind.tz else zone_of(draft, target))
    cells = [" ".join(str(v) for v in row if v is not None) for row in zip(*map(python_values, arrays), strict=True)]
    samples = [cell for cell in cells if cell]
    made = column_of(target, columns, samples)
    if target == "ts" and made.kind == "epoch" and (odd := unlikely(made, samples)):
        draft.warnings.append(f"{odd}: look whether the times are right")
    return zoned(draft, made)


def first_rows(source: SourceFile, recipe: Recipe, schema: Schema) -> Batch:
    """Parse the first records of a source."""
    file = _File(source, recipe.kind)
    try:
        batch = file.first([int(name) for name in recipe.names])
        return ColumnarParser(recipe, schema).parse(ColumnarBlock(batch, 1))
    finally:
        file.close()


class ColumnarReader:
    """Reads a Parquet or Arrow source."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._file = _File(plan.source, plan.recipe.kind)
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
        self._sha256 = self._plan.source.digest()
        if self._plan.recipe.sha256 not in {None, self._sha256}:
            message = f"{self._plan.path.name} changed while it was read"
            raise LakeError("SOURCE_CHECKSUM", message, where=str(self._plan.path))
        first = 1
        for batch in self._file.batches([int(name) for name in self._plan.recipe.names]):
            yield ColumnarBlock(batch, first)
            first += len(batch)
        self._done = self._plan.nbytes
