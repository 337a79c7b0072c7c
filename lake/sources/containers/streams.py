"""Compressed bytes in, the bytes they stand for out: gzip, bzip2, xz and Zstandard, told by their first bytes.

Streams of one file one after the other are read as the tools read them. A file that ends early is refused, and so is
one with anything else behind its end: the tools pass over that, but then nobody has seen the whole file.
"""

from __future__ import annotations

import bz2
import lzma
import zlib
from typing import TYPE_CHECKING, Any, Literal, Protocol

from lake.sources.containers.limits import CHUNK, DICTIONARY_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable

Compression = Literal["gzip", "bzip2", "xz", "zstd", "lzma"]

MAGICS: dict[bytes, Compression] = {
    b"\x1f\x8b": "gzip",
    b"BZh": "bzip2",
    b"\xfd7zXZ\x00": "xz",
    b"\x28\xb5\x2f\xfd": "zstd",
}
MAGIC_BYTES = 6
_ZSTD_SKIPPABLE = frozenset(range(0x184D2A50, 0x184D2A60))


class Stream(Protocol):
    """Bytes in order."""

    def read(self, size: int) -> bytes:
        """Return up to `size` bytes, none at the end."""
        ...


def compression_of(magic: bytes) -> Compression | None:
    """Tell by its first MAGIC_BYTES how a file is compressed."""
    if int.from_bytes(magic[:4], "little") in _ZSTD_SKIPPABLE:
        return "zstd"
    return next((kind for start, kind in MAGICS.items() if magic.startswith(start)), None)


def unpacked(kind: Compression, packed: Stream) -> Stream:
    """Return the bytes that compressed ones stand for; errors of reading are the libraries' own, and EOFError."""
    if kind == "gzip":
        return _Gzip(packed)
    if kind == "bzip2":
        return _Concatenated(packed, bz2.BZ2Decompressor, "bzip2 file", padding=b"")
    if kind == "xz":
        return _Concatenated(packed, _xz, "xz file", padding=b"\0")
    if kind == "lzma":
        return _Concatenated(packed, _lzma, "LZMA file", padding=b"")
    return _Zstd(packed)


class _Gzip:
    """Members of a gzip file, one after the other; checks each one's CRC and that the last one is whole."""

    def __init__(self, packed: Stream) -> None:
        self._packed = packed
        self._member = zlib.decompressobj(wbits=31)
        self._pending = b""
        self._inside = False

    def read(self, size: int) -> bytes:
        while True:
            if not self._pending:
                self._pending = self._packed.read(CHUNK)
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


def _xz() -> lzma.LZMADecompressor:
    return lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=DICTIONARY_BYTES)


def _lzma() -> lzma.LZMADecompressor:
    return lzma.LZMADecompressor(lzma.FORMAT_ALONE, memlimit=DICTIONARY_BYTES)


class _Concatenated:
    """The streams of a bzip2 or xz file, one after the other."""

    def __init__(self, packed: Stream, fresh: Callable[[], Any], what: str, *, padding: bytes) -> None:
        self._packed, self._fresh, self._what, self._padding = packed, fresh, what, padding
        self._stream: Any = None
        self._pending = b""

    def read(self, size: int) -> bytes:
        while self._stream is not None or self._begin():
            if self._stream.needs_input and not self._pending:
                self._pending = self._packed.read(CHUNK)
                if not self._pending:
                    raise EOFError(f"the {self._what} ends in the middle of a stream")
            data: bytes = self._stream.decompress(self._pending, size)
            self._pending = b""
            if self._stream.eof:
                self._pending, self._stream = self._stream.unused_data, None
            if data:
                return data
        return b""

    def _begin(self) -> bool:
        """Begin the next stream; False at the end of the file."""
        while True:
            self._pending = self._pending.lstrip(self._padding)
            if self._pending:
                self._stream = self._fresh()
                return True
            self._pending = self._packed.read(CHUNK)
            if not self._pending:
                return False


class _Zstd:
    """Frames of a Zstandard file, one after the other, through Arrow, which brings the library along."""

    def __init__(self, packed: Stream) -> None:
        import pyarrow as pa

        self._stream = pa.CompressedInputStream(pa.PythonFile(_Readable(packed), mode="r"), "zstd")

    def read(self, size: int) -> bytes:
        return bytes(self._stream.read(size))


class _Readable:
    """What Arrow asks of a file it reads from."""

    closed = False

    def __init__(self, packed: Stream) -> None:
        self._packed = packed

    def read(self, size: int) -> bytes:
        return self._packed.read(size)

    def close(self) -> None:
        """Leave the file to who opened it."""
