"""Verifying the lake: every file against its SHA-256, every snapshot against the hash chain and the commit log."""

from __future__ import annotations

import fcntl
import hashlib
import os
import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING, BinaryIO

from lake import layout, tiers
from lake.config import HOT
from lake.errors import LakeError
from lake.findings import GIVEN_BACK, Budget, Damage, Tally, VerifyReport
from lake.layout import READ_ONLY
from lake.manifest import Manifest, forgetting, verified

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from concurrent.futures import Future
    from pathlib import Path

    from lake.config import Config
    from lake.manifest import FileRow
    from lake.tiers import Tier

    Progress = Callable[[int, int, int], None]
    """Takes files done, files in all, and bytes done."""
    _Seen = list[tuple[str, "Damage | None"]]
    """What is wrong with each copy of a file that was looked at, with its tier."""

__all__ = ["Budget", "Damage", "Tally", "VerifyReport", "verify", "verify_manifest"]

_THREADS = 2
_BATCH = 256
_GROUP_BYTES = 8_000_000
"""About how many bytes a thread takes at a time; a budget is looked at between two of these."""
_AHEAD = 2
"""Groups that wait for a thread, beside those that are being hashed."""
_MARK_EVERY_S = 30.0
"""How often what was found good is written down, so that a long run that is stopped goes on next time."""


@dataclass(frozen=True, slots=True)
class _Look:
    """What is to be looked at of one file."""

    file: FileRow
    own: bool
    """Whether the copy in the tier that the file is read from is."""
    spare: tuple[str, ...]
    """The other places with a copy to look at: a hot one in its grace, one that a restore left in a tier. Reads use
    whichever is there."""

    @property
    def bytes(self) -> int:
        """The bytes that are to be hashed."""
        return self.file.bytes * (self.own + len(self.spare))


def verify(
    config: Config,
    *,
    tier: str | None = None,
    part: tuple[int, int] | None = None,
    budget: Budget | None = None,
    progress: Progress | None = None,
) -> VerifyReport:
    """Check every file the manifest names, live and superseded, and the manifest itself; repair nothing.

    Every copy of a file is hashed that a read may use, those besides the one the manifest names too. Files found good
    are marked as verified now, unless the lake cannot be written to or its manifest is damaged. The manifest and its
    log are always checked whole.

    Args:
        config: The lake.
        tier: Only copies in this tier; in all unless given.
        part: Only the k-th of n parts of about the same number of files, given as `(k, n)`, k from 1 to n.
        budget: Stop when it is spent. Files that were never verified come first, then those verified longest ago;
            among equals the live ones. Of a tier alone, copies of files that are read from another one come last.
        progress: Told of every file.

    Raises:
        LakeError: LAKE_NOT_INITIALISED, MANIFEST_TOO_NEW, or MANIFEST_DAMAGED when nothing in it can be read;
            UNKNOWN_TIER, and USAGE when there is no such part.
    """
    if part is not None and not 1 <= part[0] <= part[1]:
        why = "Parts are counted from 1 to how many there are."
        raise LakeError("USAGE", f"there is no part {part[0]} of {part[1]}", why=why, fix=["1/7 is the first of seven"])
    begun = time.monotonic()
    report = VerifyReport()
    with Manifest.open(config) as manifest:
        verify_manifest(manifest, report)
        try:
            work = _Files(manifest, report, tier, part)
            work.verify(budget, begun, progress)
            report.orphans += work.orphans()
            report.oldest_ns = verified.oldest_ns(manifest, tier)
        except LakeError as error:
            if error.code != "E_MANIFEST_DAMAGED":
                raise
            report.chain.append(f"the files it names cannot be read: {error.message}")
    report.orphans += sorted(_leftovers(config.data))
    return report


def verify_manifest(manifest: Manifest, report: VerifyReport) -> None:
    """Check the manifest against its hash chain and its log, and fill in what the report says of these."""
    try:
        report.snapshot = manifest.snapshot()
        report.chain += manifest.check_integrity()
        examined = manifest.chain_report()
    except LakeError as error:
        if error.code != "E_MANIFEST_DAMAGED":
            raise
        report.chain.append(error.message)
    else:
        report.chain += examined.findings
        report.interrupted += examined.interrupted


class _Files:
    """The files of one verification: which are to be looked at, and what was seen of the others."""

    def __init__(
        self, manifest: Manifest, report: VerifyReport, only: str | None, part: tuple[int, int] | None
    ) -> None:
        self._manifest, self._report, self._only, self._part = manifest, report, only, part
        self._data = manifest.config.data
        known = tiers.known(manifest.config, manifest)
        if only is not None and only != HOT and only not in known:
            raise LakeError("UNKNOWN_TIER", f"there is no tier {only!r}", where=str(manifest.config.root))
        self._tiers: dict[str, Tier] = {}
        for name, tier in known.items():
            with suppress(LakeError):
                tier.check()
                self._tiers[name] = tier
        self._paths = {HOT: set(layout.data_files(self._data))} if only in {None, HOT} else {}
        self._paths |= {n: set(t.paths()) for n, t in self._tiers.items() if only in {None, n}}
        """What lies in each place and was not met in the manifest yet."""
        self._spare: dict[int, tuple[str, ...]] = {}
        self._good: list[int] = []
        self._marked = time.monotonic()

    def verify(self, budget: Budget | None, begun: float, progress: Progress | None) -> None:
        """Look at each file that is to be looked at, as far as the budget goes; fill the report."""
        total = self._manifest.count_files()
        done = 0
        under_way: deque[tuple[list[_Look], Future[list[_Seen]]]] = deque()

        def settle(most: int) -> None:
            nonlocal done
            while len(under_way) > most:
                group, future = under_way.popleft()
                for look, seen in zip(group, future.result(), strict=True):
                    self._note(look, seen)
                    done += 1
                    if progress is not None:
                        progress(done, max(total, done), self._report.bytes)
                if time.monotonic() - self._marked >= _MARK_EVERY_S:
                    self._mark()

        try:
            with ThreadPoolExecutor(_THREADS, thread_name_prefix="verify") as pool:
                for group in self._groups(budget, begun):
                    under_way.append((group, pool.submit(self._examine_all, group)))
                    settle(_THREADS + _AHEAD)
                settle(0)
        finally:
            self._mark()

    def _groups(self, budget: Budget | None, begun: float) -> Iterator[list[_Look]]:
        """Yield the files that are to be looked at, about as many bytes at a time."""
        group: list[_Look] = []
        held = spent = 0
        over = False
        for look in self._looks(ordered=budget is not None):
            over = over or (budget is not None and _is_spent(budget, spent, time.monotonic() - begun))
            if over:
                self._report.files_left += 1
                continue
            group.append(look)
            held += look.bytes
            spent += look.bytes
            if held >= _GROUP_BYTES or len(group) >= _BATCH:
                yield group
                group, held = [], 0
        yield group

    def _looks(self, *, ordered: bool) -> Iterator[_Look]:
        """Yield what is to be looked at, as `_candidates` come; in order, spare copies alone come last.

        Those are not marked as verified by it, and would be the first ones every time.
        """
        later: list[_Look] = []
        for file in self._candidates(ordered=ordered):
            look = self._look(file)
            if look is not None and ordered and not look.own:
                later.append(look)
            elif look is not None:
                yield look
        yield from later

    def _candidates(self, *, ordered: bool) -> Iterator[FileRow]:
        """Yield all files, as they come or by when they were last verified; note which paths are known."""
        if ordered:
            # A commit may add files while this runs; their paths are known all the same, before the others are read.
            self._know(self._manifest.all_files())
            yield from verified.by_age(self._manifest)
            return
        rows = self._manifest.all_files()
        while batch := list(islice(rows, _BATCH)):
            self._know(batch)
            yield from batch

    def _know(self, rows: Iterable[FileRow]) -> None:
        for file in rows:
            places = []
            for place, paths in self._paths.items():
                count = len(paths)
                paths.discard(file.path)
                if place == HOT:
                    paths.discard(f"{layout.REPLACED}/{file.path}")
                if len(paths) < count and place != file.tier:
                    places.append(place)
            if places:
                self._spare[file.id] = tuple(places)

    def _mark(self) -> None:
        """Record what was found good; a lake that cannot be written to can be verified all the same."""
        good, self._good, self._marked = self._good, [], time.monotonic()
        if good and not self._report.chain:
            with suppress(LakeError):
                verified.mark(self._manifest.config, good, time.time_ns())

    def _look(self, file: FileRow) -> _Look | None:
        """Return what is to be looked at of a file; count it where nothing is."""
        spare = self._spare.pop(file.id, ())
        own = self._only in {None, file.tier}
        if not own and not spare:
            self._report.files_elsewhere += 1
            return None
        if self._part is not None and file.id % self._part[1] != self._part[0] % self._part[1]:
            self._report.files_skipped += 1
            return None
        if own and file.tier != HOT and file.tier not in self._tiers:
            self._report.unavailable[file.tier] = self._report.unavailable.get(file.tier, 0) + 1
            own = False
        return _Look(file, own, spare) if own or spare else None

    def _note(self, look: _Look, seen: _Seen) -> None:
        report, file = self._report, look.file
        for place, outcome in seen:
            if outcome is GIVEN_BACK:
                continue
            if outcome is None:
                tally = report.tiers.setdefault(place, Tally())
                tally.files += 1
                tally.bytes += file.bytes
            elif outcome.found == "":
                report.missing.append(outcome.path)
            else:
                report.damaged.append(outcome)
        if not seen or any(outcome is not None for _, outcome in seen):
            return
        if look.own:
            self._good.append(file.id)
        if look.own or self._only is not None:  # else the tier that it is read from is not there
            report.files_ok += 1
            report.bytes += file.bytes

    def orphans(self) -> list[str]:
        """Return the files that no row of the manifest names."""
        return [_shown(path, place) for place, paths in self._paths.items() for path in sorted(paths)]

    def _examine_all(self, group: list[_Look]) -> list[_Seen]:
        return [self._examine_copies(look) for look in group]

    def _examine_copies(self, look: _Look) -> _Seen:
        """Return what is wrong with each copy; one that went since the places were listed is left out."""
        seen = [(look.file.tier, self._examine(look.file))] if look.own else []
        for place in look.spare:
            with suppress(FileNotFoundError, NotADirectoryError):
                seen.append((place, self._hashed(look.file, place)))
        return seen

    def _examine(self, file: FileRow) -> Damage | None:
        """Return what is wrong with one file; `found` is empty when it is not there."""
        try:
            return self._hashed(file, file.tier)
        except (FileNotFoundError, NotADirectoryError):
            if not forgetting.has_bytes(self._manifest, file.id):  # a vacuum ran meanwhile
                return GIVEN_BACK
            moved = self._moved(file)
            if moved is not None:
                return self._examine(moved)
            return Damage(_shown(file.path, file.tier), f"sha256:{file.sha256}", "")

    def _hashed(self, file: FileRow, place: str) -> Damage | None:
        """Return what is wrong with the copy of a file in a place; FileNotFoundError when there is none."""
        shown = _shown(file.path, place)
        try:
            with self._open(file, place) as stream:
                wrong = _wrong(stream, file, shown)
                if wrong is None and place == HOT:
                    _protect(stream)
                return wrong
        except (FileNotFoundError, NotADirectoryError):
            raise
        except OSError as error:
            return Damage(shown, f"sha256:{file.sha256}", f"cannot be read: {error.strerror}")

    def _open(self, file: FileRow, place: str) -> BinaryIO:
        if place != HOT:
            stream = self._tiers[place].open(file.path)
            # What was just copied there shall be read from the disk, not from memory.
            with suppress(OSError, AttributeError):
                os.posix_fadvise(stream.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
            return stream
        # By its name, or where replaced ones go: a writer may move it at any time, in that direction only.
        try:
            return (self._data / file.path).open("rb")
        except (FileNotFoundError, NotADirectoryError):
            return (self._data / layout.REPLACED / file.path).open("rb")

    def _moved(self, file: FileRow) -> FileRow | None:
        """Return a hot file as it is now, when it was offloaded or restored since its row was read."""
        now = self._manifest.current(file.series_id, [file.partition]).get(file.partition)
        if now is None or now.id != file.id or now.tier == file.tier:
            return None
        return replace(file, tier=now.tier) if now.tier == HOT or now.tier in self._tiers else None


def _shown(path: str, place: str) -> str:
    return path if place == HOT else f"{place}:{path}"


def _wrong(stream: BinaryIO, file: FileRow, shown: str) -> Damage | None:
    digest = hashlib.file_digest(stream, "sha256").hexdigest()  # type: ignore[arg-type]  # any binary file will do
    size = stream.tell()
    if digest != file.sha256:
        return Damage(shown, f"sha256:{file.sha256}", f"sha256:{digest}")
    if size != file.bytes:
        return Damage(shown, f"{file.bytes} bytes", f"{size} bytes")
    return None


def _protect(stream: BinaryIO) -> None:
    """Mark a file as committed, if it is not: its run may have been killed just after the commit."""
    with suppress(OSError):
        if os.fstat(stream.fileno()).st_mode & 0o777 != READ_ONLY:
            os.fchmod(stream.fileno(), READ_ONLY)


def _is_spent(budget: Budget, spent: int, seconds: float) -> bool:
    return (budget.bytes is not None and spent >= budget.bytes) or (
        budget.seconds is not None and seconds >= budget.seconds
    )


def _leftovers(data: Path) -> Iterator[str]:
    """Yield the staged files of runs that are dead: the kernel let go of their lock."""
    for lock in (data / layout.STAGING).glob("*/lock"):
        with suppress(OSError), lock.open("rb") as stream:
            fcntl.flock(stream, fcntl.LOCK_SH | fcntl.LOCK_NB)
            yield from (path.relative_to(data).as_posix() for path in lock.parent.iterdir() if path != lock)
