"""Sealing: the day files of a closed month become one file at `YYYY/MM/`, row for row the same, and proven to be.

Late rows open such a month again when they are ingested; the next seal closes it.
"""

from __future__ import annotations

import hashlib
import itertools
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import numpy as np

from lake import files, layout, rows
from lake import write as writing
from lake.config import HOT
from lake.errors import LakeError
from lake.intake.pieces import rows_of, stored_rows
from lake.lookup import schema_of
from lake.manifest import Manifest, Writer
from lake.manifest.rows import Change, Conflict, NewPart
from lake.places import Places
from lake.selection import select
from lake.staging import Staging
from schemas.keys import Partition

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from lake.config import Config
    from lake.files import StagedFile
    from lake.manifest.rows import FileRow, NewFile, SeriesRow
    from schemas.columns import Schema
    from schemas.keys import Address

DAY_NS = 86_400 * 10**9
OLDER_THAN_NS = 40 * DAY_NS
"""How long ago a month must have ended: later, corrections are rare."""
MAX_BYTES = 512_000_000
"""Months of ticks and order books above this size keep their day files, which are large enough."""
_BY_SIZE = {"ticks", "orderbook"}
_COMMIT_MONTHS = 12
_COMMIT_BYTES = 256_000_000
"""What one commit takes at most; a single month may be larger."""
_ALONE_BYTES = 32_000_000
"""Months above this size are written by one thread: each that writes such keeps tens of megabytes."""
_MONTH = 7
"""Letters of a month's label."""


@dataclass(frozen=True, slots=True)
class SealRequest:
    """What to seal; `selection` holds addresses and patterns, none for every series."""

    selection: tuple[str, ...] = ()
    older_than_ns: int = OLDER_THAN_NS
    max_bytes: int = MAX_BYTES
    dry_run: bool = False


@dataclass(frozen=True, slots=True)
class SealedMonth:
    """One month that was sealed, or would be."""

    address: Address
    partition: str
    rows: int
    files: int
    """How many day files it had."""
    bytes_before: int
    bytes_after: int | None
    """None where nothing was written yet."""


@dataclass(slots=True)
class SealReport:
    """What a seal did."""

    snapshot: int
    run: str | None = None
    status: Literal["committed", "unchanged", "dry_run"] = "unchanged"
    months: list[SealedMonth] = field(default_factory=list)
    left: Counter[str] = field(default_factory=Counter)
    """Closed months of several day files that stay as they are, by reason: too_large, other_tier."""
    errors: list[LakeError] = field(default_factory=list)
    """Of months that could not be sealed; the others were."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a seal is: months done of all that there are to seal."""

    month: str
    """Series and month of the last one done."""
    done: int
    total: int
    bytes_done: int
    bytes_total: int


@dataclass(frozen=True, slots=True)
class _Month:
    """A month's live day files, in order of time, and the times in it that are in doubt."""

    series: SeriesRow
    partition: Partition
    days: tuple[FileRow, ...]
    unproven: tuple[int, ...]

    @property
    def bytes(self) -> int:
        return sum(day.bytes for day in self.days)

    def __str__(self) -> str:
        return f"{self.series.address} {self.partition.label}"


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
        todo: list[_Month] = []
        for series in select(manifest, request.selection):
            found, left = _months(manifest, series, closed_ns, request.max_bytes)
            todo += found
            report.left.update(left)
    if request.dry_run:
        report.status = "dry_run"
        report.months = [_told(month, None) for month in todo]
    elif todo:
        command = " ".join(["seal", *request.selection])
        with Writer(config) as writer, writing.run(writer, "seal", command) as run_id:
            report.run = run_id
            _Seal(config, writer, run_id, request, closed_ns, report, progress).all(todo)
    return report


def _months(manifest: Manifest, series: SeriesRow, closed_ns: int, max_bytes: int) -> tuple[list[_Month], Counter[str]]:
    """Return the months of a series that can be sealed, and why others with several day files cannot."""
    left: Counter[str] = Counter()
    if series.address.grain != "day":
        return [], left
    months = []
    doubts: list[int] | None = None
    for label, group in itertools.groupby(manifest.current(series.id).values(), lambda file: file.partition[:_MONTH]):
        days = tuple(file for file in group if len(file.partition) > _MONTH)
        partition = Partition.parse(label)
        if len(days) < 2 or partition.end_ns > closed_ns:
            continue
        if any(day.tier != HOT for day in days):
            left["other_tier"] += 1
        elif series.address.type in _BY_SIZE and sum(day.bytes for day in days) > max_bytes:
            left["too_large"] += 1
        else:
            if doubts is None and any(day.unproven for day in days):
                doubts = manifest.unproven(series.id, manifest.snapshot())
            unproven = tuple(ns for ns in doubts or () if partition.start_ns <= ns < partition.end_ns)
            months.append(_Month(series, partition, days, unproven))
    return months, left


def _told(month: _Month, staged: StagedFile | None) -> SealedMonth:
    return SealedMonth(
        month.series.address,
        month.partition.label,
        sum(day.rows for day in month.days),
        len(month.days),
        month.bytes,
        None if staged is None else staged.bytes,
    )


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
        self._done = self._bytes_done = self._total = self._bytes_total = 0

    def all(self, todo: list[_Month]) -> None:
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
        errors = self._report.errors
        if errors and not self._report.months:
            raise errors.pop()
        self._report.status = "committed" if self._report.months else "unchanged"
        self._writer.end_run(self._run_id, "ok" if self._report.months else "unchanged")

    def _seal(self, batch: list[_Month]) -> None:
        """Seal some months in one commit; begin again from what is stored when another writer was first."""
        deadline = time.monotonic() + self._config.wait_s
        months = batch
        while months:
            made = self._make(months)
            if not made:
                break
            try:
                self._commit(made)
            except Conflict as lost:
                if time.monotonic() > deadline:
                    message = "other writers kept changing the months to be sealed"
                    raise LakeError("LOCKED", message, where=str(lost)) from None
                months = self._anew([month for month, _ in made])
            else:
                self._report.months += [_told(month, staged) for month, staged in made]
                break
        self._done += len(batch)
        self._bytes_done += sum(month.bytes for month in batch)
        self._tell(batch[-1])

    def _tell(self, month: _Month) -> None:
        if self._progress is not None:
            self._progress(Progress(str(month), self._done, self._total, self._bytes_done, self._bytes_total))

    def _anew(self, months: list[_Month]) -> list[_Month]:
        """Return the months as they are now, those that still can be sealed."""
        wanted = {(month.series.id, month.partition) for month in months}
        series = {month.series.id: month.series for month in months}
        with Manifest.open(self._config) as manifest:
            found = (_months(manifest, each, self._closed_ns, self._request.max_bytes)[0] for each in series.values())
            return [month for some in found for month in some if (month.series.id, month.partition) in wanted]

    def _make(self, months: list[_Month]) -> list[tuple[_Month, StagedFile]]:
        """Stage the months' files; those that cannot be are noted in the report."""
        jobs = []
        for month in months:
            pool = self._one if month.bytes > _ALONE_BYTES else self._pool
            jobs.append(pool.submit(_stage, self._config, self._staging, self._run_id, month))
        made = []
        try:
            for month, job in zip(months, jobs, strict=True):
                try:
                    made.append((month, job.result()))
                except LakeError as error:
                    if error.code not in {"E_FILE_DAMAGED", "E_FILE_MISSING"}:
                        raise
                    self._report.errors.append(error)
        finally:
            for job in jobs:
                job.cancel()
        return made

    def _commit(self, made: Sequence[tuple[_Month, StagedFile]]) -> None:
        change = Change(self._run_id, "seal", message=_message(made), keeps_content=True)
        change.files = [_new_file(month, staged) for month, staged in made]
        gone = [day for month, _ in made for day in month.days]
        change.removed = [day.id for day in gone]
        staged_files = [staged for _, staged in made]
        self._report.snapshot = writing.swap(self._config, self._writer, change, staged_files, gone)


def _batches(todo: list[_Month]) -> Iterator[list[_Month]]:
    """Cut the months into what one commit takes."""
    batch: list[_Month] = []
    size = 0
    for month in todo:
        if batch and (len(batch) == _COMMIT_MONTHS or size + month.bytes > _COMMIT_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(month)
        size += month.bytes
    if batch:
        yield batch


def _message(made: Sequence[tuple[_Month, StagedFile]]) -> str:
    first, last = str(made[0][0].partition.label), str(made[-1][0].partition.label)
    months = first if len(made) == 1 else f"{first} … {last}" if first < last else f"{len(made)} months"
    return f"{months} of {sum(len(month.days) for month, _ in made)} day files"


def _new_file(month: _Month, staged: StagedFile) -> NewFile:
    return writing.new_file(
        staged,
        schema_of(month.series.address.key).version,
        upstreams=[day.id for day in month.days],
        unproven=month.unproven,
        parts=_facts(month),
    )


# ---- one month, in a worker ------------------------------------------------------------------------------------------


def _stage(config: Config, staging: Staging, run_id: str, month: _Month) -> StagedFile:
    """Write a month's file from those of its days; FILE_DAMAGED naming the day that is not what was stored."""
    schema = schema_of(month.series.address.key)
    places = Places(config)
    writer = files.FileWriter(staging, month.series.address, month.partition, schema, run_id)
    try:
        for day in month.days:
            _refuse_damaged(places, day)
            for table in rows_of(places.parquet(day, schema), schema, day.path):
                writer.write(table)
        staged = writer.finish()
    except BaseException:
        writer.abandon()
        raise
    if staged is None or _parts(staged, schema) != _facts(month):
        files.discard(config.data, [] if staged is None else [staged])
        raise _culprit(places, month, schema)
    return staged


def _parts(staged: StagedFile, schema: Schema) -> list[NewPart]:
    """Return what a staged file has of each day, by reading it back."""
    per_day, scale = layout.PER_DAY[rows.unit(schema)], layout.NS_PER[rows.unit(schema)]
    parts: list[NewPart] = []
    content = rows.ContentHash(schema)
    for table in stored_rows(staged.temporary, schema):
        ts = rows.times(table)
        days = ts // per_day
        for start, stop in itertools.pairwise([0, *(np.flatnonzero(np.diff(days)) + 1).tolist(), len(ts)]):
            label = Partition(int(days[start]), "day").label
            before = parts.pop() if parts and parts[-1].partition == label else None
            if before is None:
                content = rows.ContentHash(schema)
            content.update(table.slice(start, stop - start))
            first = int(ts[start]) * scale if before is None else before.first_ns
            count = stop - start + (0 if before is None else before.rows)
            parts.append(NewPart(label, count, first, int(ts[stop - 1]) * scale, content.hexdigest()))
    return parts


def _facts(month: _Month) -> list[NewPart]:
    """Return what the manifest says of each day."""
    return [NewPart(day.partition, day.rows, day.first_ns, day.last_ns, day.content_hash) for day in month.days]


def _refuse_damaged(places: Places, day: FileRow) -> None:
    """Raise FILE_DAMAGED unless a file has the bytes that were stored: those too that say nothing of its rows."""
    try:
        with places.stream(day) as stream:
            found = hashlib.file_digest(stream, "sha256").hexdigest()  # type: ignore[arg-type]  # it has readinto
    except OSError as error:
        message = f"a file of the lake cannot be read: {error.strerror}"
        raise LakeError("FILE_DAMAGED", message, where=day.path) from error
    if found != day.sha256:
        message = f"its SHA-256 is {found[:12]}…, and {day.sha256[:12]}… was stored; its month is not sealed"
        raise LakeError("FILE_DAMAGED", message, where=day.path)


def _culprit(places: Places, month: _Month, schema: Schema) -> LakeError:
    """Return the error that names the day whose rows are not those its content hash was made of."""
    for day in month.days:
        content = rows.ContentHash(schema)
        count = 0
        for table in rows_of(places.parquet(day, schema), schema, day.path):
            content.update(table)
            count += table.num_rows
        if (content.hexdigest(), count) != (day.content_hash, day.rows):
            message = "its rows are not those that were stored; its month is not sealed"
            return LakeError("FILE_DAMAGED", message, where=day.path)
    return LakeError("UNEXPECTED", "the sealed file has not the rows of its days, which are whole", where=str(month))
