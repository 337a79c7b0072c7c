from __future__ import annotations

import errno
import hashlib
import os
import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import pyarrow.parquet as pq
import pytest

from lake import tiers
from lake.check import verify
from lake.config import TierSettings
from lake.errors import LakeError
from lake.manifest import Manifest
from lake.manifest.tiers import lake_id
from lake.offload import OffloadRequest, RestoreRequest, model, moving, offload, restore
from lake.seal import SealRequest, seal
from lake.tiers import MARKER, DirectoryTier
from lake.write import write
from tests.rotten import flip
from tests.tiers import (
    BTC,
    FIRST_DAY,
    MINUTES,
    content,
    hot_files,
    live,
    move,
    move_away,
    old_lake,
    take_in,
    tiers_of,
)

if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from pathlib import Path

    from lake.config import Config

DAY_NS = 86_400 * 10**9


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return old_lake(tmp_path / "lake")


@pytest.fixture
def cold(tmp_path: Path) -> Path:
    return tmp_path / "cold"


def test_files_lie_in_the_tier_under_their_paths_and_read_the_same(config: Config, cold: Path) -> None:
    before, files = content(config), live(config)
    report = move(config, cold)
    assert (report.status, report.files, report.tier) == ("committed", 6, "cold")
    assert report.bytes == sum(file.bytes for file in files.values())
    for file in files.values():
        assert hashlib.sha256((cold / file.path).read_bytes()).hexdigest() == file.sha256
    assert set(tiers_of(config).values()) == {"cold"}
    assert content(config).equals(before)
    assert (report.waiting_files, report.removed_files) == (6, 0)
    assert hot_files(config) == {file.path for file in files.values()}


def test_after_the_grace_the_hot_copies_go_and_reads_are_the_same(config: Config, cold: Path) -> None:
    before = content(config)
    move(config, cold)
    early = offload(config, OffloadRequest(), now_ns=time.time_ns() + 3_500 * 10**9)
    assert (early.removed_files, early.waiting_files) == (0, 6)
    late = offload(config, OffloadRequest(), now_ns=time.time_ns() + 3_700 * 10**9)
    assert (late.removed_files, late.waiting_files, late.files) == (6, 0, 0)
    assert hot_files(config) == set()
    assert content(config).equals(before)
    assert verify(config).ok
    assert verify(config).tiers["cold"].files == 6


def test_only_partitions_that_ended_long_enough_ago_go(config: Config, cold: Path) -> None:
    third_ends_ns = (FIRST_DAY + 3) * DAY_NS
    report = offload(config, OffloadRequest(to=str(cold), older_than_ns=DAY_NS), now_ns=third_ends_ns + DAY_NS)
    assert [(s.first, s.last, s.files) for s in report.series] == [("2022-01-01", "2022-01-03", 3)]
    assert list(tiers_of(config).values()) == ["cold"] * 3 + ["hot"] * 3


def test_only_what_is_selected_goes(config: Config, cold: Path) -> None:
    take_in(config, range(2), 100.0, symbol="ETHUSDT")
    report = move(config, cold, selection=("*/*/ETH*/bars/1m",))
    assert [(str(s.address), s.files) for s in report.series] == [("BINANCE/SPOT/ETHUSDT/bars/1m", 2)]
    assert set(tiers_of(config).values()) == {"hot"}
    with pytest.raises(LakeError) as caught:
        move(config, cold, selection=("BINANCE/SPOT/XRPUSDT/bars/1m",))
    assert caught.value.code == "E_UNKNOWN_SERIES"


def test_a_dry_run_moves_nothing_and_makes_no_tier(config: Config, cold: Path) -> None:
    report = move(config, cold, dry_run=True)
    assert (report.status, report.files, report.run) == ("dry_run", 6, None)
    assert not cold.exists()
    assert set(tiers_of(config).values()) == {"hot"}


def test_a_second_offload_does_nothing_and_says_so(config: Config, cold: Path) -> None:
    first = move(config, cold)
    second = move(config)
    assert (second.status, second.files, second.snapshot) == ("unchanged", 0, first.snapshot)


def test_a_grace_under_an_hour_needs_force(config: Config, cold: Path) -> None:
    with pytest.raises(LakeError, match="under an hour") as caught:
        move(config, cold, grace_s=3_599.0)
    assert caught.value.code == "E_GRACE"


def test_a_damaged_hot_file_is_named_and_not_copied(config: Config, cold: Path) -> None:
    victim = live(config)["2022-01-03"]
    flip(config.data / victim.path)
    report = move_away(config, cold)
    assert report.files == 5
    [finding] = report.findings
    assert (finding.path, finding.tier) == (victim.path, "hot")
    assert report.left == {"damaged": 1}
    assert not (cold / victim.path).exists()
    assert tiers_of(config)["2022-01-03"] == "hot"
    assert hot_files(config) == {victim.path}


def test_a_missing_hot_file_is_named(config: Config, cold: Path) -> None:
    victim = live(config)["2022-01-03"]
    (config.data / victim.path).unlink()
    [finding] = move(config, cold).findings
    assert (finding.path, finding.found) == (victim.path, "missing")


def test_a_copy_that_reads_back_wrong_is_removed_and_its_file_stays_hot(
    config: Config, cold: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    victim = live(config)["2022-01-02"]
    settle = DirectoryTier.settle

    def rot(self: DirectoryTier, paths: list[str]) -> None:
        settle(self, paths)
        flip(cold / victim.path)

    monkeypatch.setattr(DirectoryTier, "settle", rot)
    report = move_away(config, cold)
    [finding] = report.findings
    assert (finding.path, finding.tier) == (victim.path, "cold")
    assert not (cold / victim.path).exists()
    assert tiers_of(config)["2022-01-02"] == "hot"
    assert hot_files(config) == {victim.path}
    assert verify(config).ok


def test_a_copy_that_is_there_already_is_synced_and_not_made_again(
    config: Config, cold: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for file in live(config).values():  # as a run leaves them that was killed before it committed
        (cold / file.path).parent.mkdir(parents=True, exist_ok=True)
        (cold / file.path).write_bytes((config.data / file.path).read_bytes())
    with Manifest.open(config) as manifest:
        (cold / MARKER).write_text(f'{{"lake": "{lake_id(manifest)}", "tier": "cold"}}')
    flip(cold / live(config)["2022-01-05"].path)
    synced: set[Path] = set()
    sync = tiers.sync

    def note(path: Path) -> None:
        synced.add(path)
        sync(path)

    monkeypatch.setattr(tiers, "sync", note)
    report = move_away(config, cold)
    assert (report.files, report.reused) == (6, 5)
    for path in (cold / file.path for file in live(config).values()):
        assert {path, *path.parents[: 8 + 1]} <= synced
    assert verify(config).ok


def test_a_copy_from_before_that_cannot_be_read_is_made_again(
    config: Config, cold: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    move_away(config, cold)
    restore(config, RestoreRequest((str(BTC),)))
    bad, hashed = cold / live(config)["2022-01-03"].path, DirectoryTier.sha256
    sector = bad.stat().st_ino

    def sha256(self: DirectoryTier, path: str) -> str:
        if (self.root / path).stat().st_ino == sector:
            raise OSError(errno.EIO, os.strerror(errno.EIO), path)
        return hashed(self, path)

    monkeypatch.setattr(DirectoryTier, "sha256", sha256)
    report = move_away(config, cold)
    assert (report.files, report.reused, report.findings) == (6, 5, [])
    assert verify(config).ok


def test_a_partition_corrected_before_the_commit_stays_hot(
    config: Config, cold: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settle = DirectoryTier.settle
    old = live(config)["2022-01-01"]
    again: list[int] = []

    def correct(self: DirectoryTier, paths: list[str]) -> None:
        settle(self, paths)
        if not again:
            again.append(1)
            take_in(config, range(1), 200.0)

    monkeypatch.setattr(DirectoryTier, "settle", correct)
    report = move_away(config, cold)
    assert (report.files, report.left) == (5, {"changed": 1})
    assert tiers_of(config)["2022-01-01"] == "hot"
    assert not (cold / old.path).exists()
    assert content(config).column("close")[0].as_py() == 200.0
    assert verify(config).ok


def test_late_rows_make_a_new_hot_file_and_the_old_one_is_there_as_of(config: Config, cold: Path) -> None:
    before = content(config)
    moved = move_away(config, cold)
    take_in(config, range(2, 8), 300.0)
    assert content(config, as_of=1).equals(before)
    assert content(config, as_of=moved.snapshot).equals(before)
    assert list(tiers_of(config).values()) == ["cold"] * 2 + ["hot"] * 6
    now = content(config)
    assert now.num_rows == 8 * MINUTES
    assert now.slice(0, 2 * MINUTES).equals(before.slice(0, 2 * MINUTES))
    assert verify(config).ok


def test_late_rows_within_the_grace_leave_each_row_once_in_a_plain_glob(config: Config, cold: Path) -> None:
    move(config, cold)
    take_in(config, range(3), 300.0)
    rows = sum(pq.read_metadata(config.data / path).num_rows for path in hot_files(config))
    assert rows == content(config).num_rows == 6 * MINUTES
    nothing_new = OffloadRequest(older_than_ns=100 * 365 * DAY_NS)
    report = offload(config, nothing_new, now_ns=time.time_ns() + 3_700 * 10**9)
    assert report.removed_files == 6  # three of them were replaced meanwhile, and lay among the replaced ones
    assert not list((config.data / "_replaced").rglob("*.parquet"))
    assert verify(config).ok


def test_the_tier_of_dl_toml_is_used_by_its_name(config: Config, cold: Path) -> None:
    config = replace(config, tiers={"archive": TierSettings(cold)})
    assert move(config, "archive").tier == "archive"
    assert (cold / MARKER).exists()
    with pytest.raises(LakeError) as caught:
        move(config, "attic")
    assert caught.value.code == "E_UNKNOWN_TIER"


def test_a_sealed_month_goes_and_late_rows_open_it_again(config: Config, cold: Path) -> None:
    before = content(config)
    assert len(seal(config, SealRequest()).months) == 1
    report = move_away(config, cold)
    assert [(s.first, s.last, s.files) for s in report.series] == [("2022-01", "2022-01", 1)]
    assert content(config).equals(before)
    assert seal(config, SealRequest()).months == []
    take_in(config, range(2, 3), 300.0)
    assert set(tiers_of(config).values()) == {"hot"}
    now = content(config)
    assert now.num_rows == 6 * MINUTES
    assert now.slice(0, 2 * MINUTES).equals(before.slice(0, 2 * MINUTES))
    assert content(config, as_of=report.snapshot).equals(before)
    assert restore(config, RestoreRequest((str(BTC),))).files == 0
    assert verify(config).ok


def test_a_sealed_month_comes_back(config: Config, cold: Path) -> None:
    before = content(config)
    seal(config, SealRequest())
    move_away(config, cold)
    assert restore(config, RestoreRequest((str(BTC),))).files == 1
    assert content(config).equals(before)
    assert verify(config).ok


def test_late_rows_for_a_tier_that_is_not_there_leave_the_lake_as_it_was(config: Config, cold: Path) -> None:
    before = content(config)
    move_away(config, cold)
    cold.rename(cold.parent / "unmounted")
    with pytest.raises(LakeError) as caught:
        write(config, BTC, before.slice(0, 1).drop_columns(["exchange", "market", "symbol"]), mode="replace")
    assert caught.value.code == "E_TIER_UNAVAILABLE"
    (cold.parent / "unmounted").rename(cold)
    assert content(config).equals(before)
    assert verify(config).ok


def test_a_full_tier_stops_it_and_the_next_offload_goes_on(
    config: Config, cold: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model, "BATCH_FILES", 2)
    before, put = content(config), DirectoryTier.put
    full: list[str] = []

    def put_until_full(self: DirectoryTier, source: Path, path: str) -> str:
        full.append(path)
        if len(full) > 3:
            raise LakeError("DISK_FULL", "could not write: No space left on device", where=str(self.root))
        return put(self, source, path)

    with monkeypatch.context() as patch:
        patch.setattr(DirectoryTier, "put", put_until_full)
        with pytest.raises(LakeError) as caught:
            move_away(config, cold)
    assert caught.value.code == "E_DISK_FULL"
    assert list(tiers_of(config).values()) == ["cold"] * 2 + ["hot"] * 4
    assert content(config).equals(before)
    report = move_away(config)
    assert (report.files, report.reused, report.removed_files) == (4, 1, 6)
    assert content(config).equals(before)
    assert verify(config).orphans == []


def test_one_offload_works_at_a_time(config: Config, cold: Path) -> None:
    impatient = replace(config, wait_s=0.05)
    with model.turn(config), pytest.raises(LakeError) as caught:
        move(impatient, cold)
    assert caught.value.code == "E_LOCKED"
    assert move(impatient, cold).files == 6


def test_two_folders_do_not_become_one_tier_at_the_same_time(
    config: Config, cold: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    turn, first = model.turn, iter([True])

    def after_another(asked: Config) -> AbstractContextManager[None]:
        if next(first, False):
            move_away(config, cold)
        return turn(asked)

    before = content(config)
    monkeypatch.setattr(moving, "turn", after_another)
    with pytest.raises(LakeError) as caught:
        move(config, cold.parent / "other" / "cold")
    assert (caught.value.code, caught.value.where) == ("E_TIER_FOREIGN", str(cold.parent / "other" / "cold"))
    assert content(config).equals(before)
    assert verify(config).ok


def test_readers_see_the_same_rows_while_files_move(config: Config, cold: Path) -> None:
    before = content(config)
    stop = threading.Event()
    wrong: list[str] = []

    def read() -> None:
        while not stop.is_set():
            try:
                if not content(config).equals(before):
                    wrong.append("other rows")
            except LakeError as error:
                wrong.append(str(error))

    readers = [threading.Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    try:
        for _ in range(3):
            move_away(config, cold)
            assert restore(config, RestoreRequest((str(BTC),))).files == 6
    finally:
        stop.set()
        for reader in readers:
            reader.join()
    assert wrong == []
