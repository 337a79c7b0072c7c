"""A COMMIT that reports an error may or may not have happened; the writer finds out which, and says so."""

from __future__ import annotations

import resource
import sqlite3
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from lake.errors import LakeError
from lake.manifest import Manifest, connection
from tests.manifests import commit, make_lake, new_file

if TYPE_CHECKING:
    from pathlib import Path

    from lake.config import Config


@pytest.fixture
def config(tmp_path: Path) -> Config:
    config = make_lake(tmp_path)
    commit(config, new_file("2024-03-01"))
    return config


def fail_commits(monkeypatch: pytest.MonkeyPatch, *, effective: bool) -> None:
    """Make the next COMMIT of a snapshot report an I/O error, after it took place or instead."""
    connect = sqlite3.connect

    class Failing(sqlite3.Connection):
        armed = True

        def execute(self, sql: str, *rest: Any) -> sqlite3.Cursor:  # noqa: ANN401 -- as sqlite3 has it
            snapshot = self.in_transaction and super().execute("SELECT max(id) FROM snapshots").fetchone()[0] == 2
            if sql == "COMMIT" and snapshot and Failing.armed:
                Failing.armed = False
                super().execute("COMMIT" if effective else "ROLLBACK")
                error = sqlite3.OperationalError("disk I/O error")
                error.sqlite_errorcode = sqlite3.SQLITE_IOERR
                raise error
            return super().execute(sql, *rest)

    monkeypatch.setattr(sqlite3, "connect", lambda *args, **kwargs: connect(*args, factory=Failing, **kwargs))


def test_a_commit_that_took_place_is_acknowledged(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    fail_commits(monkeypatch, effective=True)
    assert commit(config, new_file("2024-03-02")) == 2
    with Manifest.open(config) as manifest:
        assert manifest.snapshot() == 2
        assert manifest.check_chain() == []


def test_a_commit_that_did_not_take_place_is_reported(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    fail_commits(monkeypatch, effective=False)
    with pytest.raises(LakeError) as caught:
        commit(config, new_file("2024-03-02"))
    assert caught.value.code == "E_STORAGE"
    with Manifest.open(config) as manifest:
        assert manifest.snapshot() == 1
        assert manifest.chain_report().interrupted == []
    assert b'{"aborted":2,"hash":"' in config.log.read_bytes().splitlines()[-1]
    assert commit(config, new_file("2024-03-02")) == 2
    with Manifest.open(config) as manifest:
        assert manifest.check_chain() == []


def test_an_outcome_that_cannot_be_found_out_is_called_unknown(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    fail_commits(monkeypatch, effective=True)
    open_writer = connection.open_writer
    opened: list[sqlite3.Connection] = []

    def fail_second(path: Path, wait_s: float) -> sqlite3.Connection:
        if opened:
            raise sqlite3.OperationalError("unable to open database file")
        opened.append(open_writer(path, wait_s))
        return opened[0]

    monkeypatch.setattr(connection, "open_writer", fail_second)
    with pytest.raises(LakeError, match="outcome is unknown") as caught:
        commit(config, new_file("2024-03-02"))
    assert caught.value.code == "E_STORAGE"


# The database cannot grow in COMMIT: everything before it, the log included, was written.
LIMITED = """
import os, resource, signal, sys
from pathlib import Path
from lake.errors import LakeError
from tests.manifests import Change, Config, Manifest, Writer, new_file
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
root = Path(sys.argv[1])
config = Config(root, root / "data", root / "manifest.db")
files = [new_file(f"2023-{month:02}-{day:02}") for month in (1, 2, 3, 4) for day in range(1, 29)]
with Writer(config) as writer:
    run = writer.start_run("write", "dl write")
    size = os.stat(config.manifest).st_size
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
    try:
        writer.commit(Change(run, "write", files=files))
    except LakeError as error:
        print(error.code)
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    print(writer.commit(Change(run, "write", files=files[:1])))
with Manifest.open(config) as manifest:
    print(manifest.snapshot(), manifest.count_files(), manifest.check_chain(), manifest.check_integrity())
"""


def test_a_database_that_cannot_grow_keeps_its_last_snapshot(config: Config) -> None:
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[1] == resource.RLIM_INFINITY
    command = [sys.executable, "-c", LIMITED, str(config.root)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stdout.splitlines() == ["E_STORAGE", "2", "2 2 [] []"], done.stderr


def test_a_full_disk_changes_nothing(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    open_writer = connection.open_writer

    def open_full(path: Path, wait_s: float) -> sqlite3.Connection:
        writer = open_writer(path, wait_s)
        pages = writer.execute("PRAGMA page_count").fetchone()[0]
        writer.execute(f"PRAGMA max_page_count = {pages}")
        return writer

    with monkeypatch.context() as patch:
        patch.setattr(connection, "open_writer", open_full)
        with pytest.raises(LakeError) as caught:
            commit(config, *(new_file(f"2023-{month:02}-{day:02}") for month in (1, 2, 3) for day in range(1, 29)))
    assert caught.value.code == "E_DISK_FULL"
    assert commit(config, new_file("2024-03-02")) == 2
    with Manifest.open(config) as manifest:
        assert (manifest.count_files(), manifest.check_chain()) == (2, [])
