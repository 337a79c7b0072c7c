"""Pieces hold every row once, whatever the batches are; a scale is the median of what is around."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from lake.quality.pieces import AROUND, BLOCK, CORE, pieces, typical


def batches(count: int, size: int) -> list[pa.RecordBatch]:
    """Return rows numbered from 0, as times in microseconds and as values."""
    numbers = np.arange(count)
    table = pa.table({"ts": pa.array(numbers, pa.timestamp("us", "UTC")), "x": numbers.astype(float)})
    found: list[pa.RecordBatch] = table.to_batches(max_chunksize=size)
    return found


@pytest.mark.parametrize("count", [1, AROUND, CORE - 1, CORE + AROUND, 3 * CORE + 7])
@pytest.mark.parametrize("size", [997, 65_536])
def test_every_row_is_in_one_piece_with_those_around_it(count: int, size: int) -> None:
    seen = 0
    for piece in pieces(batches(count, size), ["x"], 1000):
        assert piece.number == seen
        assert piece.number % BLOCK == 0
        first, stop = seen - piece.low, min(count, seen + (piece.high - piece.low) + AROUND)
        assert piece.low == min(seen, AROUND)
        assert piece.ts.tolist() == [at * 1000 for at in range(first, stop)]
        assert piece.columns["x"].tolist() == list(range(first, stop))
        seen += piece.high - piece.low
    assert seen == count


def test_a_column_without_values_is_of_nan() -> None:
    batch = pa.record_batch({"ts": pa.array([1], pa.timestamp("ns", "UTC")), "x": pa.array([None], pa.float64())})
    [piece] = pieces([batch], ["x"], 1)
    assert np.isnan(piece.columns["x"]).tolist() == [True]


def test_what_is_typical_is_the_median_of_three_blocks_without_zeros() -> None:
    generator = np.random.default_rng(3)
    sizes = generator.exponential(size=5 * BLOCK + 10) * generator.integers(0, 2, 5 * BLOCK + 10)
    sizes[7] = np.nan
    found = typical(sizes)
    for place in range(0, len(sizes), 50):
        block = place // BLOCK
        around = sizes[max(0, block - 1) * BLOCK : (block + 2) * BLOCK]
        assert found[place] == np.sort(around[around > 0])[(len(around[around > 0]) - 1) // 2]


def test_of_few_values_nothing_is_typical() -> None:
    assert np.isnan(typical(np.ones(19))).all()
    assert (typical(np.ones(20)) == 1).all()
