from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import pytest

import dl_datalake
from dl_datalake import LakeError
from lake.aggregate import AggregateRequest, aggregate
from schemas.keys import Address
from tests.manifests import commit, ingest, make_lake, new_file, sealed
from tests.tables import bar, bars, quote, quotes

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from dl_datalake import Lake

MINUTES, HOURS = "BINANCE/SPOT/ETHUSDT/bars/1m", "BINANCE/SPOT/ETHUSDT/bars/1h"


@pytest.fixture
def lake(tmp_path: Path) -> Iterator[Lake]:
    make_lake(tmp_path)
    with dl_datalake.open(tmp_path) as lake:
        yield lake


def at(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC)


def test_coverage_is_a_row_a_partition(lake: Lake) -> None:
    commit(lake.config, new_file("2024-03-01"), new_file("2024-03-03", rows=700), new_file("2024-03-04"))
    table = lake.bars("BTCUSDT", end="2024-03-03T12:00").coverage()
    assert table["partition"].to_pylist() == ["2024-03-01", "2024-03-03"]
    assert table["rows"].to_pylist() == [1440, 700]
    assert table["expected"].to_pylist() == [1440, 1440]
    assert table["start"].to_pylist() == [at("2024-03-01"), at("2024-03-03")]
    assert table["last"].to_pylist() == [at("2024-03-01T23:59"), at("2024-03-03T23:59")]
    assert set(table["tier"].to_pylist()) == {"hot"}
    assert set(table["symbol"].to_pylist()) == {"BTCUSDT"}
    assert table["snapshot"].to_pylist() == [1, 1]


def test_days_of_a_sealed_month_are_told_apart(lake: Lake) -> None:
    commit(lake.config, *(new_file(f"2024-03-{day:02}") for day in (1, 2, 5)))
    commit(lake.config, sealed(lake.config, "2024-03"), removed=[1, 2, 3])
    table = lake.bars("BTCUSDT").coverage()
    assert table["partition"].to_pylist() == ["2024-03-01", "2024-03-02", "2024-03-05"]
    assert len(set(table["path"].to_pylist())) == 1
    assert lake.bars("BTCUSDT", as_of=1).coverage()["snapshot"].to_pylist() == [1, 1, 1]


@pytest.mark.parametrize(
    ("period", "label", "expected"),
    [
        ("1h", "2024-02", 29 * 24),
        ("1d", "2024", 366),
        ("7h", "2024-03", 106),
        ("1mo", "2024", None),
        ("1w", "2024", None),
    ],
)
def test_what_is_to_be_expected_goes_by_the_period(lake: Lake, period: str, label: str, expected: int | None) -> None:
    """March 2024 is the hours 474,792 to 475,535 since the epoch: the multiples of 7 in it are 67,828 to 67,933."""
    address = Address.of("BINANCE", "SPOT", "BTCUSDT", "bars", period)
    commit(lake.config, new_file(label, address=address, rows=5))
    assert lake.bars("BTCUSDT", period=period).coverage()["expected"].to_pylist() == [expected]


def test_ticks_have_no_number_to_be_expected(lake: Lake) -> None:
    lake.write("BINANCE/SPOT/BTCUSDT/ticks/quote", quotes(quote(5)))
    assert lake.quotes("BTCUSDT").coverage()["expected"].to_pylist() == [None]


def test_lineage_goes_up_to_the_vendors_files(lake: Lake) -> None:
    lake.write(MINUTES, bars(*(bar(minute) for minute in range(3 * 1440))))
    aggregate(lake.config, AggregateRequest(Address.parse(MINUTES), ("1h",)))
    [node] = lake.read(HOURS).lineage()
    assert (node.partition, node.rows) == ("1970-01", 72)
    assert [(each.address, each.partition) for each in node.nodes] == [
        (Address.parse(MINUTES), f"1970-01-0{day}") for day in (1, 2, 3)
    ]
    ingest(lake.config, "first", new_file("2024-03-01"), new_file("2024-03-02"))
    nodes = lake.bars("BTCUSDT", start="2024-03-02").lineage()
    told = [(each.partition, [source.name for source in each.sources]) for each in nodes]
    assert told == [("2024-03-02", ["first.csv"])]


def test_lineage_is_that_of_the_snapshot(lake: Lake) -> None:
    ingest(lake.config, "first", new_file("2024-03-01"))
    before = lake.bars("BTCUSDT")
    ingest(lake.config, "second", new_file("2024-03-01", tag="b", replaces=1))
    now = lake.bars("BTCUSDT")
    told = [[[source.name for source in node.sources] for node in result.lineage()] for result in (before, now)]
    assert told == [[["first.csv"]], [["first.csv", "second.csv"]]]
    assert [node.snapshot for node in before.lineage()] == [1]
    assert before.lineage()[0].content_hash != now.lineage()[0].content_hash


def test_gaps_are_those_of_the_series_in_the_range(lake: Lake) -> None:
    lake.write(MINUTES, bars(*(bar(minute) for minute in range(120) if not 10 <= minute < 15 and minute != 70)))
    result = lake.bars("ETHUSDT", start="1970-01-01", end="1970-01-01T01:00", where="close > 5")
    [found] = result.gaps().series
    assert [(gap.start_ns // 60_000_000_000, gap.missing) for gap in found.gaps] == [(10, 5)]
    assert (found.start_ns, found.end_ns) == (0, 3600 * 10**9)
    assert result.gaps(min_length="10m").series[0].gaps == []
    lake.write(MINUTES, bars(bar(10)))
    assert result.gaps().series[0].missing == 5


def test_what_is_made_of_rows_tells_of_these(lake: Lake) -> None:
    lake.write(MINUTES, bars(*(bar(minute) for minute in range(120))))
    hours = lake.bars("ETHUSDT").resample("1h")
    assert hours.coverage() == lake.bars("ETHUSDT").coverage()
    assert hours.lineage() == lake.bars("ETHUSDT").lineage()
    assert str(hours.explain()) == str(lake.bars("ETHUSDT").explain())
    assert hours.gaps().series[0].missing == 0
    with pytest.raises(LakeError, match="no stored rows stand behind these"):
        hours.fill()
    with pytest.raises(LakeError, match="no stored rows stand behind these"):
        hours.resample("1d")


def test_ways_to_fill_there_are_not_are_refused(lake: Lake) -> None:
    lake.write(MINUTES, bars(bar(0)))
    with pytest.raises(LakeError, match="no way to fill 'zero'"):
        lake.bars("ETHUSDT").fill("zero")  # type: ignore[arg-type]  # what it must not be
    assert lake.bars("ETHUSDT").fill().count() == 1
