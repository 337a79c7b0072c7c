"""Resolving what a user calls an instrument into the series of the lake that are meant."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from lake.errors import LakeError
from lake.instruments import spellings
from lake.lookup import near_series
from lake.manifest import planning
from lake.selection import absent
from lake.spellings import is_like, is_pattern, unified
from schemas.instruments import instrument_of
from schemas.keys import Address, normalise
from schemas.periods import Period

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lake.manifest import Manifest, SeriesRow

_NO_NAME = "No series can have such an address."


def resolve(
    manifest: Manifest,
    symbol: str,
    *,
    type: str,  # noqa: A002 -- the design's word
    period: str,
    exchange: str | None = None,
    market: str | None = None,
    snapshot: int | None = None,
) -> Address:
    """Find the one series that fits; exchange and market may be left out while they are unique.

    A symbol is spelt as the lake does, else as its vendor does, else as what was imported of instruments and currencies
    says, else as ccxt does: `BTC/USDT`, `BTC/USDT:USDT`.

    Raises:
        LakeError: AMBIGUOUS when several fit, UNKNOWN_SERIES with near names when none does.
    """
    asked = _Asked(manifest, type, period, exchange, market, snapshot)
    return asked.exactly([symbol]).get(symbol) or asked.one(symbol, [] if is_pattern(symbol) else asked.called(symbol))


def resolve_all(
    manifest: Manifest,
    symbols: Sequence[str],
    *,
    type: str,  # noqa: A002 -- the design's word
    period: str,
    exchange: str | None = None,
    market: str | None = None,
    snapshot: int | None = None,
) -> list[Address]:
    """Find the series of some symbols in their order, each once.

    A symbol with `*`, `?` or `[` stands for all that fit it, of whatever exchange and market, in the order of their
    addresses; any other is one series, as for `resolve`.

    Raises:
        LakeError: AMBIGUOUS and UNKNOWN_SERIES as for `resolve`; the latter also for a pattern that nothing fits.
    """
    asked = _Asked(manifest, type, period, exchange, market, snapshot)
    found: dict[Address, None] = {}
    exactly = asked.exactly([symbol for symbol in symbols if not is_pattern(symbol)])
    for symbol in symbols:
        if is_pattern(symbol):
            found |= dict.fromkeys(asked.fitting(symbol))
            continue
        address = exactly.get(symbol)
        if address is None:
            address = asked.one(symbol, asked.called(symbol) if len(symbols) == 1 else asked.listed(symbol))
        found[address] = None
    return list(found)


def renamed(manifest: Manifest, address: Address, snapshot: int | None = None) -> Address | None:
    """Return the one series of an exchange and market that has another address by what was imported of names."""
    asked = _Asked(manifest, address.type, address.period, address.exchange, address.market, snapshot)
    found = asked.imported(address.symbol)
    return found[0] if len(found) == 1 else None


class _Asked:
    """What the symbols are looked for in."""

    def __init__(
        self,
        manifest: Manifest,
        kind: str,
        period: str,
        exchange: str | None,
        market: str | None,
        snapshot: int | None,
    ) -> None:
        self._manifest, self._snapshot = manifest, snapshot
        self._type, self._period = kind, _canonical(kind, period)
        self._exchange, self._market = exchange, market

    @cached_property
    def _stored(self) -> list[SeriesRow]:
        return self._series(None)

    def _series(self, symbol: str | None) -> list[SeriesRow]:
        return self._manifest.series(
            exchange=self._exchange,
            market=self._market,
            symbol=symbol,
            type=self._type,
            period=self._period,
            snapshot=self._snapshot,
        )

    def exactly(self, symbols: Sequence[str]) -> dict[str, Address]:
        """Return the series where exchange and market are named: they may hold nothing at the snapshot."""
        exchange, market = self._exchange, self._market
        if exchange is None or market is None or is_pattern(exchange) or is_pattern(market):
            return {}
        try:
            places = {symbol: Address.of(exchange, market, symbol, self._type, self._period) for symbol in symbols}
        except ValueError as error:
            raise LakeError("USAGE", str(error), why=_NO_NAME) from error
        known = planning.known(self._manifest, [*places.values()])
        return {symbol: address for symbol, address in places.items() if address in known}

    def called(self, symbol: str) -> list[Address]:
        """Return the series that a symbol names, of one symbol: most often the lake spells it so itself."""
        return [row.address for row in self._series(_name(symbol))] or self.listed(symbol)

    def listed(self, symbol: str) -> list[Address]:
        """Return the series that a symbol names, the nearest way of spelling it first: several are ambiguous."""
        name = _name(symbol)
        if own := [row.address for row in self._stored if row.address.symbol == name]:
            return own
        if vendors := [row.address for row in self._stored if row.vendor_symbol and _same(row.vendor_symbol, name)]:
            return vendors
        return self.imported(name)

    def imported(self, name: str) -> list[Address]:
        """Return the series of an imported name (an alias, an earlier symbol, a currency's) or of a ccxt symbol."""
        keys, others = spellings(self._manifest, name, self._snapshot)
        if named := [row.address for row in self._stored if instrument_of(row.address) in keys]:
            return named
        if meant := self._of_ccxt(name):
            return meant
        if swapped := [row.address for row in self._stored if row.address.symbol in others]:
            return swapped
        return list(dict.fromkeys(address for other in sorted(others) for address in self._of_ccxt(other)))

    def fitting(self, pattern: str) -> list[Address]:
        """Return the series whose symbol fits a pattern, as the lake spells it or as ccxt does."""
        name = _name(pattern)
        found = [row.address for row in self._stored if is_like(row.address.symbol, name)] or self._of_ccxt(name)
        if not found:
            raise self._unknown(pattern)
        return found

    def _of_ccxt(self, name: str) -> list[Address]:
        meant = unified(name)
        if meant is None:
            return []
        told = self._market is not None
        addresses = (row.address for row in self._stored)
        return [each for each in addresses if meant.fits(each.market, each.symbol, anywhere=told)]

    def one(self, symbol: str, fitting: list[Address]) -> Address:
        """Return the only one of the series that fit a symbol."""
        if len(fitting) == 1:
            return fitting[0]
        if not fitting:
            raise self._unknown(symbol)
        name = _name(symbol)
        where = " and ".join(f"{a.exchange}/{a.market}" + ("" if a.symbol == name else f"/{a.symbol}") for a in fitting)
        raise LakeError(
            "AMBIGUOUS",
            f"{name} {self._type}/{self._period} exists in {where}",
            fix=["name the exchange and the market"],
        )

    def _unknown(self, symbol: str) -> LakeError:
        exchange, market = self._exchange, self._market
        words = {
            "exchange": exchange,
            "market": market,
            "symbol": symbol,
            "type": self._type,
            "period": self._period,
        }
        elsewhen = absent(self._manifest, words, self._snapshot)
        if elsewhen is not None:
            return elsewhen
        key = f"{self._type}/{self._period}"
        place = "/".join(name for name in (exchange, market) if name)
        meant = unified(_name(symbol))
        spelt = meant.symbols[0] if meant else symbol
        near = near_series([row.address for row in self._manifest.series(snapshot=self._snapshot)], spelt, key, place)
        return LakeError("UNKNOWN_SERIES", f'"{symbol}" {key} is not in the lake', where=place, why=near)


def _canonical(kind: str, period: str) -> str:
    """Return `60m` as the lake spells it, `1h`; what is no period as it is: no series has it."""
    try:
        return str(Period.parse(period)) if kind == "bars" else period
    except ValueError:
        return period


def _name(symbol: str) -> str:
    try:
        return normalise(symbol)
    except ValueError as error:
        raise LakeError("USAGE", str(error), why=_NO_NAME) from error


def _same(vendors: str, name: str) -> bool:
    try:
        return normalise(vendors) == name
    except ValueError:
        return False
