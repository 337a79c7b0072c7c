"""The stored rows of series of one kind, as a statement sees them.

DuckDB knows next to nothing to do with times of nanoseconds that have a zone: it cannot bucket them, join them with
bars, or hand over a filter on them. So such a column comes as microseconds, and beside it as `<name>_ns`, the exact
count of nanoseconds since the epoch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from lake.sql import pruning
from lake.sql.dataset import Rows, mentioned, passing
from schemas.columns import IDENTITY

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from lake.manifest.rows import FileRow
    from lake.read import Scan
    from lake.sql.pruning import Expression
    from schemas.keys import Address

    Plan = Callable[[Sequence[Address], int | None, int | None], Scan]
    """Plans a read of series from the first nanosecond on and up to before the second."""

PERIOD = pa.field("period", pa.dictionary(pa.int32(), pa.string()), nullable=False)
_MICROS = pa.timestamp("us", tz="UTC")
_NAMES = tuple(column.name for column in IDENTITY)


def _is_nanos(kind: pa.DataType) -> bool:
    return bool(pa.types.is_timestamp(kind)) and kind.unit == "ns"


def shown_schema(stored: pa.Schema, *, period: bool = False) -> pa.Schema:
    """Return the columns that a statement sees of stored ones; with `period`, that of each row's bars as well."""
    fields: list[pa.Field] = []
    for field in stored:
        if _is_nanos(field.type):
            exact = pa.field(f"{field.name}_ns", pa.int64(), nullable=field.nullable)
            fields += [field.with_type(_MICROS), *([] if exact.name in stored.names else [exact])]
        else:
            fields.append(field)
    return pa.schema([*fields, *([PERIOD] if period else [])])


def shown(table: pa.Table, names: Sequence[str], period: str = "") -> pa.Table:
    """Return columns that a statement sees, of a table that has the stored ones that are needed for them."""
    arrays, fields = [], []
    for name in names:
        if name == PERIOD.name and name not in table.column_names:
            arrays.append(_constant(period, table.num_rows))
            fields.append(PERIOD)
            continue
        exact = name not in table.column_names
        field = table.schema.field(name.removesuffix("_ns") if exact else name)
        column = table.column(field.name)
        if _is_nanos(field.type):
            column = column.cast(pa.int64()) if exact else _floored(column)
            field = pa.field(name, column.type, nullable=field.nullable)
        arrays.append(column)
        fields.append(field)
    return pa.Table.from_arrays(arrays, schema=pa.schema(fields))


def _floored(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return nanoseconds as the microsecond they lie in, before 1970 too."""
    if pc.any(pc.less(column.cast(pa.int64()), 0)).as_py():
        column = pc.floor_temporal(column, unit="microsecond")
    return column.cast(_MICROS, safe=False)


def _constant(value: str, length: int) -> pa.DictionaryArray:
    indices = pa.Array.from_buffers(pa.int32(), length, [None, pa.py_buffer(bytes(4 * length))])
    return pa.DictionaryArray.from_arrays(indices, pa.array([value], pa.string()))


def _needed(names: Iterable[str], stored: Sequence[str]) -> list[str]:
    """Return the stored columns that shown ones are made of, in stored order."""
    wanted = {name if name in stored else name.removesuffix("_ns") for name in names}
    return [name for name in stored if name in wanted] or [stored[0]]


class StoredRows(Rows):
    """The rows of some series as a dataset: a scan plans what its filter leaves, and opens nothing else."""

    def __init__(self, stored: pa.Schema, addresses: Sequence[Address], plan: Plan, *, period: bool = False) -> None:
        """Take what can be read.

        Args:
            stored: The columns as they are stored.
            addresses: The series, in the order their rows come.
            plan: Plans a read of some of them.
            period: Whether to show the period of each row's bars.
        """
        super().__init__(shown_schema(stored, period=period), self._filtered)
        self._addresses = addresses
        self._plan = plan
        self._exact = "ts" in stored.names and _is_nanos(stored.field("ts").type) and "ts_ns" not in stored.names
        self._words = (*_NAMES, PERIOD.name) if period else _NAMES
        # Filters are weighed against plain text; and of what is not among the columns, no filter speaks.
        facts = {"ts": _MICROS, "ts_ns": pa.int64()} | dict.fromkeys(self._words, pa.string())
        facts |= {field.name: field.type for field in self.schema if not pa.types.is_dictionary(field.type)}
        facts |= {field.name: pa.string() for field in self.schema if pa.types.is_dictionary(field.type)}
        self._facts = pa.schema(facts.items())

    def planned(self, wanted: Expression | None) -> Scan | None:
        """Return the read that a filter asks for, of the files that may have a row for it; None for none."""
        if wanted is None:
            return self._plan(self._addresses, None, None) if self._addresses else None
        addresses = pruning.kept(self._addresses, self._facts, wanted, self._of_series)
        within = pruning.hull(self._facts, wanted, exact=self._exact)
        if not addresses or within is None:
            return None
        first, last = within
        scan = self._plan(addresses, first, None if last is None else last + 1)
        inside = [
            file
            for file in scan.plan
            if (scan.start_ns is None or file.last_ns >= scan.start_ns)
            and (scan.end_ns is None or file.first_ns < scan.end_ns)
        ]
        scan.plan = pruning.kept(inside, self._facts, wanted, lambda some: self._of_files(scan, some))
        return scan

    def _of_series(self, some: Sequence[Address]) -> Expression:
        """Return what is known of every row of some series."""
        known = pc.scalar(True)  # noqa: FBT003 -- the literal
        if len(some) == 1:
            for name in self._words:
                word = pa.scalar(getattr(some[0], name), pa.string())
                known &= pc.field(name).is_valid() & (pc.field(name) == word)
        return known

    def _of_files(self, scan: Scan, some: Sequence[FileRow]) -> Expression:
        """Return what is known of every row that is read of some files."""
        first, last = min(file.first_ns for file in some), max(file.last_ns for file in some)
        if scan.start_ns is not None:
            first = max(first, scan.start_ns)
        if scan.end_ns is not None:
            last = min(last, scan.end_ns - 1)
        addresses = list({scan.address_of(file) for file in some})
        return pruning.times(first, last, exact=self._exact) & self._of_series(addresses)

    def _filtered(self, names: Sequence[str], wanted: Expression | None) -> Iterator[pa.Table]:
        """Yield the rows that pass a filter, a row group at a time."""
        scan = self.planned(wanted)
        if scan is None:
            return
        scan.require()
        mixed: set[int] = set()
        if wanted is not None:
            mixed = pruning.partial(self._facts, wanted, [self._of_files(scan, [file]) for file in scan.plan])
        both = [*names, *(n for n in mentioned(wanted, self.schema.names) if n not in names)]
        for place, file in enumerate(scan.plan):
            period = scan.address_of(file).period
            read = both if place in mixed else names
            for table in scan.pieces(file, _needed(read, scan.columns)):
                rows = shown(table, read, period)
                yield passing(rows, wanted).select(list(names)) if place in mixed else rows


def filtered(batches: Iterable[pa.RecordBatch], names: Sequence[str], wanted: Expression | None) -> Iterator[pa.Table]:
    """Yield columns of the rows of a stream that pass a filter."""
    for batch in batches:
        table = pa.Table.from_batches([batch])
        if wanted is None:
            yield shown(table, names)
        else:
            rows = shown(table, shown_schema(table.schema).names)
            yield passing(rows, wanted).select(list(names))
