"""The user's own dialects: files of words in the lake's folder `dialects`, recognised and named like those built in."""

from __future__ import annotations

import re
import tomllib
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from lake.errors import LakeError, printable
from lake.sources.dialects import known
from lake.sources.dialects.checking import GENERIC
from lake.sources.dialects.table import OWN_FOLDER
from lake.sources.generic import OTHERS, clocked
from lake.sources.names import COLUMNS, LEAST, SIDE_WORDS
from lake.sources.words import BLANK, NAME, WORDS, told

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from lake.sources.dialects import Dialect
    from lake.sources.words import Told

_BARE = re.compile("[A-Za-z0-9_-]+")
"""Keys that stand in TOML without quotes."""
_LARGEST = 1 << 20


def read_words(path: Path, why: str = "It is to say how a table is written.") -> dict[str, Any]:
    """Return the words of a TOML file; USAGE when it cannot be read, with why it was to be."""
    shown = printable(path)
    try:
        with path.open("rb") as file:
            text = file.read(_LARGEST + 1)
        if len(text) > _LARGEST:
            message = f"{shown} is too large: some lines are enough"
            raise LakeError("USAGE", message, where=shown, why=why, fix=["name another file"])
        return tomllib.loads(text.decode())
    except OSError as error:
        raise LakeError("USAGE", f"{shown} cannot be read: {error.strerror}", where=shown, why=why) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise LakeError("USAGE", f"{shown} is not TOML: {error}", where=shown, why=why) from error


def dialect_of(words: Mapping[str, Any], name: str, where: str = "") -> Dialect:
    """Return the dialect that words declare.

    Raises:
        LakeError: USAGE when they do not declare one.
    """
    taken = name in known() or name in GENERIC
    if taken or not NAME.fullmatch(name):
        why = "A dialect is named like those built in, in lower case, and unlike any of them."
        what = f"{name!r} is the name of another format" if taken else f"{name!r} cannot name a dialect"
        raise LakeError("USAGE", what, where=where, why=why, fix=["choose a name like my-broker-bars"])
    said = told(words, where=where)
    if not said.of_columns or "type" not in words:
        what = "it does not say what its columns are" if not said.of_columns else "it does not say what its rows are"
        fix = 'columns = ["ts", "price", "size"]' if not said.of_columns else 'type = "bars"'
        raise LakeError("USAGE", what, where=where, why="A dialect names its columns and its type.", fix=[fix])
    fields: dict[str, Any] = {"name": name, "title": name, "vendor": where, "sample": where, **said.fields}
    fields |= _in_order(said, tuple(words.get("header", ()))) if said.columns else _by_name(said, where)
    targets = {*fields.get("columns", ()), *fields.get("by_name", {}).values()} - {None}
    if "buyer_maker" in targets:
        what = "buyer_maker is no column of a dialect"
        raise LakeError("USAGE", what, where=where, why="It is a side, told of the maker.", fix=['side = "maker"'])
    _refuse_others(targets, fields["asset"], where)
    if "file" in said.fields:
        fields["needs"] = ("file",)
    elif fields["header"] == "never":
        fields["needs"] = ("asking",)
    if "side" in targets:
        fields.setdefault("sides", SIDE_WORDS)
    return replace(BLANK, **fields)


def _in_order(said: Told, header: tuple[str, ...]) -> dict[str, Any]:
    """Return the fields of a dialect whose columns are named in order, under a header or none."""
    at = clocked({target: place for place, target in enumerate(said.columns) if target is not None})
    places = {place: target for target, place in at.items()}
    columns = tuple(places.get(place) for place in range(len(said.columns)))
    if not header:
        return {"columns": columns, "header": "never"}
    return {"columns": columns, "header": "always", "headers": (header,), "header_lacks": len(columns) - len(header)}


def _by_name(said: Told, where: str) -> dict[str, Any]:
    """Return the fields of a dialect whose columns are found by their names."""
    by_name = {column: target for target, column in clocked(dict(said.named)).items()}
    if len(by_name) < len(said.named):
        why = "A dialect reads a column once."
        raise LakeError("USAGE", "a column is named for two of ours", where=where, why=why, fix=["name each once"])
    scaling = said.fields.get("price_scale_by")
    required = tuple(dict.fromkeys((*by_name, *([scaling[0]] if scaling else []))))
    return {"header": "always", "by_name": by_name, "required": required}


def _refuse_others(targets: set[str], asset: str, where: str) -> None:
    """Refuse columns that the lake has not, and the lack of those that rows cannot be without."""
    allowed = {*COLUMNS[asset], *OTHERS} - {"date", "time", "buyer_maker"}
    wrong = sorted(targets - allowed)
    if wrong:
        fix = [f"one of: {', '.join(sorted(allowed))}"]
        raise LakeError("USAGE", f"{asset} has no column {wrong[0]!r}", where=where, why="Our names are used.", fix=fix)
    absent = [target for target in LEAST[asset] if target not in targets]
    absent += [] if targets & {"ts", "ts.date"} else ["ts"]
    if absent:
        why = "Rows cannot be without it."
        raise LakeError(
            "USAGE", f"no column is {absent[0]}", where=where, why=why, fix=[f"say which one is {absent[0]}"]
        )


def own_dialects(root: Path, warn: Callable[[str], None] | None = None) -> dict[str, Dialect]:
    """Return the dialects that lie in a lake's folder; a broken one is told to `warn` and left out."""
    found: dict[str, Dialect] = {}
    for path in sorted((root / OWN_FOLDER).glob("*.toml")):
        try:
            found[path.stem] = dialect_of(read_words(path), path.stem, printable(path))
        except LakeError as error:
            if warn is not None:
                warn(f"{printable(path)} is left out: {error.message}")
    return found


def text_of(words: Mapping[str, Any]) -> str:
    """Return words as a TOML file, in the order of their table."""
    lines = []
    tables = []
    for name in WORDS:
        if name not in words:
            continue
        value = words[name]
        if hasattr(value, "items"):
            tables += [
                "",
                f"[{name}]",
                *(f"{key if _BARE.fullmatch(key) else _toml(key)} = {_toml(item)}" for key, item in value.items()),
            ]
        else:
            lines.append(f"{name} = {_toml(value)}")
    return "\n".join([*lines, *tables, ""])


def _toml(value: Any) -> str:  # noqa: ANN401 -- texts, numbers, flags and lists of texts
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return str(value)
    if isinstance(value, list | tuple):
        return f"[{', '.join(_toml(item) for item in value)}]"
    if "\\" in value and "'" not in value and value.isprintable():
        return f"'{value}'"
    marks = {'"': '\\"', "\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"}
    return '"' + "".join(marks.get(c, c if c.isprintable() else f"\\U{ord(c):08x}") for c in value) + '"'
