from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lake.aggregate import AggregateRequest, aggregate
from lake.check import verify
from lake.delete import DeleteReport, DeleteRequest, delete
from lake.errors import LakeError
from lake.ingest import IngestRequest, ingest
from lake.manifest import Manifest
from schemas.keys import Address
from tests.rotten import flip
from tests.sealing import live, seal_all
from tests.tiers import BTC, FIRST_DAY, MINUTES, content, move_away, old_lake, take_in

if TYPE_CHECKING:
    from pathlib import Path

    from lake.config import Config

DAY_NS = 86_400 * 10**9
MINUTE_NS = 60 * 10**9
START = FIRST_DAY * DAY_NS
HOURS = Address.of("BINANCE", "SPOT", "BTCUSDT", "bars", "1h")


@pytest.fixture
def config(tmp_path: Path) -> Config:
    """Return a lake of six days of five bars each, from 2022-01-01 on."""
    return old_lake(tmp_path)


def remove(config: Config, start_ns: int | None = None, end_ns: int | None = None) -> DeleteReport:
    return delete(config, DeleteRequest((str(BTC),), start_ns, end_ns))


def minutes(config: Config, as_of: int | None = None) -> list[tuple[int, int]]:
    """Return day and minute of each bar, counted from the first."""
    times = content(config, as_of)["ts"].cast("int64").to_pylist()
    return [divmod(ts * 1000 - START, DAY_NS) for ts in times]


def every(*days: int) -> list[tuple[int, int]]:
    return [(day, minute * MINUTE_NS) for day in days for minute in range(MINUTES)]


def test_days_that_lie_in_the_range_go_and_older_snapshots_keep_them(config: Config) -> None:
    report = remove(config, START + 1 * DAY_NS, START + 3 * DAY_NS)
    [told] = report.series
    assert (report.status, report.before, report.snapshot) == ("committed", 1, 2)
    assert (told.rows, told.removed, told.rewritten) == (2 * MINUTES, 2, 0)
    assert minutes(config) == every(0, 3, 4, 5)
    assert minutes(config, as_of=1) == every(0, 1, 2, 3, 4, 5)
    assert verify(config).ok


@pytest.mark.parametrize("sealed", [False, True])
def test_days_on_the_edge_keep_their_other_rows(config: Config, *, sealed: bool) -> None:
    if sealed:
        seal_all(config)
        assert live(config, BTC) == ["2022-01"]
    report = remove(config, START + 1 * DAY_NS + 2 * MINUTE_NS, START + 3 * DAY_NS + MINUTE_NS)
    [told] = report.series
    assert (told.rows, told.removed, told.rewritten) == (3 + MINUTES + 1, 1, 2)
    wanted = [each for each in every(0, 1, 2, 3, 4, 5) if not (1, 2 * MINUTE_NS) <= each < (3, MINUTE_NS)]
    assert minutes(config) == wanted
    report_again = remove(config, START + 1 * DAY_NS + 2 * MINUTE_NS, START + 3 * DAY_NS + MINUTE_NS)
    assert (report_again.status, report_again.series) == ("unchanged", [])
    assert verify(config).ok


def test_a_dry_run_says_the_same_and_changes_nothing(config: Config) -> None:
    request = DeleteRequest((str(BTC),), START + MINUTE_NS, None, dry_run=True)
    report = delete(config, request)
    assert (report.status, report.snapshot, report.run) == ("dry_run", 1, None)
    assert report.series == remove(config, START + MINUTE_NS).series
    assert minutes(config) == every(0)[:1]


def test_all_of_a_series_can_go_and_come_again(config: Config) -> None:
    source = config.root / "BTCUSDT-0-6-100.csv"
    remove(config)
    with Manifest.open(config) as manifest:
        assert manifest.listing() == []
        assert [row.rows for row in manifest.listing(snapshot=1)] == [6 * MINUTES]
    request = IngestRequest((str(source),), exchange="BINANCE", symbol="BTCUSDT", period="1m")
    [file] = ingest(config, request).files
    assert file.status == "committed"
    assert minutes(config) == every(0, 1, 2, 3, 4, 5)


def test_a_damaged_day_can_go_if_it_goes_whole(config: Config) -> None:
    [path] = (config.data / str(BTC) / "2022" / "01" / "02").iterdir()
    flip(path)
    remove(config, START + 1 * DAY_NS, START + 2 * DAY_NS)
    assert minutes(config) == every(0, 2, 3, 4, 5)


def test_what_lies_in_a_tier_goes_too(config: Config, tmp_path: Path) -> None:
    move_away(config, tmp_path / "cold", older_than_ns=0)
    remove(config, START, START + 1 * DAY_NS + MINUTE_NS)
    assert minutes(config) == [*every(1)[1:], *every(2, 3, 4, 5)]
    assert minutes(config, as_of=1) == every(0, 1, 2, 3, 4, 5)


def test_several_exchanges_are_refused_unless_they_are_meant(config: Config) -> None:
    path = config.root / "other.csv"
    path.write_text("ts,open,high,low,close,volume\n1640995200000,1,2,1,2,1\n")
    ingest(config, IngestRequest((str(path),), exchange="OKX", symbol="BTCUSDT", period="1m"))
    with pytest.raises(LakeError) as caught:
        delete(config, DeleteRequest(("*/*/BTCUSDT/bars/1m",)))
    assert caught.value.code == "E_AMBIGUOUS"
    assert caught.value.where == "BINANCE, OKX"
    report = delete(config, DeleteRequest(("*/*/BTCUSDT/bars/1m",), all_exchanges=True))
    assert [(str(s.address), s.rows) for s in report.series] == [
        ("BINANCE/SPOT/BTCUSDT/bars/1m", 6 * MINUTES),
        ("OKX/SPOT/BTCUSDT/bars/1m", 1),
    ]
    with Manifest.open(config) as manifest:
        assert manifest.listing() == []


def test_other_series_stay(config: Config) -> None:
    take_in(config, range(2), 100.0, symbol="ETHUSDT")
    remove(config)
    with Manifest.open(config) as manifest:
        assert [row.address.symbol for row in manifest.listing()] == ["ETHUSDT"]


def test_a_derived_partition_is_not_cut_and_may_go_whole(config: Config) -> None:
    aggregate(config, AggregateRequest(BTC, ("1h",)))
    with pytest.raises(LakeError) as caught:
        delete(config, DeleteRequest((str(HOURS),), START + DAY_NS, None))
    assert caught.value.code == "E_DERIVED"
    report = delete(config, DeleteRequest((str(HOURS),)))
    assert report.status == "committed"
    made = aggregate(config, AggregateRequest(BTC, ("1h",)))
    assert made.status == "committed"


def test_a_series_that_is_not_there_is_named(config: Config) -> None:
    with pytest.raises(LakeError) as caught:
        delete(config, DeleteRequest(("BINANCE/SPOT/NOPE/bars/1m",)))
    assert caught.value.code == "E_UNKNOWN_SERIES"
