"""Processes that write the same partitions at once: every row arrives, and the same file goes in once."""

from __future__ import annotations

import multiprocessing
import time
from collections import Counter
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from lake.check import verify
from lake.errors import LakeError
from lake.ingest import IngestRequest, ingest
from lake.manifest import Manifest
from lake.read import Scan
from lake.write import write
from schemas.keys import Address
from tests.manifests import make_lake
from tests.sealing import live, seal_all
from tests.tables import DAY_NS, MINUTE_US, bar, bars, plain, trade, trades

if TYPE_CHECKING:
    from collections.abc import Iterator
    from multiprocessing.pool import Pool
    from pathlib import Path

    from lake.config import Config

HOURS = Address.of("BINANCE", "SPOT", "BTCUSDT", "bars", "1h")
BTC = Address.of("BINANCE", "SPOT", "BTCUSDT", "bars", "1m")
TICKS = Address.of("BINANCE", "SPOT", "BTCUSDT", "ticks", "trade")
WRITERS, ROWS, COMMITS = 8, 50, 5


@pytest.fixture(scope="module")
def pool() -> Iterator[Pool]:
    """Processes that outlive a test: starting them, and importing into them, takes longer than the races."""
    with multiprocessing.get_context("spawn").Pool(WRITERS) as processes:
        processes.map(_wake, range(WRITERS), chunksize=1)
        yield processes


def _wake(_: int) -> None:
    time.sleep(0.2)


def write_bars(config: Config, number: int) -> list[int]:
    """Write this process's hours of one month, in several commits; return the snapshots."""
    mine = [bar(60 * (number + WRITERS * i), 1.0 + number) for i in range(ROWS)]
    step = ROWS // COMMITS
    return [write(config, HOURS, bars(*mine[i : i + step])).snapshot for i in range(0, ROWS, step)]


def write_trades(config: Config, number: int) -> list[int]:
    """Write trades without ids, the same ones from every process, and one of its own."""
    return [
        write(config, TICKS, trades(trade(7, 1.0), trade(7, 1.0), trade(turn, 10.0 + number))).snapshot
        for turn in range(COMMITS)
    ]


def read(config: Config, address: Address) -> list[dict[str, object]]:
    with Manifest.open(config) as manifest:
        return plain(Scan(config, manifest, [address]).to_arrow())


def test_eight_processes_writing_one_month_store_every_row(tmp_path: Path, pool: Pool) -> None:
    config = make_lake(tmp_path)
    begun = time.monotonic()
    snapshots = [
        s for made in pool.starmap(write_bars, [(config, n) for n in range(WRITERS)], chunksize=1) for s in made
    ]
    assert time.monotonic() - begun < 60
    stored = read(config, HOURS)
    assert [(row["ts"], row["open"]) for row in stored] == [
        (hour * 60 * MINUTE_US, 1.0 + hour % WRITERS) for hour in range(WRITERS * ROWS)
    ]
    assert sorted(snapshots) == list(range(1, WRITERS * COMMITS + 1))
    report = verify(config)
    assert report.ok
    assert report.orphans == []
    with Manifest.open(config) as manifest:
        assert {run.status for run in manifest.runs()} == {"ok"}
        assert [(row.rows, row.files) for row in manifest.listing()] == [(WRITERS * ROWS, 1)]


def test_rows_without_key_do_not_multiply_in_a_race(tmp_path: Path, pool: Pool) -> None:
    config = make_lake(tmp_path)
    pool.starmap(write_trades, [(config, n) for n in range(WRITERS)], chunksize=1)
    found = sorted((row["ts"], row["price"]) for row in read(config, TICKS))
    own = [(turn, 10.0 + number) for turn in range(COMMITS) for number in range(WRITERS)]
    assert found == sorted([(7, 1.0), (7, 1.0), *own])
    assert verify(config).orphans == []


def ingest_file(config: Config, path: str) -> tuple[str, dict[str, int]]:
    [report] = ingest(config, IngestRequest((path,), exchange="BINANCE", symbol="BTCUSDT", period="1m")).files
    return report.status, report.rows


@pytest.mark.parametrize("days", [1, 40])
def test_of_processes_that_ingest_one_file_at_once_one_commits(tmp_path: Path, pool: Pool, days: int) -> None:
    config = make_lake(tmp_path / "lake")
    path = tmp_path / "a.csv"
    count = days * 50
    times = [
        (day * DAY_NS + minute * MINUTE_US * 1000) // 10**6 + 1_700_006_400_000
        for day in range(days)
        for minute in range(50)
    ]
    path.write_text("ts,open,high,low,close,volume\n" + "".join(f"{ms},1.5,2,1,1.5,3\n" for ms in times))
    outcomes = pool.starmap(ingest_file, [(config, str(path))] * 4, chunksize=1)
    assert sorted(status for status, _ in outcomes) == ["committed", "unchanged", "unchanged", "unchanged"]
    for status, rows in outcomes:
        expected = {"read": count, "new" if status == "committed" else "identical": count}
        assert {name: number for name, number in rows.items() if number} == expected
    assert len(read(config, BTC)) == count
    report = verify(config)
    assert (report.ok, report.orphans) == (True, [])
    with Manifest.open(config) as manifest:
        assert manifest.snapshot() == 1
        assert Counter(run.status for run in manifest.runs())["ok"] == 1


def correct(config: Config, path: str) -> str:
    [report] = ingest(config, IngestRequest((path,), exchange="BINANCE", symbol="BTCUSDT", period="1m")).files
    return report.status


def test_different_files_for_the_same_bars_leave_one_of_them_whole(tmp_path: Path, pool: Pool) -> None:
    """Every ingest sees a state that was committed: the last one wins in every row, not here one and there another."""
    config = make_lake(tmp_path / "lake")
    paths = []
    for number in range(WRITERS):
        path = tmp_path / f"{number}.csv"
        lines = [f"{1_700_006_400_000 + m * 60_000},{2 + number},{2 + number},1,1.5,3\n" for m in range(600)]
        path.write_text("ts,open,high,low,close,volume\n" + "".join(lines))
        paths.append(str(path))
    statuses = pool.starmap(correct, [(config, path) for path in paths], chunksize=1)
    assert statuses == ["committed"] * WRITERS
    stored = read(config, BTC)
    assert len(stored) == 600
    assert len({row["open"] for row in stored}) == 1
    with Manifest.open(config) as manifest:
        assert sum(entry.rows_corrected for entry in manifest.history()) == (WRITERS - 1) * 600
        assert sum(entry.rows_new for entry in manifest.history()) == 600
    assert verify(config).orphans == []


DAYS = (0, 1, 20, 31, 32, 50)
SEALERS = 2


def write_or_seal(config: Config, number: int) -> int:
    """Write this process's minutes of days of two months, in several commits; or seal until the others have done."""
    if number >= SEALERS:
        for turn in range(COMMITS):
            minutes = [number + WRITERS * (turn + COMMITS * i) for i in range(4)]
            write(config, BTC, bars(*(bar(day * 1440 + m, 1.0 + number) for m in minutes for day in DAYS)))
        return 0
    done, made, begun = False, 0, time.monotonic()
    while not done and time.monotonic() - begun < 120:
        with Manifest.open(config) as manifest:
            done = [e.operation for e in manifest.history()].count("write") == (WRITERS - SEALERS) * COMMITS
        with suppress(LakeError):  # the others may be too many
            made += seal_all(config).status == "committed"
    return made


def test_months_that_are_sealed_while_others_write_them_lose_nothing(tmp_path: Path, pool: Pool) -> None:
    config = replace(make_lake(tmp_path), wait_s=60.0)
    made = pool.starmap(write_or_seal, [(config, n) for n in range(WRITERS)], chunksize=1)
    assert sum(made) > 1
    expected = {
        ((day * 1440 + number + WRITERS * turn) * MINUTE_US, 1.0 + number)
        for day in DAYS
        for number in range(SEALERS, WRITERS)
        for turn in range(4 * COMMITS)
    }
    stored = read(config, BTC)
    assert [(row["ts"], row["open"]) for row in stored] == sorted(expected)
    assert live(config, BTC) == ["1970-01", "1970-02"]
    report = verify(config)
    assert (report.ok, report.orphans) == (True, [])
