"""A damaged file that no place has whole is made again from what was ingested, if it comes out as it was stored."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lake.aggregate import AggregateRequest, aggregate
from lake.check import verify
from lake.manifest import Manifest
from lake.repair import RepairRequest, repair
from lake.seal import SealRequest, seal
from tests.repairing import BTC, bare, reads, source, take
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


def test_a_damaged_or_missing_day_is_ingested_again(lake: Config) -> None:
    before, facts = table(lake, BTC), content(lake, BTC)
    spoil(path_of(lake, "2022-01-09"))
    path_of(lake, "2022-01-10").unlink()
    report = repair(lake, SOURCE)
    assert (report.status, report.files, report.ok, report.snapshot) == ("repaired", 2, True, 4)
    assert table(lake, BTC).equals(before)
    assert content(lake, BTC) == facts
    with Manifest.open(lake) as manifest:
        assert [row.operation for row in manifest.history(limit=2)] == ["repair", "repair"]
        assert manifest.check_chain() == []
        paths = {str(file.path) for file in manifest.all_files(live_only=True)}
    assert not {damage.path for damage in verify(lake).damaged} & paths


def test_a_plan_changes_nothing(lake: Config) -> None:
    spoil(path_of(lake, "2022-01-09"))
    report = repair(lake, RepairRequest("source", plan=True))
    [step] = report.steps
    assert (report.status, step.action, report.snapshot) == ("plan", "made_again", 2)
    assert "a.csv, b.csv" in step.detail
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
    (tmp_path / "a.csv").write_text((tmp_path / "a.csv").read_text().replace("100.5", "100.75"))
    report = repair(lake, SOURCE)
    assert (report.status, report.files, report.snapshot) == ("unchanged", 0, 2)
    assert report.broken[0].why.endswith("no source of it is where it was, as it was")


def test_other_rows_than_were_stored_change_nothing(lake: Config, tmp_path: Path) -> None:
    # The correction's source is gone: without it the day comes out as it was before.
    spoil(path_of(lake, "2022-01-09"))
    (tmp_path / "b.csv").unlink()
    report = repair(lake, SOURCE)
    assert (report.status, report.snapshot) == ("unchanged", 2)
    assert "its sources give other rows than were stored for 2022-01-09" in report.broken[0].why


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
