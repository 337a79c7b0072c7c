"""Verifying the lake: every file against its SHA-256, every snapshot against the hash chain and the commit log."""

from __future__ import annotations

import fcntl
import hashlib
import os
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from lake import layout, tiers
from lake.config import HOT
from lake.errors import LakeError
from lake.manifest import Manifest, Writer
from schemas.keys import decode, encode, normalise

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from lake.config import Config
    from lake.manifest import FileRow
    from lake.tiers import Tier

    Progress = Callable[[int, int, int], None]
    """Takes files done, files in all, and bytes done."""

_THREADS = 2
_BATCH = 256
_MARK_BATCH = 8_192


@dataclass(frozen=True, slots=True)
class Damage:
    """A file that is not what was stored: what was expected of it and what was found, as `sha256:…` or in words."""

    path: str
    expected: str
    found: str


@dataclass(slots=True)
class Tally:
    """Files of one tier that are as they were stored."""

    files: int = 0
    bytes: int = 0


@dataclass(slots=True)
class VerifyReport:
    """What a verification found; paths are relative to the data root, or follow the name of a tier and a colon."""

    snapshot: int = 0
    files_ok: int = 0
    bytes: int = 0
    tiers: dict[str, Tally] = field(default_factory=dict)
    """The same by tier."""
    files_elsewhere: int = 0
    """Files of tiers that were not asked for."""
    files_skipped: int = 0
    """Files of other parts than the one that was asked for."""
    unavailable: dict[str, int] = field(default_factory=dict)
    """Files that could not be looked at because their tier is not there, by tier."""
    missing: list[str] = field(default_factory=list)
    damaged: list[Damage] = field(default_factory=list)
    chain: list[str] = field(default_factory=list)
    """What is wrong with the manifest itself."""
    orphans: list[str] = field(default_factory=list)
    """Files the manifest does not name, leftover temporary ones among them: no damage."""
    interrupted: list[str] = field(default_factory=list)
    """Commits that began and were never acknowledged: no damage."""

    @property
    def ok(self) -> bool:
        """Whether everything that was to be looked at is there, as it was stored."""
        return not (self.missing or self.damaged or self.chain or self.unavailable)


def verify(
    config: Config,
    *,
    tier: str | None = None,
    part: tuple[int, int] | None = None,
    progress: Progress | None = None,
) -> VerifyReport:
    """Check every file the manifest names, live and superseded, and the manifest itself; repair nothing.

    Files found good are marked as verified now, unless the lake cannot be written to or its manifest is damaged.

    Args:
        config: The lake.
        tier: Only files of this tier; of all unless given.
        part: Only the k-th of n parts of about the same number of files, given as `(k, n)`, k from 1 to n.
        progress: Told of every file.

    Raises:
        LakeError: LAKE_NOT_INITIALISED, MANIFEST_TOO_NEW, or MANIFEST_DAMAGED when nothing in it can be read;
            UNKNOWN_TIER, and USAGE when there is no such part.
    """
    if part is not None and not 1 <= part[0] <= part[1]:
        why = "Parts are counted from 1 to how many there are."
        raise LakeError("USAGE", f"there is no part {part[0]} of {part[1]}", why=why, fix=["1/7 is the first of seven"])
    report = VerifyReport()
    with Manifest.open(config) as manifest:
        _verify_manifest(manifest, report)
        good: list[int] = []
        try:
            work = _Files(manifest, report, tier, part)
            work.verify(good, progress)
            report.orphans += work.orphans()
        except LakeError as error:
            if error.code != "E_MANIFEST_DAMAGED":
                raise
            report.chain.append(f"the files it names cannot be read: {error.message}")
    report.orphans += sorted(_leftovers(config.data))
    if not report.chain:
        _mark(config, good)
    return report


def _verify_manifest(manifest: Manifest, report: VerifyReport) -> None:
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
        self._hot_paths = set(_data_files(self._data)) if only in {None, HOT} else set()
        self._tier_paths = {n: set(t.paths()) for n, t in self._tiers.items() if only in {None, n}}

    def verify(self, good: list[int], progress: Progress | None) -> None:
        """Look at each file that is to be looked at; fill the report and `good`."""
        total = self._manifest.count_files()
        done = 0
        rows = self._manifest.all_files()
        with ThreadPoolExecutor(_THREADS, thread_name_prefix="verify") as pool:
            while batch := list(islice(rows, _BATCH)):
                for file in batch:
                    self._hot_paths.difference_update({file.path, f"{layout.REPLACED}/{file.path}"})
                    for paths in self._tier_paths.values():
                        paths.discard(file.path)
                chosen = [file for file in batch if self._is_wanted(file)]
                done += len(batch) - len(chosen)
                for file, outcome in zip(chosen, pool.map(self._examine, chosen), strict=True):
                    self._note(file, outcome, good)
                    done += 1
                    if progress is not None:
                        progress(done, max(total, done), self._report.bytes)

    def _is_wanted(self, file: FileRow) -> bool:
        if self._only is not None and file.tier != self._only:
            self._report.files_elsewhere += 1
            return False
        if self._part is not None and file.id % self._part[1] != self._part[0] % self._part[1]:
            self._report.files_skipped += 1
            return False
        if file.tier != HOT and file.tier not in self._tiers:
            self._report.unavailable[file.tier] = self._report.unavailable.get(file.tier, 0) + 1
            return False
        return True

    def _note(self, file: FileRow, outcome: Damage | None, good: list[int]) -> None:
        report = self._report
        if outcome is None:
            good.append(file.id)
            report.files_ok += 1
            report.bytes += file.bytes
            tally = report.tiers.setdefault(file.tier, Tally())
            tally.files += 1
            tally.bytes += file.bytes
        elif outcome.found == "":
            report.missing.append(outcome.path)
        else:
            report.damaged.append(outcome)

    def orphans(self) -> list[str]:
        """Return the files that no row of the manifest names."""
        elsewhere = [f"{name}:{path}" for name, paths in self._tier_paths.items() for path in sorted(paths)]
        return sorted(self._hot_paths) + elsewhere

    def _examine(self, file: FileRow) -> Damage | None:
        """Return what is wrong with one file; `found` is empty when it is not there."""
        shown = file.path if file.tier == HOT else f"{file.tier}:{file.path}"
        try:
            with self._open(file) as stream:
                return _wrong(stream, file, shown)
        except (FileNotFoundError, NotADirectoryError):
            moved = self._moved(file)
            return Damage(shown, f"sha256:{file.sha256}", "") if moved is None else self._examine(moved)
        except OSError as error:
            return Damage(shown, f"sha256:{file.sha256}", f"cannot be read: {error.strerror}")

    def _open(self, file: FileRow) -> BinaryIO:
        if file.tier != HOT:
            stream = self._tiers[file.tier].open(file.path)
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


def _wrong(stream: BinaryIO, file: FileRow, shown: str) -> Damage | None:
    digest = hashlib.file_digest(stream, "sha256").hexdigest()  # type: ignore[arg-type]  # any binary file will do
    size = stream.tell()
    if digest != file.sha256:
        return Damage(shown, f"sha256:{file.sha256}", f"sha256:{digest}")
    if size != file.bytes:
        return Damage(shown, f"{file.bytes} bytes", f"{size} bytes")
    return _count(stream, file, shown)


def _count(stream: BinaryIO, file: FileRow, shown: str) -> Damage | None:
    """Compare the rows the manifest counts with those the file does; its bytes are known to be as stored."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    stream.seek(0)
    try:
        rows = pq.read_metadata(stream).num_rows
    except (OSError, pa.ArrowException) as error:
        return Damage(shown, f"{file.rows} rows", f"no Parquet file: {error}")
    return None if rows == file.rows else Damage(shown, f"{file.rows} rows", f"{rows} rows")


def _data_files(data: Path) -> Iterator[str]:
    """Yield every file below the folders of exchanges; what else lies in the data root is not the lake's."""
    tops = [top for base in (data, data / layout.REPLACED) if base.is_dir() for top in sorted(base.iterdir())]
    for top in tops:
        if top.is_dir() and _names_exchange(top.name):
            for folder, _, names in os.walk(top):
                yield from (Path(folder, name).relative_to(data).as_posix() for name in names)


def _names_exchange(name: str) -> bool:
    with suppress(ValueError):
        return encode(normalise(decode(name))) == name
    return False


def _leftovers(data: Path) -> Iterator[str]:
    """Yield the staged files of runs that are dead: the kernel let go of their lock."""
    for lock in (data / layout.STAGING).glob("*/lock"):
        with suppress(OSError), lock.open("rb") as stream:
            fcntl.flock(stream, fcntl.LOCK_SH | fcntl.LOCK_NB)
            yield from (path.relative_to(data).as_posix() for path in lock.parent.iterdir() if path != lock)


def _mark(config: Config, file_ids: list[int]) -> None:
    at_ns = time.time_ns()
    # A lake that cannot be written to can be verified all the same.
    with suppress(LakeError), Writer(config) as writer:
        for start in range(0, len(file_ids), _MARK_BATCH):
            writer.mark_verified(file_ids[start : start + _MARK_BATCH], at_ns)
