"""Addresses of series and keys of partitions, and their one mapping to path names."""

from __future__ import annotations

import datetime as dt
import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import quote, unquote

from schemas.periods import Grain, Period

MAX_NAME_BYTES = 120
DAY_US = 86_400_000_000
_EPOCH = dt.date(1970, 1, 1)
TYPES = ("bars", "ticks", "orderbook", "metrics", "features")
_PERIODS_OF = {"ticks": ("trade", "quote"), "orderbook": ("l2", "l3")}
_NUMBER = "(?:0|[1-9][0-9]{0,5})"
_SET_NAMES = {
    "metrics": (re.compile(r"[a-z0-9][a-z0-9_.-]{0,63}"), "lower case letters, digits, dot, dash and underscore"),
    "features": (
        re.compile(rf"[a-z0-9][a-z0-9_-]{{0,55}}\.v(?:[1-9][0-9]{{0,5}}|{_NUMBER}(?:\.{_NUMBER}){{1,3}})"),
        "<set>.v<N>, such as returns.v1 or returns.v1.0.2",
    ),
}
_LABEL = re.compile(r"([0-9]{4})(?:-([0-9]{2})(?:-([0-9]{2}))?)?")


@lru_cache(maxsize=4096)
def normalise(name: str) -> str:
    """Return an exchange, market or symbol as the lake spells it: NFC, upper case; ValueError when it cannot be one."""
    controls = any(unicodedata.category(c).startswith("C") for c in name)
    text = _settle(name)
    if controls or text in {"", ".", ".."}:
        msg = f"{name!r} cannot name an exchange, market or symbol: empty, dots or control characters"
        raise ValueError(msg)
    if len(encode(text)) > MAX_NAME_BYTES:
        msg = f"{name!r} is longer than {MAX_NAME_BYTES} bytes once encoded"
        raise ValueError(msg)
    return text


def _settle(name: str) -> str:
    """Compose, trim and upper-case until nothing changes: upper-casing can decompose a composed character."""
    text = unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).strip().upper())
    return text if text == name else _settle(text)


@lru_cache(maxsize=4096)
def encode(name: str) -> str:
    """Percent-encode `name` outside [A-Za-z0-9._-]: injective, and safe as one path component."""
    return quote(name, safe="").replace("~", "%7E")


@lru_cache(maxsize=4096)
def decode(component: str) -> str:
    """Undo `encode`."""
    return unquote(component, errors="strict")


@dataclass(frozen=True, slots=True, order=True)
class Address:
    """One series: exchange, market and symbol (spelt as the lake does), type and period; its text is its path."""

    exchange: str
    market: str
    symbol: str
    type: str
    period: str

    @classmethod
    def of(cls, exchange: str, market: str, symbol: str, type: str, period: str) -> Address:  # noqa: A002 -- the design's word
        """Build an address from names as a user writes them; ValueError when one of them cannot be used."""
        if type not in TYPES:
            msg = f"{type!r} is not a type: expected one of {', '.join(TYPES)}"
            raise ValueError(msg)
        if type == "bars":
            period = str(Period.parse(period))
        elif type in _PERIODS_OF:
            if period not in _PERIODS_OF[type]:
                kinds = " or ".join(f"{type}/{p}" for p in _PERIODS_OF[type])
                msg = f"{type}/{period} does not exist: expected {kinds}"
                raise ValueError(msg)
        elif not _SET_NAMES[type][0].fullmatch(period):
            msg = f"{period!r} cannot name a {type} set: expected {_SET_NAMES[type][1]}"
            raise ValueError(msg)
        return cls(normalise(exchange), normalise(market), normalise(symbol), type, period)

    @classmethod
    def parse(cls, text: str) -> Address:
        """Parse `BINANCE/SPOT/BTCUSDT/bars/1m` (components percent-encoded); ValueError when it is not an address."""
        try:
            exchange, market, symbol, type_, period = text.strip("/").split("/")
        except ValueError:
            expected = "EXCHANGE/MARKET/SYMBOL/type/period, such as BINANCE/SPOT/BTCUSDT/bars/1m"
            msg = f"{text!r} is not an address: expected {expected}"
            raise ValueError(msg) from None
        return cls.of(decode(exchange), decode(market), decode(symbol), type_, period)

    def __str__(self) -> str:
        """Return the path form, percent-encoded."""
        return "/".join([encode(self.exchange), encode(self.market), encode(self.symbol), self.type, self.period])

    @property
    def key(self) -> str:
        """The asset key, `type/period`."""
        return f"{self.type}/{self.period}"

    @property
    def grain(self) -> Grain:
        """How long this series' partitions are."""
        return Period.parse(self.period).grain if self.type == "bars" else "day"


@dataclass(frozen=True, slots=True, order=True)
class Partition:
    """One partition of a series: its first UTC day (days since 1970-01-01) and its grain."""

    day: int
    grain: Grain

    @classmethod
    def parse(cls, label: str) -> Partition:
        """Parse `2024-03-05`, `2024-03` or `2024`; ValueError for anything else."""
        match = _LABEL.fullmatch(label)
        if not match:
            msg = f"{label!r} is not a partition: expected 2024, 2024-03 or 2024-03-05"
            raise ValueError(msg)
        year, month, day = match.groups()
        grain: Grain = "day" if day else "month" if month else "year"
        return cls((dt.date(int(year), int(month or 1), int(day or 1)) - _EPOCH).days, grain)

    @property
    def first(self) -> dt.date:
        """The partition's first day."""
        return _EPOCH + dt.timedelta(days=self.day)

    @property
    def end_day(self) -> int:
        """The day after its last one, in days since the epoch."""
        first = self.first
        if self.grain == "day":
            return self.day + 1
        if self.grain == "year":
            return (first.replace(year=first.year + 1) - _EPOCH).days
        following = first.replace(year=first.year + first.month // 12, month=first.month % 12 + 1)
        return (following - _EPOCH).days

    @property
    def label(self) -> str:
        """`2024-03-05`, `2024-03` or `2024`."""
        return self.first.isoformat()[: {"day": 10, "month": 7, "year": 4}[self.grain]]

    @property
    def path(self) -> str:
        """The folders below the address: `2024/03/05`, `2024/03` or `2024`."""
        return self.label.replace("-", "/")

    @property
    def start_ns(self) -> int:
        """Inclusive start, nanoseconds since the epoch."""
        return self.day * DAY_US * 1000

    @property
    def end_ns(self) -> int:
        """Exclusive end, nanoseconds since the epoch."""
        return self.end_day * DAY_US * 1000
