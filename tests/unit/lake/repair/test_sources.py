"""A damaged file that no place has whole is made again from what was ingested, if it comes out as it was stored."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pytest

from lake import layout
from lake.aggregate import AggregateRequest, aggregate
from lake.check import verify
from lake.delete import DeleteRequest, delete
from lake.encoding import encoding
from lake.expire import ExpireRequest, expire
from lake.manifest import Manifest
from lake.repair import RepairRequest, repair
from lake.seal import SealRequest, seal
from lake.vacuum import VacuumRequest, vacuum
from tests.repairing import BTC, DAY_NS, bare, reads, source, take
from tests.sealing import FAR_NS, content, live, table

if TYPE_CHECKING:
    from pathlib import Path

    from lake.config import Config

SOURCE = RepairRequest("source")


@pytest.fixture
def lake(tmp_path: Path) -> Config:
    """Return a lake of four days, one of them corrected."""
    config = bare(tmp_path)
    Manifest.create(config)
    take(config, source(tmp_path / "a.csv", range(4), 1.0, bad=2))
    take(config, source(tmp_path / "b.csv", range(1, 2), 5.0))
    return config


def path_of(config: Config, label: str) -> Path:
    with Manifest.open(config) as manifest:
        series = manifest.find(BTC)
        assert series is not None
        return config.data / manifest.current(series.id, [label])[label].path


def spoil(path: Path) -> None:
    path.chmod(0o644)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def rot(monkeypatch: pytest.MonkeyPatch, config: Config, label: str) -> str:
    """Spoil a day; have the program write other bytes than it did, as a later one may. Return the day's path."""
    path = path_of(config, label)
    spoil(path)
    monkeypatch.setattr("lake.files.encoding", lambda *given: encoding(*given) | {"compression": "gzip"})
    return path.relative_to(config.data).as_posix()


def digests(config: Config) -> dict[str, str]:
    return {
        path.relative_to(config.data).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in config.data.rglob("*.parquet")
        if layout.QUARANTINE not in path.parts
    }


def test_a_damaged_or_missing_day_comes_back_byte_for_byte(lake: Config) -> None:
    before, stored = reads(lake), digests(lake)
    spoil(path_of(lake, "2022-01-09"))
    path_of(lake, "2022-01-10").unlink()
    report = repair(lake, SOURCE)
    assert (report.status, report.files, report.ok, report.snapshot) == ("repaired", 2, True, 2)
    assert all("byte for byte" in step.detail for step in report.steps)
    assert digests(lake) == stored
    assert reads(lake) == before
    assert verify(lake).ok
    assert repair(lake, SOURCE).status == "unchanged"


def test_a_day_that_was_replaced_comes_back_byte_for_byte(lake: Config) -> None:
    before, stored = reads(lake), digests(lake)
    [old] = (lake.data / layout.REPLACED).rglob("*.parquet")
    spoil(old)
    report = repair(lake, SOURCE)
    assert (report.status, report.files, report.ok, report.snapshot) == ("repaired", 1, True, 2)
    [step] = report.steps
    assert "from a.csv, byte for byte" in step.detail
    assert digests(lake) == stored
    assert reads(lake) == before


def test_a_day_that_comes_out_in_other_bytes_takes_the_place_of_the_bad_one(
    lake: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, facts = table(lake, BTC), content(lake, BTC)
    path = rot(monkeypatch, lake, "2022-01-09")
    report = repair(lake, SOURCE)
    assert (report.status, report.files, report.snapshot) == ("repaired", 1, 3)
    assert table(lake, BTC).equals(before)
    assert content(lake, BTC) == facts
    with Manifest.open(lake) as manifest:
        assert [row.operation for row in manifest.history(limit=1)] == ["repair"]
        assert manifest.check_chain() == []
    # What it was in snapshot 2 cannot be had: that is said, and again, until a copy is back or it is given up.
    [broken] = report.broken
    assert (broken.what, report.ok) == (path, False)
    assert broken.why.endswith("its rows are in another file now; replaced since, only snapshot 2 needs it")
    again = repair(lake, SOURCE)
    assert (again.status, again.ok, again.snapshot) == ("unchanged", False, 3)
    assert again.broken[0].why.endswith("which a replaced file has to be; replaced since, only snapshot 2 needs it")
    assert again.notes == report.notes
    expire(lake, ExpireRequest(keep_last=1, force=True))
    assert repair(lake, SOURCE).broken[0].why.endswith("no snapshot that can be read needs it")
    vacuum(lake, VacuumRequest(grace_s=0, force=True))
    last = repair(lake, SOURCE)
    assert (last.status, last.ok, last.notes) == ("unchanged", True, [])
    assert verify(lake).ok


def test_what_no_place_has_whole_is_said_to_be_of_the_past(lake: Config) -> None:
    [old] = (lake.data / layout.REPLACED).rglob("*.parquet")
    spoil(old)
    report = repair(lake, RepairRequest("cold"))
    assert report.broken[0].why.endswith("no other place has it whole; replaced since, only snapshot 1 needs it")
    assert "dl expire, then dl vacuum" in report.notes[0]


def test_a_plan_changes_nothing(lake: Config) -> None:
    spoil(path_of(lake, "2022-01-09"))
    report = repair(lake, RepairRequest("source", plan=True))
    [step] = report.steps
    assert (report.status, step.action, report.snapshot) == ("plan", "made_again", 2)
    assert step.detail == "if its content comes out the same, from a.csv, b.csv"
    assert (report.files, report.bytes) == (1, path_of(lake, "2022-01-09").stat().st_size)
    assert "proven only by doing it" in report.notes[0]
    with Manifest.open(lake) as manifest:
        assert manifest.snapshot() == 2


def test_a_sealed_month_is_made_of_all_its_days(lake: Config) -> None:
    seal(lake, SealRequest(), now_ns=FAR_NS)
    before, facts = table(lake, BTC), content(lake, BTC)
    spoil(path_of(lake, "2022-01-09"))
    report = repair(lake, SOURCE)
    assert (report.files, report.ok) == (1, True)
    assert live(lake, BTC) == ["2022-01"]
    assert table(lake, BTC).equals(before)
    assert content(lake, BTC) == facts


def test_a_source_that_changed_since_is_not_taken(lake: Config, tmp_path: Path) -> None:
    spoil(path_of(lake, "2022-01-11"))
    given = (tmp_path / "a.csv").read_bytes()
    (tmp_path / "a.csv").write_bytes(given.replace(b"100.5", b"100.75"))
    begins = hashlib.sha256(given).hexdigest()[:12]
    for plan in (True, False):
        report = repair(lake, RepairRequest("source", plan=plan))
        assert (report.files, report.snapshot, report.ok) == (0, 2, False)
        told = f"{tmp_path}/a.csv is not the file that was ingested, whose SHA-256 begins {begins}"
        assert report.broken[0].why.endswith(told)
    (tmp_path / "a.csv").write_bytes(given)
    assert repair(lake, SOURCE).ok


def test_a_source_that_is_gone_is_named_and_not_the_content_blamed(lake: Config, tmp_path: Path) -> None:
    # The correction's source is away: without it the day comes out as it was before.
    spoil(path_of(lake, "2022-01-09"))
    (tmp_path / "b.csv").rename(tmp_path / "b.off")
    told = f"b.csv is not at {tmp_path}/b.csv"
    [step] = repair(lake, RepairRequest("source", plan=True)).steps
    assert step.detail.endswith(f"from a.csv; {told}")
    report = repair(lake, SOURCE)
    assert (report.status, report.snapshot) == ("unchanged", 2)
    assert report.broken[0].why.endswith(f"; {told}; without it other rows come out for 2022-01-09")
    (tmp_path / "b.off").rename(tmp_path / "b.csv")
    assert repair(lake, SOURCE).ok


def test_other_rows_than_were_stored_change_nothing(lake: Config) -> None:
    start = 19_001 * DAY_NS
    delete(lake, DeleteRequest((str(BTC),), start, start + 120 * 10**9))
    spoil(path_of(lake, "2022-01-09"))
    report = repair(lake, SOURCE)
    assert (report.status, report.snapshot) == ("unchanged", 3)
    assert "its sources give other rows than were stored for 2022-01-09: rows were deleted" in report.broken[0].why


def test_a_sealed_month_comes_back_whole_or_not_at_all(lake: Config) -> None:
    start = 19_001 * DAY_NS
    delete(lake, DeleteRequest((str(BTC),), start, start + 120 * 10**9))
    seal(lake, SealRequest(), now_ns=FAR_NS)
    spoil(path_of(lake, "2022-01"))
    report = repair(lake, SOURCE)
    assert (report.status, report.files, live(lake, BTC)) == ("unchanged", 0, ["2022-01"])
    assert "for 2022-01-09: rows" in report.broken[0].why
    assert "a sealed month comes back whole or not at all, and 1 of its 4 days" in report.broken[0].why


def test_a_day_that_was_written_has_no_source(lake: Config) -> None:
    from lake.write import write
    from tests.tables import bar, bars

    write(lake, BTC, bars(bar(19_020 * 1440)))
    spoil(path_of(lake, "2022-01-28"))
    assert "nothing was ingested into it" in repair(lake, SOURCE).broken[0].why


def test_what_is_made_from_others_is_not_ingested(lake: Config) -> None:
    aggregate(lake, AggregateRequest(BTC, ("1d",)))
    with Manifest.open(lake) as manifest:
        [day] = [file for file in manifest.all_files(live_only=True) if "/1d/" in file.path]
    spoil(lake.data / day.path)
    [broken] = repair(lake, SOURCE).broken
    assert "it is made from BINANCE/SPOT/BTCUSDT/bars/1m" in broken.why


def test_the_present_is_read_whole_again(lake: Config) -> None:
    held = reads(lake)
    spoil(path_of(lake, "2022-01-11"))
    report = repair(lake, RepairRequest("source", (str(BTC),)))
    assert report.ok
    assert table(lake, BTC, as_of=report.snapshot).to_pylist() == held[2, str(BTC)]
