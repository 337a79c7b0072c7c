"""Verifying the lake: every file against its SHA-256, every snapshot against the hash chain and the commit log."""

from __future__ import annotations

import fcntl
import hashlib
import os
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from lake import layout
from lake.errors import LakeError
from lake.manifest import Manifest, Writer
from schemas.keys import decode, encode, normalise

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from io import BufferedReader

    from lake.config import Config
    from lake.manifest import FileRow

    Progress = Callable[[int, int, int], None]
    """Takes files done, files in all, and bytes done."""

_THREADS = 2
_BATCH = 256
_MARK_BATCH = 8_192
HOT = "hot"


@dataclass(frozen=True, slots=True)
class Damage:
    """A file that is not what was stored: what was expected of it and what was found, as `sha256:…` or in words."""

    path: str
    expected: str
    found: str


@dataclass(slots=True)
class VerifyReport:
    """What a verification found; paths are relative to the data root."""

    snapshot: int = 0
    files_ok: int = 0
    bytes: int = 0
    files_elsewhere: int = 0
    """Files of other tiers than the hot one, which were not looked at."""
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
        """Whether everything that was stored is there, as it was stored."""
        return not (self.missing or self.damaged or self.chain)


def verify(config: Config, *, progress: Progress | None = None) -> VerifyReport:
    """Check every file the manifest names, live and superseded, and the manifest itself; repair nothing.

    Files found good are marked as verified now, unless the lake cannot be written to or its manifest is damaged.

    Raises:
        LakeError: LAKE_NOT_INITIALISED, MANIFEST_TOO_NEW, or MANIFEST_DAMAGED when nothing in it can be read.
    """
    report = VerifyReport()
    on_disk = set(_data_files(config.data))
    with Manifest.open(config) as manifest:
        _verify_manifest(manifest, report)
        good: list[int] = []
        try:
            _verify_files(manifest, report, good, on_disk, progress)
        except LakeError as error:
            if error.code != "E_MANIFEST_DAMAGED":
                raise
            report.chain.append(f"the files it names cannot be read: {error.message}")
    report.orphans = sorted(on_disk) + sorted(_leftovers(config.data))
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


def _verify_files(
    manifest: Manifest, report: VerifyReport, good: list[int], on_disk: set[str], progress: Progress | None
) -> None:
    """Look at each file; fill the report and `good`, and strike from `on_disk` what the manifest names."""
    data = manifest.config.data
    total = manifest.count_files()
    done = 0
    rows = manifest.all_files()
    with ThreadPoolExecutor(_THREADS, thread_name_prefix="verify") as pool:
        while batch := list(islice(rows, _BATCH)):
            for file, outcome in zip(batch, pool.map(lambda file: _examine(data, file), batch), strict=True):
                on_disk.difference_update({file.path, f"{layout.REPLACED}/{file.path}"})
                done += 1
                if file.tier != HOT:
                    report.files_elsewhere += 1
                elif outcome is None:
                    good.append(file.id)
                    report.files_ok += 1
                    report.bytes += file.bytes
                elif outcome.found == "":
                    report.missing.append(file.path)
                else:
                    report.damaged.append(outcome)
                if progress is not None:
                    progress(done, max(total, done), report.bytes)


def _examine(data: Path, file: FileRow) -> Damage | None:
    """Return what is wrong with one file; `found` is empty when it is not there."""
    if file.tier != HOT:
        return None
    expected = f"sha256:{file.sha256}"
    try:
        with _open(data, file.path) as stream:
            size = os.fstat(stream.fileno()).st_size
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
            if digest != file.sha256:
                return Damage(file.path, expected, f"sha256:{digest}")
            if size != file.bytes:
                return Damage(file.path, f"{file.bytes} bytes", f"{size} bytes")
            return _count(stream, file)
    except (FileNotFoundError, NotADirectoryError):
        return Damage(file.path, expected, "")
    except OSError as error:
        return Damage(file.path, expected, f"cannot be read: {error.strerror}")


def _open(data: Path, path: str) -> BufferedReader:
    """Open a file by its name, or where replaced ones go: a writer may move it at any time, in that direction only."""
    try:
        return (data / path).open("rb")
    except (FileNotFoundError, NotADirectoryError):
        return (data / layout.REPLACED / path).open("rb")


def _count(stream: BufferedReader, file: FileRow) -> Damage | None:
    """Compare the rows the manifest counts with those the file does; its bytes are known to be as stored."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    stream.seek(0)
    try:
        rows = pq.read_metadata(stream).num_rows
    except (OSError, pa.ArrowException) as error:
        return Damage(file.path, f"{file.rows} rows", f"no Parquet file: {error}")
    return None if rows == file.rows else Damage(file.path, f"{file.rows} rows", f"{rows} rows")


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
