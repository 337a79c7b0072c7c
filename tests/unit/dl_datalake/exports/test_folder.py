"""Files of an export get to their places together, or none does."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

import pytest

from dl_datalake import LakeError
from dl_datalake.exports.folder import Folder
from schemas.keys import Address

ONE, OTHER = (Address.of("KRAKEN", "SPOT", symbol, "bars", "1m") for symbol in ("ABC", "XYZ"))


def files(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


def test_nothing_is_seen_before_all_files_are_whole(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with Folder(out, tmp_path / "data", force=False) as folder:
        for name in ("a/one.csv", "b/two.csv"):
            with folder.file(PurePosixPath(name), ONE) as made:
                made.sink.write(b"text")
                made.saw(2, 5, 7)
        assert [name for name in files(out) if not name.startswith(".export-")] == []
        landed = folder.land()
    assert files(out) == ["a", "a/one.csv", "b", "b/two.csv"]
    assert [(each.rows, each.bytes, each.first_ns, each.last_ns) for each in landed] == [(2, 4, 5, 7)] * 2


def write_half(folder: Folder, stop: type[BaseException]) -> None:
    with folder, folder.file(PurePosixPath("one.csv"), ONE) as made:
        made.sink.write(b"half")
        raise stop


@pytest.mark.parametrize("stop", [KeyboardInterrupt, OSError])
def test_what_is_stopped_leaves_nothing(tmp_path: Path, stop: type[BaseException]) -> None:
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "one.csv").write_text("old")
    for place in (tmp_path / "new" / "deep", tmp_path / "old"):
        with pytest.raises(stop):
            write_half(Folder(place, tmp_path / "data", force=True), stop)
    assert files(tmp_path) == ["old", "old/one.csv"]
    assert (tmp_path / "old" / "one.csv").read_text() == "old"


def test_what_is_there_is_replaced_only_when_that_is_wanted(tmp_path: Path) -> None:
    (tmp_path / "one.csv").write_text("old")
    with (
        Folder(tmp_path, tmp_path / "data", force=False) as folder,
        pytest.raises(LakeError, match="is there already"),
        folder.file(PurePosixPath("one.csv"), ONE),
    ):
        pass
    with Folder(tmp_path, tmp_path / "data", force=True) as folder:
        with folder.file(PurePosixPath("one.csv"), ONE) as made:
            made.sink.write(b"new")
        folder.land()
    assert (tmp_path / "one.csv").read_text() == "new"
    assert files(tmp_path) == ["one.csv"]


def test_one_name_for_two_series_is_refused_with_both(tmp_path: Path) -> None:
    with Folder(tmp_path / "out", tmp_path / "data", force=True) as folder:
        with folder.file(PurePosixPath("one.csv"), ONE):
            pass
        with pytest.raises(LakeError, match=f"{ONE} and {OTHER} would be one file"):
            folder.file(PurePosixPath("one.csv"), OTHER).__enter__()
    assert files(tmp_path) == []


@pytest.mark.parametrize("name", ["data/one.csv", "data"])
def test_the_lakes_own_folder_is_no_place(tmp_path: Path, name: str) -> None:
    (tmp_path / "data").mkdir()
    with (
        Folder(tmp_path, tmp_path / "data", force=True) as folder,
        pytest.raises(LakeError, match="among the lake's own files"),
    ):
        folder.file(PurePosixPath(name), ONE).__enter__()
    with pytest.raises(LakeError, match="among the lake's own files"):
        Folder(tmp_path / "data" / "out", tmp_path / "data", force=True).__enter__()
    (tmp_path / "file").write_text("")
    with pytest.raises(LakeError, match="is no folder"):
        Folder(tmp_path / "file", tmp_path / "data", force=True).__enter__()
