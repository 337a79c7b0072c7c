"""Assets: the datasets that are declared, what each is made from, and what holds for it.

The words are Dagster's: an asset has a key, upstreams, checks, an owner and a code version. What follows from the
schema and the period (grain, natural key, checks, grid) is derived, never typed in a second time.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Literal, TypedDict, Unpack

from schemas.bars import BARS
from schemas.calendars import FreshnessPolicy
from schemas.columns import FLOATS, IDENTITY, REASONS, Column, parse_type
from schemas.describing import demand
from schemas.features import CLOCKS, KEYS, FeatureSet, Serving, length_us, split_name
from schemas.keys import Address
from schemas.metrics import FUNDING, LONG_SHORT_RATIO, OPEN_INTEREST, metrics_schema
from schemas.orderbook import BOOK_L2, BOOK_L3
from schemas.periods import Period
from schemas.ticks import QUOTES, TRADES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from schemas.columns import Schema
    from schemas.features import Stamp
    from schemas.periods import Grain

Made = Literal["source", "derived", "external"]


class Said(TypedDict, total=False):
    """What may be said of an asset of one's own; `AssetSpec.of` tells what each word means."""

    columns: Mapping[str, str | Column]
    schema_version: int
    freshness: str | Mapping[str, str] | FreshnessPolicy
    tags: Iterable[str]
    checks: Iterable[Check]
    description: str
    owner: str
    code_version: str
    ttl: str
    delay: str
    stamp: Stamp
    lookback: str
    keys: Iterable[str]


_SERVED = ("ttl", "delay", "stamp", "lookback", "keys")
"""What is said of feature sets only."""
_SCHEMAS: dict[str, Schema] = {
    "ticks/trade": TRADES,
    "ticks/quote": QUOTES,
    "orderbook/l2": BOOK_L2,
    "orderbook/l3": BOOK_L3,
    "metrics/funding": FUNDING,
    "metrics/open_interest": OPEN_INTEREST,
    "metrics/long_short_ratio": LONG_SHORT_RATIO,
}


class GraphError(ValueError):
    """The declared assets do not make a graph."""


class DuplicateAssetError(GraphError):
    """A key is declared twice."""


class UnknownAssetError(GraphError):
    """A key, or an upstream of one, is declared nowhere and belongs to no family."""


class AssetCycleError(GraphError):
    """An asset is made from itself, directly or through others."""


class SchemaMismatchError(GraphError):
    """A key was declared with other columns before, or an upstream lacks a column that is read of it."""


def canonical(key: str) -> str:
    """Return an asset key in its one spelling (`bars/60m` is `bars/1h`); UnknownAssetError when it is not a key."""
    type_, _, period = key.partition("/")
    try:
        return Address.of("-", "-", "-", type_, period).key
    except ValueError as error:
        raise UnknownAssetError(f"{key!r} is not an asset key: {error}") from None


_ORIGINS: dict[str, str] = {}
_declaring = threading.RLock()


def declare(key: str, schema: Schema, origin: str = "") -> None:
    """Give `metrics/<name>` or `features/<set>.v<N>` its schema.

    Args:
        key: The asset.
        schema: Its columns.
        origin: The file that declares it: the same file may declare it anew, as when a notebook loads it again.

    Raises:
        SchemaMismatchError: It has another one.
    """
    key = canonical(key)
    with _declaring:
        if origin and _ORIGINS.get(key) == origin:
            _SCHEMAS[key] = schema
            return
        if key.startswith("bars/") or _SCHEMAS.setdefault(key, schema) != schema:
            raise SchemaMismatchError(f"{key} already has another schema; a changed feature set is a new version")
        _ORIGINS.setdefault(key, origin)


def schema_of(key: str) -> Schema:
    """Return the schema of an asset, declared or of a family; UnknownAssetError when it has none."""
    key = canonical(key)
    if key.startswith("bars/"):
        return BARS
    if key not in _SCHEMAS:
        raise UnknownAssetError(f"{key} has no schema: declare its columns first")
    return _SCHEMAS[key]


def column(type: str, *, nullable: bool = False, unit: str = "", description: str = "") -> Column:  # noqa: A002 -- the word of Column
    """Return a column without a name: the mapping it stands in names it."""
    try:
        type_, length = parse_type(type)
    except ValueError as error:
        raise SchemaMismatchError(str(error)) from None
    return Column("", type_, nullable=nullable, unit=unit, description=description, length=length)


@dataclass(frozen=True, slots=True)
class CheckSpec:
    """One check on an asset: the reason it rejects a row for, what it demands, whether a row that fails is kept out."""

    name: str
    description: str
    blocking: bool = True


@dataclass(frozen=True, slots=True)
class Check:
    """A check of one's own on the rows of one partition.

    `function` takes an Arrow table and returns True, or what is wrong in words (False will do). With `blocking` a
    partition that fails it is not stored, wherever its rows come from; without, the finding is kept beside it.
    """

    name: str
    function: Callable[[Any], object]
    blocking: bool = True
    description: str = ""


@dataclass(frozen=True, slots=True)
class AssetSpec:
    """One asset: its key `type/period`, schema and upstreams, and who answers for it.

    `made` says where its rows come from: `source` (ingested), `derived` (made from its upstreams by the lake) or
    `external` (computed elsewhere and written). Upstreams of a source are what it can be made from instead: nothing
    is missing where it is not.
    """

    key: str
    schema: Schema
    upstreams: tuple[str, ...] = ()
    description: str = ""
    owner: str = ""
    code_version: str = "1"
    made: Made = "source"
    freshness: FreshnessPolicy | None = None
    tags: tuple[str, ...] = ()
    checks: tuple[Check, ...] = ()
    """The asset's own checks; what every row must satisfy follows from the schema: see `row_checks`."""
    make: Callable[..., Any] | None = None
    """Makes one partition: it takes a table an upstream, of the same symbol and time, and returns a table."""
    reads: tuple[tuple[str, tuple[str, ...]], ...] = ()
    """The columns `make` reads of an upstream, where not all."""
    serving: Serving | None = None
    """How a feature set is served; None for whatever is none."""

    @classmethod
    def of(
        cls,
        key: str,
        *,
        upstreams: Iterable[str] | Mapping[str, Iterable[str]] = (),
        made: Made | None = None,
        make: Callable[..., Any] | None = None,
        **said: Unpack[Said],
    ) -> AssetSpec:
        """Return the spec of an asset of one's own.

        Args:
            key: `metrics/<name>`, `features/<set>.v<N>`, or bars of a period.
            upstreams: Keys of what it is made from; as a mapping, to the columns that are read of each.
            made: Derived with a function, external for features, source otherwise.
            make: What makes a partition from those of the upstreams.
            **said: columns: those beside ts and the series' identity (for features also known_at), by name; a type as
                text, or `column(...)` for one with nulls, unit or description. Bars have theirs.
                schema_version: To be raised with every change of a metric's columns, and when a feature set gains a
                nullable one; a set that changes otherwise has another version in its key.
                freshness: How late is late: `"2h"`, or `{"within": "2h", "calendar": "FX"}`.
                tags: Words to select it by.
                checks: Checks of its own.
                description, owner, code_version: As they are.
                ttl, delay, stamp, lookback, keys: Of feature sets, as `schemas.features.Serving` tells; lengths of time
                are text such as `"2h"`.

        Raises:
            GraphError: These do not make an asset.
        """
        key = canonical(key)
        _refuse_misspelt(key, said)
        freshness = said.get("freshness")
        spec = cls(
            key=key,
            schema=_own_schema(key, said.get("columns"), said.get("schema_version", 1)),
            upstreams=tuple(canonical(name) for name in upstreams),
            description=said.get("description", ""),
            owner=said.get("owner", ""),
            code_version=str(said.get("code_version", "1")),
            made=made or ("derived" if make else "external" if key.startswith("features/") else "source"),
            freshness=None if freshness is None else FreshnessPolicy.of(freshness),
            tags=tuple(said.get("tags", ())),
            checks=tuple(said.get("checks", ())),
            make=make,
            reads=tuple((canonical(name), tuple(of)) for name, of in upstreams.items())
            if isinstance(upstreams, Mapping)
            else (),
            serving=_serving(key, said),
        )
        if make and (spec.made != "derived" or not spec.upstreams):
            raise GraphError(f"{key} is made by a function, which takes its upstreams: name them")
        return spec

    @property
    def feature_set(self) -> FeatureSet | None:
        """The feature set that the asset is; None for whatever is none."""
        if self.type != "features":
            return None
        name, version = split_name(self.key)
        columns = tuple(column for column in self.schema.columns if column not in (*CLOCKS, *IDENTITY))
        return FeatureSet(
            name,
            version or "1",
            columns,
            self.schema.rules,
            self.upstreams,
            self.serving or Serving(),
            self.owner,
            self.description,
            self.schema.version,
        )

    @classmethod
    def of_set(cls, feature_set: FeatureSet) -> AssetSpec:
        """Return the spec of a feature set whose rows are computed elsewhere."""
        return cls(
            feature_set.key,
            feature_set.schema,
            feature_set.inputs,
            feature_set.description,
            feature_set.owner,
            made="external",
            serving=feature_set.serving,
        )

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
    def row_checks(self) -> tuple[CheckSpec, ...]:
        """What every row must satisfy to be accepted, one check a reason, strongest first."""
        demands: dict[str, list[str]] = {"bad_timestamp": ["ts is there"]}
        columns = [column for column in self.schema.columns if column not in IDENTITY]
        required = [column.name for column in columns if not column.nullable and column.name != "ts"]
        if any(column.type in FLOATS for column in columns):
            demands["bad_number"] = ["every float column is finite where it is not null"]
        if required:
            demands["missing_value"] = [f"{', '.join(required)} are not null"]
        for rule in self.schema.rules:
            if rule.kind != "on_grid" or self.grid_us:
                demands.setdefault(rule.reason, []).append(demand(rule, self.grid_us))
        return tuple(CheckSpec(reason, "; ".join(demands[reason])) for reason in REASONS if reason in demands)


def asset(
    key: str, *, upstreams: Iterable[str] | Mapping[str, Iterable[str]], **said: Unpack[Said]
) -> Callable[[Callable[..., Any]], AssetSpec]:
    """Declare an asset that the decorated function makes, one partition at a time.

    The function takes an Arrow table an upstream, in their order, with the rows of one symbol in one partition, and
    returns a table of any library. Its docstring describes the asset; for the arguments see `AssetSpec.of`. Raise
    `code_version` when it computes something else than before: what it made becomes stale.
    """

    def declared(function: Callable[..., Any]) -> AssetSpec:
        first = (function.__doc__ or "").strip().split("\n\n")[0]
        words: Said = {"description": " ".join(first.split())}
        words.update(said)
        return AssetSpec.of(key, upstreams=upstreams, make=function, **words)

    return declared


def _refuse_misspelt(key: str, said: Iterable[str]) -> None:
    """Raise GraphError at a word that means nothing: it would be one that was not said."""
    known = Said.__annotations__
    for word in said:
        if word not in known:
            near = get_close_matches(word, known, 1)
            told = f"did you mean {near[0]}?" if near else f"known: {', '.join(known)}"
            raise GraphError(f"{key}: unknown word {word!r}: {told}")


def _serving(key: str, said: Said) -> Serving | None:
    """Return how a feature set is served; None for another asset, of which nothing may be said of that."""
    given = [word for word in _SERVED if word in said]
    if not key.startswith("features/"):
        if given:
            raise GraphError(f"{key}: {', '.join(given)} is said of feature sets only")
        return None
    try:
        ttl, delay, lookback = (
            length_us(said[word]) if word in said else None for word in ("ttl", "delay", "lookback")
        )
        return Serving(tuple(said.get("keys", KEYS)), ttl, delay or 0, said.get("stamp", "open"), lookback or 0)
    except ValueError as error:
        raise GraphError(f"{key}: {error}") from None


def _own_schema(key: str, columns: Mapping[str, str | Column] | None, version: int) -> Schema:
    """Return the schema of a key with columns of its own; without, the one it has already."""
    if columns is None:
        return schema_of(key)
    kind, _, name = key.partition("/")
    if kind not in {"metrics", "features"}:
        raise SchemaMismatchError(f"{key} has the columns of all {kind}: leave out columns")
    named = tuple(
        replace(column(given) if isinstance(given, str) else given, name=name) for name, given in columns.items()
    )
    try:
        if kind == "metrics":
            return metrics_schema(name, named, version=version)
        set_name, number = split_name(name)
        return FeatureSet(set_name, number or "1", named, revision=version).schema
    except ValueError as error:
        raise SchemaMismatchError(f"{key}: {error}") from None
