"""Backups: whole while others write, incremental, and a lake again afterwards."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, BinaryIO

import pytest

from lake.backup import backup, restore_backup
from lake.check import verify
from lake.config import Config, locate
from lake.errors import LakeError
from lake.expire import ExpireRequest, expire
from lake.manifest import Manifest
from lake.places import Places
from lake.vacuum import VacuumRequest, vacuum
from tests.manifests import make_lake
from tests.rotten import flip
from tests.tiers import content, hot_files, live, move, move_away, old_lake, take_in

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from lake.manifest import FileRow

WRITER = """
import sys
from pathlib import Path
from lake.config import locate
from tests.tiers import move_away, take_in
config = locate(sys.argv[1])
for close in range(1, 700):
    take_in(config, range(close % 5, close % 5 + 20), 200.0 + close)
    if close % 3 == 0:
        move_away(config, Path(sys.argv[1]).with_name("cold"), older_than_ns=0)
"""


@pytest.fixture
def lake(tmp_path: Path) -> Config:
    """Return a lake of six days: two of them in a tier, one corrected twice."""
    old_lake(tmp_path / "lake")
    config = locate(tmp_path / "lake")
    move_away(config, tmp_path / "cold", older_than_ns=0)
    take_in(config, range(2, 8), 200.0)
    take_in(config, range(5, 6), 300.0)
    return config


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return tmp_path / "copy"


def restored(copy: Path, root: Path) -> Config:
    """Make a lake of a backup, and make sure that all of it is whole."""
    report = restore_backup(locate(root, must_exist=False), copy)
    assert report.ok
    config = locate(root)
    assert verify(config).ok
    return config


def same(one: Config, other: Config, snapshots: range) -> None:
    """Compare what two lakes hold as of some snapshots."""
    for snapshot in snapshots:
        assert content(one, snapshot).equals(content(other, snapshot))


def test_a_backup_is_a_lake_with_all_its_snapshots(lake: Config, copy: Path, tmp_path: Path) -> None:
    report = backup(lake, copy)
    with Manifest.open(lake) as manifest:
        every = list(manifest.all_files())
    assert (report.files.files, report.files.bytes) == (len(every), sum(file.bytes for file in every))
    assert (report.snapshot, report.tiers) == (4, ["cold"])
    itself = locate(copy)
    found = verify(itself)
    assert (found.ok, found.orphans, found.files_ok) == (True, [], len(every))
    same(lake, itself, range(1, 5))
    assert hot_files(itself) == hot_files(lake)
    new = restored(copy, tmp_path / "new")
    same(lake, new, range(1, 5))
    assert hot_files(new) == hot_files(lake)


def test_the_restored_lake_goes_on(lake: Config, copy: Path, tmp_path: Path) -> None:
    backup(lake, copy)
    new = restored(copy, tmp_path / "new")
    take_in(new, range(3), 500.0)
    take_in(lake, range(3), 500.0)
    assert content(new).equals(content(lake))
    move_away(new, "cold", older_than_ns=0)
    assert verify(new).ok
    assert (tmp_path / "new" / "tiers" / "cold").is_dir()


def test_a_second_backup_copies_only_what_is_new(lake: Config, copy: Path) -> None:
    first = backup(lake, copy)
    take_in(lake, range(8, 11), 100.0)
    take_in(lake, range(6, 7), 400.0)
    second = backup(lake, copy)
    assert (second.files.copied_files, second.files.files) == (4, first.files.files + 4)
    third = backup(lake, copy)
    assert (third.files.copied_files, third.removed) == (0, 0)
    assert verify(locate(copy)).ok
    assert hot_files(locate(copy)) == hot_files(lake)


def test_what_moved_since_is_moved_and_not_copied_again(lake: Config, copy: Path) -> None:
    backup(lake, copy)
    move_away(lake, "cold", older_than_ns=0)
    report = backup(lake, copy)
    assert (report.files.copied_files, report.removed) == (0, 0)
    assert hot_files(locate(copy)) == set()
    assert verify(locate(copy)).ok


def test_a_backup_taken_while_others_write_is_the_lake_as_of_its_snapshot(lake: Config, copy: Path) -> None:
    words = [sys.executable, "-c", WRITER, str(lake.root)]
    reports = [backup(lake, copy)]
    with subprocess.Popen(words) as writer:
        while reports[-1].snapshot < 30 and writer.poll() is None:
            reports.append(backup(lake, copy))
        writer.kill()
    assert [report.files.left_out for report in reports] == [[]] * len(reports)
    last = reports[-1].snapshot
    assert last >= 30
    new = restored(copy, copy.with_name("new"))
    assert content(new).equals(content(lake, last))
    same(lake, new, range(1, last, 3))


def test_a_rotten_file_is_left_out_and_what_was_copied_before_stays(lake: Config, copy: Path) -> None:
    backup(lake, copy)
    take_in(lake, range(20, 22), 100.0)
    old, new = live(lake)["2022-01-08"].path, live(lake)["2022-01-21"].path
    flip(lake.data / old)
    flip(lake.data / new)
    report = backup(lake, copy)
    [left] = report.files.lost
    assert (left.path, left.found.startswith("sha256:")) == (new, True)
    assert json.loads((copy / "backup.json").read_text())["lost"] == [new]
    found = verify(locate(copy))
    assert (found.missing, found.damaged) == ([new], [])


def test_a_copy_of_another_tier_is_taken_when_the_first_is_rotten(lake: Config, copy: Path) -> None:
    move(lake, "cold", older_than_ns=0)
    path = live(lake)["2022-01-08"].path
    flip(lake.data / path)
    report = backup(lake, copy)
    assert [(left.path, left.tier, left.replaced) for left in report.files.left_out] == [(path, "hot", True)]
    assert report.files.lost == []
    assert verify(locate(copy)).ok


def test_what_rotted_in_the_backup_is_copied_anew_when_asked_for(lake: Config, copy: Path) -> None:
    backup(lake, copy)
    victim = copy / "data" / live(lake)["2022-01-08"].path
    victim.chmod(0o644)
    flip(victim)
    assert backup(lake, copy).files.copied_files == 0
    assert backup(lake, copy, rehash=True).files.copied_files == 1
    assert verify(locate(copy)).ok


def test_tiers_may_stay_where_they_are(lake: Config, copy: Path, tmp_path: Path) -> None:
    report = backup(lake, copy, with_tiers=False)
    assert (report.tiers, report.files.elsewhere) == ([], {"cold": 6})
    assert not (copy / "tiers").exists()
    new = restored(copy, tmp_path / "new")
    assert new.tiers["cold"].path == tmp_path / "cold"
    assert content(new).equals(content(lake))
    assert backup(lake, copy).files.copied_files == 6


def test_settings_come_along_but_not_the_places(tmp_path: Path, copy: Path) -> None:
    root = tmp_path / "lake"
    root.mkdir()
    (root / "dl.toml").write_text(
        '[lake]\ndata_root = "bytes"\nmemory_mb = 64\n[assets]\nmodules = ["mine"]\n'
        '[assets.freshness]\n"bars/1m" = "2h"\n[inbox]\nfolder = "in \\"box\\""\n'
    )
    (root / "mine.py").write_text("SPEC = None\n")
    config = locate(root, must_exist=False)
    Manifest.create(config)
    take_in(config, range(2), 1.0)
    backup(config, copy)
    itself = locate(copy)
    assert (itself.data, itself.memory_mb, itself.modules) == (copy / "data", 64, ("mine",))
    assert itself.freshness == config.freshness
    assert 'folder = "in \\"box\\""' in (copy / "dl.toml").read_text()
    assert (restored(copy, tmp_path / "new").root / "mine.py").read_text() == "SPEC = None\n"


def test_an_empty_lake_has_a_backup_too(tmp_path: Path, copy: Path) -> None:
    report = backup(make_lake(tmp_path / "lake"), copy)
    assert (report.snapshot, report.files.files) == (0, 0)
    take_in(restored(copy, tmp_path / "new"), range(1), 1.0)


def refusal(config: Config, folder: Path) -> str:
    with pytest.raises(LakeError) as caught:
        backup(config, folder)
    assert caught.value.code == "E_BACKUP"
    return caught.value.message


def test_a_backup_goes_only_where_it_belongs(lake: Config, copy: Path, tmp_path: Path) -> None:
    assert "in each other" in refusal(lake, lake.data / "copy")
    assert "in each other" in refusal(lake, tmp_path)
    assert "in each other" in refusal(lake, tmp_path / "cold" / "copy")
    other = old_lake(tmp_path / "other")
    backup(other, copy)
    assert "another lake" in refusal(lake, copy)
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "1.jpg").touch()
    assert "1.jpg" in refusal(lake, tmp_path / "photos")


def test_a_backup_that_knows_more_than_the_lake_is_not_overwritten(lake: Config, copy: Path, tmp_path: Path) -> None:
    older = tmp_path / "older"
    backup(lake, older)
    take_in(lake, range(2), 700.0)
    backup(lake, copy)
    again = restored(older, tmp_path / "again")
    assert "does not have" in refusal(again, copy)
    take_in(locate(older), range(2), 800.0)
    assert "does not have" in refusal(lake, older)


def test_a_lost_manifest_comes_back_and_files_that_are_there_are_used(lake: Config, copy: Path) -> None:
    backup(lake, copy)
    before = content(lake)
    take_in(lake, range(3), 900.0)
    (lake.root / "dl.toml").write_text(f'[tiers.cold]\npath = "{lake.root.parent}/cold"\n')
    lake.manifest.unlink()
    flip(lake.data / next(iter(hot_files(lake))))
    report = restore_backup(locate(lake.root, must_exist=False), copy, force=True)
    assert (report.ok, report.tiers) == (True, {"cold": str(lake.root.parent / "cold")})
    assert report.files.copied_files <= 1
    assert [path.rpartition("/")[2][:21] for path in report.set_aside] == ["commits.jsonl.before-"]
    assert verify(lake).ok
    assert content(lake).equals(before)


def test_an_unfinished_backup_is_none(lake: Config, copy: Path, tmp_path: Path) -> None:
    backup(lake, copy)
    (copy / "backup.json").rename(copy / "backup.unfinished.json")
    with pytest.raises(LakeError, match="never finished"):
        restore_backup(locate(tmp_path / "new", must_exist=False), copy)
    assert backup(lake, copy).files.copied_files == 0
    restored(copy, tmp_path / "new")


def test_a_lake_that_may_only_be_read_can_be_backed_up(lake: Config, copy: Path) -> None:
    for path in (lake.manifest, *lake.data.rglob("*.parquet")):
        path.chmod(0o444)
    assert backup(lake, copy).files.lost == []
    assert verify(locate(copy)).ok


def test_a_file_that_goes_to_a_new_tier_meanwhile_is_found_there(lake: Config, copy: Path, tmp_path: Path) -> None:
    def offload_once(at: object) -> None:
        if not moved:
            moved.append(at)
            move_away(lake, tmp_path / "deep", older_than_ns=0)

    moved: list[object] = []
    backup(lake, copy)
    take_in(lake, range(30, 60), 100.0)
    places = Places.copies

    def copies(self: Places, file: FileRow) -> Iterator[tuple[str, BinaryIO]]:
        offload_once(file)
        return places(self, file)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Places, "copies", copies)
        report = backup(lake, copy)
    assert moved
    assert (report.files.left_out, report.files.copied_files) == ([], 30)
    assert verify(locate(copy)).ok
    assert backup(lake, copy).files.copied_files == 0


def test_a_file_that_a_vacuum_gives_back_meanwhile_is_not_missed(lake: Config, copy: Path) -> None:
    def gone(self: Places, file: FileRow) -> Iterator[tuple[str, BinaryIO]]:
        if not given_back:
            given_back.append(file.id)
            with pytest.MonkeyPatch.context() as inner:  # as if it had begun before the backup
                inner.setattr("lake.leases.held", lambda _: [])
                expire(lake, ExpireRequest(keep_last=1, force=True))
                vacuum(lake, VacuumRequest(grace_s=0, force=True))
        return places(self, file)

    given_back: list[int] = []
    places = Places.copies
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Places, "copies", gone)
        report = backup(replace(lake, threads=1), copy)
    with Manifest.open(lake) as manifest:
        kept = manifest.count_files()
    assert (report.files.left_out, report.files.files) == ([], kept)
    found = verify(locate(copy))
    assert (found.ok, found.orphans) == (True, [])
