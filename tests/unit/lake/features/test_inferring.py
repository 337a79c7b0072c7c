"""The columns of a feature set as files have them."""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.feather as pf
import pyarrow.parquet as pq
import pytest

from lake.errors import LakeError
from lake.features.inferring import columns_of

if TYPE_CHECKING:
    from pathlib import Path

TIME = pa.timestamp("us", tz="UTC")


def types(path: Path) -> dict[str, str]:
    found = columns_of(path)
    assert all(words["nullable"] for words in found.values())
    return {name: words["type"] for name, words in found.items()}


TEXT = "ts,symbol,rsi,rank,regime,done,at\n2024-03-01T00:00:00Z,A,0.5,1,up,true,2024-03-01 00:00:00\n"
OF_TEXT = {"rsi": "float64", "rank": "int64", "regime": "text", "done": "bool", "at": "timestamp_us"}


@pytest.mark.parametrize("ending", ["\n", ""])
def test_text_is_typed_by_its_first_lines(tmp_path: Path, ending: str) -> None:
    path = tmp_path / "f.csv"
    path.write_text("\ufeff" + TEXT.rstrip("\n") + ending)
    assert types(path) == OF_TEXT
    packed = tmp_path / "f.csv.gz"
    packed.write_bytes(gzip.compress(TEXT.encode()))
    assert types(packed) == OF_TEXT


def test_what_may_be_ts_is_none_of_the_columns_unless_ts_is_there(tmp_path: Path) -> None:
    path = tmp_path / "f.csv"
    path.write_text("Date,x\n2024-03-01T00:00:00Z,1\n2024-03-02 00:00,2\n")
    assert types(path) == {"x": "int64"}
    path.write_text("ts,date,x\n2024-03-01T00:00:00Z,monday,1\n")
    assert types(path) == {"date": "text", "x": "int64"}


def test_text_of_many_megabytes_is_cut_at_a_line(tmp_path: Path) -> None:
    path = tmp_path / "f.csv"
    with path.open("w") as file:
        file.write("time,x\n")
        file.writelines(f"2024-03-01T00:00:00Z,{number}.25\n" for number in range(200_000))
        file.write("no time,no number\n")
    assert types(path) == {"x": "float64"}


def test_arrow_types_are_those_that_hold_their_values(tmp_path: Path) -> None:
    given = {
        "ts": (TIME, "", None),
        "half": (pa.float16(), "float32", None),
        "single": (pa.float32(), "float32", 1.5),
        "byte": (pa.uint8(), "int32", 255),
        "word": (pa.uint32(), "int64", 2**32 - 1),
        "name": (pa.dictionary(pa.int8(), pa.string()), "text", "a"),
        "day": (pa.date32(), "timestamp_us", 1),
        "nano": (pa.timestamp("ns"), "timestamp_ns", 1),
        "vector": (pa.list_(pa.float32(), 3), "float32[3]", [1.0, 2.0, 3.0]),
    }
    table = pa.table({name: pa.array([value], kind) for name, (kind, _, value) in given.items()})
    expected = {name: type_ for name, (_, type_, _) in given.items() if name != "ts"}
    pq.write_table(table, tmp_path / "f.parquet")
    assert types(tmp_path / "f.parquet") == expected
    pf.write_feather(table.drop(["half"]), tmp_path / "f.feather")
    assert types(tmp_path / "f.feather") == {name: type_ for name, type_ in expected.items() if name != "half"}


@pytest.mark.parametrize(
    ("text", "code", "said"),
    [
        ("ts,known_at,symbol\n2024-03-01T00:00:00Z,2024-03-01T00:01:00Z,A\n", "E_SCHEMA", "f.csv has no columns of"),
        (",x\n2024-03-01T00:00:00Z,1\n", "E_SCHEMA", "column 1 has no name"),
        ("ts,x,x\n2024-03-01T00:00:00Z,1,2\n", "E_SCHEMA", "two columns are called x"),
        ("ts,x\n2024-03-01T00:00:00Z,\n", "E_SCHEMA", "x is null, which no column of a feature set can be"),
        ("when,x\n2024-03-01T00:00:00Z,1\n", "E_COLUMN_MISSING", "column 'ts' is missing"),
        (
            "time,date,x\n2024-03-01T00:00:00Z,2024-03-01,1\n",
            "E_COLUMN_MISSING",
            "column 'ts' is missing: time and",
        ),
        ("", "E_SOURCE_UNREADABLE", "f.csv cannot be read"),
        ("ts,x\n1,2,3\n", "E_SOURCE_UNREADABLE", "f.csv cannot be read"),
    ],
)
def test_what_cannot_be_columns_is_refused(tmp_path: Path, text: str, code: str, said: str) -> None:
    (tmp_path / "f.csv").write_text(text)
    with pytest.raises(LakeError) as caught:
        columns_of(tmp_path / "f.csv")
    assert caught.value.code == code
    assert caught.value.message.startswith(said)


def test_lists_of_many_lengths_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "f.parquet"
    pq.write_table(pa.table({"ts": pa.array([1], TIME), "x": pa.array([[1.0]], pa.list_(pa.float64()))}), path)
    with pytest.raises(LakeError, match=r"x is list.*, which no column of a feature set can be") as caught:
        columns_of(path)
    assert caught.value.code == "E_SCHEMA"
