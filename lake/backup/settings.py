"""The settings of a copy: what dl.toml says, without where things lay on the machine it was copied from."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lake.backup.model import write_whole
from lake.config import FILE_NAME
from lake.tiers import sync

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from lake.config import Config

_BARE = re.compile("[A-Za-z0-9_-]+")
_PLACES = ("data_root", "db_path")


def carry_over(config: Config, folder: Path, tiers: Mapping[str, str]) -> list[str]:
    """Write the lake's settings into a copy, and the modules of assets they name; return what was written.

    Args:
        config: The lake.
        folder: The copy.
        tiers: Where the copy's tiers lie, by name; relative to it, or absolute.
    """
    written = [FILE_NAME]
    document = _document(config.root / FILE_NAME)
    lake = {key: value for key, value in document.pop("lake", {}).items() if key not in _PLACES}
    document = ({"lake": lake} if lake else {}) | document
    document.pop("tiers", None)
    if tiers:
        document["tiers"] = {name: {"path": path} for name, path in sorted(tiers.items())}
    head = f"# Made of {config.root / FILE_NAME} by dl backup; its comments are there.\n"
    write_whole(folder / FILE_NAME, head + "\n".join(_lines(document)) + "\n")
    for module in _modules(config):
        target = folder / module
        target.parent.mkdir(parents=True, exist_ok=True)
        write_whole(target, (config.root / module).read_text(encoding="utf-8"))
        sync(folder)
        written.append(module)
    return written


def with_tiers(text: str, root: Path, tiers: Mapping[str, Path]) -> str:
    """Return a copy's settings with each tier where it lies now; as they are when they say so already."""
    document = tomllib.loads(text)
    named = document.get("tiers", {})
    moved = {name: place for name, place in tiers.items() if name in named and root / named[name]["path"] != place}
    if not moved:
        return text
    for name, place in moved.items():
        named[name]["path"] = str(place)
    comments = [line for line in text.splitlines() if line.startswith("#")]
    return "\n".join([*comments, *_lines(document)]) + "\n"


def _document(path: Path) -> dict[str, Any]:
    return tomllib.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}


def _modules(config: Config) -> Iterator[str]:
    """Yield the files of the modules that [assets] names and that lie beside dl.toml, relative to it."""
    for name in config.modules:
        stem = config.root.joinpath(*name.split("."))
        if stem.with_suffix(".py").is_file():
            yield stem.with_suffix(".py").relative_to(config.root).as_posix()
        elif (stem / "__init__.py").is_file():
            yield from sorted(path.relative_to(config.root).as_posix() for path in stem.rglob("*.py"))


def _lines(table: Mapping[str, Any], path: tuple[str, ...] = ()) -> Iterator[str]:
    """Write a table of TOML: its values first, then the tables in it."""
    inner = {key: value for key, value in table.items() if isinstance(value, dict)}
    if path and (len(inner) < len(table) or not table):
        yield f"[{'.'.join(map(_key, path))}]"
    yield from (f"{_key(key)} = {_value(value)}" for key, value in table.items() if key not in inner)
    for key, value in inner.items():
        yield from _lines(value, (*path, key))


def _key(key: str) -> str:
    return key if _BARE.fullmatch(key) else _text(key)


def _text(text: str) -> str:
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _value(value: Any) -> str:  # noqa: ANN401 -- whatever TOML knows
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, list):
        return f"[{', '.join(map(_value, value))}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{_key(key)} = {_value(each)}' for key, each in value.items())}}}"
    if isinstance(value, int | float):
        return repr(value)
    return str(value.isoformat())


def stored_tiers(folder: Path, names: Mapping[str, object]) -> dict[str, Path]:
    """Return where the files of tiers lie in a backup."""
    return {name: folder / "tiers" / name for name in names}


def absolute(path: str | Path) -> Path:
    """Return a path as it is from everywhere; links in it stay."""
    return Path(path).expanduser().absolute()
