from __future__ import annotations

import errno
import hashlib
import json
import os
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from lake.config import TierSettings
from lake.errors import Exit, LakeError
from lake.manifest import Manifest
from lake.tiers import MARKER, DirectoryTier, destination, known, name_of
from tests.manifests import make_lake
from tests.tiers import move, old_lake, take_in

if TYPE_CHECKING:
    from pathlib import Path

    from lake.config import Config
    from lake.tiers import Tier

OURS = "0123abcd"


def tier_at(folder: Path, name: str = "cold", lake: str = OURS) -> DirectoryTier:
    return DirectoryTier(name, folder, lake)


def code_of(tier: DirectoryTier, what: str = "check") -> str:
    with pytest.raises(LakeError) as caught:
        getattr(tier, what)()
    return caught.value.code


def test_a_claimed_folder_is_the_tier_of_this_lake_under_this_name_only(tmp_path: Path) -> None:
    tier_at(tmp_path / "a" / "cold").claim()
    tier_at(tmp_path / "a" / "cold").check()
    tier_at(tmp_path / "a" / "cold").claim()
    assert json.loads((tmp_path / "a" / "cold" / MARKER).read_text()) == {"lake": OURS, "tier": "cold"}
    assert code_of(tier_at(tmp_path / "a" / "cold", name="attic")) == "E_TIER_FOREIGN"
    assert code_of(tier_at(tmp_path / "a" / "cold", lake="ffff")) == "E_TIER_FOREIGN"
    assert code_of(tier_at(tmp_path / "a" / "cold", lake="ffff"), "claim") == "E_TIER_FOREIGN"


@pytest.mark.parametrize("there", [True, False])
def test_a_folder_without_marker_is_no_tier(tmp_path: Path, *, there: bool) -> None:
    folder = tmp_path / "cold"
    if there:
        folder.mkdir()
    with pytest.raises(LakeError) as caught:
        tier_at(folder).check()
    error = caught.value
    assert (error.code, error.exit, error.where) == ("E_TIER_UNAVAILABLE", Exit.STORAGE, str(folder))
    assert "tier cold" in error.message
    assert list(tmp_path.rglob("*.json")) == []


def test_a_folder_of_other_things_is_not_claimed(tmp_path: Path) -> None:
    (tmp_path / "photos.zip").touch()
    assert code_of(tier_at(tmp_path), "claim") == "E_TIER_FOREIGN"
    assert not (tmp_path / MARKER).exists()


@pytest.mark.parametrize("name", ["lost+found", f"{MARKER}.new"])
def test_a_new_disk_and_a_first_use_that_was_killed_are_claimed(tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir() if name == "lost+found" else (tmp_path / name).touch()
    tier_at(tmp_path).claim()
    tier_at(tmp_path).check()


def test_a_marker_that_is_no_marker_is_foreign(tmp_path: Path) -> None:
    (tmp_path / MARKER).write_text("[1")
    assert code_of(tier_at(tmp_path)) == "E_TIER_FOREIGN"


def test_a_file_is_put_whole_under_its_path(tmp_path: Path) -> None:
    tier = tier_at(tmp_path / "cold")
    tier.claim()
    source = tmp_path / "x.parquet"
    source.write_bytes(os.urandom(2_500_000))
    path = "BINANCE/SPOT/BTCUSDT/bars/1m/2022/01/01/x.parquet"
    digest = hashlib.sha256(source.read_bytes()).hexdigest()
    assert tier.put(source, path) == digest
    tier.settle([path])
    assert tier.sha256(path) == digest
    assert tier.size(path) == 2_500_000
    with tier.open(path) as stream:
        assert stream.read() == source.read_bytes()
    assert tier.local(path).read_bytes() == source.read_bytes()
    assert list(tier.paths()) == [path]
    tier.remove(path)
    tier.remove(path)
    assert tier.size(path) is None
    with pytest.raises(FileNotFoundError):
        tier.sha256(path)


def test_a_source_that_is_not_there_leaves_nothing(tmp_path: Path) -> None:
    tier = tier_at(tmp_path / "cold")
    tier.claim()
    with pytest.raises(LakeError) as caught:
        tier.put(tmp_path / "none.parquet", "A/none.parquet")
    assert caught.value.code == "E_FILE_MISSING"
    assert list(tier.paths()) == []


@pytest.mark.parametrize(
    ("number", "code"), [(errno.ENOSPC, "E_DISK_FULL"), (errno.EIO, "E_TIER_UNAVAILABLE"), (errno.EROFS, "E_STORAGE")]
)
def test_a_put_that_fails_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, code: str
) -> None:
    tier = tier_at(tmp_path / "cold")
    tier.claim()
    source = tmp_path / "x.parquet"
    source.write_bytes(b"x" * 100)

    def fail(_descriptor: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(LakeError) as caught:
        tier.put(source, "A/x.parquet")
    assert caught.value.code == code
    assert list(tier.paths()) == []


def test_what_a_killed_copy_left_is_swept(tmp_path: Path) -> None:
    tier = tier_at(tmp_path / "cold")
    tier.claim()
    tier.sweep()
    (tmp_path / "cold" / "_incoming").mkdir()
    (tmp_path / "cold" / "_incoming" / "x.parquet").touch()
    tier.sweep()
    assert list(tier.paths()) == []


@pytest.mark.parametrize(
    ("folder", "name"), [("cold", "cold"), ("My Disk 2", "my-disk-2"), ("Архив-cold", "cold"), ("a" * 80, "a" * 64)]
)
def test_a_folder_gives_a_tier_its_name(tmp_path: Path, folder: str, name: str) -> None:
    assert name_of(tmp_path / folder) == name


@pytest.mark.parametrize("folder", ["hot", "Архив", "--"])
def test_a_folder_whose_name_cannot_be_a_tiers_needs_one(tmp_path: Path, folder: str) -> None:
    with pytest.raises(LakeError, match="cannot be the name of a tier"):
        name_of(tmp_path / folder)


# ---- which tier a user means


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return make_lake(tmp_path / "lake")


def meant(config: Config, to: str | None, name: str | None = None) -> tuple[Tier, str]:
    with Manifest.open(config) as manifest:
        return destination(config, manifest, to, name)


def test_the_only_tier_is_meant_when_none_is_named(config: Config, tmp_path: Path) -> None:
    with pytest.raises(LakeError, match="none is known"):
        meant(config, None)
    one = replace(config, tiers={"cold": TierSettings(tmp_path / "c")})
    assert meant(one, None)[0].location == str(tmp_path / "c")
    two = replace(config, tiers={name: TierSettings(tmp_path / name) for name in ("cold", "colder")})
    with pytest.raises(LakeError, match="cold, colder"):
        meant(two, None)


def test_a_folder_in_the_data_folder_or_around_it_is_no_tier(config: Config, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(config.data)
    for folder in (config.data / "cold", config.data, config.root, tmp_path / "link" / "cold"):
        with pytest.raises(LakeError, match="cannot lie in the data folder"):
            meant(config, str(folder), "cold")


def test_what_was_given_by_path_is_known_by_name_afterwards(tmp_path: Path) -> None:
    config = old_lake(tmp_path / "lake")
    move(config, tmp_path / "cold")
    tier, recorded = meant(config, "cold")
    assert tier.location == recorded == str(tmp_path / "cold")
    elsewhere = replace(config, tiers={"cold": TierSettings(tmp_path / "moved")})
    with Manifest.open(elsewhere) as manifest:
        assert known(elsewhere, manifest)["cold"].location == str(tmp_path / "moved")


def test_a_tier_that_moved_is_found_by_its_marker_and_recorded_anew(tmp_path: Path) -> None:
    config = old_lake(tmp_path / "lake")
    move(config, tmp_path / "cold", selection=(), older_than_ns=0)
    (tmp_path / "mnt").mkdir()
    with pytest.raises(LakeError) as caught:  # of the same name, but not it
        move(config, tmp_path / "mnt" / "cold")
    assert caught.value.code == "E_TIER_UNAVAILABLE"
    (tmp_path / "cold").rename(tmp_path / "mnt" / "cold")
    take_in(config, range(6, 8), 100.0)
    assert move(config, tmp_path / "mnt" / "cold").files == 2
    assert meant(config, "cold")[1] == str(tmp_path / "mnt" / "cold")


def test_a_name_for_a_name_and_a_folder_for_a_tier_of_dl_toml_are_refused(config: Config, tmp_path: Path) -> None:
    config = replace(config, tiers={"cold": TierSettings(tmp_path / "c")})
    with pytest.raises(LakeError, match="--name is for a folder"):
        meant(config, "cold", "attic")
    with pytest.raises(LakeError, match=r"dl\.toml says"):
        meant(config, str(tmp_path / "elsewhere" / "cold"))
    assert meant(config, str(tmp_path / "c"))[0].name == "cold"


def test_a_tier_used_once_is_not_begun_anew_on_an_empty_mount_point(tmp_path: Path) -> None:
    config = old_lake(tmp_path / "lake")
    move(config, tmp_path / "cold", older_than_ns=365 * 86_400 * 10**9)
    (tmp_path / "cold").rename(tmp_path / "away")
    (tmp_path / "cold").mkdir()
    with pytest.raises(LakeError) as caught:
        move(config)
    assert caught.value.code == "E_TIER_UNAVAILABLE"
    assert list((tmp_path / "cold").iterdir()) == []
