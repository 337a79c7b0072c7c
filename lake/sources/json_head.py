"""The start of a JSON source: how its records stand, and the first of them as a table's rows."""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from typing import Literal

from lake.sources.careful import Bad
from lake.sources.flatten import Layout, decoded, flattener, whole_records

_STAMPED = re.compile(rb"\d{10,19} +[{\[]")
"""A line of a capture: when the message came, and the message."""
_SPACE = b" \t\r\n"


@dataclass(frozen=True, slots=True)
class JsonHead:
    """What was found; `messages` are records that are no rows of a table, an object a line, maybe after a time."""

    layout: Layout | Literal["messages"]
    keys: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    lines: bytes = b""
    """The first records as delimited lines; of messages as they stand."""


def is_json(data: bytes) -> bool:
    """Return whether a source starts as JSON does, or as a capture of JSON messages with their times does."""
    data = data.lstrip(_SPACE)
    return data[:1] in {b"{", b"["} or _STAMPED.match(data) is not None


def json_head(data: bytes, *, whole: bool, most: int) -> JsonHead:
    """Look at the start of a source, of which at most `most` records.

    Raises:
        Bad: It is in no layout that is read; the message says what it is.
    """
    start = data.lstrip(_SPACE)
    if start[:1] != b"[":
        return _lines_head(data, whole=whole, most=most)
    mark = start[1:].lstrip(_SPACE)[:1]
    if mark not in {b"[", b"{"}:
        raise Bad("bad_value", "an empty JSON array" if mark == b"]" else "a JSON array of neither arrays nor objects")
    raws = whole_records(start[1:])[0][:most]
    if not raws:
        raise Bad("bad_value", "JSON whose first record does not end")
    layout: Layout = "arrays" if mark == b"[" else "objects"
    keys = _keys(raws) if layout == "objects" else ()
    made = flattener(layout, keys, "the file").pieces([b"[" + b",".join(raws) + b"]"])
    return _table(layout, keys, b"".join(piece.data for piece in made))


def _lines_head(data: bytes, *, whole: bool, most: int) -> JsonHead:
    end = len(data) if whole else data.rfind(b"\n") + 1
    lines = [line for line in data[:end].split(b"\n") if line.strip(_SPACE)][:most]
    if not lines:
        raise Bad("bad_value", "JSON whose first line does not end")
    messages = JsonHead("messages", lines=b"\n".join(lines) + b"\n")
    if lines[0].lstrip()[:1] != b"{":
        return messages
    try:
        first = decoded(lines[0].strip(_SPACE))
    except Bad as bad:
        raise Bad("bad_value", "JSON, but neither an array of records nor an object on each line") from bad
    if any(isinstance(value, (dict, list)) for value in first.values()):
        return messages
    keys = _keys(lines)
    made = flattener("ndjson", keys, "the file").pieces([messages.lines])
    return _table("ndjson", keys, b"".join(piece.data for piece in made))


def _keys(raws: list[bytes]) -> tuple[str, ...]:
    """Return the names in the records, in the order in which they first come."""
    found: dict[str, None] = {}
    for raw in raws:
        try:
            value = decoded(raw.strip(_SPACE))
        except Bad:
            continue
        if isinstance(value, dict):
            found.update(dict.fromkeys(value))
    if any("\ud800" <= character <= "\udfff" for key in found for character in key):
        raise Bad("bad_value", "JSON with half of a surrogate pair in a name")
    return tuple(found)


def _table(layout: Layout, keys: tuple[str, ...], lines: bytes) -> JsonHead:
    texts = lines.decode("utf-8", "surrogateescape").split("\n")[:-1]  # splitlines knows ends that are none here
    try:
        rows = tuple(tuple(row) for row in csv.reader(texts))
    except csv.Error as error:
        raise Bad("bad_value", f"JSON with a text that is no cell: {error}") from error
    if not rows:
        raise Bad("bad_value", "JSON whose records hold arrays or objects, and are no rows of a table")
    return JsonHead(layout, keys, rows, lines)
