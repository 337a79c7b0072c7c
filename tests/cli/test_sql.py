"""`dl sql`: what it prints in each form, and what it says of statements that cannot be run."""

from __future__ import annotations

import io
import json
import os
import sys
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.rotten import flip
from tests.runs import Dl, only_file

if TYPE_CHECKING:
    from pathlib import Path

COUNT = "select symbol, count(*) as bars, max(high) as high from bars group by symbol"


def test_rows_are_a_table_for_people(dl: Dl, lake: Path) -> None:
    ran = dl("sql", COUNT, "--root", lake)
    assert ran.status == 0
    assert [line.split() for line in ran.out.splitlines()] == [["symbol", "bars", "high"], ["BTCUSDT", "1419", "618.7"]]
    long = dl("sql", "select ts, close, null as nothing from bars", "--root", lake).out.splitlines()
    assert long[0].split() == ["ts", "close"]
    assert long[11] == "… 1,399 rows between …"
    assert long[1].split() == ["2016-10-07T00:00:00.000000000Z", "611.9"]
    assert long[21].split()[0] == "2016-10-07T23:59:00.000000000Z"
    assert (len(long), long[22]) == (23, "no value in nothing")


def test_limit_stops_the_statement(dl: Dl, lake: Path) -> None:
    endless = "select i from range(100000000000) r(i)"
    for words in (("--limit", "30"), ("--limit", "30", "--format", "csv")):
        assert [int(line) for line in dl("sql", endless, *words, "--root", lake).out.splitlines()[1:]] == list(
            range(30)
        )
    assert dl("sql", endless, "--limit", "0", "--root", lake).out == "i\n"


def test_json_is_one_document(dl: Dl, lake: Path) -> None:
    data = dl("sql", COUNT, "--root", lake, "--json").data
    assert data == {
        "snapshot": 1,
        "tables": ["bars"],
        "columns": [
            {"name": "symbol", "type": "string"},
            {"name": "bars", "type": "int64"},
            {"name": "high", "type": "double"},
        ],
        "rows": [{"symbol": "BTCUSDT", "bars": 1419, "high": 618.7}],
        "complete": True,
    }
    some = dl("sql", "select ts from bars order by ts", "--limit", "2", "--root", lake, "--json").data
    assert (len(some["rows"]), some["complete"]) == (2, False)
    exact = dl("sql", "select ts from bars limit 2", "--limit", "2", "--root", lake, "--json").data
    assert (exact["rows"], exact["complete"]) == (some["rows"], True)
    odd = dl("sql", "select sum(i) as s, 'nan'::double as n from range(3) r(i)", "--root", lake, "--json").data
    assert odd["rows"] == [{"s": 3, "n": "nan"}]


def test_forms_and_files_are_those_of_read(dl: Dl, lake: Path, tmp_path: Path) -> None:
    statement = "select ts, close, [1, 2] as l from bars order by ts limit 2"
    csv = dl("sql", statement, "--format", "csv", "--root", lake).out
    assert csv.splitlines()[:2] == ["ts,close,l", '2016-10-07T00:00:00.000000000Z,611.9,"[1, 2]"']
    first = json.loads(dl("sql", statement, "--format", "jsonl", "--root", lake).out.splitlines()[0])
    assert first == {"ts": "2016-10-07T00:00:00.000000000Z", "close": 611.9, "l": [1, 2]}
    for name in ("x.parquet", "x.arrow", "x.txt"):
        ran = dl("sql", statement, "--output", tmp_path / name, "--root", lake)
        assert (ran.status, "2 rows →" in ran.err) == (0, True)
    assert pq.read_table(tmp_path / "x.parquet")["close"].to_pylist() == [611.9, 611.88]
    with pa.ipc.open_stream(tmp_path / "x.arrow") as stream:
        assert stream.read_all()["l"].to_pylist() == [[1, 2], [1, 2]]
    inside = dl("sql", statement, "--output", lake / "data" / "x.csv", "--root", lake, "--quiet")
    assert (inside.status, (lake / "data" / "x.csv").exists()) == (2, False)
    assert dl("sql", statement, "--format", "csv", "--json", "--root", lake).status == 2


def test_parameters_are_text_or_json(dl: Dl, lake: Path) -> None:
    words = ("--format", "csv", "--root", lake)
    assert dl("sql", "select $a || 'x' as v", "--param", "a=1=2", *words).out == "v\n1=2x\n"
    assert dl("sql", "select $a * 2 as v", "--param", "a:=1.5", *words).out == "v\n3\n"
    counted = dl("sql", "select count(*) as v from bars where close > $p", "--param", "p=618", *words).out
    assert counted == dl("sql", "select count(*) as v from bars where close > 618", *words).out
    for given in ("a", "=1", "a:=x"):
        ran = dl("sql", "select $a", "--param", given, "--root", lake, "--json")
        assert (ran.error["code"], ran.error["exit"]) == ("E_USAGE", 2)


def test_a_statement_can_come_by_stdin(dl: Dl, lake: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("select count(*) as bars -- all\nfrom bars;\n"))
    assert dl("sql", "-", "--format", "csv", "--root", lake).out == "bars\n1419\n"


def test_the_lake_as_it_was(dl: Dl, lake: Path, bars: Path) -> None:
    dl("ingest", "--source", bars, "--exchange", "TEST", "--symbol", "abc", "--root", lake)
    words = ("select count(distinct symbol) as n from bars", "--format", "csv", "--root", lake)
    assert dl("sql", *words).out == "n\n2\n"
    assert dl("sql", *words, "--as-of", "1").out == "n\n1\n"
    assert dl("sql", *words, "--as-of", "9").status == 15


def test_the_ledger_tells_what_became_of_records(dl: Dl, lake: Path, with_bad_bar: Path) -> None:
    dl("ingest", "--source", with_bad_bar, "--exchange", "TEST", "--symbol", "abc", "--root", lake)
    statement = "select source, read, new, quarantined, rejected from ledger order by snapshot"
    assert dl("sql", statement, "--root", lake, "--json").data["rows"] == [
        {"source": "btcusd-1m.csv", "read": 1419, "new": 1419, "quarantined": 0, "rejected": "{}"},
        {"source": "with-bad-bar.csv", "read": 11, "new": 10, "quarantined": 1, "rejected": '{"ohlc_inconsistent":1}'},
    ]
    assert dl("sql", "select count(*) as n from bars where symbol = 'ABC'", "--root", lake, "--json").data["rows"] == [
        {"n": 10}
    ]


@pytest.mark.parametrize(
    ("statement", "status", "code"),
    [
        ("select clos from bars", 2, "E_SQL"),
        ("drop view bars", 2, "E_SQL"),
        ("from read_text('/etc/passwd')", 2, "E_SQL"),
        ("select 'x'::integer", 2, "E_SQL"),
    ],
)
def test_what_cannot_be_run_is_told_without_a_traceback(
    dl: Dl, lake: Path, statement: str, status: int, code: str
) -> None:
    ran = dl("sql", statement, "--root", lake)
    assert (ran.status, ran.out, "Traceback" in ran.err) == (status, "", False)
    assert ran.err.startswith(f"error[{code}]: ")
    assert dl("sql", statement, "--root", lake, "--json").error["code"] == code


def test_a_rotten_page_ends_the_command(dl: Dl, lake: Path) -> None:
    victim = only_file(lake)
    flip(victim)
    ran = dl("sql", "select * from bars", "--root", lake, "--json")
    assert (ran.status, ran.error["code"], ran.error["where"]) == (4, "E_FILE_DAMAGED", os.fspath(victim))
