"""How instruments are spelt: patterns, and ccxt's unified symbols with what a lake may hold them as.

ccxt writes `BTC/USDT` for a spot pair, `BTC/USDT:USDT` for a perpetual that settles in USDT, `BTC/USD:BTC-240628` for
a future that expires, `BTC/USD:BTC-240628-60000-C` for an option; exchanges write each in their own way.
"""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass
from fnmatch import fnmatchcase

_UNIFIED = re.compile(
    r"(?P<base>[^/:]+)/(?P<quote>[^/:]+)"
    r"(?::(?P<settle>[^/:-]+)(?:-(?P<expiry>[0-9]{6})(?:-(?P<strike>[0-9.]+)-(?P<kind>[CP]))?)?)?"
)
_LINEAR = frozenset({"FUTURES-UM", "LINEAR"})
"""Markets of what settles in the quote currency."""
_INVERSE = frozenset({"FUTURES-CM", "INVERSE"})
"""Markets of what settles in the base currency."""
_EITHER = frozenset({"FUTURES", "SWAP", "PERP", "PERPETUAL", "DERIVATIVES"})
_OPTIONS = frozenset({"OPTIONS", "OPTION", "DERIVATIVES"})
_DERIVATIVES = _LINEAR | _INVERSE | _EITHER | _OPTIONS
_PAIRS = ("{base}{quote}", "{base}-{quote}", "{base}_{quote}", "{base}/{quote}")
_PERPETUALS = (
    *_PAIRS,
    "{base}{quote}_PERP",  # Binance, coin-margined
    "{base}-{quote}-SWAP",  # OKX
    "{base}-{quote}-PERP",
    "{base}_{quote}-PERPETUAL",  # Deribit, in USDC
)
_NAMED_BY_BASE = {"USD": ("{base}-PERPETUAL",), "USDC": ("{base}PERP", "{base}")}
"""Perpetuals that leave out the quote currency: Deribit's; Bybit's and Hyperliquid's."""
_DATED = (
    "{base}{quote}_{expiry}",  # Binance
    "{base}-{quote}-{expiry}",  # OKX
    "{base}-{day}{month}{year}",  # Deribit
    "{base}{quote}-{day:02}{month}{year}",  # Bybit, linear
    "{base}{quote}{code}{year}",  # Bybit, inverse
    "{base}{code}{year}",  # BitMEX
)
_OPTION = (
    "{base}-{expiry}-{strike}-{kind}",  # Binance
    "{base}-{quote}-{expiry}-{strike}-{kind}",  # OKX
    "{base}-{day}{month}{year}-{strike}-{kind}",  # Deribit, Bybit
)
_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_CODES = "FGHJKMNQUVXZ"


@dataclass(frozen=True, slots=True)
class Unified:
    """A ccxt symbol as exchanges may spell it, and in which markets it then lies."""

    symbols: tuple[str, ...]
    markets: frozenset[str] | None
    """None: in all but those of derivatives."""

    def fits(self, market: str, symbol: str, *, anywhere: bool = False) -> bool:
        """Whether a series of this market and symbol may be meant; `anywhere` when the market was named besides."""
        if not anywhere and (market in _DERIVATIVES if self.markets is None else market not in self.markets):
            return False
        return any(is_like(symbol, each) for each in self.symbols)


def is_pattern(text: str) -> bool:
    """Tell whether `text` selects by `*`, `?` or `[` instead of naming one series."""
    return any(mark in text for mark in "*?[")


def is_like(name: str, pattern: str) -> bool:
    """Tell whether a name, in upper case, fits a pattern: as the manifest has it, `[^A]` is what `[!A]` is."""
    return fnmatchcase(name, pattern.replace("[^", "[!"))


def unified(name: str) -> Unified | None:
    """Read a ccxt symbol, in upper case; None when it is none, or of a day that there is not."""
    found = _UNIFIED.fullmatch(name)
    if found is None:
        return None
    words: dict[str, str | int] = {key: text or "" for key, text in found.groupdict().items()}
    if not words["settle"]:
        return Unified(_spelt(_PAIRS, words), None)
    ways = {words["quote"]: _LINEAR, words["base"]: _INVERSE}
    markets = _EITHER | ways.get(words["settle"], _LINEAR | _INVERSE)
    if not words["expiry"]:
        short = _NAMED_BY_BASE.get(str(words["quote"]), ())
        return Unified(_spelt((*_PERPETUALS, *short), words), markets)
    try:
        day = dt.datetime.strptime(str(words["expiry"]), "%y%m%d").date()  # noqa: DTZ007 - a day has no zone
    except ValueError:
        return None
    words |= {"day": day.day, "month": _MONTHS[day.month - 1], "code": _CODES[day.month - 1], "year": f"{day:%y}"}
    return Unified(_spelt(_OPTION, words), _OPTIONS) if words["kind"] else Unified(_spelt(_DATED, words), markets)


def _spelt(forms: tuple[str, ...], words: dict[str, str | int]) -> tuple[str, ...]:
    return tuple(form.format_map(words) for form in forms)
