"""The file around the data: plain, gzip or zip; read as one stream while the file's own bytes are hashed.

Nothing is ever unpacked to disk, and names inside archives are only looked at.
"""

from __future__ import annotations

import calendar
import datetime as dt
import hashlib
import os
import re
import struct
import zipfile
import zlib
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Literal, Protocol, Self

from lake.errors import LakeError

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

Container = Literal["plain", "gzip", "zip"]

CHUNK = 1 << 18
BOMB_RATIO = 200
BOMB_FROM = 64 << 20
"""Bytes unpacked before the ratio is looked at: small files of zeros are no threat."""

_HOUR_NS = 3600 * 10**9
_DAMAGE = (
    zlib.error,
    zipfile.BadZipFile,
    EOFError,
    struct.error,
    NotImplementedError,
    RuntimeError,
    OSError,
    ValueError,
)


class HashingFile:
    """A file whose bytes are hashed as they are first read in order; `finish` hashes what was never read."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("rb", buffering=0)
        self.size = os.fstat(self._file.fileno()).st_size
        self._digest = hashlib.sha256()
        self._hashed = 0
        self.consumed = 0

    def read(self, size: int = -1) -> bytes:
        """Read up to `size` bytes; all when negative."""
        at = self._file.tell()
        data = self._file.read(self.size - at if size < 0 else size) or b""
        end = at + len(data)
        if at <= self._hashed < end:
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
        self._file.seek(self._hashed)
        while self.read(CHUNK):
            pass
        return self._digest.hexdigest()

    def close(self) -> None:
        """Close the file."""
        self._file.close()


class Stream(Protocol):
    """Unpacked bytes."""

    def read(self, size: int) -> bytes:
        """Return up to `size` bytes, none at the end."""
        ...


class _Gzip:
    """Members of a gzip file, one after the other; checks each one's CRC and that the last one is whole."""

    def __init__(self, file: HashingFile) -> None:
        self._file = file
        self._member = zlib.decompressobj(wbits=31)
        self._pending = b""
        self._inside = False

    def read(self, size: int) -> bytes:
        while True:
            if not self._pending:
                self._pending = self._file.read(CHUNK)
            if not self._pending:
                if self._inside:
                    raise EOFError("the gzip file ends in the middle of a member")
                return b""
            if not self._inside:
                self._pending = self._pending.lstrip(b"\0")  # padding between and after members, as gzip allows
                if not self._pending:
                    continue
                self._member, self._inside = zlib.decompressobj(wbits=31), True
            data = self._member.decompress(self._pending, size)
            self._pending = self._member.unconsumed_tail
            if self._member.eof:
                self._pending, self._inside = self._member.unused_data, False
            if data:
                return data


@dataclass(frozen=True, slots=True)
class Member:
    """The data inside a container: its name, and between which times (ns) it was made, as far as that is known."""

    name: str
    not_before_ns: int | None = None
    not_after_ns: int | None = None


class Source:
    """An opened source file: `read` gives the unpacked bytes; LakeErrors say what is wrong with the file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self.file = HashingFile(path)
        except OSError as error:
            code = "SOURCE_NOT_FOUND" if isinstance(error, FileNotFoundError) else "SOURCE_UNREADABLE"
            raise LakeError(code, f"{path.name} cannot be opened: {error.strerror}", where=str(path)) from error
        try:
            self.container, self.member, self._stream = self._open()
        except _DAMAGE as error:
            self.file.close()
            raise self._damaged(error) from error
        except BaseException:
            self.file.close()
            raise
        self.produced = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _damaged(self, error: BaseException) -> LakeError:
        return LakeError("SOURCE_UNREADABLE", f"{self.path.name} cannot be read: {error}", where=str(self.path))

    def _open(self) -> tuple[Container, Member, Stream]:
        magic = self.file.read(4)
        self.file.seek(0)
        if magic[:2] == b"\x1f\x8b":
            header = self.file.read(10)
            self.file.seek(0)
            made = int.from_bytes(header[4:8], "little") * 10**9 or None
            name = self.path.name[:-3] if self.path.name.lower().endswith(".gz") else self.path.name
            return "gzip", Member(name, made, made), _Gzip(self.file)
        if magic[:4] in {b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08"} or self.path.suffix.lower() == ".zip":
            return self._open_zip()
        return "plain", Member(self.path.name), self.file

    def _open_zip(self) -> tuple[Container, Member, Stream]:
        archive = zipfile.ZipFile(_as_io(self.file))
        entries = [
            e for e in archive.infolist() if not e.filename.endswith("/") and not e.filename.startswith("__MACOSX/")
        ]
        if len(entries) != 1:
            names = ", ".join(e.filename for e in entries[:5]) + (", …" if len(entries) > 5 else "")
            raise LakeError(
                "AMBIGUOUS" if entries else "SOURCE_UNREADABLE",
                f"{self.path.name} holds {len(entries)} files{': ' if names else ''}{names}",
                where=str(self.path),
                why="An archive is one source when it holds one data file.",
                fix=["unpack it and give the files one by one"],
            )
        entry = entries[0]
        if entry.file_size > BOMB_FROM and entry.file_size > BOMB_RATIO * max(entry.compress_size, 1):
            raise self._unsafe(entry.file_size)
        return "zip", Member(entry.filename, *_made(entry)), archive.open(entry)

    def _unsafe(self, produced: int) -> LakeError:
        ratio = produced // max(self.file.size, 1)
        return LakeError(
            "SOURCE_UNSAFE", f"{self.path.name} unpacks to more than {ratio} times its size", where=str(self.path)
        )

    def read(self, size: int) -> bytes:
        """Return up to `size` unpacked bytes, none at the end; SOURCE_UNREADABLE or SOURCE_UNSAFE."""
        try:
            data = self._stream.read(size)
        except _DAMAGE as error:
            raise self._damaged(error) from error
        self.produced += len(data)
        if self.container != "plain" and self.produced > BOMB_FROM and self.produced > BOMB_RATIO * self.file.size:
            raise self._unsafe(self.produced)
        return data

    def close(self) -> None:
        """Close the file."""
        self.file.close()


def _as_io(file: HashingFile) -> IO[bytes]:
    return file  # type: ignore[return-value]  # zipfile needs read, seek and tell


def _made(entry: zipfile.ZipInfo) -> tuple[int | None, int | None]:
    """Return the bounds of a member's time: exact from the UTC field 0x5455, else around the zoneless DOS time."""
    extra = entry.extra
    while len(extra) >= 4:
        kind, size = struct.unpack_from("<HH", extra)
        if kind == 0x5455 and size >= 5 and extra[4] & 1 and len(extra) >= 9:
            made = struct.unpack_from("<i", extra, 5)[0] * 10**9
            return made, made
        extra = extra[4 + size :]
    try:
        dt.datetime(*entry.date_time)  # noqa: DTZ001 -- only to see whether it is a time
    except ValueError:
        return None, None
    if entry.date_time[0] <= 1980:
        return None, None
    made = calendar.timegm((*entry.date_time, 0, 0, 0)) * 10**9
    return made - 14 * _HOUR_NS, made + 12 * _HOUR_NS


def verify_checksum(path: Path) -> str | None:
    """Compare the file with the `<file>.CHECKSUM` beside it; returns the SHA-256, or None when there is none."""
    beside = path.with_name(path.name + ".CHECKSUM")
    try:
        stated = beside.read_bytes()[:4096].decode("utf-8", "replace")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise LakeError(
            "SOURCE_CHECKSUM", f"{beside.name} cannot be read: {error.strerror}", where=str(beside)
        ) from error
    digest = re.match(r"\s*([0-9a-fA-F]{64})(?![0-9a-zA-Z])", stated)
    if digest is None:
        raise LakeError("SOURCE_CHECKSUM", f"{beside.name} does not start with a SHA-256", where=str(beside))
    try:
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise LakeError(
            "SOURCE_UNREADABLE", f"{path.name} cannot be read: {error.strerror}", where=str(path)
        ) from error
    if found != digest[1].lower():
        message = f"{path.name} has SHA-256 {found[:12]}…, its .CHECKSUM file states {digest[1].lower()[:12]}…"
        raise LakeError("SOURCE_CHECKSUM", message, where=str(path))
    return found
