"""Comma-separated feature rows: read strictly by the types of the set, and bad cells told by their line."""

from __future__ import annotations

import bz2
import gzip
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

from lake.errors import LakeError
from lake.features.text import Text
from schemas.columns import Column
from schemas.features import FeatureSet
from tests.feature_rows import NOON
from tests.tables import MINUTE_US

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

ALL_TYPES = FeatureSet(
    "all",
    "1",
    (
        Column("x", "float64", nullable=True),
        Column("n", "int64", nullable=True),
        Column("up", "bool", nullable=True),
        Column("word", "text", nullable=True),
        Column("seen", "timestamp_us", nullable=True),
        Column("vector", "float32", nullable=True, length=2),
    ),
)
NOON_US = NOON * MINUTE_US


class Read:
    """A text, read through."""

    def __init__(self, path: Path, text: str | bytes, pack: Callable[[bytes], bytes] = bytes) -> None:
        path.write_bytes(pack(text.encode() if isinstance(text, str) else text))
        file = Text(path, ALL_TYPES)
        self.rows: list[dict[str, Any]] = []
        self.bad: dict[int, tuple[str, str]] = {}
        self.raw: dict[int, str] = {}
        self.lost: list[tuple[int, str]] = []
        with closing(file):
            for block in file.blocks():
                parsed = file.parse(block)
                self.rows += parsed.rows.to_pylist()
                for row, found in parsed.bad.items():
                    line, raw = parsed.locate(row)
                    self.bad[line], self.raw[line] = found, raw
                self.lost += [(each.line, each.reason) for each in parsed.lost]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "rows.csv"


def micros(row: dict[str, Any], name: str = "ts") -> int:
    return int(pa.scalar(row[name], pa.timestamp("us", tz="UTC")).value)


def test_names_of_times_are_told_in_any_case(path: Path) -> None:
    [row] = Read(path, "Datetime,x\n2024-03-05 10:00,1\n").rows
    assert micros(row, "Datetime") == NOON_US


@pytest.mark.parametrize(
    "text",
    [
        "2024-03-05 10:00",
        "2024-03-05T10:00:00",
        "2024-03-05T10:00:00Z",
        "2024-03-05 12:00:00+02:00",
        "2024-03-05T10:00:00.000000Z",
    ],
)
def test_times_are_iso_and_utc_unless_they_say(path: Path, text: str) -> None:
    [row] = Read(path, f"ts,x\n{text},1.5\n").rows
    assert (micros(row), row["x"]) == (NOON_US, 1.5)


def test_a_column_may_mix_times_with_and_without_a_zone(path: Path) -> None:
    rows = Read(path, "ts,x\n2024-03-05 10:00,1\n2024-03-05 11:00+01:00,2\n2024-03-05,3\n").rows
    assert [micros(row) for row in rows] == [NOON_US, NOON_US, NOON_US - 600 * MINUTE_US]


@pytest.mark.parametrize("text", ["05.03.2024 10:00", "03/05/2024", "1709632800", "1709632800000", "now", "10:00"])
def test_what_is_no_iso_time_is_a_bad_row(path: Path, text: str) -> None:
    found = Read(path, f"ts,x\n{text},1\n2024-03-05,1\n")
    assert found.bad == {2: ("bad_timestamp", f"ts is {text!r}")}
    assert found.raw == {2: f"{text},1"}


@pytest.mark.parametrize(
    ("column", "cell", "reason"),
    [
        ("x", "abc", "bad_number"),
        ("x", "1.5 ", "bad_number"),
        ("x", "$1", "bad_number"),
        ("n", "1.5", "bad_number"),
        ("n", "0x10", "bad_number"),
        ("n", "9223372036854775808", "bad_number"),
        ("up", "maybe", "bad_value"),
        ("seen", "yesterday", "bad_timestamp"),
        ("vector", '"[1]"', "bad_value"),
        ("vector", '"[1,2,3]"', "bad_value"),
        ("vector", '"[1,""a""]"', "bad_value"),
        ("vector", '"{}"', "bad_value"),
        ("vector", "1;2", "bad_value"),
    ],
)
def test_a_cell_that_is_no_value_of_its_type_is_a_bad_row(path: Path, column: str, cell: str, reason: str) -> None:
    found = Read(path, f"ts,{column}\n2024-03-05,{cell}\n")
    assert found.bad[2][0] == reason
    assert found.raw[2] == f"2024-03-05,{cell}"


def test_values_of_every_type(path: Path) -> None:
    text = (
        'ts,x,n,up,word,seen,vector\n2024-03-05 10:00,1e-3,-7,true,"a, ""b""",2024-03-05,"[0.5, 2]"\n2024-03-05,,,,,,\n'
    )
    first, second = Read(path, text).rows
    assert (first["x"], first["n"], first["up"], first["word"], first["vector"]) == (
        0.001,
        -7,
        True,
        'a, "b"',
        [0.5, 2.0],
    )
    assert micros(first, "seen") == NOON_US - 600 * MINUTE_US
    assert [second[name] for name in ("x", "n", "up", "word", "seen", "vector")] == [None] * 6


def test_lines_are_told_whatever_stands_before_them(path: Path) -> None:
    lines = [
        "ts,x",
        "2024-03-05,1",
        "",
        "2024-03-05,1,2",
        "2024-03-05",
        "2024-03-05,bad",
        '2024-03-05,"1',
        "2024-03-06,2",
    ]
    found = Read(path, "\r\n".join(lines))
    assert found.lost == [(4, "wrong_field_count"), (5, "wrong_field_count"), (7, "wrong_field_count")]
    assert (found.bad[6][0], found.raw[6]) == ("bad_number", "2024-03-05,bad")
    assert [row["x"] for row in found.rows] == [1.0, None, 2.0]


def test_lines_are_told_over_many_blocks(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lake.features.text.BLOCK_BYTES", 64)
    lines = [f"2024-03-05,{'bad' if line % 7 == 0 else line}" for line in range(2, 200)]
    found = Read(path, "\n".join(["ts,x", *lines]))
    assert sorted(found.bad) == [line for line in range(2, 200) if line % 7 == 0]
    assert [row["x"] for row in found.rows if row["x"] is not None] == [line for line in range(2, 200) if line % 7]


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lambda data: pa.compress(data, "zstd", asbytes=True)])
def test_compressed_text_is_told_by_its_bytes(path: Path, pack: Callable[[bytes], bytes]) -> None:
    assert Read(path, "\ufeffts,x\n2024-03-05,1\n", pack).rows[0]["x"] == 1.0


@pytest.mark.parametrize("data", [b"", b"\n\n", b"ts,x\n2024-03-05,\x00\n", b"ts,x\n2024-03-05,\xff\n", b'"ts,x\n'])
def test_what_is_no_such_text_is_refused(path: Path, data: bytes) -> None:
    with pytest.raises(LakeError) as caught:
        Read(path, data)
    assert caught.value.code == "E_SOURCE_UNREADABLE"


def test_a_file_of_names_alone_has_no_rows(path: Path) -> None:
    assert Read(path, "ts,x\n").rows == []
