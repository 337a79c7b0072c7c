"""The rows of a series as arrays, piece after piece, each with the rows around it that rules look at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from lake import rows

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    import pyarrow as pa
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

BLOCK = 256
"""Rows that share one scale: the one of three such blocks around them."""
AROUND = 2 * BLOCK
"""Rows before and after a piece that come with it."""
CORE = 128 * BLOCK
_LEAST = 20
"""A scale is told from so many values."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Some rows; those from `low` to `high` are its own, the others come to be looked at."""

    ts: NDArray[np.int64]
    """Nanoseconds."""
    columns: Mapping[str, Floats]
    """NaN where there is no value."""
    low: int
    high: int
    number: int
    """How many rows of the series lie before its own."""

    @property
    def own(self) -> slice:
        """Where its own rows are."""
        return slice(self.low, self.high)


def pieces(batches: Iterable[pa.RecordBatch], names: Sequence[str], scale: int) -> Iterator[Piece]:
    """Yield the rows of batches; `scale` is how many nanoseconds their times count in.

    Pieces are cut at multiples of a block, whatever the batches are.
    """
    held: list[tuple[NDArray[np.int64], list[Floats]]] = []
    low = number = count = 0

    def joined() -> tuple[NDArray[np.int64], list[Floats]]:
        ts = np.concatenate([part[0] for part in held])
        return ts, [np.concatenate([part[1][place] for part in held]) for place in range(len(names))]

    for batch in batches:
        held.append((rows.times(batch) * scale, [_floats(batch.column(name)) for name in names]))
        count += batch.num_rows
        if count - low < CORE + AROUND:
            continue
        ts, arrays = joined()
        while count - low >= CORE + AROUND:
            seen = {name: array[: low + CORE + AROUND] for name, array in zip(names, arrays, strict=True)}
            yield Piece(ts[: low + CORE + AROUND], seen, low, low + CORE, number)
            keep = low + CORE - AROUND
            ts, arrays = ts[keep:], [array[keep:] for array in arrays]
            low, number, count = AROUND, number + CORE, len(ts)
        held = [(ts.copy(), [array.copy() for array in arrays])]
    if count > low:
        ts, arrays = joined()
        yield Piece(ts, dict(zip(names, arrays, strict=True)), low, count, number)


def _floats(column: pa.Array) -> Floats:
    values: Floats = column.to_numpy(zero_copy_only=False)
    return values if values.dtype == np.float64 else values.astype(np.float64)


def typical(sizes: Floats) -> Floats:
    """Return for each row the median of the sizes around it that are above zero; NaN where they are too few.

    The rows of one block share that of the block and its two neighbours.
    """
    blocks = -(-len(sizes) // BLOCK)
    padded = np.full((blocks + 2) * BLOCK, np.inf)
    padded[BLOCK : BLOCK + len(sizes)] = np.where(sizes > 0, sizes, np.inf)
    around = np.sort(np.lib.stride_tricks.sliding_window_view(padded, 3 * BLOCK)[::BLOCK], axis=1)
    counts = np.isfinite(around).sum(axis=1)
    medians: Floats = around[np.arange(blocks), np.maximum(0, counts - 1) // 2]
    medians[counts < _LEAST] = np.nan
    return np.repeat(medians, BLOCK)[: len(sizes)]
