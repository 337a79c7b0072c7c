"""By which calendar the gaps of a series are told: asked for, of dl.toml, of its instrument, or the market's own."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from lake.errors import LakeError
from schemas.calendars import ALWAYS, FX, NAMED, CalendarError, refuse_unknown
from schemas.instruments import instrument_of

if TYPE_CHECKING:
    from lake.config import Config
    from schemas.keys import Address

_OF_SESSIONS = ("EQUITY", "INDEX", "ETF", "STOCK", "BOND", "FUND")
"""Markets that have sessions."""


def calendar_of(config: Config, address: Address, asked: str | None, imported: str | None) -> tuple[str, str]:
    """Return the calendar of a series, and why it is that one.

    Raises:
        LakeError: USAGE when a calendar that was asked for, imported, or is named by dl.toml cannot be had.
    """
    if asked is not None:
        return _known(asked, "--calendar"), "asked for"
    for pattern, name in reversed(config.calendars):
        if fnmatchcase(str(address), pattern):
            return _known(name, f"dl.toml: {pattern}"), f"dl.toml: {pattern}"
    if imported is not None:
        return _known(imported, f"the record of {instrument_of(address)}"), "its instrument's record says so"
    return _of_market(address)


def _of_market(address: Address) -> tuple[str, str]:
    if address.market == "FX":
        return FX, "the market is FX"
    if address.market not in _OF_SESSIONS:
        return ALWAYS, f"the market is {address.market}"
    name = NAMED.get(address.exchange, address.exchange)
    try:
        refuse_unknown(name)
    except CalendarError:
        return ALWAYS, f"no calendar is known for {address.exchange}: --calendar names one"
    return name, f"the exchange is {address.exchange}"


def _known(name: str, where: str) -> str:
    found = NAMED.get(name, name)
    try:
        refuse_unknown(found)
    except CalendarError as error:
        raise unusable(error, where) from error
    return found


def unusable(error: CalendarError, where: str) -> LakeError:
    """Return what to say of a calendar that cannot be had, or does not reach that far."""
    why = "Only a calendar tells when rows were to be expected."
    return LakeError("USAGE", str(error), where=where, why=why, fix=[f"--calendar {ALWAYS} counts every hour"])
