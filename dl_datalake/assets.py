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

    from lake.manifest import SeriesRow

__all__ = ["AssetInfo", "AssetSpec", "Check", "FreshnessPolicy", "asset", "asset_info", "asset_infos", "column"]


@dataclass(frozen=True, slots=True)
class AssetInfo:
    """One declared dataset kind, and how many series the lake holds of it."""

    key: str
    schema: str
    schema_version: int
    natural_key: str
    grain: str
    made: str
    upstreams: tuple[str, ...]
    downstreams: tuple[str, ...]
    series: int
    owner: str
    code_version: str
    description: str
    columns: list[dict[str, Any]]
    checks: list[dict[str, Any]]


def asset_infos(series: Sequence[SeriesRow]) -> list[AssetInfo]:
    """Return every declared asset, then those that are only stored (other periods, metrics, feature sets)."""
    from pipelines.assets import ASSETS

    stored = Counter(row.address.key for row in series)
    others = sorted(key for key in stored if key not in ASSETS)
    return [_info(ASSETS.resolve(key), stored[key]) for key in (*ASSETS.keys(), *others)]


def asset_info(key: str, series: Sequence[SeriesRow]) -> AssetInfo:
    """Return one asset; UNKNOWN_ASSET with the nearest names when nothing of this name can be."""
    from pipelines.assets import ASSETS

    try:
        spec = ASSETS.resolve(key)
    except ValueError:
        import difflib

        near = difflib.get_close_matches(key, list(ASSETS.keys()), n=3, cutoff=0.5)
        raise LakeError(
            "UNKNOWN_ASSET", f'no asset "{key}" is declared', why=f"Near it: {', '.join(near)}." if near else ""
        ) from None
    return _info(spec, sum(row.address.key == spec.key for row in series))


def _info(spec: AssetSpec, series: int) -> AssetInfo:
    from pipelines.assets import ASSETS
    from schemas.assets import describe

    checks = [(c.name, c.description, c.blocking) for c in spec.row_checks]
    checks += [(c.name, c.description, c.blocking) for c in spec.checks]

    return AssetInfo(
        key=spec.key,
        schema=spec.schema.name,
        schema_version=spec.schema.version,
        natural_key=spec.natural_key,
        grain=spec.grain,
        made=spec.made,
        upstreams=spec.upstreams,
        downstreams=ASSETS.downstreams(spec.key) if spec.key in ASSETS else (),
        series=series,
        owner=spec.owner,
        code_version=spec.code_version,
        description=spec.description,
        columns=describe(spec.schema),
        checks=[{"name": name, "description": text, "blocking": blocks} for name, text, blocks in checks],
    )
