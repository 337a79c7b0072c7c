"""A row of the manifest that something other than a commit changed: SQLite finds nothing wrong, the chain does."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

import pytest

from lake.manifest import CheckRecord, Instrument, LedgerRecord, Manifest, QuarantineRecord
from tests.manifests import BTC, commit, ingest, live_ids, make_lake, new_file

if TYPE_CHECKING:
    from pathlib import Path

    from lake.config import Config

# What may change without a commit, or follows from the rest.
FREE = {
    "runs": {"status", "ended_ns", "error", "snapshot"},
    "files": {"verified_at_ns"},
    "lake": {"created_ns"},
    "quarantine": {"id"},
    "checks": {"id"},
}
TABLES = [
    "checks",
    "files",
    "ingest_partitions",
    "ingests",
    "lake",
    "ledger",
    "lineage",
    "quarantine",
    "runs",
    "series",
    "snapshots",
    "sources",
]


@pytest.fixture
def config(tmp_path: Path) -> Config:
    """A lake in which every table has rows and no column is always null."""
    config = make_lake(tmp_path)
    ingest(
        config,
        "march",
        new_file("2024-03-01", upstreams=(1,)),
        instruments={BTC: Instrument("BTCUSDT", tick_size=0.01)},
        ledger=LedgerRecord(read=2, new=1, quarantined=1, rejected={"off_grid": 1}),
        quarantine=[QuarantineRecord(7, "off_grid", "d", "raw")],
        checks=[CheckRecord(BTC, "2024-03-01", "rows", passed=True)],
    )
    replaced = live_ids(config)["2024-03-01"]
    changed = [(BTC, "2024-03-01")]
    commit(config, new_file("2024-03-01", tag="b", replaces=replaced), corrected=changed)
    return config


def test_a_flipped_bit_in_a_row_is_found_although_sqlite_finds_nothing(config: Config) -> None:
    content = config.manifest.read_bytes()
    path = f"{BTC}/2024/03/01/b.parquet"
    with Manifest.open(config) as manifest:
        (file,) = (file for file in manifest.all_files() if file.path == path)
    # The content hash stands in no index, so no other copy of it can disagree.
    place = content.find(file.content_hash.encode())
    flipped = bytearray(content)
    flipped[place] ^= 1
    assert content.count(file.content_hash.encode()) == 1
    config.manifest.write_bytes(flipped)
    with Manifest.open(config) as manifest:
        assert manifest.check_integrity() == []
        (finding,) = manifest.check_chain()
    found = chr(flipped[place]) + file.content_hash[1:]
    assert finding == (
        f"snapshot 2, file {file.id} ({path}): content_hash is {found!r} in the manifest, "
        f"{file.content_hash!r} in the log"
    )


def test_the_untouched_lake_has_no_findings(config: Config) -> None:
    with Manifest.open(config) as manifest:
        assert manifest.check_chain() == []
        assert manifest.check_integrity() == []


@pytest.mark.parametrize("table", TABLES)
def test_no_column_can_change_unnoticed(config: Config, table: str) -> None:
    content = config.manifest.read_bytes()
    connection = sqlite3.connect(config.manifest)
    columns = connection.execute(f"PRAGMA table_info({table})").fetchall()
    connection.close()
    unnoticed = set()
    for _, column, kind, *_ in columns:
        connection = sqlite3.connect(config.manifest)
        connection.execute("PRAGMA ignore_check_constraints = ON")
        changed = f"{column} || 'x'" if kind == "TEXT" else f"coalesce({column}, 0) + 1000"
        connection.execute(f"UPDATE {table} SET {column} = {changed}")  # noqa: S608 -- names of our own tables
        connection.commit()
        connection.close()
        with Manifest.open(config) as manifest:
            if not manifest.check_chain() and not manifest.check_integrity():
                unnoticed.add(column)
        config.manifest.write_bytes(content)
    assert unnoticed <= FREE.get(table, set())


def test_a_row_that_was_slipped_in_is_found(config: Config) -> None:
    connection = sqlite3.connect(config.manifest)
    connection.execute(
        """INSERT INTO files SELECT 99, series_id, '2024-03-09', part_start_ns + 1, part_end_ns + 1, 'x', rows, bytes,
        first_ns, last_ns, sha256, content_hash, 1, tier, unproven, NULL, run_id, from_snapshot, NULL, NULL
        FROM files WHERE to_snapshot IS NULL"""
    )
    connection.commit()
    connection.close()
    with Manifest.open(config) as manifest:
        assert manifest.check_chain() == ["snapshot 2: file 99 (x) is only in the manifest"]


def test_a_lost_newest_commit_is_told_from_an_older_one_lost(config: Config) -> None:
    commit(config, new_file("2024-03-02"))
    connection = sqlite3.connect(config.manifest)
    for table, column in (("files", "from_snapshot"), ("snapshots", "id")):
        connection.execute(f"DELETE FROM {table} WHERE {column} = 2")  # noqa: S608 -- the two names above
    connection.commit()
    connection.close()
    with Manifest.open(config) as manifest:
        findings = manifest.check_chain()
    assert "snapshot 3 follows snapshot 1: the snapshots between are lost" in findings
    assert any("snapshot 2" in text and "the manifest lost it" in text for text in findings)
