"""A market-data lake for one small machine: the public API.

    import dl_datalake

    lake = dl_datalake.open("/srv/lake")
    frame = lake.bars("BTCUSDT", period="1m", start="2024").to_pandas()

Names are loaded on first use, so that importing this package costs next to nothing.
"""

from dl_datalake import _layout

_layout.check()

import os  # noqa: E402 - the guard comes first
from importlib import import_module  # noqa: E402 - the guard comes first
from typing import TYPE_CHECKING  # noqa: E402 - the guard comes first

if TYPE_CHECKING:
    from dl_datalake.client import Lake, open  # noqa: A004 - `dl_datalake.open` reads as `gzip.open` does
    from lake import errors
    from lake.errors import LakeError
    from schemas.keys import Address

    __version__: str

__all__ = ["Address", "Lake", "LakeError", "__version__", "errors", "open"]

# Prefect reads these when it is imported; whoever sets them otherwise keeps them so.
os.environ.setdefault("DO_NOT_TRACK", "1")
os.environ.setdefault("PREFECT_SERVER_ANALYTICS_ENABLED", "false")

_HOMES = {
    "Address": ("schemas.keys", "Address"),
    "Lake": ("dl_datalake.client", "Lake"),
    "LakeError": ("lake.errors", "LakeError"),
    "open": ("dl_datalake.client", "open"),
}


def __getattr__(name: str) -> object:
    """Load a public name from its home module, once."""
    if name == "__version__":
        from importlib.metadata import version

        value: object = version("dl-datalake")
    elif name == "errors":
        value = import_module("lake.errors")
    elif name in _HOMES:
        module, attribute = _HOMES[name]
        value = getattr(import_module(module), attribute)
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List the public names, and not what this file imports to provide them."""
    return sorted(__all__)
