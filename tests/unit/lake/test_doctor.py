"""What the doctor finds, what it only mentions, and what it says nothing of."""

from __future__ import annotations

import fcntl
import json
import os
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from lake import doctor, layout, leases
from lake.config import locate
from lake.manifest import Writer
from tests.manifests import make_lake
from tests.tiers import hot_files, move, old_lake, take_in

if TYPE_CHECKING:
    from pathlib import Path

    from lake.config import Config
    from lake.doctor import Check

QUIET = {
    "permissions",
    "disk",
    "file system",
    "file times",
    "manifest",
    "sqlite",
    "clock",
    "log",
    "runs",
    "staging",
    "leases",
    "foreign files",
}


@pytest.fixture
def lake(tmp_path: Path) -> Config:
    old_lake(tmp_path / "lake")
    return locate(tmp_path / "lake")


def checks(config: Config) -> dict[str, Check]:
    found = list(doctor.look(config))
    assert len({check.name for check in found}) == len(found)
    assert all(check.fix for check in found if check.level != "ok")
    return {check.name: check for check in found}


def one(config: Config, name: str) -> tuple[str, str]:
    check = checks(config)[name]
    return check.level, check.detail


def test_a_sound_lake_has_no_findings(lake: Config) -> None:
    found = checks(lake)
    assert set(found) == QUIET
    assert {check.name for check in found.values() if check.level == "finding"} == set()
    assert [path.name for path in (lake.data / layout.STAGING).glob(".probe-*")] == []


def test_wal_is_a_finding_where_sqlite_may_lose_commits_in_it(lake: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lake.manifest.health.may_lose_commits", lambda: True)
    assert one(lake, "sqlite")[0] == "note"
    with closing(sqlite3.connect(lake.manifest)) as database:
        assert database.execute("PRAGMA journal_mode = wal").fetchone() == ("wal",)
    assert one(lake, "sqlite")[0] == "finding"
    monkeypatch.setattr("lake.manifest.health.may_lose_commits", lambda: False)
    assert one(lake, "sqlite")[0] == "note"


@pytest.mark.parametrize(("free", "level"), [(10**12, "ok"), (500 * 10**6, "note"), (60 * 10**6, "finding")])
def test_free_space_is_enough_low_or_gone(lake: Config, free: int, level: str, monkeypatch: pytest.MonkeyPatch) -> None:
    found = SimpleNamespace(f_bavail=free // 4096, f_blocks=10**9, f_frsize=4096)
    monkeypatch.setattr("os.statvfs", lambda _: found)
    assert one(lake, "disk")[0] == level


@pytest.mark.parametrize(
    ("kind", "level"),
    [("nfs4", "finding"), ("fuse.sshfs", "finding"), ("vfat", "finding"), ("tmpfs", "note"), ("xfs", "ok")],
)
def test_a_file_system_of_another_machine_is_a_finding(
    lake: Config, kind: str, level: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text(f"disk / ext4 rw 0 0\nit {str(lake.root).replace(' ', chr(92) + '040')} {kind} rw 0 0\n")
    monkeypatch.setattr(doctor, "MOUNTS", mounts)
    told = one(lake, "file system")
    assert told[0] == level
    assert kind in told[1] or kind == "tmpfs"


def test_a_clock_that_went_back_is_a_finding(lake: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    year_ago = time.time() - 365 * 86_400
    monkeypatch.setattr(time, "time_ns", lambda: int(year_ago * 10**9))
    monkeypatch.setattr(time, "time", lambda: year_ago)
    found = checks(lake)
    assert (found["clock"].level, found["file times"].level) == ("finding", "finding")


def test_a_log_that_is_not_the_manifests_is_a_finding(lake: Config) -> None:
    older = lake.manifest.read_bytes()
    whole = lake.log.read_bytes()
    lake.log.write_bytes(whole + b'{"document":{"torn')
    assert one(lake, "log")[0] == "note"
    lake.log.write_bytes(whole[:-1])
    assert one(lake, "log") == ("finding", "1 bytes shorter than the manifest says")
    lake.log.write_bytes(whole)
    for close in (1.0, 2.0):
        take_in(lake, range(1), close)
    lake.manifest.write_bytes(older)
    assert one(lake, "log") == ("finding", "it tells of snapshot 3, and the manifest ends at 1")
    assert checks(lake)["log"].fix == "dl repair --from log"


def test_a_commit_under_way_is_no_finding(lake: Config) -> None:
    older = lake.manifest.read_bytes()
    take_in(lake, range(1), 1.0)
    lake.manifest.write_bytes(older)
    assert one(lake, "log")[0] == "note"


def test_runs_that_died_are_told_from_those_under_way(lake: Config) -> None:
    begin = "import sys; from lake.config import locate; from lake.manifest import Writer\n"
    begin += "Writer(locate(sys.argv[1])).start_run('ingest', 'died.csv')\nimport os; os._exit(9)"
    subprocess.run([sys.executable, "-c", begin, str(lake.root)], check=False)
    assert one(lake, "runs") == ("note", "1 whose process is gone: died.csv")
    with Writer(lake) as writer:
        run_id = writer.start_run("ingest", "alive.csv")
        level, detail = one(lake, "runs")
        writer.end_run(run_id, "ok")
    assert (level, detail[:16]) == ("ok", "1 under way on " + detail[15:16])
    assert one(lake, "runs")[1] == "none under way"


def test_what_dead_runs_staged_is_mentioned(lake: Config) -> None:
    folder = lake.data / layout.STAGING / "alive"
    folder.mkdir()
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert one(lake, "staging")[0] == "ok"
    (folder / "000001.parquet.tmp").write_bytes(bytes(5_000))
    assert one(lake, "staging") == ("note", "1 folders of dead runs, 5.0 kB")


def test_who_reads_is_told(lake: Config) -> None:
    with leases.Lease(lake, 1):
        assert one(lake, "leases") == ("ok", "snapshots in use: 1 to 1")
    with leases.since(lake, 1):
        assert one(lake, "leases") == ("ok", "snapshots in use: 1 on")
    assert one(lake, "leases")[1] == "nobody reads or writes now"


def test_strangers_in_the_data_folder_are_named(lake: Config) -> None:
    for known in ("README.md", "samples", "_quarantine"):
        (lake.data / known).mkdir()
    assert one(lake, "foreign files") == ("ok", "none")
    (lake.data / "notes.txt").touch()
    folder = (lake.data / min(hot_files(lake))).parent
    (folder / "x.csv").touch()
    level, detail = one(lake, "foreign files")
    assert (level, "notes.txt" in detail, "x.csv" in detail) == ("note", True, True)
    (folder / "mine.parquet").touch()
    level, detail = one(lake, "foreign files")
    assert (level, "mine.parquet" in detail) == ("finding", True)


def test_a_tier_that_holds_files_must_be_there(lake: Config, tmp_path: Path) -> None:
    move(lake, tmp_path / "cold", older_than_ns=0)
    level, detail = one(lake, "tier cold")
    assert (level, detail.startswith(f"6 files at {tmp_path}/cold, ")) == ("ok", True)
    (tmp_path / "cold").rename(tmp_path / "away")
    assert one(lake, "tier cold")[0] == "finding"
    (tmp_path / "cold").mkdir()
    (tmp_path / "cold" / ".dl-tier.json").write_text(json.dumps({"lake": "another", "tier": "cold"}))
    assert one(lake, "tier cold")[0] == "finding"


def test_a_tier_that_was_never_used_is_mentioned(tmp_path: Path) -> None:
    make_lake(tmp_path / "lake")
    (tmp_path / "lake" / "dl.toml").write_text('[tiers.attic]\npath = "../attic"\n')
    assert one(locate(tmp_path / "lake"), "tier attic")[0] == "note"


def test_a_manifest_that_cannot_be_read_does_not_hide_the_rest(lake: Config) -> None:
    lake.manifest.write_bytes(b"no database at all" * 1000)
    found = checks(lake)
    assert found["manifest"].level == "finding"
    assert {"disk", "staging", "foreign files"} < set(found)


def test_a_lake_that_may_only_be_read_is_looked_at_all_the_same(lake: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert one(lake, "permissions")[0] == "finding"
