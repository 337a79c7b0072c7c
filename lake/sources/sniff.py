"""A first look at a source: container, encoding, delimiter, header and the first records; nothing is concluded yet."""

from __future__ import annotations

import codecs
import csv
from collections import Counter
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

from lake.errors import LakeError
from lake.sources.careful import Bad
from lake.sources.containers import Container, Member, Source, SourceFile
from lake.sources.flatten import LAYOUTS, Layout
from lake.sources.json_head import is_json, json_head
from lake.sources.times import is_time
from lake.sources.written import AS_USUAL, Written

if TYPE_CHECKING:
    from pathlib import Path

    from lake.sources.written import Numerals

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
    b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1": "an Excel workbook, or another Office file",
    b"SQLite": "an SQLite database",
}
_UNICODE = {codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16", codecs.BOM_UTF8: "utf-8"}


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
    layout: Layout = "lines"
    """How records stand in the file; those of JSON are lines here, as they are read."""
    messages: bytes = b""
    """The first lines of a file with a JSON object on each, as they stand; there may be no rows then."""
    written: Written = AS_USUAL
    """How it was taken to be written."""
    refusal: LakeError | None = None
    """Why it is no table when taken so; it may be one when taken otherwise."""
    raw: bytes = field(default=b"", repr=False)
    """The first bytes, unpacked, as they stand in the file."""

    @cached_property
    def width(self) -> int:
        """How many cells most records have."""
        return Counter(map(len, self.rows)).most_common(1)[0][0] if self.rows else len(self.header or ())

    @cached_property
    def full_rows(self) -> tuple[tuple[str, ...], ...]:
        """The rows that have as many cells as most."""
        return tuple(row for row in self.rows if len(row) == self.width)

    @cached_property
    def plain_rows(self) -> tuple[tuple[str, ...], ...]:
        """The full rows, with numbers as they are without marks of their own."""
        numerals = self.written.numerals
        if not numerals.marked:
            return self.full_rows
        return tuple(tuple(numerals.plain(cell.strip()) or cell for cell in row) for row in self.full_rows)

    def column(self, name: str) -> int:
        """Return where the column is that a dialect calls so, whatever the case of the header; digits are its place."""
        names = self.header or ()
        if name in names:
            return names.index(name)
        folded = [each.casefold() for each in names]
        return folded.index(name.casefold()) if name.casefold() in folded else int(name)

    @cached_property
    def is_utf8(self) -> bool:
        """Whether its bytes are UTF-8, or say that they are UTF-16."""
        if self.encoding != "utf-8":
            return True
        try:
            codecs.getincrementaldecoder("utf-8")().decode(self.raw)
        except UnicodeDecodeError:
            return False
        return True

    def under(self, written: Written) -> Head:
        """Return the head of a text taken to be written so; it may hold a refusal instead of rows."""
        if written == self.written or self.kind != "text":
            return self
        if written not in self._others:
            bare = Head(self.source, self.path, self.nbytes, self.container, self.member, "text", raw=self.raw)
            self._others[written] = _taken(bare, written)
        return self._others[written]

    @cached_property
    def _others(self) -> dict[Written, Head]:
        return {}

    def seen(self) -> str:
        """Say in a few words what the file looks like, for a refusal."""
        if not self.rows:
            return f"JSON messages, the first {self.messages[:120].decode('utf-8', 'backslashreplace')!r}"
        if self.header is not None:
            names = ", ".join(self.header[:12]) + (", …" if len(self.header) > 12 else "")
            return f"a header with the columns {names}"
        first = self.delimiter.join(self.rows[0])[:120] if self.rows else ""
        return f"no header, {self.width} columns parted by {self.delimiter!r}, first record {first!r}"


def look(source_file: Path | SourceFile, written: Written = AS_USUAL) -> Head:
    """Read the head of a source, a text as it is said to be written, and else as it looks.

    Raises:
        LakeError: SOURCE_UNREADABLE, SOURCE_UNSAFE, AMBIGUOUS; FORMAT_UNKNOWN for what no table is read from. Why a
            text is none is only kept, as the head's refusal.
    """
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
    return _taken(_head_of(source, "text", raw=data), written)


def _head_of(source: Source, kind: Kind, **seen: Any) -> Head:  # noqa: ANN401 -- the fields of Head
    return Head(source.source, source.path, source.source.nbytes, source.container, source.member, kind, **seen)


def _taken(bare: Head, written: Written) -> Head:
    """Return the head of a text, of which only the first bytes are known so far, taken to be written so."""
    try:
        return _text_head(bare, written)
    except LakeError as error:
        return replace(bare, written=written, refusal=error)


def _unknown(path: Path, what: str, *, fix: str = "") -> LakeError:
    fixes = [fix] if fix else ["look at the file: it may not be what was asked for"]
    return LakeError("FORMAT_UNKNOWN", f"{path.name} is {what}", where=str(path), fix=fixes)


def _text_head(bare: Head, written: Written) -> Head:
    path, data = bare.path, bare.raw
    whole = len(data) < HEAD_BYTES
    encoding, text = _decode(path, data, written.encoding)
    if is_json(text[:2000].encode("utf-8", "surrogateescape")):
        seen = replace(bare, encoding=encoding, written=written)
        return _json(seen, text.encode("utf-8", "surrogateescape"), whole=whole)
    if not whole:
        cut = text.rfind("\n") + 1
        if not cut:
            raise _unknown(path, f"no table: its first line is longer than {HEAD_BYTES} bytes")
        text = text[:cut]
    _refuse_others(path, text)
    lines = text.split("\n")
    numbered = written.records(lines)[:HEAD_ROWS]
    if not numbered:
        raise _unknown(path, "nothing but lines that are no records")
    filled = [line for _, line in numbered]
    delimiter = written.delimiter or _delimiter(filled[:100])
    rows = [_cells(line, delimiter) for line in filled]
    if max(map(len, rows[:2])) > MAX_COLUMNS:
        raise _unknown(path, f"a table of {len(rows[0])} columns, more than the {MAX_COLUMNS} that are read")
    header = rows[0] if _is_header(rows[0], written.numerals) else None
    skip = written.preamble
    if header is not None:
        rows = rows[1:]
        skip = numbered[0][0]
        if not rows:
            raise _unknown(path, "a header and no rows", fix="there is nothing in it to ingest")
    body = "\n".join(lines[skip:]).encode("utf-8", "surrogateescape")
    names = tuple(cell.strip() for cell in header) if header is not None else None
    seen = replace(bare, encoding=encoding, delimiter=delimiter, header=names, rows=tuple(rows))
    return replace(seen, skip_lines=skip, data=body, written=written)


def _refuse_others(path: Path, text: str) -> None:
    """Refuse texts that are plainly no tables."""
    start = text.lstrip()[:200].casefold()
    if not start:
        raise _unknown(path, "nothing but white space")
    if start[0] == "<" and ("html" in start or "<?xml" in start or "<error" in start):
        raise _unknown(path, "an HTML or XML page, not a table")
    if "\n" not in text and "\r" in text:
        raise _unknown(path, "written with line ends of a lone carriage return", fix="convert its line ends")


def _json(head: Head, data: bytes, *, whole: bool) -> Head:
    try:
        found = json_head(data, whole=whole, most=HEAD_ROWS)
    except Bad as bad:
        fix = f"what is read: {', '.join(LAYOUTS.values())}; values that are neither arrays nor objects"
        raise _unknown(head.path, bad.detail, fix=fix) from bad
    if found.layout == "messages":
        return replace(head, messages=found.lines)
    lines = data[: data.rfind(b"\n") + 1] or data if found.layout == "ndjson" else b""
    header = found.keys or None
    return replace(head, layout=found.layout, header=header, rows=found.rows, data=found.lines, messages=lines)


def _decode(path: Path, data: bytes, said: str | None) -> tuple[str, str]:
    mark = next((name for mark, name in _UNICODE.items() if data.startswith(mark)), None)
    if mark is not None and said is not None and said.removesuffix("-le").removesuffix("-be") != mark:
        raise LakeError(
            "FORMAT_MISMATCH",
            f"{path.name} begins with the mark of {mark.upper()}, and is said to be {said}",
            where=str(path),
            fix=["drop --encoding"],
        )
    encoding = said or ("utf-16" if mark == "utf-16" else "utf-8")
    if encoding == "utf-16" and mark is None:
        why = "UTF-16 without a mark does not say which byte of two comes first."
        fix = ["--encoding utf-16-le", "--encoding utf-16-be"]
        raise LakeError("AMBIGUOUS", f"{path.name} has no byte order mark", where=str(path), why=why, fix=fix)
    if encoding == "utf-8":
        if b"\0" in data.split(b"\n", 1)[0] or data.count(b"\0") * 4 > len(data):
            way_out = "if it is a table in UTF-16: --encoding utf-16-le, or utf-16-be"
            raise _unknown(path, "binary, or UTF-16 without a byte order mark", fix=way_out)
        return encoding, data.removeprefix(codecs.BOM_UTF8).decode("utf-8", "surrogateescape")
    try:
        return encoding, codecs.getincrementaldecoder(encoding)().decode(data).removeprefix("\ufeff")
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


def _is_header(cells: tuple[str, ...], numerals: Numerals) -> bool:
    filled = [cell.strip() for cell in cells if cell.strip()]
    wordy = [cell for cell in filled if any(character.isalpha() for character in cell)]
    return bool(wordy) and not any(numerals.plain(cell, scaled=True) or is_time(cell) for cell in filled)
