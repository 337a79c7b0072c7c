"""Values that compare as a lake means them: NaN, zeros, and many rows at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa

from lake.diff import matching
from lake.diff.matching import compare
from lake.diff.model import Samples, Tally
from schemas.bars import BARS
from schemas.ticks import TRADES
from tests.embeddings import EMBEDDED, embedded, vectors
from tests.tables import bar, bars, trade, trades

if TYPE_CHECKING:
    import pytest


def of(old: pa.Table, new: pa.Table, schema: object = BARS) -> Tally:
    return compare(lambda: [old], lambda: [new], schema, Samples(3))  # type: ignore[arg-type]  # one of the schemas


def test_nan_equals_nan_and_the_zeros_are_one() -> None:
    nan = float("nan")
    assert not of(bars(bar(0, volume=nan)), bars(bar(0, volume=nan))).differs
    assert not of(bars(bar(0, volume=0.0)), bars(bar(0, volume=-0.0))).differs
    assert of(bars(bar(0, volume=nan)), bars(bar(0, volume=1.0))).columns == {"volume": 1}
    assert of(bars(bar(0, volume=nan)), bars(bar(0, volume=None))).columns == {"volume": 1}


def test_empty_sides_are_compared() -> None:
    assert of(bars(), bars(bar(0))).added == 1
    assert of(bars(bar(0)), bars()).removed == 1
    assert not of(bars(), bars()).differs


def test_more_ids_apart_than_are_held_are_settled_class_by_class(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(matching, "HELD_KEYS", 10)
    monkeypatch.setattr(matching, "HELD_ROWS", 7)
    monkeypatch.setattr("lake.diff.matching.windows", one_row_windows)
    old = trades(*(trade(at, 1.0, str(at)) for at in range(100)))
    new = trades(*(trade(at + 50, 1.0, str(at + 20)) for at in range(100)))
    tally = of(old, new, TRADES)
    assert (tally.removed, tally.added, tally.changed, tally.identical) == (20, 20, 80, 0)
    assert tally.columns == {"ts": 80}


def one_row_windows(streams: list[list[pa.Table]]) -> object:
    """Cut streams at each ts."""
    old, new = (pa.concat_tables(stream) for stream in streams)
    times = sorted({*old["ts"].cast(pa.int64()).to_pylist(), *new["ts"].cast(pa.int64()).to_pylist()})
    for at in times:
        yield [
            side.filter(pa.array([ts == at for ts in side["ts"].cast(pa.int64()).to_pylist()])) for side in (old, new)
        ]


def test_lists_differ_by_any_element_and_two_nulls_do_not() -> None:
    old = vectors(embedded(0), embedded(1, None), embedded(2, None), embedded(3, (0.0, 1.0, 2.0)), embedded(4))
    new = vectors(
        embedded(0), embedded(1, None), embedded(2), embedded(3, (-0.0, 1.0, 2.0)), embedded(4, levels=(1, 3))
    )
    assert not of(old, old, EMBEDDED).differs
    tally = of(old, new, EMBEDDED)
    assert (tally.changed, tally.identical, tally.columns) == (2, 3, {"vector": 1, "levels": 1})
