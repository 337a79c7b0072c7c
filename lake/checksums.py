"""Checksums of all that is read of a Parquet file: of its footer, and of each column of each row group.

Parquet's own checksums cover the pages and nothing around them: a flipped bit in the header of a page, or in the
footer, can give other rows without an error. Ours stand in the footer, under a key other engines pass over. Files that
were written before there were any lack the key, and are read as they are.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from zlib import crc32

import pyarrow as pa
import pyarrow.parquet as pq

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    Read = Callable[[int, int], bytes | memoryview]
    """Gives so many bytes of a file, from an offset on."""

KEY = "dl.crc"
_MARK = b"crc32:"
_SUMS = re.compile(_MARK + rb"((?:[0-9a-f]{8})+)")
_DIGITS = 8
_BLANK = b"0" * _DIGITS
_END = 8
"""Bytes behind a footer: its length, and the magic word."""
_TAIL = 65_536
"""Bytes at the end of a file that are fetched at once: nearly always the whole footer is among them."""


def room(columns: int, groups: int) -> dict[str, str]:
    """Return the entry of the footer that `fill` writes the checksums into once the file is whole."""
    return {KEY: (_MARK + _BLANK * (1 + columns * groups)).decode()}


def fill(read: Read, size: int, metadata: pq.FileMetaData) -> tuple[int, bytes]:
    """Return where in a finished file, and as which bytes, its checksums are to be written.

    Args:
        read: Gives so many bytes of it, from an offset on.
        size: How long it is.
        metadata: Of the file, which was written with `room`.
    """
    length = int.from_bytes(read(size - _END, 4), "little")
    start = size - _END - length
    footer = bytes(read(start, length))
    at = footer.index(_MARK, footer.index(KEY.encode())) + len(_MARK)
    columns, groups = metadata.num_columns, metadata.num_row_groups
    sums = b"".join(
        b"%08x" % crc32(read(*_span(metadata.row_group(group).column(column))))
        for group in range(groups)
        for column in range(columns)
    )
    footer = footer[: at + _DIGITS] + sums + footer[at + _DIGITS + len(sums) :]
    return start + at, b"%08x" % _of_footer(footer, at) + sums


def _of_footer(footer: bytes, at: int) -> int:
    return crc32(footer[at + _DIGITS :], crc32(_BLANK, crc32(footer[:at])))


def _span(chunk: pq.ColumnChunkMetaData) -> tuple[int, int]:
    start = chunk.data_page_offset
    if chunk.has_dictionary_page:
        start = min(start, chunk.dictionary_page_offset)
    return start, chunk.total_compressed_size


class StoredFile(pq.ParquetFile):  # type: ignore[misc]  # pyarrow is untyped
    """A Parquet file of the lake, opened to read; its footer is as it was written."""

    place = ""
    """Where it lies, for what is said of it."""
    absent: Mapping[str, pa.DataType]
    """The columns of its schema that it lacks."""

    def __init__(self, source: pa.NativeFile, **options: object) -> None:
        """Open it over a source that is closed with it.

        Args:
            source: The file's bytes.
            options: As `ParquetFile` takes them.

        Raises:
            OSError, pyarrow.ArrowException: Its footer is another one, or is none.
        """
        try:
            # What is mapped is looked at where it lies; of the rest, as much at a time as a row group has of a column.
            view = memoryview(source.read_buffer()) if isinstance(source, pa.MemoryMappedFile) else None
            self._read = (lambda start, size: source.read_at(size, start)) if view is None else _slices(view)
            self._sums = _sums(self._read, source.size())
            super().__init__(source, page_checksum_verification=True, **options)
        except BaseException:
            source.close()
            raise

    def close(self, force: bool = True) -> None:  # noqa: FBT001, FBT002 -- as in the class above
        """Close the source, too."""
        super().close(force=force)

    @property
    def has_sums(self) -> bool:
        """Whether it was written with checksums, so that columns can be checked without being decoded."""
        return self._sums is not None

    def check(self, group: int, columns: Iterable[str]) -> None:
        """Compare the bytes of some columns of a row group with their checksums; ArrowInvalid when they are others."""
        if self._sums is None:
            return
        metadata = self.metadata
        chunks = metadata.row_group(group)
        wanted = set(columns)
        names = metadata.schema.names
        if "element" in names:  # of lists, that is the name; there is one for each column
            names = self.schema_arrow.names
        for number, name in enumerate(names):
            if name in wanted:
                start, size = _span(chunks.column(number))
                at = (group * metadata.num_columns + number) * _DIGITS
                if b"%08x" % crc32(self._read(start, size)) != self._sums[at : at + _DIGITS]:
                    message = f"column {name} of row group {group} has another checksum"
                    raise pa.ArrowInvalid(message)


def _slices(view: memoryview) -> Read:
    return lambda start, size: view[start : start + size]


def _sums(read: Read, size: int) -> bytes | None:
    """Return the checksums of a file's columns, once its footer fits its own; None where there are none."""
    known = min(size, _TAIL)
    tail = bytes(read(size - known, known))
    length = int.from_bytes(tail[-_END:-4], "little") if known >= _END else 0
    if length + _END > size:
        message = "it ends in no footer"
        raise pa.ArrowInvalid(message)
    footer = tail[-_END - length : -_END] if length + _END <= known else bytes(read(size - _END - length, length))
    key = footer.find(KEY.encode())
    if key < 0:
        return None
    found = _SUMS.search(footer, key)
    at = found.start(1) if found else 0
    if found is None or footer[at : at + _DIGITS] != b"%08x" % _of_footer(footer, at):
        message = "its footer has another checksum"
        raise pa.ArrowInvalid(message)
    return footer[at + _DIGITS : found.end(1)]
