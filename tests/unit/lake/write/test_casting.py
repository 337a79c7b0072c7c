"""Lists and short numbers of any maker become the columns of a schema, or it is said which row does not fit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from lake.errors import LakeError
from lake.write import conform, slices
from schemas.arrow import arrow_schema
from schemas.columns import Column, Schema
from tests.embeddings import EMBEDDED, VECTORS, embedded, vectors

FORM = arrow_schema(EMBEDDED, identity=False)
NUMBERS = [[0.5, -1.25, 2.0], None, [0.0, 0.25, -0.5]]


def with_column(name: str, values: pa.Array) -> pa.RecordBatch:
    """Return three rows with another column in the place of one of theirs."""
    [batch] = vectors(*(embedded(minute) for minute in range(3))).to_batches()
    return batch.set_column(batch.schema.get_field_index(name), name, values)


def conformed(batch: pa.RecordBatch) -> pa.RecordBatch:
    made = conform(batch, EMBEDDED, VECTORS, before=100)
    assert made.schema == FORM
    assert made.cast(FORM).equals(made)  # which Arrow cannot do where a null has null elements
    return made


@pytest.mark.parametrize(
    "given",
    [
        pa.array(NUMBERS, pa.list_(pa.float32(), 3)),
        pa.array(NUMBERS, pa.list_(pa.float64(), 3)),
        pa.array(NUMBERS, pa.list_(pa.float64())),
        pa.array(NUMBERS, pa.large_list(pa.float16())),
        pa.array([[9.0], *NUMBERS, [9.0, 9.0]], pa.list_(pa.float64()))[1:4],
        pa.array([[9.0] * 3, *NUMBERS], pa.list_(pa.float64(), 3))[1:],
    ],
    ids=lambda given: str(given.type),
)
def test_lists_of_the_right_length_become_lists_of_that_length(given: pa.Array) -> None:
    assert conformed(with_column("vector", given)).column("vector").to_pylist() == NUMBERS


def test_lists_that_are_as_they_should_be_are_not_copied() -> None:
    given = pa.FixedSizeListArray.from_arrays(pa.array(np.arange(9, dtype=np.float32)), type=FORM.field("vector").type)
    made = conformed(with_column("vector", given)).column("vector")
    assert made.flatten().buffers()[1].address == given.flatten().buffers()[1].address


def test_what_lies_under_a_null_list_is_not_looked_at() -> None:
    values = pa.array([1.0, 2.0, 3.0, None, 1e300, None, 4.0, 5.0, 6.0])
    given = pa.FixedSizeListArray.from_arrays(values, 3, mask=pa.array([False, True, False]))
    made = conformed(with_column("vector", given)).column("vector")
    assert made.to_pylist() == [[1.0, 2.0, 3.0], None, [4.0, 5.0, 6.0]]


@pytest.mark.parametrize(
    "frame",
    [
        pd.DataFrame({"vector": [np.array(row, np.float32) if row else None for row in NUMBERS]}),
        pl.DataFrame({"vector": NUMBERS}),
        pl.DataFrame({"vector": NUMBERS}, schema={"vector": pl.Array(pl.Float64, 3)}),
    ],
    ids=["pandas", "polars lists", "polars arrays"],
)
def test_frames_of_every_make(frame: Any) -> None:  # noqa: ANN401 -- frames of two libraries
    [batch] = slices(frame, VECTORS)
    assert conformed(with_column("vector", batch.column("vector"))).column("vector").to_pylist() == NUMBERS


def test_a_column_without_any_value_may_be_missing_or_of_no_type() -> None:
    batch = with_column("vector", pa.nulls(3))
    for given in (batch, batch.drop_columns(["vector"])):
        assert conformed(given).column("vector").to_pylist() == [None] * 3


@pytest.mark.parametrize(
    ("name", "values", "says"),
    [
        ("vector", pa.array([[1.0] * 3, None, [1.0] * 2]), "row 102: a list of 2, expected 3"),
        ("vector", pa.array([[1.0] * 3, [], None]), "row 101: a list of 0, expected 3"),
        ("vector", pa.array([[1.0] * 4] * 3, pa.list_(pa.float32(), 4)), "row 100: a list of 4, expected 3"),
        ("vector", pa.array([[1.0] * 3, None, [1.0, None, 2.0]]), "row 102: element 1 of the list is null"),
        ("vector", pa.array([None, [1.0, 2.0, None], None], pa.list_(pa.float32(), 3)), "row 101: element 2 of"),
        ("vector", pa.array([[1.0, 2.0, -1e39]] * 3), "-1e+39 is beyond the largest float"),
        ("vector", pa.array([1.0, 2.0, 3.0]), "double is no list"),
        ("vector", pa.array(["[1,2,3]"] * 3), "string is no list"),
        ("levels", pa.array([[1, 2**31]] * 3), "2147483648 not in range"),
        ("levels", pa.array([[1.0, 2.5]] * 3), "2.500000 was truncated"),
        ("score", pa.array([1.0, 3.5e38, None]), "3.5e+38 is beyond the largest float"),
        ("score", pa.array(["1", "1e39", None]), "1e+39 is beyond the largest float"),
    ],
)
def test_what_does_not_fit_is_said(name: str, values: pa.Array, says: str) -> None:
    with pytest.raises(LakeError) as caught:
        conformed(with_column(name, values))
    assert caught.value.code == "E_SCHEMA"
    assert caught.value.message.startswith(f"column '{name}': ")
    assert says in caught.value.message


@pytest.mark.parametrize(
    ("name", "values", "fix"),
    [
        ("score", pa.array(["x", None, None]), "give values that float32 can hold"),
        ("vector", pa.array([1.0, 2.0, 3.0]), "give values that lists of 3 float32 can hold"),
    ],
)
def test_types_are_called_as_declarations_call_them(name: str, values: pa.Array, fix: str) -> None:
    with pytest.raises(LakeError) as caught:
        conformed(with_column(name, values))
    assert caught.value.fix == (fix,)


VIEWS = pa.DictionaryArray.from_arrays(pa.array([1, None, 0], pa.uint32()), pa.array(["a", "b"], pa.string_view()))
PLAIN = Schema(
    "plain",
    1,
    (Column("ts", "timestamp_us"), Column("word", "text", nullable=True), Column("up", "bool", nullable=True)),
)
TIMES = pa.array([0, 1, 2]).cast(pa.timestamp("us", tz="UTC"))


def plain(**columns: pa.Array) -> pa.RecordBatch:
    given = {"ts": TIMES} | columns
    return conform(pa.RecordBatch.from_pydict(given), PLAIN, VECTORS, before=100)


def test_words_of_polars_become_texts() -> None:
    frame = pl.DataFrame({"word": ["b", None, "a"]}, schema={"word": pl.Categorical})
    [batch] = frame.to_arrow(compat_level=pl.CompatLevel.newest()).to_batches()
    for words in (VIEWS, batch.column("word")):
        assert plain(word=words).column("word").to_pylist() == ["b", None, "a"]


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.string_view()])
@pytest.mark.parametrize("zone", ["", "Z", "+00:00"])
def test_times_in_texts_are_utc_unless_they_say(kind: pa.DataType, zone: str) -> None:
    texts = [f"2024-03-05 10:0{minute}{zone}" for minute in range(3)]
    assert plain(ts=pa.array(texts).cast(kind)).column("ts").cast(pa.int64()).to_pylist() == [
        1_709_632_800_000_000 + minute * 60_000_000 for minute in range(3)
    ]


@pytest.mark.parametrize("texts", [["05.03.2024", "06.03.2024", "07.03.2024"], ["2024-03-05", "2024-03-05T10:00Z", ""]])
def test_texts_that_are_no_times_are_said(texts: list[str]) -> None:
    with pytest.raises(LakeError, match="times are written 2024-03-05T10:00, all with a zone or none"):
        plain(ts=pa.array(texts))


@pytest.mark.parametrize("values", [[1, 0, None], [1.0, 0.0, None], [True, False, None]])
def test_numbers_that_are_no_or_yes_become_bools(values: list[Any]) -> None:
    assert plain(up=pa.array(values)).column("up").to_pylist() == [True, False, None]


@pytest.mark.parametrize("values", [[0, None, 2], [0.0, None, -1.0], [1.0, 1.0, 0.5]])
def test_other_numbers_are_no_bools(values: list[Any]) -> None:
    with pytest.raises(LakeError, match=f"row 102: {values[2]} is neither 0 nor 1"):
        plain(up=pa.array(values))


def test_numbers_are_rounded_to_the_nearest_float32_and_infinities_stay_what_they_are() -> None:
    given = pa.array([0.1, 3.4028234663852886e38, float("inf")])
    made = conformed(with_column("score", given)).column("score")
    # 0.1 and the largest float32, by their bits.
    assert made.view(pa.uint32()).to_pylist() == [0x3DCCCCCD, 0x7F7FFFFF, 0x7F800000]


def test_rows_with_long_lists_are_checked_a_few_at_a_time() -> None:
    wide = pa.FixedSizeListArray.from_arrays(pa.array(np.zeros(4096 * 4096, np.float32)), 4096)
    sizes = [batch.nbytes for batch in slices(pa.table({"vector": wide}), VECTORS)]
    assert sum(sizes) == 4096 * 4096 * 4
    assert max(sizes) <= 2**25
