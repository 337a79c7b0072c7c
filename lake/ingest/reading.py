"""Reading one source: blocks are parsed and validated in workers, good rows handed on in order, bad ones kept apart."""

from __future__ import annotations

import json
import tempfile
from collections import Counter, deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from lake import layout, rows, sources, validate
from lake.errors import LakeError
from lake.ingest.tail import Tail
from lake.manifest.rows import QuarantineRecord
from lake.merge import keyed_by_id

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from concurrent.futures import Future, ThreadPoolExecutor
    from pathlib import Path

    from numpy.typing import NDArray

    from lake.ingest.report import IngestRequest
    from lake.intake import Intake
    from lake.sources import Plan, Reader, SourceOptions
    from lake.validate import Rejected
    from schemas.periods import Period

_AHEAD = 4
"""Blocks that wait for, or are in, a worker."""
_BLOCK_BYTES = 1 << 21
_HOPELESS = 50_000
"""Bad records after which a file of mostly bad ones is refused without reading on."""
DEFAULT_BAD_SHARE, DEFAULT_BAD_ROWS = 0.05, 20
_SPOOL_BYTES = 1 << 22
_LONG_AGO = -(2**63)

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


@dataclass(slots=True)
class _Parsed:
    rows: pa.RecordBatch
    hashes: NDArray[np.uint64] | None
    records: int
    bad: list[QuarantineRecord]
    skipped: Counter[str]
    latest: int
    """The last ts of the good rows, those outside the range included."""


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
        options: SourceOptions,
        request: IngestRequest,
        *,
        period: Period | None,
        waive: bool,
        pool: ThreadPoolExecutor,
        quarantine: Quarantine,
    ) -> None:
        """Prepare; nothing is read yet.

        Args:
            plan: How to read the source.
            options: What the plan was made from.
            request: Range, limits and conflict rule.
            period: The bars' period, None for what is no bar.
            waive: Whether prices of zero or less are right for the series.
            pool: Workers to parse and validate in.
            quarantine: Takes the bad records.
        """
        self._plan, self._options, self._request = plan, options, request
        self._grid = period.grid_us if period else None
        self._waive, self._pool, self._quarantine = waive, pool, quarantine
        self._limit = bad_limit(request.max_bad)
        self._scale = layout.NS_PER[rows.unit(plan.schema)]
        self._tail = Tail(plan, period, explicit=request.fetched_at_ns is not None)
        self._sample: Future[None] | None = None
        self._first_bad: dict[str, str] = {}
        self.read = self.accepted = 0
        self.latest = _LONG_AGO
        """The last ts of the source, in the schema's unit, whether its row was taken or not."""
        self.rejected: Counter[str] = Counter()
        self.skipped: Counter[str] = Counter()
        self.warnings: list[str] = []

    def into(self, intake: Intake, progress: Callable[[int], None]) -> str:
        """Read the source through and hand its good rows on, in order.

        Args:
            intake: Takes the rows.
            progress: Told the bytes consumed, after each block.

        Returns:
            The SHA-256 of the source's bytes, in hex.

        Raises:
            LakeError: SCHEMA when too many records are bad; SOURCE_UNREADABLE and SOURCE_UNSAFE from the source.
        """
        reader = sources.open_reader(self._plan, self._options, block_bytes=_BLOCK_BYTES)
        waiting: deque[Future[_Parsed]] = deque()
        try:
            for block in reader.blocks():
                waiting.append(self._pool.submit(self._parse, reader, block))
                if len(waiting) >= _AHEAD:
                    self._accept(waiting.popleft().result(), intake)
                    progress(reader.progress()[0])
            while waiting:
                self._accept(waiting.popleft().result(), intake)
            if self._tail.dropped:
                self.skipped["incomplete_last_bar"] += self._tail.dropped
                self.accepted -= self._tail.dropped
            if self._sample is not None:
                self._sample.result()
            self._judge()
            return reader.sha256
        finally:
            for future in waiting:
                future.cancel()
            reader.close()

    def _parse(self, reader: Reader, block: object) -> _Parsed:
        """Parse one block and part its rows; runs in a worker."""
        batch = reader.parse(block)
        skipped = Counter(batch.skipped)
        within, numbers = self._within(batch.rows)
        skipped["outside_range"] += batch.rows.num_rows - within.num_rows
        accepted, rejected = validate.split(within, self._plan.schema, grid_us=self._grid, waive=self._waive)
        bad = [QuarantineRecord(r.line, r.reason, r.detail, r.raw) for r in batch.rejects]
        bad += [_quarantined(r, batch.locate, numbers) for r in rejected]
        bad.sort(key=lambda r: r.line)
        seen = accepted if numbers is None else batch.rows
        latest = int(rows.times(seen).max(initial=_LONG_AGO))
        # Rows with ids are hashed with their rank in the partition, so not yet.
        hashes = None if keyed_by_id(self._plan.schema) else rows.row_hashes(accepted)
        return _Parsed(accepted, hashes, batch.records, bad, +skipped, latest)

    def _within(self, batch: pa.RecordBatch) -> tuple[pa.RecordBatch, NDArray[np.int64] | None]:
        """Return the rows inside --start and --end, and their indexes when some fell out."""
        start, end = self._request.start_ns, self._request.end_ns
        if (start is None and end is None) or not batch.num_rows:
            return batch, None
        ts = rows.times(batch) * self._scale
        inside = np.ones(len(ts), dtype=bool)
        if start is not None:
            inside &= ts >= start
        if end is not None:
            inside &= ts < end
        if inside.all():
            return batch, None
        return batch.filter(pa.array(inside)), np.flatnonzero(inside)

    def _accept(self, parsed: _Parsed, intake: Intake) -> None:
        self.read += parsed.records
        self.latest = max(self.latest, parsed.latest)
        self.skipped.update(parsed.skipped)
        for record in parsed.bad:
            self.rejected[record.reason] += 1
            self._first_bad.setdefault(record.reason, f"line {record.line}: {record.detail or record.raw[:80]}")
            self._quarantine.add(record)
        bad = self.rejected.total()
        hopeless = bad >= _HOPELESS and bad > self.read / 2 and self._limit[0] <= 0.5
        if hopeless or (parsed.bad and self._request.on_bad == "fail"):
            raise self._refusal()
        if not parsed.rows.num_rows:
            return
        if self._sample is None:
            self._sample = self._pool.submit(
                validate.check_sample, parsed.rows, self._plan.schema, grid_us=self._grid, waive=self._waive
            )
        self.accepted += parsed.rows.num_rows
        for piece in self._tail.pass_on(parsed.rows):
            intake.add(piece, parsed.hashes if piece is parsed.rows else None)
        if self._tail.warning:
            self.warnings.append(self._tail.warning)
            self._tail.warning = ""

    def _judge(self) -> None:
        bad = self.rejected.total()
        share, count = self._limit
        if bad > count and bad > share * self.read:
            raise self._refusal()

    def _refusal(self) -> LakeError:
        strict = self._request.on_bad == "fail"
        counted = self.rejected.most_common()
        found = "; ".join(f"{reason}: {n:,} (first {self._first_bad[reason]})" for reason, n in counted)
        return LakeError(
            "SCHEMA",
            f"{self.rejected.total():,} of {self.read:,} records read are bad; nothing was written",
            where=f"{self._plan.path}: {found}",
            why="--on-bad fail refuses a file for one bad record." if strict else _LIKELY.get(counted[0][0], ""),
            fix=["correct the record named above", "or drop --on-bad fail: bad rows are then kept aside"]
            if strict
            else [],
        )


def _quarantined(
    row: Rejected, locate: Callable[[int], tuple[int, str]], numbers: NDArray[np.int64] | None
) -> QuarantineRecord:
    line, raw = locate(row.index if numbers is None else int(numbers[row.index]))
    return QuarantineRecord(line, row.reason, row.detail, raw)
