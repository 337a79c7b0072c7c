"""From paths, folders and globs to the files that are read."""

from __future__ import annotations

import os
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from lake.errors import LakeError
from lake.sources import expand
from tests.source_files import write

if TYPE_CHECKING:
    from pathlib import Path


def names(root: Path, *patterns: str) -> list[str]:
    return [path.relative_to(root).as_posix() for path in expand([f"{root}/{pattern}" for pattern in patterns]).files]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    root = tmp_path / "vendor"
    for name in (
        "b/2.csv",
        "b/1.csv",
        "a/x/3.csv.gz",
        "0.zip",
        "0.zip.CHECKSUM",
        "b/1.csv.part",
        ".git/config",
        "b/.x",
    ):
        write(root / name, "x")
    return root


def test_a_folder_is_walked_in_sorted_order_and_what_is_no_data_is_counted(tree: Path) -> None:
    assert names(tree, ".") == ["0.zip", "a/x/3.csv.gz", "b/1.csv", "b/2.csv"]
    assert expand([str(tree)]).ignored == Counter({"hidden": 2, "checksum": 1, "unfinished": 1})


def test_globs_name_files_and_two_stars_any_depth(tree: Path) -> None:
    assert names(tree, "*") == ["0.zip"]
    assert names(tree, "b/*") == ["b/1.csv", "b/2.csv"]
    assert names(tree, "**/*.csv*") == ["a/x/3.csv.gz", "b/1.csv", "b/2.csv"]
    assert names(tree, "**") == ["0.zip", "a/x/3.csv.gz", "b/1.csv", "b/2.csv"]
    assert expand([f"{tree}/b/*"]).ignored == {"unfinished": 1}


def test_a_file_is_named_once_however_often_it_is_named_and_its_own_name_always_counts(tree: Path) -> None:
    assert names(tree, "b", "b/*", "b/1.csv") == ["b/1.csv", "b/2.csv"]
    assert names(tree, "b/1.csv.part", "b/.x") == ["b/.x", "b/1.csv.part"]
    found = expand([str(tree / "b"), str(tree / "b" / "1.csv.part")])
    assert (len(found.files), found.ignored) == (3, {"hidden": 1})


def test_brackets_in_a_files_own_name_are_no_glob(tree: Path) -> None:
    write(tree / "[1].csv", "x")
    assert names(tree, "[1].csv") == ["[1].csv"]


def test_links_are_followed_inside_the_folder_only(tree: Path, tmp_path: Path) -> None:
    write(tmp_path / "outside.csv", "x")
    (tree / "out.csv").symlink_to(tmp_path / "outside.csv")
    (tree / "in.csv").symlink_to("b/1.csv")
    (tree / "gone.csv").symlink_to("nowhere.csv")
    (tree / "a" / "loop").symlink_to(tree)
    (tree / "linked").symlink_to(tree / "b")
    os.mkfifo(tree / "pipe.csv")
    assert names(tree, ".") == ["0.zip", "a/x/3.csv.gz", "b/1.csv", "b/2.csv", "in.csv"]
    ignored = expand([str(tree)]).ignored
    assert (ignored["link"], ignored["no file"]) == (4, 1)
    assert names(tree, "**/*.csv") == ["b/1.csv", "b/2.csv", "in.csv", "out.csv"]
    (tmp_path / "by-link").symlink_to(tree)
    assert names(tmp_path, "by-link") == [f"by-link/{name}" for name in names(tree, ".")]


def test_a_folder_or_glob_without_data_is_refused(tree: Path) -> None:
    write(tree / "empty" / ".hidden", "x")
    for nothing, what in (("empty", "holds no data file"), ("*.txt", "names no file"), ("no.csv", "names no file")):
        with pytest.raises(LakeError, match=what) as refusal:
            expand([str(tree / "b" / "1.csv"), f"{tree}/{nothing}"])
        assert refusal.value.code == "E_SOURCE_NOT_FOUND"


def test_a_folder_that_cannot_be_listed_is_no_empty_folder(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    listed = os.scandir

    def scandir(path: str) -> object:
        if str(path).endswith("/b"):
            raise PermissionError(13, "Permission denied", str(path))
        return listed(path)

    monkeypatch.setattr(os, "scandir", scandir)
    with pytest.raises(LakeError) as refusal:
        expand([str(tree)])
    assert refusal.value.code == "E_SOURCE_UNREADABLE"
    assert refusal.value.where == str(tree / "b")


def test_names_that_are_no_text_are_walked_too(tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"ordn\xe9") / os.fsdecode(b"\xff.csv")
    write(path, "x")
    assert expand([str(tmp_path)]).files == [path]


def test_what_a_lake_stores_is_left_out_and_what_lies_beside_it_is_taken(tmp_path: Path) -> None:
    for name in (
        "manifest.db",
        "manifest.db-journal",
        "dialects/mine.toml",
        "data/_log/1.json",
        "data/X/SPOT/S/bars/1m/2024/03/01/a.parquet",
        "data/samples/b.csv",
        "vendor/data/c.parquet",
        "d.csv",
    ):
        write(tmp_path / name, "x")
    taken = ["d.csv", "data/samples/b.csv", "vendor/data/c.parquet"]
    assert names(tmp_path, ".") == names(tmp_path, "**") == taken
    assert expand([str(tmp_path)]).ignored == {"lake": 5}
    assert names(tmp_path, "data") == ["data/samples/b.csv"]
    assert names(tmp_path, "data/X/SPOT/S/bars/1m/2024/03/01/a.parquet")
