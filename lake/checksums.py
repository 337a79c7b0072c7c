"""Checksums of all that is read of a Parquet file: of its footer, and of each column of each row group.

Parquet's own checksums cover the pages and nothing around them: a flipped bit in the header of a page, or in the
footer, can give other rows without an error. Ours stand in the footer, under a key other engines pass over. Files that
were written before there were any lack the key, and are read as they are.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING
from zlib import crc32

import pyarrow as pa
import pyarrow.parquet as pq

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    Read = Callable[[int, int], bytes | memoryview]
    """Gives so many bytes of a file, from an offset on."""

KEY = "dl.crc"
_MARK = b"crc32:"
_SUMS = re.compile(_MARK + rb"((?:[0-9a-f]{8})+)")
_DIGITS = 8
_BLANK = b"0" * _DIGITS
_END = 8
"""Bytes behind a footer: its length, and the magic word."""
_FEW = 256
"""Bytes of a column of one row group that are few."""
_TAIL = 65_536
"""Bytes at the end of a file that are fetched at once: nearly always the whole footer is among them."""

HELD_BYTES = 1_048_576
"""Up to this size a file, such as a day of bars, is read at once: mapping it would cost more than its bytes do."""
MAPPED_BYTES = 16_777_216
"""Up to this size a file is mapped into memory to be read, which is quickest; of a larger one, such as a sealed month
of ticks, every page that was touched would count as memory of ours until it is closed."""


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
    """A Parquet file of the lake, opened to read; its footer is as it was written.

    Of a file with checksums of ours that lies in memory, Parquet's own are not looked at as well: what `check` compared
    is what is decoded.
    """

    place = ""
    """Where it lies, for what is said of it."""
    numbers: Mapping[str, int]
    """The columns it has, and their places in it."""
    absent: Mapping[str, pa.DataType]
    """The columns of its schema that it lacks."""
    has_lists: bool
    """Whether its schema has columns of lists."""
    blanks: set[tuple[str, int, bytes]]
    """Columns of so many rows that are known to be null in every row, with all their bytes."""

    def __init__(self, source: pa.NativeFile, **options: object) -> None:
        """Open it over a source that is closed with it.

        Args:
            source: The file's bytes.
            options: As `ParquetFile` takes them.

        Raises:
            OSError, pyarrow.ArrowException: Its footer is another one, or is none.
        """
        try:
            # What is in memory is looked at where it lies; of the rest a row group's part of a column at a time.
            held = isinstance(source, pa.MemoryMappedFile | pa.BufferReader)
            view = memoryview(source.read_buffer()) if held else None
            self._read = (lambda start, size: source.read_at(size, start)) if view is None else _slices(view)
            self._sums = _sums(self._read, source.size())
            super().__init__(source, page_checksum_verification=view is None or self._sums is None, **options)
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

    def check(self, group: int, columns: Iterable[str]) -> dict[str, bytes]:
        """Compare the bytes of some columns of a row group with their checksums.

        Returns:
            The bytes of those columns that have only a few, as one has that is null in every row.

        Raises:
            pyarrow.ArrowInvalid: Some are others.
        """
        few: dict[str, bytes] = {}
        if self._sums is None:
            return few
        chunks = self.metadata.row_group(group)
        numbers = self.numbers
        first = group * len(numbers)
        for name in columns:
            number = numbers.get(name)
            if number is None:
                continue
            start, size = _span(chunks.column(number))
            at = (first + number) * _DIGITS
            held = self._read(start, size)
            if b"%08x" % crc32(held) != self._sums[at : at + _DIGITS]:
                message = f"column {name} of row group {group} has another checksum"
                raise pa.ArrowInvalid(message)
            if size <= _FEW:
                few[name] = bytes(held)
        return few


def opened(name: str, words: Sequence[str]) -> StoredFile:
    """Open a file to read, some columns as dictionaries; OSError, pyarrow.ArrowException when it cannot be."""
    with open(name, "rb", buffering=0) as file:  # noqa: PTH123 -- half a path's cost, at every open
        size = os.fstat(file.fileno()).st_size
        if size <= HELD_BYTES:
            source = pa.BufferReader(file.readall())
        else:
            source = pa.memory_map(name) if size <= MAPPED_BYTES else pa.OSFile(name)
    return StoredFile(source, pre_buffer=False, read_dictionary=words)


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
