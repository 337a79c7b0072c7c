from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from lake.aggregate import AggregateRequest, aggregate
from lake.check import verify
from lake.delete import DeleteRequest, delete
from lake.errors import LakeError
from lake.manifest import Manifest, graph
from lake.rollback import RollbackReport, RollbackRequest, rollback
from lake.snapshots import create
from lake.write import write
from schemas.keys import Address
from schemas.ticks import QUOTES
from tests.rotten import flip
from tests.sealing import live, seal_all, table
from tests.tables import plain, quote
from tests.tables import table as rows_table
from tests.tiers import BTC, MINUTES, content, move_away, old_lake, take_in

if TYPE_CHECKING:
    from pathlib import Path

    from lake.config import Config

HOURS = Address.of("BINANCE", "SPOT", "BTCUSDT", "bars", "1h")
TICKS = Address.of("BINANCE", "SPOT", "BTCUSDT", "ticks", "quote")


@pytest.fixture
def config(tmp_path: Path) -> Config:
    """Return a lake of six days (snapshot 1), of which three were corrected and one came later (snapshot 2)."""
    config = old_lake(tmp_path)
    take_in(config, range(4, 7), 200.0)
    return config


def back(config: Config, to: int | str = 1, **asked: Any) -> RollbackReport:  # noqa: ANN401 -- any field of the request
    return rollback(config, RollbackRequest((str(BTC),), to, **asked))


def test_what_was_corrected_is_as_it_was_and_what_came_later_goes(config: Config) -> None:
    first, second = content(config, 1), content(config, 2)
    report = back(config)
    [told] = report.series
    assert (report.status, report.to, report.before, report.snapshot) == ("committed", 1, 2, 3)
    assert (told.restored, told.removed, told.kept, told.rows) == (2, 1, 4, 2 * MINUTES)
    assert content(config).equals(first)
    assert content(config, 2).equals(second)
    assert verify(config).ok
    assert back(config, 2).snapshot == 4
    assert content(config).equals(second)


def test_a_dry_run_says_the_same_and_changes_nothing(config: Config) -> None:
    asked = back(config, dry_run=True)
    assert (asked.status, asked.snapshot) == ("dry_run", 2)
    assert asked.series == back(config).series


def test_what_is_the_same_is_left_alone(config: Config) -> None:
    assert back(config, 2).status == "unchanged"
    assert back(config).status == "committed"
    assert back(config).status == "unchanged"
    with Manifest.open(config) as manifest:
        assert manifest.snapshot() == 3


def test_a_series_that_was_deleted_comes_back(config: Config) -> None:
    create(config, "before")
    whole = content(config)
    delete(config, DeleteRequest((str(BTC),)))
    assert content(config).num_rows == 0
    back(config, "before")
    assert content(config).equals(whole)


def test_a_series_that_was_not_there_goes(config: Config) -> None:
    take_in(config, range(2), 100.0, symbol="ETHUSDT")
    report = rollback(config, RollbackRequest(("*/*/*/bars/1m",), 2))
    assert [(s.address.symbol, s.removed) for s in report.series if s.removed] == [("ETHUSDT", 2)]
    with Manifest.open(config) as manifest:
        assert [row.address.symbol for row in manifest.listing()] == ["BTCUSDT"]


def test_a_sealed_month_goes_back_and_one_that_holds_the_same_stays_sealed(config: Config) -> None:
    first = content(config, 1)
    second = content(config, 2)
    seal_all(config)
    assert back(config, 2).status == "unchanged"
    assert live(config, BTC) == ["2022-01"]
    back(config)
    assert content(config).equals(first)
    seal_all(config)
    back(config, 3)
    assert content(config).equals(second)
    assert verify(config).ok


def test_of_a_sealed_month_the_days_that_differ_are_counted(config: Config) -> None:
    seal_all(config)
    asked, done = back(config, dry_run=True).series, back(config).series
    assert asked == done
    assert [(told.restored, told.removed, told.kept, told.rows) for told in done] == [(2, 1, 4, 2 * MINUTES)]
    seal_all(config)
    [told] = back(config, 3).series
    assert (told.restored, told.removed, told.kept, told.rows) == (3, 0, 4, 3 * MINUTES)


def test_rows_that_lie_in_a_tier_or_among_the_replaced_come_back(config: Config, tmp_path: Path) -> None:
    first = content(config, 1)
    move_away(config, tmp_path / "cold", older_than_ns=0)
    back(config)
    assert content(config).equals(first)
    assert verify(config).ok


def test_the_order_of_rows_without_keys_comes_back(tmp_path: Path) -> None:
    config = old_lake(tmp_path)
    one, other = quote(1_000, 1.0), quote(1_000, 2.0)
    write(config, TICKS, rows_table(QUOTES, [one, other]))
    before = plain(table(config, TICKS))
    write(config, TICKS, rows_table(QUOTES, [other, one]), mode="replace")
    assert plain(table(config, TICKS)) == list(reversed(before))
    rollback(config, RollbackRequest((str(TICKS),), 2))
    assert plain(table(config, TICKS)) == before


def test_damaged_old_rows_are_refused_and_nothing_changes(config: Config) -> None:
    second = content(config, 2)
    for path in (config.data / "_replaced").rglob("*.parquet"):
        flip(path)
    with pytest.raises(LakeError) as caught:
        back(config)
    assert caught.value.code == "E_FILE_DAMAGED"
    assert content(config).equals(second)
    with Manifest.open(config) as manifest:
        assert manifest.snapshot() == 2
    assert not list((config.data / "_staging").glob("*/*"))


def test_what_was_made_from_it_is_stale_and_is_not_rolled_back_itself(config: Config) -> None:
    aggregate(config, AggregateRequest(BTC, ("1h",)))
    before = table(config, HOURS)
    back(config)
    assert aggregate(config, AggregateRequest(BTC, ("1h",))).status == "committed"
    assert not table(config, HOURS).equals(before)
    with pytest.raises(LakeError) as caught:
        rollback(config, RollbackRequest((str(HOURS),), 3))
    assert caught.value.code == "E_DERIVED"


def test_the_same_source_is_ingested_again_after_its_effect_was_rolled_back(config: Config) -> None:
    second = content(config, 2)
    back(config)
    take_in(config, range(4, 7), 200.0)  # asserts that it is committed
    assert content(config).equals(second)


def test_a_copy_knows_the_file_it_is_a_copy_of(config: Config) -> None:
    with Manifest.open(config) as manifest:
        series = manifest.find(BTC)
        assert series is not None
        old = {part.partition: part.file.id for part in graph.parts(manifest, series.id, None, None, 1)}
        back(config)
        new = {part.partition: part.file for part in graph.parts(manifest, series.id, None, None)}
        rows = manifest.read(
            lambda connection: connection.execute(
                "SELECT upstream_file_id FROM lineage WHERE file_id = ?", (new["2022-01-05"].id,)
            ).fetchall()
        )
    assert rows == [(old["2022-01-05"],)]
    assert new["2022-01-01"].id == old["2022-01-01"]
