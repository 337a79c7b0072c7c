"""Vacuum: the bytes of files that no snapshot needs any more, and of files that no snapshot ever had, are given back.

Files are marked in a commit first and unlinked after it. What a killed vacuum leaves is named by nothing any more, so
the next one finds it as it finds what killed writers left.
"""

from __future__ import annotations

import os
import time
from contextlib import nullcontext, suppress
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from lake import files, layout, leases, tiers
from lake import write as writing
from lake.amounts import plural
from lake.errors import LakeError
from lake.manifest import Change, Manifest, Writer, forgetting
from lake.manifest.moments import last_at
from lake.manifest.rows import Conflict
from lake.staging import quiet, storage_error, tiers_turn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from lake.config import Config
    from lake.manifest.rows import FileRow
    from lake.tiers import Tier

GRACE_S = 3600.0
COMMIT_FILES = 20_000
"""Files that one commit marks."""


@dataclass(frozen=True, slots=True)
class VacuumRequest:
    """How long ago a file must have come out of use."""

    grace_s: float = GRACE_S
    force: bool = False
    dry_run: bool = False


@dataclass(slots=True)
class Weight:
    """Some files, and their bytes."""

    files: int = 0
    bytes: int = 0

    def add(self, size: int) -> None:
        """Count one more."""
        self.files += 1
        self.bytes += size


@dataclass(slots=True)
class VacuumReport:
    """What a vacuum gave back, or would; paths are relative to the data root, or follow a tier's name and a colon."""

    before: int
    snapshot: int
    run: str | None = None
    status: Literal["committed", "unchanged", "dry_run"] = "unchanged"
    reclaimed: Weight = field(default_factory=Weight)
    """Files that forgotten snapshots had."""
    orphans: Weight = field(default_factory=Weight)
    """Files that the manifest never named, or names no more."""
    needed: Weight = field(default_factory=Weight)
    """Replaced files that snapshots need."""
    young: Weight = field(default_factory=Weight)
    """Files that wait for their grace, orphans among them."""
    leased: Weight = field(default_factory=Weight)
    """Files that somebody is reading, or may."""
    busy: Weight = field(default_factory=Weight)
    """Files that the manifest does not name, which may belong to a run under way, or to a commit that was cut short."""
    unavailable: list[str] = field(default_factory=list)
    """Tiers that are not there: what lies in them waits."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far it is: what is being done, and how many files of how many are done."""

    phase: Literal["check", "remove"]
    done: int
    total: int


@dataclass(frozen=True, slots=True)
class _Orphan:
    path: str
    bytes: int
    tier: Tier | None


def vacuum(
    config: Config,
    request: VacuumRequest,
    progress: Callable[[Progress], None] = lambda _at: None,
    *,
    now_ns: int | None = None,
) -> VacuumReport:
    """Give back the bytes that nobody can reach any more.

    A replaced file goes when every snapshot that had it is forgotten, both longer ago than the grace, and nobody has a
    lease on one of them. A file the manifest does not name goes when it is older than the grace and no run is under way
    whose it may be. Nothing goes while the manifest does not agree with its own hashes and the commit log. The rows of
    files stay. Stopped at any moment, the next vacuum goes on where it was.

    Args:
        config: The lake.
        request: The grace.
        progress: Told how far it is.
        now_ns: The time by which a grace is over; the clock's unless given.

    Raises:
        LakeError: GRACE for a grace under an hour, unless it is forced; MANIFEST_DAMAGED; LOCKED, DISK_FULL, STORAGE.
    """
    if request.grace_s < GRACE_S and not request.force:
        raise LakeError("GRACE", f"a grace of {request.grace_s:g} s is under an hour", fix=["--grace 1h", "--force"])
    now = time.time_ns() if now_ns is None else now_ns
    work = _Vacuum(config, request, now - int(request.grace_s * 10**9), progress)
    with nullcontext() if request.dry_run else tiers_turn(config.data, config.wait_s):
        work.run()
    return work.report


class _Vacuum:
    """One vacuum under way."""

    def __init__(
        self, config: Config, request: VacuumRequest, before_ns: int, progress: Callable[[Progress], None]
    ) -> None:
        self._config, self._request, self._before_ns, self._progress = config, request, before_ns, progress
        self.report = VacuumReport(0, 0)
        self._tiers: list[Tier] = []

    def run(self) -> None:
        config, report = self._config, self.report
        # What lies there is listed first, then it is asked who is at work, and only then which files are known: a file
        # that was listed belongs to a run that is at work still, or has its place in the manifest, or is nobody's.
        with Manifest.open(config) as manifest:
            report.before = report.snapshot = manifest.snapshot()
            self._find_tiers(manifest)
            found = self._listed()
            dry = self._request.dry_run
            with quiet(config.data, clean=not dry, looking=dry) as is_quiet:
                pass
            planned = Weight()
            for file in self._reclaimable(manifest, report):
                planned.add(file.bytes)
            orphans = self._orphans(manifest, found, is_quiet=is_quiet)
            if self._request.dry_run:
                report.status, report.reclaimed = "dry_run", planned
                for orphan in orphans:
                    report.orphans.add(orphan.bytes)
                return
            if not planned.files and not orphans:
                return
            self._refuse_damage(manifest)
        with (
            Writer(config) as writer,
            writing.run(writer, "vacuum", f"vacuum --grace {self._request.grace_s:g}s") as run,
        ):
            report.run = run
            total = planned.files + len(orphans)
            with Manifest.open(config) as manifest:
                todo = self._reclaimable(manifest, VacuumReport(0, 0))
                while batch := list(islice(todo, COMMIT_FILES)):
                    self._reclaim(writer, run, batch, total)
            for orphan in orphans:
                self._remove_orphan(orphan, total)
            self._remove_empty_folders()
            report.status = "committed" if report.reclaimed.files else "unchanged"
            writer.end_run(run, "ok")

    def _find_tiers(self, manifest: Manifest) -> None:
        for name, tier in sorted(tiers.known(self._config, manifest).items()):
            try:
                tier.check()
            except LakeError:
                self.report.unavailable.append(name)
            else:
                self._tiers.append(tier)

    def _refuse_damage(self, manifest: Manifest) -> None:
        """Refuse to take the word of a manifest that was changed by anything but a commit."""
        self._progress(Progress("check", 0, 0))
        wrong = manifest.check_integrity() or manifest.check_chain()
        if wrong:
            why = "Files that are needed could be taken for files that are not."
            raise LakeError("MANIFEST_DAMAGED", wrong[0], where=str(self._config.manifest), why=why)

    # ---- what goes

    def _reclaimable(self, manifest: Manifest, report: VacuumReport) -> Iterator[FileRow]:
        """Yield the files that nobody can reach any more, and whose grace is over; count the others in a report."""
        # In this order: who takes a lease asks afterwards whether the snapshot was forgotten.
        forgotten, long_ago = forgetting.expired(manifest), forgetting.expired(manifest, self._before_ns)
        held = forgetting.Spans(leases.held(self._config))
        last = last_at(manifest, self._before_ns)
        for file in forgetting.out_of_use(manifest):
            first, end = file.from_snapshot, file.to_snapshot or 0
            if not forgotten.covers(first, end - 1):
                report.needed.add(file.bytes)
            elif held.meets(first, end - 1):
                report.leased.add(file.bytes)
            elif end > last or not long_ago.covers(first, end - 1):
                report.young.add(file.bytes)
            else:
                yield file

    def _listed(self) -> dict[str, set[str]]:
        """Return the files that lie in each place, by the place's name; those of the data root under ""."""
        data = self._config.data
        found = {"": {path for path in layout.data_files(data) if layout.is_ours(path.rpartition("/")[2])}}
        for tier in self._tiers:
            if not self._request.dry_run:
                tier.sweep()
            found[tier.name] = {path for path in tier.paths() if layout.is_ours(path.rpartition("/")[2])}
        return found

    def _orphans(self, manifest: Manifest, found: dict[str, set[str]], *, is_quiet: bool) -> list[_Orphan]:
        """Return the files that the manifest does not name and that are nobody's."""
        for file in manifest.all_files():
            found[""].discard(file.path)
            found[""].discard(f"{layout.REPLACED}/{file.path}")
            for tier in self._tiers:
                found[tier.name].discard(file.path)
        # Those that are about to be reclaimed have rows still, and were left out with them. Of a commit that the log
        # has and the manifest has not, it is not known for sure that it was interrupted.
        unsettled = manifest.unsettled_paths()
        orphans = []
        places: list[tuple[Tier | None, str]] = [(None, ""), *((tier, tier.name) for tier in self._tiers)]
        for place, name in places:
            for path in sorted(found[name]):
                local = self._config.data / path if place is None else place.local(path)
                try:
                    stat = None if local is None else local.stat()
                except OSError:  # it went, or moved, meanwhile
                    continue
                if stat is None:
                    continue
                if max(stat.st_mtime_ns, stat.st_ctime_ns) > self._before_ns:
                    self.report.young.add(stat.st_size)
                elif place is None and (not is_quiet or path in unsettled):
                    self.report.busy.add(stat.st_size)
                else:
                    orphans.append(_Orphan(path, stat.st_size, place))
        return orphans

    # ---- going

    def _reclaim(self, writer: Writer, run: str, batch: list[FileRow], total: int) -> None:
        change = Change(run, "vacuum", message=f"{plural(len(batch), 'file')} given back")
        change.reclaimed = forgetting.spans_of(file.id for file in batch)
        try:
            self.report.snapshot = writer.commit(change)
        except Conflict as error:  # the turn is ours: nobody else gives files back
            raise LakeError("UNEXPECTED", "another vacuum gave back the same files") from error
        for file in batch:
            hot = (self._config.data / file.path, files.retired(self._config.data, file.path))
            self._unlink(*hot)
            for tier in self._tiers:
                _remove(tier, file.path)
            self.report.reclaimed.add(file.bytes)
        self._progress(Progress("remove", self.report.reclaimed.files, total))

    def _remove_orphan(self, orphan: _Orphan, total: int) -> None:
        if orphan.tier is None:
            self._unlink(self._config.data / orphan.path)
        else:
            _remove(orphan.tier, orphan.path)
        self.report.orphans.add(orphan.bytes)
        self._progress(Progress("remove", self.report.reclaimed.files + self.report.orphans.files, total))

    def _unlink(self, *paths: Path) -> None:
        # In this order: a file that is being replaced moves from the first place to the second.
        try:
            for path in paths:
                path.unlink(missing_ok=True)
        except NotADirectoryError:
            pass
        except OSError as error:
            raise storage_error(error, self._config.data) from error

    def _remove_empty_folders(self) -> None:
        """Remove the folders that hold nothing any more, when no run may be about to put a file there."""
        data = self._config.data
        with quiet(data, clean=True) as is_quiet:
            if is_quiet:
                for base in (data / layout.REPLACED, data):
                    _remove_empty(top for top in _folders(base) if layout.names_exchange(top.name))


def _remove(tier: Tier, path: str) -> None:
    """Remove a file from a tier; a tier keeps to itself why it could not."""
    tier.remove(path)
    if tier.size(path) is not None:
        raise LakeError("STORAGE", f"tier {tier.name} did not let go of {path}", where=tier.location)


def _folders(base: Path) -> list[Path]:
    return [path for path in base.iterdir() if path.is_dir() and not path.is_symlink()] if base.is_dir() else []


def _remove_empty(tops: Iterable[Path]) -> None:
    for top in tops:
        for folder, _, _ in os.walk(top, topdown=False):
            with suppress(OSError):  # it holds something
                Path(folder).rmdir()
