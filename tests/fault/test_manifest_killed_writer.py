"""A writer killed with half its transaction in the database file: a rollback journal is left behind."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from lake.manifest import Manifest, connection
from tests.manifests import commit, make_lake, new_file

if TYPE_CHECKING:
    from pathlib import Path

    from lake.config import Config

# With a cache of a few pages SQLite writes changed pages to the database long before COMMIT.
KILLED = """
import os, signal, sys
from pathlib import Path
from lake.manifest import connection, log
from tests.manifests import Config, commit, new_file
connection.CACHE_KIB = 20
log.CommitLog.append = lambda self, data: os.kill(os.getpid(), signal.SIGKILL)
root = Path(sys.argv[1])
files = [new_file(f"{year}-{month:02}-{day:02}") for year in range(2000, 2010) for month in (1, 2) for day in (1, 2, 3)]
commit(Config(root, root / "data", root / "manifest.db"), *files)
"""


@pytest.fixture
def config(tmp_path: Path) -> Config:
    config = make_lake(tmp_path)
    commit(config, *(new_file(f"2024-03-{day:02}") for day in range(1, 30)))
    before = config.manifest.read_bytes()
    done = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], check=False)
    assert done.returncode == -signal.SIGKILL
    # The damage is there: the file is changed, and only the journal knows how it was.
    assert config.manifest.read_bytes() != before
    assert (tmp_path / "manifest.db-journal").stat().st_size > 0
    return config


def test_a_reader_sees_the_state_before_the_killed_transaction(config: Config) -> None:
    with Manifest.open(config) as manifest:
        assert manifest.snapshot() == 1
        assert len(list(manifest.all_files())) == 29
        assert manifest.check_integrity() == []
        assert manifest.check_chain() == []


def test_an_open_reader_survives_the_kill(tmp_path: Path) -> None:
    config = make_lake(tmp_path)
    commit(config, *(new_file(f"2024-03-{day:02}") for day in range(1, 30)))
    with Manifest.open(config) as manifest:
        assert manifest.snapshot() == 1
        subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], check=False)
        assert (tmp_path / "manifest.db-journal").stat().st_size > 0
        assert (manifest.snapshot(), manifest.count_files()) == (1, 29)


def test_the_next_writer_goes_on(config: Config) -> None:
    assert commit(config, new_file("2024-04-01")) == 2
    with Manifest.open(config) as manifest:
        assert manifest.count_files() == 30
        assert manifest.check_integrity() == []
        assert manifest.check_chain() == []


def test_a_run_whose_process_was_killed_is_interrupted(config: Config) -> None:
    with Manifest.open(config) as manifest:
        assert [run.status for run in manifest.runs()] == ["interrupted", "ok"]
        assert [run.status for run in manifest.runs(status="interrupted")] == ["interrupted"]
        assert manifest.runs(status="running") == []
    connection = sqlite3.connect(config.manifest)
    # A reader tells it and writes nothing.
    assert connection.execute("SELECT count(*) FROM runs WHERE status = 'running'").fetchone() == (1,)
    connection.close()
    commit(config, new_file("2024-04-01"))
    with Manifest.open(config) as manifest:
        assert [run.status for run in manifest.runs()] == ["ok", "interrupted", "ok"]


def test_a_reader_that_may_not_write_is_told_why(config: Config) -> None:
    reader = connection.open_reader(config.manifest, 5)
    with pytest.raises(sqlite3.OperationalError) as caught:
        reader.execute("SELECT * FROM snapshots")
    reader.close()
    error = connection.explain(caught.value, config.manifest)
    assert error.code == "E_STORAGE"
    assert "rollback journal" in error.why
