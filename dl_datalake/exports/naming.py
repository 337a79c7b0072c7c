"""What exported files are called: safe on any file system, and different for different series."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from schemas.keys import encode

if TYPE_CHECKING:
    from dl_datalake.exports.words import Layout
    from schemas.keys import Address

_JOINT = "+"
"""Never in a part of an address: it would be written %2B there."""


def named(address: Address, layout: Layout, ending: str, year: int | None = None) -> PurePosixPath:
    """Return the name of the file of a series; `hive` has one a year, and the names of folders say the rest."""
    if layout == "hive":
        parts = {
            "exchange": encode(address.exchange),
            "market": encode(address.market),
            "symbol": encode(address.symbol),
            "type": address.type,
            "period": address.period,
            "year": f"{year:04}",
        }
        return PurePosixPath(*(f"{name}={value}" for name, value in parts.items()), f"part-0{ending}")
    text = str(address)
    return PurePosixPath((text if layout == "path" else text.replace("/", _JOINT)) + ending)
