"""Files of instruments and actions: what is read of them, by line, and what refuses the whole file."""

from __future__ import annotations

from pathlib import Path

import pytest

from lake.errors import LakeError
from lake.reference.reading import Record, read

CSV, TOML = Path("a.csv"), Path("a.toml")
PLACE = {"exchange": "NYSE", "market": "EQUITY"}


def refused(path: Path, text: str, kind: str = "instrument") -> LakeError:
    with pytest.raises(LakeError) as caught:
        read(path, text.encode(), kind, PLACE)
    return caught.value


def test_a_csv_tells_lines_and_defaults_hold_where_it_is_silent() -> None:
    text = '\ufeffSymbol;Tick Size;name;exchange\nabc;0.5;"a\nb c";\n\ndef;;;XETR\n'.replace('"a\nb c"', "a b c")
    assert read(CSV, text.encode(), "instrument", PLACE) == [
        Record(2, "instrument", "NYSE/EQUITY/ABC", {"tick_size": 0.5, "name": "a b c"}),
        Record(4, "instrument", "XETR/EQUITY/DEF", {"tick_size": None, "name": None}),
    ]


def test_a_toml_tells_lines_of_tables_and_aliases() -> None:
    text = '\n[[instrument]]\nsymbol = "ABC"\n\n  [[ instrument ]]\nsymbol = "DEF"\nlisted = 2020-01-02\n'
    text += '[aliases]\nXBT = "btc"\n"x/y" = "Z"\n'
    assert read(TOML, text.encode(), "instrument", PLACE) == [
        Record(2, "instrument", "NYSE/EQUITY/ABC", {}),
        Record(5, "instrument", "NYSE/EQUITY/DEF", {"listed": "2020-01-02"}),
        Record(9, "alias", "XBT", {"of": "BTC"}),
        Record(10, "alias", "X%2FY", {"of": "Z"}),
    ]


def test_every_bad_line_is_named_up_to_five() -> None:
    error = refused(CSV, "symbol,tick_size\nA,1\nB,x\n,1\n" + "C,-1\n" * 5)
    assert (error.code, error.where) == ("E_SCHEMA", "a.csv")
    assert error.message.startswith("line 3: tick_size: 'x' is no number; line 4: symbol is not said; line 5: ")
    assert error.message.endswith("; and 2 more")


def test_a_record_told_twice_is_one_and_two_that_contradict_are_refused() -> None:
    twice = "symbol,ex_date,action,ratio\nA,2024-01-02,split,2\na,2024-01-02,split,2:1\n"
    assert [record.line for record in read(CSV, twice.encode(), "action", PLACE)] == [2]
    error = refused(CSV, twice.replace("2:1", "3"), "action")
    assert error.message == "line 3: line 2 says otherwise of NYSE/EQUITY/A/2024-01-02/split"


@pytest.mark.parametrize(
    ("path", "text", "kind", "code", "said"),
    [
        (CSV, "symbol,tik_size\nA,1\n", "instrument", "E_SCHEMA", "line 1: 'tik_size' is no field"),
        (CSV, "symbol,symbol\nA,1\n", "instrument", "E_SCHEMA", "line 1: a column is there twice"),
        (CSV, "symbol,action\nA,split\n", "action", "E_COLUMN_MISSING", "there is no column ex_date"),
        (CSV, "symbol,tick_size\nA\n", "instrument", "E_SOURCE_UNREADABLE", "line 2 has 1 cells, and the head 2"),
        (CSV, 'symbol,name\nA,"b\n', "instrument", "E_SOURCE_UNREADABLE", "line 2: unexpected end of data"),
        (TOML, "[[instrument]\n", "instrument", "E_SOURCE_UNREADABLE", "it is no TOML"),
        (TOML, "[instrument]\nsymbol = 1\n", "instrument", "E_SCHEMA", "holds [[instrument]] tables, and [aliases]"),
        (TOML, "[aliases]\nXBT = 'BTC'\n", "action", "E_SCHEMA", "a TOML file of actions holds [[action]] tables"),
        (TOML, "[aliases]\nXBT = 'xbt'\n", "instrument", "E_SCHEMA", "line 2: XBT is given as another name of itself"),
        (TOML, "[aliases]\nXBT = 1\n", "instrument", "E_SCHEMA", "line 2: 1 is no text"),
    ],
)
def test_a_file_that_is_none_is_refused(path: Path, text: str, kind: str, code: str, said: str) -> None:
    error = refused(path, text, kind)
    assert error.code == code
    assert said in error.message


def test_more_records_than_memory_holds_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lake.reference.reading.MAX_RECORDS", 2)
    assert len(read(CSV, b"symbol\nA\nB\n", "instrument", PLACE)) == 2
    error = refused(CSV, "symbol\nA\nB\nC\n")
    assert (error.code, error.message) == ("E_SOURCE_UNREADABLE", "it has more than 2 records")


def test_bytes_that_are_no_text_are_refused() -> None:
    with pytest.raises(LakeError, match="not UTF-8") as caught:
        read(CSV, b"symbol\n\xff\n", "instrument", PLACE)
    assert caught.value.code == "E_SOURCE_UNREADABLE"
