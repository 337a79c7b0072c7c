"""Tiers other than the data root: where they are, whether they are there, and how whole files go in and out.

A tier is a place that keeps files under the paths the manifest gives them. It carries a marker that says whose it is,
so that the empty folder of a disk that is not mounted is never taken for a tier, nor another lake's tier for ours.
Only `claim` makes a marker; everything else refuses a place without it.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol

from lake import space
from lake.config import HOT, TIER_NAME
from lake.errors import LakeError
from lake.manifest.tiers import lake_id, tier_locations
from lake.staging import storage_error

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from lake.config import Config
    from lake.manifest import Manifest

MARKER = ".dl-tier.json"
_MARKER_PART = f"{MARKER}.new"
_INCOMING = "_incoming"
"""Where copies lie until they are whole."""
_NO_HINDRANCE = {"lost+found", _MARKER_PART, _INCOMING}
"""What may lie in a folder that becomes a tier: of a new disk, or of a first use that was killed."""
_CHUNK = 1 << 20
_GONE = {errno.EIO, errno.ENODEV, errno.ENXIO, errno.ENOTCONN, errno.ESTALE, errno.EHOSTDOWN, errno.ETIMEDOUT}
"""What the file system says when the disk below it went away."""


class Tier(Protocol):
    """A place for whole files; every method but `claim` may be called from several threads."""

    name: str

    @property
    def kind(self) -> str:
        """What sort of place it is, for a user and for the manifest."""

    @property
    def location(self) -> str:
        """Where it is, for a user and for the manifest."""

    def check(self) -> None:
        """Make sure that the place is there and is this tier; LakeError TIER_UNAVAILABLE, TIER_FOREIGN."""

    def claim(self) -> None:
        """Make the place this tier, the first time anything is put there; LakeError TIER_FOREIGN, STORAGE."""

    def require_room(self, need: int) -> None:
        """Make sure that so many bytes of files fit into the place; LakeError DISK_FULL."""

    def sweep(self) -> None:
        """Remove what copies that were killed left behind; only while nothing else puts files there."""

    def put(self, source: Path, path: str) -> str:
        """Copy a file to `path`, whole or not at all; return the SHA-256 of what was read from the source.

        It may not be on disk before `settle`. LakeError FILE_MISSING (the source), TIER_UNAVAILABLE, DISK_FULL,
        STORAGE.
        """

    def settle(self, paths: Sequence[str]) -> None:
        """Make files and their names durable, whoever put them there."""

    def open(self, path: str) -> BinaryIO:
        """Open a file to read its bytes; FileNotFoundError when there is none."""

    def local(self, path: str) -> Path | None:
        """Return where a file can be opened by name; None when the place has no such names."""

    def size(self, path: str) -> int | None:
        """Return a file's length; None when there is none."""

    def sha256(self, path: str) -> str:
        """Return the SHA-256 of a file as it is on the medium; FileNotFoundError when there is none."""

    def remove(self, path: str) -> None:
        """Remove a file, if it is there."""

    def paths(self) -> Iterator[str]:
        """Yield the paths of all files in the place, whoever put them there, the marker left out."""


class DirectoryTier:
    """A tier in a folder, of another disk usually."""

    kind = "directory"

    def __init__(self, name: str, root: Path, lake: str) -> None:
        """Name the tier, its folder, and the lake's own identity; nothing is looked at."""
        self.name, self.root, self._lake = name, root, lake

    @property
    def location(self) -> str:
        """The folder."""
        return str(self.root)

    def check(self) -> None:
        """Compare the marker with the tier and the lake; LakeError TIER_UNAVAILABLE, TIER_FOREIGN."""
        marker = self._marker()
        if marker is None:
            there = "is not there" if not self.root.is_dir() else "holds no tier: its disk may not be mounted"
            raise self.unavailable(there)
        self._refuse_foreign(marker)

    def unavailable(self, what: str) -> LakeError:
        """Return the error for a tier that cannot be used as things are."""
        return LakeError(
            "TIER_UNAVAILABLE",
            f"tier {self.name}: its folder {what}",
            where=self.location,
            fix=["mount the disk and try again", f'or say where it is in dl.toml: [tiers.{self.name}] path = "…"'],
        )

    def claim(self) -> None:
        """Make the folder if need be and put the marker into it; a folder that holds other things is refused."""
        marker = self._marker()
        if marker is not None:
            self._refuse_foreign(marker)
        else:
            self._refuse_used()
        try:
            if marker is None:
                with (self.root / _MARKER_PART).open("w", encoding="utf-8") as stream:
                    json.dump({"lake": self._lake, "tier": self.name}, stream)
                    stream.flush()
                    os.fsync(stream.fileno())
                (self.root / _MARKER_PART).rename(self.root / MARKER)
            # Every folder on the way, of a first use that was killed too: it may have made them and not synced them.
            for folder in (self.root, *self.root.parents):
                with suppress(PermissionError):
                    sync(folder)
        except OSError as error:
            raise storage_error(error, self.root) from error

    def _refuse_used(self) -> None:
        """Make the folder if need be; TIER_FOREIGN when it holds other things."""
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            others = sorted(p.name for p in self.root.iterdir() if p.name not in _NO_HINDRANCE)
        except OSError as error:
            raise storage_error(error, self.root) from error
        if others:
            raise self._foreign(f"holds other things: {', '.join(others[:3])}")

    def _marker(self) -> dict[str, Any] | None:
        try:
            marker = json.loads((self.root / MARKER).read_text(encoding="utf-8"))
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise self.unavailable(f"cannot be read: {error.strerror}") from error
        except ValueError:
            marker = {}
        return marker if isinstance(marker, dict) else {}

    def _refuse_foreign(self, marker: dict[str, Any]) -> None:
        if marker.get("lake") != self._lake:
            raise self._foreign("is another lake's tier")
        if marker.get("tier") != self.name:
            raise self._foreign(f"is this lake's tier {marker.get('tier')!r}")

    def _foreign(self, what: str) -> LakeError:
        return LakeError("TIER_FOREIGN", f"the folder named for tier {self.name} {what}", where=self.location)

    def require_room(self, need: int) -> None:
        """Look at the file system the folder is on; LakeError DISK_FULL when so many bytes do not fit."""
        if need:
            space.require_in(self.root, need, f"the offload to tier {self.name}")

    def sweep(self) -> None:
        """Remove every copy that has no path yet."""
        with suppress(FileNotFoundError):
            for part in (self.root / _INCOMING).iterdir():
                self.remove(f"{_INCOMING}/{part.name}")

    def put(self, source: Path, path: str) -> str:
        """Copy a file and sync it under a name of its own, then give it its path."""
        target = self.root / path
        part = self.root / _INCOMING / target.name
        digest = hashlib.sha256()
        try:
            stream = source.open("rb", buffering=0)
        except FileNotFoundError:
            raise LakeError("FILE_MISSING", f"a file of the lake is gone: {source.name}", where=str(source)) from None
        try:
            with stream:
                part.parent.mkdir(exist_ok=True)
                with part.open("wb", buffering=0) as copy:
                    while block := stream.read(_CHUNK):
                        digest.update(block)
                        view = memoryview(block)
                        while view:
                            view = view[copy.write(view) :]
                    os.fsync(copy.fileno())
            target.parent.mkdir(parents=True, exist_ok=True)
            part.rename(target)
        except OSError as error:
            with suppress(OSError):
                part.unlink(missing_ok=True)
            raise self._explained(error) from error
        return digest.hexdigest()

    def settle(self, paths: Sequence[str]) -> None:
        """Sync the files, and every folder on the way to them."""
        folders = {str(parent) for path in paths for parent in Path(path).parents}
        try:
            for each in (*paths, *sorted(folders, key=len, reverse=True)):
                sync(self.root / each)
            with suppress(FileNotFoundError):
                sync(self.root / _INCOMING)  # or a copy may come back under the name it had before
        except OSError as error:
            raise self._explained(error) from error

    def _explained(self, error: OSError) -> LakeError:
        return (
            self.unavailable(f"failed: {error.strerror}") if error.errno in _GONE else storage_error(error, self.root)
        )

    def open(self, path: str) -> BinaryIO:
        """Open a file; FileNotFoundError when there is none, which is not to say that the tier is there."""
        return (self.root / path).open("rb")

    def local(self, path: str) -> Path:
        """Return the file's own path."""
        return self.root / path

    def size(self, path: str) -> int | None:
        """Return a file's length."""
        try:
            return (self.root / path).stat().st_size
        except (FileNotFoundError, NotADirectoryError):
            return None

    def sha256(self, path: str) -> str:
        """Hash a file after asking the kernel to forget what it holds of it, so that the disk is read."""
        with (self.root / path).open("rb", buffering=0) as stream:
            os.posix_fadvise(stream.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
            return hashlib.file_digest(stream, "sha256").hexdigest()

    def remove(self, path: str) -> None:
        """Remove a file; what cannot be removed stays as an orphan."""
        with suppress(OSError):
            (self.root / path).unlink(missing_ok=True)

    def paths(self) -> Iterator[str]:
        """Yield every file below the folder."""
        for folder, _, names in os.walk(self.root):
            for name in names:
                path = Path(folder, name).relative_to(self.root).as_posix()
                if path != MARKER and not path.startswith("lost+found/"):
                    yield path


def sync(path: Path) -> None:
    """Have a file's bytes, or a folder's names, on disk."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def name_of(folder: Path) -> str:
    """Return the name of a tier that is given by its folder alone: the folder's own, as far as it can be one.

    Raises:
        LakeError: USAGE when nothing of it can.
    """
    name = re.sub("[^a-z0-9]+", "-", folder.name.lower()).strip("-")[:64].strip("-")
    return valid_name(name, folder)


def valid_name(name: str, where: Path | str = "") -> str:
    """Return a tier's name; USAGE when it cannot be one."""
    if name == HOT or not TIER_NAME.fullmatch(name):
        raise LakeError(
            "USAGE",
            f"{name!r} cannot be the name of a tier",
            where=str(where),
            why=f"A tier has a name of a-z, 0-9 and -, other than {HOT}.",
            fix=["--name cold"],
        )
    return name


def known(config: Config, manifest: Manifest) -> dict[str, Tier]:
    """Return the tiers by name: those in dl.toml, and those the manifest knows; dl.toml says where one lies now."""
    lake = lake_id(manifest)
    places = {name: Path(location) for name, location in tier_locations(manifest).items()}
    places |= {name: settings.path for name, settings in config.tiers.items()}
    return {name: DirectoryTier(name, path, lake) for name, path in sorted(places.items())}


def destination(config: Config, manifest: Manifest, to: str | None, name: str | None) -> tuple[Tier, str]:
    """Return the tier that a user means by its name or by a folder, and where the manifest says it lies.

    The second is empty for a tier that was never used.

    Raises:
        LakeError: UNKNOWN_TIER; USAGE when it cannot be told which one is meant, or a folder cannot be a tier.
    """
    recorded = tier_locations(manifest)
    every = known(config, manifest)
    if to is None:
        if len(every) != 1:
            names = ", ".join(every) or "none is known"
            why = "Only where there is just one tier, it need not be named."
            raise LakeError("USAGE", f"to which tier? ({names})", why=why, fix=["--to cold", "--to /mnt/cold"])
        to = next(iter(every))
    if "/" not in to and not to.startswith((".", "~")):
        if name is not None:
            raise LakeError(
                "USAGE",
                f"--name is for a folder, and {to!r} is a name",
                why="A tier is given its name once, when its folder is first used.",
                fix=[f"--to ./{to} --name {name}"],
            )
        if to not in every:
            fix = [f'[tiers.{to}] path = "…" in dl.toml', f"--to ./{to} for a folder", "dl tiers"]
            raise LakeError("UNKNOWN_TIER", f"there is no tier {to!r}", where=str(config.root), fix=fix)
        tier = every[to]
    else:
        folder = Path(os.path.abspath(Path(to).expanduser()))  # noqa: PTH100 -- resolve() would follow links
        tier = _of_folder(config, every, folder, name, manifest)
    _refuse_inside(Path(tier.location), config.data)
    return tier, recorded.get(tier.name, "")


def _of_folder(config: Config, every: dict[str, Tier], folder: Path, name: str | None, manifest: Manifest) -> Tier:
    for tier in every.values():
        if tier.location == str(folder) and name in {None, tier.name}:
            return tier
    called = name_of(folder) if name is None else valid_name(name, folder)
    if called in config.tiers:
        raise LakeError(
            "USAGE",
            f"dl.toml says that tier {called} is elsewhere",
            where=every[called].location,
            why="A tier is in one place, and files are looked for where dl.toml says.",
            fix=[f"--to {called}", "another --name", "or correct dl.toml"],
        )
    return DirectoryTier(called, folder, lake_id(manifest))


def _refuse_inside(folder: Path, data: Path) -> None:
    """Refuse a tier in the data root, where it would be read twice, and one around it."""
    tier, hot = folder.resolve(), data.resolve()
    if tier.is_relative_to(hot) or hot.is_relative_to(tier):
        raise LakeError(
            "USAGE",
            "a tier cannot lie in the data folder, nor the data folder in a tier",
            where=str(folder),
            why="Readers of the whole folder would find each row twice.",
            fix=["name a folder elsewhere, on another disk"],
        )
