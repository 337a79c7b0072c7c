"""Symbols as pairs of currencies: told by what parts them, else by a quote currency that only one reading has."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from lake.errors import LakeError
from schemas.keys import encode

if TYPE_CHECKING:
    from collections.abc import Iterable

    from schemas.keys import Address

QUOTES = (
    "USDT", "USDC", "FDUSD", "BUSD", "TUSD", "USDP", "DAI", "USD", "EUR", "GBP", "JPY", "TRY", "BRL", "AUD", "KRW",
    "RUB", "UAH", "BTC", "XBT", "ETH", "BNB",
)  # fmt: skip
"""Currencies that others are quoted in."""
_STABLE = ("USDT", "USDC", "FDUSD", "BUSD", "TUSD")
_CONTRACTS = ("SWAP", "PERP", "PERPETUAL", "DERIVATIVES", "LINEAR", "INVERSE")
_PERPETUAL = re.compile(r"[-_](?:SWAP|PERP|PERPETUAL)$")
_PARTED = re.compile(r"([A-Z0-9]+)[-_/]([A-Z0-9]+)(?::([A-Z0-9]+))?")


class Pair(NamedTuple):
    """What is traded, in which currency, and what a contract is settled in; empty where nothing is."""

    base: str
    quote: str
    settle: str = ""

    def __str__(self) -> str:
        return f"{self.base}/{self.quote}" + (f":{self.settle}" if self.settle else "")


def pair_of(address: Address, vendors: str = "", currency: str = "", *, given: str | None = None) -> Pair:
    """Return the pair that a series is of.

    Args:
        address: The series.
        vendors: How its vendor spells the symbol, if known.
        currency: What its prices are in, if that is recorded.
        given: What the user says it is: `BASE/QUOTE` or `BASE/QUOTE:SETTLE`.

    Raises:
        LakeError: USAGE for words that are no pair; AMBIGUOUS where the symbol reads as several pairs, or as none.
    """
    if given is not None:
        found = re.fullmatch(r"([A-Za-z0-9.]+)/([A-Za-z0-9.]+)(?::([A-Za-z0-9.]+))?", given)
        if found is None:
            raise LakeError(
                "USAGE",
                f'"{given}" is no pair',
                why="A pair is BASE/QUOTE, and of a contract BASE/QUOTE:SETTLE.",
                fix=[f"--pair {encode(address.symbol)}=BTC/USDT"],
            )
        return Pair(*(part or "" for part in found.groups()))
    readings = {reading for text in (address.symbol, vendors.upper()) if (reading := parted(text))}
    readings = readings or _unparted(address.symbol, (currency.upper(),) if currency else QUOTES)
    settled = {_settled(each, address.market) for each in readings}
    if len(settled) == 1:
        [pair] = settled
        if pair is not None:
            return pair
    raise LakeError(
        "AMBIGUOUS",
        f"{address.symbol} does not say which pair it is",
        where=str(address),
        why=_why(readings, address.market),
        fix=[
            f"--pair {encode(address.symbol)}=BASE/QUOTE, for a contract BASE/QUOTE:SETTLE",
            "or record the currency of its prices: dl instruments import",
        ],
    )


def is_contract(market: str) -> bool:
    """Tell whether what is traded there are contracts on a pair."""
    return market.startswith("FUTURES") or market in _CONTRACTS


def parted(text: str) -> Pair | None:
    """Return the pair that a symbol says itself, by what parts it; None where nothing does."""
    found = _PARTED.fullmatch(_PERPETUAL.sub("", text))
    return Pair(*(part or "" for part in found.groups())) if found else None


def _unparted(symbol: str, quotes: Iterable[str]) -> set[Pair]:
    name = _PERPETUAL.sub("", symbol)
    return {Pair(name.removesuffix(quote), quote) for quote in quotes if name.endswith(quote) and name != quote}


def _settled(pair: Pair, market: str) -> Pair | None:
    """Return a pair with what its contracts are settled in; None where that is not known."""
    if pair.settle or not is_contract(market):
        return pair
    if market in {"FUTURES-CM", "INVERSE"}:
        return pair._replace(settle=pair.base)
    if market in {"FUTURES-UM", "LINEAR"} or pair.quote in _STABLE:
        return pair._replace(settle=pair.quote)
    return None


def _why(readings: set[Pair], market: str) -> str:
    if not readings:
        return "It ends in no currency that others are usually quoted in."
    if len(readings) > 1:
        return f"It reads as {' and as '.join(sorted(map(str, readings)))}."
    return f"What contracts in {next(iter(readings)).quote} are settled in, the market {market} does not tell."
