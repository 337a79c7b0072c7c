"""JSON tables as delimited lines: arrays of flat arrays, arrays of flat objects, and a flat object on each line.

The records are streamed, whatever the length of the file's only line. What is plainly written is rewritten whole; a
block with anything odd goes record by record, and a record that is no row of a table is told apart with its text.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, NoReturn, Protocol

from lake.errors import LakeError
from lake.sources.careful import Bad, text_of
from lake.sources.model import Reject

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

Layout = Literal["lines", "arrays", "objects", "ndjson"]
"""How a source's records stand: as lines of text, in a JSON array of arrays or of objects, or a JSON object a line."""

LAYOUTS: dict[str, str] = {
    "arrays": "a JSON array of arrays",
    "objects": "a JSON array of objects",
    "ndjson": "a JSON object on each line",
}
MAX_LINE = 1 << 20
"""Bytes of the longest line, or record of a JSON array."""

_SPACE = b" \t\r\n"
_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*"|[\[\]{}]|"', re.DOTALL)
_SPLIT_NUMBER = re.compile(rb"[^\s,\[\]][ \t\r\n]+[^\s,\[\]]")
_STRUCTURE = b"[]{},\\\t\r\n\0"
_NUMERIC = b'0123456789+-.eE,[]"'
_VALUE = rb'(?:null|(true|false|-?\d[\d.eE+-]*|"[^"\\{}\x00-\x1f]*"))'


Plainly = Callable[[bytes], bytes | None]
"""Rewrites records that are plainly written; gives None for others."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Records that follow each other: as delimited lines that end in a newline, or, without lines, bad ones."""

    data: bytes
    record: int
    """The number of the first one."""
    count: int
    rejects: tuple[Reject, ...] = ()


class _Plain(str):
    """A number as it is written."""

    __slots__ = ()


def no_constant(word: str) -> NoReturn:
    """Raise Bad for NaN and the infinities, which JSON has not."""
    raise Bad("bad_value", f"{word} is no JSON")


def unique(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object; Bad when a name stands in it twice, for then nobody knows which value is meant."""
    made = dict(pairs)
    if len(made) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise Bad("bad_value", f"{twice[:60]!r} stands in it twice")
    return made


_DECODE = json.JSONDecoder(
    parse_float=_Plain, parse_int=_Plain, parse_constant=no_constant, object_pairs_hook=unique
).decode


def decoded(raw: bytes) -> Any:  # noqa: ANN401 -- any JSON value
    """Return one JSON value, its numbers as they are written; Bad when it is none."""
    try:
        return _DECODE(raw.decode("utf-8"))
    except RecursionError as error:
        raise Bad("bad_value", "it is nested too deep") from error
    except UnicodeDecodeError as error:
        raise Bad("bad_value", "it is not UTF-8") from error
    except Bad:
        raise
    except ValueError as error:
        raise Bad("bad_value", f"it is no JSON: {error}") from error


def cells_of(raw: bytes, keys: Sequence[str]) -> list[bytes]:
    """Return a record's cells as delimited text writes them, of an object in the order of `keys`; Bad when not flat."""
    value = decoded(raw)
    if isinstance(value, dict):
        other = next((key for key in value if key not in keys), None)
        if other is not None:
            raise Bad("bad_value", f"{other[:60]!r} is not among the names of the first records")
        value = [value.get(key) for key in keys]
    elif keys or not isinstance(value, list):
        raise Bad("bad_value", "it is no object" if keys else "it is no array")
    if not value:
        raise Bad("bad_value", "it is empty")
    return [_cell(item) for item in value]


def _cell(item: Any) -> bytes:  # noqa: ANN401 -- any JSON value
    if item is None:
        return b""
    if isinstance(item, bool):
        return b"true" if item else b"false"
    if isinstance(item, _Plain):
        return item.encode()
    if not isinstance(item, str):
        raise Bad("bad_value", "it holds an array or an object")
    if "\n" in item or "\r" in item or "\0" in item:
        raise Bad("bad_value", "a text in it has a line end or a NUL")
    try:
        return b'"' + item.replace('"', '""').encode() + b'"'
    except UnicodeEncodeError as error:
        raise Bad("bad_value", "a text in it has half of a surrogate pair") from error


class Flattener(Protocol):
    """Turns chunks of JSON into pieces."""

    def pieces(self, chunks: Iterable[bytes]) -> Iterator[Piece]:
        """Yield the records in order.

        Raises:
            LakeError: SOURCE_UNREADABLE when the JSON ends too early or goes on after its end.
        """
        ...


def flattener(layout: Layout, keys: Sequence[str], name: str) -> Flattener:
    """Return what flattens a source of a layout; `keys` are the names in its objects, `name` is the file's."""
    return _Lines(keys, name) if layout == "ndjson" else _Array(layout, keys, name)


class _Array:
    """One array around all records."""

    def __init__(self, layout: Layout, keys: Sequence[str], name: str) -> None:
        self._open, self._close = (b"[", b"]") if layout == "arrays" else (b"{", b"}")
        self._keys, self._name = keys, name
        self._plainly: Plainly = flat_arrays
        if layout == "objects":
            self._plainly = partial(_flat_objects, pattern=_objects(keys, lines=False))
        self._cut = re.compile(rb"[ \t\r\n]*,[ \t\r\n]*" + re.escape(self._open))
        self._record = 1
        self._started = self._over = False

    def pieces(self, chunks: Iterable[bytes]) -> Iterator[Piece]:
        rest = b""
        for chunk in chunks:
            rest += chunk
            if not self._started:
                rest = rest.lstrip(_SPACE)
                if not rest:
                    continue
                if rest[:1] != b"[":
                    raise self._broken("does not start with [")
                self._started, rest = True, rest[1:]
            end = self._end(rest)
            flat = self._fast(rest[:end]) if end else None
            if flat is not None:
                yield flat
                rest = rest[self._cut.match(rest, end).end() - 1 :]  # type: ignore[union-attr]  # _end looked for it
            else:
                made, rest = self._slow(rest)
                yield from made
            if len(rest) > MAX_LINE:
                raise self._broken(f"has a record of more than {MAX_LINE} bytes")
        made, rest = self._slow(rest)
        yield from made
        if not self._over:
            raise self._broken("ends before its array is closed")

    def _broken(self, what: str) -> LakeError:
        message = f"{self._name} {what}"
        return LakeError(
            "SOURCE_UNREADABLE", message, where=self._name, why="It may have been cut while it was copied."
        )

    def _end(self, data: bytes) -> int:
        """Return where the last record ends that another follows, as far as that is plain to see; 0 where it is not."""
        end = len(data)
        for _ in range(8):
            end = data.rfind(self._close, 0, end)
            if end < 0:
                return 0
            if self._cut.match(data, end + 1):
                return end + 1
        return 0

    def _fast(self, data: bytes) -> Piece | None:
        lines = self._plainly(data)
        if lines is None:
            return None
        count = lines.count(b"\n")
        self._record += count
        return Piece(lines, self._record - count, count)

    def _slow(self, data: bytes) -> tuple[list[Piece], bytes]:
        """Return the records that are whole, and the rest; told apart by their brackets."""
        if self._over:
            raws, rest = list[bytes](), data
        else:
            raws, rest, self._over = whole_records(data)
        if self._over and rest.strip(_SPACE):
            raise self._broken("goes on after its array is closed")
        made = list(in_pieces(((self._record + i, raw) for i, raw in enumerate(raws)), self._keys, self._plainly))
        self._record += len(raws)
        return made, rest


def whole_records(data: bytes) -> tuple[list[bytes], bytes, bool]:
    """Return the members of an array that are whole, what follows them, and whether the array was closed there."""
    raws: list[bytes] = []
    stray: list[bytes] = []
    depth = start = at = 0
    for token in _TOKEN.finditer(data):
        mark = token[0]
        if mark == b'"':
            break  # a text that does not end here
        if mark in {b"[", b"{"}:
            if not depth:
                start, stray = token.start(), _between(data[at : token.start()])
            depth += 1
        elif mark in {b"]", b"}"}:
            if not depth:
                return raws + _between(data[at : token.start()]), data[token.end() :], True
            depth -= 1
            if not depth:
                raws += [*stray, data[start : token.end()]]
                at = token.end()
    return raws, data[at:].lstrip(_SPACE + b","), False


def _between(data: bytes) -> list[bytes]:
    """Return what stands between two records besides commas: no record, but not to be lost."""
    odd = data.strip(_SPACE + b",")
    return [odd] if odd else []


class _Lines:
    """An object on each line."""

    def __init__(self, keys: Sequence[str], name: str) -> None:
        self._keys, self._name = keys, name
        self._plainly = partial(_flat_objects, pattern=_objects(keys, lines=True))
        self._line = 1

    def pieces(self, chunks: Iterable[bytes]) -> Iterator[Piece]:
        for data in whole_lines(iter(chunks), self._name):
            lines = data.count(b"\n") + (not data.endswith(b"\n"))
            flat = self._plainly(data)
            if flat is not None and flat.count(b"\n") == lines:
                yield Piece(flat, self._line, lines)
            else:
                numbered = ((self._line + i, raw.strip(_SPACE)) for i, raw in enumerate(data.split(b"\n")))
                yield from in_pieces(((line, raw) for line, raw in numbered if raw), self._keys, self._plainly)
            self._line += lines


def in_pieces(records: Iterable[tuple[int, bytes]], keys: Sequence[str], plainly: Plainly) -> Iterator[Piece]:
    """Yield numbered records one by one looked at: good ones and bad ones that follow each other together."""
    good: list[bytes] = []
    bad: list[Reject] = []
    first = following = 0
    for number, raw in records:
        line = plainly(raw)
        reject = None
        if line is None:
            try:
                line = (b",".join(cells_of(raw, keys)) or b'""') + b"\n"
            except Bad as verdict:
                reject = Reject(verdict.reason, number, text_of(raw), verdict.detail)
        if (good and (reject is not None or number != following)) or (bad and reject is None):
            yield Piece(b"".join(good), first, len(good) + len(bad), tuple(bad))
            good, bad = [], []
        first = first if good or bad else number
        following = number + 1
        if reject is not None:
            bad.append(reject)
        else:
            good.append(line or b"")
    if good or bad:
        yield Piece(b"".join(good), first, len(good) + len(bad), tuple(bad))


def flat_arrays(data: bytes) -> bytes | None:
    """Return arrays parted by commas as lines, rewritten whole; None when one may not be plainly written or flat."""
    data = data.replace(b", ", b",")  # of texts only those without commas are plain
    parts = data.split(b'"')
    bare, texts = parts[::2], b"".join(parts[1::2])
    if not len(parts) % 2 or len(texts.translate(None, _STRUCTURE)) != len(texts):
        return None
    around = b"".join(bare) if len(bare) > 1 else data
    if b" " in around or b"\n" in around:
        if any(map(_SPLIT_NUMBER.search, bare)):
            return None
        bare = [part.translate(None, _SPACE) for part in bare]
        parts[::2] = bare
        data = b'"'.join(parts)
    skeleton = b'""'.join(bare) if len(bare) > 1 else data
    opened = skeleton.count(b',""') + skeleton.count(b'[""')
    if opened != len(parts) // 2 or opened != skeleton.count(b'"",') + skeleton.count(b'""]'):
        return None
    if any(pair in skeleton for pair in (b",,", b"[,", b",]", b"[]")):
        return None
    if b"null" in skeleton:
        data, skeleton = _without_nulls(data), _without_nulls(skeleton)
    return data[1:-1].replace(b"],[", b"\n") + b"\n" if _is_flat(skeleton) else None


def _is_flat(skeleton: bytes) -> bool:
    """Whether arrays without what stands in their texts are flat, and hold nothing but texts and numbers."""
    records = skeleton.count(b"],[") + 1
    flat = skeleton.count(b"[") == records == skeleton.count(b"]")
    return flat and skeleton[:1] == b"[" and skeleton[-1:] == b"]" and not skeleton.translate(None, _NUMERIC)


def _without_nulls(data: bytes) -> bytes:
    """Empty the cells that are null; texts hold neither commas nor brackets."""
    data = data.replace(b",null,", b",,").replace(b",null,", b",,")
    return data.replace(b",null]", b",]").replace(b"[null,", b"[,")


def _objects(keys: Sequence[str], *, lines: bool) -> re.Pattern[bytes]:
    """Return the pattern of an object with these names in this order, and of what parts it from the next."""
    space = rb"[ \t\r]*" if lines else rb"[ \t\r\n]*"
    members = [re.escape(json.dumps(key, ensure_ascii=False).encode()) + space + b":" + space + _VALUE for key in keys]
    inside = (space + b"," + space).join(members)
    end = rb"(?:\n|\Z)" if lines else b",?" + space
    return re.compile(space + rb"\{" + space + inside + space + rb"\}" + space + end)


def _flat_objects(data: bytes, pattern: re.Pattern[bytes]) -> bytes | None:
    """Return objects as lines of their values; None when one is not written as the first ones are."""
    lines, end = [], 0
    for match in pattern.finditer(data):
        if match.start() != end:
            return None
        end = match.end()
        lines.append(b",".join(match.groups(b"")))
    if end != len(data) or b"" in lines:
        return None
    return b"\n".join(lines) + b"\n" if lines else None


def whole_lines(chunks: Iterator[bytes], name: str) -> Iterator[bytes]:
    """Cut chunks after their last newline; what is left at the end comes last.

    A line that goes on over chunks may not exceed MAX_LINE.

    Raises:
        LakeError: SOURCE_UNREADABLE for a longer one.
    """
    rest = b""
    for chunk in chunks:
        cut = chunk.rfind(b"\n") + 1
        if cut:
            yield rest + chunk[:cut] if rest else chunk[:cut]
            rest = chunk[cut:]
        else:
            rest += chunk
            if len(rest) > MAX_LINE:
                raise LakeError("SOURCE_UNREADABLE", f"{name} has a line of more than {MAX_LINE} bytes", where=name)
    if rest:
        yield rest
