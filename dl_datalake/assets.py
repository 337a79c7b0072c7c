"""Assets: the words to declare one's own with, and what is declared, joined with what is stored.

A module of one's own, named in dl.toml, says `from dl_datalake.assets import asset, AssetSpec, Check, column`.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lake.errors import LakeError
from schemas.assets import AssetSpec, Check, asset, column
from schemas.calendars import FreshnessPolicy

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lake.lineage import SeriesStatus
    from schemas.graph import Registry
    from schemas.keys import Address

__all__ = [
    "AssetInfo",
    "AssetSpec",
    "Check",
    "FreshnessPolicy",
    "RestatedPartition",
    "asset",
    "asset_info",
    "asset_infos",
    "column",
]


@dataclass(frozen=True, slots=True)
class RestatedPartition:
    """A partition of rows computed elsewhere that is stale, and which of its inputs' rows changed."""

    address: Address
    partition: str
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AssetInfo:
    """One declared dataset kind, and how many series the lake holds of it, in which state."""

    key: str
    schema: str
    schema_version: int
    natural_key: str
    grain: str
    made: str
    upstreams: tuple[str, ...]
    downstreams: tuple[str, ...]
    series: int
    """Those that are stored, at least in part."""
    partitions: dict[str, int]
    """How many are materialized, missing, stale, failed; and `late`: how many series are."""
    restated: tuple[RestatedPartition, ...]
    """Where its rows are computed elsewhere: what is stale of them, by series and time."""
    failed_checks: int
    owner: str
    tags: tuple[str, ...]
    code_version: str
    freshness: str | None
    description: str
    columns: list[dict[str, Any]]
    checks: list[dict[str, Any]]


def asset_infos(registry: Registry, states: Sequence[SeriesStatus]) -> list[AssetInfo]:
    """Return every declared asset, then those that are only stored (other periods, metrics, feature sets)."""
    by_key: dict[str, list[SeriesStatus]] = {}
    for state in states:
        by_key.setdefault(state.address.key, []).append(state)
    others = []
    for key in sorted(by_key.keys() - set(registry.keys())):
        try:
            others.append(registry.resolve(key))
        except ValueError:
            # It is stored, and nobody declares it any more: `dl list` has it.
            continue
    return [_info(registry, spec, by_key.get(spec.key, [])) for spec in (*registry, *others)]


def asset_info(registry: Registry, key: str, states: Sequence[SeriesStatus]) -> AssetInfo:
    """Return one asset; UNKNOWN_ASSET with the nearest names when nothing of this name can be."""
    try:
        spec = registry.resolve(key)
    except ValueError:
        import difflib

        near = difflib.get_close_matches(key, list(registry.keys()), n=3, cutoff=0.5)
        raise LakeError(
            "UNKNOWN_ASSET", f'no asset "{key}" is declared', why=f"Near it: {', '.join(near)}." if near else ""
        ) from None
    return _info(registry, spec, [state for state in states if state.address.key == spec.key])


def counts(states: Sequence[SeriesStatus]) -> dict[str, int]:
    """Return how many partitions of some series are materialized, missing, stale, failed, and how many series late."""
    found: Counter[str] = Counter()
    for state in states:
        found["materialized"] += state.partitions
        found["missing"] += state.missing
        found["stale"] += state.stale
        found["failed"] += state.failed
        found["late"] += state.late_ns is not None
    return {name: found[name] for name in ("materialized", "missing", "stale", "failed", "late")}


def _info(registry: Registry, spec: AssetSpec, states: Sequence[SeriesStatus]) -> AssetInfo:
    from schemas.describing import describe

    checks = [(c.name, c.description, c.blocking) for c in spec.row_checks]
    checks += [(c.name, c.description, c.blocking) for c in spec.checks]
    freshness = registry.freshness_of(spec.key)
    return AssetInfo(
        key=spec.key,
        schema=spec.schema.name,
        schema_version=spec.schema.version,
        natural_key=spec.natural_key,
        grain=spec.grain,
        made=spec.made,
        upstreams=spec.upstreams,
        downstreams=registry.downstreams(spec.key),
        series=sum(state.partitions > 0 for state in states),
        partitions=counts(states),
        restated=tuple(
            RestatedPartition(state.address, partition, reasons)
            for state in states
            for partition, reasons in state.restated.items()
        ),
        failed_checks=sum(state.failed_checks for state in states),
        owner=spec.owner,
        tags=spec.tags,
        code_version=spec.code_version,
        freshness=None if freshness is None else str(freshness),
        description=spec.description,
        columns=describe(spec.schema),
        checks=[{"name": name, "description": text, "blocking": blocks} for name, text, blocks in checks],
    )
