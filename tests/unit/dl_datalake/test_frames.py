"""A frame is what Arrow itself makes of the same rows, and every column of it can be written to."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from dl_datalake import frames

DAY = dt.datetime(2024, 1, 1, tzinfo=dt.UTC)
TIMES = [DAY, DAY + dt.timedelta(microseconds=1), DAY + dt.timedelta(days=9)]
COLUMNS = {
    "us": pa.array(TIMES, pa.timestamp("us", "UTC")),
    "ns": pa.array(TIMES, pa.timestamp("ns", "UTC")),
    "us_with_null": pa.array([*TIMES[:2], None], pa.timestamp("us", "UTC")),
    "float": pa.array([1.5, float("nan"), -0.0]),
    "float_with_null": pa.array([1.5, None, 2.5]),
    "float_null": pa.array([None] * 3, pa.float64()),
    "other_float_null": pa.array([None] * 3, pa.float64()),
    "small": pa.array([1.5, None, 2.5], pa.float32()),
    "small_null": pa.array([None] * 3, pa.float32()),
    "int": pa.array([1, 2, 2**53 + 1]),
    "int_with_null": pa.array([1, None, 3]),
    "int_null": pa.array([None] * 3, pa.int64()),
    "byte": pa.array([1, 2, 3], pa.int8()),
    "flag": pa.array([True, False, True]),
    "flag_with_null": pa.array([True, None, True]),
    "text": pa.array(["a", "b", "c"]),
    "text_with_null": pa.array(["a", None, "c"]),
    "word": pa.array(["a", "a", "a"]).dictionary_encode(),
    "words": pa.array(["b", "a", "b"]).dictionary_encode(),
    "words_with_null": pa.array(["b", None, "b"]).dictionary_encode(),
    "words_null": pa.array([None] * 3, pa.string()).dictionary_encode(),
    "list": pa.array([[1.0, 2.0], None, [3.0, 4.0]], pa.list_(pa.float64(), 2)),
}


@pytest.mark.parametrize("start", [0, 1, 3])
@pytest.mark.parametrize("pieces", [1, 2])
def test_a_frame_is_that_which_arrow_makes(start: int, pieces: int) -> None:
    table = pa.concat_tables([pa.table(COLUMNS)] * pieces).slice(start)
    expected = pa.concat_tables([pa.table(COLUMNS)] * pieces).slice(start).to_pandas()
    found = frames.frame_of(table)
    pd.testing.assert_frame_equal(found, expected, check_exact=True, check_freq=True)
    assert found.columns.equals(expected.columns)
    assert isinstance(found.index, pd.RangeIndex)


def test_every_number_of_a_frame_can_be_changed_for_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frames, "_BLOCK", 2)
    table = pa.table(COLUMNS)
    frame = frames.frame_of(table)
    names = ["float", "float_with_null", "float_null", "other_float_null", "small", "int"]
    for number, name in enumerate(names):
        frame.loc[1, name] = number
    assert [frame[name].iloc[1] for name in names] == [*range(len(names))]
    assert [str(frame[name].iloc[2]) for name in names[1:4]] == ["2.5", "nan", "nan"]


@pytest.mark.parametrize("count", [5, 8, 21])
def test_columns_of_nothing_share_their_memory_in_any_length(count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frames, "_BLOCK", 4)
    table = pa.table({name: pa.nulls(count, pa.float64()) for name in "abc"})
    frame = frames.frame_of(table)
    frame.loc[count - 1, "b"] = 1.0
    assert frame.isna().sum().tolist() == [count, count - 1, count]


def test_numbers_are_not_copied() -> None:
    values = np.arange(4.0)
    table = pa.table({"value": pa.Array.from_buffers(pa.float64(), 4, [None, pa.py_buffer(values)])})
    assert np.shares_memory(frames.frame_of(table)["value"].to_numpy(), values)
