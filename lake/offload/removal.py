"""Hot copies of files that lie in a tier: they go when their grace is over and the tier's copy was hashed once more."""

from __future__ import annotations

import hashlib
import time
from contextlib import suppress
from itertools import islice
from typing import TYPE_CHECKING

from lake import files
from lake.amounts import plural
from lake.config import HOT
from lake.errors import LakeError
from lake.manifest import Manifest
from lake.manifest.rows import Change, Conflict, NewMove
from lake.manifest.tiers import due, due_size, waiting
from lake.offload.model import Finding, Progress
from lake.places import Places
from lake.staging import storage_error
from lake.tiers import sync

if TYPE_CHECKING:
    from pathlib import Path

    from lake.config import Config
    from lake.manifest import Writer
    from lake.manifest.rows import FileRow
    from lake.offload.model import MoveReport, Tell
    from lake.tiers import Tier

_CHUNK = 256


class Removal:
    """Removes hot copies; the caller has the turn, the writer and a run."""

    def __init__(
        self, config: Config, writer: Writer, run_id: str, report: MoveReport, progress: Tell | None = None
    ) -> None:
        """Take what the run works with."""
        self._config, self._writer, self._run_id = config, writer, run_id
        self._report, self._progress = report, progress
        self._places = Places(config)
        self._there: dict[str, Tier | None] = {}

    def due(self, grace_s: float, now_ns: int | None = None) -> None:
        """Remove every hot copy whose grace is over and whose file is whole in its tier.

        A file whose copy in the tier is not what was stored becomes a hot file again.
        """
        now = time.time_ns() if now_ns is None else now_ns
        before = now - int(grace_s * 10**9)
        done = bytes_done = 0
        with Manifest.open(self._config) as manifest:
            every = due_size(manifest, before)
            todo = due(manifest, before)
            while chunk := list(islice(todo, _CHUNK)):
                self._remove([file for file in chunk if self._tier(file) is not None])
                done += len(chunk)
                bytes_done += sum(file.bytes for file in chunk)
                if self._progress is not None:
                    self._progress(Progress("remove", "", done, every.files, bytes_done, every.bytes))

    def _tier(self, file: FileRow) -> Tier | None:
        """Return a file's tier if it is there; say so once if it is not."""
        if file.tier not in self._there:
            try:
                tier = self._places.tier(file.tier)
                tier.check()
                self._there[file.tier] = tier
            except LakeError as error:
                self._there[file.tier] = None
                self._report.findings.append(Finding("", file.tier, error.message, "hot copies stay"))
        return self._there[file.tier]

    def _remove(self, chunk: list[FileRow]) -> None:
        gone: list[int] = []
        back: list[FileRow] = []
        for file in chunk:
            wrong = self._wrong(file)
            if wrong is None:
                self._unlink(file)
                gone.append(file.id)
                self._report.removed_files += 1
                self._report.removed_bytes += file.bytes
                continue
            done = "and the hot copy is no better"
            if self._hot_is_whole(file):
                done = "the replaced hot copy stays" if file.to_snapshot else "the file is hot again"
                back += [] if file.to_snapshot else [file]
            self._report.findings.append(Finding(file.path, file.tier, wrong, done))
        if gone:
            # Else a power cut could bring copies back that nobody knows of any more.
            self._settle([file for file in chunk if file.id in set(gone)])
            self._writer.mark_hot_gone(gone)
        if back:
            self._bring_back(back)

    def _wrong(self, file: FileRow) -> str | None:
        """Hash the tier's copy; return what is wrong with it."""
        tier = self._tier(file)
        if tier is None:
            return "not there"
        try:
            digest = tier.sha256(file.path)
        except (FileNotFoundError, NotADirectoryError):
            tier.check()
            return "missing"
        except OSError as error:
            tier.check()
            return f"cannot be read: {error.strerror}"
        return None if digest == file.sha256 else f"sha256:{digest}"

    def _copies(self, file: FileRow) -> tuple[Path, Path]:
        return self._config.data / file.path, files.retired(self._config.data, file.path)

    def _hot_is_whole(self, file: FileRow) -> bool:
        for path in self._copies(file):
            with suppress(OSError), path.open("rb") as stream:
                return hashlib.file_digest(stream, "sha256").hexdigest() == file.sha256
        return False

    def _unlink(self, file: FileRow) -> None:
        # In this order: a file that is replaced meanwhile moves from the first place to the second.
        try:
            for path in self._copies(file):
                path.unlink(missing_ok=True)
        except NotADirectoryError:
            pass
        except OSError as error:
            raise storage_error(error, self._config.data) from error

    def _settle(self, removed: list[FileRow]) -> None:
        try:
            for folder in sorted({path.parent for file in removed for path in self._copies(file)}):
                with suppress(FileNotFoundError, NotADirectoryError):
                    sync(folder)
        except OSError as error:
            raise storage_error(error, self._config.data) from error

    def _bring_back(self, back: list[FileRow]) -> None:
        """Make files hot again; those that are live no more lie among the replaced ones, and are found there."""
        while back:
            change = Change(
                self._run_id,
                "offload",
                message=f"{plural(len(back), 'file')} hot again: damaged in the tier",
            )
            change.keeps_content = True
            change.moves = [NewMove(file.id, HOT) for file in back]
            try:
                self._report.snapshot = self._writer.commit(change)
            except Conflict:
                with Manifest.open(self._config) as manifest:
                    back = [file for file in back if _is_live(manifest, file)]
                continue
            for file in back:
                tier = self._tier(file)
                if tier is not None:
                    tier.remove(file.path)
            return


def _is_live(manifest: Manifest, file: FileRow) -> bool:
    found = manifest.current(file.series_id, [file.partition]).get(file.partition)
    return found is not None and found.id == file.id


def count_waiting(manifest: Manifest, report: MoveReport, grace_s: float) -> None:
    """Tell how many hot copies wait for their grace, and until when."""
    left = waiting(manifest).values()
    report.waiting_files, report.waiting_bytes = sum(w.files for w in left), sum(w.bytes for w in left)
    report.first_due_ns = min((w.first_moved_ns + int(grace_s * 10**9) for w in left), default=None)
    report.due_ns = max((w.moved_ns + int(grace_s * 10**9) for w in left), default=None)
