"""Prices in pence and pounds: told of, and kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lake.ingest.jumps import Jumps
from tests.tables import bar, bars

if TYPE_CHECKING:
    import pyarrow as pa


def batches(*closes: float) -> list[pa.RecordBatch]:
    return list(bars(*(bar(minute, close) for minute, close in enumerate(closes))).to_batches())


@pytest.mark.parametrize(
    ("closes", "said"),
    [
        ((1.0, 1.1, 110.0, 1.1), "2 times, first at 1970-01-01T00:02:00"),
        ((101.5, 1.0), "once, first at 1970-01-01T00:01:00"),
        ((1.0, 97.0, 1.0, 103.0), ""),
        ((1.0, 10.0, 100.0), ""),
        ((-1.0, 100.0, 0.0, 5.0), ""),
        ((), ""),
    ],
)
def test_jumps_of_a_hundred_are_counted_and_others_are_not(closes: tuple[float, ...], said: str) -> None:
    jumps = Jumps()
    for batch in batches(*closes):
        jumps.see(batch)
    assert said in jumps.warning
    assert bool(said) == bool(jumps.warning)


def test_a_jump_between_blocks_is_seen() -> None:
    jumps = Jumps()
    [batch] = batches(1.0, 1.0, 100.0, 100.0)
    jumps.see(batch.slice(0, 2))
    jumps.see(batch.slice(2))
    assert "once" in jumps.warning
