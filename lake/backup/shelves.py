"""Where files lie in a copy of a lake, and bringing them there: each whole, as it was stored, and on disk."""

from __future__ import annotations

import hashlib
import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

from lake import layout
from lake.backup.model import Copied, Left, Progress
from lake.config import HOT
from lake.layout import READ_ONLY
from lake.staging import storage_error
from lake.tiers import sync

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from lake.backup.model import Tell
    from lake.manifest.rows import FileRow

INCOMING = "_incoming"
"""Where copies lie until they are whole: in a tier; in the data folder below that of staged files."""
_BATCH = 1_000
_THREADS = 8
_CHUNK = 1 << 20
_THERE, _MOVED, _COPIED = "there", "moved", "copied"
_OVERHEAD = 8_192
"""Bytes that a file takes besides its own: the end of its last block, and a folder."""


class Shelves:
    """The places of a copy: its data folder, and the folders of the tiers whose files belong to it.

    Places are told as text: of a million files, the paths would cost more time than looking whether they are there.
    """

    def __init__(self, data: Path, tiers: Mapping[str, Path] | None = None) -> None:
        """Take the folders."""
        self.data, self.tiers = data, dict(tiers or {})
        self._bases = {HOT: str(data)} | {name: str(folder) for name, folder in self.tiers.items()}
        self._retired = f"{data}/{layout.REPLACED}"

    def base(self, file: FileRow) -> str | None:
        """Return the folder that a file's path is relative to; None when it belongs to no place of these."""
        return self._bases.get(file.tier)

    def place(self, file: FileRow) -> str | None:
        """Return where a file belongs: replaced ones out of the sight of other engines."""
        base = self._bases.get(file.tier)
        if base is None:
            return None
        return f"{self._retired if file.tier == HOT and file.to_snapshot is not None else base}/{file.path}"

    def everywhere(self, file: FileRow) -> Iterator[str]:
        """Yield every path that a file may lie at, where it belongs first."""
        own = self.place(file)
        if own is not None:
            yield own
        for base in (self._retired, *self._bases.values()):
            if (path := f"{base}/{file.path}") != own:
                yield path

    def incoming(self, file: FileRow) -> Path:
        """Return the folder, on the same disk as where a file belongs, that its copy is made in."""
        return self.tiers[file.tier] / INCOMING if file.tier != HOT else self.data / layout.STAGING / INCOMING

    def sweep(self) -> None:
        """Remove the copies that are not whole."""
        for folder in (self.data / layout.STAGING / INCOMING, *(tier / INCOMING for tier in self.tiers.values())):
            with suppress(OSError):
                for part in folder.iterdir():
                    part.unlink()
                folder.rmdir()


class Needed(NamedTuple):
    """What a copy still lacks."""

    files: int
    bytes: int
    missing_bytes: int
    """Bytes of the files that are not there."""
    missing: dict[str, int]
    """How many of them are of which tier."""
    tiers: set[str]
    """The tiers that have any files at all."""

    @property
    def room(self) -> int:
        """The bytes that the missing files take on a disk, with their folders."""
        return self.missing_bytes + sum(self.missing.values()) * _OVERHEAD


def needed(shelves: Shelves, every: Iterable[FileRow]) -> Needed:
    """Look which files are there, by their length."""
    count = size = missing_bytes = 0
    missing: dict[str, int] = {}
    held: set[str] = set()
    for file in every:
        held.add(file.tier)
        if shelves.place(file) is None:
            continue
        count += 1
        size += file.bytes
        if not any(_length(path) == file.bytes for path in shelves.everywhere(file)):
            missing_bytes += file.bytes
            missing[file.tier] = missing.get(file.tier, 0) + 1
    return Needed(count, size, missing_bytes, missing, held)


def _length(path: str) -> int | None:
    try:
        return os.stat(path).st_size  # noqa: PTH116 -- half a path's cost, for every file
    except OSError:
        return None


def hash_of(path: str) -> str:
    """Return the SHA-256 of a file as it is on the medium; empty when it cannot be read."""
    try:
        with Path(path).open("rb", buffering=0) as stream:
            os.posix_fadvise(stream.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError:
        return ""


class Shelving:
    """Brings files to where they belong in a copy, unless they are there."""

    def __init__(
        self,
        shelves: Shelves,
        sources: Callable[[FileRow], Iterator[tuple[str, BinaryIO]]],
        *,
        rehash: bool,
        settled: bool,
        threads: int,
        tell: Tell | None = None,
    ) -> None:
        """Prepare.

        Args:
            shelves: The copy.
            sources: Opens every copy of a file that there is, with the name of its tier.
            rehash: Whether a file that is there is hashed, or told by its length.
            settled: Whether what is there is known to be on disk, since whoever brought it was not stopped.
            threads: How many threads the lake's settings allow; with one, files come one after the other.
            tell: Told how far it is.
        """
        self._shelves, self._sources, self._rehash, self._tell = shelves, sources, rehash, tell
        self._settled = settled
        self._threads = 1 if threads == 1 else _THREADS
        self.copied = Copied()
        self._done = self._bytes_done = 0

    def bring(self, every: Iterable[FileRow], need: Needed) -> None:
        """Bring all files, so many at a time on disk with every folder around them.

        Raises:
            LakeError: DISK_FULL, STORAGE.
        """
        rows = iter(every)
        with ThreadPoolExecutor(self._threads, thread_name_prefix="copy") as pool:
            while batch := list(islice(rows, _BATCH)):
                here = [file for file in batch if self._shelves.place(file) is not None]
                for file in batch:
                    if self._shelves.place(file) is None:
                        self.copied.elsewhere[file.tier] = self.copied.elsewhere.get(file.tier, 0) + 1
                for folder in {self._shelves.incoming(file) for file in here}:
                    self._make(folder)
                moved = []
                for file, found in zip(here, pool.map(self._one, here), strict=True):
                    self._note(file, found)
                    if found != _THERE or not self._settled:
                        moved.append(file)
                list(pool.map(self._sync, sorted(self._folders(moved), key=len, reverse=True)))
                if self._tell is not None:
                    self._tell(Progress(self._done, max(need.files, self._done), self._bytes_done, need.bytes))

    def _make(self, folder: Path) -> None:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise storage_error(error, folder) from error

    def _sync(self, folder: str) -> None:
        try:
            sync(Path(folder))
        except FileNotFoundError:
            pass
        except OSError as error:
            raise storage_error(error, folder) from error

    def _folders(self, batch: list[FileRow]) -> set[str]:
        """Return the folders whose names must be on disk: those of the files, all around them, and the incoming one."""
        found: set[str] = set()
        for file in batch:
            base, folder = self._shelves.base(file), self._shelves.place(file)
            if base is None or folder is None:
                continue
            while len(folder) > len(base):
                folder = folder.rpartition("/")[0]
                if folder in found:
                    break
                found.add(folder)
            else:
                found |= {str(Path(base).parent), str(self._shelves.incoming(file))}
        return found

    def _note(self, file: FileRow, found: tuple[Left, ...] | str) -> None:
        self._done += 1
        self._bytes_done += file.bytes
        problems = () if isinstance(found, str) else found
        self.copied.left_out += problems
        if any(not left.replaced for left in problems):
            return
        self.copied.files += 1
        self.copied.bytes += file.bytes
        if found not in {_THERE, _MOVED}:
            self.copied.copied_files += 1
            self.copied.copied_bytes += file.bytes

    def _one(self, file: FileRow) -> tuple[Left, ...] | str:
        """Bring one file; return what came of it, or what was wrong with copies of it."""
        place = self._shelves.place(file)
        if place is None:
            return _THERE
        for path in self._shelves.everywhere(file):
            if _length(path) != file.bytes or (self._rehash and hash_of(path) != file.sha256):
                continue
            if path == place:
                return _THERE
            self._link(Path(path), Path(place))
            return _MOVED
        part = self._shelves.incoming(file) / f"{file.id}.part"
        problems: list[Left] = []
        for tier, stream in self._sources(file):
            with stream:
                wrong = _copy(stream, part, file)
            if wrong is None:
                self._put(part, Path(place))
                return tuple(Left(each.path, each.tier, each.found, replaced=True) for each in problems) or _COPIED
            problems.append(Left(file.path, tier, wrong))
        with suppress(OSError):
            part.unlink(missing_ok=True)
        return tuple(problems) or (Left(file.path, file.tier, "missing"),)

    def _link(self, path: Path, target: Path) -> None:
        """Give a file of the copy the place where it belongs now; the other name goes when the copy is whole."""
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            part = target.with_name(f"{target.name}.link")
            part.unlink(missing_ok=True)
            os.link(path, part)
            part.rename(target)
        except OSError as error:
            raise storage_error(error, target) from error

    def _put(self, part: Path, target: Path) -> None:
        try:
            part.chmod(READ_ONLY)
            target.parent.mkdir(parents=True, exist_ok=True)
            part.rename(target)
        except OSError as error:
            raise storage_error(error, target) from error


def _copy(stream: BinaryIO, part: Path, file: FileRow) -> str | None:
    """Copy a file and have it on disk; return what is wrong with it, if anything is."""
    digest, size = hashlib.sha256(), 0
    try:
        part.unlink(missing_ok=True)  # one of a run that was killed may be read-only already
        with part.open("xb", buffering=0) as copy:
            while True:
                try:
                    block = stream.read(_CHUNK)
                except OSError as error:
                    return f"cannot be read: {error.strerror}"
                if not block:
                    break
                digest.update(block)
                size += len(block)
                view = memoryview(block)
                while view:
                    view = view[copy.write(view) :]
            if digest.hexdigest() != file.sha256:
                return f"sha256:{digest.hexdigest()}"
            if size != file.bytes:
                return f"{size} bytes"
            os.fsync(copy.fileno())
    except OSError as error:
        raise storage_error(error, part) from error
    return None
