"""The feature sets of a lake as assets: those registered in its manifest join those that code declares."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from lake.errors import LakeError
from lake.features.sets import Sets
from lake.manifest import Manifest
from schemas.assets import AssetSpec, GraphError, UnknownAssetError
from schemas.graph import Registry

if TYPE_CHECKING:
    from collections.abc import Callable

    from lake.config import Config
    from schemas.features import FeatureSet


def enter_registered(registry: Registry, config: Config, warn: Callable[[str], None]) -> None:
    """Add the sets that are registered; an input that is no longer declared is left out, with a warning.

    Raises:
        LakeError: ASSETS when code declares a set that is registered.
    """
    if not config.manifest.is_file():
        return
    with Manifest.open(config) as manifest:
        specs = {known.key: AssetSpec.of_set(known.set) for known in Sets(manifest).all()}
    for key, spec in specs.items():
        if key in registry:
            name = spec.key.removeprefix("features/")
            raise LakeError(
                "ASSETS",
                f"{key} is declared twice: registered in the lake, and in code",
                fix=["give the one in code another version", f"or drop the registration: dl features delete {name}"],
            )
        missing = [each for each in spec.upstreams if each not in specs and not _is_known(registry, each)]
        if missing:
            warn(f"{key} is made from {', '.join(missing)}, which nothing declares any more")
            specs[key] = replace(spec, upstreams=tuple(each for each in spec.upstreams if each not in missing))
    registry.add(*specs.values())


def _is_known(registry: Registry, key: str) -> bool:
    try:
        registry.resolve(key)
    except UnknownAssetError:
        return False
    return True


def refuse_unfit(registry: Registry, new: FeatureSet) -> None:
    """Raise UNKNOWN_ASSET or ASSETS when a set cannot take its place in the graph: by its inputs, or a circle."""
    others = Registry([spec for spec in registry if spec.key != new.key])
    try:
        others.add(AssetSpec.of_set(new))
    except UnknownAssetError as error:
        raise LakeError(
            "UNKNOWN_ASSET", str(error), where=new.label, why="A set's inputs are assets.", fix=["dl assets list"]
        ) from None
    except GraphError as error:
        raise LakeError("ASSETS", str(error), where=new.label, fix=["name other inputs"]) from None


def declared(registry: Registry, config: Config) -> list[FeatureSet]:
    """Return the sets that code declares, as against those that are registered."""
    with Manifest.open(config) as manifest:
        registered = {known.key for known in Sets(manifest).all()}
    found = [spec.feature_set for spec in registry if spec.type == "features" and spec.key not in registered]
    return [each for each in found if each is not None]
