"""One month of a series: whether it can be sealed, and its file, written and read back."""

from __future__ import annotations

import hashlib
import itertools
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from lake import files, layout, rows
from lake.config import HOT
from lake.declared import schema_of
from lake.errors import LakeError
from lake.intake.pieces import rows_of, stored_rows
from lake.manifest.rows import NewPart
from lake.places import Places
from schemas.keys import Partition

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from lake.config import Config
    from lake.files import StagedFile
    from lake.manifest import Manifest
    from lake.manifest.rows import FileRow, SeriesRow
    from lake.staging import Staging
    from schemas.columns import Schema

_BY_SIZE = {"ticks", "orderbook"}
_MONTH = 7
"""Letters of a month's label."""


@dataclass(frozen=True, slots=True)
class Month:
    """A month that can be sealed, as it was when that was found out."""

    series: SeriesRow
    partition: Partition
    files: int
    rows: int
    bytes: int

    def __str__(self) -> str:
        return f"{self.series.address} {self.partition.label}"


@dataclass(frozen=True, slots=True)
class Days:
    """A month with its live day files, in order of time, and the times in it that are in doubt."""

    month: Month
    files: tuple[FileRow, ...]
    unproven: tuple[int, ...]

    def parts(self) -> list[NewPart]:
        """Return what the manifest says of each day."""
        return [NewPart(day.partition, day.rows, day.first_ns, day.last_ns, day.content_hash) for day in self.files]


def find_months(
    manifest: Manifest, series: SeriesRow, closed_ns: int, max_bytes: int
) -> tuple[list[Month], Counter[str]]:
    """Return the months of a series that can be sealed, and why others with several day files cannot."""
    left: Counter[str] = Counter()
    if series.address.grain != "day":
        return [], left
    return _months(series, manifest.current(series.id).values(), closed_ns, max_bytes, left), left


def load(manifest: Manifest, month: Month, closed_ns: int, max_bytes: int) -> Days | None:
    """Return a month as it is now; None when it cannot be sealed any more."""
    series, partition = month.series, month.partition
    snapshot = manifest.snapshot()
    found = manifest.plan(series.id, partition.start_ns, partition.end_ns, snapshot)
    now = _months(series, found, closed_ns, max_bytes, Counter())
    if not now:
        return None
    doubts = manifest.unproven(series.id, snapshot) if any(file.unproven for file in found) else []
    return Days(now[0], tuple(found), tuple(ns for ns in doubts if partition.start_ns <= ns < partition.end_ns))


def _months(
    series: SeriesRow, live: Iterable[FileRow], closed_ns: int, max_bytes: int, left: Counter[str]
) -> list[Month]:
    months = []
    for label, group in itertools.groupby(live, lambda file: file.partition[:_MONTH]):
        days = [file for file in group if len(file.partition) > _MONTH]
        partition = Partition.parse(label)
        if len(days) < 2 or partition.end_ns > closed_ns:
            continue
        size = sum(day.bytes for day in days)
        if any(day.tier != HOT for day in days):
            left["other_tier"] += 1
        elif series.address.type in _BY_SIZE and size > max_bytes:
            left["too_large"] += 1
        else:
            months.append(Month(series, partition, len(days), sum(day.rows for day in days), size))
    return months


def stage(config: Config, staging: Staging, run_id: str, days: Days) -> StagedFile:
    """Write a month's file from those of its days, and read it back.

    Raises:
        LakeError: FILE_DAMAGED or FILE_MISSING, naming the day that is not what was stored; DISK_FULL, STORAGE.
    """
    series, partition = days.month.series, days.month.partition
    schema = schema_of(config, series.address.key)
    places = Places(config)
    writer = files.FileWriter(staging, series.address, partition, schema, run_id)
    try:
        for day in days.files:
            _refuse_damaged(places, day)
            for table in rows_of(places.parquet(day, schema), schema):
                writer.write(table)
        staged = writer.finish()
    except BaseException:
        writer.abandon()
        raise
    if staged is None or parts_of(staged.temporary, schema) != days.parts():
        files.discard(config.data, [] if staged is None else [staged])
        raise _culprit(places, days, schema)
    return staged


def parts_of(path: Path, schema: Schema) -> list[NewPart]:
    """Return what a file of the lake has of each day, by reading it; FILE_DAMAGED when it cannot be read."""
    per_day, scale = layout.PER_DAY[rows.unit(schema)], layout.NS_PER[rows.unit(schema)]
    parts: list[NewPart] = []
    content = rows.ContentHash(schema)
    for table in stored_rows(path, schema):
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


def _culprit(places: Places, days: Days, schema: Schema) -> LakeError:
    """Return the error that names the day whose rows are not those its content hash was made of."""
    for day in days.files:
        content = rows.ContentHash(schema)
        count = 0
        for table in rows_of(places.parquet(day, schema), schema):
            content.update(table)
            count += table.num_rows
        if (content.hexdigest(), count) != (day.content_hash, day.rows):
            message = "its rows are not those that were stored; its month is not sealed"
            return LakeError("FILE_DAMAGED", message, where=day.path)
    return LakeError("UNEXPECTED", "the sealed file has not its days' rows, which are whole", where=str(days.month))
