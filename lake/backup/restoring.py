"""A lake made of a backup: its files first, each hashed on the way, and the manifest last."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from lake import layout, leases, space
from lake.backup import model
from lake.backup.model import RestoreReport, refused
from lake.backup.settings import absolute, stored_tiers, with_tiers
from lake.backup.shelves import Shelves, Shelving, needed
from lake.check import VerifyReport, verify_manifest
from lake.config import FILE_NAME, LOG, MANIFEST_NAME
from lake.errors import LakeError
from lake.manifest import Manifest, copying
from lake.manifest.log import make_folder
from lake.manifest.replay import survey
from lake.manifest.tiers import lake_id, tier_locations
from lake.staging import storage_error
from lake.tiers import DirectoryTier, sync

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from lake.backup.model import Tell
    from lake.config import Config
    from lake.manifest.replay import Survey
    from lake.manifest.rows import FileRow

RESTORING = "restore.unfinished.json"
"""There while a lake is made of a backup; a folder that has it may be gone on with."""
_NO_HINDRANCE = {"lost+found", FILE_NAME, f"{RESTORING}.new"}


def restore_backup(
    config: Config,
    folder: str | Path,
    *,
    verify: bool = True,
    force: bool = False,
    tell: Tell | None = None,
) -> RestoreReport:
    """Make a lake of a backup, in a new or empty folder or in the place of one whose manifest is lost.

    Data files that are there are used when they are what was stored. What lies in the way is set aside, not removed.
    Stopped at any moment there is no manifest yet, and running it again goes on. A restore that is refused leaves
    nothing behind.

    Args:
        config: Where the lake shall be; its dl.toml, if there is one, says where tiers lie.
        folder: The backup.
        verify: Whether files that are there already are hashed, too; those that are copied always are.
        force: Set a manifest that is there aside, and a log that goes on past the backup.
        tell: Told how far it is.

    Raises:
        LakeError: BACKUP for a folder that is no whole backup, for a place that holds other things, and where the log
            there tells of snapshots that the backup does not have; LOCKED while somebody reads or writes the lake that
            would be set aside; DISK_FULL, STORAGE.
    """
    source = absolute(folder)
    card = _card(source)
    _refuse_place(config, source, card, force=force)
    ground = _Ground(config)
    try:
        space.require(config, (source / MANIFEST_NAME).stat().st_size, "the lake")
        make_folder(config.root)
        model.write_card(config.root, {"lake": card["lake"]}, RESTORING)
        for place in (config.manifest.parent, config.data):
            make_folder(place)
    except OSError as error:
        raise storage_error(error, config.root) from error
    work = _Restore(config, source, card, RestoreReport(str(config.root), card["lake"], verified=verify))
    try:
        return work.run(tell, force=force)
    except LakeError:
        if not work.begun:
            ground.clear(work.new)
        raise


class _Ground:
    """The place of a lake as it was before anything was done, to leave it so after a refusal."""

    def __init__(self, config: Config) -> None:
        self._root = config.root
        self._goes_on = (config.root / RESTORING).exists()
        folders = {config.data, config.manifest.parent, config.root}
        around = {folder for each in folders for folder in (each, *each.parents) if not folder.exists()}
        self._made = sorted(around, key=lambda folder: len(folder.parts), reverse=True)

    def clear(self, manifest: Path) -> None:
        """Remove what a restore left that was refused before its first file."""
        with suppress(OSError):
            for path in (manifest, _journal(manifest)):
                path.unlink(missing_ok=True)
            if not self._goes_on:
                (self._root / RESTORING).unlink(missing_ok=True)
            for folder in self._made:
                folder.rmdir()


def _card(source: Path) -> dict[str, Any]:
    """Return what a backup says of itself; BACKUP when it is none, or not whole."""
    card = model.read_card(source)
    manifest = source / MANIFEST_NAME
    if card is None or not manifest.is_file():
        if model.read_card(source, model.UNFINISHED) is not None:
            raise refused("the backup was never finished", source, f"dl backup {source}", "another backup")
        raise refused("there is no backup here", source, "name the folder that was given to dl backup")
    journal = manifest.with_name(f"{MANIFEST_NAME}-journal")
    if journal.exists() and journal.stat().st_size:
        raise refused(
            "the backup is being written to", source, f"dl list --root {source}", why="It was used as a lake."
        )
    return card


def _refuse_place(config: Config, source: Path, card: dict[str, Any], *, force: bool) -> None:
    """Refuse a place that the backup is in, that holds a lake, or things of which none is a lake's."""
    root, inside = config.root.resolve(), source.resolve()
    if root.is_relative_to(inside) or config.data.resolve().is_relative_to(inside):
        raise refused(
            "the lake would be made in its own backup", config.root, "--to FOLDER", f"dl list --root {source}"
        )
    if config.manifest.exists():
        if not force:
            fix = ("--to FOLDER, for a lake beside it", "--force sets its manifest aside")
            raise refused("there is a lake here", config.manifest, *fix)
        if leases.held(config):
            raise LakeError("LOCKED", "the lake here is being read or written", where=str(config.root))
        if _lake_at(config) not in {None, card["lake"]}:
            raise refused("another lake is here", config.manifest, "--to FOLDER, for a lake beside it")
        return
    if not config.root.exists() or _is_lost_lake(config):
        return
    others = sorted({path.name for path in config.root.iterdir()} - _NO_HINDRANCE)
    if others:
        what = f"the folder is neither empty nor a lake that lost its manifest: {', '.join(others[:3])}"
        raise refused(what, config.root, "--to FOLDER")


def _lake_at(config: Config) -> str | None:
    """Return the id of the lake that is there; None when its manifest cannot be read."""
    try:
        with Manifest.open(config) as manifest:
            return lake_id(manifest)
    except LakeError:
        return None


def _is_lost_lake(config: Config) -> bool:
    """Whether there is what a lake leaves that lost its manifest, or what a restore left that was stopped."""
    if (config.root / RESTORING).exists() or (config.data / layout.LOG).is_dir():
        return True
    with suppress(OSError):
        return any(path.is_dir() and layout.names_exchange(path.name) for path in config.data.iterdir())
    return False


def _journal(manifest: Path) -> Path:
    return manifest.with_name(f"{manifest.name}-journal")


class _Restore:
    """One restore under way."""

    def __init__(self, config: Config, source: Path, card: dict[str, Any], report: RestoreReport) -> None:
        self._config, self._source, self._card, self.report = config, source, card, report
        self.new = config.manifest.with_name(f"{config.manifest.name}.new")
        self.begun = False
        """Whether anything was done that running it again goes on from."""
        self._stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())

    def run(self, tell: Tell | None, *, force: bool) -> RestoreReport:
        """Copy everything, put the manifest in place, and look at it."""
        report, config = self.report, self._config
        self._copy_manifest()
        with Manifest.open(replace(config, manifest=self.new)) as manifest:
            if lake_id(manifest) != self._card["lake"]:
                raise refused("backup.json and manifest.db are of two lakes", self._source, "another backup")
            head = copying.head(manifest)
            report.snapshot, report.at_ns = head.snapshot, head.at_ns
            if not force:
                self._refuse_older(head.snapshot)
            self._card = model.card_of(self._source, head.snapshot) or self._card
            log = self._log(head.log_end)
            held = stored_tiers(self._source, self._card["tiers"])
            recorded = tier_locations(manifest)
            theirs = Shelves(self._source / "data", held)
            ours = Shelves(config.data, self._tiers(held, recorded))
            need = needed(ours, manifest.all_files())
            space.require(config, need.room + head.log_end, "the lake")
            self.begun = True
            ours.sweep()
            for name in set(need.tiers) & set(ours.tiers):
                DirectoryTier(name, ours.tiers[name], report.lake).claim()
                report.tiers[name] = str(ours.tiers[name])
            shelving = Shelving(
                ours, _opening(theirs), rehash=report.verified, settled=False, threads=config.threads, tell=tell
            )
            shelving.bring(manifest.all_files(), need)
            report.files = shelving.copied
            ours.sweep()
        self._settings(ours.tiers)
        self._put_in_place(log, head.log_end)
        found = VerifyReport()
        with Manifest.open(config) as manifest:
            verify_manifest(manifest, found)
        report.chain = found.chain
        return report

    def _copy_manifest(self) -> None:
        """Copy the backup's manifest, so that an older one is brought up to date here and not there."""
        try:
            for path in (self.new, _journal(self.new)):
                path.unlink(missing_ok=True)
            with (self._source / MANIFEST_NAME).open("rb") as stream, self.new.open("xb") as copy:
                _copy_part(stream, copy)
            sync(self.new)
        except OSError as error:
            raise storage_error(error, self.new) from error

    def _refuse_older(self, snapshot: int) -> None:
        """Refuse to put a backup in the place of a log that proves later snapshots of the same lake."""
        found = self._log_there
        last = found.commits[-1].snapshot if found.commits else 0
        # One that cannot be replayed to its end gives no manifest: then the backup is what there is.
        if found.broken or found.lake != self.report.lake or last <= snapshot:
            return
        raise refused(
            f"the commit log here goes on to snapshot {last}, and the backup ends at {snapshot}",
            self._config.log,
            "dl repair --from log",
            f"dl restore-backup {self._source} --force sets the log aside",
            why="The manifest can be made from the log: what was committed since the backup would be lost.",
        )

    def _log(self, end: int) -> Path | None:
        """Return the backup's log that goes as far as its manifest: a backup may have been stopped between the two."""
        log = self._source / "data" / LOG
        for path in (log, log.with_name(f"{log.name}.new")):
            if path.exists() and path.stat().st_size >= end:
                return path
        if end:
            raise refused("the backup's log is shorter than its manifest says", log, "another backup")
        return None

    def _tiers(self, held: Mapping[str, Path], recorded: Mapping[str, str]) -> dict[str, Path]:
        """Return where the files of the backup's tiers shall lie.

        That is where dl.toml says, else where a tier lies that is this lake's, else in the lake's folder.

        Raises:
            LakeError: BACKUP when there is a dl.toml that does not say where one is.
        """
        found: dict[str, Path] = {}
        in_place = self._is_in_place()
        for name in held:
            inside = self._config.root / "tiers" / name
            old = Path(recorded[name]) if name in recorded else inside
            if name in self._config.tiers:
                found[name] = self._config.tiers[name].path
            elif self._is_tier(name, inside):
                found[name] = inside
            elif (in_place or old.is_relative_to(self._config.root)) and self._is_tier(name, old):
                found[name] = old
            elif (self._config.root / FILE_NAME).exists():
                fix = f'[tiers.{name}] path = "{recorded.get(name, f"tiers/{name}")}"'
                raise refused(f"dl.toml does not say where tier {name} is", self._config.root / FILE_NAME, fix)
            else:
                found[name] = inside
        return found

    def _is_in_place(self) -> bool:
        """Whether the lake comes back where it was: beside another one, it must not take the tiers of that."""
        if _lake_at(self._config) == self.report.lake:
            return True
        return self._log_there.lake == self.report.lake

    @cached_property
    def _log_there(self) -> Survey:
        """What the log tells that lies where the lake shall be."""
        return survey(self._config.log)

    def _is_tier(self, name: str, folder: Path) -> bool:
        """Whether a folder is marked as this tier of this lake."""
        with suppress(LakeError):
            DirectoryTier(name, folder, self.report.lake).check()
            return True
        return False

    def _settings(self, tiers: Mapping[str, Path]) -> None:
        """Bring the settings, and the modules they name, unless there are some."""
        if (self._config.root / FILE_NAME).exists():
            return
        for name in sorted(self._card["settings"], key=lambda name: name == FILE_NAME):
            source, target = self._source / name, self._config.root / name
            if source.is_file() and not target.exists():
                target.parent.mkdir(parents=True, exist_ok=True)
                text = source.read_text(encoding="utf-8")
                model.write_whole(target, with_tiers(text, self._config.root, tiers) if name == FILE_NAME else text)

    def _put_in_place(self, log: Path | None, end: int) -> None:
        """Let log and manifest take their places, the manifest last; what was there before is set aside."""
        config = self._config
        try:
            journal = _journal(config.manifest)
            if journal.exists() and not journal.stat().st_size:
                journal.unlink()
            # The journal of a killed writer stays beside its manifest, under the name that SQLite looks for.
            aside = self._aside(config.manifest)
            self._set_aside(journal, _journal(aside))
            self._set_aside(config.manifest, aside)
            config.log.parent.mkdir(parents=True, exist_ok=True)
            if log is not None:
                part = config.log.with_name(f"{config.log.name}.new")
                with log.open("rb") as stream, part.open("wb") as copy:
                    _copy_part(stream, copy, end)
                sync(part)
                if not _same_length_prefix(config.log, part):
                    self._set_aside(config.log, self._aside(config.log))
                part.rename(config.log)
            for folder in (config.log.parent, config.data, config.data.parent):
                sync(folder)
            _journal(self.new).unlink(missing_ok=True)
            sync(self.new)
            # From here on it is a lake that lost its manifest, until that is there.
            (config.root / RESTORING).unlink(missing_ok=True)
            sync(config.root)
            self.new.rename(config.manifest)
            sync(config.manifest.parent)
        except OSError as error:
            raise storage_error(error, config.root) from error

    def _aside(self, path: Path) -> Path:
        return path.with_name(f"{path.name}.before-{self._stamp}")

    def _set_aside(self, path: Path, aside: Path) -> None:
        if path.exists():
            path.rename(aside)
            sync(path.parent)
            self.report.set_aside.append(str(aside))


def _opening(shelves: Shelves) -> Callable[[FileRow], Iterator[tuple[str, BinaryIO]]]:
    """Return what opens the copies of a file in a backup."""

    def copies(file: FileRow) -> Iterator[tuple[str, BinaryIO]]:
        for path in shelves.everywhere(file):
            with suppress(OSError), Path(path).open("rb") as stream:
                yield file.tier, stream

    return copies


def _copy_part(stream: BinaryIO, copy: BinaryIO, end: int = 1 << 62) -> None:
    while end > 0 and (block := stream.read(min(1 << 20, end))):
        copy.write(block)
        end -= len(block)


def _same_length_prefix(old: Path, new: Path) -> bool:
    """Whether a log says nothing that the new one does not say as well."""
    if not old.exists():
        return True
    if old.stat().st_size > new.stat().st_size:
        return False
    with old.open("rb") as mine, new.open("rb") as theirs:
        while block := mine.read(1 << 20):
            if block != theirs.read(len(block)):
                return False
    return True
