"""A backup in the place of the lake it is of: what is there is used, and nothing that is newer goes unasked."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lake.backup import backup, restore_backup
from lake.check import verify
from lake.config import Config, locate
from lake.errors import LakeError
from lake.repair import RepairRequest, repair
from tests.rotten import flip
from tests.tiers import content, move_away, old_lake, take_in

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return tmp_path / "copy"


def everything(config: Config) -> dict[str, bytes]:
    """Return every file in a lake's folder."""
    return {str(path): path.read_bytes() for path in config.root.rglob("*") if path.is_file()}


def test_a_log_that_goes_on_past_the_backup_is_not_set_aside_unasked(tmp_path: Path, copy: Path) -> None:
    lake = old_lake(tmp_path / "lake")
    backup(lake, copy)
    take_in(lake, range(6, 7), 100.0)
    before = content(lake)
    lake.manifest.unlink()
    there = everything(lake)
    with pytest.raises(LakeError) as caught:
        restore_backup(locate(lake.root, must_exist=False), copy)
    assert (caught.value.code, caught.value.where) == ("E_BACKUP", str(lake.log))
    assert "goes on to snapshot 2, and the backup ends at 1" in caught.value.message
    assert everything(lake) == there
    assert repair(lake, RepairRequest("log")).ok  # as the error says
    assert content(lake).equals(before)
    lake.manifest.unlink()
    report = restore_backup(locate(lake.root, must_exist=False), copy, force=True)
    assert (report.ok, report.snapshot) == (True, 1)


def test_a_log_that_cannot_be_replayed_or_is_of_another_lake_is_set_aside(tmp_path: Path, copy: Path) -> None:
    lake = old_lake(tmp_path / "lake")
    backup(lake, copy)
    take_in(lake, range(6, 7), 100.0)
    lake.manifest.unlink()
    log = lake.log.read_bytes()
    lake.log.write_bytes(log.replace(b'"snapshot":1', b'"snapshot":7', 1))
    report = restore_backup(locate(lake.root, must_exist=False), copy)
    assert (report.ok, report.snapshot, len(report.set_aside)) == (True, 1, 1)
    other = old_lake(tmp_path / "other")
    take_in(other, range(6, 7), 100.0)
    lake.manifest.unlink()
    lake.log.write_bytes(other.log.read_bytes())
    assert restore_backup(locate(lake.root, must_exist=False), copy).snapshot == 1


@pytest.mark.parametrize("settings", [None, "[lake]\nthreads = 2\n"])
@pytest.mark.parametrize("place", ["lake/cold", "cold"])
def test_a_tier_that_is_there_is_used_where_it_is(tmp_path: Path, copy: Path, place: str, settings: str | None) -> None:
    lake = old_lake(tmp_path / "lake")
    if settings is not None:
        (lake.root / "dl.toml").write_text(settings)
    move_away(lake, tmp_path / place, older_than_ns=0)
    take_in(lake, range(6, 7), 100.0)
    before = content(lake)
    backup(lake, copy)
    lake.manifest.unlink()
    report = restore_backup(locate(lake.root, must_exist=False), copy)
    assert (report.ok, report.tiers) == (True, {"cold": str(tmp_path / place)})
    assert report.files.copied_files == 0
    assert not (lake.root / "tiers").exists()
    again = locate(lake.root)
    assert content(again).equals(before)
    found = verify(again)
    assert (found.ok, found.orphans, found.tiers["cold"].files) == (True, [], 6)
    assert move_away(again, "cold", older_than_ns=0).files == 1
    assert len(list((tmp_path / place).rglob("*.parquet"))) == 7


def test_what_a_tier_that_is_there_lacks_is_copied_into_it(tmp_path: Path, copy: Path) -> None:
    lake = old_lake(tmp_path / "lake")
    move_away(lake, tmp_path / "cold", older_than_ns=0)
    backup(lake, copy)
    first, second, *_ = sorted((tmp_path / "cold").rglob("*.parquet"))
    first.unlink()
    flip(second)
    lake.manifest.unlink()
    report = restore_backup(locate(lake.root, must_exist=False), copy)
    assert (report.ok, report.files.copied_files) == (True, 2)
    assert verify(locate(lake.root)).ok


def test_a_lake_that_is_made_beside_another_takes_none_of_its_tiers(tmp_path: Path, copy: Path) -> None:
    lake = old_lake(tmp_path / "lake")
    move_away(lake, tmp_path / "cold", older_than_ns=0)
    backup(lake, copy)
    cold = {path: path.stat().st_ino for path in (tmp_path / "cold").rglob("*")}
    report = restore_backup(locate(tmp_path / "new", must_exist=False), copy)
    assert report.tiers == {"cold": str(tmp_path / "new" / "tiers" / "cold")}
    assert {path: path.stat().st_ino for path in (tmp_path / "cold").rglob("*")} == cold


def test_a_restore_that_is_refused_leaves_nothing_behind(tmp_path: Path, copy: Path) -> None:
    lake = old_lake(tmp_path / "lake")
    (lake.root / "dl.toml").write_text("[lake]\nthreads = 2\n")
    move_away(lake, lake.root / "cold", older_than_ns=0)
    backup(lake, copy)
    lake.manifest.unlink()
    (lake.root / "cold" / ".dl-tier.json").unlink()
    there = everything(lake)
    with pytest.raises(LakeError, match=r"dl\.toml does not say where tier cold is"):
        restore_backup(locate(lake.root, must_exist=False), copy)
    assert everything(lake) == there
    (copy / "data" / "_log" / "commits.jsonl").write_bytes(b"")
    with pytest.raises(LakeError, match="shorter than its manifest"):
        restore_backup(locate(tmp_path / "deep" / "new", must_exist=False), copy)
    assert not (tmp_path / "deep").exists()
