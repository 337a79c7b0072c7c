"""The manifest made anew from its log: the same rows, the same reads, whatever was done to the lake before."""

from __future__ import annotations

import importlib
import json
import os
import sqlite3
from typing import TYPE_CHECKING, Any

import pytest

from lake.check import verify
from lake.config import locate
from lake.errors import LakeError
from lake.manifest import Manifest, Writer, proof
from lake.manifest.log import line_of
from lake.manifest.proof import took_place
from lake.repair import Broken, RepairReport, RepairRequest, repair
from lake.snapshots import create
from tests.manifests import commit, make_lake, new_file
from tests.repairing import bare, dump, lake_of_many_verbs, reads, source, take

if TYPE_CHECKING:
    from pathlib import Path

    from lake.config import Config
    from lake.manifest.log import Entry

LOG = RepairRequest("log")


@pytest.fixture
def small(tmp_path: Path) -> Config:
    """Return a lake of three ingests, the last of which corrects a day."""
    config = bare(tmp_path)
    Manifest.create(config)
    for name, days, close in (("a", range(2), 1.0), ("b", range(2, 4), 2.0), ("c", range(1, 2), 3.0)):
        take(config, source(tmp_path / f"{name}.csv", days, close))
    return config


def lines(config: Config) -> list[bytes]:
    return config.log.read_bytes().splitlines(keepends=True)


def actions(report: RepairReport) -> list[tuple[str, str]]:
    return [(step.action, step.what) for step in report.steps]


def test_every_row_and_every_read_is_what_it_was(tmp_path: Path) -> None:
    config = lake_of_many_verbs(tmp_path)
    before, held = dump(config), reads(config)
    assert all(before[table] for table in before if table not in {"checks", "failures"})
    config.manifest.unlink()
    report = repair(config, LOG)
    assert (report.status, report.ok, report.snapshots) == ("repaired", True, len(before["snapshots"]))
    after = dump(config)
    assert {table: after[table] for table in before} == before
    assert reads(config) == held
    found = verify(config)
    assert (found.ok, found.orphans, found.interrupted) == (True, [], [])
    take(config, source(tmp_path / "next.csv", range(50, 51), 9.0))
    assert verify(config).ok


def test_a_whole_manifest_is_left_as_it_is(small: Config) -> None:
    before = small.manifest.stat()
    report = repair(small, LOG)
    assert (report.status, report.snapshot, report.steps) == ("unchanged", 3, [])
    assert small.manifest.stat().st_ino == before.st_ino


def test_a_plan_changes_nothing(small: Config) -> None:
    small.manifest.unlink()
    before = sorted(small.root.rglob("*")), small.log.read_bytes()
    report = repair(small, RepairRequest("log", plan=True))
    assert (report.status, report.snapshot, actions(report)) == ("plan", 3, [("rebuilt", "manifest.db")])
    assert (sorted(small.root.rglob("*")), small.log.read_bytes()) == before


@pytest.mark.parametrize("damage", ["zeros", "text", "cut", "empty", "changed row", "lost row"])
def test_a_damaged_manifest_is_kept_beside_the_new_one(small: Config, damage: str) -> None:
    before, held = dump(small), reads(small)
    whole = small.manifest.read_bytes()
    if damage == "zeros":
        small.manifest.write_bytes(whole[:4096] + bytes(len(whole) - 4096))
    elif damage == "text":
        small.manifest.write_bytes(b"not a database at all" * 400)
    elif damage == "cut":
        small.manifest.write_bytes(whole[:10_000])
    elif damage == "empty":
        small.manifest.write_bytes(b"")
    else:
        connection = sqlite3.connect(small.manifest)
        sql = (
            "UPDATE files SET rows = 7 WHERE id = 1"
            if damage == "changed row"
            else "DELETE FROM snapshots WHERE id = 3"
        )
        connection.execute(sql)
        connection.commit()
        connection.close()
    spoilt = small.manifest.read_bytes()
    report = repair(small, LOG)
    assert report.status == "repaired"
    kept = [step.what for step in report.steps if step.action == "kept"]
    assert (small.root / kept[0]).read_bytes() == spoilt
    assert (dump(small), reads(small)) == (before, held)
    assert verify(small).ok


def test_the_journal_of_the_old_manifest_never_meets_the_new_one(small: Config) -> None:
    held = reads(small)
    journal = small.manifest.with_name("manifest.db-journal")
    small.manifest.unlink()
    journal.write_bytes(bytes.fromhex("d9d505f920a163d7") + b"\x00" * 2000)
    report = repair(small, LOG)
    [kept] = [step.what for step in report.steps if step.action == "kept"]
    assert kept.endswith("-journal")
    assert not journal.exists()
    assert reads(small) == held


def test_a_commit_that_may_have_happened_counts_when_its_files_are_there(small: Config) -> None:
    small.manifest.unlink()
    assert repair(small, LOG).snapshot == 3


def _last_files(config: Config) -> list[Path]:
    document = json.loads(lines(config)[-1])["document"]["files"]
    return [config.data / dict(zip(document["columns"], row, strict=True))["path"] for row in document["rows"]]


def test_a_manifest_one_snapshot_behind_is_found_and_refused_and_made_anew(small: Config, tmp_path: Path) -> None:
    older = small.manifest.read_bytes()
    take(small, source(tmp_path / "d.csv", range(9, 10), 4.0))
    before, held = dump(small), reads(small)
    small.manifest.write_bytes(older)
    [found] = verify(small).chain
    assert found.endswith("its files show that it took place, so the manifest is older")
    with pytest.raises(LakeError) as caught:
        take(small, source(tmp_path / "e.csv", range(11, 12), 5.0))
    assert (caught.value.code, caught.value.fix[-1]) == ("E_MANIFEST_DAMAGED", "dl repair --from log")
    with pytest.raises(LakeError) as caught:
        create(small, "oops")
    assert caught.value.code == "E_MANIFEST_DAMAGED"
    assert repair(small, LOG).snapshot == 4
    assert (dump(small)["files"], reads(small)) == (before["files"], held)
    assert verify(small).ok


def test_a_commit_that_ends_while_its_log_is_looked_at_is_no_finding(
    small: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    older, newer = small.manifest.read_bytes(), small.manifest
    take(small, source(tmp_path / "d.csv", range(9, 10), 4.0))
    whole = small.manifest.read_bytes()
    small.manifest.write_bytes(older)

    def late(config: Config, entry: Entry) -> bool:
        newer.write_bytes(whole)
        return took_place(config, entry)

    monkeypatch.setattr(proof, "took_place", late)
    with Manifest.open(small) as manifest:
        assert manifest.check_chain() == []


@pytest.mark.parametrize("left", [None, b""], ids=["gone", "empty"])
def test_no_new_lake_is_made_where_a_log_tells_of_one(small: Config, left: bytes | None) -> None:
    held = reads(small)
    small.manifest.unlink()
    if left is not None:
        small.manifest.write_bytes(left)
    for attempt in (Manifest.create, Manifest.open, lambda config: locate(config.root), Writer):
        with pytest.raises(LakeError) as caught:
            attempt(small)
        assert (caught.value.code, caught.value.fix[0]) == ("E_MANIFEST_DAMAGED", "dl repair --from log")
    repair(small, LOG)
    assert reads(small) == held


def test_a_lake_is_found_by_its_log_where_the_manifest_is_gone(small: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    small.manifest.unlink()
    below = small.root / "notes"
    below.mkdir()
    monkeypatch.chdir(below)
    with pytest.raises(LakeError) as caught:
        locate()
    assert (caught.value.code, caught.value.where) == ("E_MANIFEST_DAMAGED", str(small.manifest))


def test_a_commit_whose_files_are_not_there_was_interrupted(small: Config) -> None:
    [path] = _last_files(small)
    with Manifest.open(small) as manifest:
        before = manifest.replaced_by(3, 3)
    path.chmod(0o644)
    path.write_bytes(b"torn")
    small.manifest.unlink()
    report = repair(small, LOG)
    assert report.snapshot == 2
    assert ("left_out", "snapshot 3") in actions(report)
    assert json.loads(lines(small)[-1])["aborted"] == 3
    found = verify(small)
    assert (found.chain, found.missing, found.interrupted) == ([], [], [])
    # What it would have replaced is live again.
    with Manifest.open(small) as manifest:
        assert {file.path for file in manifest.all_files(live_only=True)} >= set(before)


def test_a_marked_file_proves_that_its_commit_took_place(small: Config) -> None:
    path = _last_files(small)[0]
    path.unlink()
    path.write_bytes(b"rotten since")
    path.chmod(0o444)
    small.manifest.unlink()
    assert repair(small, LOG).snapshot == 3


def test_what_was_aborted_stays_so(small: Config) -> None:
    head = json.loads(lines(small)[-1])["document"]
    ghost = head | {"snapshot": 4, "parent": 3, "parent_hash": json.loads(lines(small)[-1])["hash"]}
    ghost["files"] = head["files"] | {"rows": []}
    with small.log.open("ab") as stream:
        from lake.manifest.chain import digest_of
        from lake.manifest.log import canonical

        body = canonical(ghost)
        stream.write(line_of(body, digest_of(body)))
        stream.write(b'{"document":{"torn')
    take(small, source(small.root.parent / "d.csv", range(9, 10), 4.0))
    before, held = dump(small), reads(small)
    small.manifest.unlink()
    assert repair(small, LOG).snapshot == 4
    assert (dump(small), reads(small)) == (before, held)
    assert verify(small).ok


def test_a_hole_in_the_log_is_named_and_nothing_is_made_up(small: Config) -> None:
    first, second, third = lines(small)
    small.log.write_bytes(first + second[:50] + b"#" + second[51:] + third)
    small.manifest.unlink()
    with pytest.raises(LakeError) as caught:
        repair(small, LOG)
    assert caught.value.code == "E_UNREPAIRABLE"
    assert f"bytes {len(first)} to {len(first + second)}" in caught.value.message
    assert "snapshot 1 of 3" in caught.value.why
    report = repair(small, RepairRequest("log", plan=True))
    assert (report.snapshots, report.ok) == (1, False)
    assert report.broken == [
        Broken(
            "commit log",
            f"bytes {len(first)} to {len(first + second)} of the commit log cannot be read, and snapshot 2 is lost with"
            " them; what can be had ends at snapshot 1 of 3",
        )
    ]
    assert not small.manifest.exists()


def test_a_log_without_its_beginning_is_refused(small: Config) -> None:
    small.log.write_bytes(b"".join(lines(small)[1:]))
    small.manifest.unlink()
    with pytest.raises(LakeError) as caught:
        repair(small, LOG)
    assert "snapshot 1 is missing" in caught.value.message


def test_a_spoilt_line_that_is_no_commit_costs_only_what_it_held(tmp_path: Path) -> None:
    config = bare(tmp_path)
    Manifest.create(config)
    take(config, source(tmp_path / "a.csv", range(3), 1.0, bad=3))
    take(config, source(tmp_path / "b.csv", range(3, 4), 1.0))
    held = reads(config)
    quarantine, *rest = lines(config)
    config.log.write_bytes(quarantine.replace(b"bad_number", b"bad_numbes") + b"".join(rest))
    config.manifest.unlink()
    report = repair(config, LOG)
    assert any("3 records in quarantine are gone" in note for note in report.notes)
    assert reads(config) == held
    found = verify(config)
    assert found.chain == ["snapshot 1: its records in quarantine changed (0 found, 3 stored)"]


def test_while_a_run_is_under_way_nothing_is_repaired(small: Config) -> None:
    from lake.staging import Staging

    small.manifest.unlink()
    staging = Staging(small.data, "run")
    try:
        with pytest.raises(LakeError) as caught:
            repair(small, LOG)
    finally:
        staging.close()
    assert caught.value.code == "E_LOCKED"


def test_a_writer_that_waited_through_a_repair_writes_to_the_new_manifest(small: Config) -> None:
    with Writer(small) as writer, Manifest.open(small) as manifest:
        run = writer.start_run("write", "dl write")
        assert manifest.snapshot() == 3
        small.manifest.unlink()
        repair(small, LOG)
        assert manifest.snapshot() == 3
        with pytest.raises(LakeError) as caught:
            writer.end_run(run, "ok")
        assert caught.value.code == "E_UNKNOWN_RUN"
    assert commit(small, new_file("2024-03-01")) == 4
    with Manifest.open(small) as manifest:
        assert manifest.check_chain() == []


def test_a_commit_that_got_its_turn_on_the_old_manifest_is_refused(
    small: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = small.manifest.with_name("other.db")
    other.write_bytes(small.manifest.read_bytes())
    module: Any = importlib.import_module("lake.manifest.writer")

    begin = module.begin

    def replace_meanwhile(connection: sqlite3.Connection, wait_s: float) -> None:
        begin(connection, wait_s)
        if other.exists():
            os.replace(other, small.manifest)  # noqa: PTH105 -- as a repair does

    with Writer(small) as writer:
        from lake.manifest import Change

        run = writer.start_run("write", "dl write")
        monkeypatch.setattr(module, "begin", replace_meanwhile)
        with pytest.raises(LakeError) as caught:
            writer.commit(Change(run, "write", files=[new_file("2024-03-01")]))
    assert caught.value.code == "E_LOCKED"
    with Manifest.open(small) as manifest:
        assert (manifest.snapshot(), manifest.check_chain()) == (3, [])


def test_an_empty_lake_has_nothing_to_be_made_of(tmp_path: Path) -> None:
    config = make_lake(tmp_path)
    config.manifest.unlink()
    with pytest.raises(LakeError) as caught:
        repair(config, LOG)
    assert caught.value.code == "E_LAKE_NOT_INITIALISED"
