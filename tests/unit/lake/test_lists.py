"""Lists of a fixed size: as NumPy sees them, as Arrow casts them, and all the way through a lake."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import duckdb
import numpy as np
import polars as pl
import pyarrow as pa
import pytest

from lake import lists, merge
from lake.check import verify
from lake.diff import Side, diff
from lake.manifest import Manifest
from lake.write import write
from schemas.arrow import arrow_schema
from tests.embeddings import EMBEDDED, VECTORS, embedded, vectors
from tests.manifests import make_lake
from tests.sealing import content, live, seal_all, table
from tests.tables import clean, plain

if TYPE_CHECKING:
    from pathlib import Path

    from lake.merge.model import Stream

KIND = pa.list_(pa.field("element", pa.float32(), nullable=False), 3)
ROWS = [[1.0, 2.0, 3.0], None, [4.0, 5.0, 6.0], None, [7.0, 8.0, 9.0]]
DAY = 1440


@pytest.mark.parametrize("part", [slice(0, 5), slice(1, 4), slice(2, 3), slice(3, 3)])
def test_elements_of_a_slice_are_its_own(part: slice) -> None:
    array = pa.array(ROWS, KIND)[part]
    found = lists.elements(array)
    assert found.shape == (len(array), 3)
    assert found.dtype == np.float32
    assert [found[i].tolist() for i, row in enumerate(ROWS[part]) if row] == [row for row in ROWS[part] if row]


def test_present_says_where_lists_are() -> None:
    assert lists.present(pa.array([[1.0, 2.0, 3.0]], KIND)) is None
    valid = lists.present(pa.array(ROWS, KIND)[1:])
    assert valid is not None
    assert valid.tolist() == [False, True, False, True]


def test_lists_are_made_of_their_elements_and_can_be_cast() -> None:
    valid = np.array([row is not None for row in ROWS])
    made = lists.made(pa.array([float(n) for n in range(1, 10)], pa.float32()), KIND, valid)
    assert made.to_pylist() == ROWS
    for array in (made, lists.nulls(3, KIND), lists.nulls(2, pa.int64())):
        assert array.cast(array.type).to_pylist() == array.to_pylist()
    assert lists.made(pa.array([1.0, 2.0, 3.0], pa.float32()), KIND).to_pylist() == [[1.0, 2.0, 3.0]]


@pytest.mark.parametrize("part", [slice(0, 5), slice(1, 4)])
def test_clean_makes_what_arrow_cannot_cast_castable(part: slice) -> None:
    schema = pa.schema([pa.field("n", pa.int64()), pa.field("x", KIND)])
    dirty = pa.table([pa.array(range(5)), pa.array(ROWS, KIND)], schema)[part]
    with pytest.raises(pa.ArrowInvalid, match="nulls in input"):
        dirty.cast(schema)
    assert lists.clean(dirty).cast(schema).to_pylist() == dirty.to_pylist()
    without = dirty.select(["n"])
    assert lists.clean(without) is without


@pytest.mark.parametrize("size", [1, 3, sys.maxsize])
def test_lists_are_merged_as_other_values_are(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules["lake.merge.windows"], "WINDOW_ROWS", size)
    stored = [embedded(0), embedded(1, None), embedded(3), embedded(4, None), embedded(6)]
    source = [embedded(0), embedded(1), embedded(2, None), embedded(3, None), embedded(4, None), embedded(5)]
    later, sooner = vectors(*source[3:]), vectors(*source[:3])
    runs: list[Stream] = [lambda: [later], lambda: [sooner]]
    out: list[pa.Table] = []
    counts = merge.merge(lambda: [vectors(*stored)], runs, EMBEDDED, "newest", out.append)
    assert [row for part in out for row in plain(part)] == clean([*source, stored[4]])
    assert counts == merge.Counts(new=2, identical=2, corrected=2)


def test_lists_live_a_whole_life_in_a_lake(tmp_path: Path) -> None:
    """Written with nulls, corrected, read by three engines, verified, sealed and compared."""
    lake = make_lake(tmp_path)
    first = [embedded(0), embedded(1, None), embedded(2, (0.0, 0.25, -0.5)), embedded(DAY, None, score=None)]
    assert write(lake, VECTORS, vectors(*first)).rows["new"] == 4
    # A null that gets a value, a value that gets null, one element that changes, the same again, and a new row.
    second = [
        embedded(1),
        embedded(0, None),
        embedded(2, (0.0, 0.25, -0.75)),
        first[3],
        embedded(DAY + 1, levels=(7, 8)),
    ]
    told = write(lake, VECTORS, vectors(*second)).rows
    assert (told["new"], told["corrected"], told["identical"]) == (1, 3, 1)
    assert write(lake, VECTORS, vectors(*second)).files_written == 0
    expected = clean([second[1], second[0], *second[2:]])

    assert plain(table(lake, VECTORS)) == expected
    assert plain(table(lake, VECTORS, as_of=1)) == clean(first)
    assert table(lake, VECTORS).schema == arrow_schema(EMBEDDED)
    with Manifest.open(lake) as manifest:
        tally = diff(lake, manifest, Side(VECTORS, 1), Side(VECTORS, 2)).tally
    assert verify(lake).ok
    assert (tally.added, tally.changed, tally.identical) == (1, 3, 1)
    assert tally.columns == {"vector": 3}

    before = content(lake, VECTORS)
    seal_all(lake)
    assert live(lake, VECTORS) == ["1970-01"]
    assert content(lake, VECTORS) == before
    assert plain(table(lake, VECTORS)) == expected
    assert verify(lake).ok
    [path] = (lake.data / str(VECTORS)).rglob("*.parquet")
    vector = [row.get("vector") for row in expected]
    frame = pl.read_parquet(path)
    assert frame.schema["vector"] == pl.Array(pl.Float32, 3)
    assert frame["vector"].to_list() == vector
    with duckdb.connect() as db:
        assert [row[0] for row in db.read_parquet(str(path)).order("ts").project("vector").fetchall()] == vector
