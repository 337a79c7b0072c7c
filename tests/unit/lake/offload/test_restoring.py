from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lake import write as writing
from lake.check import verify
from lake.errors import LakeError
from lake.offload import RestoreRequest, restore, restoring
from tests.rotten import flip
from tests.tiers import BTC, FIRST_DAY, content, hot_files, live, move, move_away, old_lake, take_in, tiers_of

if TYPE_CHECKING:
    from pathlib import Path

    from lake.config import Config

DAY_NS = 86_400 * 10**9


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return old_lake(tmp_path / "lake")


@pytest.fixture
def cold(tmp_path: Path) -> Path:
    return tmp_path / "cold"


def everything() -> RestoreRequest:
    return RestoreRequest((str(BTC),))


def test_files_come_back_under_their_paths_and_the_tier_keeps_its_copies(config: Config, cold: Path) -> None:
    before, paths = content(config), hot_files(config)
    move_away(config, cold)
    report = restore(config, everything())
    assert (report.status, report.files, report.findings) == ("committed", 6, [])
    assert hot_files(config) == paths
    assert set(tiers_of(config).values()) == {"hot"}
    assert content(config).equals(before)
    assert verify(config).ok
    assert move(config).reused == 6


def test_only_the_range_comes_back(config: Config, cold: Path) -> None:
    move_away(config, cold)
    start = (FIRST_DAY + 2) * DAY_NS
    request = RestoreRequest((str(BTC),), start, start + 2 * DAY_NS)
    assert [(s.first, s.last) for s in restore(config, request).series] == [("2022-01-03", "2022-01-04")]
    assert list(tiers_of(config).values()) == ["cold", "cold", "hot", "hot", "cold", "cold"]


def test_a_dry_run_brings_nothing_back(config: Config, cold: Path) -> None:
    move_away(config, cold)
    report = restore(config, RestoreRequest((str(BTC),), dry_run=True))
    assert (report.status, report.files) == ("dry_run", 6)
    assert hot_files(config) == set()


def test_nothing_to_restore_is_no_snapshot(config: Config) -> None:
    report = restore(config, everything())
    assert (report.status, report.files, report.snapshot, report.run) == ("unchanged", 0, 1, None)


def test_a_damaged_copy_is_named_and_stays_where_it_is(config: Config, cold: Path) -> None:
    victim = live(config)["2022-01-02"]
    move_away(config, cold)
    flip(cold / victim.path)
    report = restore(config, everything())
    [finding] = report.findings
    assert (finding.path, finding.tier, finding.done) == (victim.path, "cold", "it was not restored")
    assert report.files == 5
    assert victim.path not in hot_files(config)
    assert [damage.path for damage in verify(config).damaged] == [f"cold:{victim.path}"]


def test_hot_copies_in_their_grace_are_taken_as_they_are_when_they_are_whole(config: Config, cold: Path) -> None:
    before, victim = content(config), live(config)["2022-01-02"]
    move(config, cold)
    flip(config.data / victim.path)
    report = restore(config, everything())
    assert (report.files, report.reused, report.findings) == (6, 5, [])
    assert content(config).equals(before)
    assert verify(config).ok


def test_what_a_killed_restore_put_there_is_synced(config: Config, cold: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    move(config, cold)
    synced: set[Path] = set()
    monkeypatch.setattr(restoring, "sync", synced.add)
    assert restore(config, everything()).reused == 6
    for path in (config.data / file.path for file in live(config).values()):
        assert {path, *path.parents[: 8 + 1]} <= synced
    assert config.root not in synced


def test_a_tier_that_is_not_there_is_an_error(config: Config, cold: Path) -> None:
    move_away(config, cold)
    cold.rename(cold.parent / "unmounted")
    with pytest.raises(LakeError) as caught:
        restore(config, everything())
    assert (caught.value.code, caught.value.exit) == ("E_TIER_UNAVAILABLE", 14)


def test_a_partition_corrected_meanwhile_is_left_out(
    config: Config, cold: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    move_away(config, cold)
    swap = writing.swap
    again: list[int] = []

    def correct(*given: object) -> int:
        if not again:
            again.append(1)
            take_in(config, range(1), 200.0)
        return swap(*given)  # type: ignore[arg-type]  # handed on as they came

    monkeypatch.setattr(writing, "swap", correct)
    report = restore(config, everything())
    assert (report.files, report.left) == (5, {"changed": 1})
    assert len(hot_files(config)) == 6
    assert content(config).column("close")[0].as_py() == 200.0
    assert verify(config).ok
