from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from lake.check import verify
from lake.errors import LakeError
from lake.manifest import Manifest
from lake.offload import OffloadRequest, finish, offload
from tests.rotten import flip
from tests.tiers import content, hot_files, live, move, move_away, old_lake, take_in, tiers_of

if TYPE_CHECKING:
    from pathlib import Path

    from lake.config import Config
    from lake.offload import MoveReport

LATER_NS = 3_700 * 10**9


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return old_lake(tmp_path / "lake")


@pytest.fixture
def cold(tmp_path: Path) -> Path:
    return tmp_path / "cold"


def after_the_grace(config: Config) -> MoveReport:
    nothing_new = OffloadRequest(older_than_ns=100 * 365 * 86_400 * 10**9)
    return offload(config, nothing_new, now_ns=time.time_ns() + LATER_NS)


def test_a_copy_that_rots_in_the_grace_is_found_and_its_file_is_hot_again(config: Config, cold: Path) -> None:
    before, victim = content(config), live(config)["2022-01-04"]
    move(config, cold)
    flip(cold / victim.path)
    report = after_the_grace(config)
    [finding] = report.findings
    assert (finding.path, finding.tier, finding.done) == (victim.path, "cold", "the file is hot again")
    assert report.removed_files == 5
    assert hot_files(config) == {victim.path}
    assert tiers_of(config)["2022-01-04"] == "hot"
    assert content(config).equals(before)
    assert verify(config).ok
    assert move_away(config).files == 1  # and goes the next time
    assert verify(config).ok


def test_a_copy_that_is_gone_in_the_grace_makes_its_file_hot_again(config: Config, cold: Path) -> None:
    victim = live(config)["2022-01-04"]
    move(config, cold)
    (cold / victim.path).unlink()
    [finding] = after_the_grace(config).findings
    assert (finding.path, finding.found) == (victim.path, "missing")
    assert hot_files(config) == {victim.path}
    assert verify(config).ok


def test_a_replaced_file_does_not_keep_those_of_other_series_in_a_tier_that_rots(config: Config, cold: Path) -> None:
    """The two have their day in common; the one that is live no more has its hot copy among the replaced ones."""
    take_in(config, range(6), 100.0, "ETHUSDT")
    replaced = live(config)["2022-01-04"]
    move(config, cold)
    take_in(config, range(3, 4), 200.0)
    [other] = cold.glob("BINANCE/SPOT/ETHUSDT/bars/1m/2022/01/04/*.parquet")
    flip(cold / replaced.path)
    flip(other)
    done = {finding.path: finding.done for finding in after_the_grace(config).findings}
    path = other.relative_to(cold).as_posix()
    assert done == {replaced.path: "the replaced hot copy stays", path: "the file is hot again"}
    assert not other.exists()
    with Manifest.open(config) as manifest:
        assert {file.path: file.tier for file in manifest.all_files()}[path] == "hot"


def test_nothing_goes_while_the_tier_is_not_there(config: Config, cold: Path) -> None:
    hot = hot_files(config)
    move(config, cold)
    cold.rename(cold.parent / "unmounted")
    cold.mkdir()
    (config.root / "other").mkdir()
    report = offload(
        config,
        OffloadRequest(to=str(config.root / "other"), older_than_ns=100 * 365 * 86_400 * 10**9),
        now_ns=time.time_ns() + LATER_NS,
    )
    [finding] = report.findings
    assert (finding.tier, finding.done) == ("cold", "hot copies stay")
    assert hot_files(config) == hot


def test_a_rotten_copy_and_a_rotten_hot_file_are_both_left_alone(config: Config, cold: Path) -> None:
    victim = live(config)["2022-01-04"]
    move(config, cold)
    flip(cold / victim.path)
    flip(config.data / victim.path)
    [finding] = after_the_grace(config).findings
    assert finding.done == "and the hot copy is no better"
    assert (cold / victim.path).exists()
    assert hot_files(config) == {victim.path}
    assert not verify(config).ok


def test_a_file_replaced_in_the_grace_whose_copy_rots_stays_readable_as_of(config: Config, cold: Path) -> None:
    before, victim = content(config), live(config)["2022-01-01"]
    move(config, cold)
    take_in(config, range(1), 200.0)
    flip(cold / victim.path)
    [finding] = after_the_grace(config).findings
    assert finding.path == victim.path
    assert (config.data / "_replaced" / victim.path).exists()
    assert content(config, as_of=1).equals(before)


def test_a_hot_copy_that_was_removed_before_a_kill_is_no_finding(config: Config, cold: Path) -> None:
    move(config, cold)
    for path in hot_files(config):
        (config.data / path).unlink()
    report = after_the_grace(config)
    assert (report.findings, report.removed_files, report.waiting_files) == ([], 6, 0)


def test_finish_removes_what_is_due_and_moves_nothing(config: Config, cold: Path) -> None:
    assert finish(config).run is None
    move(config, cold)
    take_in(config, range(6, 8), 100.0)
    early = finish(config, now_ns=time.time_ns() + 3_000 * 10**9)
    assert (early.run, early.removed_files, early.waiting_files) == (None, 0, 6)
    late = finish(config, now_ns=time.time_ns() + LATER_NS)
    assert (late.removed_files, late.waiting_files, late.files) == (6, 0, 0)
    assert list(tiers_of(config).values()) == ["cold"] * 6 + ["hot"] * 2
    with pytest.raises(LakeError, match="under an hour"):
        finish(config, grace_s=1.0)
