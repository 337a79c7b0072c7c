from __future__ import annotations

import hashlib
import json
import os
import sqlite3
import time
from typing import TYPE_CHECKING, Any

import pytest

from lake.errors import LakeError
from lake.manifest import (
    AlreadyIngested,
    Change,
    CheckRecord,
    Conflict,
    Instrument,
    LedgerRecord,
    Manifest,
    QuarantineRecord,
    Writer,
    new_run,
)
from schemas.keys import Address
from tests.manifests import BTC, ETH, commit, ingest, live_ids, make_lake, new_file

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from lake.config import Config


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return make_lake(tmp_path)


def counts(config: Config) -> dict[str, int]:
    """Count the rows of every table but the runs', by SQL of our own."""
    connection = sqlite3.connect(config.manifest)
    try:
        names = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {
            name: connection.execute(f"SELECT count(*) FROM {name}").fetchone()[0]  # noqa: S608 -- names of our tables
            for name in names
            if name != "runs"
        }
    finally:
        connection.close()


def test_nothing_is_written_when_one_partition_of_several_was_lost(config: Config) -> None:
    ingest(config, "march", new_file("2024-03-01"), new_file("2024-03-02"))
    ids = live_ids(config)
    before = counts(config), config.log.read_bytes()
    with pytest.raises(Conflict) as caught:
        ingest(
            config,
            "april",
            new_file("2024-03-01", tag="b", replaces=ids["2024-03-01"]),
            new_file("2024-03-02", tag="b", replaces=ids["2024-03-01"]),
            new_file("2024-03-03", tag="b", replaces=ids["2024-03-02"]),
            new_file("2024-03-01", tag="b", address=ETH, replaces=1),
        )
    assert caught.value.partitions == [(BTC, "2024-03-02"), (BTC, "2024-03-03"), (ETH, "2024-03-01")]
    assert (counts(config), config.log.read_bytes()) == before
    assert live_ids(config) == ids


def test_a_partition_that_came_into_being_meanwhile_is_a_conflict(config: Config) -> None:
    commit(config, new_file("2024-03-01"))
    with pytest.raises(Conflict) as caught:
        commit(config, new_file("2024-03-01", tag="b"))
    assert caught.value.partitions == [(BTC, "2024-03-01")]


def test_a_partition_left_as_it_is_must_still_be_as_it_was_seen(config: Config) -> None:
    commit(config, new_file("2024-03-01"), new_file("2024-03-02"))
    seen = live_ids(config)
    expected = [(BTC, "2024-03-01", seen["2024-03-01"]), (BTC, "2024-03-02", seen["2024-03-02"])]
    ingest(config, "same", expected=expected, touched=[(BTC, label) for label in seen])
    commit(config, new_file("2024-03-02", tag="b", replaces=seen["2024-03-02"]))
    before = counts(config)
    with pytest.raises(Conflict) as caught:
        ingest(config, "same again", expected=[*expected, (BTC, "2024-03-03", None), (ETH, "2024-03-01", None)])
    assert caught.value.partitions == [(BTC, "2024-03-02")]
    assert counts(config) == before


def test_a_partition_seen_empty_that_got_a_file_is_a_conflict(config: Config) -> None:
    commit(config, new_file("2024-03-01"))
    with pytest.raises(Conflict) as caught:
        commit(config, new_file("2024-03-02"), expected=[(BTC, "2024-03-01", None)])
    assert caught.value.partitions == [(BTC, "2024-03-01")]


def test_removing_a_file_that_is_gone_is_a_conflict(config: Config) -> None:
    commit(config, new_file("2024-03-01"))
    removed = [live_ids(config)["2024-03-01"]]
    commit(config, removed=removed)
    with pytest.raises(Conflict) as caught:
        commit(config, removed=removed)
    assert caught.value.partitions == [(BTC, "2024-03-01")]


def test_a_conflict_leaves_the_quarantine_unread_for_the_next_try(config: Config) -> None:
    commit(config, new_file("2024-03-01"))
    records = iter([QuarantineRecord(1, "off_grid", "", "x")])
    with pytest.raises(Conflict):
        ingest(config, "march", new_file("2024-03-01", tag="b"), quarantine=records)
    assert len(list(records)) == 1


def test_days_and_their_month_cannot_both_be_live(config: Config) -> None:
    commit(config, new_file("2024-03-05"), new_file("2024-04-01"))
    with pytest.raises(Conflict) as caught:
        commit(config, new_file("2024-03", tag="sealed"))
    assert caught.value.partitions == [(BTC, "2024-03")]
    commit(config, new_file("2024-03", tag="sealed"), removed=[live_ids(config)["2024-03-05"]])
    for label in ("2024-03-01", "2024-03-31"):
        with pytest.raises(Conflict):
            commit(config, new_file(label, tag="late"))
    commit(config, new_file("2024-02-29"))
    assert list(live_ids(config)) == ["2024-02-29", "2024-03", "2024-04-01"]


def test_the_same_key_is_refused_while_its_effect_is_current(config: Config) -> None:
    ingest(config, "march", new_file("2024-03-01"))
    before = counts(config)
    with pytest.raises(AlreadyIngested) as caught:
        ingest(config, "march", new_file("2024-03-09"))
    assert (caught.value.ingest.key, caught.value.ingest.snapshot) == ("march", 1)
    assert caught.value.ingest.report == {"source": "march.csv"}
    assert counts(config) == before


def test_a_correction_ends_the_currency_of_other_ingests_of_that_partition_only(config: Config) -> None:
    ingest(config, "first", new_file("2024-03-01"))
    ingest(config, "second", new_file("2024-03-02"))
    ingest(config, "other", new_file("2024-03-01", address=ETH))
    replaced = live_ids(config)["2024-03-01"]
    ingest(
        config,
        "correction",
        new_file("2024-03-01", tag="b", replaces=replaced),
        ledger=LedgerRecord(read=1, corrected=1),
        corrected=[(BTC, "2024-03-01")],
    )
    with Manifest.open(config) as manifest:
        current = {key for key in ("first", "second", "other", "correction") if manifest.current_ingest(key)}
    assert current == {"second", "other", "correction"}
    again = ingest(config, "first", new_file("2024-03-01", tag="c", replaces=live_ids(config)["2024-03-01"]))
    with Manifest.open(config) as manifest:
        row = manifest.current_ingest("first")
        assert row is not None
        assert (row.snapshot, again) == (5, 5)
        assert manifest.check_chain() == []


def test_rows_that_were_all_there_already_still_make_a_snapshot(config: Config) -> None:
    ingest(config, "march", new_file("2024-03-01"))
    identical = LedgerRecord(read=1440, identical=1440)
    snapshot = ingest(config, "again", ledger=identical, touched=[(BTC, "2024-03-01")])
    with Manifest.open(config) as manifest:
        assert manifest.snapshot() == snapshot == 2
        assert manifest.current_ingest("again") is not None
        assert [row.address for row in manifest.history(BTC)] == [BTC, BTC]


@pytest.mark.parametrize(
    "ledger",
    [
        LedgerRecord(read=10, new=9),
        LedgerRecord(read=1, quarantined=1),
        LedgerRecord(read=1, skipped=1, skipped_by={"outside": 2}),
        LedgerRecord(read=1, quarantined=1, rejected={"off_grid": 1}),
    ],
    ids=["lost record", "no reason", "wrong reason", "record not kept"],
)
def test_a_ledger_that_does_not_add_up_is_refused(config: Config, ledger: LedgerRecord) -> None:
    before = counts(config)
    with pytest.raises(LakeError) as caught:
        ingest(config, "march", new_file("2024-03-01"), ledger=ledger)
    assert caught.value.code == "E_UNEXPECTED"
    assert counts(config) == before


def test_two_vendor_symbols_that_differ_in_case_are_refused_with_both_named(config: Config) -> None:
    commit(config, new_file("2024-03-01"), instruments={BTC: Instrument("BTCUSDT")})
    commit(config, new_file("2024-03-02"), instruments={BTC: Instrument("BTCUSDT")})
    with pytest.raises(LakeError) as caught:
        commit(config, new_file("2024-03-03"), instruments={BTC: Instrument("BTCusdt")})
    assert caught.value.code == "E_SYMBOL_CASE"
    assert "BTCusdt" in caught.value.message
    assert "BTCUSDT" in caught.value.message
    # Another name altogether was chosen on purpose, with --symbol.
    commit(config, new_file("2024-03-03"), instruments={BTC: Instrument("tBTCUSD")})


def spelling(config: Config) -> str:
    with Manifest.open(config) as manifest:
        series = manifest.find(BTC)
        assert series is not None
        assert [row.vendor_symbol for row in manifest.series(symbol="BTCUSDT")] == [series.vendor_symbol]
        assert manifest.check_chain() == []
    return series.vendor_symbol


def test_the_first_vendor_symbol_to_come_is_kept(config: Config) -> None:
    commit(config, new_file("2024-03-01"))
    assert spelling(config) == ""
    commit(config, new_file("2024-03-02"), instruments={BTC: Instrument("BTCusdt")})
    assert spelling(config) == "BTCusdt"
    commit(config, new_file("2024-03-03"), instruments={BTC: Instrument("tBTCUSD")})
    commit(config, new_file("2024-03-04"))
    assert spelling(config) == "BTCusdt"
    with pytest.raises(LakeError) as caught:
        commit(config, new_file("2024-03-05"), instruments={BTC: Instrument("BTCUSDT")})
    assert caught.value.code == "E_SYMBOL_CASE"


def test_a_vendor_symbol_that_was_changed_later_is_a_finding(config: Config) -> None:
    commit(config, new_file("2024-03-01"))
    commit(config, new_file("2024-03-02"), instruments={BTC: Instrument("BTCusdt")})
    connection = sqlite3.connect(config.manifest)
    assert connection.execute("UPDATE checks SET detail = 'BTCUSDT'").rowcount == 1
    connection.commit()
    connection.close()
    with Manifest.open(config) as manifest:
        assert len(manifest.check_chain()) == 1


def test_a_snapshot_is_dated_when_its_rows_are_written(config: Config) -> None:
    written_ns = 0

    def slow() -> Iterator[QuarantineRecord]:
        nonlocal written_ns
        yield QuarantineRecord(1, "off_grid", "d", "raw")
        written_ns = time.time_ns()

    ledger = LedgerRecord(read=1, quarantined=1, rejected={"off_grid": 1})
    ingest(config, "march", new_file("2024-03-01"), ledger=ledger, quarantine=slow())
    with Manifest.open(config) as manifest:
        [row] = manifest.history()
        assert written_ns // 1000 * 1000 <= row.at_ns <= time.time_ns()
        assert row.at_ns % 1000 == 0


def test_snapshots_follow_each_other_when_the_clock_goes_back(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    commit(config, new_file("2024-03-01"))
    monkeypatch.setattr(time, "time_ns", lambda: 5)
    commit(config, new_file("2024-03-02"))
    commit(config, new_file("2024-03-03"))
    with Manifest.open(config) as manifest:
        third, second, first = (row.at_ns for row in manifest.history())
        assert (second - first, third - second) == (1000, 1000)
        assert manifest.check_chain() == []


def test_the_log_holds_each_snapshot_under_its_hash(config: Config) -> None:
    ingest(config, "march", new_file("2024-03-01"), checks=[CheckRecord(BTC, None, "freshness", passed=True)])
    commit(config, new_file("2024-03-02"))
    documents = []
    for line in config.log.read_bytes().splitlines():
        entry = json.loads(line)
        # The document's bytes are what stands between the key and the hash.
        body = line.removeprefix(b'{"document":').rpartition(b',"hash":')[0]
        assert hashlib.sha256(body).hexdigest() == entry["hash"]
        documents.append((entry["document"], entry["hash"]))
    (first, first_hash), (second, _) = documents
    assert second["parent_hash"] == first_hash
    assert (first["snapshot"], second["snapshot"]) == (1, 2)
    assert first["checks"] == [[1, None, "freshness", 1, ""]]
    assert f"{BTC}/2024/03/01/a.parquet" in first["files"]["rows"][0]
    assert first["ingests"][0]["key"] == "march"


def test_lineage_names_the_source_and_the_upstream_files(config: Config) -> None:
    hourly = Address("BINANCE", "SPOT", "BTCUSDT", "bars", "1h")
    ingest(config, "march", new_file("2024-03-01"), new_file("2024-03-02"))
    commit(config, new_file("2024-03", address=hourly, upstreams=(1, 2)))
    connection = sqlite3.connect(config.manifest)
    rows = connection.execute("SELECT file_id, source_id, upstream_file_id FROM lineage ORDER BY rowid").fetchall()
    connection.close()
    assert rows == [(1, 1, None), (2, 1, None), (3, None, 1), (3, None, 2)]


def test_a_run_written_with_its_commit_costs_one_transaction(config: Config) -> None:
    run = new_run("write", "dl write")
    with Writer(config) as writer:
        writer.commit(Change(run.id, "write", files=[new_file("2024-03-01")], run=run))
    with Manifest.open(config) as manifest:
        (row,) = manifest.runs()
    assert (row.id, row.status, row.snapshot, row.pid) == (run.id, "ok", 1, os.getpid())
    assert row.ended_ns is not None


def test_ids_of_runs_sort_by_time(monkeypatch: pytest.MonkeyPatch) -> None:
    ids = []
    for milliseconds in (1, 2, 10**9, 10**12):
        monkeypatch.setattr("lake.manifest.writer.time.time_ns", lambda at=milliseconds * 10**6: at)
        ids.append(new_run("write", "").id)
    assert ids == sorted(ids)
    assert {len(run_id) for run_id in ids} == {26}


def test_ending_a_run_nobody_began_is_refused(config: Config) -> None:
    with Writer(config) as writer, pytest.raises(LakeError) as caught:
        writer.end_run("01J", "ok")
    assert caught.value.code == "E_UNKNOWN_RUN"


def test_an_exception_of_the_caller_leaves_nothing_behind(config: Config) -> None:
    class Interrupted(BaseException):
        pass

    def records() -> Iterator[QuarantineRecord]:
        yield QuarantineRecord(1, "off_grid", "", "x")
        raise Interrupted

    before = counts(config)
    with pytest.raises(Interrupted):
        ingest(config, "march", new_file("2024-03-01"), quarantine=records())
    assert counts(config) == before
    assert ingest(config, "march", new_file("2024-03-01")) == 1


def test_creating_a_lake_twice_changes_nothing(config: Config) -> None:
    commit(config, new_file("2024-03-01"))
    before = counts(config)
    assert not Manifest.create(config)
    assert counts(config) == before


@pytest.mark.parametrize("table", ["files", "series", "sources", "ledger", "ingests", "quarantine", "lineage"])
def test_every_table_a_snapshot_writes_is_covered_by_its_hash(config: Config, table: str) -> None:
    ledger: dict[str, Any] = {"read": 1441, "new": 1440, "quarantined": 1, "rejected": {"off_grid": 1}}
    records = [QuarantineRecord(7, "off_grid", "d", "raw")]
    ingest(config, "march", new_file("2024-03-01"), ledger=LedgerRecord(**ledger), quarantine=records)
    connection = sqlite3.connect(config.manifest)
    connection.execute(f"DELETE FROM {table}")  # noqa: S608 -- one of the names above
    connection.commit()
    connection.close()
    with Manifest.open(config) as manifest:
        assert manifest.check_chain() != []
