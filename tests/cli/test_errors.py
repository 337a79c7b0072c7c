"""Every error the command line can end in, made to happen: its text, its exit status, its JSON document."""

from __future__ import annotations

import os
import re
import sqlite3
import subprocess
import sys
import zipfile
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import pytest

import dl_datalake
from dl_datalake.cli import run
from lake.errors import CODES, Exit, LakeError
from tests.rotten import flip
from tests.runs import BARS, BTCUSDT, REPO, Dl, only_file

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Words: TypeAlias = list[str | Path]
STATE = ("SELECT * FROM snapshots", "SELECT * FROM series", "SELECT * FROM files")
SAMPLE_ZIP = REPO / "data" / "samples" / "equity_usa_minute_spy_20131007_trade.zip"


def ingest(lake: Path, source: Path, *more: str) -> Words:
    return ["ingest", "--source", source, "--exchange", "TEST", "--symbol", "abc", "--root", lake, *more]


def written(lake: Path, name: str, data: str | bytes) -> Path:
    path = lake.parent / name
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return path


def ran_before(*words: str | Path) -> None:
    subprocess.run([sys.executable, "-m", "dl_datalake.cli", *words], cwd=REPO, check=True)


# ------------------------------------------------------------------------------- each returns the words that go wrong


def no_such_option(lake: Path) -> Words:
    return ["list", "--root", lake, "--colour", "red"]


def no_date(lake: Path) -> Words:
    return ["read", BTCUSDT, "--root", lake, "--start", "yesterday"]


def pattern_of_two(lake: Path) -> Words:
    bars = written(lake, "two.csv", BARS)
    ran_before(*ingest(lake, bars))
    return ["read", "*/*/*/bars/1m", "--root", lake]


def other_period(lake: Path) -> Words:
    return ingest(lake, written(lake, "minutes.csv", BARS), "--period", "1h")


def no_lake(lake: Path) -> Words:
    return ["list", "--root", lake.parent / "elsewhere"]


def newer_manifest(lake: Path) -> Words:
    with closing(sqlite3.connect(lake / "manifest.db")) as database:
        database.execute("PRAGMA user_version = 999")
    return ["list", "--root", lake]


def spoilt_manifest(lake: Path) -> Words:
    (lake / "manifest.db").write_bytes(b"not a database, but as long as one\n" * 1000)
    return ["list", "--root", lake]


def no_source(lake: Path) -> Words:
    return ingest(lake, lake.parent / "nothing-*.csv")


def cut_archive(lake: Path) -> Words:
    return ingest(lake, written(lake, "20131007_trade.zip", SAMPLE_ZIP.read_bytes()[:4000]))


def wrong_checksum(lake: Path) -> Words:
    path = written(lake, "bars.csv", BARS)
    written(lake, "bars.csv.CHECKSUM", f"{'0' * 64}  bars.csv\n")
    return ingest(lake, path)


def bomb(lake: Path) -> Words:
    path = lake.parent / "bomb.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("bars.csv", BARS + "0" * 300_000_000)
    return ingest(lake, path)


def unknown_format(lake: Path) -> Words:
    return ingest(lake, written(lake, "people.csv", "name,age\nAda,36\nAlan,41\n"))


def other_format(lake: Path) -> Words:
    return ingest(lake, written(lake, "bars.csv", BARS), "--format", "parquet")


def no_close(lake: Path) -> Words:
    return ingest(lake, written(lake, "bars.csv", "ts,open,high,low,volume\n2024-03-01T00:00:00Z,1,2,1,5\n"))


def times_in_words(lake: Path) -> Words:
    rows = "ts,open,high,low,close,volume\nthe first of March,1,2,1,2,5\nthe second of March,1,2,1,2,5\n"
    return ingest(lake, written(lake, "bars.csv", rows))


def mostly_bad(lake: Path) -> Words:
    rows = "".join(f"2024-03-01T{m // 60:02}:{m % 60:02}:00Z,100,1,99,101,5\n" for m in range(60, 160))
    return ingest(lake, written(lake, "bars.csv", BARS + rows))


def conflict(lake: Path) -> Words:
    path = written(lake, "other.csv", "ts,open,high,low,close,volume\n2016-10-07T00:00:00Z,1,2,1,2,5\n")
    words = ["--exchange", "BINANCE", "--symbol", "BTCUSDT", "--period", "1m", "--on-conflict", "fail", "--root"]
    return ["ingest", "--source", path, *words, lake]


def other_case(lake: Path) -> Words:
    path = written(lake, "bars.csv", BARS)
    return ["ingest", "--source", path, "--exchange", "BINANCE", "--symbol", "btcusdt", "--root", lake]


def other_ids(lake: Path) -> Words:
    trades = written(lake, "BTCUSDT-trades-2024-03-01.csv", "7,50,2,100,1709251200000,True,True\n" * 3)
    ran_before(*ingest(lake, trades))
    aggregates = "7,50,2,11,12,1709251200000,True,True\n" * 3
    return ingest(lake, written(lake, "BTCUSDT-aggTrades-2024-03-01.csv", aggregates))


def registered(lake: Path, columns: str) -> Words:
    path = written(lake, "mood.toml", f'inputs = ["bars/1m"]\n[columns]\n{columns}\n')
    return ["features", "register", "mood", "--schema", path, "--root", lake]


def other_columns(lake: Path) -> Words:
    ran_before(*registered(lake, 'mood = "float64"'))
    return registered(lake, 'mood = "int64"')


def known_too_early(lake: Path) -> Words:
    ran_before(*registered(lake, 'mood = "float64"'))
    path = written(lake, "mood.csv", "ts,known_at,mood\n2016-10-07T00:00:00Z,2016-10-07T00:00:59Z,1.5\n")
    return ["features", "write", "mood", path, "--symbol", "BTCUSDT", "--root", lake]


def made_from_others(lake: Path) -> Words:
    ran_before("aggregate", BTCUSDT, "--to", "1h", "--root", lake)
    hours = "".join(f"2016-10-08T{hour:02}:00:00Z,1,2,1,2,5\n" for hour in range(5))
    path = written(lake, "hours.csv", f"ts,open,high,low,close,volume\n{hours}")
    place = ["--exchange", "BINANCE", "--symbol", "BTCUSDT", "--period", "1h"]
    return ["ingest", "--source", path, *place, "--root", lake]


def no_folder(lake: Path) -> Words:
    return ["init", written(lake, "file.txt", "not a folder") / "lake"]


def file_gone(lake: Path) -> Words:
    only_file(lake).unlink()
    return ["read", BTCUSDT, "--root", lake]


def file_damaged(lake: Path) -> Words:
    flip(only_file(lake))
    return ["read", BTCUSDT, "--root", lake, "--limit", "5000"]


def no_series(lake: Path) -> Words:
    return ["show", "BINANCE/SPOT/BTCUSD/bars/1m", "--root", lake]


def no_asset(lake: Path) -> Words:
    return ["assets", "show", "bar/1m", "--root", lake]


def broken_module(lake: Path) -> Words:
    (lake / "dl.toml").write_text('[assets]\nmodules = ["my_assets"]\n')
    (lake / "my_assets.py").write_text("from dl_datalake.assets import asset\nasset('bars/1x', upstreams=[])(print)\n")
    return ["assets", "list", "--root", lake]


def no_partition(lake: Path) -> Words:
    return ["assets", "lineage", f"{BTCUSDT}@1999-01-01", "--root", lake]


def no_snapshot(lake: Path) -> Words:
    return ["list", "--as-of", "99", "--root", lake]


def forgotten_snapshot(lake: Path) -> Words:
    for words in (["delete", BTCUSDT], ["expire", "--keep-last", "1", "--force"]):
        assert run([*words, "--yes", "--root", str(lake), "--quiet"]) == 0
    return ["read", BTCUSDT, "--as-of", "1", "--root", lake]


def name_given_twice(lake: Path) -> Words:
    assert run(["snapshot", "create", "clean", "--root", str(lake), "--quiet"]) == 0
    return ["snapshot", "create", "clean", "--root", lake]


def nobody_to_ask(lake: Path) -> Words:
    return ["delete", BTCUSDT, "--root", lake]


def other_rows(lake: Path) -> Words:
    lock = lake / "study.lock"
    assert run(["lock", str(lock), BTCUSDT, "--root", str(lake), "--quiet"]) == 0
    lock.write_text(lock.read_text().replace('sha256 = "', 'sha256 = "0'))
    return ["lock", str(lock), "--check", "--root", lake]


def no_run(lake: Path) -> Words:
    return ["quarantine", "show", "nope", "--root", lake]


def photos(lake: Path) -> Words:
    (lake.parent / "photos").mkdir(exist_ok=True)
    (lake.parent / "photos" / "1.jpg").touch()
    return ["backup", lake.parent / "photos", "--root", lake]


def hole_in_log(lake: Path) -> Words:
    log = lake / "data" / "_log" / "commits.jsonl"
    log.write_bytes(log.read_bytes()[:-100] + b"\n")
    (lake / "manifest.db").write_bytes(b"")
    return ["repair", "--from", "log", "--root", lake]


MADE: dict[str, Callable[[Path], Words]] = {
    "USAGE": no_such_option,
    "BAD_DATE": no_date,
    "AMBIGUOUS": pattern_of_two,
    "PERIOD": other_period,
    "LAKE_NOT_INITIALISED": no_lake,
    "MANIFEST_TOO_NEW": newer_manifest,
    "MANIFEST_DAMAGED": spoilt_manifest,
    "SOURCE_NOT_FOUND": no_source,
    "SOURCE_UNREADABLE": cut_archive,
    "SOURCE_CHECKSUM": wrong_checksum,
    "SOURCE_UNSAFE": bomb,
    "FORMAT_UNKNOWN": unknown_format,
    "FORMAT_MISMATCH": other_format,
    "COLUMN_MISSING": no_close,
    "TIME_FORMAT": times_in_words,
    "SCHEMA": mostly_bad,
    "CONFLICT": conflict,
    "FEATURE_CHANGED": other_columns,
    "LOOKAHEAD": known_too_early,
    "SYMBOL_CASE": other_case,
    "OTHER_IDS": other_ids,
    "DERIVED": made_from_others,
    "STORAGE": no_folder,
    "FILE_MISSING": file_gone,
    "FILE_DAMAGED": file_damaged,
    "UNKNOWN_SERIES": no_series,
    "UNKNOWN_ASSET": no_asset,
    "ASSETS": broken_module,
    "UNKNOWN_FEATURES": lambda lake: ["features", "show", "mood", "--root", lake],
    "UNKNOWN_PARTITION": no_partition,
    "UNKNOWN_SNAPSHOT": no_snapshot,
    "SNAPSHOT_NAME": name_given_twice,
    "SNAPSHOT_EXPIRED": forgotten_snapshot,
    "STUDY_CHANGED": other_rows,
    "CONFIRM": nobody_to_ask,
    "BACKUP": photos,
    "UNREPAIRABLE": hole_in_log,
    "SQL": lambda lake: ["sql", "select clos from bars", "--root", lake],
    "UNKNOWN_RUN": no_run,
}
ELSEWHERE = {
    "UNEXPECTED": "test_bug_is_one_sentence_unless_asked_for_more",
    "LOCKED": "test_lake_that_is_being_written_is_waited_for",
    "FORKED": "test_forked_process_must_open_its_own_lake",
    "DISK_FULL": "test_full_disk",
    "MISSING_EXTRA": "test_missing_extra_says_what_to_install",
    "INTERRUPTED": "tests/cli/test_signals.py",
    "DECLINED": "tests/cli/test_asking.py",
    "TIER_UNAVAILABLE": "tests/cli/test_tiers.py",
    "TIER_FOREIGN": "tests/cli/test_tiers.py",
    "GRACE": "tests/cli/test_tiers.py",
    "UNKNOWN_TIER": "tests/cli/test_tiers.py",
    "PREFECT_DOWN": "tests/cli/test_via.py",
    "MAKE": "tests/cli/test_assets.py",
    "CHECK": "tests/unit/lake/aggregate/test_building.py",
    "ADJUST": "tests/cli/test_reference.py",
}


def test_every_code_is_made_to_happen() -> None:
    assert set(MADE) | set(ELSEWHERE) == set(CODES)


@pytest.mark.parametrize("code", MADE)
def test_error_says_what_why_and_how_to_go_on(dl: Dl, lake: Path, code: str) -> None:
    words = MADE[code](lake)
    before = state(lake)
    said = dl(*words)
    assert said.status == CODES[code].exit, said.err
    assert said.out == ""
    assert_error_text(said.err, code)
    error = dl(*words, "--json").error
    assert error["code"] == f"E_{code}"
    assert error["message"] in said.err
    assert all(fix in said.err for fix in error["fix"])
    assert error["docs"] == f"docs/errors.md#e_{code.lower()}"
    assert state(lake) == before


def state(lake: Path) -> tuple[object, ...]:
    """Return what a failed command must leave alone: the data files, the snapshots, the series."""
    files = sorted((path, path.stat().st_mtime_ns) for path in (lake / "data").rglob("*.parquet"))
    try:
        with closing(sqlite3.connect(lake / "manifest.db")) as database:
            tables = [database.execute(query).fetchall() for query in STATE]
    except sqlite3.DatabaseError:
        return (files, (lake / "manifest.db").read_bytes())
    return (files, tables)


def assert_error_text(text: str, code: str) -> None:
    lines = text.splitlines()
    assert re.fullmatch(rf"error\[E_{code}\]: \S.*[^.]", lines[0]), text
    rest = [line for line in lines[1:] if not line.startswith("  --> ")]
    assert re.fullmatch(r"  why: \S.*", rest[0]), text
    assert re.fullmatch(r"  fix: \S.*", rest[1]), text
    assert all(re.fullmatch(r"       \S.*", line) for line in rest[2:]), text
    assert "Traceback" not in text


def test_bug_is_one_sentence_unless_asked_for_more(dl: Dl, lake: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_given: object, **_named: object) -> None:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr("lake.manifest.Manifest.listing", broken)
    ran = dl("list", "--root", lake)
    assert ran.status == 1
    assert ran.err.startswith("error[E_UNEXPECTED]: ZeroDivisionError: a bug\n")
    assert "Traceback" not in ran.err
    assert "Traceback" in dl("list", "--root", lake, "-v").err
    assert dl("list", "--root", lake, "--json").error["code"] == "E_UNEXPECTED"


@pytest.fixture
def writer_elsewhere(lake: Path) -> Iterator[Path]:
    """Hold the write lock of a lake, as another process that is in the midst of its commit does."""
    database = sqlite3.connect(lake / "manifest.db", isolation_level=None)
    database.execute("BEGIN IMMEDIATE")
    yield lake
    database.rollback()
    database.close()


def test_lake_that_is_being_written_is_waited_for(dl: Dl, writer_elsewhere: Path, bars: Path) -> None:
    words = ingest(writer_elsewhere, bars)
    said = dl(*words, "--wait", "0")
    assert said.status == Exit.LOCKED
    assert_error_text(said.err, "LOCKED")
    assert dl(*words, "--wait", "0", "--json").error["code"] == "E_LOCKED"
    assert dl("list", "--root", writer_elsewhere).status == 0


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
@pytest.mark.parametrize("words", [["list"], ["list", "--json"]], ids=" ".join)
def test_full_disk(lake: Path, words: list[str]) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "dl_datalake.cli", *words, "--root", lake],
            cwd=REPO,
            env={name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"},
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == Exit.STORAGE
    assert "error[E_DISK_FULL]" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_forked_process_must_open_its_own_lake(lake: Path) -> None:
    with dl_datalake.open(lake) as opened:
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                opened.list()
            except LakeError as error:
                os.write(writing, error.code.encode())
            os._exit(0)
        os.waitpid(child, 0)
        assert os.read(reading, 100) == b"E_FORKED"
        os.close(reading)
        os.close(writing)
        assert len(opened.list()) == 1


def test_missing_extra_says_what_to_install(lake: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "polars", None)
    with dl_datalake.open(lake) as opened, pytest.raises(LakeError, match="Polars is not installed") as caught:
        opened.bars("BTCUSDT").to_polars()
    assert caught.value.fix == ("pip install 'dl-datalake[polars]'",)


def test_some_of_several_files_refused_is_partial(dl: Dl, lake: Path, bars: Path) -> None:
    written(lake, "people.csv", "name,age\nAda,36\nAlan,41\n")
    words: Words = [
        "ingest",
        "--source",
        lake.parent / "*.csv",
        "--exchange",
        "TEST",
        "--symbol",
        "abc",
        "--root",
        lake,
    ]
    ran = dl(*words, "--json")
    assert ran.status == Exit.PARTIAL
    assert [file["source"] for file in ran.data["files"]] == [str(bars)]
    assert [error["code"] for error in ran.data["refused"]] == ["E_FORMAT_UNKNOWN"]


def test_all_of_several_files_refused_names_each(dl: Dl, lake: Path) -> None:
    for name in ("a.csv", "b.csv"):
        written(lake, name, "name,age\nAda,36\nAlan,41\n")
    words: Words = [
        "ingest",
        "--source",
        lake.parent / "?.csv",
        "--exchange",
        "TEST",
        "--symbol",
        "abc",
        "--root",
        lake,
    ]
    ran = dl(*words, "--json")
    assert ran.status == Exit.REFUSED
    assert [error["code"] for error in ran.document["others"]] == ["E_FORMAT_UNKNOWN"]
    assert dl(*words).err.count("error[E_FORMAT_UNKNOWN]") == 2


def test_map_must_name_columns_once(dl: Dl, lake: Path, bars: Path) -> None:
    for word, message in (("open", "is not NAME=COLUMN"), ("open=o,open=p", "is given twice")):
        ran = dl(*ingest(lake, bars, "--map", word))
        assert (ran.status, message in ran.err) == (2, True)


def test_docs_tell_of_each_code_what_the_table_tells() -> None:
    text = (REPO / "docs" / "errors.md").read_text(encoding="utf-8")
    sections = dict(re.findall(r"^### E_(\w+)\n\n(.*?)\n*(?=^###|\Z)", text, re.MULTILINE | re.DOTALL))
    assert list(sections) == list(CODES)
    for name, code in CODES.items():
        fixes = "\n".join(f"- {fix}" for fix in code.fix)
        assert sections[name] == f"Exit {int(code.exit)}. {code.why}\n\n{fixes}"
    assert re.findall(r"^\| (\d+) \|", text, re.MULTILINE) == [str(int(status)) for status in Exit]
