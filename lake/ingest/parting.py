"""The rows of a block, told apart by their symbols."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from lake.sources import Portion

    Places = NDArray[np.int64]


def by_symbol(portion: Portion) -> list[Portion]:
    """Return a portion for each symbol in it; the portion itself where it has one or tells none."""
    return [piece for piece, _ in parted(portion)]


def parted(portion: Portion) -> list[tuple[Portion, Places | None]]:
    """Return a portion for each symbol, rows in their order, with the places of these; None where it is all of them."""
    if portion.symbols is None or not portion.rows.num_rows:
        return [(portion, None)]
    codes = portion.symbols.indices.to_numpy()
    order = np.argsort(codes, kind="stable")
    cuts = np.flatnonzero(np.diff(codes[order])) + 1
    if not len(cuts):
        return [(portion, None)]
    return [(portion.at(places), places) for places in np.split(order, cuts)]


def only_symbol(portion: Portion) -> str | None:
    """Return the symbol that all rows have; None where the source tells none, or there is no row."""
    if portion.symbols is None or not portion.rows.num_rows:
        return None
    return str(portion.symbols[0].as_py())
