"""Verifying as much as a budget allows, the files first that were looked at longest ago."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from lake import check
from lake.check import Budget, verify
from lake.manifest import Manifest, verified
from tests.manifests import commit, live_ids, make_lake
from tests.rotten import flip, overwrite
from tests.tiers import old_lake
from tests.unit.lake.test_check import stored

if TYPE_CHECKING:
    from pathlib import Path

    from lake.config import Config

LABELS = [f"2024-03-0{day}" for day in range(1, 7)]


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Config:
    """Return a lake of six files, looked at one by one."""
    monkeypatch.setattr(check, "_BATCH", 1)
    config = make_lake(tmp_path)
    commit(config, *(stored(config, label) for label in LABELS))
    return config


def looked_at(config: Config) -> set[str]:
    """Return the partitions whose files were verified."""
    with Manifest.open(config) as manifest:
        return {file.partition for file in manifest.all_files() if file.verified_at_ns}


def test_a_size_takes_so_many_bytes_and_says_how_many_files_remain(config: Config) -> None:
    report = verify(config, budget=Budget(bytes=1))
    assert (report.ok, report.files_ok, report.files_left, report.oldest_ns) == (True, 1, 5, None)
    assert looked_at(config) == {LABELS[0]}
    assert report.orphans == []


def test_runs_with_a_budget_go_round_the_whole_lake(config: Config) -> None:
    for _ in LABELS:
        verify(config, budget=Budget(bytes=1))
    assert looked_at(config) == set(LABELS)
    with Manifest.open(config) as manifest:
        ages = {file.partition: file.verified_at_ns or 0 for file in manifest.all_files()}
    report = verify(config, budget=Budget(bytes=1))
    assert report.oldest_ns == ages[LABELS[1]]


def test_files_never_verified_come_first_and_live_ones_before_superseded_ones(config: Config) -> None:
    with Manifest.open(config) as manifest:
        verified.mark(config, [file.id for file in manifest.all_files() if file.partition in LABELS[:3]], 500)
        verified.mark(config, [file.id for file in manifest.all_files() if file.partition == LABELS[2]], 400)
    commit(config, stored(config, LABELS[3], "b", replaces=live_ids(config)[LABELS[3]]))
    with Manifest.open(config) as manifest:
        order = [(file.partition, file.to_snapshot is None) for file in verified.by_age(manifest)]
    live = [(LABELS[4], True), (LABELS[5], True), (LABELS[3], True)]
    assert order == [*live, (LABELS[3], False), (LABELS[2], True), (LABELS[0], True), (LABELS[1], True)]


def test_time_that_is_up_leaves_every_file_for_another_time(config: Config) -> None:
    report = verify(config, budget=Budget(seconds=0))
    assert (report.files_ok, report.files_left) == (0, 6)
    report = verify(config, budget=Budget(seconds=600))
    assert (report.files_ok, report.files_left) == (6, 0)
    assert report.oldest_ns is not None


def test_what_was_found_good_is_written_down_when_it_is_stopped(config: Config) -> None:
    def stop(done: int, _total: int, _bytes: int) -> None:
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        verify(config, progress=stop)
    assert len(looked_at(config)) == 3


def test_every_flipped_bit_and_every_truncation_of_a_file_is_found(tmp_path: Path) -> None:
    config = old_lake(tmp_path / "lake", days=1)
    [path] = config.data.glob("[A-Z]*/**/*.parquet")
    sound = path.read_bytes()
    chance = random.Random(4)  # noqa: S311 -- no secret
    for _ in range(60):
        broken = bytearray(sound)
        broken[chance.randrange(len(sound))] ^= 1 << chance.randrange(8)
        overwrite(path, broken)
        assert len(verify(config).damaged) == 1
    for length in (0, 1, len(sound) // 2, len(sound) - 1):
        overwrite(path, sound[:length])
        assert len(verify(config).damaged) == 1
    overwrite(path, sound + b"\0")
    assert len(verify(config).damaged) == 1
    overwrite(path, sound)
    assert verify(config).ok


def test_flipped_bits_of_the_log_are_found(tmp_path: Path) -> None:
    config = old_lake(tmp_path / "lake", days=2)
    sound = config.log.read_bytes()
    for _ in range(3):
        flip(config.log)
        assert not verify(config).ok
        config.log.write_bytes(sound)
    config.log.write_bytes(sound[:-1])
    assert not verify(config).ok


def test_files_put_aside_by_repair_are_not_the_lakes(config: Config) -> None:
    aside = config.data / "_quarantine" / "BINANCE" / "a.parquet"
    aside.parent.mkdir(parents=True)
    aside.touch()
    assert verify(config).orphans == []
