"""A file that one place has whole is put back where another has it not."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from lake.check import verify
from lake.errors import LakeError
from lake.manifest import Manifest
from lake.offload import RestoreRequest, restore
from lake.repair import RepairRequest, repair
from tests.manifests import make_lake
from tests.repairing import source, take
from tests.rotten import flip
from tests.tiers import content, live, move, move_away, old_lake, take_in

if TYPE_CHECKING:
    from pathlib import Path

    from lake.config import Config

COLD = RepairRequest("cold")


@pytest.fixture
def lake(tmp_path: Path) -> Config:
    """Return a lake whose days lie in a tier and in the data root still."""
    config = old_lake(tmp_path / "lake", days=4)
    move(config, tmp_path / "cold", older_than_ns=0)
    return config


def spoil(path: Path) -> None:
    path.chmod(0o644)
    flip(path)


def in_tier(config: Config, label: str) -> Path:
    return config.root.parent / "cold" / live(config)[label].path


def test_a_damaged_copy_in_a_tier_comes_from_the_data_root(lake: Config) -> None:
    before = content(lake)
    path = in_tier(lake, "2022-01-02")
    good = path.read_bytes()
    spoil(path)
    in_tier(lake, "2022-01-03").unlink()
    assert not verify(lake).ok
    report = repair(lake, COLD)
    assert (report.status, report.files, report.ok) == ("repaired", 2, True)
    assert path.read_bytes() == good
    assert verify(lake).ok
    assert content(lake).equals(before)
    spoilt = lake.data / "_quarantine" / "cold" / live(lake)["2022-01-02"].path
    assert spoilt.exists()
    assert spoilt.read_bytes() != good


def test_a_damaged_hot_copy_of_a_file_in_a_tier_is_set_aside(lake: Config) -> None:
    before = content(lake)
    file = live(lake)["2022-01-01"]
    spoil(lake.data / file.path)
    report = repair(lake, COLD)
    assert [(step.action, step.what) for step in report.steps] == [("set_aside", file.path)]
    assert not (lake.data / file.path).exists()
    assert content(lake).equals(before)


def test_a_damaged_copy_that_a_restore_left_in_its_tier_is_set_aside(lake: Config) -> None:
    restore(lake, RestoreRequest(("*/*/*/*/*",)))
    before = content(lake)
    path = in_tier(lake, "2022-01-02")
    spoil(path)
    spoilt = path.read_bytes()
    plan = repair(lake, RepairRequest("cold", plan=True))
    shown = f"cold:{live(lake)['2022-01-02'].path}"
    assert [(step.action, step.what) for step in plan.steps] == [("set_aside", shown)]
    assert path.read_bytes() == spoilt
    report = repair(lake, COLD)
    assert (report.status, report.ok, report.steps) == ("repaired", True, plan.steps)
    assert not path.exists()
    assert (lake.data / "_quarantine" / "cold" / live(lake)["2022-01-02"].path).read_bytes() == spoilt
    assert verify(lake).ok
    assert content(lake).equals(before)
    move(lake, older_than_ns=0)
    assert verify(lake, tier="cold").files_ok == 4


def test_a_plan_changes_nothing(lake: Config) -> None:
    path = in_tier(lake, "2022-01-02")
    spoil(path)
    spoilt = path.read_bytes()
    report = repair(lake, RepairRequest("cold", plan=True))
    assert (report.status, [step.action for step in report.steps]) == ("plan", ["restored"])
    assert path.read_bytes() == spoilt


def test_a_replaced_file_goes_back_among_the_replaced(lake: Config, tmp_path: Path) -> None:
    old = live(lake)["2022-01-02"]
    take_in(lake, range(1, 2), 300.0)
    with Manifest.open(lake) as manifest:
        before = content(lake, as_of=1)
        assert old.path in manifest.replaced_by(1, manifest.snapshot())
    (tmp_path / "cold" / old.path).unlink()
    report = repair(lake, COLD)
    assert (report.files, report.ok) == (1, True)
    assert content(lake, as_of=1).equals(before)
    assert verify(lake).ok


def test_a_file_in_the_data_root_comes_from_a_tier_that_has_it_too(tmp_path: Path) -> None:
    config = old_lake(tmp_path / "lake", days=3)
    move_away(config, tmp_path / "cold", older_than_ns=0)
    before = content(config)
    copies = {path: path.read_bytes() for path in (tmp_path / "cold").rglob("*.parquet")}
    restore(config, RestoreRequest(("*/*/*/*/*",)))
    for path, data in copies.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    first, second, _ = (config.data / file.path for file in live(config).values())
    spoil(first)
    second.unlink()
    report = repair(config, COLD)
    assert (report.files, report.ok) == (2, True)
    assert {path.stat().st_mode & 0o777 for path in (first, second)} == {0o444}
    assert content(config).equals(before)
    assert verify(config).damaged == []


def test_what_no_place_has_whole_stays_broken_and_untouched(lake: Config) -> None:
    path = in_tier(lake, "2022-01-02")
    spoil(path)
    hot = lake.data / live(lake)["2022-01-02"].path
    spoil(hot)
    data = bytearray(hot.read_bytes())
    data[9] ^= 1
    hot.write_bytes(data)
    before = path.read_bytes(), hot.read_bytes()
    report = repair(lake, COLD)
    assert (report.status, report.ok) == ("unchanged", False)
    assert "no other place has it whole" in report.broken[0].why
    assert (path.read_bytes(), hot.read_bytes()) == before


def test_a_tier_that_is_not_there_is_no_reason_to_touch_its_files(lake: Config, tmp_path: Path) -> None:
    (tmp_path / "cold").rename(tmp_path / "away")
    report = repair(lake, COLD)
    assert (report.status, [each.what for each in report.broken]) == ("unchanged", ["tier cold"])


def test_only_the_series_that_are_named_are_looked_at(lake: Config, tmp_path: Path) -> None:
    take(lake, source(tmp_path / "eth.csv", range(2), 1.0), "ETHUSDT")
    spoil(in_tier(lake, "2022-01-02"))
    assert repair(lake, RepairRequest("cold", ("*/*/ETHUSDT/*/*",))).status == "unchanged"
    assert repair(lake, RepairRequest("cold", ("*/*/BTCUSDT/*/*",))).files == 1
    with pytest.raises(LakeError) as caught:
        repair(lake, RepairRequest("cold", ("*/*/NONE/*/*",)))
    assert caught.value.code == "E_UNKNOWN_SERIES"


def test_a_whole_lake_gets_no_run(tmp_path: Path) -> None:
    config = make_lake(tmp_path / "lake")
    report = repair(config, COLD)
    assert (report.status, report.run) == ("unchanged", None)
    shutil.rmtree(config.data / "_staging")
    assert repair(config, COLD).ok
