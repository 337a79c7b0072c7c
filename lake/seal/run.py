"""One seal: the months it finds, a few of them to a commit."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from lake import space
from lake import write as writing
from lake.declared import schema_of
from lake.errors import LakeError
from lake.manifest import Manifest, Writer
from lake.manifest.rows import Change, Conflict
from lake.seal.model import Progress, SealedMonth, SealReport
from lake.seal.month import find_months, load, stage
from lake.selection import select
from lake.staging import Staging

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from lake.config import Config
    from lake.files import StagedFile
    from lake.manifest.rows import NewFile
    from lake.seal.model import SealRequest
    from lake.seal.month import Days, Month

    Made = Sequence[tuple[Days, StagedFile]]

COMMIT_MONTHS = 12
COMMIT_BYTES = 256_000_000
"""What one commit takes at most; a single month may be larger."""
ALONE_BYTES = 32_000_000
"""Months above this size are written by one thread: each that writes such keeps tens of megabytes."""


def seal(
    config: Config,
    request: SealRequest,
    progress: Callable[[Progress], None] | None = None,
    *,
    now_ns: int | None = None,
) -> SealReport:
    """Make one file of every closed month that has two or more day files.

    A few months make one commit, so that a seal that was stopped goes on where it was. A month with a damaged file
    stays as it is, and is named in the report; the others are sealed.

    Args:
        config: The lake.
        request: Which series, and how old months must be.
        progress: Told of every month that is done.
        now_ns: The time by which months are closed; the clock's unless given.

    Raises:
        LakeError: USAGE, UNKNOWN_SERIES for a selection that fits nothing; FILE_DAMAGED, FILE_MISSING when nothing but
            one damaged month was to be sealed; LOCKED, DISK_FULL, STORAGE.
    """
    closed_ns = (time.time_ns() if now_ns is None else now_ns) - request.older_than_ns
    with Manifest.open(config) as manifest:
        report = SealReport(manifest.snapshot())
        todo: list[Month] = []
        for series in select(manifest, request.selection):
            found, left = find_months(manifest, series, closed_ns, request.max_bytes)
            todo += found
            report.left.update(left)
    if request.dry_run:
        report.status = "dry_run"
        report.months = [_told(month, None) for month in todo]
    elif todo:
        space.require(config, sum(month.bytes for month in todo), "the seal")
        command = " ".join(["seal", *request.selection])
        with Writer(config) as writer, writing.run(writer, "seal", command) as run_id:
            report.run = run_id
            _Seal(config, writer, run_id, request, closed_ns, report, progress).all(todo)
    return report


def _told(month: Month, staged: StagedFile | None) -> SealedMonth:
    size = None if staged is None else staged.bytes
    return SealedMonth(month.series.address, month.partition.label, month.rows, month.files, month.bytes, size)


class _Seal:
    """One seal under way."""

    def __init__(
        self,
        config: Config,
        writer: Writer,
        run_id: str,
        request: SealRequest,
        closed_ns: int,
        report: SealReport,
        progress: Callable[[Progress], None] | None,
    ) -> None:
        self._config, self._writer, self._run_id = config, writer, run_id
        self._request, self._closed_ns, self._report = request, closed_ns, report
        self._progress = progress
        self._damaged: set[str] = set()
        self._done = self._bytes_done = self._total = self._bytes_total = 0

    def all(self, todo: list[Month]) -> None:
        """Seal every month, a few in one commit, and end the run."""
        self._total, self._bytes_total = len(todo), sum(month.bytes for month in todo)
        self._staging = Staging(self._config.data, self._run_id)
        try:
            with (
                ThreadPoolExecutor(self._config.threads, thread_name_prefix="seal") as self._pool,
                ThreadPoolExecutor(1, thread_name_prefix="seal-large") as self._one,
            ):
                for batch in _batches(todo):
                    self._seal(batch)
        finally:
            self._staging.close()
        self._end()

    def _end(self) -> None:
        report = self._report
        if report.months:
            report.status = "committed"
            self._writer.end_run(self._run_id, "ok")
        elif not report.errors:
            self._writer.end_run(self._run_id, "unchanged")  # others were quicker
        elif len(report.errors) == 1:
            raise report.errors.pop()
        else:
            first = report.errors[0]
            told = {"code": first.code, "message": first.message, "where": first.where}
            self._writer.end_run(self._run_id, "failed", told)

    def _seal(self, batch: list[Month]) -> None:
        """Seal some months in one commit; begin again from what is stored when another writer was first."""
        deadline = time.monotonic() + self._config.wait_s
        while made := self._make(self._load(batch)):
            try:
                self._commit(made)
            except Conflict as lost:
                if time.monotonic() > deadline:
                    message = "other writers kept changing the months to be sealed"
                    raise LakeError("LOCKED", message, where=str(lost)) from None
            else:
                self._report.months += [_told(days.month, staged) for days, staged in made]
                break
        self._done += len(batch)
        self._bytes_done += sum(month.bytes for month in batch)
        self._tell(batch[-1])

    def _tell(self, month: Month) -> None:
        if self._progress is not None:
            self._progress(Progress(str(month), self._done, self._total, self._bytes_done, self._bytes_total))

    def _load(self, batch: list[Month]) -> list[Days]:
        """Return the months as they are now, those that can be sealed and were not found damaged."""
        with Manifest.open(self._config) as manifest:
            found = (
                load(manifest, month, self._closed_ns, self._request.max_bytes)
                for month in batch
                if str(month) not in self._damaged
            )
            return [days for days in found if days is not None]

    def _make(self, months: list[Days]) -> Made:
        """Stage the months' files; those that cannot be are noted in the report."""
        jobs = []
        for days in months:
            pool = self._one if days.month.bytes > ALONE_BYTES else self._pool
            jobs.append(pool.submit(stage, self._config, self._staging, self._run_id, days))
        made = []
        try:
            for days, job in zip(months, jobs, strict=True):
                try:
                    made.append((days, job.result()))
                except LakeError as error:
                    if error.code not in {"E_FILE_DAMAGED", "E_FILE_MISSING"}:
                        raise
                    self._damaged.add(str(days.month))
                    self._report.errors.append(error)
        finally:
            for job in jobs:
                job.cancel()
        return made

    def _commit(self, made: Made) -> None:
        change = Change(self._run_id, "seal", message=_message(made), keeps_content=True)
        change.files = [_new_file(self._config, days, staged) for days, staged in made]
        gone = [day for days, _ in made for day in days.files]
        change.removed = [day.id for day in gone]
        staged_files = [staged for _, staged in made]
        self._report.snapshot = writing.swap(self._config, self._writer, change, staged_files, gone)


def _batches(todo: list[Month]) -> Iterator[list[Month]]:
    """Cut the months into what one commit takes."""
    batch: list[Month] = []
    size = 0
    for month in todo:
        if batch and (len(batch) == COMMIT_MONTHS or size + month.bytes > COMMIT_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(month)
        size += month.bytes
    if batch:
        yield batch


def _message(made: Made) -> str:
    first, last = made[0][0].month.partition.label, made[-1][0].month.partition.label
    months = first if len(made) == 1 else f"{first} … {last}" if first < last else f"{len(made)} months"
    return f"{months} of {sum(len(days.files) for days, _ in made)} day files"


def _new_file(config: Config, days: Days, staged: StagedFile) -> NewFile:
    return writing.new_file(
        staged,
        schema_of(config, days.month.series.address.key).version,
        upstreams=[day.id for day in days.files],
        unproven=days.unproven,
        parts=days.parts(),
    )
