"""The commit log made anew from a manifest that proves itself."""

from __future__ import annotations

import shutil
import sqlite3
from typing import TYPE_CHECKING

import pytest

from lake.check import verify
from lake.errors import LakeError
from lake.manifest import Manifest
from lake.repair import RepairRequest, repair
from tests.repairing import bare, dump, lake_of_many_verbs, reads, source, take

if TYPE_CHECKING:
    from pathlib import Path

    from lake.config import Config

FROM_MANIFEST = RepairRequest("manifest")


@pytest.fixture
def small(tmp_path: Path) -> Config:
    """Return a lake of three snapshots, the second of which put records into quarantine."""
    config = bare(tmp_path)
    Manifest.create(config)
    for name, days, bad in (("a", range(2), 0), ("b", range(2, 4), 2), ("c", range(4, 5), 0)):
        take(config, source(tmp_path / f"{name}.csv", days, 1.0, bad=bad))
    return config


def test_a_lost_log_is_the_same_again(tmp_path: Path) -> None:
    config = lake_of_many_verbs(tmp_path)
    before = config.log.read_bytes()
    shutil.rmtree(config.log.parent)
    report = repair(config, FROM_MANIFEST)
    assert (report.status, report.ok) == ("repaired", True)
    assert config.log.read_bytes() == before
    assert verify(config).ok
    take(config, source(tmp_path / "next.csv", range(50, 51), 9.0))
    assert verify(config).ok


def test_from_the_new_log_the_manifest_can_be_made_again(small: Config) -> None:
    small.log.unlink()
    repair(small, FROM_MANIFEST)
    before, held = dump(small), reads(small)
    small.manifest.unlink()
    repair(small, RepairRequest("log"))
    assert (dump(small), reads(small)) == (before, held)


@pytest.mark.parametrize("more", [1, 2])
def test_a_manifest_that_is_older_than_its_log_makes_none(small: Config, tmp_path: Path, more: int) -> None:
    older = small.manifest.read_bytes()
    for number in range(more):
        take(small, source(tmp_path / f"more{number}.csv", range(9 + number, 10 + number), 4.0))
    held, whole = reads(small), small.log.read_bytes()
    small.manifest.write_bytes(older)
    with pytest.raises(LakeError) as caught:
        repair(small, FROM_MANIFEST)
    assert caught.value.code == "E_UNREPAIRABLE"
    assert caught.value.message == f"the manifest ends at snapshot 3, and the commit log at {3 + more}"
    assert small.log.read_bytes() == whole
    repair(small, RepairRequest("log"))
    assert reads(small) == held


def test_the_manifest_of_another_lake_makes_no_log_in_the_place_of_this_ones(small: Config, tmp_path: Path) -> None:
    other = bare(tmp_path / "other")
    Manifest.create(other)
    whole = small.log.read_bytes()
    shutil.copyfile(other.manifest, small.manifest)
    with pytest.raises(LakeError) as caught:
        repair(small, FROM_MANIFEST)
    assert caught.value.message == "the commit log is of another lake, and goes to its snapshot 3"
    assert small.log.read_bytes() == whole


@pytest.mark.parametrize("damage", ["flipped", "cut", "torn by a killed writer"])
def test_a_damaged_log_is_kept_beside_the_new_one(small: Config, damage: str, tmp_path: Path) -> None:
    whole = small.log.read_bytes()
    if damage == "torn by a killed writer":
        small.log.write_bytes(whole + b'{"document":{"tor')
        take(small, source(tmp_path / "d.csv", range(9, 10), 1.0))
        whole = small.log.read_bytes()
    at = len(whole) // 2
    spoilt = whole[:at] if damage == "cut" else whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :]
    small.log.write_bytes(spoilt)
    assert not verify(small).ok
    report = repair(small, FROM_MANIFEST)
    [kept] = [step.what for step in report.steps if step.action == "kept"]
    assert (small.data / kept).read_bytes() == spoilt
    assert len(small.log.read_bytes()) == len(whole)
    assert verify(small).ok


def test_a_lake_of_before_the_log_kept_records_in_quarantine(small: Config) -> None:
    # Its log has no such lines; the next commits follow where the manifest says.
    connection = sqlite3.connect(small.manifest)
    lines = small.log.read_bytes().splitlines(keepends=True)
    missing = sum(len(line) for line in lines if line.startswith(b'{"quarantine"'))
    connection.execute("UPDATE snapshots SET log_end = log_end - ? WHERE id > 1", (missing,))
    connection.commit()
    connection.close()
    without = b"".join(line for line in lines if not line.startswith(b'{"quarantine"'))
    small.log.write_bytes(without[:200])
    repair(small, FROM_MANIFEST)
    assert small.log.read_bytes() == without
    assert verify(small).ok


def test_a_plan_changes_nothing(small: Config) -> None:
    small.log.write_bytes(small.log.read_bytes()[:500])
    before = sorted(small.data.rglob("*")), small.log.read_bytes()
    report = repair(small, RepairRequest("manifest", plan=True))
    assert (report.status, report.snapshots) == ("plan", 3)
    assert (sorted(small.data.rglob("*")), small.log.read_bytes()) == before


def test_a_whole_lake_is_left_as_it_is(small: Config) -> None:
    assert repair(small, FROM_MANIFEST).status == "unchanged"


@pytest.mark.parametrize("sql", ["UPDATE files SET rows = 7 WHERE id = 1", "DELETE FROM quarantine WHERE id = 1"])
def test_a_manifest_that_was_changed_proves_nothing(small: Config, sql: str) -> None:
    connection = sqlite3.connect(small.manifest)
    connection.execute(sql)
    connection.commit()
    connection.close()
    before = small.log.read_bytes()
    with pytest.raises(LakeError) as caught:
        repair(small, FROM_MANIFEST)
    assert caught.value.code == "E_UNREPAIRABLE"
    assert small.log.read_bytes() == before
    assert repair(small, RepairRequest("log")).status == "repaired"
    assert verify(small).ok


def test_a_log_that_is_shorter_than_the_manifest_makes_no_manifest(small: Config) -> None:
    lines = small.log.read_bytes().splitlines(keepends=True)
    small.log.write_bytes(b"".join(lines[:-1]))
    with pytest.raises(LakeError) as caught:
        repair(small, RepairRequest("log"))
    assert caught.value.code == "E_UNREPAIRABLE"
    assert "ends at snapshot 2, and the manifest at 3" in caught.value.message
    assert repair(small, FROM_MANIFEST).snapshots == 3
    assert verify(small).ok
