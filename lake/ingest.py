"""Ingest: vendor files in, every record accounted for, one commit a file."""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections import Counter, deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import IO, TYPE_CHECKING, Literal

import numpy as np
import pyarrow as pa

from lake import files, layout, rows, sources, validate
from lake import write as writing
from lake.errors import LakeError
from lake.intake import Intake
from lake.manifest import Manifest, Writer
from lake.manifest.rows import AlreadyIngested, Change, Instrument, LedgerRecord, QuarantineRecord, SourceRecord
from lake.merge import Counts
from schemas.keys import Address
from schemas.periods import Period

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from concurrent.futures import Future
    from pathlib import Path

    from lake.config import Config
    from lake.intake import Settled
    from lake.manifest.rows import FileRow, IngestRow
    from lake.merge import OnConflict
    from lake.sources import Plan, Reader
    from lake.validate import Rejected

_AHEAD = 2
"""Blocks a worker may be ahead of the rows that are taken in."""
_HOPELESS = 50_000
"""Bad records after which a file of mostly bad ones is refused without reading on."""
DEFAULT_BAD_SHARE, DEFAULT_BAD_ROWS = 0.05, 20


@dataclass(frozen=True)
class IngestRequest:
    """What to ingest and how; see `dl ingest --help` for each."""

    sources: tuple[str, ...]
    exchange: str | None = None
    symbol: str | None = None
    market: str | None = None
    type: str | None = None
    period: str | None = None
    format: str | None = None
    columns: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    tz: str | None = None
    start_ns: int | None = None
    end_ns: int | None = None
    on_bad: Literal["quarantine", "fail"] = "quarantine"
    max_bad: str | None = None
    """`5%`, or a number of records; without it more than 5 % and more than 20 bad records refuse the file."""
    on_conflict: OnConflict = "newest"
    fetched_at_ns: int | None = None
    dry_run: bool = False


@dataclass(slots=True)
class FileReport:
    """What became of one source file; `rows` adds up: read is the sum of the others."""

    source: str
    sha256: str
    dialect: str
    addresses: list[str]
    rows: dict[str, int]
    rejected: dict[str, int]
    skipped: dict[str, int]
    first_ns: int | None
    last_ns: int | None
    status: Literal["committed", "unchanged", "dry_run"]
    run: str | None
    snapshot: int
    files_written: int
    bytes_written: int
    evidence: list[str]
    warnings: list[str]


@dataclass(slots=True)
class IngestReport:
    """What became of all sources; `errors` are those of refused files when others went in."""

    snapshot: int
    files: list[FileReport]
    errors: list[LakeError]


@dataclass(frozen=True, slots=True)
class Progress:
    """How far one source is."""

    source: str
    bytes_done: int
    bytes_total: int
    rows: int
    phase: Literal["read", "merge", "commit"]


def ingest(
    config: Config, request: IngestRequest, *, progress: Callable[[Progress], None] | None = None
) -> IngestReport:
    """Ingest every source file of a request, each in a commit of its own.

    Raises:
        LakeError: When there is one source and it is refused, or when the lake itself cannot be used.
    """
    paths = sources.expand(request.sources)
    limit = _bad_limit(request.max_bad)
    done: list[FileReport] = []
    errors: list[LakeError] = []
    with ThreadPoolExecutor(config.threads, thread_name_prefix="ingest") as pool:
        for path in paths:
            try:
                done.append(_Ingest(config, request, path, pool, limit, progress or (lambda _: None)).run())
            except LakeError as error:
                if len(paths) == 1 or error.exit not in {12, 15, 2}:
                    raise
                errors.append(error)
    with Manifest.open(config) as manifest:
        return IngestReport(manifest.snapshot(), done, errors)


def _bad_limit(text: str | None) -> tuple[float, int]:
    """Return the share and the number of bad records, both of which must be passed to refuse a file."""
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
    raise LakeError("USAGE", f"--max-bad {text}: expected a share such as 5% or a number of records")


class _Ingest:
    """The ingest of one file."""

    def __init__(  # noqa: PLR0913 -- one call, one place
        self,
        config: Config,
        request: IngestRequest,
        path: Path,
        pool: ThreadPoolExecutor,
        bad_limit: tuple[float, int],
        progress: Callable[[Progress], None],
    ) -> None:
        self._config, self._request, self._path, self._pool = config, request, path, pool
        self._bad_limit, self._progress = bad_limit, progress
        self._options = sources.SourceOptions(
            format=request.format,
            columns=request.columns,
            tz=request.tz,
            type=request.type,
            period=request.period,
            market=request.market,
            symbol=request.symbol,
            exchange=request.exchange,
            fetched_at_ns=request.fetched_at_ns,
        )
        self._plan = sources.detect(path, self._options)
        self._address, self._vendor_symbol = self._settle_address(self._plan)
        self._unit = rows.unit(self._plan.schema)
        self._scale = layout.NS_PER[self._unit]
        self._period = Period.parse(self._address.period) if self._address.type == "bars" else None
        self._warnings = list(self._plan.warnings)
        self._tail = _Tail(self._plan, self._period, explicit=request.fetched_at_ns is not None)
        self._sample: Future[None] | None = None
        self._read = 0
        self._rejected: Counter[str] = Counter()
        self._skipped: Counter[str] = Counter()
        self._first_bad: dict[str, str] = {}
        self._accepted = 0

    def _settle_address(self, plan: Plan) -> tuple[Address, str]:
        request = self._request
        exchange, symbol = request.exchange or plan.exchange, request.symbol or plan.symbol
        for name, value in (("exchange", exchange), ("symbol", symbol)):
            if not value:
                raise LakeError("USAGE", f"the file does not say its {name}", where=str(plan.path), fix=[f"--{name} NAME"])
        market = request.market or plan.market or "SPOT"
        try:
            return Address.of(str(exchange), market, str(symbol), plan.type, plan.period), str(symbol)
        except ValueError as error:
            raise LakeError("USAGE", str(error), where=str(plan.path)) from error

    # ---- the whole ---------------------------------------------------------------------------------------------------

    def run(self) -> FileReport:
        """Ingest the file, or say that it is in the lake already."""
        with Manifest.open(self._config) as manifest:
            if manifest.same_size_source(self._plan.nbytes):
                with self._path.open("rb") as stream:
                    digest = hashlib.file_digest(stream, "sha256").hexdigest()
                current = manifest.current_ingest(self._key(digest))
                if current is not None:
                    return self._unchanged(current)
            series = manifest.find(self._address)
            live = manifest.current(series.id) if series is not None else {}
        if series is not None and series.vendor_symbol != self._vendor_symbol:
            if series.vendor_symbol.casefold() == self._vendor_symbol.casefold():
                msg = f"{self._vendor_symbol!r} and {series.vendor_symbol!r} differ only in case"
                raise LakeError("SYMBOL_CASE", msg, where=str(self._address))
        waive = series.price_may_be_negative if series is not None else False
        if self._request.dry_run:
            return self._staged("dry-run", live, waive, None)
        with Writer(self._config) as writer, writing.run(writer, "ingest", str(self._path)) as run_id:
            return self._staged(run_id, live, waive, writer)

    def _staged(self, run_id: str, live: dict[str, FileRow], waive: bool, writer: Writer | None) -> FileReport:  # noqa: FBT001 -- positional by nature
        staging = files.Staging(self._config.data, run_id)
        try:
            intake = Intake(
                staging=staging,
                data=self._config.data,
                address=self._address,
                schema=self._plan.schema,
                run_id=run_id,
                live=live,
                on_conflict=self._request.on_conflict,
                pool=self._pool,
                budget=self._config.memory_mb * 1_000_000 // 2,
            )
            with tempfile.SpooledTemporaryFile(max_size=1 << 22, mode="w+", encoding="utf-8", dir=staging.folder) as bad:
                digest = self._take_in(intake, bad, waive=waive)
                self._judge()
                self._tell("merge")
                settled = intake.settle()
                if self._sample is not None:
                    self._sample.result()
                if writer is None:
                    return self._report(digest, settled, intake, "dry_run", None, 0)
                return self._commit(writer, run_id, digest, settled, intake, bad)
        finally:
            staging.close()

    def _key(self, digest: str) -> str:
        request = self._request
        facts = [
            digest, self._plan.dialect, str(self._address), sorted(request.columns.items()), self._plan.time_zone,
            request.start_ns, request.end_ns, request.on_conflict, request.fetched_at_ns,
        ]  # fmt: skip
        return hashlib.sha256(json.dumps(facts).encode()).hexdigest()

    def _unchanged(self, current: IngestRow) -> FileReport:
        report = FileReport(**current.report)
        read = report.rows["read"]
        skipped = report.rows["quarantined"] + report.rows["skipped"]
        report.rows |= {"new": 0, "identical": read - skipped, "corrected": 0, "superseded": 0}
        report.status, report.source = "unchanged", str(self._path)
        report.run, report.snapshot = current.run_id, current.snapshot
        report.files_written = report.bytes_written = 0
        return report

    def _tell(self, phase: Literal["read", "merge", "commit"], done: int | None = None) -> None:
        total = self._plan.nbytes
        self._progress(Progress(str(self._path), total if done is None else done, total, self._read, phase))

    # ---- reading -----------------------------------------------------------------------------------------------------

    def _take_in(self, intake: Intake, bad: IO[str], *, waive: bool) -> str:
        """Read all blocks, parse and validate them in workers, and hand on the rows in order; return the SHA-256."""
        grid = self._period.grid_us if self._period else None
        reader = sources.open_reader(self._plan, self._options)
        waiting: deque[Future[_Parsed]] = deque()
        try:
            for block in reader.blocks():
                waiting.append(self._pool.submit(self._parse, reader, block, grid, waive))
                while len(waiting) > _AHEAD * self._config.threads:
                    self._accept(waiting.popleft().result(), intake, bad, grid, waive)
                    self._tell("read", reader.progress()[0])
            while waiting:
                self._accept(waiting.popleft().result(), intake, bad, grid, waive)
            if self._tail.dropped:
                self._skipped["incomplete_last_bar"] += self._tail.dropped
                self._accepted -= self._tail.dropped
            return reader.sha256
        finally:
            for future in waiting:
                future.cancel()
            reader.close()

    def _parse(self, reader: Reader, block: object, grid: int | None, waive: bool) -> _Parsed:  # noqa: FBT001 -- positional by nature
        """Parse one block and part its rows; runs in a worker."""
        batch = reader.parse(block)
        skipped = Counter(batch.skipped)
        within, numbers = self._within(batch.rows)
        skipped["outside_range"] += batch.rows.num_rows - within.num_rows
        accepted, rejected = validate.split(within, self._plan.schema, grid_us=grid, waive=waive)
        bad = [QuarantineRecord(r.line, r.reason, r.detail, r.raw) for r in batch.rejects]
        bad += [self._quarantined(r, batch.locate, numbers) for r in rejected]
        bad.sort(key=lambda r: r.line)
        return _Parsed(accepted, batch.records, bad, +skipped)

    @staticmethod
    def _quarantined(
        row: Rejected, locate: Callable[[int], tuple[int, str]], numbers: np.ndarray[tuple[int], np.dtype[np.int64]] | None
    ) -> QuarantineRecord:
        line, raw = locate(row.index if numbers is None else int(numbers[row.index]))
        return QuarantineRecord(line, row.reason, row.detail, raw)

    def _within(self, batch: pa.RecordBatch) -> tuple[pa.RecordBatch, np.ndarray[tuple[int], np.dtype[np.int64]] | None]:
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

    def _accept(self, parsed: _Parsed, intake: Intake, bad: IO[str], grid: int | None, waive: bool) -> None:  # noqa: FBT001 -- positional by nature
        self._read += parsed.records
        self._skipped.update(parsed.skipped)
        for record in parsed.bad:
            self._rejected[record.reason] += 1
            self._first_bad.setdefault(record.reason, f"line {record.line}: {record.detail or record.raw[:80]}")
            bad.write(json.dumps([record.line, record.reason, record.detail, record.raw]) + "\n")
        if parsed.bad and self._request.on_bad == "fail":
            raise self._refusal()
        total = self._rejected.total()
        if total >= _HOPELESS and total > self._read / 2 and self._bad_limit[0] <= 0.5:  # noqa: PLR2004 -- mostly bad
            raise self._refusal()
        batch = parsed.rows
        if not batch.num_rows:
            return
        if self._sample is None:
            sample = batch.slice(0, validate.SAMPLE_ROWS)
            self._sample = self._pool.submit(
                validate.check_sample, sample, self._plan.schema, grid_us=grid, waive=waive
            )
        self._accepted += batch.num_rows
        for piece in self._tail.pass_on(batch):
            intake.add(piece)
        if self._tail.warning:
            self._warnings.append(self._tail.warning)
            self._tail.warning = ""

    def _judge(self) -> None:
        bad = self._rejected.total()
        share, count = self._bad_limit
        if bad > count and bad > share * self._read:
            raise self._refusal()

    def _refusal(self) -> LakeError:
        bad = self._rejected.total()
        first = "; ".join(f"{reason}: {n:,} (first {self._first_bad[reason]})" for reason, n in self._rejected.most_common())
        worst = self._rejected.most_common(1)[0][0]
        return LakeError(
            "SCHEMA",
            f"{bad:,} of {self._read:,} records read break the schema of {self._address.key}; nothing was written",
            where=f"{self._path}: {first}",
            why=_LIKELY.get(worst, ""),
        )

    # ---- the end -----------------------------------------------------------------------------------------------------

    def _commit(  # noqa: PLR0913 -- the parts of one change
        self, writer: Writer, run_id: str, digest: str, settled: list[Settled], intake: Intake, bad: IO[str]
    ) -> FileReport:
        self._tell("commit")
        bad.seek(0)
        delivery = writing.Delivery(self._address, self._plan.schema, intake, settled, self._unproven(intake))
        plan = self._plan
        change = Change(
            run_id=run_id,
            operation="ingest",
            message=plan.name,
            instruments={self._address: Instrument(self._vendor_symbol, time_zone=plan.time_zone)},
            source=SourceRecord(
                sha256=digest,
                name=plan.name,
                path=str(self._path.resolve()),
                bytes=plan.nbytes,
                dialect=plan.dialect,
                options={"unit": plan.unit, "tz": plan.time_zone, "columns": dict(self._request.columns), "stamp": plan.stamp},
                evidence=plan.evidence,
                fetched_at_ns=plan.fetched_not_after_ns,
            ),
            quarantine=_Quarantine(bad),
            ingest_key=self._key(digest),
            ends_run=True,
        )
        report = self._report(digest, settled, intake, "committed", run_id, 0)

        def complete() -> None:
            nonlocal report
            report = self._report(digest, delivery.settled, intake, "committed", run_id, 0)
            change.ledger = self._ledger(report)
            change.report = {s: getattr(report, s) for s in FileReport.__slots__}

        delivery.before_commit = complete
        try:
            report.snapshot = writing.commit(self._config, writer, change, delivery)
        except AlreadyIngested as same:
            files.discard(self._config.data, [s.staged for s in delivery.settled if s.staged is not None])
            writer.end_run(run_id, "unchanged")
            return self._unchanged(same.ingest)
        return report

    def _unproven(self, intake: Intake) -> int | None:
        """Return the open of the last bar when nothing shows that it was over when the file was made."""
        if self._period is None or not self._plan.incomplete_tail or intake.last is None:
            return None
        proof = self._plan.fetched_not_before_ns
        last = intake.last * self._scale
        return None if proof is not None and _end_ns(last, self._period) <= proof else last

    def _ledger(self, report: FileReport) -> LedgerRecord:
        return LedgerRecord(
            read=report.rows["read"],
            new=report.rows["new"],
            identical=report.rows["identical"],
            corrected=report.rows["corrected"],
            superseded=report.rows["superseded"],
            quarantined=report.rows["quarantined"],
            skipped=report.rows["skipped"],
            rows_out=self._accepted,
            rejected=report.rejected,
            skipped_by=report.skipped,
        )

    def _report(  # noqa: PLR0913 -- the parts of one report
        self,
        digest: str,
        settled: list[Settled],
        intake: Intake,
        status: Literal["committed", "dry_run"],
        run_id: str | None,
        snapshot: int,
    ) -> FileReport:
        counts = Counts()
        for s in settled:
            counts.add(s.counts)
        written = [s.staged for s in settled if s.staged is not None]
        return FileReport(
            source=str(self._path),
            sha256=digest,
            dialect=self._plan.dialect,
            addresses=[str(self._address)],
            rows={
                "read": self._read,
                "new": counts.new,
                "identical": counts.identical,
                "corrected": counts.corrected,
                "superseded": counts.superseded,
                "quarantined": self._rejected.total(),
                "skipped": self._skipped.total(),
            },
            rejected=dict(self._rejected),
            skipped=dict(self._skipped),
            first_ns=None if intake.first is None else intake.first * self._scale,
            last_ns=None if intake.last is None else intake.last * self._scale,
            status=status,
            run=run_id,
            snapshot=snapshot,
            files_written=len(written),
            bytes_written=sum(f.bytes for f in written),
            evidence=list(self._plan.evidence),
            warnings=self._warnings,
        )


_LIKELY = {
    "ohlc_inconsistent": "High below the others, or low above them: the columns may be in another order (O,C,H,L?).",
    "bad_timestamp": "The times may be in another unit, format or column than the first rows say.",
    "wrong_field_count": "The delimiter may be another one, or the file is cut or mixed of two.",
    "bad_number": "The decimal mark, the delimiter or the column order may be other than expected.",
    "missing_value": "Cells are empty: the columns may be in another order.",
    "non_positive_price": "Prices of zero or less: a column may be mistaken for a price.",
    "off_grid": "Times do not lie on the period's grid: the period or the time zone may be another one.",
}


@dataclass(slots=True)
class _Parsed:
    rows: pa.RecordBatch
    records: int
    bad: list[QuarantineRecord]
    skipped: Counter[str]


class _Quarantine:
    """Reads the spooled records back, once for each time it is asked."""

    def __init__(self, spool: IO[str]) -> None:
        self._spool = spool

    def __iter__(self) -> Iterator[QuarantineRecord]:
        self._spool.seek(0)
        for line in self._spool:
            number, reason, detail, raw = json.loads(line)
            yield QuarantineRecord(number, reason, detail, raw)


def _end_ns(start_ns: int, period: Period) -> int:
    """Return when the bar that opens at `start_ns` is over."""
    if period.fixed_us is not None:
        return start_ns + period.fixed_us * 1000
    month = np.datetime64(start_ns, "ns").astype("datetime64[M]") + np.timedelta64(period.n, "M")
    return int(month.astype("datetime64[ns]").astype(np.int64))


class _Tail:
    """Keeps back the one bar that was not over when the file was made, where that time is known.

    Several such bars mean that the time is wrong, not the bars.
    """

    def __init__(self, plan: Plan, period: Period | None, *, explicit: bool) -> None:
        self._period, self._explicit, self._name = period, explicit, plan.name
        known = period is not None and plan.incomplete_tail
        self._limit = plan.fetched_not_after_ns if known else None
        self._held: pa.RecordBatch | None = None
        self.warning = ""

    def pass_on(self, batch: pa.RecordBatch) -> list[pa.RecordBatch]:
        """Return what of a batch may go on, with what was kept back before when that was wrong."""
        if self._limit is None or self._period is None:
            return [batch]
        ts = rows.times(batch)
        scale = layout.NS_PER["us"]
        if _end_ns(int(ts.max()) * scale, self._period) <= self._limit:
            return [batch]
        ends = {int(t): _end_ns(int(t) * scale, self._period) for t in np.unique(ts)}
        late = np.array([ends[int(t)] > self._limit for t in ts])
        held = [self._held] if self._held is not None else []
        times = {int(t) for t in ts[late]} | {int(t) for b in held for t in rows.times(b)}
        if len(times) > 1:
            return [*held, batch] if self._give_up() else []
        self._held = pa.concat_batches([*held, batch.filter(pa.array(late))])
        return [batch.filter(pa.array(~late))]

    def _give_up(self) -> bool:
        if self._explicit:
            msg = "--fetched-at is earlier than the data: more than one bar ends after it"
            raise LakeError("USAGE", msg, where=self._name, fix=["correct --fetched-at, or leave it out"])
        self.warning = "the archive's own time is earlier than its data, so it says nothing about the last bar"
        self._limit = self._held = None
        return True

    @property
    def dropped(self) -> int:
        """How many rows are kept back; they are not stored."""
        return 0 if self._held is None else self._held.num_rows
