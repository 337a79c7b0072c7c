"""Folders and archives on the command line: what is read, what is left out, what is refused, and going on."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import tarfile
import time
import zipfile
from typing import TYPE_CHECKING

import pytest

from tests.runs import REPO, Dl

if TYPE_CHECKING:
    from pathlib import Path

WORDS = ("--exchange", "TEST", "--symbol", "ABC")


def bars(day: int) -> str:
    lines = [f"2024-03-{day:02}T00:{minute:02}:00Z,100,105,99,101,{minute}\n" for minute in range(60)]
    return "ts,open,high,low,close,volume\n" + "".join(lines)


@pytest.fixture
def root(tmp_path: Path, dl: Dl) -> Path:
    """Return an empty lake."""
    root = tmp_path / "lake"
    assert dl("init", "--root", root).status == 0
    return root


@pytest.fixture
def vendor(tmp_path: Path) -> Path:
    """Return a folder of files, folders and an archive."""
    folder = tmp_path / "vendor"
    (folder / "2024").mkdir(parents=True)
    (folder / "2024" / "01.csv").write_text(bars(1))
    (folder / "2024" / "01.csv.md5").write_text("x")
    (folder / "2024" / "02.csv.part").write_text("ts,op")
    with zipfile.ZipFile(folder / "more.zip", "w") as archive:
        for day in (3, 4):
            archive.writestr(f"{day:02}.csv", bars(day))
        archive.writestr("__MACOSX/._03.csv", "x")
    return folder


def test_a_folder_is_taken_in_and_what_is_no_data_is_told(dl: Dl, root: Path, vendor: Path) -> None:
    ran = dl("ingest", "--source", vendor, *WORDS, "--root", root, "--json")
    assert ran.status == 0
    assert [file["source"] for file in ran.data["files"]] == [
        str(vendor / "2024" / "01.csv"),
        str(vendor / "more.zip" / "03.csv"),
        str(vendor / "more.zip" / "04.csv"),
    ]
    assert ran.data["ignored"] == {"checksum": 1, "unfinished": 1, "hidden": 1}
    told = dl("ingest", "--source", vendor, *WORDS, "--root", root)
    assert told.status == 0
    assert told.out.count("already in the lake") == 3
    assert "3 files beside the data left out: checksum: 1, unfinished: 1, hidden: 1" in told.err


def test_several_sources_and_globs_of_any_depth(dl: Dl, root: Path, vendor: Path) -> None:
    every, pack = f"{vendor}/**/*.csv", vendor / "more.zip"
    ran = dl("ingest", "--source", every, "--source", pack, *WORDS, "--root", root, "--json")
    assert [file["rows"]["new"] for file in ran.data["files"]] == [60, 60, 60]


def test_refused_files_are_named_one_by_one_and_the_rest_is_in(dl: Dl, root: Path, vendor: Path) -> None:
    (vendor / "page.csv").write_text("<html>not found</html>")
    (vendor / "cut.csv.gz").write_bytes(b"\x1f\x8b\x08\x00")
    ran = dl("ingest", "--source", vendor, *WORDS, "--root", root, "--json")
    assert ran.status == 3
    assert [(each["code"], each["where"]) for each in ran.data["refused"]] == [
        ("E_SOURCE_UNREADABLE", str(vendor / "cut.csv.gz")),
        ("E_FORMAT_UNKNOWN", str(vendor / "page.csv")),
    ]
    assert len(ran.data["files"]) == 3


def test_a_folder_without_data_is_not_found(dl: Dl, root: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    ran = dl("ingest", "--source", tmp_path / "empty", *WORDS, "--root", root, "--json")
    assert ran.error["code"] == "E_SOURCE_NOT_FOUND"


def test_a_members_name_cannot_spoil_the_terminal(dl: Dl, root: Path, tmp_path: Path) -> None:
    path = tmp_path / "x.tar"
    with tarfile.open(path, "w") as archive:
        for name, text in (("\x1b[2Jgone\u202e.csv", bars(1)), ("two\nlines.csv", bars(2))):
            header = tarfile.TarInfo(name)
            header.size = len(text)
            archive.addfile(header, io.BytesIO(text.encode()))
    ran = dl("ingest", "--source", path, *WORDS, "--root", root)
    assert ran.status == 0
    assert f"{path}/\\x1b[2Jgone\\u202e.csv" in ran.out
    assert f"{path}/two\\nlines.csv" in ran.out
    assert all(line.isprintable() for line in (ran.out + ran.err).splitlines())


def test_progress_tells_of_all_files(root: Path, vendor: Path) -> None:
    program = (
        "import dl_datalake.output as output; output._PROGRESS_EVERY_S = 0.0; "
        "from dl_datalake.cli import main; import sys; sys.argv[0] = 'dl'; main()"
    )
    words = ["ingest", "--source", str(vendor), *WORDS, "--root", str(root)]
    done = subprocess.run([sys.executable, "-c", program, *words], cwd=REPO, capture_output=True, text=True, check=True)
    lines = [line for line in done.stderr.splitlines() if " of 2 files, " in line]
    percents = [int(line.split("%")[0]) for line in lines]
    assert percents == sorted(percents)
    assert percents[-1] <= 100
    assert any("2 of 2 files" in line and "more.zip/04.csv" in line for line in lines)
    assert all("s left" in line for line in lines if not line.strip().startswith("0%"))


def test_a_run_that_was_killed_goes_on_where_it_stopped(dl: Dl, root: Path, tmp_path: Path) -> None:
    path = tmp_path / "all.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        for day in range(1, 29):
            text = bars(day).encode()
            header = tarfile.TarInfo(f"{day:02}.csv")
            header.size = len(text)
            archive.addfile(header, io.BytesIO(text))
    words = ["ingest", "--source", str(path), *WORDS, "--root", str(root)]
    process = subprocess.Popen([sys.executable, "-m", "dl_datalake.cli", *words, "-q"], cwd=REPO)
    deadline = time.monotonic() + 60
    while len(list((root / "data").rglob("*.parquet"))) < 5:
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.005)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    ran = dl(*words, "--json")
    assert ran.status == 0
    statuses = [file["status"] for file in ran.data["files"]]
    assert statuses == sorted(statuses, reverse=True)  # unchanged ones, then committed ones
    assert statuses.count("unchanged") >= 4
    assert len(statuses) == 28
    assert dl("verify", "--root", root).status == 0
    assert [file["status"] for file in dl(*words, "--json").data["files"]] == ["unchanged"] * 28
