"""One source's bytes, unpacked: plain, compressed, or the one data member of a zip, maybe compressed itself."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal, Self

from lake.errors import LakeError
from lake.sources.containers.ahead import Ahead
from lake.sources.containers.damage import DAMAGE, damaged, unopened
from lake.sources.containers.file import HashingFile, Member, as_source, shown
from lake.sources.containers.limits import check_ratio
from lake.sources.containers.streams import MAGIC_BYTES, Compression, compression_of, unpacked
from lake.sources.containers.suffixes import BARE_LZMA, COMPRESSIONS
from lake.sources.containers.tars import is_tar
from lake.sources.containers.zips import is_zip, made, open_zip, sole

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from types import TracebackType

    from lake.sources.containers.file import SourceFile
    from lake.sources.containers.streams import Stream

Container = Literal["plain", "gzip", "bzip2", "xz", "zstd", "lzma", "zip", "tar"]

_START_BYTES = 10
"""The magic, and what a gzip header has of interest."""
_AHEAD_FROM = 1 << 20
"""Bytes after which a source is read to its end, and not just looked at."""


class Source:
    """An opened source: `read` gives the unpacked bytes; LakeErrors say what is wrong with the file."""

    def __init__(self, source: Path | SourceFile) -> None:
        """Open a file, or a member of an archive.

        Raises:
            LakeError: SOURCE_NOT_FOUND, SOURCE_UNREADABLE, SOURCE_UNSAFE; AMBIGUOUS for an archive of several members.
        """
        self.source = as_source(source)
        self.path = self.source.place
        try:
            self.file = HashingFile(source)
        except OSError as error:
            raise unopened(error, self.path) from error
        self.container: Container = self.source.archive or "plain"
        self.packed = False
        """Whether the bytes read are others than those that lie in the file, or are held of the member."""
        self.member = self.source.data or Member(self.path.name)
        self.produced = 0
        self._stream: Stream = self.file
        self._ahead: Ahead | None = None
        try:
            with self._reading():
                self._open()
        except BaseException:
            self.file.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @contextmanager
    def _reading(self) -> Iterator[None]:
        try:
            yield
        except DAMAGE as error:
            raise damaged(error, self.path.name, self.path) from error

    def _open(self) -> None:
        start = self.file.read(_START_BYTES)
        self.file.seek(0)
        kind = compression_of(start[:MAGIC_BYTES])
        if kind is None and start and self.path.name.lower().endswith(BARE_LZMA):
            kind = "lzma"
        if kind is not None:
            self._unpack(kind, start)
        elif is_zip(start) or (self.source.held is None and self.path.suffix.lower() == ".zip"):
            self._open_zip()

    def _unpack(self, kind: Compression, start: bytes) -> None:
        if kind == "gzip":
            written = int.from_bytes(start[4:8], "little") * 10**9 or None
            self.member = Member(self.member.name, written, written)
        self.member = Member(_cut(self.member.name), self.member.not_before_ns, self.member.not_after_ns)
        self.container = self.source.archive or kind
        self._stream, self.packed = unpacked(kind, self._stream), True

    def _open_zip(self) -> None:
        archive = open_zip(self.file)
        entry = sole(archive, self.path)
        if entry is None:
            raise self._several("a zip of several files")
        check_ratio(entry.file_size, entry.compress_size, self.path.name, self.path)
        self._stream, self.packed, self.container = archive.open(entry), True, "zip"
        self.member = Member(entry.filename, *made(entry))

    def _several(self, what: str) -> LakeError:
        if self.source.held is not None:
            message = f"{shown(self.path.name)} is {what} inside an archive"
            return LakeError("FORMAT_UNKNOWN", message, where=str(self.path), fix=["unpack the outer archive first"])
        return LakeError(
            "AMBIGUOUS",
            f"{self.path.name} is {what}",
            where=str(self.path),
            why="Each file in an archive is a source of its own.",
            fix=["dl ingest --source takes them one by one"],
        )

    def read(self, size: int) -> bytes:
        """Return up to `size` unpacked bytes, none at the end; SOURCE_UNREADABLE or SOURCE_UNSAFE."""
        if self.packed and self._ahead is None and self.produced >= _AHEAD_FROM:
            self._stream = self._ahead = Ahead(self._stream)
        with self._reading():
            data = self._stream.read(size) if self.produced else self._first(size)
        self.produced += len(data)
        if self.packed:
            check_ratio(self.produced, self.file.size, self.path.name, self.path)
        return data

    def _first(self, size: int) -> bytes:
        """Read for the first time, and look at what it is: the sole member of a zip may be compressed, too."""
        data = self._stream.read(size)
        kind = compression_of(data[:MAGIC_BYTES])
        if kind is not None and self.container == "zip" and self.source.held is None:
            self._stream = _After(data, self._stream)
            self._unpack(kind, data)
            self.container = "zip"
            data = self._stream.read(size)
        if is_tar(data):
            raise self._several("a tar archive")
        return data

    def close(self) -> None:
        """Close the file."""
        if self._ahead is not None:
            self._ahead.close()
        self.file.close()


class _After:
    """Some bytes, and then a stream."""

    def __init__(self, start: bytes, stream: Stream) -> None:
        self._start, self._stream = start, stream

    def read(self, size: int) -> bytes:
        if self._start:
            data, self._start = self._start[:size], self._start[size:]
            return data
        return self._stream.read(size)


def _cut(name: str) -> str:
    ending = next((e for e in COMPRESSIONS if name.lower().endswith(e)), "")
    return name[: len(name) - len(ending)]
