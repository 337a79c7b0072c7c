"""Reading a file of instruments or corporate actions: CSV or TOML, every record with the line that says it."""

from __future__ import annotations

import csv
import io
import re
import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lake.errors import LakeError
from lake.reference.yahoo import COLUMNS as YAHOO
from lake.reference.yahoo import actions as of_yahoo
from schemas.instruments import DECLARED, facts_of, key_of, read_fields
from schemas.keys import encode, normalise

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

MAX_BYTES = 8_000_000
MAX_RECORDS = 150_000
"""So many, and what is known of them, are held in memory."""
_SHOWN = 5
_MOST = "A file is imported as one snapshot, and held in memory for it."
_DELIMITERS = ",;\t"


@dataclass(frozen=True, slots=True)
class Record:
    """One record of a file."""

    line: int
    kind: str
    key: str
    facts: dict[str, Any]
    """What it says beyond its natural key; None for what it says to be unknown."""


def read(path: Path, content: bytes, kind: str, defaults: Mapping[str, str]) -> list[Record]:
    """Read the records of a file, each natural key once.

    Args:
        path: Whose ending says whether it is CSV or TOML, and which errors name.
        content: Its bytes.
        kind: `instrument` or `action`; a TOML of instruments may hold aliases too.
        defaults: Fields that hold where a record does not say them.

    Raises:
        LakeError: SOURCE_UNREADABLE for what is no such text; COLUMN_MISSING, SCHEMA with the lines that cannot be
            read or contradict each other.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise LakeError("SOURCE_UNREADABLE", f"it is not UTF-8: {error}", where=str(path)) from None
    is_toml = path.suffix.lower() == ".toml"
    told = _of_toml(path, text, kind) if is_toml else _of_csv(path, text, kind)
    found: dict[tuple[str, str], Record] = {}
    bad: list[str] = []
    for line, of, given in told:
        try:
            record = _alias(line, given) if of == "alias" else _record(line, of, _filled(given, defaults))
        except ValueError as error:
            bad.append(f"line {line}: {error}")
            continue
        known = found.setdefault((record.kind, record.key), record)
        if known.facts != record.facts:
            bad.append(f"line {line}: line {known.line} says otherwise of {record.key}")
        if len(found) > MAX_RECORDS:
            message = f"it has more than {MAX_RECORDS:,} records"
            raise LakeError("SOURCE_UNREADABLE", message, where=str(path), why=_MOST, fix=["cut it up"])
    if bad:
        more = f"; and {len(bad) - _SHOWN:,} more" if len(bad) > _SHOWN else ""
        raise LakeError(
            "SCHEMA",
            "; ".join(bad[:_SHOWN]) + more,
            where=str(path),
            why="A file of records is imported whole or not at all.",
            fix=["correct the file", "docs/instruments.md tells the fields"],
        )
    return list(found.values())


def _filled(given: Mapping[str, Any], defaults: Mapping[str, str]) -> dict[str, Any]:
    return {**given, **{name: word for name, word in defaults.items() if given.get(name) in {None, ""}}}


def _record(line: int, kind: str, given: Mapping[str, Any]) -> Record:
    said = read_fields(kind, given)
    return Record(line, kind, key_of(kind, said), facts_of(kind, said))


def _alias(line: int, given: Mapping[str, Any]) -> Record:
    if not isinstance(given["of"], str):
        raise ValueError(f"{given['of']!r} is no text")  # noqa: TRY004 -- of a file, not of a program
    name, of = normalise(str(given["name"])), normalise(given["of"])
    if name == of:
        raise ValueError(f"{name} is given as another name of itself")
    return Record(line, "alias", encode(name), {"of": of})


def _of_csv(path: Path, text: str, kind: str) -> Iterator[tuple[int, str, dict[str, Any]]]:
    head = next(iter(text.splitlines()), "")
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=max(_DELIMITERS, key=head.count), strict=True)
    try:
        names = [re.sub(r"\s+", "_", name.strip().lower()) for name in next(reader, [])]
        rows = ((reader.line_num, row) for row in reader if any(cell.strip() for cell in row))
        if kind == "action" and set(names) >= YAHOO:
            yield from ((line, kind, given) for line, given in of_yahoo(path, names, list(rows)))
            return
        _refuse_head(path, names, kind)
        for line, row in rows:
            if len(row) != len(names):
                message = f"line {line} has {len(row)} cells, and the head {len(names)}"
                raise LakeError("SOURCE_UNREADABLE", message, where=str(path))
            yield line, kind, dict(zip(names, row, strict=True))
    except csv.Error as error:
        raise LakeError("SOURCE_UNREADABLE", f"line {reader.line_num}: {error}", where=str(path)) from None


def _refuse_head(path: Path, names: list[str], kind: str) -> None:
    known = [field.name for field in DECLARED[kind]]
    needed = "ex_date" if kind == "action" else ""
    if len(set(names)) < len(names) or (unknown := [name for name in names if name not in known]):
        what = f"{unknown[0]!r} is no field" if len(set(names)) == len(names) else "a column is there twice"
        why = f"The fields of an {kind} are {', '.join(known)}."
        raise LakeError("SCHEMA", f"line 1: {what}", where=str(path), why=why, fix=["name the columns by the fields"])
    if needed and needed not in names:
        why = f"The fields of an {kind} are {', '.join(known)}."
        raise LakeError("COLUMN_MISSING", f"there is no column {needed}", where=str(path), why=why, fix=["add it"])


def _of_toml(path: Path, text: str, kind: str) -> Iterator[tuple[int, str, dict[str, Any]]]:
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise LakeError("SOURCE_UNREADABLE", f"it is no TOML: {error}", where=str(path)) from None
    tables, aliases = document.pop(kind, []), document.pop("aliases", {}) if kind == "instrument" else {}
    if document or not isinstance(aliases, dict) or not _are_tables(tables):
        message = f"a TOML file of {kind}s holds [[{kind}]] tables" + (
            ", and [aliases]" if kind == "instrument" else ""
        )
        why = f"It holds {', '.join(document)}." if document else "It holds something else of that name."
        raise LakeError("SCHEMA", message, where=str(path), why=why, fix=["docs/instruments.md shows one"])
    lines = text.splitlines()
    heads = [number for number, line in enumerate(lines, 1) if re.match(rf"\s*\[\[\s*{kind}\s*\]\]", line)]
    heads += [1] * (len(tables) - len(heads))  # tables may be written as one list, too
    for line, table in zip(heads, tables, strict=False):
        yield line, kind, table
    for name, of in aliases.items():
        at = next(
            (number for number, line in enumerate(lines, 1) if re.match(rf'\s*"?{re.escape(name)}"?\s*=', line)), 1
        )
        yield at, "alias", {"name": name, "of": of}


def _are_tables(found: object) -> bool:
    return isinstance(found, list) and all(isinstance(each, dict) for each in found)
