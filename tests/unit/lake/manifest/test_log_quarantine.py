"""The records that a commit puts into quarantine stand in the log, before the commit's own line."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

import pytest

from lake.manifest import Manifest
from lake.manifest.log import document_at, entries, quarantine_lines, unsettled
from lake.manifest.rows import LedgerRecord, QuarantineRecord
from tests.manifests import ingest, make_lake, new_file

if TYPE_CHECKING:
    from pathlib import Path


def rejected(count: int, raw: str = "2024-03-02,x") -> tuple[LedgerRecord, list[QuarantineRecord]]:
    ledger = LedgerRecord(read=count, quarantined=count, rejected={"not_a_number": count})
    return ledger, [QuarantineRecord(line, "not_a_number", "close: 'x'", raw) for line in range(1, count + 1)]


def test_records_in_quarantine_are_in_the_log_before_their_commit(tmp_path: Path) -> None:
    config = make_lake(tmp_path)
    ledger, records = rejected(2)
    ingest(config, "a", new_file("2024-03-01"), ledger=ledger, quarantine=records)
    lines = [json.loads(line) for line in config.log.read_bytes().splitlines()]
    assert [next(iter(line)) for line in lines] == ["quarantine", "document"]
    held = lines[0]["quarantine"]
    assert (held["ledger"], held["of"]) == (1, lines[1]["hash"])
    assert held["rows"] == [[line, "not_a_number", "close: 'x'", "2024-03-02,x"] for line in (1, 2)]
    with Manifest.open(config) as manifest:
        assert manifest.check_chain() == []


def test_the_log_goes_on_behind_records_in_quarantine(tmp_path: Path) -> None:
    config = make_lake(tmp_path)
    for key, label in (("a", "2024-03-01"), ("b", "2024-03-02")):
        ledger, records = rejected(3)
        ingest(config, key, new_file(label), ledger=ledger, quarantine=records)
    with Manifest.open(config) as manifest:
        report = manifest.chain_report()
    assert (report.findings, report.interrupted) == ([], [])


@pytest.mark.parametrize(("count", "raw", "lines"), [(2500, "x", 3), (3, "y" * 600_000, 2), (1, "z" * 2_000_000, 1)])
def test_many_or_long_records_are_cut_into_lines(count: int, raw: str, lines: int) -> None:
    found = list(quarantine_lines(7, "f" * 64, ((n, "reason", "", raw) for n in range(count))))
    assert len(found) == lines
    rows = [row for line in found for row in json.loads(line)["quarantine"]["rows"]]
    assert rows == [[n, "reason", "", raw] for n in range(count)]


def test_a_changed_record_in_the_log_makes_its_line_unreadable(tmp_path: Path) -> None:
    path = tmp_path / "log"
    [line] = quarantine_lines(7, "f" * 64, [(1, "reason", "", "raw é")])
    body = line[len(b'{"quarantine":') : line.rindex(b',"hash"')]
    assert line.endswith(b',"hash":"%s"}\n' % hashlib.sha256(body).hexdigest().encode())
    path.write_bytes(line)
    [entry] = entries(path, 0, len(line))
    assert (entry.kind, entry.hash) == ("quarantine", "f" * 64)
    assert document_at(path, entry)["rows"] == [[1, "reason", "", "raw é"]]
    path.write_bytes(line.replace(b"reason", b"season"))
    [entry] = entries(path, 0, len(line))
    assert entry.kind == "unreadable"


def test_records_of_a_commit_that_never_was_are_nothing_to_settle(tmp_path: Path) -> None:
    path = tmp_path / "log"
    [line] = quarantine_lines(7, "f" * 64, [(1, "reason", "", "raw")])
    path.write_bytes(line)
    rest = unsettled(entries(path, 0, len(line)))
    assert (rest.commits, rest.unreadable) == ([], [])
