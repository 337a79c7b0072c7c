"""Coarser bars made while they are read, and not stored: the same as those that an aggregation would store."""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from lake.aggregate.buckets import OUTSIDE
from lake.aggregate.coverage import covered_to
from lake.aggregate.kernel import Block, Cascade, bars_of
from lake.aggregate.model import AggregateRequest
from lake.aggregate.reading import PIECE_ROWS
from lake.aggregate.rows import Bars, Quotes, Trades
from lake.aggregate.targets import Cutter, target_addresses
from lake.encoding import identity
from lake.errors import LakeError
from lake.manifest import Manifest, graph
from lake.streams import Stream
from schemas.arrow import arrow_schema
from schemas.bars import BARS
from schemas.columns import IDENTITY
from schemas.periods import Period

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lake.aggregate.buckets import Buckets
    from lake.aggregate.rows import Source
    from lake.read import Scan
    from schemas.keys import Address

_NAMES = tuple(column.name for column in IDENTITY)


@dataclass(frozen=True, slots=True)
class _Series:
    """How the bars of one series are made."""

    buckets: Buckets
    scan: Scan
    withheld_ns: int | None
    """End of the last bucket, where rows of it may be to come."""


class Resampled(Stream):
    """Bars of another period, of each series; those whose open lies in the source's range, each from all of its rows.

    They are what `lake.aggregate` stores, to the last digit: the same kernel makes them. The last bar is left out
    while rows of it may be to come, unless it is asked for.
    """

    def __init__(
        self,
        source: Scan,
        period: str,
        *,
        session_tz: str | None = None,
        session_start: str | None = None,
        calendar: str | None = None,
        whole: bool = True,
    ) -> None:
        """Plan what is read of the source; nothing is read.

        Args:
            source: Bars, trades or quotes.
            period: `5m`, `1h`, `1d`; of quotes also the side, `1m-mid`.
            session_tz: The zone in which days, and what is longer, are cut; else as those bars are that are stored of
                the period, and in UTC.
            session_start: When such a day begins, `17:00`.
            calendar: The exchange by whose sessions days are cut.
            whole: Whether a last bar that may be unfinished is left out.

        Raises:
            LakeError: PERIOD when bars of it cannot be made of the source; USAGE, MISSING_EXTRA.
        """
        self._series: dict[Address, _Series] = {}
        with Manifest.open(source.config) as manifest:
            for address in source.addresses:
                asked = AggregateRequest(
                    address, (period,), session_tz=session_tz, session_start=session_start, calendar=calendar
                )
                target = _target(address, period)
                self._series[target] = _planned(manifest, source, asked, target, whole=whole)
        every = arrow_schema(BARS)
        stored = arrow_schema(source.declaration).names
        chosen = source.declaration is BARS and list(source.columns) != stored
        schema = pa.schema([every.field(name) for name in source.columns]) if chosen else every
        super().__init__(source, list(self._series), schema)

    def _made(self, address: Address, start_ns: int | None) -> Iterator[pa.RecordBatch]:
        series = self._series[address]
        scan = _from(series.scan, series.buckets, start_ns) if start_ns != self.start_ns else series.scan
        scan.require()
        key = self._origins[address].key
        maker = _maker(key, address)
        ready: list[Block] = []
        cascade = Cascade([("", series.buckets)], lambda _, block: ready.append(block))
        for table in _pieces(scan, maker):
            cascade.add(maker.block(table))
            yield from self._taken(ready, address, series)
        cascade.end()
        yield from self._taken(ready, address, series)

    def _taken(self, ready: list[Block], address: Address, series: _Series) -> Iterator[pa.RecordBatch]:
        """Yield the bars that are ready, with the names of their series."""
        for block in ready:
            ended = len(block)
            if series.withheld_ns is not None:
                ended = int((series.buckets.ends(block.ts) * 1000 < series.withheld_ns).sum())
            batch = bars_of(block).slice(0, ended)
            named = dict(zip(_NAMES, (make(ended) for make in identity(address)), strict=True))
            columns = [named[name] if name in named else batch.column(name) for name in self.columns]
            if ended:
                yield pa.RecordBatch.from_arrays(columns, schema=self.schema)
        ready.clear()


def _target(address: Address, period: str) -> Address:
    found = target_addresses(address, (period,))
    if len(found) > 1:
        raise LakeError(
            "PERIOD",
            f"bars of {address.key} have a side",
            where=str(address),
            why="A quote has two prices.",
            fix=[f"{period}-mid, {period}-bid or {period}-ask"],
        )
    return found[0]


def _planned(manifest: Manifest, source: Scan, asked: AggregateRequest, target: Address, *, whole: bool) -> _Series:
    series = manifest.find(asked.address)
    parts = [] if series is None else graph.parts(manifest, series.id, None, None, source.snapshot)
    low, high = (parts[0].first_ns, parts[-1].last_ns) if parts else (0, 0)
    cutter = Cutter(manifest, asked, low // 1000, high // 1000, stores=False)
    buckets = cutter.target(target).buckets
    start, end = (None if ns is None else _ceiling(buckets, ns) for ns in (source.start_ns, source.end_ns))
    columns = _maker(asked.address.key, target).columns
    own, at = [asked.address], source.snapshot
    scan = source.again(manifest, own, start_ns=start, end_ns=end, columns=columns, as_of=at)
    withheld = None
    if series is not None and parts and whole:
        covered = covered_to(manifest, series, high, cutter.source(), snapshot=source.snapshot)
        withheld = _withheld(buckets, high, max(covered, _stored_to(manifest, target, buckets, source.snapshot)))
    return _Series(buckets, scan, withheld)


def _stored_to(manifest: Manifest, target: Address, buckets: Buckets, snapshot: int) -> int:
    """Return up to where bars are stored: these were complete, whoever said so."""
    series = manifest.find(target)
    held = [] if series is None else graph.parts(manifest, series.id, None, None, snapshot)
    return int(buckets.ends(np.array([held[-1].last_ns // 1000]))[0]) * 1000 if held else 0


def _withheld(buckets: Buckets, last_ns: int, covered_ns: int) -> int | None:
    begun = buckets.begun(np.array([last_ns // 1000]))
    if begun[0] == OUTSIDE:
        return None
    end = int(buckets.ends(begun)[0]) * 1000
    return None if end <= covered_ns else end


def _ceiling(buckets: Buckets, ns: int) -> int:
    return buckets.ceiling(-(-ns // 1000)) * 1000


def _from(scan: Scan, buckets: Buckets, start_ns: int | None) -> Scan:
    """Return a read that begins with the first bucket that begins at a time or later."""
    if start_ns is None:
        return scan
    part = copy(scan)
    start = part.start_ns = _ceiling(buckets, start_ns)
    part.plan = [file for file in scan.plan if file.last_ns >= start]
    return part


def _maker(key: str, target: Address) -> Source:
    if key == "ticks/quote":
        return Quotes(Period.parse(target.period).side)
    return Trades() if key == "ticks/trade" else Bars()


def _pieces(scan: Scan, maker: Source) -> Iterator[pa.Table]:
    """Yield the rows of a read in pieces of a good size: small files together, large row groups cut."""
    held: list[pa.Table] = []
    for file in scan.plan:
        for table in scan.pieces(file, maker.columns):
            held.append(table)
            if sum(each.num_rows for each in held) >= PIECE_ROWS:
                yield from _cut(held)
                held = []
    yield from _cut(held)


def _cut(held: list[pa.Table]) -> Iterator[pa.Table]:
    if held:
        together = pa.concat_tables(held).combine_chunks()
        for at in range(0, together.num_rows, PIECE_ROWS):
            yield together.slice(at, PIECE_ROWS)
