"""What cannot fit is refused before it is begun, and the lake is as it was."""

from __future__ import annotations

import os
import subprocess
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from lake import space
from lake.aggregate import AggregateRequest, aggregate
from lake.backup import backup, restore_backup
from lake.check import verify
from lake.config import Config, locate
from lake.errors import LakeError
from lake.ingest import IngestRequest, ingest
from lake.manifest import Manifest
from lake.offload import OffloadRequest, RestoreRequest, offload, restore
from lake.rollback import RollbackRequest, rollback
from lake.seal import SealRequest, seal
from lake.write import write
from tests.manifests import make_lake
from tests.tables import bar, bars
from tests.tiers import BTC, content, move_away, old_lake, take_in

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

BLOCK = 4096
SELECTED = str(BTC)


def disk(free: int, total: int = 10**12) -> SimpleNamespace:
    return SimpleNamespace(f_bavail=free // BLOCK, f_blocks=total // BLOCK, f_frsize=BLOCK)


@pytest.fixture
def lake(tmp_path: Path) -> Config:
    """Return a lake of two months, one day of it in a tier and one corrected."""
    config = old_lake(tmp_path / "lake", 45)
    move_away(config, tmp_path / "cold", older_than_ns=0)
    restore(config, RestoreRequest((SELECTED,), start_ns=None, end_ns=1_643_673_600 * 10**9))
    take_in(config, range(8, 9), 300.0)
    return config


VERBS: dict[str, Callable[[Config], object]] = {
    "the ingest of BTCUSDT-50-52-1.csv": lambda config: take_in(config, range(50, 52), 1.0),
    f"the write to {BTC}": lambda config: write(config, BTC, bars(bar(0))),
    f"the aggregation of {BTC}": lambda config: aggregate(config, AggregateRequest(BTC, ("5m", "1d"))),
    "the seal": lambda config: seal(config, SealRequest(older_than_ns=0)),
    "the rollback": lambda config: rollback(config, RollbackRequest((SELECTED,), 1)),
    "the restore": lambda config: restore(config, RestoreRequest((SELECTED,))),
    "the offload to tier cold": lambda config: offload(config, OffloadRequest(to="cold", older_than_ns=0)),
    "the backup": lambda config: backup(config, config.root.with_name("copy")),
}


@pytest.mark.parametrize("what", VERBS)
def test_a_verb_that_cannot_fit_is_refused_before_it_begins(
    lake: Config, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def facts() -> tuple[object, ...]:
        with Manifest.open(lake) as manifest:
            runs = [run.id for run in manifest.runs()]
        return manifest_bytes(lake), runs, sorted(path for path in lake.data.rglob("*.parquet"))

    before = facts()
    monkeypatch.setattr("os.statvfs", lambda _: disk(space.RESERVE))
    with pytest.raises(LakeError) as refused:
        VERBS[what](lake)
    assert (refused.value.code, refused.value.exit) == ("E_DISK_FULL", 14)
    assert refused.value.message.startswith(f"{what} may need ")
    assert "64.0 MB are free" in refused.value.message
    assert facts() == before


def manifest_bytes(config: Config) -> bytes:
    return config.manifest.read_bytes()


def test_what_is_in_the_lake_already_needs_no_room(lake: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    source = lake.root / "BTCUSDT-8-9-300.csv"
    monkeypatch.setattr("os.statvfs", lambda _: disk(0))
    request = IngestRequest((str(source),), exchange="BINANCE", symbol="BTCUSDT", period="1m")
    assert ingest(lake, request).files[0].status == "unchanged"


def test_a_manifest_on_another_disk_needs_its_reserve(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = Config(tmp_path, tmp_path / "data", tmp_path / "other" / "manifest.db")
    rooms = {config.data: space.Room(10**9, 10**7, 1), config.manifest.parent: space.Room(10**6, 10**7, 2)}
    monkeypatch.setattr(space, "room", rooms.__getitem__)
    with pytest.raises(LakeError, match=r"it may need 10\.0 MB, and 1\.0 MB are free") as refused:
        space.require(config, 1, "it")
    assert refused.value.where == str(tmp_path / "other")


def test_a_small_disk_keeps_a_hundredth_of_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.statvfs", lambda _: disk(10**6, 4096 * 25_000))
    found = space.room(tmp_path / "not" / "there")
    assert found.reserve == 1_024_000
    assert found.usable == 0


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Mount a disk of 8 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(command, check=False, capture_output=True).returncode:
        pytest.skip("a disk can be mounted by root only")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)  # noqa: S607 -- where the system has it


def test_an_ingest_that_is_larger_than_the_disk_leaves_the_lake_as_it_was(small_disk: Path, tmp_path: Path) -> None:
    config = make_lake(small_disk / "lake")
    source = tmp_path / "much.csv"
    with source.open("w") as stream:
        stream.write("ts,open,high,low,close,volume\n")
        stream.writelines(f"{1_600_000_000_000 + i * 60_000},1.5,2.5,0.5,1.25,{i}.5\n" for i in range(300_000))
    request = IngestRequest((str(source),), exchange="X", symbol="S", period="1m")
    before = manifest_bytes(config)
    with pytest.raises(LakeError) as refused:
        ingest(config, request)
    assert refused.value.code == "E_DISK_FULL"
    assert manifest_bytes(config) == before
    take_in(config, range(2), 1.0)
    old = content(config)
    copy = tmp_path / "copy"
    backup(config, copy)
    filler = small_disk / "filler"
    with pytest.raises(OSError, match="No space"), filler.open("wb") as stream_:
        stream_.write(bytes(9_000_000))
    with pytest.raises(LakeError, match="may need"):
        restore_backup(locate(small_disk / "again", must_exist=False), copy)
    assert verify(config).ok
    assert content(config).equals(old)
