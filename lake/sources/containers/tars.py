"""Tar archives, read once from front to back."""

from __future__ import annotations

import tarfile
from typing import IO, TYPE_CHECKING, Self

from lake.errors import LakeError
from lake.sources.containers.limits import CHUNK, HEADER_BYTES, MEMBERS, check_ratio, unsafe

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from lake.sources.containers.streams import Stream

TAR_HEAD_BYTES = tarfile.BLOCKSIZE
_READ_WHOLE = {
    tarfile.XHDTYPE,
    tarfile.XGLTYPE,
    tarfile.SOLARIS_XHDTYPE,
    tarfile.GNUTYPE_LONGNAME,
    tarfile.GNUTYPE_LONGLINK,
}


class _Header(tarfile.TarInfo):
    """A member's header; those that tarfile reads into memory whole may not be large."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        header = super().frombuf(buf, encoding, errors)
        if header.type in _READ_WHOLE and header.size > HEADER_BYTES:
            raise unsafe("the tar", "", f"has a header of {header.size:,} bytes")
        return header


def is_tar(start: bytes) -> bool:
    """Tell a tar by its first header, which has a checksum."""
    if len(start) < tarfile.BLOCKSIZE or not start[0]:
        return False
    try:
        tarfile.TarInfo.frombuf(start[: tarfile.BLOCKSIZE], "utf-8", "surrogateescape")
    except tarfile.HeaderError:
        return False
    return True


class Tar:
    """A tar as a stream: its regular files in order, each of which may be read until the next one is asked for."""

    def __init__(self, stream: Stream, path: Path, packed: int) -> None:
        """Begin with the first header; `packed` is the size of the file the stream is unpacked from."""
        self._counted = _Counted(stream, path, packed)
        self._path = path
        self._tar = tarfile.open(  # noqa: SIM115 -- it opens nothing: the stream is the caller's
            fileobj=_as_io(self._counted),
            mode="r|",
            bufsize=CHUNK,
            tarinfo=_Header,
            encoding="utf-8",
            errors="surrogateescape",
        )

    def files(self) -> Iterator[tarfile.TarInfo]:
        """Yield the headers of regular files; links, devices and folders are passed over.

        Raises:
            LakeError: SOURCE_UNSAFE past a cap, SOURCE_UNREADABLE when the end is missing.
        """
        count = 0
        while (header := self._tar.next()) is not None:
            self._tar.members = []  # type: ignore[attr-defined]  # tarfile would keep all of them
            count += 1
            if count > MEMBERS:
                raise unsafe(self._path.name, self._path, f"holds more than {MEMBERS:,} files")
            if header.isreg():
                yield header
        while self._counted.read(CHUNK):
            pass
        if self._counted.tail.strip(b"\0"):
            message = f"{self._path.name} cannot be read: the archive's end is missing"
            raise LakeError("SOURCE_UNREADABLE", message, where=str(self._path))

    def open(self, header: tarfile.TarInfo) -> IO[bytes]:
        """Return the bytes of the member whose header came last."""
        file = self._tar.extractfile(header)
        if file is None:  # links were passed over
            raise ValueError(header.name)
        return file


class _Counted:
    """A stream whose bytes are counted against the ratio, and whose last block is remembered."""

    def __init__(self, stream: Stream, path: Path, packed: int) -> None:
        self._stream, self._path, self._packed = stream, path, packed
        self._count = 0
        self.tail = b""

    def read(self, size: int) -> bytes:
        data = self._stream.read(size)
        self._count += len(data)
        check_ratio(self._count, self._packed, self._path.name, self._path)
        if data:
            self.tail = (self.tail + data)[-tarfile.BLOCKSIZE :] if len(data) < tarfile.BLOCKSIZE else data[-512:]
        return data


def _as_io(stream: _Counted) -> IO[bytes]:
    return stream  # type: ignore[return-value]  # tarfile's stream mode only reads
