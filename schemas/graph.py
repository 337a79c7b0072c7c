"""The graph that the declared assets make: which there are, what each is made from, and what is made from it."""

from __future__ import annotations

from dataclasses import replace
from fnmatch import fnmatchcase
from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING

from schemas.assets import (
    AssetCycleError,
    AssetSpec,
    DuplicateAssetError,
    GraphError,
    SchemaMismatchError,
    UnknownAssetError,
    canonical,
    schema_of,
)
from schemas.bars import BARS
from schemas.keys import TYPES
from schemas.periods import Period

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from schemas.assets import Check
    from schemas.calendars import FreshnessPolicy
    from schemas.keys import Address

_SLASHES = 4
"""Of an address."""


class Registry:
    """The declared assets and the graph they make."""

    def __init__(self, specs: Iterable[AssetSpec] = ()) -> None:
        """Take specs in any order.

        Raises:
            DuplicateAssetError: A key comes twice.
            UnknownAssetError: An upstream is not among them.
            AssetCycleError: One is made from itself.
            SchemaMismatchError: One has not its family's columns, or reads a column that its upstream has not.
        """
        self._specs: dict[str, AssetSpec] = {}
        self._below: dict[str, list[tuple[int, AssetSpec]]] = {}
        """What is made from each, with its place in the order of declaration."""
        self._due: list[tuple[str, FreshnessPolicy]] = []
        self._enter(specs)

    def _enter(self, specs: Iterable[AssetSpec]) -> None:
        together = dict(self._specs)
        for spec in specs:
            if canonical(spec.key) != spec.key:
                raise GraphError(f"{spec.key} is spelt {canonical(spec.key)}")
            if spec.key in together:
                raise DuplicateAssetError(f"{spec.key} is declared twice")
            together[spec.key] = spec
        for spec in together.values():
            _refuse_mismatch(spec, together)
        try:
            TopologicalSorter({key: spec.upstreams for key, spec in together.items()}).prepare()
        except CycleError as error:
            raise AssetCycleError(f"an asset is made from itself: {' → '.join(error.args[1])}") from None
        self._specs = together
        self._below = {}
        for place, spec in enumerate(together.values()):
            for upstream in spec.upstreams:
                self._below.setdefault(upstream, []).append((place, spec))

    def add(self, *specs: AssetSpec) -> None:
        """Declare more assets, whose upstreams are declared already or among them; raises as the constructor does."""
        self._enter(specs)

    def __contains__(self, key: str) -> bool:
        return key in self._specs

    def knows(self, key: str) -> bool:
        """Whether assets can be made from this one: it is declared, or one of bars that the declared ones make."""
        return key in self._specs or _is_member(key, self._specs)

    def __iter__(self) -> Iterator[AssetSpec]:
        return iter(self._specs.values())

    def __len__(self) -> int:
        return len(self._specs)

    def keys(self) -> tuple[str, ...]:
        """Return the declared keys in the order of their declaration."""
        return tuple(self._specs)

    def get(self, key: str) -> AssetSpec:
        """Return a declared asset; UnknownAssetError when there is none under exactly this key."""
        if key not in self._specs:
            raise UnknownAssetError(f"{key} is not declared")
        return self._specs[key]

    def resolve(self, key: str) -> AssetSpec:
        """Return the declared asset, or the one its family makes of the key.

        Bars of a price side or an adjustment are made from bars of the same side and adjustment. Bars of a period
        that is not declared are made from the coarsest declared source bars that they are whole multiples of.

        Raises:
            UnknownAssetError: The key is malformed, or its set has no schema.
        """
        if key in self._specs:
            return self._specs[key]
        key = canonical(key)
        if key in self._specs:
            return self._specs[key]
        schema = schema_of(key)
        if schema is not BARS:
            return AssetSpec(key, schema, made="external" if key.startswith("features/") else "source")
        plain, suffix = _parted(key)
        spec = self._specs.get(plain) or self._undeclared(plain)
        # Ticks have no adjustment and no such sides: only bars are upstream of the family's other members.
        upstreams = tuple(f"{name}{suffix}" for name in spec.upstreams if not suffix or name.startswith("bars/"))
        reads = tuple((f"{name}{suffix}", columns) for name, columns in spec.reads)
        return replace(spec, key=key, upstreams=upstreams, reads=reads)

    def _undeclared(self, key: str) -> AssetSpec:
        """Return the spec of bars without suffixes that are not declared."""
        source = _coarsest(key, self)
        return AssetSpec(key, BARS, upstreams=(source,), made="derived") if source else AssetSpec(key, BARS)

    def checks(self, key: str) -> tuple[Check, ...]:
        """Return the checks of an asset's own; UnknownAssetError as `resolve` does."""
        return self.resolve(key).checks

    def upstreams(self, key: str) -> tuple[str, ...]:
        """Return the keys an asset is made from; UnknownAssetError as `resolve` does."""
        return self.resolve(key).upstreams

    def downstreams(self, key: str) -> tuple[str, ...]:
        """Return the keys of the declared assets made from this one, with its side and adjustment if it has them."""
        key = canonical(key)
        plain, suffix = _parted(key)
        found = [(place, spec.key) for place, spec in self._below.get(key, ())]
        if suffix:
            own = {place for place, _ in found}
            others = [(place, spec) for place, spec in self._below.get(plain, ()) if place not in own]
            found += [(place, f"{spec.key}{suffix}") for place, spec in others if _is_plain(spec)]
        return tuple(dict.fromkeys(name for _, name in sorted(found)))

    def in_order(self, keys: Iterable[str]) -> tuple[str, ...]:
        """Return keys so that each comes after what it is made from, else in the order of their declaration."""
        wanted = dict.fromkeys(map(canonical, keys))
        graph: dict[str, tuple[str, ...]] = {}
        waiting = list(wanted)
        while waiting:
            key = waiting.pop()
            if key not in graph:
                graph[key] = self.upstreams(key)
                waiting += graph[key]
        declared = {key: place for place, key in enumerate(self._specs)}
        sorter, found = TopologicalSorter(graph), []
        sorter.prepare()
        while sorter.is_active():
            ready = sorted(sorter.get_ready(), key=lambda key: (declared.get(key, len(declared)), key))
            found += [key for key in ready if key in wanted]
            sorter.done(*ready)
        return tuple(found)

    def due(self, pattern: str, policy: FreshnessPolicy) -> None:
        """Give the series that fit an asset's key or a pattern of addresses their freshness, above what is declared.

        Raises:
            GraphError: It is neither.
        """
        if pattern.partition("/")[0] in TYPES:
            pattern = f"*/*/*/{pattern if '*' in pattern else canonical(pattern)}"
        if pattern.count("/") != _SLASHES:
            raise GraphError(f"{pattern!r} is neither an asset's key nor a pattern such as OANDA/*/*/bars/1m")
        self._due.append((pattern, policy))

    def freshness(self, address: Address) -> FreshnessPolicy | None:
        """Return when rows of a series are late: by the last pattern given to `due` that fits, else as declared."""
        if self._due:
            name = str(address)
            for pattern, policy in reversed(self._due):
                if fnmatchcase(name, pattern):
                    return policy
        spec = self._specs.get(address.key)
        return spec.freshness if spec else None

    def freshness_of(self, key: str) -> FreshnessPolicy | None:
        """Return when rows of an asset are late, apart from what was said of places of it."""
        for pattern, policy in reversed(self._due):
            if pattern == f"*/*/*/{key}":
                return policy
        spec = self._specs.get(key)
        return spec.freshness if spec else None


def _refuse_mismatch(spec: AssetSpec, together: Mapping[str, AssetSpec]) -> None:
    """Raise where a spec's upstreams are not known, or its columns are not what they must be."""
    if spec.type in {"bars", "ticks", "orderbook"} and spec.schema != schema_of(spec.key):
        raise SchemaMismatchError(f"{spec.key} has not the columns of all {spec.type}")
    for upstream in spec.upstreams:
        if upstream not in together and not _is_member(upstream, together):
            raise UnknownAssetError(f"{spec.key} is made from {upstream}, which is not declared")
    for upstream, columns in spec.reads:
        schema = together[upstream].schema if upstream in together else schema_of(upstream)
        if unknown := [name for name in columns if name not in schema.names]:
            raise SchemaMismatchError(
                f"{spec.key} reads {', '.join(unknown)} of {upstream}, which has {', '.join(schema.names)}"
            )


def _is_member(key: str, together: Mapping[str, AssetSpec]) -> bool:
    """Whether a key that is not declared is one of bars that the declared ones make: of a side, or of a period."""
    plain, suffix = _parted(key)
    if not key.startswith("bars/"):
        return False
    return (bool(suffix) and plain in together) or _coarsest(plain, together.values()) is not None


def _coarsest(key: str, specs: Iterable[AssetSpec]) -> str | None:
    """Return the coarsest source bars, without side or adjustment, that bars of a plain key are whole multiples of."""
    wanted = Period.parse(key.partition("/")[2])
    fitting = [
        (spec.period.fixed_us, spec.key)
        for spec in specs
        if spec.period and spec.period.fixed_us and spec.made == "source" and _is_plain(spec)
        if _divides(spec.period.fixed_us, wanted)
    ]
    return max(fitting)[1] if fitting else None


def _is_plain(spec: AssetSpec) -> bool:
    """Whether a spec is of bars that have neither side nor adjustment."""
    return spec.type == "bars" and "-" not in spec.key


def _parted(key: str) -> tuple[str, str]:
    """Part the key of bars into the one without side and adjustment, and these: `bars/5m`, `-bid-split`."""
    plain, dash, suffix = key.partition("-") if key.startswith("bars/") else (key, "", "")
    return plain, dash + suffix


def _divides(step_us: int, period: Period) -> bool:
    """Whether bars of `period` are made of whole bars of `step_us`, and of more than one."""
    day_us = 86_400_000_000
    length = period.fixed_us or day_us
    return length % step_us == 0 and (length > step_us or period.fixed_us is None)
