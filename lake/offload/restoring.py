"""Restore: files of tiers come back to the data root, hashed on the way; the tiers' copies stay."""

from __future__ import annotations

import hashlib
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import PurePath
from typing import TYPE_CHECKING

from lake import space
from lake import write as writing
from lake.amounts import plural
from lake.config import HOT
from lake.errors import LakeError
from lake.files import StagedFile
from lake.manifest import Manifest, Writer
from lake.manifest.rows import Change, Conflict, NewMove
from lake.offload.model import Finding, MoveReport, Progress, RestoreRequest, batches, turn
from lake.places import Places
from lake.selection import select
from lake.staging import Staging, storage_error
from lake.tiers import sync
from schemas.keys import Partition

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from lake.config import Config
    from lake.manifest.rows import FileRow
    from lake.offload.model import Tell
    from schemas.keys import Address

    Chosen = list[tuple[Address, FileRow]]

_CHUNK = 1 << 20


def restore(config: Config, request: RestoreRequest, progress: Tell | None = None) -> MoveReport:
    """Bring the files of a range back to the data root.

    The tiers keep their copies, so that a later offload has nothing to copy. Stopped at any moment, the next restore
    goes on where it was. A copy that is not what was stored stays where it is, and is reported.

    Args:
        config: The lake.
        request: Which series, and which range of them.
        progress: Told of every batch.

    Raises:
        LakeError: USAGE, UNKNOWN_SERIES for a selection that fits nothing; TIER_UNAVAILABLE, TIER_FOREIGN; LOCKED,
            DISK_FULL, STORAGE.
    """
    with Manifest.open(config) as manifest:
        report = MoveReport(manifest.snapshot())
        names: set[str] = set()
        sizes = []
        missing = 0
        for address, file in _chosen(manifest, request):
            names.add(file.tier)
            sizes.append(file.bytes)
            missing += 0 if (config.data / file.path).exists() else file.bytes
            if request.dry_run:
                report.add(address, file)
    if request.dry_run:
        report.status = "dry_run"
        return report
    places = Places(config)
    for name in sorted(names):
        places.tier(name).check()
    if not sizes:
        return report
    space.require(config, missing, "the restore")
    with (
        turn(config),
        Writer(config) as writer,
        writing.run(writer, "restore", " ".join(["restore", *request.selection])) as run_id,
    ):
        report.run = run_id
        staging = Staging(config.data, run_id)
        try:
            _Restore(config, writer, run_id, staging, places, report, progress).all(request, len(sizes), sum(sizes))
        finally:
            staging.close()
        report.status = "committed" if report.files else "unchanged"
        writer.end_run(run_id, "ok" if report.files or report.findings else "unchanged")
    return report


def _chosen(manifest: Manifest, request: RestoreRequest) -> Iterator[tuple[Address, FileRow]]:
    """Yield the live files of the range that lie in tiers, a series after the other."""
    snapshot = manifest.snapshot()
    for series in select(manifest, request.selection):
        for file in manifest.plan(series.id, request.start_ns, request.end_ns, snapshot):
            if file.tier != HOT and file.to_snapshot is None:
                yield series.address, file


class _Restore:
    """One restore under way."""

    def __init__(
        self,
        config: Config,
        writer: Writer,
        run_id: str,
        staging: Staging,
        places: Places,
        report: MoveReport,
        progress: Tell | None,
    ) -> None:
        self._config, self._writer, self._run_id, self._staging = config, writer, run_id, staging
        self._places, self._report, self._progress = places, report, progress

    def all(self, request: RestoreRequest, total: int, total_bytes: int) -> None:
        """Bring everything chosen back, a batch in one commit."""
        done = size = 0
        with (
            Manifest.open(self._config) as manifest,
            ThreadPoolExecutor(self._config.threads, thread_name_prefix="restore") as self._pool,
        ):
            for batch in batches(_chosen(manifest, request)):
                self._restore(manifest, batch)
                done += len(batch)
                size += sum(file.bytes for _, file in batch)
                if self._progress is not None:
                    self._progress(Progress("copy", str(batch[-1][0]), done, max(total, done), size, total_bytes))

    def _fetch(self, address: Address, file: FileRow) -> StagedFile | Finding | None:
        """Stage a file from its tier; None when its hot copy is still there, and whole."""
        hot = self._config.data / file.path
        with suppress(OSError), hot.open("rb") as stream:
            if hashlib.file_digest(stream, "sha256").hexdigest() == file.sha256:
                # The restore that put it there may have been killed before it was on disk.
                for path in (hot, *hot.parents[: len(PurePath(file.path).parts)]):
                    sync(path)
                return None
        tier = self._places.tier(file.tier)
        temporary = self._staging.path()
        digest = hashlib.sha256()
        try:
            source = tier.open(file.path)
        except (FileNotFoundError, NotADirectoryError):
            tier.check()
            return Finding(file.path, file.tier, "missing", "it was not restored")
        with source:
            try:
                with temporary.open("xb", buffering=0) as copy:
                    while block := source.read(_CHUNK):
                        digest.update(block)
                        view = memoryview(block)
                        while view:
                            view = view[copy.write(view) :]
            except OSError as error:
                tier.check()
                raise storage_error(error, temporary) from error
        if digest.hexdigest() != file.sha256:
            temporary.unlink()
            return Finding(file.path, file.tier, f"sha256:{digest.hexdigest()}", "it was not restored")
        return _staged(address, file, temporary)

    def _restore(self, manifest: Manifest, batch: Chosen) -> None:
        """Stage a batch and commit it; begin again with what is still to be done when another writer was first."""
        deadline = time.monotonic() + self._config.wait_s
        while batch:
            good: Chosen = []
            staged: list[StagedFile] = []
            for each, outcome in zip(batch, self._pool.map(lambda each: self._fetch(*each), batch), strict=True):
                if isinstance(outcome, Finding):
                    self._report.findings.append(outcome)
                    self._report.left["damaged"] += 1
                    continue
                good.append(each)
                staged += [] if outcome is None else [outcome]
            if not good:
                return
            change = Change(self._run_id, "restore", message=plural(len(good), "file"), keeps_content=True)
            change.moves = [NewMove(file.id, HOT) for _, file in good]
            try:
                self._report.snapshot = writing.swap(self._config, self._writer, change, staged, [])
            except Conflict as lost:
                if time.monotonic() > deadline:
                    message = "other writers kept changing the partitions to be restored"
                    raise LakeError("LOCKED", message, where=str(lost)) from None
                batch = self._still_to_do(manifest, good)
                continue
            self._report.reused += len(good) - len(staged)
            for address, file in good:
                self._report.add(address, file)
            return

    def _still_to_do(self, manifest: Manifest, batch: Chosen) -> Chosen:
        ids = {
            live.id
            for series, labels in _labels(batch).items()
            for live in manifest.current(series, labels).values()
            if live.tier != HOT
        }
        self._report.left["changed"] += sum(file.id not in ids for _, file in batch)
        return [(address, file) for address, file in batch if file.id in ids]


def _labels(batch: Chosen) -> dict[int, list[str]]:
    found: dict[int, list[str]] = {}
    for _, file in batch:
        found.setdefault(file.series_id, []).append(file.partition)
    return found


def _staged(address: Address, file: FileRow, temporary: Path) -> StagedFile:
    return StagedFile(
        temporary=temporary,
        path=file.path,
        address=address,
        partition=Partition.parse(file.partition),
        rows=file.rows,
        bytes=file.bytes,
        first_ns=file.first_ns,
        last_ns=file.last_ns,
        sha256=file.sha256,
        content_hash=file.content_hash,
    )
