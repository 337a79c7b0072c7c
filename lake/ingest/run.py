"""The ingest of files, one after the other: detect, read, merge, commit, report."""

from __future__ import annotations

import hashlib
import json
import secrets
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from lake import files, layout, rows, sources, space
from lake import write as writing
from lake.errors import Exit, LakeError, printable
from lake.ingest.own import Own, said
from lake.ingest.reading import Quarantine, Reading, bad_limit
from lake.ingest.report import FileReport, IngestReport, Progress
from lake.ingest.room import room_for
from lake.ingest.tail import end_ns
from lake.intake import Intake
from lake.leases import Lease
from lake.manifest import Manifest, Writer
from lake.manifest.rows import AlreadyIngested, Change, Instrument, LedgerRecord, SourceRecord
from lake.merge import Counts
from lake.outcome import no_checks
from lake.places import Places
from lake.staging import Staging
from schemas.keys import Address
from schemas.periods import Period

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

    from lake.config import Config
    from lake.ingest.report import IngestRequest
    from lake.manifest.rows import FileRow, IngestRow, SeriesRow
    from lake.outcome import Check
    from lake.sources import Plan
    from lake.sources.dialects import Dialect

_ONE_FILE_S = {Exit.REFUSED, Exit.NOT_FOUND, Exit.USAGE}
"""Errors that concern one file of many: the others go on."""


def ingest(
    config: Config,
    request: IngestRequest,
    *,
    progress: Callable[[Progress], None] | None = None,
    turn: Callable[[Address], AbstractContextManager[None]] | None = None,
    checks: Callable[[str], Sequence[Check]] = no_checks,
) -> IngestReport:
    """Ingest every source file of a request, each in a commit of its own.

    A file that is refused leaves nothing in the lake but a run that says why.

    Args:
        config: The lake.
        request: The files, and how to take them in.
        progress: Told how far each file is.
        turn: Entered for a file's series while the file is ingested, where writers of one series are to queue; several
            at once end in the same lake, only with some work done twice.
        checks: Gives the user's own checks of an asset, by its key; a file that fails a blocking one is refused.

    Raises:
        LakeError: When there is one source and it is refused, or when the lake itself cannot be used.
    """
    bad_limit(request.max_bad)
    with Manifest.open(config):  # before any file is read: is there a lake?
        paths = sources.expand(request.sources)
    own = Own(config, request)
    done: list[FileReport] = []
    errors: list[LakeError] = []
    with ThreadPoolExecutor(config.threads, thread_name_prefix="ingest") as pool:
        for path in paths:
            try:
                file = _File(config, request, path, pool, progress or (lambda _: None), checks, own.dialects)
                with turn(file.address) if turn is not None else nullcontext():
                    done.append(file.ingest())
                own.keep(file.plan)
            except LakeError as error:
                if len(paths) == 1 or error.exit not in _ONE_FILE_S:
                    raise
                errors.append(error)
    with Manifest.open(config) as manifest:
        return IngestReport(manifest.snapshot(), done, errors, own.saved, own.warnings)


class _File:
    """The ingest of one file."""

    def __init__(
        self,
        config: Config,
        request: IngestRequest,
        path: Path,
        pool: ThreadPoolExecutor,
        progress: Callable[[Progress], None],
        checks: Callable[[str], Sequence[Check]],
        own: Mapping[str, Dialect],
    ) -> None:
        self._config, self._request, self._path, self._pool = config, request, path, pool
        self._shown = printable(path)
        self._progress = progress
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
            words=request.words,
            dialects=own,
        )
        self.plan, self.address, self._vendor_symbol = self._detected()
        self._period = Period.parse(self.address.period) if self.address.type == "bars" else None
        self._scale = layout.NS_PER[rows.unit(self.plan.schema)]
        self._checks = checks(self.address.key)

    def _detected(self) -> tuple[Plan, Address, str]:
        try:
            plan = sources.detect(self._path, self._options)
            return plan, *self._destination(plan)
        except LakeError:
            if not self._request.dry_run:
                with Writer(self._config) as writer, writing.run(writer, "ingest", self._shown):
                    raise
            raise

    def _destination(self, plan: Plan) -> tuple[Address, str]:
        request = self._request
        exchange, symbol = request.exchange or plan.exchange, request.symbol or plan.symbol
        for name, value in (("exchange", exchange), ("symbol", symbol)):
            if not value:
                raise LakeError(
                    "USAGE",
                    f"the file does not say its {name}",
                    where=str(plan.path),
                    why=f"Every series has its {name} in its address, and neither the file nor its name tells it.",
                    fix=[f"--{name} NAME"],
                )
        market = request.market or plan.market or "SPOT"
        try:
            return Address.of(str(exchange), market, str(symbol), plan.type, plan.period), str(symbol)
        except ValueError as error:
            why = "No series can have such an address."
            raise LakeError("USAGE", str(error), where=str(plan.path), why=why) from error

    def ingest(self) -> FileReport:
        """Ingest the file, or say that it is in the lake already."""
        with Manifest.open(self._config) as manifest:
            if manifest.same_size_source(self.plan.nbytes):
                with self._path.open("rb") as stream:
                    digest = hashlib.file_digest(stream, "sha256").hexdigest()
                current = manifest.current_ingest(self._key(digest))
                if current is not None:
                    return self._unchanged(current)
            space.require(self._config, room_for(self.plan), f"the ingest of {self.plan.name}")
            lease = Lease(self._config, manifest.snapshot())
            series = manifest.find(self.address)
            live = writing.live_files(manifest, self.address)
        with lease:
            return self._begin(series, live)

    def _begin(self, series: SeriesRow | None, live: dict[str, FileRow]) -> FileReport:
        if self._request.dry_run:
            return self._attempt(f"dry-run-{secrets.token_hex(8)}", series, live, None)
        with Writer(self._config) as writer, writing.run(writer, "ingest", self._shown) as run_id:
            return self._attempt(run_id, series, live, writer)

    def _attempt(
        self, run_id: str, series: SeriesRow | None, live: dict[str, FileRow], writer: Writer | None
    ) -> FileReport:
        self._refuse_other_case(series)
        self._refuse_other_ids()
        staging = Staging(self._config.data, run_id, dry=writer is None)
        quarantine = Quarantine(staging.folder)
        intake = Intake(
            staging=staging,
            places=Places(self._config),
            address=self.address,
            schema=self.plan.schema,
            run_id=run_id,
            live=live,
            on_conflict=self._request.on_conflict,
            pool=self._pool,
            budget=self._config.memory_mb * 1_000_000 // 2,
        )
        try:
            reading = Reading(
                self.plan,
                self._options,
                self._request,
                period=self._period,
                waive=series is not None and series.price_may_be_negative,
                pool=self._pool,
                quarantine=quarantine,
            )
            digest = reading.into(intake, lambda done: self._tell("read", reading, done))
            self._tell("merge", reading)
            intake.doubt_ns = self._unproven(intake, reading)
            delivery = writing.Delivery(self.address, self.plan.schema, intake, intake.settle(), checks=self._checks)
            outcome = _Outcome(digest, reading, intake, delivery)
            if writer is None:
                writing.hold_to_checks(self._config, delivery)
                return self._report(outcome, "dry_run", None)
            self._tell("commit", reading)
            return self._commit(writer, run_id, outcome, quarantine)
        finally:
            intake.close()
            quarantine.close()
            staging.close()

    def _refuse_other_case(self, series: SeriesRow | None) -> None:
        if series is None or series.vendor_symbol in {"", self._vendor_symbol}:
            return
        if series.vendor_symbol.casefold() == self._vendor_symbol.casefold():
            msg = f"{self._vendor_symbol!r} and {series.vendor_symbol!r} differ only in case"
            raise LakeError("SYMBOL_CASE", msg, where=str(self.address))

    def _refuse_other_ids(self) -> None:
        """Refuse trades where stored ones are numbered in another way: their key is the id."""
        own = self.plan.id_space
        if not own:
            return
        with Manifest.open(self._config) as manifest:
            series = manifest.find(self.address)
            dialects = manifest.dialects(series.id) if series is not None else set()
        others = sorted(dialect for dialect in dialects if sources.id_space(dialect) not in {"", own})
        if others:
            msg = f"{self.plan.name} is in {self.plan.dialect}, and the series has trades in {', '.join(others)}"
            raise LakeError("OTHER_IDS", msg, where=str(self.address))

    def _key(self, digest: str) -> str:
        """Name the file's bytes together with everything that decides what they become."""
        request = self._request
        facts = [
            digest,
            self.plan.dialect,
            str(self.address),
            sorted(request.columns.items()),
            self.plan.time_zone,
            request.start_ns,
            request.end_ns,
            request.on_conflict,
            request.fetched_at_ns,
        ]
        facts += said(self._options, self.plan)
        return hashlib.sha256(json.dumps(facts).encode()).hexdigest()

    def _tell(self, phase: Literal["read", "merge", "commit"], reading: Reading, done: int | None = None) -> None:
        total = self.plan.nbytes
        self._progress(Progress(self._shown, total if done is None else done, total, reading.read, phase))

    def _unproven(self, intake: Intake, reading: Reading) -> int | None:
        """Return the open of the last bar when nothing shows that it was over when the file was made."""
        if self._period is None or not self.plan.incomplete_tail or intake.last is None:
            return None
        if reading.latest > intake.last:  # the file goes on: with what was asked to be left out, or was not over
            return None
        proof = self.plan.fetched_not_before_ns
        last = intake.last * self._scale
        return None if proof is not None and end_ns(last, self._period) <= proof else last

    # ---- the end -----------------------------------------------------------------------------------------------------

    def _commit(self, writer: Writer, run_id: str, outcome: _Outcome, quarantine: Quarantine) -> FileReport:
        change = Change(
            run_id=run_id,
            operation="ingest",
            message=self.plan.name,
            instruments={self.address: Instrument(self._vendor_symbol, time_zone=self.plan.time_zone)},
            source=self._source(outcome.digest),
            quarantine=quarantine,
            ingest_key=self._key(outcome.digest),
            ends_run=True,
        )

        def complete() -> None:
            try:
                self._refuse_other_ids()  # another writer may have been first
            except LakeError:
                self._withdraw(outcome)
                raise
            report = self._report(outcome, "committed", run_id)
            change.ledger = _ledger(report, outcome.reading.accepted)
            change.report = {name: getattr(report, name) for name in FileReport.__slots__}

        outcome.delivery.before_commit = complete
        try:
            snapshot = writing.commit(self._config, writer, change, outcome.delivery)
        except AlreadyIngested as same:
            self._withdraw(outcome)
            writer.end_run(run_id, "unchanged")
            return self._unchanged(same.ingest)
        report = self._report(outcome, "committed", run_id)
        report.snapshot = snapshot
        return report

    def _withdraw(self, outcome: _Outcome) -> None:
        """Remove the files that no commit took."""
        settled = outcome.delivery.settled
        written = [s.staged for s in settled] + [run.file for s in settled for run in s.runs]
        files.discard(self._config.data, [file for file in written if file is not None])

    def _source(self, digest: str) -> SourceRecord:
        plan = self.plan
        return SourceRecord(
            sha256=digest,
            name=plan.name,
            path=printable(self._path.resolve()),
            bytes=plan.nbytes,
            dialect=plan.dialect,
            options={
                "unit": plan.unit,
                "tz": plan.time_zone,
                "stamp": plan.stamp,
                "columns": {name: printable(column) for name, column in self._request.columns.items()},
                "checksum": plan.checksum,
                "words": dict(self._request.words),
            },
            evidence=plan.evidence,
            fetched_at_ns=plan.fetched_not_after_ns,
        )

    def _unchanged(self, current: IngestRow) -> FileReport:
        """Say what the first ingest of the same bytes said, but that nothing is new."""
        report = FileReport(**current.report)
        placed = report.rows["read"] - report.rows["quarantined"] - report.rows["skipped"]
        report.rows |= {"new": 0, "identical": placed, "corrected": 0, "superseded": 0}
        report.status, report.source = "unchanged", self._shown
        report.run, report.snapshot = current.run_id, current.snapshot
        report.files_written = report.bytes_written = 0
        return report

    def _report(self, outcome: _Outcome, status: Literal["committed", "dry_run"], run_id: str | None) -> FileReport:
        counts = Counts()
        for settled in outcome.delivery.settled:
            counts.add(settled.counts)
        written = [s.staged for s in outcome.delivery.settled if s.staged is not None]
        written += outcome.delivery.opened.staged
        reading, intake = outcome.reading, outcome.intake
        return FileReport(
            source=self._shown,
            sha256=outcome.digest,
            dialect=self.plan.dialect,
            addresses=[str(self.address)],
            rows={
                "read": reading.read,
                "new": counts.new,
                "identical": counts.identical,
                "corrected": counts.corrected,
                "superseded": counts.superseded,
                "quarantined": reading.rejected.total(),
                "skipped": reading.skipped.total(),
            },
            rejected=dict(reading.rejected),
            skipped=dict(reading.skipped),
            first_ns=None if intake.first is None else intake.first * self._scale,
            last_ns=None if intake.last is None else intake.last * self._scale,
            status=status,
            run=run_id,
            snapshot=0,
            files_written=len(written),
            bytes_written=sum(f.bytes for f in written),
            evidence=list(self.plan.evidence),
            warnings=[*self.plan.warnings, *reading.warnings],
        )


@dataclass(frozen=True, slots=True)
class _Outcome:
    """A source that was read and merged, ready to be committed."""

    digest: str
    reading: Reading
    intake: Intake
    delivery: writing.Delivery


def _ledger(report: FileReport, accepted: int) -> LedgerRecord:
    return LedgerRecord(
        read=report.rows["read"],
        new=report.rows["new"],
        identical=report.rows["identical"],
        corrected=report.rows["corrected"],
        superseded=report.rows["superseded"],
        quarantined=report.rows["quarantined"],
        skipped=report.rows["skipped"],
        rows_out=accepted,
        rejected=report.rejected,
        skipped_by=report.skipped,
    )
