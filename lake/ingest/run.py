"""The ingest of files, one after the other: detect, read, merge, commit, report."""

from __future__ import annotations

import hashlib
import json
import secrets
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NoReturn

from lake import files, layout, sources, space
from lake import write as writing
from lake.errors import LakeError, printable
from lake.ingest.course import Course
from lake.ingest.destinations import Destinations, Naming
from lake.ingest.known import Known, marked, unchanged
from lake.ingest.own import Own, said
from lake.ingest.planning import ONE_FILE_S, options_of
from lake.ingest.reading import Quarantine, Reading, bad_limit
from lake.ingest.report import FileReport, IngestReport, Progress
from lake.ingest.room import room_for
from lake.leases import Lease
from lake.manifest import Manifest, Writer
from lake.manifest.rows import AlreadyIngested, Change, Instrument, LedgerRecord, SourceRecord
from lake.merge import Counts
from lake.outcome import no_checks
from lake.staging import Staging

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

    from lake.config import Config
    from lake.ingest.report import IngestRequest
    from lake.outcome import Check
    from lake.sources import Found, Plan, SourceFile
    from lake.sources.dialects import Dialect
    from schemas.keys import Address


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
        found = sources.expand(request.sources)
    own = Own(config, request)
    course, known = Course(found, progress), Known(config, request, own.dialects)
    done: list[FileReport] = []
    errors: list[LakeError] = []
    with ThreadPoolExecutor(config.threads, thread_name_prefix="ingest") as pool:
        for path, source in _sources(config, found, course):
            try:
                if isinstance(source, LakeError):
                    _refuse(config, request, source, source.where or printable(path))
                shown = printable(source.place)
                if (current := known.find(source)) is not None:
                    done.append(unchanged(current, shown))
                    course(Progress(shown, 1, 1, done[-1].rows["read"], "done"))
                    continue
                file = _File(config, request, source, pool, course, checks, own.dialects)
                own.hold_to(file.plan)
                with turn(file.address) if turn is not None else nullcontext():
                    done.append(file.ingest())
                own.keep(file.plan)
            except LakeError as error:
                if error.exit not in ONE_FILE_S:
                    raise
                errors.append(error)
                course.passed(printable(path))
    if len(found.files) == len(errors) == 1 and not done:
        raise errors[0]
    with Manifest.open(config) as manifest:
        return IngestReport(manifest.snapshot(), done, errors, dict(found.ignored), own.saved, own.warnings)


def _sources(config: Config, found: Found, course: Course) -> Iterator[tuple[Path, SourceFile | LakeError]]:
    """Yield every source of the files, members of archives one by one."""
    for path in found.files:
        course.begin(path)
        for source in sources.members(path, config.data / layout.STAGING, found.ignored):
            if not isinstance(source, LakeError):
                course.enter(source)
            yield path, source


def _refuse(config: Config, request: IngestRequest, error: LakeError, shown: str) -> NoReturn:
    """Raise an error, with a run that says so."""
    if not request.dry_run:
        with Writer(config) as writer, writing.run(writer, "ingest", shown):
            raise error
    raise error


class _File:
    """The ingest of one file."""

    def __init__(
        self,
        config: Config,
        request: IngestRequest,
        source: SourceFile,
        pool: ThreadPoolExecutor,
        progress: Callable[[Progress], None],
        checks: Callable[[str], Sequence[Check]],
        own: Mapping[str, Dialect],
    ) -> None:
        self._config, self._request, self._origin, self._pool = config, request, source, pool
        self._shown = printable(source.place)
        self._progress = progress
        self._options = options_of(request, own)
        self._checks = checks
        self._seen = self._origin.sighted()
        self.plan, self._naming = self._detected()
        self.address = self._naming.first

    def _detected(self) -> tuple[Plan, Naming]:
        try:
            plan = sources.detect(self._origin, self._options)
            return plan, Naming(self._request, plan)
        except LakeError as error:
            _refuse(self._config, self._request, error, self._shown)

    def ingest(self) -> FileReport:
        """Ingest the file, or say that it is in the lake already."""
        with Manifest.open(self._config) as manifest:
            if manifest.same_size_source(self.plan.nbytes):
                current = manifest.current_ingest(self._key(self._origin.digest()))
                if current is not None:
                    return unchanged(current, self._shown)
            space.require(self._config, room_for(self.plan), f"the ingest of {self.plan.name}")
            lease = Lease(self._config, manifest.snapshot())
        with lease:
            return self._begin()

    def _begin(self) -> FileReport:
        if self._request.dry_run:
            return self._attempt(f"dry-run-{secrets.token_hex(8)}", None)
        with Writer(self._config) as writer, writing.run(writer, "ingest", self._shown) as run_id:
            return self._attempt(run_id, writer)

    def _attempt(self, run_id: str, writer: Writer | None) -> FileReport:
        staging = Staging(self._config.data, run_id, dry=writer is None)
        quarantine = Quarantine(staging.folder)
        destinations: Destinations | None = None
        try:
            destinations = Destinations(
                self._config,
                self._request,
                self.plan,
                self._naming,
                staging=staging,
                run_id=run_id,
                pool=self._pool,
                checks=self._checks,
            )
            reading = Reading(self.plan, self._request, pool=self._pool, quarantine=quarantine)
            digest = reading.into(destinations, lambda done: self._tell("read", reading, done))
            self._refuse_changed()
            self._tell("merge", reading)
            outcome = _Outcome(digest, reading, destinations, self._settled(destinations))
            if writer is None:
                for delivery in outcome.deliveries:
                    writing.hold_to_checks(self._config, delivery)
                return self._report(outcome, "dry_run", None)
            self._tell("commit", reading)
            return self._commit(writer, run_id, outcome, quarantine)
        finally:
            if destinations is not None:
                destinations.close()
            quarantine.close()
            staging.close()

    def _refuse_changed(self) -> None:
        if self._origin.sighted() != self._seen:
            raise LakeError(
                "SOURCE_UNREADABLE",
                f"{self.plan.name} changed while it was read",
                where=self._shown,
                why="What was read may be half of one file and half of another.",
                fix=["ingest it again when nothing writes to it any more"],
            )

    def _settled(self, destinations: Destinations) -> list[writing.Delivery]:
        deliveries = []
        for each in destinations:
            each.intake.doubt_ns = each.unproven_ns(self.plan)
            settled = each.intake.settle()
            deliveries.append(
                writing.Delivery(each.address, each.channel.schema, each.intake, settled, checks=each.checks)
            )
        return deliveries

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
            *said(self._options, self.plan),
            *self._told_apart(),
        ]
        return hashlib.sha256(json.dumps(facts).encode()).hexdigest()

    def _told_apart(self) -> list[object]:
        """Return what else decides where rows go, of a source of several kinds of rows or several symbols."""
        if not self.plan.many and len(self.plan.channels) == 1:
            return []
        return [self.plan.many, [f"{channel.type}/{channel.period}" for channel in self.plan.channels]]

    def _tell(self, phase: Literal["read", "merge", "commit"], reading: Reading, done: int | None = None) -> None:
        total = self.plan.nbytes
        self._progress(Progress(self._shown, total if done is None else done, total, reading.read, phase))

    # ---- the end -----------------------------------------------------------------------------------------------------

    def _commit(self, writer: Writer, run_id: str, outcome: _Outcome, quarantine: Quarantine) -> FileReport:
        change = Change(
            run_id=run_id,
            operation="ingest",
            message=self.plan.name,
            instruments={
                each.address: Instrument(each.vendor_symbol, time_zone=self.plan.time_zone)
                for each in outcome.destinations
            },
            source=self._source(outcome.digest),
            quarantine=quarantine,
            ingest_key=self._key(outcome.digest),
            ends_run=True,
        )

        def complete() -> None:
            try:
                outcome.destinations.refuse_other_ids()  # another writer may have been first
            except LakeError:
                self._withdraw(outcome)
                raise
            report = self._report(outcome, "committed", run_id)
            change.ledger = _ledger(report, outcome.reading.accepted)
            change.report = marked(report, self._request, self._origin, self._options.dialects)

        try:
            snapshot = writing.commit(self._config, writer, change, outcome.deliveries, complete)
        except AlreadyIngested as same:
            self._withdraw(outcome)
            writer.end_run(run_id, "unchanged")
            return unchanged(same.ingest, self._shown)
        report = self._report(outcome, "committed", run_id)
        report.snapshot = snapshot
        return report

    def _withdraw(self, outcome: _Outcome) -> None:
        """Remove the files that no commit took."""
        settled = [s for delivery in outcome.deliveries for s in delivery.settled]
        written = [s.staged for s in settled] + [run.file for s in settled for run in s.runs]
        files.discard(self._config.data, [file for file in written if file is not None])

    def _source(self, digest: str) -> SourceRecord:
        plan = self.plan
        return SourceRecord(
            sha256=digest,
            name=plan.name,
            path=printable(self._origin.resolved()),
            bytes=plan.nbytes,
            dialect=plan.dialect,
            options={
                "unit": plan.unit,
                "tz": plan.time_zone,
                "stamp": plan.stamp,
                "columns": {name: printable(column) for name, column in self._request.columns.items()},
                "words": dict(self._request.words),
                "checksum": plan.checksum,
            },
            evidence=plan.reasons,
            fetched_at_ns=plan.fetched_not_after_ns,
        )

    def _report(self, outcome: _Outcome, status: Literal["committed", "dry_run"], run_id: str | None) -> FileReport:
        counts = Counts()
        for delivery in outcome.deliveries:
            for settled in delivery.settled:
                counts.add(settled.counts)
        written = [file for delivery in outcome.deliveries for file in delivery.staged]
        reading, taken = outcome.reading, list(outcome.destinations)
        firsts = [each.intake.first * each.scale for each in taken if each.intake.first is not None]
        lasts = [each.intake.last * each.scale for each in taken if each.intake.last is not None]
        return FileReport(
            source=self._shown,
            sha256=outcome.digest,
            dialect=self.plan.dialect,
            addresses=[str(each.address) for each in taken],
            records=reading.records,
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
            first_ns=min(firsts, default=None),
            last_ns=max(lasts, default=None),
            status=status,
            run=run_id,
            snapshot=0,
            files_written=len(written),
            bytes_written=sum(f.bytes for f in written),
            evidence=list(self.plan.reasons),
            warnings=[*self.plan.warnings, *reading.warnings, *filter(None, (each.jumps.warning for each in taken))],
        )


@dataclass(frozen=True, slots=True)
class _Outcome:
    """A source that was read and merged, ready to be committed."""

    digest: str
    reading: Reading
    destinations: Destinations
    deliveries: list[writing.Delivery]


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
