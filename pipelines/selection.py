"""Selecting assets, series and partitions by what a user writes, with Dagster's habits.

bars/1h, bars/*          assets by key            +bars/1d, 2+bars/1d   with all upstreams, with two layers of them
tag:mine, owner:me       by what is declared      bars/1m+, bars/1m+1   with all downstreams, with one layer of them
made:derived             by how they are made     BINANCE/*/BTC*/bars/1h   series by address
bars/1h, metrics/*       one or the other         bars/1h@2024-03          partitions of a time
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from lake.errors import LakeError
from lake.lookup import near_series, parse_pattern
from schemas.assets import GraphError
from schemas.keys import Partition

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from schemas.assets import AssetSpec
    from schemas.graph import Registry
    from schemas.keys import Address

_TERM = re.compile(r"(?:(?P<up>[0-9]*)\+)?(?P<base>[^+]+)(?:\+(?P<down>[0-9]*))?")
_WORDS: dict[str, Callable[[AssetSpec], tuple[str, ...]]] = {
    "key": lambda spec: (spec.key,),
    "tag": lambda spec: spec.tags,
    "owner": lambda spec: (spec.owner,),
    "made": lambda spec: (spec.made,),
    "type": lambda spec: (spec.type,),
}
_SLASHES_OF_ADDRESS = 4


@dataclass(frozen=True, slots=True)
class Term:
    """One part of a selection: assets, of which series, and of which time."""

    keys: tuple[str, ...]
    place: tuple[str, str, str] = ("*", "*", "*")
    """Patterns of exchange, market and symbol."""
    start_ns: int | None = None
    end_ns: int | None = None
    named: str = ""
    """The one asset that was called by its very key."""
    _among: frozenset[str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Keep the keys for looking one up: there may be as many as there are series."""
        object.__setattr__(self, "_among", frozenset(self.keys))

    def fits(self, address: Address) -> bool:
        """Whether a series is of these assets and this place."""
        names = (address.exchange, address.market, address.symbol)
        return address.key in self._among and all(map(fnmatchcase, names, self.place))

    def covers(self, address: Address, start_ns: int, end_ns: int) -> bool:
        """Whether a partition of a series lies, at least in part, in what is selected."""
        after = self.start_ns is None or end_ns > self.start_ns
        return self.fits(address) and after and (self.end_ns is None or start_ns < self.end_ns)


@dataclass(frozen=True, slots=True)
class Selection:
    """What a user selected: whatever one of its terms fits."""

    text: str
    terms: tuple[Term, ...]

    @property
    def keys(self) -> tuple[str, ...]:
        """The selected assets, each once."""
        return tuple(dict.fromkeys(key for term in self.terms for key in term.keys))

    @property
    def named(self) -> tuple[str, ...]:
        """The assets that were called by their very keys, each once: not those that a glob or a layer brought in."""
        return tuple(dict.fromkeys(term.named for term in self.terms if term.named))

    def fits(self, address: Address) -> bool:
        """Whether a series is selected, or some partitions of it are."""
        return any(term.fits(address) for term in self.terms)

    def covers(self, address: Address, start_ns: int, end_ns: int) -> bool:
        """Whether a partition of [start, end) is selected."""
        return any(term.covers(address, start_ns, end_ns) for term in self.terms)


def select(texts: str | Sequence[str], registry: Registry, stored: Iterable[Address] = ()) -> Selection:
    """Read a selection; several texts, and what stands between commas, are added up. Nothing selects everything.

    Args:
        texts: What the user wrote.
        registry: The declared assets.
        stored: The lake's series: globs find their assets too, and an address must be of a symbol among them.

    Raises:
        LakeError: UNKNOWN_ASSET when a part fits no asset, UNKNOWN_SERIES when it fits no symbol, both with what is
            near; USAGE and BAD_DATE for what cannot be read.
    """
    together = ",".join([texts] if isinstance(texts, str) else texts) or "*"
    series = tuple(stored)
    # What is stored and declared no more is nothing that can be asked about.
    known = [key for key in dict.fromkeys(each.key for each in series) if key in registry or _is_known(registry, key)]
    reader = _Reader(registry, series, tuple(dict.fromkeys([*registry.keys(), *known])))
    parts = [part.strip() for part in together.split(",")]
    return Selection(together, tuple(reader.term(part) for part in parts if part))


def _is_known(registry: Registry, key: str) -> bool:
    try:
        registry.resolve(key)
    except GraphError:
        return False
    return True


@dataclass(frozen=True, slots=True)
class _Reader:
    registry: Registry
    series: tuple[Address, ...]
    known: tuple[str, ...]
    """The keys that globs are held against."""

    def term(self, text: str) -> Term:
        match = _TERM.fullmatch(text)
        if not match:
            raise LakeError(
                "USAGE",
                f'"{text}" is no selection',
                why="Layers are counted by numbers: 2+bars/1d has two layers of upstreams, +bars/1d has all.",
                fix=["bars/1h+", "+bars/1d", "BINANCE/*/BTC*/bars/1h", "tag:NAME", "bars/1h@2024-03"],
            )
        base, _, label = match["base"].partition("@")
        start_ns, end_ns = _range(label) if label else (None, None)
        place = ("*", "*", "*")
        if base.count("/") >= _SLASHES_OF_ADDRESS:
            place, base = self._place(base)
        keys = self._keys(base)
        found = dict.fromkeys(keys)
        if match["up"] is not None:
            found |= dict.fromkeys(_walk(keys, self.registry.upstreams, match["up"]))
        if match["down"] is not None:
            found |= dict.fromkeys(_walk(keys, self.registry.downstreams, match["down"]))
        named = "" if ":" in base or any(mark in base for mark in "*?[") else keys[0]
        return Term(tuple(found), place, start_ns, end_ns, named)

    def _place(self, text: str) -> tuple[tuple[str, str, str], str]:
        """Part the pattern of an address into that of its place and that of its key."""
        asked = parse_pattern(text)
        exchange, market, symbol = ((asked[name] or "*").upper() for name in ("exchange", "market", "symbol"))
        key = f"{asked['type'] or '*'}/{asked['period'] or '*'}"
        named = [each for each in self.series if fnmatchcase(each.symbol, symbol)]
        if not any(fnmatchcase(each.exchange, exchange) and fnmatchcase(each.market, market) for each in named):
            raise LakeError(
                "UNKNOWN_SERIES",
                f'"{text}" is not in the lake',
                why=near_series(self.series, symbol, key, f"{exchange}/{market}"),
            )
        return (exchange, market, symbol), key

    def _keys(self, base: str) -> tuple[str, ...]:
        word, colon, value = base.partition(":")
        if colon and word in _WORDS:
            pattern = value.strip("\"'")
            fitting = [
                key
                for key in self.known
                if any(fnmatchcase(each, pattern) for each in _WORDS[word](self.registry.resolve(key)))
            ]
        elif any(mark in base for mark in "*?["):
            fitting = [key for key in self.known if fnmatchcase(key, base)]
        else:
            try:
                fitting = [self.registry.resolve(base).key]
            except GraphError:
                fitting = []
        if not fitting:
            raise self._unknown(base)
        return tuple(fitting)

    def _unknown(self, base: str) -> LakeError:
        word, colon, value = base.partition(":")
        if colon and word in _WORDS:
            words = {each for key in self.known for each in _WORDS[word](self.registry.resolve(key)) if each}
            there = f"There is: {', '.join(sorted(words))}." if words else "No asset has one."
            return LakeError("UNKNOWN_ASSET", f"no asset is of {word} {value!r}", why=there)
        near = difflib.get_close_matches(base, self.known, n=3, cutoff=0.5)
        why = f"Near it: {', '.join(near)}." if near else ""
        return LakeError("UNKNOWN_ASSET", f'no asset "{base}" is declared', why=why)


def _walk(keys: Iterable[str], neighbours: Callable[[str], tuple[str, ...]], depth: str) -> list[str]:
    """Return what can be reached from keys, in so many layers or, where the depth is empty, in all."""
    found: dict[str, None] = {}
    layer, left = list(keys), int(depth) if depth else -1
    while layer and left:
        layer = [each for key in layer for each in neighbours(key) if each not in found]
        found |= dict.fromkeys(layer)
        left -= 1
    return list(found)


def _range(label: str) -> tuple[int, int]:
    try:
        partition = Partition.parse(label)
    except ValueError as error:
        raise LakeError("BAD_DATE", str(error), fix=["bars/1h@2024-03"]) from None
    return partition.start_ns, partition.end_ns
