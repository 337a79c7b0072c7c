"""Giving bytes back: what goes, what stays and why, and what becomes of a vacuum that is stopped."""

from __future__ import annotations

import os
import sqlite3
import time
from typing import TYPE_CHECKING

import pytest

from lake import layout
from lake import vacuum as vacuuming
from lake.check import verify
from lake.errors import LakeError
from lake.expire import ExpireRequest, expire
from lake.leases import Lease, since
from lake.manifest import Change, Manifest, Writer
from lake.offload import RestoreRequest, restore
from lake.read import Scan
from lake.snapshots import create
from lake.staging import Staging
from lake.vacuum import VacuumReport, VacuumRequest, vacuum
from tests.tiers import BTC, content, hot_files, live, move_away, old_lake, take_in

if TYPE_CHECKING:
    from pathlib import Path

    from lake.config import Config

NOW = VacuumRequest(grace_s=0, force=True)
LATER_NS = 2 * 3600 * 10**9


@pytest.fixture
def config(tmp_path: Path) -> Config:
    """Return a lake of six days, of which two were corrected: snapshot 1 has the old ones, snapshot 2 the new."""
    config = old_lake(tmp_path / "lake")
    take_in(config, range(2), 200.0)
    return config


def forget(config: Config) -> None:
    assert expire(config, ExpireRequest(keep_last=1, force=True)).status == "committed"


def on_disk(config: Config) -> set[str]:
    """Return every data file, replaced ones too."""
    return {path.relative_to(config.data).as_posix() for path in config.data.rglob("*.parquet")}


def known(config: Config) -> set[str]:
    """Return every path of a file that is to be there, wherever it is."""
    with Manifest.open(config) as manifest:
        return {file.path for file in manifest.all_files()}


def replaced(config: Config) -> set[str]:
    return {path for path in on_disk(config) if path.startswith(layout.REPLACED)}


def test_what_only_forgotten_snapshots_had_goes(config: Config) -> None:
    now = content(config)
    size = sum((config.data / path).stat().st_size for path in replaced(config))
    assert len(replaced(config)) == 2
    forget(config)
    report = vacuum(config, NOW)
    assert (report.status, report.reclaimed.files, report.reclaimed.bytes) == ("committed", 2, size)
    assert replaced(config) == set()
    assert on_disk(config) == known(config) == {file.path for file in live(config).values()}
    assert content(config).equals(now)
    checked = verify(config)
    assert (checked.ok, checked.files_ok, checked.orphans) == (True, 6, [])


def test_what_a_snapshot_needs_stays(config: Config) -> None:
    old = content(config, 1)
    report = vacuum(config, NOW)
    assert (report.status, report.needed.files, report.run) == ("unchanged", 2, None)
    assert content(config, 1).equals(old)


def test_what_a_named_snapshot_needs_stays(config: Config) -> None:
    old = content(config, 1)
    create(config, "clean", 1)
    forget(config)
    assert vacuum(config, NOW).needed.files == 2
    assert content(config, 1).equals(old)


def test_a_file_that_one_of_its_snapshots_keeps_stays(config: Config) -> None:
    take_in(config, range(2), 300.0)
    create(config, "clean", 2)
    forget(config)
    report = vacuum(config, NOW)
    assert (report.reclaimed.files, report.needed.files) == (2, 2)
    assert verify(config).ok


def test_the_grace_counts_from_being_forgotten(config: Config) -> None:
    forget(config)
    report = vacuum(config, VacuumRequest())
    assert (report.status, report.young.files) == ("unchanged", 2)
    assert vacuum(config, VacuumRequest(), now_ns=time.time_ns() + LATER_NS).reclaimed.files == 2


def test_a_grace_under_an_hour_must_be_forced(config: Config) -> None:
    with pytest.raises(LakeError) as caught:
        vacuum(config, VacuumRequest(grace_s=3599))
    assert caught.value.code == "E_GRACE"


def test_a_dry_run_tells_the_same_and_removes_nothing(config: Config) -> None:
    forget(config)
    before = on_disk(config)
    report = vacuum(config, VacuumRequest(0, force=True, dry_run=True))
    assert (report.status, report.reclaimed.files, report.snapshot) == ("dry_run", 2, 3)
    assert on_disk(config) == before


def test_what_a_reader_holds_stays_until_it_is_done(config: Config) -> None:
    with Manifest.open(config) as manifest:
        scan = Scan(config, manifest, [BTC], as_of=1)
    wanted = content(config, 1)
    forget(config)
    assert vacuum(config, NOW).leased.files == 2
    assert scan.to_arrow().equals(wanted)
    del scan
    assert vacuum(config, NOW).reclaimed.files == 2


def test_what_a_run_may_still_read_stays(config: Config) -> None:
    forget(config)
    with since(config, 1):
        assert vacuum(config, NOW).leased.files == 2
    with since(config, 2):
        assert vacuum(config, NOW).reclaimed.files == 2


def test_a_snapshot_forgotten_while_a_reader_took_its_lease_is_refused(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    def late(self: Lease, config: Config, snapshot: int) -> None:
        forget(config)
        assert vacuum(config, NOW).reclaimed.files == 2
        take(self, config, snapshot)

    take = Lease.__init__
    with Manifest.open(config) as manifest:
        monkeypatch.setattr(Lease, "__init__", late)
        with pytest.raises(LakeError) as caught:
            Scan(config, manifest, [BTC], as_of=1)
    assert caught.value.code == "E_SNAPSHOT_EXPIRED"


def orphan(config: Config, age_s: float = 0) -> Path:
    """Put a file where a killed writer would have left one."""
    path = config.data / str(BTC) / "2022/03/04" / layout.file_name("ab" * 32)
    path.parent.mkdir(parents=True)
    path.write_bytes(b"nobody's")
    past = time.time() - age_s
    os.utime(path, (past, past))
    return path


def test_a_file_nobody_knows_goes_with_its_folders(config: Config) -> None:
    path = orphan(config)
    assert vacuum(config, VacuumRequest()).young.files == 1
    report = vacuum(config, NOW)
    assert (report.status, report.orphans.files, report.orphans.bytes, report.snapshot) == ("unchanged", 1, 8, 2)
    assert not path.exists()
    assert not path.parent.parent.exists()
    assert verify(config).ok


def test_a_file_nobody_knows_stays_while_a_run_may_have_put_it_there(config: Config) -> None:
    path = orphan(config)
    staging = Staging(config.data, "somebody")
    report = vacuum(config, NOW)
    assert (report.busy.files, report.orphans.files) == (1, 0)
    assert path.exists()
    staging.close()
    assert vacuum(config, NOW).orphans.files == 1


def test_an_old_date_on_a_file_makes_it_no_older(config: Config) -> None:
    path = orphan(config, age_s=90 * 86_400)
    assert vacuum(config, VacuumRequest()).young.files == 1
    assert path.exists()


def test_what_a_user_put_there_stays(config: Config) -> None:
    mine = config.data / "BINANCE" / "notes.parquet"
    mine.write_bytes(b"mine")
    vacuum(config, NOW)
    assert mine.exists()


def test_what_dead_runs_staged_goes(config: Config) -> None:
    dead = config.data / layout.STAGING / "dead"
    dead.mkdir()
    (dead / "lock").touch()
    (dead / "000000.parquet.tmp").write_bytes(b"half")
    vacuum(config, VacuumRequest(dry_run=True))
    assert dead.exists()
    vacuum(config, VacuumRequest())
    assert not dead.exists()


def test_copies_in_tiers_go_too(config: Config, tmp_path: Path) -> None:
    cold = tmp_path / "cold"
    move_away(config, cold)
    restore(config, RestoreRequest((str(BTC),)))
    take_in(config, range(6), 300.0)
    forget(config)
    report = vacuum(config, NOW)
    assert report.reclaimed.files == 8
    assert {path.name for path in cold.rglob("*.parquet")} == set()
    assert on_disk(config) == hot_files(config)
    assert verify(config).ok


def test_what_lies_in_a_tier_that_is_away_goes_when_it_is_back(config: Config, tmp_path: Path) -> None:
    cold = tmp_path / "cold"
    move_away(config, cold)
    take_in(config, range(6), 300.0)
    forget(config)
    away = tmp_path / "away"
    cold.rename(away)
    report = vacuum(config, NOW)
    assert (report.reclaimed.files, report.unavailable) == (8, ["cold"])
    away.rename(cold)
    assert len(list(cold.rglob("*.parquet"))) == 6
    back = vacuum(config, NOW)
    assert (back.orphans.files, back.unavailable) == (6, [])
    assert list(cold.rglob("*.parquet")) == []


def test_stopped_after_its_commit_the_next_one_goes_on(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    forget(config)

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(vacuuming._Vacuum, "_unlink", stop)
        with pytest.raises(KeyboardInterrupt):
            vacuum(config, NOW)
    assert len(replaced(config)) == 2
    assert verify(config).ok
    report = vacuum(config, NOW)
    assert (report.reclaimed.files, report.orphans.files) == (0, 2)
    assert replaced(config) == set()


def test_many_files_go_in_several_commits(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vacuuming, "COMMIT_FILES", 1)
    forget(config)
    report = vacuum(config, NOW)
    assert (report.reclaimed.files, report.snapshot) == (2, 5)
    with Manifest.open(config) as manifest:
        assert manifest.check_chain() == []


@pytest.mark.parametrize(
    "harm",
    [
        "UPDATE files SET name = 'elsewhere.parquet' WHERE id = 8",
        "DELETE FROM files WHERE id = 8",
        "UPDATE files SET to_snapshot = 2, from_snapshot = 1 WHERE id = 6",
        "INSERT INTO expiries VALUES (2, 2, 3)",
    ],
)
def test_nothing_goes_by_a_manifest_that_was_changed(config: Config, harm: str) -> None:
    forget(config)
    connection = sqlite3.connect(config.manifest)
    with connection:
        connection.execute(harm)
    connection.close()
    before = on_disk(config)
    with pytest.raises(LakeError) as caught:
        vacuum(config, NOW)
    assert caught.value.code == "E_MANIFEST_DAMAGED"
    assert on_disk(config) == before


def test_files_of_a_commit_that_may_have_happened_stay(config: Config) -> None:
    forget(config)
    old = config.manifest.read_bytes()
    settled = on_disk(config)
    take_in(config, range(6, 8), 100.0)
    config.manifest.write_bytes(old)
    for path in on_disk(config) - settled:
        (config.data / path).chmod(0o644)  # as before its outcome was known
    report = vacuum(config, NOW)
    assert (report.busy.files, report.orphans.files, report.reclaimed.files) == (2, 0, 2)
    # That was a commit: it marked the other one as aborted.
    assert vacuum(config, NOW).orphans.files == 2


@pytest.mark.parametrize("days", [[6], [6, 7]], ids=["one snapshot", "two snapshots"])
def test_nothing_goes_by_a_manifest_that_is_older_than_the_log(config: Config, days: list[int]) -> None:
    forget(config)
    old = config.manifest.read_bytes()
    for day in days:
        take_in(config, range(day, day + 1), 100.0)
    config.manifest.write_bytes(old)
    before = on_disk(config)
    with pytest.raises(LakeError) as caught:
        vacuum(config, NOW)
    assert caught.value.code == "E_MANIFEST_DAMAGED"
    assert on_disk(config) == before


def test_the_manifest_refuses_to_give_back_what_is_needed(config: Config) -> None:
    forget(config)
    with Writer(config) as writer:
        run = writer.start_run("vacuum", "x")
        for span in ((1, 3), (7, 7), (2, 99)):
            with pytest.raises(LakeError):
                writer.commit(Change(run, "vacuum", reclaimed=[span]))


def test_a_file_given_back_while_it_was_about_to_be_verified_is_not_missing(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    forget(config)
    reports: list[VacuumReport] = []

    def progress(_done: int, _total: int, _bytes: int) -> None:
        if not reports:
            reports.append(vacuum(config, NOW))

    from lake import check

    monkeypatch.setattr(check, "_GROUP_BYTES", 1)
    monkeypatch.setattr(check, "_AHEAD", 0)
    monkeypatch.setattr(check, "_THREADS", 1)
    report = verify(config, progress=progress)
    assert report.missing == []
