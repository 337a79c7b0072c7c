"""Looking up what a lake's rows look like: by what is registered in the lake, else by what is declared in code."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lake import lookup
from lake.manifest import Manifest
from lake.manifest.feature_sets import feature_sets

if TYPE_CHECKING:
    from lake.config import Config
    from schemas.columns import Schema


def schema_of(config: Config, key: str, snapshot: int | None = None) -> Schema:
    """Return the schema of an asset; now, unless a snapshot is given.

    A feature set that was registered after the snapshot has the schema it was first registered with.

    Raises:
        LakeError: UNKNOWN_ASSET when the asset has none, or `key` names nothing.
    """
    if key.startswith("features/"):
        with Manifest.open(config) as manifest:
            found = feature_sets(manifest, snapshot, key)
            if not found and snapshot is not None:
                found = feature_sets(manifest, None, key)
        if found:
            return found[0].set.schema
    return lookup.schema_of(key)
