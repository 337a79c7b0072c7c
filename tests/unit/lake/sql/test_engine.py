"""Running: parameters, names of columns, what stops a statement, and what is left behind: nothing."""

from __future__ import annotations

import datetime as dt
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Generator
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

from lake.errors import LakeError
from lake.manifest import Manifest
from lake.sql import Query
from lake.sql.engine import locked
from lake.write import write
from tests.manifests import make_lake
from tests.querying import BTC, ask, minute_bars
from tests.rotten import flip
from tests.tables import bars

if TYPE_CHECKING:
    from pathlib import Path

    from lake.config import Config


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Have temporary folders made where the test can look at them."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


@pytest.mark.parametrize(
    ("statement", "values", "expected"),
    [
        ("select count(*) from bars where symbol = $s", {"s": "ETHUSDT"}, 576),
        ("select count(*) from bars where symbol in $s", {"s": ["ETHUSDT", "NONE"]}, 576),
        ("select count(*) from bars where close > $low and period = $p", {"low": 302.0, "p": "1m"}, 330),
        ("select count(*) from bars where close > $low and period = $p", {"low": "302", "p": "1m"}, 330),
        ("select count(*) from bars where ts >= $t and period = '1h'", {"t": dt.date(1970, 1, 4)}, 24),
        ("select $x + $x", {"x": 2}, 4),
        ("select $x is null", {"x": None}, True),
        ("select $x", {"x": "'; drop table bars; --"}, "'; drop table bars; --"),
    ],
)
def test_parameters_are_values_and_never_text_of_the_statement(
    statement: str, values: dict[str, Any], expected: object, small: Config, asked: Manifest
) -> None:
    assert ask(small, asked, statement, **values) == [(expected,)]


@pytest.mark.parametrize(
    ("statement", "values", "message"),
    [
        ("select $a", {}, "$a has no value"),
        ("select $a", {"a": 1, "b": 2}, "the statement does not ask for $b"),
        ("select 1", {"b": 2}, "the statement does not ask for $b"),
        ("select ?", {}, "parameter 1 has no name"),
        ("select $1", {"1": 1}, "parameter 1 has no name"),
    ],
)
def test_parameters_that_do_not_fit_are_refused(
    statement: str, values: dict[str, Any], message: str, small: Config, asked: Manifest
) -> None:
    with pytest.raises(LakeError) as caught:
        Query(small, asked, statement, values)
    assert (caught.value.code, caught.value.message) == ("E_SQL", message)


def test_names_that_come_twice_are_told_apart(small: Config, asked: Manifest) -> None:
    query = Query(small, asked, "select 1 as a, 2 as a, 3 as a_1, 4 as a")
    assert query.schema.names == ["a", "a_1", "a_1_1", "a_2"]
    assert next(query.batches()).to_pylist() == [{"a": 1, "a_1": 2, "a_1_1": 3, "a_2": 4}]


def test_times_are_utc_whatever_the_machine_says(
    small: Config, asked: Manifest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", "America/New_York")
    time.tzset()
    try:
        assert ask(small, asked, "select min(ts)::varchar from bars") == [("1970-01-01 00:00:00+00",)]
        assert ask(small, asked, "select count(*) from bars where ts < '1970-01-02' and period = '1h'") == [(24,)]
    finally:
        monkeypatch.undo()
        time.tzset()


def test_a_statement_can_be_left_before_its_end(small: Config, asked: Manifest, own_folder: Path) -> None:
    rows = Query(small, asked, "select a.* from bars a, range(100000)").batches(1000)
    assert next(rows).num_rows == 1000
    assert [path.name[:7] for path in own_folder.iterdir()] == ["dl-sql-"]
    assert isinstance(rows, Generator)
    rows.close()
    assert list(own_folder.iterdir()) == []


def test_what_does_not_fit_goes_to_disk_and_is_gone_afterwards(
    small: Config, asked: Manifest, own_folder: Path
) -> None:
    statement = "select md5(i::varchar || close::varchar) as m from bars, range(500) r(i) order by m"
    count, last, spilled = 0, "", set()
    for batch in Query(small, asked, statement, memory_mb=48).batches():
        spilled |= {path.suffix for path in own_folder.rglob("*") if path.is_file()}
        assert last <= batch.column(0)[0].as_py()
        count, last = count + batch.num_rows, batch.column(0)[-1].as_py()
    assert count == 500 * (3 * 576 + 96)
    assert spilled != set()
    assert list(own_folder.iterdir()) == []


LEFT = """
import dl_datalake
lake = dl_datalake.open()
rows = lake.sql("select a.* from bars a, range(1000)").batches(1000)
print(next(rows).num_rows)
"""


def test_a_program_ends_with_a_statement_half_read(small: Config, own_folder: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", LEFT],
        cwd=small.root,
        env=os.environ | {"TMPDIR": str(own_folder)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "1000\n", "")
    assert list(own_folder.iterdir()) == []


def test_what_fits_nowhere_says_what_to_do(small: Config, asked: Manifest) -> None:
    statement = "select list(md5(i::varchar)) from range(3000000) r(i)"
    with pytest.raises(LakeError) as caught:
        list(Query(small, asked, statement, memory_mb=32).batches())
    assert (caught.value.code, "needs more memory" in caught.value.message) == ("E_SQL", True)
    assert "--memory MB" in caught.value.fix[0]
    with pytest.raises(LakeError, match="8 MB are too few"):
        Query(small, asked, "select 1", memory_mb=8)


def test_no_progress_is_drawn_amid_the_rows() -> None:
    """DuckDB would draw it on stdout once two seconds have passed; a nightly test waits for that."""
    with locked(64, 1) as connection:
        assert connection.execute("select current_setting('enable_progress_bar')").fetchall() == [(False,)]


def test_an_error_amid_the_rows_is_ours(small: Config, asked: Manifest) -> None:
    rows = Query(small, asked, "select (case when i = 900000 then 'x' else '1' end)::integer from range(1000000) r(i)")
    with pytest.raises(LakeError) as caught:
        list(rows.batches(1000))
    assert (caught.value.code, caught.value.message) == ("E_SQL", "Could not convert string 'x' to INT32")


def test_a_page_that_rotted_is_an_error_and_no_answer(tmp_path: Path) -> None:
    config = make_lake(tmp_path / "lake")
    write(config, BTC, bars(*minute_bars(0)))
    victim = sorted(config.data.rglob("*.parquet"))[2]
    flip(victim)
    with Manifest.open(config) as manifest:
        with pytest.raises(LakeError) as caught:
            ask(config, manifest, "select * from bars")
        assert (caught.value.code, caught.value.where) == ("E_FILE_DAMAGED", str(victim))
        assert ask(config, manifest, "select count(*) from bars where ts < '1970-01-03'") == [(288,)]
        victim.unlink()
        with pytest.raises(LakeError) as caught:
            ask(config, manifest, "select * from bars")
        assert caught.value.code == "E_FILE_MISSING"


def test_a_snapshot_holds_still_while_others_write(tmp_path: Path) -> None:
    config = make_lake(tmp_path / "lake")
    write(config, BTC, bars(*minute_bars(0)))
    with Manifest.open(config) as manifest:
        query = Query(config, manifest, "select count(*), max(close) from bars")
        write(config, BTC, bars(*minute_bars(2)))
        assert pa.Table.from_batches(query.batches(), query.schema).to_pylist()[0]["count_star()"] == 576
        assert next(query.batches()).column(1).to_pylist() == [104.43]
        assert ask(config, manifest, "select max(close) from bars") == [(304.43,)]


def test_a_statement_is_stopped_by_the_keyboard(small: Config, asked: Manifest, own_folder: Path) -> None:
    query = Query(small, asked, "select sum(a.close * b.i) from bars a, range(100000000) b(i)")
    # A shell has what it starts in the background ignore this signal.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    stop = threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT))
    started = time.monotonic()
    stop.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            list(query.batches())
        stop.join()
    finally:
        signal.signal(signal.SIGINT, before)
    assert time.monotonic() - started < 30
    assert list(own_folder.iterdir()) == []
