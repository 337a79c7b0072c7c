"""A manifest that is newer, older, half made, or no manifest at all."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
import sqlite_utils

from lake.config import Config
from lake.errors import LakeError
from lake.manifest import Manifest, Writer
from lake.manifest.connection import APPLICATION_ID, VERSION
from lake.manifest.examine import STEPS
from lake.manifest.migrations import MIGRATIONS
from tests.manifests import commit, ingest, make_lake, new_file

VERSION_2 = Path(__file__).parent / "version2"


def config_at(root: Path) -> Config:
    (root / "data").mkdir(parents=True)
    return Config(root, root / "data", root / "manifest.db")


def test_the_version_is_the_number_of_migrations() -> None:
    pending = MIGRATIONS.pending(sqlite_utils.Database(memory=True))
    assert len(pending) == VERSION
    assert tuple(step.name for step in pending) == STEPS


@pytest.mark.parametrize("use", [Manifest.open, Manifest.create, Writer])
def test_a_newer_manifest_is_refused_naming_both_versions(tmp_path: Path, use: type) -> None:
    config = make_lake(tmp_path)
    connection = sqlite3.connect(config.manifest)
    connection.execute("PRAGMA user_version = 77")
    connection.close()
    with pytest.raises(LakeError) as caught:
        use(config)
    assert caught.value.code == "E_MANIFEST_TOO_NEW"
    assert "77" in caught.value.message
    assert str(VERSION) in caught.value.message


def test_an_older_manifest_is_migrated_when_it_is_opened(tmp_path: Path) -> None:
    config = config_at(tmp_path)
    db = sqlite_utils.Database(config.manifest)
    MIGRATIONS.apply(db, stop_before="m002_provenance")
    db.conn.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    db.conn.execute("PRAGMA user_version = 1")
    db.conn.execute("INSERT INTO runs VALUES ('old', 'ingest', 'refused', 1, 2, 3, 'h', 'b', 'dl', NULL, NULL)")
    db.conn.commit()
    db.close()
    with Manifest.open(config) as manifest:
        assert manifest.versions().found == VERSION
        assert [run.id for run in manifest.runs()] == ["old"]
    assert ingest(config, "march", new_file("2024-03-01")) == 1


def old_lake(root: Path) -> Config:
    """Lay out a lake as the program of manifest version 2 left it: three snapshots, their log, no data files."""
    config = config_at(root)
    config.log.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(VERSION_2 / "commits.jsonl", config.log)
    connection = sqlite3.connect(config.manifest)
    connection.executescript((VERSION_2 / "manifest.sql").read_text("utf-8"))
    connection.close()
    return config


def test_a_lake_of_version_2_keeps_its_files_and_its_hashes(tmp_path: Path) -> None:
    config = old_lake(tmp_path)
    log = config.log.read_bytes()
    with closing(sqlite3.connect(config.manifest)) as connection:
        before = connection.execute(
            "SELECT id, partition, part_start_ns, part_end_ns, path, sha256, content_hash, run_id FROM files"
        ).fetchall()
        assert len(before) == 5
    with Manifest.open(config) as manifest:
        assert manifest.versions().found == VERSION
        assert manifest.check_chain() == []
        assert manifest.check_integrity() == []
        after = [
            (f.id, f.partition, f.start_ns, f.end_ns, f.path, f.sha256, f.content_hash, f.run_id)
            for f in manifest.all_files()
        ]
        assert after == before
        assert [row.snapshot for row in manifest.history()] == [3, 2, 1]
        assert [list(manifest.plan(1, None, None, snapshot)) != [] for snapshot in (1, 2, 3)] == [True] * 3
    assert config.log.read_bytes() == log
    assert commit(config, new_file("2024-03-05")) == 4
    with Manifest.open(config) as manifest:
        assert manifest.check_chain() == []


def test_a_lake_of_version_2_that_was_damaged_is_found_damaged_still(tmp_path: Path) -> None:
    config = old_lake(tmp_path)
    with closing(sqlite3.connect(config.manifest)) as connection:
        connection.execute("UPDATE files SET rows = rows + 1 WHERE id = 2")
        connection.commit()
    with Manifest.open(config) as manifest:
        (finding,) = manifest.check_chain()
    assert "snapshot 1, file 2" in finding


@pytest.mark.parametrize("content", [b"", None], ids=["empty file", "migrations table only"])
def test_a_half_made_manifest_is_finished(tmp_path: Path, content: bytes | None) -> None:
    config = config_at(tmp_path)
    if content is None:
        db = sqlite_utils.Database(config.manifest)
        MIGRATIONS.ensure_migrations_table(db)
        db.close()
    else:
        config.manifest.write_bytes(content)
    with Manifest.open(config) as manifest:
        assert manifest.snapshot() == 0


def test_garbage_is_called_damage(tmp_path: Path) -> None:
    config = config_at(tmp_path)
    config.manifest.write_bytes(b"not a database" * 1000)
    for use in (Manifest.open, Manifest.create, Writer):
        with pytest.raises(LakeError) as caught:
            use(config)
        assert caught.value.code == "E_MANIFEST_DAMAGED"


def test_a_manifest_cut_short_is_called_damage(tmp_path: Path) -> None:
    config = make_lake(tmp_path)
    ingest(config, "march", *(new_file(f"2024-03-{day:02}") for day in range(1, 30)))
    content = config.manifest.read_bytes()
    config.manifest.write_bytes(content[:8192])
    with pytest.raises(LakeError) as caught, Manifest.open(config) as manifest:
        list(manifest.all_files())
    assert caught.value.code == "E_MANIFEST_DAMAGED"


def test_somebody_elses_database_is_left_alone(tmp_path: Path) -> None:
    config = config_at(tmp_path)
    connection = sqlite3.connect(config.manifest)
    connection.execute("CREATE TABLE contacts (name)")
    connection.close()
    before = config.manifest.read_bytes()
    with pytest.raises(LakeError, match="not a lake's manifest") as caught:
        Manifest.create(config)
    assert "contacts" in caught.value.why
    assert config.manifest.read_bytes() == before
