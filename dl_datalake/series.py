"""Find series by what a user writes: an address, or a pattern with `*` and `?` in any of its five places."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dl_datalake.dates import parse_as_of
from lake.errors import LakeError
from lake.lookup import no_address, parse_pattern
from lake.manifest.presence import presences
from lake.selection import unknown
from lake.spellings import is_pattern
from schemas.keys import Address

if TYPE_CHECKING:
    from lake.manifest import Manifest, SeriesRow

_PLACES = ("exchange", "market", "symbol", "type", "period")
_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Filters:
    """What to look for in each place of an address; None means anything."""

    exchange: str | None = None
    market: str | None = None
    symbol: str | None = None
    type: str | None = None
    period: str | None = None

    @classmethod
    def parse(cls, pattern: str) -> Filters:
        """Parse `BINANCE/*/BTC*/bars/1m`; USAGE when it has not five places."""
        return cls(**parse_pattern(pattern))

    def words(self) -> dict[str, str | None]:
        """Return the filters by name, as the manifest takes them."""
        return {place: getattr(self, place) for place in _PLACES}


def find_one(manifest: Manifest, text: str, snapshot: int | None = None, *, ever: bool = False) -> SeriesRow:
    """Return the one series `text` names at a snapshot, the newest unless given; with `ever` at any, if not there.

    Raises:
        LakeError: USAGE when it is no address, AMBIGUOUS when a pattern fits several series, UNKNOWN_SERIES when
            there is none; what there is of the symbol is named, and what other snapshots have of the series.
    """
    words = Filters.parse(text).words()
    found = manifest.series(**words, snapshot=snapshot)
    if ever and not found:
        found = [known.series for known in presences(manifest, manifest.snapshot(), **words)]
    if len(found) == 1:
        return found[0]
    if found:
        names = [str(row.address) for row in found]
        raise LakeError(
            "AMBIGUOUS",
            f'"{text}" fits {len(names)} series',
            where=", ".join(names[:_SHOWN]) + (", …" if len(names) > _SHOWN else ""),
            fix=["name one of them"],
        )
    other = _other_name(manifest, text, snapshot)
    if other is not None:
        return other
    raise unknown(manifest, text, snapshot)


def _other_name(manifest: Manifest, text: str, snapshot: int | None) -> SeriesRow | None:
    """Return the series that an address means by what was imported of names, if it is one address and one series."""
    from lake.resolve import renamed

    if is_pattern(text):
        return None
    try:
        address = renamed(manifest, Address.parse(text), snapshot)
    except ValueError:
        return None
    return None if address is None else manifest.find(address)


def parse_address(text: str) -> Address:
    """Return the address `text` spells; USAGE when it is none."""
    try:
        return Address.parse(text)
    except ValueError as error:
        if text.strip("/").count("/") != len(_PLACES) - 1:
            raise no_address(text) from None
        raise LakeError("USAGE", str(error), why="No series can have such an address.", fix=["dl list"]) from None


def stated(manifest: Manifest, text: str, present: int) -> tuple[Address, int]:
    """Return the series and the snapshot that `ADDRESS[@AS_OF]` names; `present` is the snapshot without one.

    Raises:
        LakeError: UNKNOWN_SERIES, UNKNOWN_SNAPSHOT, AMBIGUOUS; USAGE when it is no address.
    """
    head, slash, tail = text.rpartition("/")
    period, at, as_of = tail.partition("@")
    name = f"{head}{slash}{period}"
    snapshot = manifest.snapshot(parse_as_of(as_of)) if at else present
    if is_pattern(name):
        return find_one(manifest, name, snapshot).address, snapshot
    address = parse_address(name)
    if manifest.find(address) is None:
        raise unknown(manifest, name)
    return address, snapshot
