"""The feature sets of a lake as assets: those registered in its manifest join those that code declares."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lake.errors import LakeError
from lake.features.sets import Sets, parse_name
from lake.manifest import Manifest
from pipelines.assets import is_extended, load
from schemas.assets import AssetSpec, GraphError, UnknownAssetError
from schemas.graph import Registry

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from lake.config import Config
    from lake.features.registering import Registered
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
        missing = [each for each in spec.upstreams if each not in specs and not registry.knows(each)]
        if missing:
            warn(f"{key} is made from {', '.join(missing)}, which nothing declares any more")
            specs[key] = replace(spec, upstreams=tuple(each for each in spec.upstreams if each not in missing))
    registry.add(*specs.values())


def refuse_unfit(registry: Registry, new: FeatureSet) -> None:
    """Raise UNKNOWN_ASSET or ASSETS when a set cannot take its place in the graph: by its inputs, or a circle."""
    others = [spec for spec in registry if spec.key != new.key]
    try:
        Registry([*others, AssetSpec.of_set(new)])  # together: others may be made from it
    except UnknownAssetError as error:
        raise LakeError(
            "UNKNOWN_ASSET", str(error), where=new.label, why="A set's inputs are assets.", fix=["dl assets list"]
        ) from None
    except GraphError as error:
        raise LakeError("ASSETS", str(error), where=new.label, fix=["name other inputs"]) from None


def declared(config: Config, warn: Callable[[str], None] | None = None) -> list[FeatureSet]:
    """Return the sets that code declares; ASSETS when it cannot be loaded."""
    if not is_extended(config):
        return []  # the project itself declares none
    found = [spec.feature_set for spec in load(config, warn, registered=False)]
    return [each for each in found if each is not None]


def register(
    config: Config,
    registry: Registry,
    name: str,
    words: Mapping[str, Any],
    *,
    schema: str | Path | None = None,
    promote: bool | None = None,
    message: str = "",
) -> Registered:
    """Register a version of a feature set that words declare, with those of a TOML file or a Pandera model.

    Args:
        config: The lake.
        registry: Its assets.
        name: The set, with its version or without: then the highest there is, or 1.
        words: As `lake.features.declaring` takes them; they go before those of a file.
        schema: A TOML file, or `module:Model`.
        promote: Whether it may be the latest version.
        message: Why, for the history.

    Raises:
        LakeError: USAGE, ASSETS, UNKNOWN_ASSET, FEATURE_CHANGED, LOCKED, DISK_FULL, STORAGE.
    """
    from lake.features import registering
    from lake.features.declaring import feature_set
    from lake.sources.own import read_words

    own, version = parse_name(name)
    own_sets = declared(config)
    if version is None:
        with Manifest.open(config) as manifest:
            known = Sets(manifest, own_sets).versions(own)
        version = known[-1].version if known else "1"
    told: dict[str, Any] = {}
    if schema is not None and _MODEL.fullmatch(str(schema)):
        from pipelines.feature_models import columns_of

        told = {"columns": columns_of(str(schema), config.root)}
    elif schema is not None:
        told = read_words(Path(schema), "It is to declare a feature set, as docs/features.md shows.")
    new = feature_set(own, version, {**told, **words}, "" if schema is None else str(schema))
    refuse_unfit(registry, new)
    return registering.register(config, new, declared=own_sets, promote=promote, message=message)


_MODEL = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")
