"""What is known of instruments: their records, their corporate actions, and what prices they may have."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from lake.manifest.reference import reference
from schemas.instruments import instrument_of

if TYPE_CHECKING:
    from lake.manifest import Manifest
    from schemas.keys import Address


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
    key = instrument_of(address)
    return next((row.definition for row in reference(manifest, "instrument", snapshot, key) if row.key == key), {})


def actions(manifest: Manifest, address: Address, snapshot: int | None = None) -> list[Action]:
    """Return the corporate actions of a series' instrument, the earliest first; now, unless at a snapshot."""
    rows = reference(manifest, "action", snapshot, f"{instrument_of(address)}/")
    found = []
    for row in rows:
        day, kind, *label = row.key.split("/")[3:]
        value = Fraction(row.definition["ratio" if kind == "split" else "amount"])
        told = (row.definition.get("currency"), row.definition.get("known_at"))
        found.append(Action(dt.date.fromisoformat(day), kind, "".join(label), value, *told))
    return found


def zone(manifest: Manifest, address: Address, snapshot: int | None = None) -> ZoneInfo:
    """Return where the trading days of an instrument begin at midnight: UTC, unless its record says another zone."""
    return ZoneInfo(facts(manifest, address, snapshot).get("time_zone", "UTC"))


def with_negative_prices(manifest: Manifest) -> set[str]:
    """Return the keys of the instruments whose records say that prices of zero and less are right."""
    return {row.key for row in reference(manifest, "instrument") if row.definition.get("price_may_be_negative")}
