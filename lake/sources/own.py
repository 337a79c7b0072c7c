"""The user's own dialects: files of words in the lake's folder `dialects`, recognised and named like those built in."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from lake.errors import LakeError, printable
from lake.sources.dialects import DIALECTS
from lake.sources.names import SIDE_WORDS
from lake.sources.words import BLANK, NAME, WORDS, told

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from lake.sources.dialects import Dialect

FOLDER = "dialects"
_LARGEST = 1 << 20
_RESERVED = frozenset({"csv", "parquet", "arrow"})


def read_words(path: Path) -> dict[str, Any]:
    """Return the words of a TOML file; USAGE when it cannot be read."""
    shown = printable(path)
    try:
        with path.open("rb") as file:
            text = file.read(_LARGEST + 1)
        if len(text) > _LARGEST:
            raise LakeError("USAGE", f"{shown} is too large to be a mapping", where=shown, fix=["name another file"])
        return tomllib.loads(text.decode())
    except OSError as error:
        message = f"{shown} cannot be read: {error.strerror}"
        raise LakeError("USAGE", message, where=shown, why="It is to say how a table is written.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        message = f"{shown} is not TOML: {error}"
        raise LakeError("USAGE", message, where=shown, why="It is to say how a table is written.") from error


def dialect_of(words: Mapping[str, Any], name: str, where: str = "") -> Dialect:
    """Return the dialect that words declare.

    Raises:
        LakeError: USAGE when they do not declare one.
    """
    if not NAME.fullmatch(name) or name in DIALECTS or name in _RESERVED:
        taken = name in DIALECTS or name in _RESERVED
        why = "A dialect is named like those built in, in lower case, and unlike any of them."
        what = f"{name!r} is the name of another format" if taken else f"{name!r} cannot name a dialect"
        raise LakeError("USAGE", what, where=where, why=why, fix=["choose a name like my-broker-bars"])
    said = told(words, where=where)
    if not said.of_columns or "type" not in words:
        what = "it does not say what its columns are" if not said.of_columns else "it does not say what its rows are"
        fix = 'columns = ["ts", "price", "size"]' if not said.of_columns else 'type = "bars"'
        raise LakeError("USAGE", what, where=where, why="A dialect names its columns and its type.", fix=[fix])
    header = tuple(words.get("header", ()))
    fields: dict[str, Any] = {"name": name, "title": name, "vendor": where, "sample": where, **said.fields}
    if said.columns:
        fields |= {"columns": said.columns, "header": "always" if header else "never"}
        if header:
            fields |= {"headers": (header,), "header_lacks": len(said.columns) - len(header)}
    else:
        by_name = {column: target for target, column in said.named.items()}
        fields |= {"header": "always", "by_name": by_name, "required": tuple(by_name)}
    if "file" in said.fields:
        fields["needs"] = ("file",)
    elif not header and said.columns:
        fields["needs"] = ("asking",)
    if "side" in {*said.columns, *said.named}:
        fields.setdefault("sides", SIDE_WORDS)
    return replace(BLANK, **fields)


def own_dialects(root: Path, warn: Callable[[str], None] | None = None) -> dict[str, Dialect]:
    """Return the dialects that lie in a lake's folder; a broken one is told to `warn` and left out."""
    found: dict[str, Dialect] = {}
    for path in sorted((root / FOLDER).glob("*.toml")):
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
            tables += ["", f"[{name}]", *(f"{_toml(key)} = {_toml(item)}" for key, item in value.items())]
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
    marks = {'"': '\\"', "\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"}
    return '"' + "".join(marks.get(c, c if c.isprintable() else f"\\U{ord(c):08x}") for c in value) + '"'
