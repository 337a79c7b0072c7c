"""The workloads of feature sets, small: the books of many sets must be right, and pyarrow must write what we do."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
from typer.testing import CliRunner

import dl_datalake
from dl_datalake.cli import app
from tests.bench.programs import lake_sets, lake_write, pyarrow_write
from tests.bench.programs.lake_features import EXCHANGE, MARKET, SYMBOL

if TYPE_CHECKING:
    from pathlib import Path

ROWS = 3_000
"""Of two days, and some minutes of a third."""


def asked(*words: str) -> list[dict[str, Any]]:
    answer = CliRunner().invoke(app, [*words, "--json"])
    assert answer.exit_code == 0, answer.output
    return json.loads(answer.stdout)["data"]  # type: ignore[no-any-return]  # JSON


def test_sets_are_recorded_with_what_they_were_made_from(tmp_path: Path) -> None:
    made = lake_sets.build(tmp_path, 3, 2)
    assert (made["sets"], made["series"]) == (3, 6)
    root = ["--root", str(tmp_path)]
    print(
        asked("features", "list", *root), asked("features", "list", "--series", *root), asked("assets", "list", *root)
    )
    assert 0


def test_pyarrow_writes_the_files_that_we_do(tmp_path: Path) -> None:
    root, folder, theirs = tmp_path / "lake", tmp_path / "rows", tmp_path / "theirs"
    folder.mkdir()
    dl_datalake.init(root)
    lake_write.source(str(root), str(folder), str(ROWS))
    assert lake_write.table(str(root), str(folder / lake_write.ARROW))["new"] == ROWS
    for file in (lake_write.ARROW, lake_write.PARQUET):
        assert pyarrow_write.write(str(theirs / file), str(folder / file)) == ROWS
        found = sorted((theirs / file).rglob("*.parquet"))
        ours = sorted((root / "data" / EXCHANGE / MARKET / SYMBOL / "features").rglob("*.parquet"))
        assert len(found) == len(ours) == 3
        for one, other in zip(ours, found, strict=True):
            mine, yours = pq.ParquetFile(one), pq.ParquetFile(other)
            assert mine.read().equals(yours.read())
            for at in range(mine.metadata.num_columns):
                a, b = (each.metadata.row_group(0).column(at) for each in (mine, yours))
                assert (a.compression, a.encodings, a.total_compressed_size) == (
                    b.compression,
                    b.encodings,
                    b.total_compressed_size,
                )
