"""Comparing two states: partitions by what the manifest says of them, and the rows of those that differ."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pyarrow as pa

from lake.declared import schema_of
from lake.diff.matching import compare, count_alone
from lake.diff.model import DiffReport, PartDiff, Progress, Samples, Tally
from lake.errors import LakeError
from lake.leases import Lease
from lake.manifest import graph
from lake.read import Scan
from schemas.arrow import arrow_schema

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from lake.config import Config
    from lake.diff.model import Side
    from lake.manifest import Manifest, PartRow
    from schemas.columns import Schema

SAMPLES = 5
"""Rows of each kind that are shown unless more are asked for."""


def diff(
    config: Config,
    manifest: Manifest,
    old: Side,
    new: Side,
    *,
    between: tuple[int | None, int | None] = (None, None),
    samples: int = SAMPLES,
    progress: Callable[[Progress], None] = lambda _at: None,
) -> DiffReport:
    """Say what differs between two states.

    Natural partitions whose content hashes are equal are the same rows and are not read, whatever files they lie in.

    Args:
        config: The lake's.
        manifest: Open to read.
        old: A series at a snapshot.
        new: The same one at another snapshot, or another series of the same schema and grain. Of feature sets it may be
            another version, too: then the columns that both have are compared.
        between: Only rows of [start, end), in nanoseconds.
        samples: How many rows of each kind to show.
        progress: Called as rows are read.

    Raises:
        LakeError: UNKNOWN_SERIES, SNAPSHOT_EXPIRED; USAGE for series that cannot be compared; FILE_DAMAGED,
            FILE_MISSING and TIER_UNAVAILABLE when rows that have to be read cannot be.
    """
    with Lease(config, old.snapshot), Lease(config, new.snapshot):
        for side in (old, new):
            manifest.refuse_expired(side.snapshot)
        return _compared(
            _Work(config, manifest, (old, new), _common_schema(config, old, new), between), samples, progress
        )


def _compared(work: _Work, samples: int, progress: Callable[[Progress], None]) -> DiffReport:
    old, new = work.sides
    pairs = work.partitions()
    kept = Samples(samples)
    total = sum(part.rows for a, b in pairs if a and b and not _same(a, b) for part in (a, b))
    tally, found, equal, unread, done = Tally(), [], 0, 0, 0
    for a, b in pairs:
        told = work.unread(a, b)
        label = (a or b).partition  # type: ignore[union-attr]  # one of them is there
        if told is None:
            part = work.read(a, b, kept)
            done += a.rows + b.rows if a and b else 0
            progress(Progress(done, total, label))
        else:
            part = told
            unread += 1
        if part.tally.differs:
            found.append(part)
        else:
            equal += 1
        tally.add(part.tally)
    empty = arrow_schema(work.schema, identity=False).empty_table()
    return DiffReport(
        old,
        new,
        *work.between,
        tally,
        tuple(found),
        equal,
        unread,
        *(pa.concat_tables([empty, *rows]) for rows in (kept.added, kept.removed, kept.old, kept.new)),
    )


def _common_schema(config: Config, old: Side, new: Side) -> Schema:
    schema, other = (schema_of(config, side.address.key, side.snapshot) for side in (old, new))
    if schema.key == other.key == ("ts", "known_at"):
        held = {column.name: column for column in other.columns}
        shared = [(each, held[each.name]) for each in schema.columns if each.name in held]
        columns = tuple(
            replace(each, nullable=each.nullable or its.nullable)
            for each, its in shared
            if (each.type, each.length) == (its.type, its.length)
        )
        return replace(schema, columns=columns, rules=())
    if schema != other or old.address.grain != new.address.grain:
        raise LakeError(
            "USAGE",
            f"{old.address.key} and {new.address.key} cannot be compared",
            where=f"{old.address}, {new.address}",
            why="Their rows have other columns, or their partitions another length.",
            fix=["compare series of one asset"],
        )
    return schema


def _same(a: PartRow, b: PartRow) -> bool:
    return a.content_hash == b.content_hash and a.rows == b.rows


@dataclass(frozen=True, slots=True)
class _Work:
    config: Config
    manifest: Manifest
    sides: tuple[Side, Side]
    schema: Schema
    between: tuple[int | None, int | None]

    def partitions(self) -> list[tuple[PartRow | None, PartRow | None]]:
        """Return the natural partitions of both sides, oldest first."""
        found: list[dict[int, PartRow]] = []
        for side in self.sides:
            series = self.manifest.find(side.address)
            if series is None:
                raise LakeError("UNKNOWN_SERIES", f"{side.address} is not in the lake")
            parts = graph.parts(self.manifest, series.id, *self.between, side.snapshot)
            found.append({part.start_ns: part for part in parts})
        old, new = found
        return [(old.get(start), new.get(start)) for start in sorted(old | new)]

    def unread(self, a: PartRow | None, b: PartRow | None) -> PartDiff | None:
        """Say of partitions whose rows are the same what that comes to; None of others."""
        if a is None or b is None or not _same(a, b):
            return None
        count = self._count(1, b)
        return PartDiff(b.partition, count, count, Tally(identical=count))

    def read(self, a: PartRow | None, b: PartRow | None, samples: Samples) -> PartDiff:
        """Compare partitions that are not the same, or of which one side has none."""
        if b is None and a is not None:
            gone = self._count(0, a)
            count_alone(lambda: self._stream(0, a), samples.removed, samples)
            return PartDiff(a.partition, gone, 0, Tally(removed=gone))
        if a is None and b is not None:
            fresh = self._count(1, b)
            count_alone(lambda: self._stream(1, b), samples.added, samples)
            return PartDiff(b.partition, 0, fresh, Tally(added=fresh))
        if a is None or b is None:
            msg = "a partition of neither side"
            raise AssertionError(msg)
        tally = compare(lambda: self._stream(0, a), lambda: self._stream(1, b), self.schema, samples)
        common = tally.changed + tally.identical
        return PartDiff(b.partition, common + tally.removed, common + tally.added, tally)

    def _scan(self, side: int, part: PartRow, columns: list[str]) -> Scan:
        start, end = self.between
        return Scan(
            self.config,
            self.manifest,
            [self.sides[side].address],
            start_ns=part.start_ns if start is None else max(start, part.start_ns),
            end_ns=part.end_ns if end is None else min(end, part.end_ns),
            columns=columns,
            as_of=self.sides[side].snapshot,
        )

    def _count(self, side: int, part: PartRow) -> int:
        start, end = self.between
        if (start is None or start <= part.first_ns) and (end is None or part.last_ns < end):
            return part.rows
        return self._scan(side, part, ["ts"]).count()

    def _stream(self, side: int, part: PartRow) -> Iterator[pa.Table]:
        common = arrow_schema(self.schema, identity=False)
        scan = self._scan(side, part, common.names)
        yield common.empty_table()
        for batch in scan.batches():
            yield pa.Table.from_arrays(batch.columns, schema=common)
