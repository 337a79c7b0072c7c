"""Deletes and rollbacks that another writer is quicker than, and what must not be left behind."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from lake import write as writing
from lake.aggregate import AggregateRequest, aggregate
from lake.delete import DeleteRequest, delete
from lake.errors import LakeError
from lake.ingest import IngestRequest, ingest
from lake.manifest import Manifest
from lake.rollback import RollbackRequest, rollback
from lake.write import write
from tests.manifests import BTC, HOURLY, MINUTE_NS, make_lake
from tests.sealing import table
from tests.tables import MINUTE_US, bar, bars, plain

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from lake.config import Config


@pytest.fixture
def config(tmp_path: Path) -> Config:
    """Return an empty lake."""
    return make_lake(tmp_path)


def minutes(config: Config) -> list[int]:
    return [row["ts"] // MINUTE_US for row in plain(table(config, BTC))]


def before_the_commit(monkeypatch: pytest.MonkeyPatch, name: str, other: Callable[[], object]) -> None:
    """Have another writer do something, once, when all is planned and staged."""
    real = getattr(writing, name)

    def late(*given: Any) -> int:  # noqa: ANN401 -- whatever the engine passes
        monkeypatch.setattr(writing, name, real)
        other()
        snapshot: int = real(*given)
        return snapshot

    monkeypatch.setattr(writing, name, late)


def test_a_day_whose_other_rows_went_meanwhile_goes_whole(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    write(config, BTC, bars(bar(0), bar(10), bar(20)))
    first = DeleteRequest((str(BTC),), None, 10 * MINUTE_NS)
    before_the_commit(monkeypatch, "commit", lambda: delete(config, first))
    [told] = delete(config, DeleteRequest((str(BTC),), 10 * MINUTE_NS, None)).series
    assert (told.rows, told.removed, told.rewritten) == (2, 1, 0)
    assert minutes(config) == []


def test_a_day_that_got_rows_outside_the_range_meanwhile_keeps_them(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(config, BTC, bars(bar(10)))
    before_the_commit(monkeypatch, "commit", lambda: write(config, BTC, bars(bar(5), bar(40))))
    [told] = delete(config, DeleteRequest((str(BTC),), 0, 30 * MINUTE_NS)).series
    assert (told.rows, told.removed, told.rewritten) == (2, 0, 1)
    assert minutes(config) == [40]


def test_what_others_deleted_meanwhile_makes_no_snapshot(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    write(config, BTC, bars(bar(10)))
    same = DeleteRequest((str(BTC),))
    before_the_commit(monkeypatch, "commit", lambda: delete(config, same))
    report = delete(config, same)
    assert (report.status, report.series) == ("unchanged", [])
    with Manifest.open(config) as manifest:
        assert [row.operation for row in manifest.history()] == ["delete", "write"]


def test_a_series_that_others_brought_back_meanwhile_makes_no_snapshot(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(config, BTC, bars(bar(10, 1.0)))
    write(config, BTC, bars(bar(10, 2.0)))
    before_the_commit(monkeypatch, "swap", lambda: write(config, BTC, bars(bar(10, 1.0))))
    report = rollback(config, RollbackRequest((str(BTC),), 1))
    assert report.status == "unchanged"
    assert [(told.restored, told.kept) for told in report.series] == [(0, 1)]
    with Manifest.open(config) as manifest:
        assert manifest.snapshot() == 3


def test_no_doubt_is_left_about_a_bar_that_is_deleted(config: Config, tmp_path: Path) -> None:
    source = tmp_path / "bars.csv"
    lines = [f"2024-03-01T00:{minute:02}:00Z,1,1,1,1,1\n" for minute in range(10)]
    source.write_text("ts,open,high,low,close,volume\n" + "".join(lines))
    ingest(config, IngestRequest((str(source),), exchange="BINANCE", symbol="BTCUSDT", period="1m"))
    start_ns = 1_709_251_200 * 10**9  # 2024-03-01

    def in_doubt() -> list[int]:
        with Manifest.open(config) as manifest:
            series = manifest.find(BTC)
            assert series is not None
            return manifest.unproven(series.id, manifest.snapshot())

    assert in_doubt() == [start_ns + 9 * MINUTE_NS]
    delete(config, DeleteRequest((str(BTC),), start_ns + 5 * MINUTE_NS, None))
    assert in_doubt() == []


def test_a_derived_series_that_was_deleted_is_made_again_and_not_rolled_back(config: Config) -> None:
    write(config, BTC, bars(*(bar(minute) for minute in range(3 * 60))))
    request = AggregateRequest(BTC, ("1h",))
    aggregate(config, request)
    with Manifest.open(config) as manifest:
        made = manifest.snapshot()
    before = plain(table(config, HOURLY))
    delete(config, DeleteRequest((str(HOURLY),)))
    with pytest.raises(LakeError, match="was made from BINANCE/SPOT/BTCUSDT/bars/1m") as caught:
        rollback(config, RollbackRequest((str(HOURLY),), made))
    assert caught.value.code == "E_DERIVED"
    aggregate(config, request)
    assert plain(table(config, HOURLY)) == before
