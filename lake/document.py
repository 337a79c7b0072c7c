"""dl.toml as it is read: its tables checked one by one, a word that is misspelt refused."""

from __future__ import annotations

import os
import tomllib
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from lake.errors import LakeError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_GAP_SETTINGS = ("outages", "calendars")
_RECONCILE_SETTINGS = ("prefer",)
_ANY = "*/*/*/*/*"


def absolute(path: str | Path) -> Path:
    """Return a path from the root of the file system."""
    # Not resolve(): a lake reached through a link keeps the name its owner gave it.
    return Path(os.path.abspath(Path(path).expanduser()))  # noqa: PTH100 -- resolve() would follow links


def read(file: Path) -> dict[str, Any]:
    """Return what dl.toml holds, nothing when there is none; USAGE when it cannot be read."""
    try:
        with file.open("rb") as stream:
            return tomllib.load(stream)
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (OSError, ValueError) as error:
        raise LakeError(
            "USAGE",
            f"dl.toml cannot be read: {error}",
            where=str(file),
            why="The lake's settings are read before anything else.",
            fix=["correct the file"],
        ) from error


def settings(document: Mapping[str, Any], name: str, known: Iterable[str], file: Path) -> dict[str, Any]:
    """Return one table of dl.toml; USAGE when it is none, or has a setting that is not known."""
    table = document.get(name.rpartition(".")[2], {})
    if not isinstance(table, dict):
        raise LakeError(
            "USAGE",
            f"[{name}] is not a table",
            where=str(file),
            why="The settings stand below it.",
            fix=[f"write [{name}] on a line of its own"],
        )
    refuse_unknown(table, known, "setting", file)
    return table


def refuse_unknown(found: Iterable[str], known: Iterable[str], what: str, file: Path) -> None:
    """Raise USAGE for the first word that is not known."""
    for key in found:
        if key not in known:
            near = get_close_matches(key, known, 1)
            told = f"did you mean {near[0]}?" if near else f"known: {', '.join(known)}"
            raise LakeError(
                "USAGE",
                f"unknown {what} {key!r}: {told}",
                where=str(file),
                why=f"A {what} that is misspelt would be one that is not there.",
                fix=["correct the file"],
            )


def gaps(document: Mapping[str, Any], file: Path) -> dict[str, Any]:
    """Return the settings of the [gaps] table: the file of outages, and calendars by pattern."""
    table = settings(document, "gaps", _GAP_SETTINGS, file)
    outages, calendars = table.get("outages"), table.get("calendars", {})
    if outages is not None and not (isinstance(outages, str) and outages):
        _refuse_gaps("outages is not a path", file)
    if not isinstance(calendars, dict):
        _refuse_gaps("calendars is not a table", file)
    for pattern, name in calendars.items():
        if pattern.count("/") != 4 or not (isinstance(name, str) and name):
            _refuse_gaps(f"the calendar of {pattern} is {name!r}", file)
    return {
        "outages": None if outages is None else absolute(file.parent / Path(outages).expanduser()),
        "calendars": tuple(calendars.items()),
    }


def _refuse_gaps(message: str, file: Path) -> NoReturn:
    raise LakeError(
        "USAGE",
        message,
        where=str(file),
        why="[gaps] names a file of outages, and calendars by pattern of addresses.",
        fix=['[gaps]\noutages = "outages.toml"', '[gaps.calendars]\n"STOOQ/*/*/*/*" = "XNYS"'],
    )


def quality(document: Mapping[str, Any], file: Path) -> tuple[tuple[str, Mapping[str, float | None]], ...]:
    """Return what counts for which rule, None for one that is off, by pattern: those for all series first."""
    table = document.get("quality", {})
    if not isinstance(table, dict):
        _refuse_quality("quality is not a table", file)
    everywhere = {name: value for name, value in table.items() if not isinstance(value, dict)}
    found: list[tuple[str, Mapping[str, float | None]]] = []
    for pattern, given in ((_ANY, everywhere), *((p, g) for p, g in table.items() if isinstance(g, dict))):
        if pattern.count("/") != _ANY.count("/"):
            _refuse_quality(f"{pattern!r} is no pattern of series", file)
        for name, value in given.items():
            number = isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < float("inf")
            if value is not False and not number:
                _refuse_quality(f"{name} is {value!r}", file)
        if given:
            found.append((pattern, {name: None if value is False else float(value) for name, value in given.items()}))
    return tuple(found)


def _refuse_quality(message: str, file: Path) -> NoReturn:
    raise LakeError(
        "USAGE",
        message,
        where=str(file),
        why="[quality] gives rules a number above 0, or false to leave them out; tables below it do by pattern.",
        fix=["[quality]\nprice_jump = 80", '[quality."BINANCE/*/*/bars/*"]\nzero_volume = false'],
    )


def reconcile(document: Mapping[str, Any], file: Path) -> tuple[str, ...]:
    """Return patterns of the sources that are preferred, the most trusted first."""
    patterns = settings(document, "reconcile", _RECONCILE_SETTINGS, file).get("prefer", [])
    if not isinstance(patterns, list) or not all(
        isinstance(p, str) and p.count("/") == _ANY.count("/") for p in patterns
    ):
        raise LakeError(
            "USAGE",
            "prefer is no list of patterns of series",
            where=str(file),
            why="[reconcile] names sources, the most trusted first.",
            fix=['[reconcile]\nprefer = ["BINANCE/*/*/*/*", "COINBASE/*/*/*/*"]'],
        )
    return tuple(patterns)
