"""Reading one source: blocks are parsed and validated in workers, good rows handed on in order, bad ones kept apart."""

from __future__ import annotations

import json
import tempfile
from collections import Counter, deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from lake import layout, rows, sources, validate
from lake.errors import LakeError
from lake.ingest.destinations import LONG_AGO, skipped_tails
from lake.ingest.parting import by_symbol, only_symbol, parted
from lake.manifest.rows import QuarantineRecord
from lake.merge import keyed_by_id
from schemas.periods import Period

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from concurrent.futures import Future, ThreadPoolExecutor
    from pathlib import Path

    import pyarrow as pa
    from numpy.typing import NDArray

    from lake.ingest.destinations import Destinations
    from lake.ingest.report import IngestRequest
    from lake.sources import Plan, Portion, Reader
    from lake.sources.model import Locate
    from lake.validate import Rejected

_AHEAD = 4
"""Blocks that wait for, or are in, a worker."""
_BLOCK_BYTES = 1 << 21
_HOPELESS = 50_000
"""Bad records after which a file of mostly bad ones is refused without reading on."""
DEFAULT_BAD_SHARE, DEFAULT_BAD_ROWS = 0.05, 20
_SPOOL_BYTES = 1 << 22

_LIKELY = {
    "ohlc_inconsistent": "High below the others, or low above them: the columns may be in another order (O,C,H,L?).",
    "bad_timestamp": "The times may be in another unit, format or column than the first rows say.",
    "wrong_field_count": "The delimiter may be another one, or the file is cut or mixed of two.",
    "bad_number": "The decimal mark, the delimiter or the column order may be other than expected.",
    "missing_value": "Cells are empty: the columns may be in another order.",
    "non_positive_price": "Prices of zero or less: a column may be mistaken for a price.",
    "off_grid": "Times do not lie on the period's grid: the period or the time zone may be another one.",
}
"""What mostly is behind many records rejected for one reason."""


def bad_limit(text: str | None) -> tuple[float, int]:
    """Return the share and the number of bad records, both of which must be passed to refuse a file.

    Raises:
        LakeError: USAGE when the text is neither `5%` nor a number.
    """
    if text is None:
        return DEFAULT_BAD_SHARE, DEFAULT_BAD_ROWS
    try:
        if text.endswith("%"):
            share = float(text[:-1]) / 100
            if 0 <= share <= 1:
                return share, 0
        elif int(text) >= 0:
            return 0.0, int(text)
    except ValueError:
        pass
    raise LakeError(
        "USAGE",
        f"--max-bad {text} is no limit",
        why="It is a share from 0% to 100%, or a number of records.",
        fix=["--max-bad 5%"],
    )


def hopeless(bad: int, of: int, limit: tuple[float, int]) -> bool:
    """Whether so many records are bad that the rest need not be read to refuse them all."""
    return bad >= _HOPELESS and bad > of / 2 and limit[0] <= 0.5


@dataclass(frozen=True, slots=True)
class _Share:
    """The good rows of one series in a block."""

    channel: int
    symbol: str | None
    rows: pa.RecordBatch
    hashes: NDArray[np.uint64] | None
    latest: int
    """The last ts of the good rows, those outside the range included."""


@dataclass(slots=True)
class _Parsed:
    shares: list[_Share]
    records: int
    made: int
    """The rows that the records made, the bad ones and the skipped included, and records that made none."""
    bad: list[QuarantineRecord]
    unread: int
    """Records among the bad ones that made no rows at all."""
    skipped: Counter[str]


class Quarantine:
    """Rejected records, spooled to disk when they are many; may be read again and again."""

    def __init__(self, folder: Path) -> None:
        """Keep the spool in `folder`."""
        self._spool = tempfile.SpooledTemporaryFile(_SPOOL_BYTES, "w+", encoding="utf-8", dir=str(folder))  # noqa: SIM115 -- closed by close()

    def add(self, record: QuarantineRecord) -> None:
        """Keep one more record."""
        self._spool.write(json.dumps([record.line, record.reason, record.detail, record.raw]) + "\n")

    def __iter__(self) -> Iterator[QuarantineRecord]:
        """Yield the records from the first."""
        self._spool.seek(0)
        for line in self._spool:
            number, reason, detail, raw = json.loads(line)
            yield QuarantineRecord(number, reason, detail, raw)

    def close(self) -> None:
        """Drop the spool."""
        self._spool.close()


class Reading:
    """One pass over a source, with what it counted."""

    def __init__(
        self,
        plan: Plan,
        request: IngestRequest,
        *,
        pool: ThreadPoolExecutor,
        quarantine: Quarantine,
    ) -> None:
        """Prepare; nothing is read yet.

        Args:
            plan: How to read the source.
            request: Range, limits and conflict rule.
            pool: Workers to parse and validate in.
            quarantine: Takes the bad records.
        """
        self._plan, self._request = plan, request
        self._pool, self._quarantine = pool, quarantine
        periods = [Period.parse(c.period) if c.type == "bars" else None for c in plan.channels]
        self._grids = [period.grid_us if period else None for period in periods]
        self._limit = bad_limit(request.max_bad)
        self._sampled: dict[int, Future[None]] = {}
        self._first_bad: dict[str, str] = {}
        self.records = self.read = self.accepted = self._unread = 0
        self.rejected: Counter[str] = Counter()
        self.skipped: Counter[str] = Counter()
        self.warnings: list[str] = []

    def into(self, destinations: Destinations, progress: Callable[[int], None]) -> str:
        """Read the source through and hand its good rows on, in order.

        Args:
            destinations: Take the rows.
            progress: Told the bytes consumed, after each block.

        Returns:
            The SHA-256 of the source's bytes, in hex.

        Raises:
            LakeError: SCHEMA when too many records are bad; SOURCE_UNREADABLE and SOURCE_UNSAFE from the source.
        """
        reader = sources.open_reader(self._plan, block_bytes=_BLOCK_BYTES)
        waiting: deque[Future[_Parsed]] = deque()
        try:
            for block in reader.blocks():
                waiting.append(self._pool.submit(self._parse, reader, block, destinations))
                if len(waiting) >= _AHEAD:
                    self._accept(waiting.popleft().result(), destinations)
                    progress(reader.progress()[0])
            while waiting:
                self._accept(waiting.popleft().result(), destinations)
            dropped = skipped_tails(destinations)
            self.skipped += dropped
            self.accepted -= dropped.total()
            for sampled in self._sampled.values():
                sampled.result()
            self._judge()
            return reader.sha256
        finally:
            for future in waiting:
                future.cancel()
            reader.close()

    def _parse(self, reader: Reader, block: object, destinations: Destinations) -> _Parsed:
        """Parse one block and part its rows; runs in a worker."""
        batch = reader.parse(block)
        bad = [QuarantineRecord(r.line, r.reason, r.detail, r.raw) for r in batch.rejects]
        made = len(bad) + sum(batch.skipped.values())
        parsed = _Parsed([], batch.records, made, bad, len(bad), Counter(batch.skipped))
        for portion in batch.portions:
            parsed.made += portion.rows.num_rows
            # Validated at once: a block may have rows of thousands of symbols.
            for piece in by_symbol(portion) if destinations.some_waive else [portion]:
                self._part(piece, parsed, destinations)
        bad.sort(key=lambda r: r.line)
        parsed.skipped = +parsed.skipped
        return parsed

    def _part(self, portion: Portion, parsed: _Parsed, destinations: Destinations) -> None:
        """Add the good rows of a portion to a block's shares, and the bad ones to its bad ones."""
        channel = self._plan.channels[portion.channel]
        waive = destinations.some_waive and destinations.waives(portion.channel, only_symbol(portion))
        keep = self._within(portion.rows)
        within = portion if keep is None else portion.at(keep)
        parsed.skipped["outside_range"] += portion.rows.num_rows - within.rows.num_rows
        accepted, rejected = validate.split(
            within.rows, channel.schema, grid_us=self._grids[portion.channel], waive=waive
        )
        parsed.bad += [_quarantined(row, within.locate) for row in rejected]
        good = within
        if rejected:
            good = within.at(np.setdiff1d(np.arange(within.rows.num_rows), [row.index for row in rejected]))
        # Rows with ids are hashed with their rank in the partition, so not yet.
        hashes = None if keyed_by_id(channel.schema) else rows.row_hashes(accepted)
        seen = by_symbol(portion if keep is not None else good)
        latest = {only_symbol(p): int(rows.times(p.rows).max(initial=LONG_AGO)) for p in seen}
        for piece, at in parted(good):
            symbol = only_symbol(piece)
            some = hashes if at is None or hashes is None else hashes[at]
            parsed.shares.append(_Share(portion.channel, symbol, piece.rows, some, latest.pop(symbol, LONG_AGO)))
        for symbol, last in latest.items():
            nothing = portion.rows.slice(0, 0)
            parsed.shares.append(_Share(portion.channel, symbol, nothing, None, last))

    def _within(self, batch: pa.RecordBatch) -> NDArray[np.int64] | None:
        """Return which rows lie inside --start and --end, None when all do."""
        start, end = self._request.start_ns, self._request.end_ns
        if (start is None and end is None) or not batch.num_rows:
            return None
        scale = layout.NS_PER[batch.schema.field("ts").type.unit]
        ts = rows.times(batch) * scale
        inside = np.ones(len(ts), dtype=bool)
        if start is not None:
            inside &= ts >= start
        if end is not None:
            inside &= ts < end
        return None if inside.all() else np.flatnonzero(inside)

    def _accept(self, parsed: _Parsed, destinations: Destinations) -> None:
        self.records += parsed.records
        self.read += parsed.made
        self._unread += parsed.unread
        self.skipped.update(parsed.skipped)
        for record in parsed.bad:
            self.rejected[record.reason] += 1
            self._first_bad.setdefault(record.reason, f"line {record.line}: {record.detail or record.raw[:80]}")
            self._quarantine.add(record)
        bad = self.rejected.total()
        if hopeless(bad, self.read, self._limit) or (parsed.bad and self._request.on_bad == "fail"):
            raise self._refusal(bad, self.read)
        for share in parsed.shares:
            self._hand_on(share, destinations)
        destinations.relieve()

    def _hand_on(self, share: _Share, destinations: Destinations) -> None:
        """Give the rows of one series to it."""
        if not share.rows.num_rows and not destinations.knows(share.channel, share.symbol):
            return
        destination = destinations.of(share.channel, share.symbol)
        destination.latest = max(destination.latest, share.latest)
        if not share.rows.num_rows:
            return
        if share.channel not in self._sampled:
            self._sampled[share.channel] = self._pool.submit(
                validate.check_sample,
                share.rows,
                destination.channel.schema,
                grid_us=self._grids[share.channel],
                waive=destinations.waives(share.channel, share.symbol),
            )
        self.accepted += share.rows.num_rows
        if destination.period is not None:
            destination.jumps.see(share.rows)
        for piece in destination.tail.pass_on(share.rows):
            destination.intake.add(piece, share.hashes if piece is share.rows else None)
        if destination.tail.warning:
            self.warnings.append(destination.tail.warning)
            destination.tail.warning = ""

    def _judge(self) -> None:
        share, count = self._limit
        # Where a record makes many rows, bad records are few among them: so those are held against all records.
        for bad, of in ((self.rejected.total(), self.read), (self._unread, self.records)):
            if bad > count and bad > share * of:
                raise self._refusal(bad, of)

    def _refusal(self, bad: int, of: int) -> LakeError:
        strict = self._request.on_bad == "fail"
        counted = self.rejected.most_common()
        found = "; ".join(f"{reason}: {n:,} (first {self._first_bad[reason]})" for reason, n in counted)
        return LakeError(
            "SCHEMA",
            f"{bad:,} of {of:,} records read are bad; nothing was written",
            where=f"{self._plan.path}: {found}",
            why="--on-bad fail refuses a file for one bad record." if strict else _LIKELY.get(counted[0][0], ""),
            fix=["correct the record named above", "or drop --on-bad fail: bad rows are then kept aside"]
            if strict
            else [],
        )


def _quarantined(row: Rejected, locate: Locate) -> QuarantineRecord:
    line, raw = locate(row.index)
    return QuarantineRecord(line, row.reason, row.detail, raw)
