"""The start of a JSON source: what is read as a table, and what is refused with a word on what it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lake.errors import LakeError
from lake.sources import SourceOptions, detect
from lake.sources.json_head import is_json, json_head
from tests.source_files import write

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b'{"a":1}', True), (b" \n[1]", True), (b'1723161254024619568 {"stream":"x"}', True),
        (b"1723161254,1,2", False), (b"20240101 000000;1;2", False), (b"time,{a}", False),
    ],
)  # fmt: skip
def test_json_is_known_by_its_first_character_or_by_what_follows_a_time(data: bytes, told: bool) -> None:  # noqa: FBT001 -- a parameter of the table
    assert is_json(data) is told


def test_a_head_that_is_cut_gives_the_records_that_are_whole() -> None:
    head = json_head(b'[{"t":1,"p":2},{"t":2,"q":"x"},{"t":3', whole=False, most=100)
    assert (head.layout, head.keys) == ("objects", ("t", "p", "q"))
    assert head.rows == (("1", "2", ""), ("2", "", "x"))
    assert json_head(b"[[1,2],[3,4],[5", whole=False, most=1).rows == (("1", "2"),)
    assert json_head(b'{"t":1}\n{"t":2}\n{"t"', whole=False, most=9).rows == (("1",), ("2",))


@pytest.mark.parametrize("line", [b'{"e":"trade","data":{"p":"1"}}\n', b'1723161254024619568 {"e":"trade"}\n'])
def test_messages_are_left_as_they_stand(line: bytes) -> None:
    head = json_head(line, whole=True, most=9)
    assert (head.layout, head.rows, head.lines) == ("messages", (), line)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (r'{"\ud800":1,"t":2}', "half of a surrogate pair"),
        ("[]", "an empty JSON array"),
        ("[1,2,3]", "neither arrays nor objects"),
        ('{"code":-1121,"msg":"Invalid symbol."}', "not recognised: code, msg"),
        ('{"result":[[1,2]]}', "JSON messages"),
        ('{\n "a": 1\n}\n', "neither an array of records nor an object on each line"),
        ("[[[1,2],[3,4]]]", "hold arrays or objects"),
        ("[[1704067200000,1", "first record does not end"),
        ("[[1,2,3],[4,5,6]]", "in no known format"),
    ],
)
def test_json_that_is_no_table_is_refused_with_what_it_is(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(LakeError) as refusal:
        detect(write(tmp_path / "x.json", text), SourceOptions())
    assert refusal.value.code == "E_FORMAT_UNKNOWN"
    assert said in str(refusal.value)
    assert refusal.value.fix


@pytest.mark.parametrize("asked", ["csv", "freqtrade-json"])
def test_a_format_that_the_file_is_not_in_is_refused(tmp_path: Path, asked: str) -> None:
    text = '[{"time":1704448800000,"price":1,"size":2}]' if asked == "csv" else "1704448800000,1,2,1,2,3\n"
    with pytest.raises(LakeError) as refusal:
        detect(write(tmp_path / "x", text), SourceOptions(format=asked))
    assert refusal.value.code == "E_FORMAT_MISMATCH"


def test_a_text_that_is_longer_than_any_cell_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "a.json", '[[1700000000000,"%s"],[1700000060000,"1"]]' % ("9" * 140_000))
    with pytest.raises(LakeError, match="a text that is no cell") as refusal:
        detect(path, SourceOptions())
    assert refusal.value.code == "E_FORMAT_UNKNOWN"


def test_a_line_separator_inside_a_text_ends_no_record() -> None:
    data = '[[1,"a\u2028b"],[2,"c"]]'.encode()
    assert json_head(data, whole=True, most=10).rows == (("1", "a\u2028b"), ("2", "c"))
