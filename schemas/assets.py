"""Assets: the datasets that are declared, what each is made from, and what holds for it.

The words are Dagster's: an asset has a key, upstreams, checks, an owner and a code version. What follows from the
schema and the period (grain, natural key, checks, grid) is derived, never typed in a second time.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING, Literal

from schemas.bars import BARS
from schemas.columns import IDENTITY, REASONS
from schemas.keys import Address
from schemas.metrics import FUNDING, OPEN_INTEREST
from schemas.orderbook import BOOK_L2, BOOK_L3
from schemas.periods import Period
from schemas.ticks import QUOTES, TRADES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from schemas.columns import Rule, Schema
    from schemas.periods import Grain

Made = Literal["source", "derived", "external"]

_SCHEMAS: dict[str, Schema] = {
    "ticks/trade": TRADES,
    "ticks/quote": QUOTES,
    "orderbook/l2": BOOK_L2,
    "orderbook/l3": BOOK_L3,
    "metrics/funding": FUNDING,
    "metrics/open_interest": OPEN_INTEREST,
}


class GraphError(ValueError):
    """The declared assets do not make a graph."""


class DuplicateAssetError(GraphError):
    """A key is declared twice."""


class UnknownAssetError(GraphError):
    """A key, or an upstream of one, is declared nowhere and belongs to no family."""


class AssetCycleError(GraphError):
    """An asset is made from itself, directly or through others."""


def canonical(key: str) -> str:
    """Return an asset key in its one spelling (`bars/60m` is `bars/1h`); UnknownAssetError when it is not a key."""
    type_, _, period = key.partition("/")
    try:
        return Address.of("-", "-", "-", type_, period).key
    except ValueError as error:
        raise UnknownAssetError(f"{key!r} is not an asset key: {error}") from None


def declare(key: str, schema: Schema) -> None:
    """Give `metrics/<name>` or `features/<set>.v<N>` its schema; DuplicateAssetError when it has another one."""
    key = canonical(key)
    if key.startswith("bars/") or _SCHEMAS.setdefault(key, schema) != schema:
        raise DuplicateAssetError(f"{key} already has another schema; a changed feature set is a new version")


def schema_of(key: str) -> Schema:
    """Return the schema of an asset, declared or of a family; UnknownAssetError when it has none."""
    key = canonical(key)
    if key.startswith("bars/"):
        return BARS
    if key not in _SCHEMAS:
        raise UnknownAssetError(f"{key} has no schema: declare its columns first")
    return _SCHEMAS[key]


@dataclass(frozen=True, slots=True)
class CheckSpec:
    """One check on an asset: the reason it rejects a row for, what it demands, whether a row that fails is kept out."""

    name: str
    description: str
    blocking: bool = True


@dataclass(frozen=True, slots=True)
class AssetSpec:
    """One asset: its key `type/period`, schema and upstreams, and who answers for it.

    `made` says where its rows come from: `source` (ingested), `derived` (made from its upstreams by the lake) or
    `external` (computed elsewhere and written).
    """

    key: str
    schema: Schema
    upstreams: tuple[str, ...] = ()
    description: str = ""
    owner: str = ""
    code_version: str = "1"
    made: Made = "source"

    @property
    def type(self) -> str:
        """The part of the key before the slash."""
        return self.key.partition("/")[0]

    @property
    def period(self) -> Period | None:
        """The bars' period; None for an asset that is not bars."""
        return Period.parse(self.key.partition("/")[2]) if self.type == "bars" else None

    @property
    def grain(self) -> Grain:
        """How long a partition is."""
        return self.period.grain if self.period else "day"

    @property
    def grid_us(self) -> int | None:
        """The grid of the rows' times in microseconds, None when they lie on none."""
        return self.period.grid_us if self.period else None

    @property
    def natural_key(self) -> str:
        """What tells two rows of a series apart, in words."""
        if not self.schema.key:
            return "none: k identical rows of a source are k events"
        names = ", ".join(self.schema.key)
        if "ts" in self.schema.key:
            return names
        optional = any(self.schema.column(name).nullable for name in self.schema.key)
        return f"UTC day, {names}" + (
            f"; without {names}, k identical rows of a source are k events" if optional else ""
        )

    @property
    def checks(self) -> tuple[CheckSpec, ...]:
        """What every row must satisfy to be accepted, one check a reason, strongest first."""
        demands: dict[str, list[str]] = {"bad_timestamp": ["ts is there"]}
        columns = [column for column in self.schema.columns if column not in IDENTITY]
        required = [column.name for column in columns if not column.nullable and column.name != "ts"]
        if any(column.type == "float64" for column in columns):
            demands["bad_number"] = ["every float column is finite where it is not null"]
        if required:
            demands["missing_value"] = [f"{', '.join(required)} are not null"]
        for rule in self.schema.rules:
            if rule.kind != "on_grid" or self.grid_us:
                demands.setdefault(rule.reason, []).append(_demand(rule, self.grid_us))
        return tuple(CheckSpec(reason, "; ".join(demands[reason])) for reason in REASONS if reason in demands)


def _demand(rule: Rule, grid_us: int | None) -> str:
    """Say what a rule demands."""
    names = ", ".join(rule.columns)
    others = ", ".join(rule.columns[1:])
    text = {
        "positive": f"{names} > 0",
        "not_negative": f"{names} ≥ 0",
        "highest": f"{rule.columns[0]} ≥ {others}",
        "lowest": f"{rule.columns[0]} ≤ {others}",
        "on_grid": f"{names} is a multiple of {(grid_us or 0) / 1_000_000:g} s since the epoch",
        "one_of": f"{names} is {' or '.join(rule.values)}",
    }[rule.kind]
    return text + (" (unless the instrument's prices may be zero or negative)" if rule.waivable else "")


def describe(schema: Schema) -> list[dict[str, str | bool]]:
    """Return name, type, nullable, unit and description of every column, in stored order."""
    return [
        {"name": c.name, "type": c.type, "nullable": c.nullable, "unit": c.unit, "description": c.description}
        for c in schema.columns
    ]


class Registry:
    """The declared assets and the graph they make."""

    def __init__(self, specs: Iterable[AssetSpec] = ()) -> None:
        """Take specs in any order.

        Raises:
            DuplicateAssetError: A key comes twice.
            UnknownAssetError: An upstream is not among them.
            AssetCycleError: One is made from itself.
        """
        self._specs: dict[str, AssetSpec] = {}
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
            for upstream in spec.upstreams:
                if upstream not in together:
                    raise UnknownAssetError(f"{spec.key} is made from {upstream}, which is not declared")
        try:
            TopologicalSorter({key: spec.upstreams for key, spec in together.items()}).prepare()
        except CycleError as error:
            raise AssetCycleError(f"an asset is made from itself: {' → '.join(error.args[1])}") from None
        self._specs = together

    def add(self, spec: AssetSpec) -> None:
        """Declare one more asset, whose upstreams are declared already; raises as the constructor does."""
        self._enter([spec])

    def __contains__(self, key: str) -> bool:
        return key in self._specs

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
        return replace(spec, key=key, upstreams=upstreams)

    def _undeclared(self, key: str) -> AssetSpec:
        """Return the spec of bars without suffixes that are not declared."""
        wanted = Period.parse(key.partition("/")[2])
        fitting = [
            (spec.period.fixed_us, spec.key)
            for spec in self
            if spec.period and spec.made == "source" and spec.period.fixed_us and _divides(spec.period.fixed_us, wanted)
        ]
        if not fitting:
            return AssetSpec(key, BARS)
        return AssetSpec(key, BARS, upstreams=(max(fitting)[1],), made="derived")

    def upstreams(self, key: str) -> tuple[str, ...]:
        """Return the keys an asset is made from; UnknownAssetError as `resolve` does."""
        return self.resolve(key).upstreams

    def downstreams(self, key: str) -> tuple[str, ...]:
        """Return the keys of the declared assets made from this one, with its side and adjustment if it has them."""
        key = canonical(key)
        plain, suffix = _parted(key) if key.startswith("bars/") else (key, "")
        return tuple(f"{spec.key}{suffix}" for spec in self if plain in spec.upstreams)


def _parted(key: str) -> tuple[str, str]:
    """Part the key of bars into the one without side and adjustment, and these: `bars/5m`, `-bid-split`."""
    plain, dash, suffix = key.partition("-")
    return plain, dash + suffix


def _divides(step_us: int, period: Period) -> bool:
    """Whether bars of `period` are made of whole bars of `step_us`, and of more than one."""
    day_us = 86_400_000_000
    length = period.fixed_us or day_us
    return length % step_us == 0 and (length > step_us or period.fixed_us is None)
