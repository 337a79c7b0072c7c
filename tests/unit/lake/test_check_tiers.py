"""Verifying files that lie in tiers, one tier of several, or a slice of the lake."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lake import check
from lake.check import Budget, Damage, verify
from lake.errors import LakeError
from lake.offload import RestoreRequest, restore
from tests.rotten import flip
from tests.tiers import BTC, live, move, move_away, old_lake, take_in

if TYPE_CHECKING:
    from pathlib import Path

    from lake.config import Config
    from lake.manifest import FileRow


@pytest.fixture
def config(tmp_path: Path) -> Config:
    """Return a lake of six days in the tier `cold` and two that are hot."""
    config = old_lake(tmp_path / "lake")
    move_away(config, tmp_path / "cold")
    take_in(config, range(6, 8), 100.0)
    return config


@pytest.fixture
def cold(tmp_path: Path) -> Path:
    return tmp_path / "cold"


def test_files_of_every_tier_are_hashed_and_marked(config: Config) -> None:
    report = verify(config)
    assert report.ok
    assert {name: tally.files for name, tally in report.tiers.items()} == {"cold": 6, "hot": 2}
    assert (report.files_ok, report.files_elsewhere, report.orphans) == (8, 0, [])
    assert all(file.verified_at_ns for file in live(config).values())


def test_a_flipped_byte_in_a_tier_is_found(config: Config, cold: Path) -> None:
    victim = live(config)["2022-01-03"]
    flip(cold / victim.path)
    report = verify(config)
    assert not report.ok
    [damage] = report.damaged
    assert (damage.path, damage.expected) == (f"cold:{victim.path}", f"sha256:{victim.sha256}")
    assert report.files_ok == 7


def test_a_file_missing_in_a_tier_is_found(config: Config, cold: Path) -> None:
    victim = live(config)["2022-01-03"]
    (cold / victim.path).unlink()
    assert verify(config).missing == [f"cold:{victim.path}"]


def test_what_lies_in_a_tier_without_being_known_is_harmless(config: Config, cold: Path) -> None:
    (cold / "BINANCE" / "notes.txt").write_text("mine")
    report = verify(config)
    assert report.ok
    assert report.orphans == ["cold:BINANCE/notes.txt"]


def test_hot_copies_in_their_grace_and_copies_of_restored_files_are_no_orphans(config: Config) -> None:
    move(config)
    assert verify(config).orphans == []
    restore(config, RestoreRequest((str(BTC),)))
    report = verify(config)
    assert (report.orphans, report.ok) == ([], True)
    assert {name: tally.files for name, tally in report.tiers.items()} == {"cold": 8, "hot": 8}
    assert (report.files_ok, report.bytes) == (8, sum(file.bytes for file in live(config).values()))


def test_a_flipped_byte_in_a_hot_copy_that_waits_for_its_grace_is_found(config: Config) -> None:
    move(config)
    victim = live(config)["2022-01-07"]
    assert victim.tier == "cold"
    flip(config.data / victim.path)
    for report in (verify(config), verify(config, tier="hot")):
        [damage] = report.damaged
        assert (damage.path, damage.expected) == (victim.path, f"sha256:{victim.sha256}")
        assert (report.ok, report.missing) == (False, [])
    assert report.files_ok == 1  # the other hot copy
    assert live(config)["2022-01-07"].verified_at_ns is None
    cold = verify(config, tier="cold")
    assert (cold.ok, cold.files_ok) == (True, 8)


def test_a_flipped_byte_in_a_copy_that_a_restore_left_in_its_tier_is_found(config: Config, cold: Path) -> None:
    restore(config, RestoreRequest((str(BTC),)))
    victim = live(config)["2022-01-03"]
    assert victim.tier == "hot"
    flip(cold / victim.path)
    for tier, good in ((None, 7), ("cold", 5)):
        report = verify(config, tier=tier)
        assert [damage.path for damage in report.damaged] == [f"cold:{victim.path}"]
        assert (report.ok, report.files_ok) == (False, good)
    alone = verify(config, tier="hot")
    assert (alone.ok, alone.files_ok) == (True, 8)


def test_a_copy_that_goes_while_it_looks_is_no_finding(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    move(config)
    looked = check._Files._examine

    def late(self: check._Files, file: FileRow) -> Damage | None:
        (config.data / file.path).unlink(missing_ok=True)
        return looked(self, file)

    monkeypatch.setattr(check._Files, "_examine", late)
    report = verify(config)
    assert (report.ok, report.files_ok) == (True, 8)
    assert {name: tally.files for name, tally in report.tiers.items()} == {"cold": 8}


def test_a_budget_counts_the_bytes_of_every_copy(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check, "_BATCH", 1)
    restore(config, RestoreRequest((str(BTC),)))
    least = min(file.bytes for file in live(config).values())
    report = verify(config, budget=Budget(bytes=least + 1))
    assert (report.files_ok, report.files_left) == (1, 7)
    assert {name: tally.files for name, tally in report.tiers.items()} == {"hot": 1, "cold": 1}


def test_with_a_budget_for_one_tier_its_own_files_come_before_copies_of_others(config: Config) -> None:
    move(config)
    take_in(config, range(8, 9), 100.0)
    own = live(config)["2022-01-09"]
    report = verify(config, tier="hot", budget=Budget(bytes=1))
    assert (report.files_ok, report.files_left) == (1, 2)
    assert live(config)[own.partition].verified_at_ns is not None


def test_a_hot_copy_is_looked_at_while_its_tier_is_not_there(config: Config, cold: Path) -> None:
    move(config)
    victim = live(config)["2022-01-07"]
    flip(config.data / victim.path)
    cold.rename(cold.parent / "unmounted")
    report = verify(config)
    assert (report.unavailable, report.files_ok) == ({"cold": 8}, 0)
    assert [damage.path for damage in report.damaged] == [victim.path]


def test_a_tier_that_is_not_there_is_no_clean_bill(config: Config, cold: Path) -> None:
    cold.rename(cold.parent / "unmounted")
    cold.mkdir()
    report = verify(config)
    assert (report.ok, report.unavailable) == (False, {"cold": 6})
    assert (report.missing, report.damaged) == ([], [])
    alone = verify(config, tier="hot")
    assert (alone.ok, alone.files_ok, alone.files_elsewhere) == (True, 2, 6)


def test_one_tier_alone(config: Config, cold: Path) -> None:
    flip(cold / live(config)["2022-01-03"].path)
    assert verify(config, tier="hot").ok
    report = verify(config, tier="cold")
    assert (report.ok, report.files_ok, report.files_elsewhere) == (False, 5, 2)
    with pytest.raises(LakeError) as caught:
        verify(config, tier="attic")
    assert caught.value.code == "E_UNKNOWN_TIER"


def test_the_parts_together_are_the_whole(config: Config) -> None:
    reports = [verify(config, part=(k, 3)) for k in (1, 2, 3)]
    assert sum(report.files_ok for report in reports) == 8
    assert {report.files_ok for report in reports} == {2, 3}
    assert all(report.files_ok + report.files_skipped == 8 and report.orphans == [] for report in reports)
    assert all(file.verified_at_ns for file in live(config).values())
    for part in ((0, 3), (4, 3), (0, 0)):
        with pytest.raises(LakeError, match="there is no part"):
            verify(config, part=part)


def test_files_that_move_while_it_looks_are_looked_for_where_they_went(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked = check._Files._examine
    moved: list[int] = []

    def late(self: check._Files, file: FileRow) -> Damage | None:
        if not moved:
            moved.append(move_away(config).removed_files)
        return looked(self, file)

    monkeypatch.setattr(check._Files, "_examine", late)
    monkeypatch.setattr(check, "_THREADS", 1)
    report = verify(config)
    assert moved == [2]
    assert (report.ok, report.files_ok) == (True, 8)
