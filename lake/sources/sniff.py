"""A first look at a source: container, encoding, delimiter, header and the first records; nothing is concluded yet."""

from __future__ import annotations

import codecs
import csv
from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

from lake.errors import LakeError
from lake.sources.careful import NUMBER
from lake.sources.containers import Container, Member, Source, SourceFile
from lake.sources.times import is_time

if TYPE_CHECKING:
    from pathlib import Path

HEAD_BYTES = 1 << 18
HEAD_ROWS = 1000
MAX_COLUMNS = 4096
_DELIMITERS = "\t;|,"
_BINARY = {
    b"PAR1": "parquet",
    b"ARROW1": "arrow",
    b"\xff\xff\xff\xff": "arrow",
}
_FOREIGN = {
    b"\xfd7zXZ": "an xz file inside another file",
    b"BZh": "a bzip2 file inside another file",
    b"\x28\xb5\x2f\xfd": "a Zstandard file inside another file",
    b"\x1f\x8b": "a gzip file inside another file",
    b"PK\x03\x04": "a zip file inside another file",
    b"FEA1": "Feather version 1",
    b"\x89HDF": "HDF5",
    b"%PDF": "a PDF",
    b"SQLite": "an SQLite database",
}
_UNICODE = {codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}


Kind = Literal["text", "parquet", "arrow", "dbn", "bi5"]


@dataclass(frozen=True)
class Head:
    """What the start of a source looks like; `rows` are the first records as cells, ragged ones included."""

    source: SourceFile
    path: Path
    """The source's name, to look at; `source` opens it."""
    nbytes: int
    container: Container
    member: Member
    kind: Kind
    encoding: str = "utf-8"
    delimiter: str = ","
    header: tuple[str, ...] | None = None
    rows: tuple[tuple[str, ...], ...] = ()
    skip_lines: int = 0
    data: bytes = b""
    """The head's whole lines after the skipped ones, in UTF-8."""

    @cached_property
    def width(self) -> int:
        """How many cells most records have; of the header when there is one."""
        if self.header is not None:
            return len(self.header)
        return Counter(map(len, self.rows)).most_common(1)[0][0] if self.rows else 0

    @cached_property
    def full_rows(self) -> tuple[tuple[str, ...], ...]:
        """The rows that have as many cells as most."""
        return tuple(row for row in self.rows if len(row) == self.width)

    def seen(self) -> str:
        """Say in a few words what the file looks like, for a refusal."""
        if self.header is not None:
            names = ", ".join(self.header[:12]) + (", …" if len(self.header) > 12 else "")
            return f"a header with the columns {names}"
        first = self.delimiter.join(self.rows[0])[:120] if self.rows else ""
        return f"no header, {self.width} columns parted by {self.delimiter!r}, first record {first!r}"


def look(source_file: Path | SourceFile) -> Head:
    """Read the head of a source; SOURCE_UNREADABLE, SOURCE_UNSAFE, AMBIGUOUS; FORMAT_UNKNOWN for no table."""
    with Source(source_file) as source:
        data = b""
        while len(data) < HEAD_BYTES and (piece := source.read(HEAD_BYTES - len(data))):
            data += piece
        path = source.path
    if path.name.lower().endswith(".bi5"):
        return _head_of(source, "bi5")
    if data.startswith(b"DBN"):
        return _head_of(source, "dbn")
    if not data:
        raise LakeError("SOURCE_UNREADABLE", f"{path.name} is empty", where=str(path))
    for magic, kind in _BINARY.items():
        if data.startswith(magic) and len(data) > len(magic):
            if source.packed:
                raise _unknown(path, f"a {kind} file inside a {source.container} file", fix="unpack it first")
            return _head_of(source, "parquet" if kind == "parquet" else "arrow")
    for magic, words in _FOREIGN.items():
        if data.startswith(magic):
            raise _unknown(path, words, fix="unpack or convert it first")
    return _text_head(source, data)


def _head_of(source: Source, kind: Kind, **seen: Any) -> Head:  # noqa: ANN401 -- the fields of Head
    return Head(source.source, source.path, source.source.nbytes, source.container, source.member, kind, **seen)


def _unknown(path: Path, what: str, *, fix: str = "") -> LakeError:
    fixes = [fix] if fix else ["look at the file: it may not be what was asked for"]
    return LakeError("FORMAT_UNKNOWN", f"{path.name} is {what}", where=str(path), fix=fixes)


def _text_head(source: Source, data: bytes) -> Head:
    path = source.path
    whole = len(data) < HEAD_BYTES
    encoding, text = _decode(path, data)
    if not whole:
        cut = text.rfind("\n") + 1
        if not cut:
            raise _unknown(path, f"no table: its first line is longer than {HEAD_BYTES} bytes")
        text = text[:cut]
    start = text.lstrip()[:200].casefold()
    if not start:
        raise _unknown(path, "nothing but white space")
    if start[0] == "<" and ("html" in start or "<?xml" in start or "<error" in start):
        raise _unknown(path, "an HTML or XML page, not a table")
    if start[0] in "{[":
        raise _unknown(path, "JSON, not a table")
    if "\n" not in text and "\r" in text:
        raise _unknown(path, "written with line ends of a lone carriage return", fix="convert its line ends")
    lines = text.split("\n")
    filled = [line.rstrip("\r") for line in lines if line.rstrip("\r")][:HEAD_ROWS]
    delimiter = _delimiter(filled[:100])
    rows = [_cells(line, delimiter) for line in filled]
    if max(map(len, rows[:2])) > MAX_COLUMNS:
        raise _unknown(path, f"a table of {len(rows[0])} columns, more than the {MAX_COLUMNS} that are read")
    header = rows[0] if _is_header(rows[0]) else None
    skip = 0
    if header is not None:
        rows = rows[1:]
        skip = next(number for number, line in enumerate(lines, 1) if line.rstrip("\r"))
        if not rows:
            raise _unknown(path, "a header and no rows", fix="there is nothing in it to ingest")
    body = "\n".join(lines[skip:]).encode("utf-8", "surrogateescape")
    names = tuple(cell.strip() for cell in header) if header is not None else None
    return _head_of(
        source,
        "text",
        encoding=encoding,
        delimiter=delimiter,
        header=names,
        rows=tuple(rows),
        skip_lines=skip,
        data=body,
    )


def _decode(path: Path, data: bytes) -> tuple[str, str]:
    encoding = next((name for mark, name in _UNICODE.items() if data.startswith(mark)), "utf-8")
    if encoding == "utf-8":
        if b"\0" in data.split(b"\n", 1)[0] or data.count(b"\0") * 4 > len(data):
            raise _unknown(path, "binary, or UTF-16 without a byte order mark")
        return encoding, data.removeprefix(codecs.BOM_UTF8).decode("utf-8", "surrogateescape")
    try:
        return encoding, codecs.getincrementaldecoder(encoding)().decode(data)
    except UnicodeError as error:
        raise LakeError("SOURCE_UNREADABLE", f"{path.name} is not {encoding}: {error}", where=str(path)) from error


def _cells(line: str, delimiter: str) -> tuple[str, ...]:
    if '"' not in line:
        return tuple(line.split(delimiter))
    try:
        return tuple(next(csv.reader([line], delimiter=delimiter)))
    except csv.Error:
        return tuple(line.split(delimiter))


def _delimiter(lines: list[str]) -> str:
    best, chosen = (0.0, 0), ","
    for delimiter in _DELIMITERS:
        count, share = Counter(len(_cells(line, delimiter)) for line in lines).most_common(1)[0]
        if count > 1 and (share / len(lines), 1) > best:
            best, chosen = (share / len(lines), 1), delimiter
    return chosen


def _is_header(cells: tuple[str, ...]) -> bool:
    filled = [cell.strip() for cell in cells if cell.strip()]
    wordy = [cell for cell in filled if any(character.isalpha() for character in cell)]
    return bool(wordy) and not any(NUMBER.fullmatch(cell) or is_time(cell) for cell in filled)
