"""The project's assets: what the lake holds, and what is made from what.

A new dataset of the project is one schema module and one `AssetSpec` here; `load` adds those of a lake's owner. Neither
Prefect nor Arrow is needed to read them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lake.config import FILE_NAME
from lake.errors import LakeError
from lake.offered import is_offered
from schemas.assets import AssetSpec, GraphError, schema_of
from schemas.graph import Registry

if TYPE_CHECKING:
    from collections.abc import Callable

    from lake.config import Config

_OWNER = "lake"
_COARSER = ("3m", "5m", "15m", "30m", "1h", "2h", "4h", "6h", "8h", "12h", "1d", "3d", "1w", "1mo")


def _source(key: str, description: str, *, upstreams: tuple[str, ...] = ()) -> AssetSpec:
    return AssetSpec(key, schema_of(key), upstreams=upstreams, description=description, owner=_OWNER)


def _coarser(period: str) -> AssetSpec:
    key = f"bars/{period}"
    text = f"Bars of {period}, made from bars of 1m; also ingested where a source has them."
    return AssetSpec(key, schema_of(key), upstreams=("bars/1m",), description=text, owner=_OWNER, made="derived")


def _side(side: str) -> AssetSpec:
    text = f"Bars of one minute of the {side} price; can also be made from quotes."
    return _source(f"bars/1m-{side}", text, upstreams=("ticks/quote",))


ASSETS = Registry(
    [
        _source("ticks/trade", "Single trades."),
        _source("ticks/quote", "Best bid and ask."),
        _source("orderbook/l2", "Order book levels: snapshots and changes."),
        _source("orderbook/l3", "Order book by single orders."),
        _source("bars/1s", "Bars of one second; can also be made from trades.", upstreams=("ticks/trade",)),
        _source(
            "bars/1m",
            "Bars of one minute, which the coarser ones are made from; can also be made from trades.",
            upstreams=("ticks/trade",),
        ),
        *(_side(side) for side in ("bid", "ask", "mid")),
        *(_coarser(period) for period in _COARSER),
        _source("metrics/funding", "Funding rates of perpetual contracts."),
        _source("metrics/open_interest", "Open interest."),
        _source("metrics/long_short_ratio", "Long to short: accounts, positions of top traders, volume of takers."),
    ]
)


def load(
    config: Config | None = None, warn: Callable[[str], None] | None = None, *, registered: bool = True
) -> Registry:
    """Return the project's assets and those of a lake's owner.

    These are in modules that dl.toml names and in installed packages; feature sets may be registered in the lake.

    Args:
        config: The lake; without one, only the project and installed packages are asked.
        warn: Told of a package whose assets were left out, as they cannot be loaded: it is somebody else's.
        registered: Whether feature sets that are registered in the lake are among them.

    Raises:
        LakeError: ASSETS when a module that dl.toml names cannot be loaded, or what it declares makes no graph;
            what is wrong with a manifest that is there.
    """
    registry = Registry(ASSETS)
    if config:
        _set_freshness(registry, config)
    if is_extended(config):
        from pipelines import modules

        modules.enter_installed(registry, warn or (lambda _text: None))
        if config:
            modules.enter_named(registry, config)
    if config and registered:
        from pipelines import feature_sets

        feature_sets.enter_registered(registry, config, warn or (lambda _text: None))
    return registry


def is_extended(config: Config | None) -> bool:
    """Whether modules that dl.toml names, or installed packages, declare assets besides the project's."""
    return bool(config and config.modules) or is_offered(ENTRY_POINTS)


def _set_freshness(registry: Registry, config: Config) -> None:
    for pattern, policy in config.freshness:
        try:
            registry.due(pattern, policy)
        except GraphError as error:
            where = str(config.root / FILE_NAME)
            raise LakeError("ASSETS", f"[assets.freshness]: {error}", where=where) from error


ENTRY_POINTS = "dl.assets"
"""The group of entry points by which an installed package offers assets."""
