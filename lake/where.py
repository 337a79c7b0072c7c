"""Which rows of a read are wanted: a condition, held against every row, and first against what is known of many.

What a file or a row group is known to hold (its range of time, its series, the least and the greatest values) can tell
that none of its rows fits; then it is not read.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from lake.conditions import parse
from lake.errors import LakeError
from schemas.arrow import arrow_schema
from schemas.columns import IDENTITY

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from pyarrow import parquet as pq

    from lake.checksums import StoredFile
    from lake.manifest.rows import FileRow
    from schemas.columns import Schema
    from schemas.keys import Address

_NAMES = tuple(column.name for column in IDENTITY)


@dataclass(frozen=True, eq=False)
class Where:
    """A condition on the rows of one schema."""

    expression: pc.Expression
    columns: frozenset[str]
    """What it is on."""
    schema: pa.Schema
    """Of the rows, whole."""

    @classmethod
    def of(cls, given: str | pc.Expression, schema: Schema, *, moment: Callable[[str], int]) -> Where:
        """Read a condition as text, or take Arrow's own.

        Args:
            given: `close > 100 and volume > 0`, as `lake.conditions.parse` takes it, or a `pyarrow.compute.Expression`.
            schema: Of the rows.
            moment: Reads a time, as nanoseconds since the epoch.

        Raises:
            LakeError: USAGE for what is no condition on such rows; BAD_DATE.
        """
        whole = arrow_schema(schema)
        if isinstance(given, str):
            expression, columns = parse(given, schema, moment)
            return cls(expression, columns, whole)
        if not isinstance(given, pc.Expression):
            raise LakeError(
                "USAGE",
                f"a {type(given).__name__} is no condition",
                why="Rows are chosen by a text or by an expression of pyarrow.compute.",
                fix=['where="close > 100"', 'where=pc.field("close") > 100'],
            )
        return cls(given, _columns(given, whole), whole)

    def __str__(self) -> str:
        return str(self.expression)

    def __and__(self, other: Where) -> Where:
        return Where(self.expression & other.expression, self.columns | other.columns, self.schema)

    def fitting(self, table: pa.Table) -> pa.Table:
        """Return the rows for which it is true; those for which it is neither true nor false are left out."""
        try:
            return table.filter(self.expression)
        except pa.ArrowException as error:
            why = "Arrow computes it row by row."
            message = f"the condition {self} cannot be held against a row: {error}"
            raise LakeError("USAGE", message, why=why, fix=['compare with decimals: "trades / 2 > 1.5"']) from None

    def files(self, stored: Sequence[FileRow], address: Address) -> list[FileRow]:
        """Return the files of a series that may have such rows, by what the manifest knows of them."""
        if self.columns.isdisjoint({"ts", *_NAMES}):
            return list(stored)
        named = _all(pc.field(n) == pc.scalar(getattr(address, n)) for n in _NAMES)
        if "ts" not in self.columns:
            return list(stored) if self._may_hold([named]) else []
        kind = pa.timestamp("ns", "UTC")
        known = [
            named & _between("ts", *(pa.scalar(ns, pa.int64()).cast(kind) for ns in (file.first_ns, file.last_ns)))
            for file in stored
        ]
        return [stored[number] for number in self._may_hold(known)]

    def groups(self, parquet: StoredFile, groups: Sequence[int]) -> list[int]:
        """Return which of some row groups of an open file may have such rows, by their statistics."""
        names = parquet.schema_arrow.names
        places = {name: names.index(name) for name in self.columns if name in names and name not in _NAMES}
        if not places:
            return list(groups)
        known = [self._known(parquet.metadata.row_group(group), places) for group in groups]
        return [groups[number] for number in self._may_hold(known)]

    def _known(self, group: pq.RowGroupMetaData, places: dict[str, int]) -> pc.Expression:
        """Return what holds of every row of a row group."""
        facts = []
        for name, place in places.items():
            statistics = group.column(place).statistics
            if statistics is None:
                continue
            nulls = statistics.null_count if statistics.has_null_count else None
            if nulls == group.num_rows:
                facts.append(pc.field(name).is_null())
            elif statistics.has_min_max and (kind := self._ordered(name)) is not None:
                low, high = (_scalar(raw, kind) for raw in (statistics.min_raw, statistics.max_raw))
                facts.append(_between(name, low, high, nullable=nulls != 0))
        return _all(facts)

    def _ordered(self, name: str) -> pa.DataType | None:
        """Return the type of a column whose least and greatest values tell what lies between; None for others."""
        kind = self.schema.field(name).type
        is_number = pa.types.is_floating(kind) or pa.types.is_signed_integer(kind)
        return kind if is_number or pa.types.is_timestamp(kind) else None

    def _may_hold(self, known: Sequence[pc.Expression]) -> list[int]:
        """Return the numbers of those facts with which the condition can be true of a row.

        Arrow simplifies a condition by what is known, as it does for the partitions of a data set; its fragments stand
        for files here, and are not opened.
        """
        from pyarrow import dataset, fs

        form, nowhere = dataset.ParquetFileFormat(), fs.LocalFileSystem()
        each = [
            form.make_fragment(str(number), nowhere, partition_expression=fact) for number, fact in enumerate(known)
        ]
        whole = dataset.FileSystemDataset(each, self.schema, form, nowhere)
        return [int(fragment.path) for fragment in whole.get_fragments(self.expression)]


def _columns(expression: pc.Expression, schema: pa.Schema) -> frozenset[str]:
    """Return the columns an expression is on: those without which it cannot be held against rows."""
    empty = schema.empty_table()
    try:
        empty.filter(expression)
    except pa.ArrowException as error:
        raise LakeError(
            "USAGE",
            f"the condition {expression} does not fit the rows: {str(error).partition(chr(10))[0]}",
            why="It is true or false of a row, by the columns of the schema.",
            fix=[f"the columns are {', '.join(schema.names)}"],
        ) from None
    found = set()
    for name in schema.names:
        try:
            empty.drop_columns([name]).filter(expression)
        except pa.ArrowException:
            found.add(name)
    return frozenset(found)


def _scalar(raw: float, kind: pa.DataType) -> pa.Scalar:
    return pa.scalar(raw, pa.int64()).cast(kind) if pa.types.is_timestamp(kind) else pa.scalar(raw, kind)


def _between(name: str, low: pa.Scalar, high: pa.Scalar, *, nullable: bool = False) -> pc.Expression:
    """Return that a column's values lie between two of them, or are null."""
    field = pc.field(name)
    least, most = field >= pc.scalar(low), field <= pc.scalar(high)
    # Arrow takes a bound that may be null in this form only.
    return ((least | field.is_null()) & (most | field.is_null())) if nullable else least & most


def _all(facts: Iterable[pc.Expression]) -> pc.Expression:
    whole = None
    for fact in facts:
        whole = fact if whole is None else whole & fact
    return pc.scalar(True) if whole is None else whole  # noqa: FBT003 - Arrow's own way to say so
