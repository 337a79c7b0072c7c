"""Folders and archives taken in: each data member a source of its own, and nothing done twice."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import tarfile
import zipfile
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lake import sources as reading
from lake.errors import LakeError
from lake.ingest import IngestReport, IngestRequest, Progress, ingest
from lake.layout import STAGING
from lake.manifest import Manifest
from tests.manifests import make_lake

if TYPE_CHECKING:
    from pathlib import Path

    from lake.config import Config
    from lake.sources import Plan, SourceFile, SourceOptions

DAYS = range(1, 13)


def bars(day: int, close: float = 101.0) -> bytes:
    lines = [f"2024-03-{day:02}T00:{minute:02}:00Z,100,105,99,{close},{minute}" for minute in range(30)]
    return "\n".join(["ts,open,high,low,close,volume", *lines, ""]).encode()


@pytest.fixture
def lake(tmp_path: Path) -> Config:
    return make_lake(tmp_path / "lake")


def take(lake: Config, *sources: object, **words: object) -> IngestReport:
    names = {"exchange": "X", "symbol": "Y"} | words
    return ingest(lake, IngestRequest(sources=tuple(map(str, sources)), **names))  # type: ignore[arg-type]  # a request's own words


def tar(path: Path, files: dict[str, bytes], mode: str = "w:gz") -> Path:
    with tarfile.open(path, mode) as archive:  # type: ignore[call-overload]  # the mode is no literal
        for name, data in files.items():
            header = tarfile.TarInfo(name)
            header.size, header.mtime = len(data), 1_710_340_200
            archive.addfile(header, io.BytesIO(data))
    return path


def test_each_member_is_a_source_with_its_own_hash_run_and_commit(lake: Config, tmp_path: Path) -> None:
    path = tar(tmp_path / "all.tar.gz", {f"sub/{day}.csv": bars(day) for day in DAYS})
    report = take(lake, path)
    assert [file.source for file in report.files] == [f"{path}/sub/{day}.csv" for day in DAYS]
    assert [file.sha256 for file in report.files] == [hashlib.sha256(bars(day)).hexdigest() for day in DAYS]
    assert [file.snapshot for file in report.files] == list(range(1, 13))
    assert {file.rows["new"] for file in report.files} == {30}
    again = take(lake, path)
    assert [file.status for file in again.files] == ["unchanged"] * 12
    assert again.snapshot == report.snapshot == 12


def test_members_and_loose_files_of_the_same_bytes_are_one_source(lake: Config, tmp_path: Path) -> None:
    folder = tmp_path / "loose"
    folder.mkdir()
    for day in (1, 2):
        (folder / f"{day}.csv.gz").write_bytes(gzip.compress(bars(day), mtime=0))
    take(lake, tar(tmp_path / "all.tar", {p.name: p.read_bytes() for p in sorted(folder.iterdir())}, "w"))
    assert [file.status for file in take(lake, folder).files] == ["unchanged", "unchanged"]


def test_an_archive_of_one_member_has_its_own_hash_and_is_unchanged_again(lake: Config, tmp_path: Path) -> None:
    path = tar(tmp_path / "one.tar.xz", {"a.csv": bars(1)}, "w:xz")
    [first] = take(lake, path).files
    assert (first.source, first.sha256) == (str(path), hashlib.sha256(path.read_bytes()).hexdigest())
    assert [file.status for file in take(lake, path).files] == ["unchanged"]


def test_a_member_that_is_refused_stops_no_other_and_has_its_run(lake: Config, tmp_path: Path) -> None:
    path = tar(tmp_path / "x.tar.gz", {"1.csv": bars(1), "page.csv": b"<html>gone</html>", "2.csv": bars(2)})
    report = take(lake, path)
    assert [file.rows["new"] for file in report.files] == [30, 30]
    [error] = report.errors
    assert (error.code, error.where) == ("E_FORMAT_UNKNOWN", f"{path}/page.csv")
    with Manifest.open(lake) as manifest:
        assert sorted(run.status for run in manifest.runs()) == ["ok", "ok", "refused"]


def test_an_archive_that_breaks_off_keeps_what_came_before(lake: Config, tmp_path: Path) -> None:
    path = tar(tmp_path / "x.tar.gz", {"1.csv": bars(1), "2.csv": bars(2), "noise.csv": os.urandom(1 << 20)})
    path.write_bytes(path.read_bytes()[:-1000])
    report = take(lake, path)
    assert [file.source for file in report.files] == [f"{path}/1.csv", f"{path}/2.csv"]
    assert [error.code for error in report.errors] == ["E_SOURCE_UNREADABLE"]
    assert report.snapshot == 2


def test_a_lone_archive_without_data_raises(lake: Config, tmp_path: Path) -> None:
    with pytest.raises(LakeError, match="holds no data file"):
        take(lake, tar(tmp_path / "x.tar", {".hidden": b"x"}, "w"))


@pytest.mark.parametrize("count", [1, 2])
def test_parquet_in_an_archive_is_read(lake: Config, tmp_path: Path, count: int) -> None:
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        for day in range(1, count + 1):
            lines = [line.split(",") for line in bars(day).decode().splitlines()]
            file = io.BytesIO()
            pq.write_table(pa.table({name: [line[i] for line in lines[1:]] for i, name in enumerate(lines[0])}), file)
            archive.writestr(f"{day}.parquet", file.getvalue())
    report = take(lake, tmp_path / "x.zip")
    assert [(file.dialect, file.rows["new"]) for file in report.files] == [("parquet", 30)] * count
    assert [file.status for file in take(lake, tmp_path / "x.zip").files] == ["unchanged"] * count


def test_nothing_of_an_archive_stays_in_the_staging_folder(lake: Config, tmp_path: Path) -> None:
    take(lake, tar(tmp_path / "x.tar.gz", {"1.csv": bars(1), "large.bin": os.urandom(5 << 20)}))
    assert [path.name for path in (lake.data / STAGING).iterdir() if not path.name.startswith(".")] == []


# ---- again -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "vendor"
    folder.mkdir()
    for day in DAYS:
        (folder / f"{day:02}.csv").write_bytes(bars(day))
    return folder


def looked_into(lake: Config, monkeypatch: pytest.MonkeyPatch, *sources: object, **words: object) -> list[str]:
    """Take sources in and return the names of those that were looked into."""
    seen: list[str] = []
    detect = reading.detect

    def look(source: SourceFile, options: SourceOptions) -> Plan:
        seen.append(source.place.name)
        return detect(source, options)

    with monkeypatch.context() as patch:
        patch.setattr(reading, "detect", look)
        take(lake, *sources, **words)
    return seen


def test_what_is_in_is_passed_over_by_its_hash_alone(
    lake: Config, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    every = sorted(path.name for path in folder.iterdir())
    assert looked_into(lake, monkeypatch, folder) == every
    assert looked_into(lake, monkeypatch, folder) == every[:8]
    (folder / "12.csv").write_bytes(bars(12, close=102.0))
    assert looked_into(lake, monkeypatch, folder) == [*every[:8], "12.csv"]


@pytest.mark.parametrize("words", [{"symbol": "Z"}, {"market": "FX"}, {"tz": "Europe/Berlin"}, {"end_ns": 10**18}])
def test_what_is_asked_in_another_way_is_looked_into(
    lake: Config, folder: Path, monkeypatch: pytest.MonkeyPatch, words: dict[str, object]
) -> None:
    take(lake, folder)
    assert len(looked_into(lake, monkeypatch, folder, **words)) == 12


def test_the_same_bytes_under_another_name_are_looked_into(
    lake: Config, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    take(lake, folder)
    folder.rename(folder.with_name("other"))
    assert len(looked_into(lake, monkeypatch, folder.with_name("other"))) == 12


def test_what_was_rolled_back_or_is_read_by_other_readers_is_looked_into(
    lake: Config, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    take(lake, folder)
    monkeypatch.setattr("lake.ingest.known._readers", lambda: "of tomorrow")
    assert len(looked_into(lake, monkeypatch, folder)) == 12


def test_a_checksum_that_came_later_is_held_against_the_file(lake: Config, folder: Path) -> None:
    take(lake, folder)
    (folder / "11.csv.CHECKSUM").write_text("0" * 64 + "  11.csv\n")
    report = take(lake, folder)
    assert [error.code for error in report.errors] == ["E_SOURCE_CHECKSUM"]
    assert (len(report.files), report.ignored) == (11, {"checksum": 1})


def test_progress_counts_all_files_and_ends_at_all_bytes(lake: Config, folder: Path) -> None:
    archive = tar(folder / "99.tar.gz", {f"{day}.csv": bars(day, 103.0) for day in DAYS})
    (folder / "50-page.csv").write_text("<html>")
    total = sum(path.stat().st_size for path in folder.iterdir())
    for _ in ("new", "again"):
        seen: list[Progress] = []
        ingest(lake, IngestRequest(sources=(str(folder),), exchange="X", symbol="Y"), progress=seen.append)
        assert {(at.files, at.all_total) for at in seen} == {(14, total)}
        assert [at.all_done for at in seen] == sorted(at.all_done for at in seen)
        assert {at.file for at in seen} == set(range(1, 15))
        assert {at.source for at in seen if at.file == 14} == {f"{archive}/{day}.csv" for day in DAYS}
        assert total * 0.8 < seen[-1].all_done <= total
