"""The workloads of feature sets, small: the books of many sets must be right, and pyarrow must write what we do."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow.parquet as pq
import pytest

from lake.config import locate
from lake.manifest import Manifest, graph
from schemas.keys import Address
from tests.bench.programs import lake_sets, lake_write, pyarrow_write
from tests.bench.programs.lake_features import EXCHANGE, MARKET, SYMBOL
from tests.runs import runner

if TYPE_CHECKING:
    from pathlib import Path

ROWS = 3_000
"""Of two days, and some minutes of a third."""


def test_sets_are_recorded_with_what_they_were_made_from(
    tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    dl = runner(capfdbinary)
    made = lake_sets.build(tmp_path, 3, 2)
    assert (made["sets"], made["series"]) == (3, 6)
    told = [each for each in dl("assets", "list", "--json", "--root", tmp_path).data if each["type"] == "features"]
    assert [each["series"] for each in told] == [2, 2, 2]
    assert all(each["partitions"] | {"materialized": 0} == dict.fromkeys(each["partitions"], 0) for each in told)
    assert [each["partitions"]["materialized"] for each in told] == [2, 2, 2]
    with Manifest.open(locate(tmp_path)) as manifest:
        series = manifest.find(Address.of("BINANCE", "SPOT", "SYM001USDT", "features", "set00002.v1"))
        assert series is not None
        [row] = graph.written_at(manifest, series.id, manifest.snapshot())
    assert (row.upstream.key, row.upstream.symbol) == ("bars/1m", "SYM001USDT")


@pytest.mark.parametrize("file", [lake_write.ARROW, lake_write.PARQUET])
def test_pyarrow_writes_the_files_that_we_do(tmp_path: Path, file: str) -> None:
    root, folder, theirs = tmp_path / "lake", tmp_path / "rows", tmp_path / "theirs"
    folder.mkdir()
    Manifest.create(locate(root, must_exist=False))
    lake_write.source(str(root), str(folder), str(ROWS))
    assert lake_write.table(str(root), str(folder / lake_write.ARROW))["new"] == ROWS
    assert pyarrow_write.write(str(theirs), str(folder / file)) == ROWS
    ours = sorted((root / "data" / EXCHANGE / MARKET / SYMBOL / "features").rglob("*.parquet"))
    found = sorted(theirs.rglob("*.parquet"))
    assert len(ours) == len(found) == 3
    for pair in zip(ours, found, strict=True):
        one, other = (pq.ParquetFile(path) for path in pair)
        assert one.read().equals(other.read())
        for at in range(one.metadata.num_columns):
            a, b = (each.metadata.row_group(0).column(at) for each in (one, other))
            assert (a.compression, a.encodings) == (b.compression, b.encodings)
            assert a.total_compressed_size == b.total_compressed_size
