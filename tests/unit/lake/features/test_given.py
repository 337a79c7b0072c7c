"""What feature rows are given as: files are told by what is in them, not by what they are called."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow import feather, ipc

from lake.errors import LakeError
from lake.features.given import Columnar, Given, Table, given
from lake.features.text import Text
from tests.feature_rows import NOON, OF_VOL, VOL, times, vols

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def arrow_stream(table: pa.Table, path: Path) -> None:
    with ipc.new_stream(path, table.schema) as stream:
        stream.write_table(table)


WRITERS: dict[str, Callable[[pa.Table, Path], object]] = {
    "parquet": pq.write_table,
    "feather": feather.write_feather,
    "stream": arrow_stream,
}


def read(rows: Given) -> pa.Table:
    return pa.Table.from_batches([rows.parse(block).rows for block in rows.blocks()])


@pytest.mark.parametrize("kind", WRITERS)
def test_a_file_is_told_by_its_content(tmp_path: Path, kind: str) -> None:
    table, path = vols(range(NOON, NOON + 100_000)), tmp_path / "rows.csv"
    WRITERS[kind](table, path)
    rows = given(path, VOL, OF_VOL)
    assert isinstance(rows, Columnar)
    assert read(rows).equals(table)
    source = rows.source()
    assert source is not None
    assert (source.sha256, source.bytes) == (hashlib.sha256(path.read_bytes()).hexdigest(), path.stat().st_size)
    rows.close()


@pytest.mark.parametrize("name", ["a.parquet", "a.feather", "a.arrow", "a.IPC"])
def test_a_text_that_is_called_otherwise_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("ts,vol\n2024-03-05,1\n")
    with pytest.raises(LakeError, match="is no") as caught:
        given(tmp_path / name, VOL, OF_VOL)
    assert caught.value.code == "E_SOURCE_UNREADABLE"


def test_any_other_text_is_read_as_text(tmp_path: Path) -> None:
    (tmp_path / "rows").write_text("ts,vol\n2024-03-05,1\n")
    rows = given(str(tmp_path / "rows"), VOL, OF_VOL)
    assert isinstance(rows, Text)
    rows.close()


@pytest.mark.parametrize("kind", WRITERS)
@pytest.mark.parametrize("cut", [9, 500])
def test_a_file_that_was_cut_off_is_refused(tmp_path: Path, kind: str, cut: int) -> None:
    path = tmp_path / "rows"
    WRITERS[kind](vols(range(NOON, NOON + 1000)), path)
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(LakeError) as caught:
        read(given(path, VOL, OF_VOL))
    assert caught.value.code == "E_SOURCE_UNREADABLE"


def test_rows_of_a_table_are_numbered_through() -> None:
    rows = Table(vols(range(NOON, NOON + 70_000)), VOL, OF_VOL)
    first, second = (rows.parse(block) for block in rows.blocks())
    assert (first.locate(0)[0], second.locate(0)[0], second.locate(10)[0]) == (1, 65_537, 65_547)
    assert json.loads(second.locate(10)[1]) == {"ts": "2024-04-19 22:26:00+00:00", "vol": 65_546.0}


@pytest.mark.parametrize("name", [None, "Datetime", "when", 3])
def test_a_frame_of_pandas_has_its_times_as_index(name: str | int | None) -> None:
    frame = pd.DataFrame({"vol": [1.0]}, index=pd.DatetimeIndex(["2024-03-05T10:00"], name=name))
    assert read(given(frame, VOL, OF_VOL)).to_pylist() == [{"ts": pd.Timestamp("2024-03-05T10:00"), "vol": 1.0}]


def test_an_index_that_is_called_as_a_column_is_that_column() -> None:
    frame = pd.DataFrame({"vol": [1.0]}, index=pd.DatetimeIndex(["2024-03-05T10:00"], name="known_at"))
    assert "ts" not in read(given(frame, VOL, OF_VOL)).column_names


def test_a_lazy_frame_is_to_be_collected() -> None:
    with pytest.raises(LakeError, match="LazyFrame is not a table") as caught:
        list(given(pl.LazyFrame({"ts": [1]}), VOL, OF_VOL).blocks())  # type: ignore[arg-type]  # that is the point
    assert caught.value.fix == ("rows.collect()",)


def test_what_is_no_table_is_refused() -> None:
    with pytest.raises(LakeError, match="dict is not a table"):
        list(given({"ts": [1]}, VOL, OF_VOL).blocks())  # type: ignore[arg-type]  # that is the point


def test_rows_of_long_lists_come_a_few_at_a_time_however_well_the_file_packs_them(tmp_path: Path) -> None:
    length, count, path = 8192, 1200, tmp_path / "rows.parquet"
    lists = pa.FixedSizeListArray.from_arrays(pa.array(np.ones(length * count, np.float32)), length)
    pq.write_table(pa.table({"ts": times(range(NOON, NOON + count)), "vol": lists}), path)
    assert path.stat().st_size < 1_000_000
    rows = given(path, VOL, OF_VOL)
    blocks = [rows.parse(block).rows for block in rows.blocks()]
    assert sum(block.num_rows for block in blocks) == count
    assert max(block.num_rows for block in blocks) * length * 4 <= 33_554_432
    rows.close()
