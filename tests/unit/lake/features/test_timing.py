"""Which column is taken for ts where none is called so."""

from __future__ import annotations

import pyarrow as pa
import pytest

from lake.errors import LakeError
from lake.features.timing import time_column
from schemas.columns import Column
from schemas.features import FeatureSet

TIME, DATE = pa.timestamp("ns"), pa.date32()
PLAIN = FeatureSet("a", "1", (Column("x", "float64"),))
OWN_DATE = FeatureSet("a", "1", (Column("date", "timestamp_us"),))


@pytest.mark.parametrize(
    ("columns", "feature_set", "expected"),
    [
        ({"ts": TIME, "timestamp": TIME}, PLAIN, None),
        ({"timestamp": TIME}, PLAIN, "timestamp"),
        ({"date": DATE, "time": pa.string()}, PLAIN, "date"),
        ({"date": TIME, "time": TIME}, OWN_DATE, "time"),
        ({"x": pa.float64(), "__index_level_0__": TIME}, PLAIN, "__index_level_0__"),
        ({"x": pa.float64(), "Datetime": TIME}, PLAIN, "Datetime"),
        ({"Open time": TIME, "close time": TIME}, PLAIN, "Open time"),
    ],
)
def test_the_only_one_of_a_time_type_is(
    columns: dict[str, pa.DataType], feature_set: FeatureSet, expected: str | None
) -> None:
    assert time_column(pa.schema(columns), feature_set.names, feature_set.label) == expected


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"timestamp": pa.int64()}, "column 'ts' is missing: the rows have 'timestamp'"),
        ({"when": TIME, "x": DATE}, "column 'ts' is missing: the rows have 'when', 'x'"),
        ({"timestamp": TIME, "date": DATE}, "column 'ts' is missing: timestamp and date may each be it"),
    ],
)
def test_nothing_is_guessed(columns: dict[str, pa.DataType], said: str) -> None:
    with pytest.raises(LakeError) as caught:
        time_column(pa.schema(columns), PLAIN.names, PLAIN.label)
    assert (caught.value.code, caught.value.message) == ("E_COLUMN_MISSING", said)


def test_other_delimiters_are_pointed_at() -> None:
    with pytest.raises(LakeError, match="the rows have 'ts;x'") as caught:
        time_column(pa.schema({"ts;x": pa.string()}), PLAIN.names, PLAIN.label)
    assert caught.value.fix == ("separate the cells by commas",)
