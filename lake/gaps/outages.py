"""Hours in which exchanges are known to have been shut: a few that come along, and those of a file of one's own."""

from __future__ import annotations

import datetime as dt
import tomllib
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lake.errors import LakeError

if TYPE_CHECKING:
    from lake.config import Config
    from schemas.keys import Address

OWN = Path(__file__).with_name("outages.toml")
_TEXTS = ("series", "why", "source")
_TIMES = ("start", "end")


@dataclass(frozen=True, slots=True)
class Outage:
    """When the exchange of some series was shut, half-open, and who says so."""

    pattern: str
    start_ns: int
    end_ns: int
    why: str
    source: str


def known(config: Config) -> list[Outage]:
    """Return the outages that come along and those of the file that dl.toml names, by when they began.

    Raises:
        LakeError: USAGE when the file cannot be read, or an outage in it lacks something.
    """
    found = [outage for file in (OWN, config.outages) if file is not None for outage in _read(file)]
    return sorted(found, key=lambda outage: outage.start_ns)


def of(outages: list[Outage], address: Address) -> list[Outage]:
    """Return the outages that concern a series; of those that overlap, each later one from the end of the one before.

    Patterns are as everywhere: `*` in any place of an address.
    """
    found: list[Outage] = []
    for each in outages:
        if not fnmatchcase(str(address), each.pattern):
            continue
        start = max(each.start_ns, found[-1].end_ns) if found else each.start_ns
        if start < each.end_ns:
            found.append(Outage(each.pattern, start, each.end_ns, each.why, each.source))
    return found


def _read(file: Path) -> list[Outage]:
    try:
        with file.open("rb") as stream:
            document = tomllib.load(stream)
    except (OSError, ValueError) as error:
        raise _refusal(f"the outages cannot be read: {error}", file) from error
    listed = document.get("outage", [])
    if set(document) - {"outage"} or not isinstance(listed, list):
        raise _refusal("a file of outages holds [[outage]] tables and nothing else", file)
    return [_outage(table, file) for table in listed]


def _outage(table: Any, file: Path) -> Outage:  # noqa: ANN401 -- whatever TOML holds
    if not isinstance(table, dict) or set(table) != {*_TEXTS, *_TIMES}:
        raise _refusal(f"an outage has {', '.join((*_TEXTS, *_TIMES))}", file)
    if not all(isinstance(table[name], str) and table[name] for name in _TEXTS):
        raise _refusal(f"{', '.join(_TEXTS)} of an outage are texts", file)
    if table["series"].count("/") != 4:
        raise _refusal(f"{table['series']!r} is no pattern of series", file)
    if not all(isinstance(table[name], dt.datetime) and table[name].tzinfo for name in _TIMES):
        raise _refusal("start and end of an outage are times with a zone", file)
    start, end = (round(table[name].timestamp() * 10**6) * 1000 for name in _TIMES)
    if start >= end:
        raise _refusal(f"the outage of {table['start']} ends before it starts", file)
    return Outage(table["series"], start, end, table["why"], table["source"])


def _refusal(message: str, file: Path) -> LakeError:
    example = '[[outage]]\nseries = "BINANCE/SPOT/*/*/*"\nstart = 2024-03-05T10:00:00Z\nend = 2024-03-05T11:00:00Z\n'
    return LakeError(
        "USAGE",
        message,
        where=str(file),
        why="An outage is told with its span and with who says so.",
        fix=[example + 'why = "maintenance"\nsource = "https://…"'],
    )
