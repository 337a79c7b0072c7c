"""A manifest that is newer, older, half made, or no manifest at all."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

import pytest
import sqlite_utils

from lake.config import Config
from lake.errors import LakeError
from lake.manifest import Manifest, Writer
from lake.manifest.connection import APPLICATION_ID, VERSION
from lake.manifest.migrations import MIGRATIONS
from tests.manifests import ingest, make_lake, new_file

if TYPE_CHECKING:
    from pathlib import Path


def config_at(root: Path) -> Config:
    (root / "data").mkdir(parents=True)
    return Config(root, root / "data", root / "manifest.db")


def test_the_version_is_the_number_of_migrations() -> None:
    assert len(MIGRATIONS.pending(sqlite_utils.Database(memory=True))) == VERSION


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
