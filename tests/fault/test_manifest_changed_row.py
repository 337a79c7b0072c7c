"""A row of the manifest that something other than a commit changed: SQLite finds nothing wrong, the chain does."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

import pytest

from lake.manifest import (
    CheckRecord,
    Instrument,
    LedgerRecord,
    Manifest,
    NewDerivation,
    NewMove,
    NewPart,
    NewTier,
    QuarantineRecord,
)
from lake.manifest.writer import CAUSE
from schemas.keys import Partition
from tests.manifests import BTC, HOURLY, commit, ingest, live_ids, make_lake, new_file

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
    "moves": {"hot_gone"},
    "derivations": {"suspect"},
}
TABLES = [
    "checks",
    "derivations",
    "files",
    "ingest_partitions",
    "ingests",
    "lake",
    "ledger",
    "lineage",
    "moves",
    "parts",
    "quarantine",
    "runs",
    "series",
    "snapshots",
    "sources",
    "tiers",
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
    month = Partition.parse("2024-03")
    inputs = new_file("2024-03-01", tag="b").content_hash
    made = NewDerivation(HOURLY, "2024-03", BTC, month.start_ns, month.end_ns, inputs, "1", 1, "{}", month.end_ns)
    commit(config, new_file("2024-03", address=HOURLY), derivations=[made])
    replaced = live_ids(config, HOURLY)["2024-03"]
    commit(config, new_file("2024-03", address=HOURLY, tag="b", replaces=replaced), derivations=[made])
    part = NewPart("2024-02-05", 7, 8, 9, new_file("2024-02-05").content_hash)
    token = CAUSE.set("prefect:1")
    commit(config, new_file("2024-02", parts=(part,)), operation="seal")
    CAUSE.reset(token)
    moves = [NewMove(live_ids(config)["2024-02"], "cold")]
    commit(config, tiers=[NewTier("cold", "directory", "/mnt/cold")], moves=moves)
    return config


def test_a_flipped_bit_in_a_row_is_found_although_sqlite_finds_nothing(config: Config) -> None:
    path = new_file("2024-04-01", tag="once").path
    snapshot = commit(config, new_file("2024-04-01", tag="once"))
    content = config.manifest.read_bytes()
    with Manifest.open(config) as manifest:
        (file,) = (file for file in manifest.all_files() if file.path == path)
    # The content hash stands in no index, so no other copy of it can disagree.
    stored = bytes.fromhex(file.content_hash.removeprefix("rows128:"))
    place = content.find(stored)
    flipped = bytearray(content)
    flipped[place] ^= 1
    assert content.count(stored) == 1
    config.manifest.write_bytes(flipped)
    with Manifest.open(config) as manifest:
        assert manifest.check_integrity() == []
        (finding,) = manifest.check_chain()
    found = f"rows128:{flipped[place]:02x}{stored[1:].hex()}"
    assert finding == (
        f"snapshot {snapshot}, file {file.id} ({path}): content_hash is {found!r} in the manifest, "
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
        """INSERT INTO files SELECT 99, series_id, start_day + 8, end_day + 8, 'x', rows, bytes, first_ns, last_ns, sha,
        content, 1, tier, unproven, NULL, from_snapshot, NULL, NULL FROM files WHERE id = 2"""
    )
    connection.commit()
    connection.close()
    with Manifest.open(config) as manifest:
        assert manifest.check_chain() == [f"snapshot 2: file 99 ({BTC}/2024/03/09/x) is only in the manifest"]


@pytest.mark.parametrize("table", ["files", "derivations"])
def test_what_ended_with_a_snapshot_that_never_was_is_found(config: Config, table: str) -> None:
    connection = sqlite3.connect(config.manifest)
    ended = f"UPDATE {table} SET to_snapshot = 999 WHERE id = (SELECT max(id) FROM {table} WHERE to_snapshot IS NULL)"  # noqa: S608 -- two names
    assert connection.execute(ended).rowcount == 1
    connection.commit()
    connection.close()
    with Manifest.open(config) as manifest:
        (finding,) = manifest.check_chain()
    assert finding.startswith(f"{table} ")
    assert finding.endswith("has to_snapshot 999, and the last snapshot is 6")


def test_a_stale_partition_whose_mark_was_taken_away_is_found(config: Config) -> None:
    commit(config, new_file("2024-03-01", tag="c", replaces=live_ids(config)["2024-03-01"]))
    connection = sqlite3.connect(config.manifest)
    assert connection.execute("UPDATE derivations SET suspect = 0 WHERE suspect").rowcount == 1
    connection.commit()
    connection.close()
    with Manifest.open(config) as manifest:
        assert manifest.check_chain() == [
            "derivation 2 is marked as up to date; what it was made from is stored otherwise now"
        ]


def test_a_series_that_no_snapshot_made_is_found(config: Config) -> None:
    connection = sqlite3.connect(config.manifest)
    connection.execute("INSERT INTO series SELECT 99, 'X/Y/Z/bars/1m', 'X', 'Y', 'Z', 'bars', '1m', '', NULL, 0, '', 8")
    connection.commit()
    connection.close()
    with Manifest.open(config) as manifest:
        assert manifest.check_chain() == ["series 99 has created_snapshot 8, and the last snapshot is 6"]


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
