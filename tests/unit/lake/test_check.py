from __future__ import annotations

import fcntl
import hashlib
import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lake import files
from lake.check import Damage, verify
from lake.errors import LakeError
from lake.manifest import Manifest
from tests.manifests import commit, live_ids, make_lake, new_file
from tests.rotten import overwrite

if TYPE_CHECKING:
    from lake.config import Config
    from lake.manifest import NewFile

FIRST = "BINANCE/SPOT/BTCUSDT/bars/1m/2024/03/01/a.parquet"
SECOND = "BINANCE/SPOT/BTCUSDT/bars/1m/2024/03/02/a.parquet"


def stored(config: Config, label: str, tag: str = "a", **facts: Any) -> NewFile:  # noqa: ANN401 -- any field of NewFile
    """Write a real Parquet file of three rows where the lake would, and say so."""
    file = new_file(label, tag=tag)
    path = config.data / file.path
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table({"ts": [1, 2, 3], "tag": [tag] * 3}), path)
    content = path.read_bytes()
    truth: dict[str, Any] = {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content), "rows": 3}
    return new_file(label, tag=tag, **truth | facts)


@pytest.fixture
def config(tmp_path: Path) -> Config:
    config = make_lake(tmp_path)
    commit(config, stored(config, "2024-03-01"), stored(config, "2024-03-02"))
    return config


def test_a_sound_lake_is_ok_and_its_files_are_marked(config: Config) -> None:
    seen: list[tuple[int, int, int]] = []
    report = verify(config, progress=lambda *counts: seen.append(counts))
    size = sum((config.data / path).stat().st_size for path in (FIRST, SECOND))
    assert report.ok
    assert (report.snapshot, report.files_ok, report.bytes) == (1, 2, size)
    assert (report.missing, report.damaged, report.chain) == ([], [], [])
    assert (report.orphans, report.interrupted) == ([], [])
    assert [counts[:2] for counts in seen] == [(1, 2), (2, 2)]
    assert seen[-1][2] == size
    with Manifest.open(config) as manifest:
        assert all(file.verified_at_ns for file in manifest.all_files())


def test_a_changed_byte_is_named_with_both_hashes(config: Config) -> None:
    path = config.data / FIRST
    expected = hashlib.sha256(path.read_bytes()).hexdigest()
    content = bytearray(path.read_bytes())
    content[40] ^= 1
    overwrite(path, content)
    report = verify(config)
    found = hashlib.sha256(content).hexdigest()
    assert not report.ok
    assert report.damaged == [Damage(FIRST, f"sha256:{expected}", f"sha256:{found}")]
    assert (report.files_ok, report.missing) == (1, [])
    with Manifest.open(config) as manifest:
        marked = {file.path: file.verified_at_ns is not None for file in manifest.all_files()}
    assert marked == {FIRST: False, SECOND: True}


def test_a_missing_file_is_named(config: Config) -> None:
    (config.data / SECOND).unlink()
    report = verify(config)
    assert not report.ok
    assert (report.missing, report.damaged) == ([SECOND], [])


def test_a_folder_that_is_gone_is_missing_files(config: Config) -> None:
    (config.data / "BINANCE").rename(config.root / "elsewhere")
    assert verify(config).missing == [FIRST, SECOND]


def test_superseded_files_are_checked_too(config: Config) -> None:
    commit(config, stored(config, "2024-03-01", "b", replaces=live_ids(config)["2024-03-01"]))
    (config.data / FIRST).unlink()
    assert verify(config).missing == [FIRST]


@pytest.mark.parametrize("moment", ["before it is opened", "when it is open", "when it is hashed"])
def test_a_file_that_is_replaced_meanwhile_is_no_damage(
    config: Config, moment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_it, hash_it = Path.open, hashlib.file_digest

    def opened(path: Path, *args: Any, **options: Any) -> Any:  # noqa: ANN401 -- as it is
        if path == config.data / FIRST and moment == "before it is opened":
            files.retire(config.data, [FIRST])
        stream = open_it(path, *args, **options)
        if path == config.data / FIRST and moment == "when it is open":
            files.retire(config.data, [FIRST])
        return stream

    def hashed(stream: Any, name: str) -> Any:  # noqa: ANN401 -- as it is
        digest = hash_it(stream, name)
        if moment == "when it is hashed":
            files.retire(config.data, [FIRST])
        return digest

    monkeypatch.setattr(Path, "open", opened)
    monkeypatch.setattr(hashlib, "file_digest", hashed)
    report = verify(config)
    assert (report.ok, report.files_ok, report.orphans) == (True, 2, [])
    assert not (config.data / FIRST).exists()


def test_files_the_manifest_does_not_name_are_listed_and_no_damage(config: Config) -> None:
    orphans = [FIRST.replace("a.parquet", "z.parquet"), "OKX/SPOT/BTC%2FUSDT/bars/1m/2024/03/01/.a.parquet.tmp"]
    for name in [*orphans, "README.md", "samples/binance/a.zip", "_log/notes.txt"]:
        path = config.data / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    report = verify(config)
    assert report.ok
    assert report.orphans == sorted(orphans)


def test_staged_files_of_dead_runs_are_listed_those_of_live_ones_are_not(config: Config) -> None:
    for run in ("dead", "alive"):
        folder = config.data / "_staging" / run
        folder.mkdir(parents=True)
        (folder / "lock").touch()
        (folder / "000001.parquet.tmp").touch()
    with (config.data / "_staging" / "alive" / "lock").open("rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        report = verify(config)
    assert report.ok
    assert report.orphans == ["_staging/dead/000001.parquet.tmp"]


def test_a_size_that_is_wrong_is_damage(config: Config) -> None:
    file = stored(config, "2024-03-03", bytes=17)
    commit(config, file)
    size = (config.data / file.path).stat().st_size
    assert verify(config).damaged == [Damage(file.path, "17 bytes", f"{size} bytes")]


def test_a_changed_row_of_the_manifest_is_a_finding_and_stops_the_marking(config: Config) -> None:
    connection = sqlite3.connect(config.manifest)
    connection.execute("UPDATE files SET last_ns = last_ns + 1 WHERE id = 1")
    connection.commit()
    connection.close()
    report = verify(config)
    assert not report.ok
    assert len(report.chain) == 1
    assert "last_ns" in report.chain[0]
    with Manifest.open(config) as manifest:
        assert not any(file.verified_at_ns for file in manifest.all_files())


def test_a_manifest_in_pieces_is_a_finding_not_a_crash(config: Config) -> None:
    content = bytearray(config.manifest.read_bytes())
    content[4096:] = b"\xff" * (len(content) - 4096)
    config.manifest.write_bytes(content)
    report = verify(config)
    assert not report.ok
    assert report.chain


def test_a_lake_that_cannot_be_written_to_can_be_verified(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise LakeError("STORAGE", "attempt to write a readonly database")

    monkeypatch.setattr("lake.manifest.verified.mark", refuse)
    assert verify(config).ok


def test_an_empty_lake_is_ok(tmp_path: Path) -> None:
    report = verify(make_lake(tmp_path))
    assert (report.ok, report.snapshot, report.files_ok) == (True, 0, 0)
