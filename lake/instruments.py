"""What is known of instruments: their records, their corporate actions, and what prices they may have."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from lake.manifest.reference import record_of, reference, renamed
from schemas.instruments import instrument_of
from schemas.keys import decode
from schemas.periods import Period

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lake.manifest import Manifest
    from schemas.keys import Address

_DAY_US = 86_400_000_000


@dataclass(frozen=True, slots=True)
class Action:
    """A split or a dividend."""

    ex_date: dt.date
    kind: str
    label: str
    value: Fraction
    """New shares for one old one, or what is paid per share."""
    currency: str | None
    known_at: str | None


def facts(manifest: Manifest, address: Address, snapshot: int | None = None) -> dict[str, Any]:
    """Return what was imported of a series' instrument, by the fields of its record; now, unless at a snapshot."""
    known = record_of(manifest, "instrument", instrument_of(address), snapshot)
    return {} if known is None else known.definition


def actions(manifest: Manifest, address: Address, snapshot: int | None = None) -> list[Action]:
    """Return the corporate actions of a series' instrument, the earliest first; now, unless at a snapshot."""
    rows = reference(manifest, "action", snapshot, under=f"{instrument_of(address)}/")
    found = []
    for row in rows:
        day, kind, *label = row.key.split("/")[3:]
        value = Fraction(row.definition["ratio" if kind == "split" else "amount"])
        told = (row.definition.get("currency"), row.definition.get("known_at"))
        found.append(Action(dt.date.fromisoformat(day), kind, "".join(label), value, *told))
    return found


def first_instant(manifest: Manifest, address: Address, day: dt.date, said_zone: str | None) -> int:
    """Return when a day begins in a series, in nanoseconds since the epoch.

    For bars of a day and more that is by the zone their days are cut in, UTC for labels; for all others midnight in the
    zone that the record of their instrument says, else in that of the series.
    """
    series = manifest.find(address)
    own = "UTC" if series is None else series.time_zone
    is_daily = address.type == "bars" and is_long(Period.parse(address.period))
    zone = own if is_daily or said_zone is None else said_zone
    return round(dt.datetime.combine(day, dt.time(), ZoneInfo(zone)).timestamp()) * 10**9


def is_long(period: Period) -> bool:
    """Whether bars of a period are of a day or more."""
    return period.fixed_us is None or period.fixed_us >= _DAY_US


@dataclass(frozen=True, slots=True)
class Member:
    """One symbol that an instrument had, and its days with it; None where nothing says when they begin or end."""

    symbol: str
    start: dt.date | None
    end: dt.date | None


def members(manifest: Manifest, address: Address, snapshot: int | None = None) -> list[Member]:
    """Return the symbols that a series' instrument had up to the one of the series, the earliest first."""
    place = instrument_of(address).rpartition("/")[0]
    edges: dict[str, list[tuple[dt.date, str]]] = {}
    for row in renamed(manifest, place, snapshot):
        for each in row.definition["renames"]:
            told = (dt.date.fromisoformat(each["on"]), each["from"])
            edges.setdefault(decode(row.key.rpartition("/")[2]), []).append(told)
    found = [Member(address.symbol, None, None)]
    seen = {address.symbol}
    while True:
        first = found[0]
        before = [each for each in edges.get(first.symbol, ()) if first.end is None or each[0] < first.end]
        steps = [each for each in sorted(before) if each[1] not in seen]
        if not steps:
            return found
        seen |= {symbol for _, symbol in steps}
        starts = [None, *(on for on, _ in steps)]
        earlier = [Member(symbol, start, on) for start, (on, symbol) in zip(starts, steps, strict=False)]
        found = [*earlier, Member(first.symbol, steps[-1][0], first.end), *found[1:]]


def may_be_negative(manifest: Manifest, address: Address) -> bool:
    """Whether what was imported of a series' instrument says that prices of zero and less are right."""
    return bool(facts(manifest, address).get("price_may_be_negative"))


def spellings(manifest: Manifest, symbol: str, snapshot: int | None = None) -> tuple[set[str], set[str]]:
    """Return what is meant by a symbol that no series has: keys of instruments, and other spellings of the symbol.

    The instruments have it as an alias, or had it once. The spellings say each currency by its alias, or an alias by
    its currency.
    """
    keys = {
        row.key
        for row in reference(manifest, "instrument", snapshot)
        if symbol in row.definition.get("aliases", ())
        or symbol in {each["from"] for each in row.definition.get("renames", ())}
    }
    pairs = [(decode(row.key), row.definition["of"]) for row in reference(manifest, "alias", snapshot)]
    swaps = [swap for pair in pairs for swap in (pair, pair[::-1])]
    return keys, {other for old, new in swaps for other in _swapped(symbol, old, new)} - {symbol}


def _swapped(symbol: str, old: str, new: str) -> Iterator[str]:
    """Yield a symbol with another name for the currency that it begins or ends with, or that stands between marks."""
    if symbol.startswith(old):
        yield new + symbol.removeprefix(old)
    if symbol.endswith(old):
        yield symbol.removesuffix(old) + new
    parts = re.split(r"([^A-Z0-9]+)", symbol)
    yield "".join(new if part == old else part for part in parts)
