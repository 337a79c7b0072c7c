"""Comparing the same instrument from several sources, in one pass over all of them."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa

from lake import layout, rows
from lake.declared import schema_of
from lake.errors import LakeError
from lake.leases import Lease
from lake.manifest import graph
from lake.merge.model import keyed_by_time
from lake.read import Scan
from lake.reconcile import model
from lake.reconcile.matching import Differences, Measure
from lake.reconcile.model import ColumnTally, Progress, ReconcileReport, SourceTally, Tallies
from lake.reconcile.priority import ordered
from schemas.columns import IDENTITY
from schemas.periods import Period

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from lake.config import Config
    from lake.manifest import Manifest
    from lake.reconcile.model import ReconcileRequest, Source
    from schemas.columns import Column, Schema

_NUMBERS = frozenset({"float64", "float32", "int64", "int32", "int8"})
_PRICE = "price"
"""The unit of columns that an absolute tolerance is for."""


class Reconciliation:
    """A comparison of sources; nothing is read until its differences are."""

    def __init__(
        self,
        config: Config,
        manifest: Manifest,
        sources: Sequence[Source],
        request: ReconcileRequest,
        progress: Callable[[Progress], None] = lambda _at: None,
    ) -> None:
        """Settle what is compared with what.

        Args:
            config: The lake's.
            manifest: Open to read.
            sources: Two or more series whose rows have times of their own, of one schema and length.
            request: Which of them is preferred, where to look, and what counts as the same.
            progress: Told as rows are read.

        Raises:
            LakeError: USAGE for series that cannot be compared, tolerances or columns there are not;
                UNKNOWN_SERIES, SNAPSHOT_EXPIRED.
        """
        self._config, self._manifest, self._request, self._progress = config, manifest, request, progress
        self._sources, self._because = ordered(sources, request.prefer, config.reconcile)
        declaration = _common(config, self._sources)
        self._measures = _measures(declaration, request, self._room())
        self.schema = model.schema(rows.unit(declaration))
        self._unit_ns = layout.NS_PER[rows.unit(declaration)]
        self._span = self._common_span()
        self._tallies = Tallies(
            [SourceTally(source) for source in self._sources],
            {measure.name: ColumnTally() for measure in self._measures},
        )
        self._kept: list[pa.RecordBatch] = []
        self._ends: list[int] = []
        self._done = 0

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Yield all differences, by time and then by source.

        Raises:
            LakeError: FILE_DAMAGED, FILE_MISSING and TIER_UNAVAILABLE when rows cannot be read.
        """
        with ExitStack() as leases:
            for source in self._sources:
                leases.enter_context(Lease(self._config, source.snapshot))
                self._manifest.refuse_expired(source.snapshot)
            scans = [self._scan(source, self._span) for source in self._sources]
            total = sum(scan.count() for scan in scans)
            several = len({source.address for source in self._sources}) < len(self._sources)
            names = [str(source) if several else str(source.address) for source in self._sources]
            compared = Differences(names, self._measures, self.schema, self._tallies)
            held = 0
            for batch in compared.batches([self._stream(scan, total) for scan in scans]):
                limit = self._request.limit
                if limit is None or held < limit:
                    self._kept.append(batch if limit is None else batch.slice(0, limit - held))
                    held += self._kept[-1].num_rows
                yield batch
            asked = (self._request.start_ns, self._request.end_ns)
            for tally in self._tallies.sources:
                tally.outside = self._scan(tally.source, asked).count() - tally.rows

    def report(self) -> ReconcileReport:
        """Return what was found, once all differences were read."""
        tallies = self._tallies
        return ReconcileReport(
            tuple(tallies.sources),
            self._because,
            min(self._ends, default=None),
            max(self._ends) + 1 if self._ends else None,
            tallies.times,
            tallies.agreeing,
            {name: told for name, told in tallies.columns.items() if told.compared or told.unknown},
            tallies.count,
            pa.Table.from_batches(self._kept, self.schema),
        )

    def _room(self) -> float:
        """Return how far apart prices may be."""
        request = self._request
        for name in ("absolute", "relative", "ticks"):
            value = getattr(request, name)
            if not 0 <= value < float("inf"):
                raise LakeError(
                    "USAGE", f"the tolerance is {value}", where=name, why="It is 0 or more.", fix=["0 allows none"]
                )
        if not request.ticks:
            return request.absolute
        best = self._sources[0].address
        row = self._manifest.find(best)
        if row is None or row.tick_size is None:
            raise LakeError(
                "USAGE",
                f"no tick size is known of {best}",
                where="--ticks",
                why="A tolerance in ticks is one of the most trusted source's.",
                fix=["dl instruments import FILE", "or --abs"],
            )
        return max(request.absolute, request.ticks * row.tick_size)

    def _common_span(self) -> tuple[int | None, int | None]:
        """Return the range of rows to be read."""
        start, end = self._request.start_ns, self._request.end_ns
        if self._request.whole:
            return start, end
        for source in self._sources:
            row = self._manifest.find(source.address)
            if row is None:
                raise LakeError("UNKNOWN_SERIES", f"{source.address} is not in the lake")
            parts = graph.parts(self._manifest, row.id, None, None, source.snapshot)
            if not parts:
                return 0, 0
            start = parts[0].first_ns if start is None else max(start, parts[0].first_ns)
            end = parts[-1].last_ns + 1 if end is None else min(end, parts[-1].last_ns + 1)
        return (start, end) if start is None or end is None or start < end else (0, 0)

    def _scan(self, source: Source, between: tuple[int | None, int | None]) -> Scan:
        names = ["ts", *(measure.name for measure in self._measures)]
        start, end = between
        return Scan(
            self._config,
            self._manifest,
            [source.address],
            start_ns=start,
            end_ns=end,
            columns=names,
            as_of=source.snapshot,
        )

    def _stream(self, scan: Scan, total: int) -> Iterator[pa.Table]:
        yield scan.schema.empty_table()
        for batch in scan.batches():
            ts = rows.times(batch)
            self._ends += [int(ts[0]) * self._unit_ns, int(ts[-1]) * self._unit_ns]
            self._ends[:] = [min(self._ends), max(self._ends)]
            yield pa.Table.from_batches([batch])
            self._done += batch.num_rows
            self._progress(Progress(self._done, total))


def reconcile(
    config: Config,
    manifest: Manifest,
    sources: Sequence[Source],
    request: ReconcileRequest,
    *,
    progress: Callable[[Progress], None] = lambda _at: None,
) -> ReconcileReport:
    """Say how sources of the same instrument differ; the arguments and errors are those of `Reconciliation`."""
    comparison = Reconciliation(config, manifest, sources, request, progress)
    for _ in comparison.batches():
        pass
    return comparison.report()


@dataclass(frozen=True, slots=True)
class _Form:
    """What sources must have in common."""

    schema: Schema
    length: tuple[int, str] | None

    @classmethod
    def of(cls, config: Config, source: Source) -> _Form:
        period = Period.parse(source.address.period) if source.address.type == "bars" else None
        schema = schema_of(config, source.address.key, source.snapshot)
        return cls(schema, None if period is None else (period.n, period.unit))


def _common(config: Config, sources: Sequence[Source]) -> Schema:
    """Return the schema that all sources have; USAGE when they cannot be compared."""
    if len(sources) < 2 or len(set(sources)) < len(sources):
        raise LakeError(
            "USAGE",
            "there are not two different sources",
            where=", ".join(map(str, sources)),
            why="A source is held against others.",
            fix=["name two series of one instrument", "or two states of one: ADDRESS@1 ADDRESS@2"],
        )
    forms = [_Form.of(config, source) for source in sources]
    first = forms[0]
    if any(form != first for form in forms):
        raise LakeError(
            "USAGE",
            "the sources have rows of different kinds or lengths",
            where=", ".join(map(str, sources)),
            why="Rows are matched by their time.",
            fix=["dl aggregate makes coarser bars of finer ones, and of ticks"],
        )
    if not keyed_by_time(first.schema) or first.schema.key != ("ts",):
        raise LakeError(
            "USAGE",
            f"rows of {sources[0].address.key} cannot be matched by their time",
            where=", ".join(map(str, sources)),
            why="Several may have the same one.",
            fix=["dl diff matches them by what they are", "dl aggregate makes bars of them"],
        )
    return first.schema


def _measures(declaration: Schema, request: ReconcileRequest, room: float) -> list[Measure]:
    """Return the columns to be compared, with how far apart prices may be."""
    numbers = {column.name: column for column in declaration.columns if _is_number(column)}
    for name in request.columns:
        if name not in numbers:
            raise LakeError(
                "USAGE",
                f"there is no column {name!r} of numbers",
                why="The columns are those of the schema.",
                fix=[f"one of {', '.join(numbers)}"],
            )
    chosen = request.columns or tuple(numbers)
    return [Measure(name, room if numbers[name].unit == _PRICE else 0.0, request.relative) for name in chosen]


def _is_number(column: Column) -> bool:
    return column.type in _NUMBERS and column.length is None and column not in IDENTITY
