"""Looking up what a user names: the schema of an asset, and what to say of a series or snapshot that is not there."""

from __future__ import annotations

import re
import threading
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from lake.errors import LakeError
from schemas.keys import decode

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from schemas.columns import Schema
    from schemas.keys import Address

_SNAPSHOT_NAME = re.compile("[A-Za-z][A-Za-z0-9._-]{0,63}")
_SHOWN = 5
_YEARS = range(1900, 2200)
_PLACES = ("exchange", "market", "symbol", "type", "period")
_OF_ASSET = _PLACES[3:]


def parse_pattern(text: str) -> dict[str, str | None]:
    """Parse `BINANCE/*/BTC*/bars/1m` into what to look for in each place of an address; None means anything.

    Raises:
        LakeError: USAGE when it has not five places.
    """
    parts = text.strip("/").split("/")
    if len(parts) != len(_PLACES):
        raise no_address(text)
    names = [decode(part) for part in parts[:3]] + parts[3:]
    return {place: None if name == "*" else name for place, name in zip(_PLACES, names, strict=True)}


def no_address(text: str) -> LakeError:
    """Return the error for what has not the five places of an address, with how it is written if that can be told."""
    why = "An address is EXCHANGE/MARKET/SYMBOL/type/period, such as BINANCE/SPOT/BTCUSDT/bars/1m."
    parts = text.strip("/").split("/")
    fix = ["dl list"]
    if len(parts) > len(_PLACES):
        why += " A slash in a name is written %2F."
        fix = ["/".join([*parts[:2], "%2F".join(parts[2:-2]), *parts[-2:]]), *fix]
    elif len(parts) == len(_OF_ASSET):
        why += f" {text} is an asset: its series are named by a pattern."
        fix = [f"'*/*/*/{'/'.join(parts)}'", *fix]
    return LakeError("USAGE", f'"{text}" is not an address', why=why, fix=fix)


def look_later(name: str, load: Callable[[], object]) -> None:
    """Have `load` called, once, when a schema is wanted that nobody has declared; `name` says whose it is."""
    with _looking:
        _later[name] = load


_later: dict[str, Callable[[], object]] = {}
_looking = threading.RLock()


def schema_of(key: str) -> Schema:
    """Return the schema of an asset; LakeError UNKNOWN_ASSET when it has none, or `key` names nothing."""
    from schemas import assets

    try:
        assets.canonical(key)
    except assets.UnknownAssetError as error:
        raise LakeError("UNKNOWN_ASSET", f'no asset "{key}" is declared', why=f"{error}.") from None
    while True:
        try:
            return assets.schema_of(key)
        except assets.UnknownAssetError:
            with _looking:
                load = _later.popitem()[1] if _later else None
                if load is not None:
                    load()
                    continue
            raise LakeError(
                "UNKNOWN_ASSET",
                f'no asset "{key}" is declared',
                why="Rows are stored under a declared schema, and none of this lake's modules declares this one.",
                fix=["declare it as docs/assets.md says", "dl assets list"],
            ) from None


def is_name(text: str) -> bool:
    """Whether a text can be the name of a snapshot: what begins with a letter is neither a number nor a time."""
    return _SNAPSHOT_NAME.fullmatch(text) is not None and text.lower() != "now"


def unknown_snapshot(number: int, newest: int) -> LakeError:
    """Return the error for a snapshot number the lake has not reached, or a year that was taken for one."""
    year = number > newest and number in _YEARS
    return LakeError(
        "UNKNOWN_SNAPSHOT",
        f"there is no snapshot {number}: the newest is {newest}",
        why="Digits alone are the number of a snapshot." if year else "",
        fix=[f"{number}-01-01, if the year was meant", "dl history"] if year else [],
    )


def near_series(stored: Sequence[Address], symbol: str, key: str, place: str = "") -> str:
    """Return a sentence on what is stored of a symbol, or of symbols spelt like it; empty when that is nothing.

    Args:
        stored: The lake's series.
        symbol: The symbol in question, a pattern perhaps.
        key: The `type/period` in question: series of the same come first, then those of the same type.
        place: The `exchange/market` in question, if it was named.
    """
    import difflib

    name = symbol.upper()

    def distance(address: Address) -> tuple[bool, bool, bool, Address]:
        other_place = f"{address.exchange}/{address.market}" != place.upper()
        return (address.key != key, address.type != key.partition("/")[0], other_place, address)

    same = sorted((each for each in stored if fnmatchcase(each.symbol, name)), key=distance)
    if same:
        return f"Of {name} the lake has {_some(same)}."
    near = difflib.get_close_matches(name, sorted({each.symbol for each in stored}), 3)
    alike = sorted((each for each in stored if each.symbol in near), key=distance)
    return f"Near it: {_some(alike)}." if alike else ""


def _some(addresses: Sequence[Address]) -> str:
    more = len(addresses) - _SHOWN
    return ", ".join(map(str, addresses[:_SHOWN])) + (f" and {more} more" if more > 0 else "")
