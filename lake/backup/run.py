"""Taking a backup: the manifest first, then every file it names, and the manifest put in place last.

What a writer does meanwhile is in the next backup. Until the new manifest is in place the folder holds the backup
before, whole; files that only that one needs are removed afterwards.
"""

from __future__ import annotations

import os
import time
from array import array
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from lake import layout, leases, places, space, tiers
from lake.backup import model
from lake.backup.model import BackupReport, refused
from lake.backup.settings import absolute, carry_over, stored_tiers
from lake.backup.shelves import Shelves, Shelving, needed
from lake.config import LOG, MANIFEST_NAME, Config
from lake.errors import LakeError
from lake.manifest import Manifest, copying, forgetting
from lake.manifest.log import entries, make_folder
from lake.manifest.tiers import lake_id
from lake.staging import alone, storage_error
from lake.tiers import DirectoryTier, Tier, sync

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from lake.backup.model import Tell
    from lake.manifest.copying import Head
    from lake.manifest.rows import FileRow

_ATTEMPTS = 5
_CHUNK = 1 << 20
_NO_HINDRANCE = {".turns", "lost+found"}


def backup(
    config: Config, folder: str | Path, *, with_tiers: bool = True, rehash: bool = False, tell: Tell | None = None
) -> BackupReport:
    """Copy the lake into a folder, where it is a lake by itself; only what is not there yet is copied.

    Stopped at any moment, the folder holds the backup before, or says that it is not whole yet; the next run goes on.

    Args:
        config: The lake; it may be written to meanwhile.
        folder: An empty or a new folder, or one that holds a backup of this lake.
        with_tiers: Whether the files of other tiers are copied too.
        rehash: Whether files of the backup before are hashed again; one that is rotten is copied anew.
        tell: Told how far it is.

    Raises:
        LakeError: BACKUP for a folder that holds other things; TIER_UNAVAILABLE; LOCKED while another backup is taken
            there; DISK_FULL, STORAGE.
    """
    target = absolute(folder)
    with Manifest.open(config) as manifest:
        _refuse_inside(config, tiers.known(config, manifest), target)
        _refuse_foreign(manifest, target)
        size = config.manifest.stat().st_size + copying.head(manifest).log_end
    space.require_in(target, size, "the backup")
    try:
        make_folder(target)
    except OSError as error:
        raise storage_error(error, target) from error
    # A reader of everything: nothing that the copied manifest names is given back before it is copied.
    with alone(target, "this backup", config.wait_s), leases.since(config, 0):
        with Manifest.open(config) as manifest:
            _refuse_foreign(manifest, target)
            settled = not (target / model.UNFINISHED).exists()
            _complete(target)
            model.write_card(target, {"lake": lake_id(manifest)}, model.UNFINISHED)
        for left in reversed(range(_ATTEMPTS)):
            try:
                ways = _Ways(with_tiers=with_tiers, rehash=rehash, settled=settled)
                return _Backup(config, target, ways, tell).take()
            except _Reclaimed:
                settled = False
                if not left:
                    raise LakeError("LOCKED", "files kept being given back", where=str(config.data)) from None
    raise AssertionError


class _Reclaimed(Exception):  # noqa: N818 -- an outcome to act on
    """A vacuum that had begun before this backup gave a file back: the manifest is copied anew."""


def _refuse_inside(config: Config, known: dict[str, Tier], target: Path) -> None:
    """Refuse a folder that would be copied into itself, or that the lake's own files would lie in."""
    there = target.resolve()
    own = {"the lake's data": config.data, **{f"tier {name}": absolute(t.location) for name, t in known.items()}}
    for name, place in own.items():
        lies = place.resolve()
        if there.is_relative_to(lies) or lies.is_relative_to(there):
            raise refused(f"the folder for the backup and {name} lie in each other", target, "name another folder")
    if there in {config.root.resolve(), config.manifest.parent.resolve()}:
        raise refused("the folder for the backup is the lake's own", target, "name another folder")


def _refuse_foreign(manifest: Manifest, target: Path) -> None:
    """Refuse a folder that holds something else than this lake's backup, or a newer one than the lake is."""
    if not target.exists():
        return
    if not target.is_dir():
        raise refused("this is no folder", target, "name another folder")
    card = model.read_card(target) or model.read_card(target, model.UNFINISHED)
    if card is None:
        others = sorted({path.name for path in target.iterdir()} - _NO_HINDRANCE)
        if others:
            what = f"the folder holds no backup, but other things: {', '.join(others[:3])}"
            raise refused(what, target, "name an empty or a new folder")
        return
    if card.get("lake") != lake_id(manifest):
        raise refused("the folder holds the backup of another lake", target, "name another folder")
    if not (target / MANIFEST_NAME).is_file():
        return
    try:
        with Manifest.open(_within(target, target / MANIFEST_NAME)) as before:
            newest = copying.head(before)
    except LakeError as error:
        if error.code != "E_MANIFEST_DAMAGED":
            raise
        return  # a rotten one is replaced
    if newest.snapshot and copying.hash_of(manifest, newest.snapshot) != newest.hash:
        raise refused(
            f"the backup holds a snapshot {newest.snapshot} that the lake does not have",
            target,
            "name another folder",
            "dl restore-backup, if it is the lake that lost it",
            why="The lake was put back to an earlier state, or the backup was written to as a lake of its own.",
        )


def _complete(target: Path) -> None:
    """Do what is left to do of a run that was stopped between its manifest and its card."""
    if not (target / MANIFEST_NAME).is_file():
        return
    try:
        with Manifest.open(_within(target, target / MANIFEST_NAME)) as manifest:
            head = copying.head(manifest)
    except LakeError:
        return  # a rotten one is replaced
    log = target / "data" / LOG
    new = log.with_name(f"{log.name}.new")
    try:
        if new.exists() and new.stat().st_size == head.log_end and log_size(log) < head.log_end:
            new.rename(log)
            sync(log.parent)
    except OSError as error:
        raise storage_error(error, log) from error
    card = model.card_of(target, head.snapshot)
    if card is not None and card != model.read_card(target):
        model.write_card(target, card)


def log_size(log: Path) -> int:
    """Return how long a log is; 0 for one that is not there."""
    return log.stat().st_size if log.exists() else 0


def _within(folder: Path, manifest: Path, wait_s: float = 5.0) -> Config:
    return Config(root=folder, data=folder / "data", manifest=manifest, wait_s=wait_s)


@dataclass(frozen=True, slots=True)
class _Ways:
    """How a backup is taken."""

    with_tiers: bool
    rehash: bool
    settled: bool
    """Whether the backup before was not stopped, so that all of it is on disk."""


class _Backup:
    """One attempt to take a backup."""

    def __init__(self, config: Config, target: Path, ways: _Ways, tell: Tell | None) -> None:
        self._config, self._target, self._ways, self._tell = config, target, ways, tell
        self._new = target / f"{MANIFEST_NAME}.new"
        self._copy = _within(target, self._new)
        self._log = self._copy.data / LOG
        self._log_new = self._log.with_name(f"{self._log.name}.new")

    def take(self) -> BackupReport:
        """Copy everything, then put the new manifest in place and clear away."""
        head = self._manifest_and_log()
        with Manifest.open(self._copy) as manifest, Manifest.open(self._config) as live:
            lake = lake_id(manifest)
            every = tiers.known(self._config, manifest)
            inside = stored_tiers(self._target, every) if self._ways.with_tiers else {}
            shelves = Shelves(self._copy.data, inside)
            shelves.sweep()
            need = needed(shelves, manifest.all_files())
            for name in set(need.missing) & set(every):
                every[name].check()
            space.require_in(self._target, need.room, "the backup")
            for name in set(need.tiers) & set(inside):
                DirectoryTier(name, inside[name], lake).claim()
            sources = places.Places(self._config)

            def copies(file: FileRow) -> Iterator[tuple[str, BinaryIO]]:
                found = False
                for found_in in sources.copies(file):
                    found = True
                    yield found_in
                if not found and not forgetting.has_bytes(live, file.id):
                    raise _Reclaimed

            work = Shelving(
                shelves,
                copies,
                rehash=self._ways.rehash,
                settled=self._ways.settled,
                threads=self._config.threads,
                tell=self._tell,
            )
            work.bring(manifest.all_files(), need)
            report = BackupReport(str(self._target), lake, head.snapshot, head.at_ns, work.copied)
            report.tiers = sorted(set(need.tiers) & set(inside))
            expected = _Names(shelves, manifest.all_files())
        shelves.sweep()
        self._put_in_place(report, every)
        report.removed = self._clear_away(shelves, expected)
        try:
            (self._target / model.UNFINISHED).unlink(missing_ok=True)
            sync(self._target)
        except OSError as error:
            raise storage_error(error, self._target) from error
        return report

    def _manifest_and_log(self) -> Head:
        """Copy the manifest, and of the log as much as it knows of."""
        try:
            for path in (self._new, self._log_new):
                path.unlink(missing_ok=True)
            self._log.parent.mkdir(parents=True, exist_ok=True)
            with Manifest.open(self._config) as manifest:
                copying.copy_to(manifest, self._new)
            with Manifest.open(self._copy) as manifest:
                head = copying.head(manifest)
            if head.log_end:
                self._copy_log(head)
            for folder in (self._log.parent, self._copy.data, self._target, self._target.parent):
                sync(folder)
        except OSError as error:
            raise storage_error(error, self._target) from error
        return head

    def _copy_log(self, head: Head) -> None:
        last_line, at = 0, 0
        with self._config.log.open("rb") as stream, self._log_new.open("xb") as copy:
            while at < head.log_end:
                block = stream.read(min(_CHUNK, head.log_end - at))
                if not block:
                    break
                end = len(block) - 1 if at + len(block) == head.log_end else len(block)
                newline = block.rfind(b"\n", 0, end)
                last_line = last_line if newline < 0 else at + newline + 1
                copy.write(block)
                at += len(block)
            copy.flush()
            os.fsync(copy.fileno())
        found = list(entries(self._log_new, last_line, at))
        if at != head.log_end or [entry.hash for entry in found] != [head.hash]:
            raise LakeError(
                "MANIFEST_DAMAGED",
                f"the commit log does not end where snapshot {head.snapshot} does",
                where=str(self._config.log),
                fix=["dl verify", "dl repair --from log --plan"],
            )

    def _put_in_place(self, report: BackupReport, every: dict[str, Tier]) -> None:
        """Let the new manifest take the old one's place, and say what the folder holds now."""
        try:
            where = {name: f"tiers/{name}" if self._ways.with_tiers else tier.location for name, tier in every.items()}
            card = {
                "lake": report.lake,
                "snapshot": report.snapshot,
                "snapshot_at_ns": report.at_ns,
                "taken_at_ns": time.time_ns(),
                "files": report.files.files,
                "bytes": report.files.bytes,
                "lost": [left.path for left in report.files.lost],
                "tiers": {name: every[name].location for name in report.tiers},
                "elsewhere": report.files.elsewhere,
                "settings": carry_over(self._config, self._target, where),
                "program": _program(),
            }
            # Should this be stopped between the manifest and its card, the card is here.
            model.write_card(self._target, card, model.UNFINISHED)
            sync(self._copy.data)
            self._new.rename(self._target / MANIFEST_NAME)
            sync(self._target)
            if self._log_new.exists():
                self._log_new.rename(self._log)
                sync(self._log.parent)
        except OSError as error:
            raise storage_error(error, self._target) from error
        model.write_card(self._target, card)

    def _clear_away(self, shelves: Shelves, expected: _Names) -> int:
        """Remove the files of the backup before that the new manifest does not name; return how many."""
        removed = 0
        roots = [shelves.data, self._target / "tiers"]
        for root in roots:
            for folder, folders, names in os.walk(root):
                if root is shelves.data and folder == str(root):
                    folders[:] = [n for n in folders if n == layout.REPLACED or layout.names_exchange(n)]
                gone = [n for n in names if _is_data(n) and f"{folder}/{n}" not in expected]
                for name in gone:
                    path = absolute(folder) / name
                    with suppress(OSError):
                        removed += path.stat().st_nlink == 1  # else it has moved
                        path.unlink()
                if gone:
                    with suppress(OSError):
                        sync(absolute(folder))
        return removed


def _is_data(name: str) -> bool:
    return name.endswith((".parquet", ".parquet.link"))


class _Names:
    """The places of all files of a copy, kept as hashes: eight bytes each, of a million files too.

    Two names of one hash would keep a file that could go, never take one that must stay.
    """

    def __init__(self, shelves: Shelves, every: Iterator[FileRow]) -> None:
        found = array("q")
        for file in every:
            place = shelves.place(file)
            if place is not None:
                found.append(hash(place))
        self._sorted = np.sort(np.frombuffer(found, np.int64)) if found else np.zeros(0, np.int64)

    def __contains__(self, place: str) -> bool:
        at = int(np.searchsorted(self._sorted, hash(place)))
        return at < len(self._sorted) and int(self._sorted[at]) == hash(place)


def _program() -> str:
    try:
        return version("dl-datalake")
    except PackageNotFoundError:
        return ""
