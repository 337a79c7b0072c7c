"""The project's assets: what the lake holds, and what is made from what.

A new dataset is one schema module and one `AssetSpec` here. Neither Prefect nor Arrow is needed to read them.
"""

from __future__ import annotations

from schemas.assets import AssetSpec, schema_of
from schemas.graph import Registry

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
    ]
)


def spec(key: str) -> AssetSpec:
    """Return the asset of a key, declared or of a family; UnknownAssetError (a ValueError) when there is none."""
    return ASSETS.resolve(key)
