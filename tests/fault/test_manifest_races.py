"""Several processes at one manifest: nothing acknowledged is lost, and readers never fail."""

from __future__ import annotations

import multiprocessing
import sqlite3
import threading
import time
from typing import TYPE_CHECKING

import pytest

from lake.errors import LakeError
from lake.manifest import AlreadyIngested, Change, Conflict, Manifest, Writer, new_run
from tests.manifests import BTC, commit, ingest, live_ids, make_lake, new_file

if TYPE_CHECKING:
    from collections.abc import Iterator
    from multiprocessing.pool import Pool
    from pathlib import Path

    from lake.config import Config

SPAWN = multiprocessing.get_context("spawn")
PROCESSES = 4


@pytest.fixture(scope="module")
def pool() -> Iterator[Pool]:
    """Processes that outlive a test: starting them, and importing into them, takes longer than the races."""
    with SPAWN.Pool(PROCESSES) as processes:
        yield processes


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return make_lake(tmp_path)


def rewrite_often(config: Config, name: str, times: int) -> int:
    """Rewrite one partition again and again, merging with whoever came first; return the conflicts met."""
    conflicts = 0
    for turn in range(times):
        while True:
            current = live_ids(config)["2024-03-01"]
            file = new_file("2024-03-01", tag=f"{name}-{turn}-{conflicts}", replaces=current)
            run = new_run("write", "dl write")
            try:
                with Writer(config) as writer:
                    writer.commit(Change(run.id, "write", files=[file], run=run))
                break
            except Conflict:
                conflicts += 1
    return conflicts


def test_four_processes_of_fifty_commits_lose_none(config: Config, pool: Pool) -> None:
    commit(config, new_file("2024-03-01"))
    tasks = [pool.apply_async(rewrite_often, (config, f"p{number}", 50)) for number in range(PROCESSES)]
    reads = 0
    with Manifest.open(config) as manifest:
        while not all(task.ready() for task in tasks):
            assert len(manifest.plan(1, None, None, manifest.snapshot())) == 1
            reads += 1
    conflicts = sum(task.get() for task in tasks)
    with Manifest.open(config) as manifest:
        files = list(manifest.all_files())
        assert manifest.snapshot() == 1 + PROCESSES * 50
        assert manifest.check_chain() == []
    # Each version replaced the one before it: a lost update would leave a fork in this line.
    assert [file.replaces for file in files] == [None, *(file.id for file in files[:-1])]
    assert [file.to_snapshot for file in files] == [*(file.from_snapshot for file in files[1:]), None]
    turns = sorted(file.path.rpartition("/")[2].rsplit("-", 1)[0] for file in files[1:])
    assert turns == sorted(f"p{number}-{turn}" for number in range(PROCESSES) for turn in range(50))
    assert reads > 0
    assert conflicts > 0


def try_ingest(config: Config, label: str) -> str:
    try:
        ingest(config, "same key", new_file(label, tag=label))
    except AlreadyIngested:
        return "already"
    return "committed"


def test_of_writers_with_the_same_key_one_commits(config: Config, pool: Pool) -> None:
    labels = [f"2024-03-0{day}" for day in range(1, PROCESSES + 1)]
    outcomes = pool.starmap(try_ingest, [(config, label) for label in labels], chunksize=1)
    assert sorted(outcomes) == ["already"] * (PROCESSES - 1) + ["committed"]
    assert len(live_ids(config, BTC)) == 1


def test_lakes_made_at_the_same_time_are_one(tmp_path: Path, pool: Pool) -> None:
    config = make_lake(tmp_path / "pattern")
    config.manifest.unlink()
    assert sum(pool.map(Manifest.create, [config] * PROCESSES, chunksize=1)) >= 1
    assert commit(config, new_file("2024-03-01")) == 1


def test_a_writer_that_waits_too_long_says_locked(config: Config) -> None:
    holder = sqlite3.connect(config.manifest, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    started = time.monotonic()
    with Writer(config, wait_s=0.2) as writer, pytest.raises(LakeError) as caught:
        writer.start_run("write", "")
    assert caught.value.code == "E_LOCKED"
    assert 0.1 < time.monotonic() - started < 3
    holder.close()


def held_by_a_reader(config: Config, seconds: float) -> threading.Timer:
    """Keep a read transaction open for a while, which no COMMIT can pass."""
    reader = sqlite3.connect(config.manifest, isolation_level=None, check_same_thread=False)
    reader.execute("BEGIN")
    reader.execute("SELECT * FROM snapshots").fetchall()
    timer = threading.Timer(seconds, reader.close)
    timer.start()
    return timer


def test_a_commit_waits_for_readers_and_is_tried_again(config: Config) -> None:
    run = new_run("write", "dl write")
    with Writer(config, wait_s=5) as writer:
        with writer._link.held() as connection:
            connection.execute("PRAGMA busy_timeout = 50")
        timer = held_by_a_reader(config, 0.8)
        assert writer.commit(Change(run.id, "write", files=[new_file("2024-03-01")], run=run)) == 1
        timer.join()
    with Manifest.open(config) as manifest:
        assert (manifest.snapshot(), manifest.check_chain()) == (1, [])


def test_a_commit_that_readers_held_up_too_long_says_locked(config: Config) -> None:
    run = new_run("write", "dl write")
    change = Change(run.id, "write", files=[new_file("2024-03-01")], run=run)
    with Writer(config, wait_s=0.2) as writer:
        timer = held_by_a_reader(config, 1.5)
        with pytest.raises(LakeError) as caught:
            writer.commit(change)
        timer.join()
        assert caught.value.code == "E_LOCKED"
        assert writer.commit(change) == 1
    with Manifest.open(config) as manifest:
        assert (manifest.snapshot(), manifest.check_chain()) == (1, [])


def test_a_writer_in_the_middle_of_its_work_waits_to_read(config: Config) -> None:
    """Not only for its turn to write: another one that commits on a slow disk shuts readers out meanwhile."""
    other = sqlite3.connect(config.manifest, isolation_level=None, check_same_thread=False)
    with Writer(config, wait_s=5) as writer:
        writer.start_run("write", "")
        other.execute("BEGIN EXCLUSIVE")
        timer = threading.Timer(0.5, other.close)
        timer.start()
        assert writer.newest() == 0
        timer.join()
