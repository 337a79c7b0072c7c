"""Reading: plan from the manifest, stream verified row groups."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from copy import copy
from itertools import groupby
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from lake import files, gather, layout, rows
from lake.declared import schema_of
from lake.encoding import identity
from lake.errors import LakeError
from lake.leases import Lease
from lake.manifest import planning
from lake.places import Places
from schemas.arrow import arrow_schema
from schemas.columns import IDENTITY

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from lake.checksums import StoredFile
    from lake.config import Config
    from lake.manifest import Manifest
    from lake.manifest.planning import Planned
    from lake.manifest.rows import FileRow
    from lake.where import Where
    from schemas.columns import Schema
    from schemas.keys import Address

BATCH_ROWS = 65_536
GATHERED_ROWS = 65_536
"""From so many rows on, files are decoded side by side; threads would cost more than they save of fewer."""
_IDENTITY = frozenset(column.name for column in IDENTITY)


class Scan:
    """The rows of some series of one asset in a range, at one snapshot; nothing is read until asked.

    The snapshot and the files are settled at construction, so that all reads of one scan see the same lake.
    """

    def __init__(
        self,
        config: Config,
        manifest: Manifest,
        addresses: Sequence[Address],
        *,
        start_ns: int | None = None,
        end_ns: int | None = None,
        columns: Sequence[str] | None = None,
        as_of: int | str | dt.datetime | None = None,
        where: Callable[[Schema], Where] | None = None,
    ) -> None:
        """Plan the read of `[start_ns, end_ns)`, rows in the order of `addresses` and of time in each.

        With `where`, which is told their schema, only of the rows that fit.

        Raises:
            LakeError: UNKNOWN_SERIES, UNKNOWN_ASSET, UNKNOWN_SNAPSHOT, SNAPSHOT_EXPIRED; USAGE for several schemas,
                or a column that the schema lacks.
        """
        self.snapshot: int = manifest.snapshot(as_of)
        self.is_as_of = as_of is not None
        schemas = {schema_of(config, a.key, None if as_of is None else self.snapshot) for a in addresses}
        if len(schemas) != 1:
            raise LakeError(
                "USAGE",
                "the series of one read must have one schema",
                where=", ".join(map(str, addresses)),
                why="Their rows come as one table.",
                fix=["read series of one type at a time"],
            )
        self.config = config
        self.lake = config.manifest  # which lake it reads
        self._places = Places(config)
        self.addresses = tuple(addresses)
        self.declaration: Schema = schemas.pop()
        self.start_ns, self.end_ns = start_ns, end_ns
        self._unit = rows.unit(self.declaration)
        whole = arrow_schema(self.declaration)
        self.columns = tuple(columns) if columns is not None else tuple(whole.names)
        for name in self.columns:
            if name not in whole.names:
                raise LakeError(
                    "USAGE",
                    f"there is no column {name!r}",
                    where=self.addresses[0].key,
                    why="The columns are those of the schema.",
                    fix=[f"one of {', '.join(whole.names)}"],
                )
        self.schema: pa.Schema = whole if columns is None else pa.schema([whole.field(n) for n in self.columns])
        # What it needs stays for as long as this object does; unless it was forgotten just before that was said.
        self._lease = Lease(config, self.snapshot)
        manifest.refuse_expired(self.snapshot)
        self.wanted = where
        self.where = None if where is None else where(self.declaration)
        self.plan: list[FileRow] = []
        self.passed_over = 0
        """Files in the range that cannot have a row that fits, by what the manifest knows of them."""
        self._series: dict[int, Address] = {}
        for address, series, stored in self._planned(manifest):
            if series is None:
                raise LakeError("UNKNOWN_SERIES", f"{address} is not in the lake")
            self._series[series] = address
            self.passed_over += len(stored)
            self.plan += stored if self.where is None else self.where.files(stored, address)
        self.passed_over -= len(self.plan)

    def _planned(self, manifest: Manifest) -> list[Planned]:
        """Return the files of each series, wanted rows or not."""
        return planning.plans(manifest, self.addresses, self.start_ns, self.end_ns, self.snapshot)

    @property
    def series(self) -> Mapping[int, Address]:
        """The series by their ids."""
        return self._series

    def count(self) -> int:
        """Count the rows; files inside the range are counted by the manifest, those on its edges are looked into.

        With a condition every file is.
        """
        total = 0
        for file in self.plan:
            known = self.where is None and self._covers(file)
            total += file.rows if known else sum(t.num_rows for t in self.pieces(file, ["ts"]))
        return total

    def batches(self, size: int = BATCH_ROWS) -> Iterator[pa.RecordBatch]:
        """Yield the rows in batches of at most `size`, holding one row group at a time."""
        self.require()
        for file in self.plan:
            for table in self.pieces(file, self.columns):
                for batch in table.to_batches(max_chunksize=size):
                    if batch.num_rows:
                        yield batch

    def to_arrow(self) -> pa.Table:
        """Read everything into one table."""
        self.require()
        if len(self.plan) > 1 and sum(file.rows for file in self.plan) >= GATHERED_ROWS:
            return self._gathered() if self.where is None else self._fitting_side_by_side()
        tables = [t for file in self.plan for t in self.pieces(file, self.columns)]
        return pa.concat_tables(tables) if tables else self.schema.empty_table()

    def _gathered(self) -> pa.Table:
        """Read everything side by side; files on the edges of the range first, as only they can tell their rows."""
        with ThreadPoolExecutor(gather.WORKERS, thread_name_prefix="read") as pool:
            numbers = [number for number, file in enumerate(self.plan) if not self._covers(file)]
            edges = dict(zip(numbers, pool.map(lambda number: [*self._bare(number)], numbers), strict=True))
        counts = [
            sum(table.num_rows for table in edges[number]) if number in edges else file.rows
            for number, file in enumerate(self.plan)
        ]

        def read(number: int) -> Iterable[pa.Table]:
            return edges.pop(number) if number in edges else self._bare(number)

        names = [file.path for file in self.plan]
        plain = pa.schema([field for field in self.schema if field.name not in _IDENTITY])
        columns = dict(zip(plain.names, gather.gather(plain, counts, read, names), strict=True))
        columns |= self._names(counts)
        return pa.Table.from_arrays([columns[name] for name in self.columns], schema=self.schema)

    def _bare(self, number: int) -> Iterator[pa.Table]:
        return self.pieces(self.plan[number], self.columns, bare=True)

    def _names(self, counts: Sequence[int]) -> dict[str, pa.ChunkedArray]:
        """Return the columns that name the series, for so many rows of each planned file: a piece for each series."""
        made: dict[str, list[pa.Array]] = {column.name: [] for column in IDENTITY}
        for series, run in groupby(zip(self.plan, counts, strict=True), lambda pair: pair[0].series_id):
            rows_of_it = sum(count for _, count in run)
            for pieces, words in zip(made.values(), identity(self._series[series]), strict=True):
                pieces.append(words(rows_of_it))
        return {name: pa.chunked_array(pieces) for name, pieces in made.items()}

    def _fitting_side_by_side(self) -> pa.Table:
        """Read what fits the condition; how much that is nobody knows before."""
        with ThreadPoolExecutor(gather.WORKERS, thread_name_prefix="read") as pool:
            found = pool.map(lambda file: list(self.pieces(file, self.columns)), self.plan)
            tables = [table for each in found for table in each if table.num_rows]
        return pa.concat_tables(tables) if tables else self.schema.empty_table()

    def reader(self, size: int = BATCH_ROWS) -> pa.RecordBatchReader:
        """Return a stream for whatever speaks Arrow; text columns that repeat come as plain text there."""
        return plain_reader(self.schema, self.batches(size))

    def narrowed(
        self,
        *,
        addresses: Sequence[Address] | None = None,
        columns: Sequence[str] | None = None,
        where: Where | None = None,
    ) -> Scan:
        """Return a read of some of these series, with other columns of their schema, or of the rows that fit, too."""
        part = copy(self)
        if addresses is not None:
            part.addresses = tuple(addresses)
            part.plan = [file for each in addresses for file in self.plan if self.address_of(file) == each]
        if columns is not None:
            whole = arrow_schema(self.declaration)
            part.columns, part.schema = tuple(columns), pa.schema([whole.field(name) for name in columns])
        if where is not None:
            both = part.where = where if self.where is None else self.where & where
            part.wanted = lambda _: both
            part.plan = [
                file
                for address, stored in groupby(part.plan, key=self.address_of)
                for file in both.files(list(stored), address)
            ]
            part.passed_over += len(self.plan) - len(part.plan)
        return part

    def again(
        self,
        manifest: Manifest,
        addresses: Sequence[Address],
        *,
        start_ns: int | None = None,
        end_ns: int | None = None,
        columns: Sequence[str] | None = None,
        as_of: int | str | None,
    ) -> Scan:
        """Plan a read of the same kind, with the same condition, of other series, times, columns or another snapshot.

        Raises:
            LakeError: As the constructor does; USAGE for a read that leaves out rows, which another one would have.
        """
        kind = self._kind()
        return kind(
            self.config,
            manifest,
            addresses,
            start_ns=start_ns,
            end_ns=end_ns,
            columns=columns,
            as_of=as_of,
            where=self.wanted,
        )

    def _kind(self) -> Callable[..., Scan]:
        """Return what makes reads of this kind."""
        return Scan

    def require(self) -> None:
        """Make sure that every planned file is in a place that is there; TIER_UNAVAILABLE or TIER_FOREIGN."""
        self._places.require(self.plan, self._series)

    def address_of(self, file: FileRow) -> Address:
        """Return which of the series a planned file is of."""
        return self._series[file.series_id]

    def _covers(self, file: FileRow) -> bool:
        return (self.start_ns is None or self.start_ns <= file.first_ns) and (
            self.end_ns is None or file.last_ns < self.end_ns
        )

    def pieces(self, file: FileRow, columns: Sequence[str], *, skip: int = 0, bare: bool = False) -> Iterator[pa.Table]:
        """Yield a planned file's rows within the range, a row group at a time.

        Args:
            file: One of the plan.
            columns: Which columns of the schema, in this order.
            skip: How many of the row groups to pass over.
            bare: Leave out columns of which it is known without decoding them what they hold: those that name the
                series, and those that are all null.

        Raises:
            LakeError: FILE_DAMAGED, FILE_MISSING, TIER_UNAVAILABLE or TIER_FOREIGN.
        """
        try:
            if self.where is None:
                yield from self._stored(file, columns, skip, bare=bare)
            else:
                needed = [*columns, *sorted(self.where.columns.difference(columns))]
                for table in self._stored(file, needed, skip, bare=False):
                    fitting = self.where.fitting(table)
                    yield fitting if len(needed) == len(columns) else fitting.select(list(columns))
        except LakeError as error:
            if error.code in {"E_FILE_DAMAGED", "E_FILE_MISSING"} and file.to_snapshot is not None:
                raise _of_the_past(error) from error
            raise

    def _stored(self, file: FileRow, columns: Sequence[str], skip: int, *, bare: bool) -> Iterator[pa.Table]:
        covers = self._covers(file)
        schema = (
            self.schema
            if columns is self.columns
            else pa.schema([arrow_schema(self.declaration).field(n) for n in columns])
        )
        needed = list(columns) if covers or "ts" in columns else [*columns, "ts"]
        with self._places.parquet(file, self.declaration) as parquet:
            start, end = (None, None) if covers else (self.start_ns, self.end_ns)
            # The names of the series say the same in every row: where checksums vouch for them they are not decoded.
            said = _IDENTITY.intersection(needed) if parquet.has_sums else frozenset()
            for group in self.groups(parquet, start, end)[skip:]:
                table = (gather.filled if bare else files.read_group)(parquet, group, needed, said)
                if not covers:
                    table = self._trim(table)
                if bare:
                    yield table
                elif said:
                    yield self._named(file, table, schema, parquet.metadata.row_group(group).num_rows)
                else:
                    yield table if table.schema.equals(schema) else table.select(list(columns)).cast(schema)

    def span(self, file: FileRow) -> tuple[int | None, int | None]:
        """Return the range that a planned file is cut to; None, None when all rows of it lie inside."""
        return (None, None) if self._covers(file) else (self.start_ns, self.end_ns)

    def groups(self, parquet: StoredFile, start_ns: int | None, end_ns: int | None) -> list[int]:
        """Return the row groups of an open file that may have rows of [start_ns, end_ns) that fit the condition."""
        groups = files.groups_between(parquet, self.declaration, start_ns, end_ns)
        return groups if self.where is None else self.where.groups(parquet, groups)

    def _named(self, file: FileRow, table: pa.Table, schema: pa.Schema, count: int) -> pa.Table:
        """Return rows with the columns that name their series; `count` of them where there is no other column."""
        count = table.num_rows if table.num_columns else count
        words = dict(zip((c.name for c in IDENTITY), identity(self._series[file.series_id]), strict=True))
        arrays = [words[f.name](count) if f.name in words else table.column(f.name) for f in schema]
        return pa.Table.from_arrays(arrays, schema=schema)

    def _trim(self, table: pa.Table) -> pa.Table:
        ts = rows.times(table)
        scale = layout.NS_PER[self._unit]
        low = 0 if self.start_ns is None else int(np.searchsorted(ts, -(-self.start_ns // scale)))
        high = len(ts) if self.end_ns is None else int(np.searchsorted(ts, -(-self.end_ns // scale)))
        return table.slice(low, max(0, high - low))


def plain_reader(schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> pa.RecordBatchReader:
    """Return rows as a stream for whatever speaks Arrow, text columns that repeat as plain text."""
    flat = pa.schema([f.with_type(pa.string()) if pa.types.is_dictionary(f.type) else f for f in schema])
    return pa.RecordBatchReader.from_batches(flat, (batch.cast(flat) for batch in batches))


def _of_the_past(error: LakeError) -> LakeError:
    """Return what is to be said of a bad file that was replaced since: also what else ends that."""
    why = f"{error.why} It was replaced since: the present is read without it."
    fix = [*error.fix, "or give up the snapshots that need it: dl expire, then dl vacuum"]
    return LakeError(error.code.removeprefix("E_"), error.message, where=error.where, why=why, fix=fix)
