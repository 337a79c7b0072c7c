"""JSON tables: streamed into lines, and what is no row of a table told apart with its number and text."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from lake.errors import LakeError
from lake.sources.flatten import MAX_LINE, Layout, Piece, flat_arrays, flattener
from tests.source_files import read, write

if TYPE_CHECKING:
    from pathlib import Path

START = 1_704_448_800_000
BARS = [[START + 60_000 * i, 10.0 + i, 12.5 + i, 9.0, 11.25, 3.5] for i in range(40)]
NAMES = ("time", "open", "high", "low", "close", "volume")


def pieces(text: str | bytes, layout: Layout = "arrays", keys: tuple[str, ...] = (), size: int = 7) -> list[Piece]:
    """Flatten a text that comes in chunks of `size` bytes."""
    data = text.encode() if isinstance(text, str) else text
    chunks = [data[at : at + size] for at in range(0, len(data), size)]
    return list(flattener(layout, keys, "x.json").pieces(chunks))


def lines(made: list[Piece]) -> list[str]:
    return b"".join(piece.data for piece in made).decode().splitlines()


def bad(made: list[Piece]) -> list[tuple[int, str]]:
    """Return number and text of the rejected."""
    return [(reject.line, reject.raw) for piece in made for reject in piece.rejects]


@pytest.mark.parametrize("indent", [None, 1])
@pytest.mark.parametrize("separators", [(",", ":"), (", ", ": ")])
@pytest.mark.parametrize("size", [1, 7, 100, 10_000])
def test_chunks_and_spaces_change_nothing(indent: int | None, separators: tuple[str, str], size: int) -> None:
    records = [[1, "a b", None, True, -2.5e-7], [2, None, "", False, 3], [None, 'q"', "ü", None, None]]
    expected = ['1,"a b",,true,-2.5e-7', '2,,"",false,3', ',"q""","ü",,']
    text = json.dumps(records, indent=indent, separators=separators).replace("-2.5e-07", "-2.5e-7")
    made = pieces(text, size=size)
    assert (lines(made), bad(made)) == (expected, [])
    assert next(piece.record for piece in made if piece.data) == 1
    assert sum(piece.count for piece in made) == 3


def test_plain_arrays_are_rewritten_whole() -> None:
    assert flat_arrays(b'[1, "x", null],\n [2,null,"y"]') == b'1,"x",\n2,,"y"\n'


@pytest.mark.parametrize(
    "odd",
    [
        b"[1 2]", b"[1,[2]]", b"[1,2],[]", b'[1,"a,b"]', b'[1,"a\\n"]', b'[1,"],["]', b'["a""b"]', b'[1"a"]', b"[1,x]",
        b"[1,nullx]", b'[1,{"a":2}]', b"[1,2", b"1,2]", b"[1],5,[2]", b'[1,"', b"[NaN]",
    ],
)  # fmt: skip
def test_what_is_not_plainly_written_is_left_to_the_careful_way(odd: bytes) -> None:
    assert flat_arrays(odd) is None


@pytest.mark.parametrize("size", [1, 9, 1000])
@pytest.mark.parametrize(
    ("member", "text"),
    [
        ("[2,[3]]", "[2,[3]]"),
        ('[2,{"a":1}]', '[2,{"a":1}]'),
        ('{"a":1}', '{"a":1}'),
        ("[]", "[]"),
        ("5", "5"),
        ('"],["', '"],["'),
        ("[NaN,1]", "[NaN,1]"),
        ("[,1]", "[,1]"),
        ("[2,,1]", "[2,,1]"),
        ("[2,1,]", "[2,1,]"),
        ("[-Infinity,1]", "[-Infinity,1]"),
        ("[0x10,1]", "[0x10,1]"),
        ("[2 3,1]", "[2 3,1]"),
        (r'["\x41",1]', r'["\x41",1]'),
        (r'["\ud800",1]', r'["\ud800",1]'),
        (r'["a\nb",1]', r'["a\nb",1]'),
    ],
)
def test_what_is_no_row_is_told_apart_with_number_and_text(member: str, text: str, size: int) -> None:
    made = pieces(f"[[1,2],{member},[3,4]]", size=size)
    assert lines(made) == ["1,2", "3,4"]
    assert bad(made) == [(2, text)]
    assert [(piece.record, piece.count) for piece in made if piece.data][-1] == (3, 1)


@pytest.mark.parametrize("size", [1, 8, 1000])
def test_numbers_are_left_to_the_reader_of_text_however_they_are_parted(size: int) -> None:
    assert lines(pieces("[[.5,1],[2,[]],[01,2.]]", size=size)) == [".5,1", "01,2."]


@pytest.mark.parametrize("size", [1, 8, 1000])
def test_texts_keep_brackets_commas_and_escapes(size: int) -> None:
    made = pieces(r'[["],[",1],["a,\"b\" \u00e9\\",2]]', size=size)
    assert lines(made) == ['"],[",1', '"a,""b"" é\\",2']


@pytest.mark.parametrize("size", [3, 1000])
@pytest.mark.parametrize(
    "text",
    ["[[1,2],[3,4]", "[[1,2],[3,", "[[1,2],", "[[1,2]] x", "[[1,2]],[[3,4]]", "[[1,2]][[3,4]]", '[[1,"2'],
)
def test_json_that_is_cut_or_goes_on_is_refused(text: str, size: int) -> None:
    with pytest.raises(LakeError) as refusal:
        pieces(text, size=size)
    assert refusal.value.code == "E_SOURCE_UNREADABLE"


@pytest.mark.parametrize("text", ["[[1," + "1" * 3 * MAX_LINE, "[" * 3 * MAX_LINE, '[["' + "x" * 3 * MAX_LINE])
def test_an_endless_record_is_refused(text: str) -> None:
    with pytest.raises(LakeError) as refusal:
        pieces(text, size=1 << 18)
    assert refusal.value.code == "E_SOURCE_UNREADABLE"


def test_deep_nesting_is_a_bad_record() -> None:
    deep = "[" * 100_000 + "]" * 100_000
    made = pieces(f"[[1,2],{deep},[3,4]]", size=1 << 16)
    assert lines(made) == ["1,2", "3,4"]
    assert [number for number, _ in bad(made)] == [2]


@pytest.mark.parametrize("size", [1, 11, 1000])
@pytest.mark.parametrize("layout", ["objects", "ndjson"])
def test_objects_in_any_order_and_without_some_names(layout: Layout, size: int) -> None:
    records = ['{"t":1,"p":"2.50","s":null}', '{"p": 3, "t": 2}', '{"s":"x,y","t":3,"p":-1e-7}']
    text = "\n".join(records) if layout == "ndjson" else f"[{','.join(records)}]"
    made = pieces(text, layout, ("t", "p", "s"), size)
    assert lines(made) == ['1,"2.50",', "2,3,", '3,-1e-7,"x,y"']


@pytest.mark.parametrize("layout", ["objects", "ndjson"])
@pytest.mark.parametrize(
    ("record", "detail"),
    [
        ('{"t":1,"t":2}', "'t' stands in it twice"),
        ('{"t":1,"q":2}', "'q' is not among the names of the first records"),
        ('{"t":{"a":1}}', "it holds an array or an object"),
        ("[1,2]", "it is no object"),
        ('{"t":1', "it is no JSON"),
    ],
)
def test_an_object_that_is_no_row_is_told_apart(layout: Layout, record: str, detail: str) -> None:
    good = '{"t":7}'
    if layout == "objects":
        record += "}" if record == '{"t":1' else ""
        record = '{"t":1 1}' if record == '{"t":1}' else record
    text = f"{good}\n\n{record}\n{good}\n" if layout == "ndjson" else f"[{good},{record},{good}]"
    made = pieces(text, layout, ("t",), 1000)
    [reject] = [reject for piece in made for reject in piece.rejects]
    assert (reject.line, reject.reason, reject.raw) == (3 if layout == "ndjson" else 2, "bad_value", record)
    assert reject.detail.startswith(detail)
    assert lines(made) == ["7", "7"]


@pytest.mark.parametrize("block_bytes", [50, 1 << 20])
def test_the_same_bars_in_every_layout(tmp_path: Path, block_bytes: int) -> None:
    objects = [dict(zip(NAMES, bar, strict=True)) for bar in BARS]
    sources = {
        "rows.csv": ",".join(NAMES) + "\n" + "".join(",".join(map(str, bar)) + "\n" for bar in BARS),
        "arrays.json": json.dumps(BARS),
        "pretty.json": json.dumps(BARS, indent=2),
        "objects.json": json.dumps(objects),
        "pretty_objects.json": json.dumps(objects, indent=2),
        "lines.jsonl": "".join(json.dumps(each) + "\n" for each in objects),
        "marked.jsonl": "\ufeff" + "".join(json.dumps(each) + "\r\n" for each in objects),
    }
    first = None
    for name, text in sources.items():
        whole = read(write(tmp_path / name, text), block_bytes=block_bytes)
        assert (whole.plan.type, whole.plan.period, whole.records, whole.rejects) == ("bars", "1m", 40, [])
        expected = {"rows.csv": "csv", "arrays.json": "ccxt-candles", "pretty.json": "ccxt-candles"}.get(name, "json")
        assert whole.plan.dialect == expected, name
        first = first or whole
        same = whole.rows.equals(first.rows)
        assert same, name


def test_a_bad_record_is_known_by_its_number_in_the_array(tmp_path: Path) -> None:
    members = [json.dumps(bar) for bar in BARS]
    members[20], members[30] = "[1, [2]]", members[30].replace("9.0", '"x"')
    whole = read(write(tmp_path / "bars.json", f"[{','.join(members)}]"), block_bytes=300)
    assert whole.reasons == [("bad_value", 21), ("bad_number", 31)]
    assert whole.rejects[0].raw == "[1, [2]]"
    assert whole.records == 40
    assert whole.batches[-1].locate(whole.batches[-1].rows.num_rows - 1)[0] == 40
