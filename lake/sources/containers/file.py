"""Where a source's bytes lie: a file, or a member of an archive that is held while it is read."""

from __future__ import annotations

import hashlib
import io
import os
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Literal

from lake.errors import printable
from lake.sources.containers.limits import CHUNK, HELD_BYTES, MEMBER_BYTES, check_ratio, unsafe
from lake.space import require_in
from lake.staging import storage_error

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

    from lake.sources.containers.streams import Stream


@dataclass(frozen=True, slots=True)
class Member:
    """The data inside a container: its name, and between which times (ns) it was made, as far as that is known."""

    name: str
    not_before_ns: int | None = None
    not_after_ns: int | None = None


@dataclass(frozen=True, slots=True)
class Held:
    """A member's bytes, with their size and SHA-256 in hex: in memory when few, else in a file without a name."""

    store: bytes | IO[bytes]
    size: int
    sha256: str

    def open(self) -> io.RawIOBase | io.BytesIO:
        """Return the bytes as a file of its own position; closing it leaves them held."""
        return io.BytesIO(self.store) if isinstance(self.store, bytes) else _View(self.store.fileno(), self.size)

    def close(self) -> None:
        """Let the bytes go."""
        if not isinstance(self.store, bytes):
            self.store.close()


class _View(io.RawIOBase):
    """Reads a descriptor at a position of its own."""

    def __init__(self, descriptor: int, size: int) -> None:
        self._descriptor, self._size, self._at = descriptor, size, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        count = os.preadv(self._descriptor, [buffer], self._at)
        self._at += count
        return count

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        self._at = max(0, offset + {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._size}[whence])
        return self._at

    def tell(self) -> int:
        return self._at


@dataclass(frozen=True)
class SourceFile:
    """One source: a file, or one data member of an archive, whose names are looked at and never become paths."""

    path: Path
    """The file on disk."""
    member: str | None = None
    """The member's name, as the archive has it; None when the file is the source."""
    held: Held | None = field(default=None, repr=False, compare=False)
    """The member's bytes."""
    archive: Literal["zip", "tar"] | None = field(default=None, compare=False)
    """What the member was in."""
    data: Member | None = field(default=None, repr=False, compare=False)
    """What the archive says of the held member."""
    end: int | None = field(default=None, compare=False)
    """Up to which byte the archive was read for the member."""

    @property
    def place(self) -> Path:
        """The source's name for people and patterns: the member below its archive. Only ever looked at."""
        if self.member is None:
            return self.path
        return self.path.joinpath(*_parts(self.member))

    def resolved(self) -> Path:
        """Return the place with the file's own path resolved."""
        return self.path.resolve().joinpath(*_parts(self.member or ""))

    def sighted(self) -> tuple[int, ...]:
        """Return what the file system tells of the file, which is other once somebody writes to it or replaces it."""
        try:
            stat = self.path.stat()
        except OSError:
            return ()
        return stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns

    @property
    def nbytes(self) -> int:
        """Bytes of the source: of the file, or of the member as it comes out of its archive."""
        return self.path.stat().st_size if self.held is None or self.member is None else self.held.size

    def open(self) -> IO[bytes]:
        """Open the source's bytes; for the sole member of an archive these are the member's."""
        if self.held is None:
            return self.path.open("rb", buffering=0)
        return self.held.open()  # type: ignore[return-value]  # a raw file, and so is what Path.open returns

    def digest(self) -> str:
        """Return the SHA-256 of the source's bytes, in hex."""
        if self.held is not None:
            return self.held.sha256
        with self.path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    def close(self) -> None:
        """Let go of what is held."""
        if self.held is not None:
            self.held.close()


def _parts(name: str) -> list[str]:
    return [part for part in shown(name).split("/") if part not in {"", ".", ".."}]


def as_source(source: Path | SourceFile) -> SourceFile:
    """Return a file's path as the source it is."""
    return source if isinstance(source, SourceFile) else SourceFile(source)


def shown(name: str) -> str:
    r"""Return a member's name as one line of plain text: line ends and marks of direction become `\n`, `\u202e`."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in printable(name))


class Holding:
    """Takes the members of one archive off a stream, one at a time, and counts what all of them come to."""

    def __init__(self, path: Path, packed: int, folder: Path | None) -> None:
        """Hold what is large in `folder`, or among the system's temporary files; `packed` is the archive's size."""
        usable = folder is not None and os.access(folder, os.W_OK)
        self._path, self._packed = path, packed
        self._folder = folder if folder is not None and usable else Path(tempfile.gettempdir())
        self._total = 0

    def hold(self, stream: Stream, size: int, name: str) -> Held:
        """Read a member through.

        Args:
            stream: The member's bytes.
            size: How many the archive says they are.
            name: The member's name.

        Raises:
            LakeError: SOURCE_UNSAFE past the caps; DISK_FULL and STORAGE when it cannot be kept.
        """
        if size > MEMBER_BYTES:
            raise unsafe(shown(name), self._path, f"unpacks to more than {MEMBER_BYTES:,} bytes")
        check_ratio(self._total + size, self._packed, self._path.name, self._path)
        digest, kept, count = hashlib.sha256(), io.BytesIO(), 0
        file: IO[bytes] | None = None
        try:
            while data := stream.read(CHUNK):
                digest.update(data)
                count += len(data)
                self._total += len(data)
                check_ratio(self._total, self._packed, self._path.name, self._path)
                if file is None and count > HELD_BYTES:
                    file = self._spill(kept.getvalue(), size, name)
                _keep(file or kept, data, self._folder)
        except BaseException:
            if file is not None:
                file.close()
            raise
        return Held(kept.getvalue() if file is None else file, count, digest.hexdigest())

    def _spill(self, data: bytes, size: int, name: str) -> IO[bytes]:
        require_in(self._folder, size, f"unpacking {shown(name)}")
        try:
            file: IO[bytes] = tempfile.TemporaryFile(dir=self._folder, buffering=0)  # noqa: SIM115 -- Held.close
        except OSError as error:
            raise storage_error(error, self._folder) from error
        _keep(file, data, self._folder)
        return file


def _keep(file: IO[bytes], data: bytes, folder: Path) -> None:
    try:
        while data:  # a raw file may take a part
            data = data[file.write(data) :]
    except OSError as error:
        raise storage_error(error, folder) from error


class HashingFile:
    """A file whose bytes are hashed as they are first read in order; `finish` hashes what was never read."""

    def __init__(self, source: Path | SourceFile) -> None:
        source = as_source(source)
        self.path = source.place
        self._held = source.held
        self._file = source.open()
        self.size = os.fstat(self._file.fileno()).st_size if self._held is None else self._held.size
        self._digest = hashlib.sha256()
        self._hashed = 0
        self.consumed = 0

    def read(self, size: int = -1) -> bytes:
        """Read up to `size` bytes; all when negative."""
        at = self._file.tell()
        data = self._file.read(self.size - at if size < 0 else size) or b""
        end = at + len(data)
        if at <= self._hashed < end:
            if self._held is None:
                self._digest.update(memoryview(data)[self._hashed - at :])
            self._hashed = self.consumed = end
        return data

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move as files do."""
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        """Return the position."""
        return self._file.tell()

    def seekable(self) -> bool:
        """Return True: only regular files are opened."""
        return True

    def finish(self) -> str:
        """Hash the rest and return the SHA-256 of the whole file, in hex."""
        if self._held is not None:
            self.consumed = self.size
            return self._held.sha256
        self._file.seek(self._hashed)
        while self.read(CHUNK):
            pass
        return self._digest.hexdigest()

    def close(self) -> None:
        """Close the file."""
        self._file.close()
