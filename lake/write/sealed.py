"""Sealed months under a write: what each of their days holds, and how one is taken apart when a day of it changes."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from lake.manifest import graph
from lake.manifest.rows import Conflict
from schemas.keys import Partition

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lake.files import StagedFile
    from lake.intake import Intake, Settled
    from lake.manifest import Manifest
    from lake.manifest.rows import FileRow
    from schemas.keys import Address

_MONTH = 7
"""Letters of a month's label."""


def live_files(
    manifest: Manifest,
    address: Address,
    labels: Iterable[str] | None = None,
    span: tuple[int | None, int | None] = (None, None),
) -> dict[str, FileRow]:
    """Return what a series' partitions hold now, by label; nothing when there is no such series.

    A sealed file stands for each of its days: as a row with the day's label, range, rows and content, and the file's
    own id and path. Bars that were in doubt and have been proven since are not in doubt any more.

    Args:
        manifest: The lake's.
        address: The series.
        labels: Only these partitions.
        span: Without labels, only partitions that part of [start, end) falls into, in nanoseconds; None has no bound.
    """
    series = manifest.find(address)
    if series is None:
        return {}
    wanted = None if labels is None else {Partition.parse(label) for label in labels}
    if wanted is not None and not wanted:
        return {}
    start, end = span
    if wanted is not None:
        start, end = min(partition.start_ns for partition in wanted), max(partition.end_ns for partition in wanted)
    found: dict[str, FileRow] = {}
    for part in graph.parts(manifest, series.id, start, end):
        if wanted is not None and Partition.parse(part.partition) not in wanted:
            continue
        file = part.file
        if file.partition != part.partition:
            file = dataclasses.replace(
                file,
                partition=part.partition,
                start_ns=part.start_ns,
                end_ns=part.end_ns,
                rows=part.rows,
                first_ns=part.first_ns,
                last_ns=part.last_ns,
                content_hash=part.content_hash,
            )
        found[part.partition] = file
    if any(file.unproven for file in found.values()):
        doubts = manifest.unproven(series.id, manifest.snapshot())
        for label, file in found.items():
            here = tuple(ns for ns in doubts if file.start_ns <= ns < file.end_ns)
            if here != file.unproven:
                found[label] = dataclasses.replace(file, unproven=here)
    return found


@dataclass(slots=True)
class Opened:
    """The sealed months that a write meets; those it changes are taken apart into their days."""

    months: dict[str, FileRow] = field(default_factory=dict)
    """The sealed files, by month."""
    changed: set[str] = field(default_factory=set)
    """The months of which a day changes."""
    copies: dict[tuple[int, str], tuple[FileRow, StagedFile]] = field(default_factory=dict)
    """By sealed file and day: the days that stay as they are, and their files."""

    def meet(
        self, manifest: Manifest, address: Address, settled: list[Settled], removed: list[FileRow]
    ) -> list[FileRow]:
        """Take note of the sealed months that these partitions lie in, as they are now; return the days to be copied.

        Raises:
            Conflict: A day of theirs is not what the partitions were merged with.
        """
        series = manifest.find(address)
        if series is None or address.grain != "day":
            return []
        changed = {s.partition.label for s in settled if s.staged is not None} | {f.partition for f in removed}
        touched = {s.partition.label[:_MONTH] for s in settled} | {label[:_MONTH] for label in changed}
        self.months = manifest.current(series.id, sorted(touched))
        self.changed = {label[:_MONTH] for label in changed} & set(self.months)
        if not self.months:
            return []
        before = {s.partition.label: s.replaces for s in settled} | {f.partition: f for f in removed}
        days: dict[str, FileRow] = {}
        for month in sorted(self.months):
            days |= _days(manifest, address, month)
        lost = [
            (address, label)
            for label, file in before.items()
            if label[:_MONTH] in self.months and _id(file) != _id(days.get(label))
        ]
        if lost:
            raise Conflict(lost)
        return [file for label, file in days.items() if label[:_MONTH] in self.changed and label not in changed]

    def copy(self, intake: Intake, days: list[FileRow]) -> list[StagedFile]:
        """Have a file of each of these days; return the files that are not needed any more."""
        wanted = {(day.id, day.partition): day for day in days}
        fresh = [day for key, day in wanted.items() if key not in self.copies]
        made = {(day.id, day.partition): (day, file) for day, file in zip(fresh, intake.copy(fresh), strict=True)}
        needless = [file for key, (_, file) in self.copies.items() if key not in wanted]
        self.copies = {key: copy for key, copy in self.copies.items() if key in wanted} | made
        return needless

    def around(self, label: str) -> FileRow | None:
        """Return the sealed file that the day lies in."""
        return self.months.get(label[:_MONTH])

    @property
    def staged(self) -> list[StagedFile]:
        """The files of the days that stay as they are."""
        return [file for _, file in self.copies.values()]

    @property
    def gone(self) -> list[FileRow]:
        """The sealed files that are taken apart."""
        return [self.months[month] for month in sorted(self.changed)]


def _days(manifest: Manifest, address: Address, month: str) -> dict[str, FileRow]:
    first = Partition.parse(month)
    return live_files(manifest, address, (Partition(day, "day").label for day in range(first.day, first.end_day)))


def _id(file: FileRow | None) -> int | None:
    return None if file is None else file.id
