"""`dl backup` and `dl restore-backup`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import dl_datalake
from tests.rotten import flip
from tests.runs import Dl, only_file

if TYPE_CHECKING:
    from pathlib import Path

ROWS = 1419


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return tmp_path / "copy"


def test_a_lake_is_backed_up_and_made_again(dl: Dl, lake: Path, copy: Path, tmp_path: Path) -> None:
    bytes_stored = only_file(lake).stat().st_size
    data = dl("backup", copy, "--root", lake, "--json").data
    assert (data["snapshot"], data["files"], data["bytes"]) == (1, 1, bytes_stored)
    assert (data["copied"], data["removed"]) == ({"files": 1, "bytes": bytes_stored}, 0)
    assert (data["findings"], data["elsewhere"], data["tiers"]) == ([], {}, [])

    again = dl("backup", copy, "--root", lake)
    assert (again.status, again.out) == (
        0,
        f"{copy}: 1 file, {bytes_stored / 1000:.1f} kB; 0 of them, 0 B, copied now · snapshot 1\n",
    )

    made = dl("restore-backup", copy, "--to", tmp_path / "new", "--json").data
    assert (made["root"], made["lake"], made["snapshot"]) == (str(tmp_path / "new"), data["lake"], 1)
    assert (made["files"], made["chain"], made["set_aside"]) == (1, [], [])
    for root in (copy, tmp_path / "new"):
        assert dl("verify", "--root", root, "--json").data["clean"]
        with dl_datalake.open(root) as ours:
            assert ours.bars("BTCUSDT").count() == ROWS


def test_a_file_that_rotted_is_named_and_left_out(dl: Dl, lake: Path, copy: Path) -> None:
    victim = only_file(lake)
    flip(victim)
    ran = dl("backup", copy, "--root", lake, "--json")
    [found] = ran.data["findings"]
    assert (ran.status, ran.data["files"]) == (4, 0)
    assert (found["path"], found["copied"]) == (victim.relative_to(lake / "data").as_posix(), False)
    assert found["found"].startswith("sha256:")
    said = dl("backup", copy, "--root", lake)
    assert f"found     {found['path']}: {found['found']}; not copied" in said.err
    ran = dl("restore-backup", copy, "--to", copy.with_name("new"), "--json")
    assert (ran.status, [each["found"] for each in ran.data["findings"]]) == (4, ["missing"])


def test_a_lake_is_never_overwritten_unasked(dl: Dl, lake: Path, copy: Path) -> None:
    dl("backup", copy, "--root", lake)
    ran = dl("restore-backup", copy, "--root", lake, "--json")
    assert (ran.status, ran.error["code"]) == (12, "E_BACKUP")
    data = dl("restore-backup", copy, "--root", lake, "--force", "--json").data
    [aside] = data["set_aside"]
    assert (data["files"], data["copied"]["files"]) == (1, 0)
    assert aside.startswith(f"{lake}/manifest.db.before-")
    assert dl("verify", "--root", lake, "--json").data["clean"]


def test_what_is_no_backup_is_refused(dl: Dl, lake: Path, tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "nowhere", lake):
        ran = dl("restore-backup", folder, "--to", tmp_path / "new", "--json")
        assert (ran.status, ran.error["code"]) == (12, "E_BACKUP")
    for folder in (lake, lake / "data" / "copy", lake / "data"):
        ran = dl("backup", folder, "--root", lake, "--json")
        assert (ran.status, ran.error["code"]) == (12, "E_BACKUP")


def test_the_python_client_does_the_same(lake: Path, copy: Path) -> None:
    with dl_datalake.open(lake) as ours:
        assert ours.backup(copy).files.copied_files == 1
        assert ours.verify(max_bytes=1).files_ok == 1
        assert ours.verify(max_seconds=0.0).files_left == 1
    made = dl_datalake.Lake.restore_backup(copy, copy.with_name("new"))
    assert (made.ok, made.files.files) == (True, 1)
