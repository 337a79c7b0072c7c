"""From a table that was read by the user's words to the words of a dialect of their own."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any

from lake.errors import LakeError
from lake.sources.containers.suffixes import stem
from lake.sources.dialects import known
from lake.sources.dialects.table import OWN_FOLDER
from lake.sources.own import dialect_of, text_of
from lake.sources.words import NOT_KEPT, WORDS
from lake.staging import storage_error

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from lake.sources.model import Plan, SourceOptions
    from lake.sources.resolve import Draft
    from lake.sources.sniff import Head

_OF_COLUMNS = ("columns", "map", "date-column", "time-column", "header")
_SYMBOL = "(?P<symbol>[A-Za-z0-9.-]+)"


def words_for(plan: Plan, head: Head, draft: Draft, options: SourceOptions) -> dict[str, Any]:
    """Return the words that read such files as this one is read, nothing of it left to be found out again."""
    words = {name: value for name, value in options.words.items() if name not in _OF_COLUMNS}
    words |= {"type": draft.asset, "delimiter": head.delimiter}
    targets = {("side" if target == "buyer_maker" else target): place for target, place in draft.targets.items()}
    if "buyer_maker" in draft.targets:
        words.setdefault("side", "maker")
    names = head.header or ()
    if len(names) == head.width and all(names.count(names[place]) == 1 and names[place] for place in targets.values()):
        words["map"] = {target: names[place] for target, place in targets.items()}
    else:
        at = {place: target for target, place in targets.items()}
        words["columns"] = [at.get(place, NOT_KEPT) for place in range(head.width)]
        words |= {"header": list(names)} if names else {}
    clock = plan.recipe.times[0]
    if "time-format" not in words and "time-unit" not in words:
        words |= {"time-unit": clock.unit} if clock.kind == "epoch" else {"time-format": str(clock.text)}
    given = {"tz": options.tz, "exchange": options.exchange, "market": options.market}
    words |= {name: value for name, value in given.items() if value is not None}
    words.setdefault("file", _pattern(head.path.name, options.symbol))
    return {name: words[name] for name in WORDS if name in words}


def _pattern(name: str, symbol: str | None) -> str:
    """Return a pattern of names like this one: other digits, and another symbol where the symbol is part of it."""
    bare = stem(name)
    if symbol:
        parts = re.split(rf"(?<![A-Za-z0-9]){re.escape(symbol)}(?![A-Za-z0-9])", bare)
        if len(parts) == 2:
            return _SYMBOL.join(map(_digits, parts))
    return _digits(bare)


def _digits(text: str) -> str:
    escaped = re.sub(r"([^\w\s-])", r"\\\1", text)
    return re.sub("[0-9]+", "[0-9]+", escaped)


def saving_to(root: Path, name: str) -> Path:
    """Return the file that a dialect of the user's is saved as.

    Raises:
        LakeError: USAGE when no dialect may be called so, or one is already.
    """
    dialect_of({"type": "bars", "columns": ["ts", "open", "high", "low", "close"]}, name)  # is it a name?
    path = root / OWN_FOLDER / f"{name}.toml"
    if path.exists() or name in known():
        why = "A dialect that is saved is not written over."
        fix = [f"--format {name}, to use it", "another name", f"or remove {path} first"]
        raise LakeError("USAGE", f"there is a dialect {name} already", where=str(path), why=why, fix=fix)
    return path


def check_saving(path: Path, words: Mapping[str, Any]) -> None:
    """Refuse with USAGE words that declare no dialect that could be saved."""
    if not words:
        raise LakeError(
            "USAGE",
            "the source is in a format that is declared already",
            where=str(path),
            why="--save-dialect saves what columns were said to be.",
            fix=["drop --save-dialect"],
        )
    dialect_of(words, path.stem, str(path))


def save(path: Path, words: Mapping[str, Any]) -> None:
    """Write a dialect of the user's, whole or not at all.

    Raises:
        LakeError: USAGE when the words declare none; STORAGE, DISK_FULL.
    """
    check_saving(path, words)
    staged = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(exist_ok=True)
        with staged.open("x", encoding="utf-8", newline="\n") as stream:
            stream.write(text_of(words))
            stream.flush()
            os.fsync(stream.fileno())
        staged.replace(path)
    except OSError as error:
        raise storage_error(error, path) from error
    finally:
        staged.unlink(missing_ok=True)
