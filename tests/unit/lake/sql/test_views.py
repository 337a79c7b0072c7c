"""What the manifest's tables tell, and which tables there are."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import pyarrow as pa

from lake.features.registering import register
from lake.manifest import Manifest, NewReference
from lake.sql.views import Views
from lake.write import write
from schemas.arrow import arrow_schema
from schemas.columns import Column
from schemas.features import FeatureSet
from schemas.keys import Address
from tests.manifests import commit, ingest, make_lake, new_file
from tests.querying import BTC, DAYS, MINUTES, ask, minute_bars
from tests.sealing import seal_all
from tests.tables import DAY_US, bars

if TYPE_CHECKING:
    from pathlib import Path

    from lake.config import Config

MOOD = FeatureSet("mood", "1", (Column("value", "float64"), Column("place", "float32", length=2)))


def day(number: int) -> dt.datetime:
    return dt.datetime(1970, 1, number, tzinfo=dt.UTC)


def test_assets_tell_what_is_held_of_each(small: Config, asked: Manifest) -> None:
    rows = ask(small, asked, "select type, period, series, files, rows, first_ts from assets")
    assert rows == [
        ("bars", "1h", 1, 1, DAYS * 24, day(1)),
        ("bars", "1m", 3, 3 * DAYS, 3 * DAYS * 144, day(1)),
        ("ticks", "trade", 1, 2, 16, dt.datetime(1970, 1, 1, 23, 59, 59, 999996, dt.UTC)),
    ]


def test_series_and_partitions_tell_of_each_by_its_names(small: Config, asked: Manifest) -> None:
    statement = "select address, symbol, rows, last_ts from series where period = '1m' order by address"
    last = dt.datetime(1970, 1, DAYS, 23, 50, tzinfo=dt.UTC)
    assert ask(small, asked, statement) == [
        (str(address), address.symbol, DAYS * 144, last) for address in sorted(MINUTES)
    ]
    statement = """select partition, start_ts, end_ts, rows, sealed, tier, bytes > 0, length(sha256),
        path like '%.parquet' from partitions where exchange = 'KRAKEN' order by partition"""
    assert ask(small, asked, statement) == [
        (f"1970-01-0{d}", day(d), day(d + 1), 144, False, "hot", True, 64, True) for d in range(1, DAYS + 1)
    ]
    assert ask(small, asked, "select partition, rows from partitions where period = '1h'") == [("1970-01", 96)]


def test_partitions_of_a_sealed_month_are_told_one_by_one(tmp_path: Path) -> None:
    config = make_lake(tmp_path)
    write(config, BTC, bars(*minute_bars(0)))
    with Manifest.open(config) as manifest:
        before = ask(config, manifest, "select partition, rows, first_ts, last_ts from partitions order by 1")
        seal_all(config)
        after = ask(config, manifest, "select partition, rows, first_ts, last_ts from partitions order by 1")
        assert (after, len(after)) == (before, DAYS)
        assert ask(config, manifest, "select distinct sealed, bytes, snapshot from partitions") == [(True, None, 2)]


def test_the_ledger_adds_up_and_names_its_sources(tmp_path: Path) -> None:
    config = make_lake(tmp_path)
    ingest(config, "first", new_file("2024-01-05"))
    ingest(config, "second", new_file("2024-01-06"))
    with Manifest.open(config) as manifest:
        rows = ask(config, manifest, "select snapshot, source, dialect, operation, read, new, rejected from ledger")
        assert rows == [
            (1, "first.csv", "csv", "ingest", 1440, 1440, "{}"),
            (2, "second.csv", "csv", "ingest", 1440, 1440, "{}"),
        ]
        statement = "select sum(read - new - identical - corrected - superseded - quarantined - skipped) from ledger"
        assert [int(left) for (left,) in ask(config, manifest, statement)] == [0]


def test_feature_sets_are_tables_by_their_names(tmp_path: Path) -> None:
    config = make_lake(tmp_path)
    register(config, MOOD)
    series = Address.of("T", "SPOT", "A", "features", "mood.v1")
    with Manifest.open(config) as manifest:
        assert ask(config, manifest, 'select count(*) from features."mood.v1"') == [(0,)]
        rows = [{"ts": d * DAY_US, "known_at": d * DAY_US, "value": d / 2, "place": [d, 0.5]} for d in range(3)]
        write(config, series, pa.Table.from_pylist(rows, schema=arrow_schema(MOOD.schema, identity=False)))
        statement = "select ts, value, place from Features.\"Mood.v1\" where value > 0 and symbol = 'A'"
        assert ask(config, manifest, statement) == [(day(2), 0.5, [1.0, 0.5]), (day(3), 1.0, [2.0, 0.5])]
        names = list(map(str, Views(config, manifest, manifest.snapshot()).names()))
        assert 'features."mood.v1"' in names
        assert names[:5] == ["bars", "ticks", "quotes", "book", "book_l3"]
        assert names[-6:] == ["assets", "series", "partitions", "ledger", "instruments", "actions"]


def test_imported_records_are_tables(tmp_path: Path) -> None:
    config = make_lake(tmp_path)
    facts = '{"aliases":["B"],"price_may_be_negative":true,"tick_size":0.5}'
    commit(config, reference=[NewReference("instrument", "X/M%2FN/A", facts)])
    split = NewReference("action", "X/M/A/2020-08-31/split", '{"ratio":"3/2"}')
    paid = '{"amount":"0.82","currency":"USD","known_at":"2020-07-30T00:00:00Z"}'
    commit(config, reference=[split, NewReference("action", "X/M/A/2020-08-07/dividend/special", paid)])
    with Manifest.open(config) as manifest:
        statement = "select market, symbol, tick_size, price_may_be_negative, aliases, calendar from instruments"
        assert ask(config, manifest, statement) == [("M/N", "A", 0.5, True, '["B"]', None)]
        assert ask(config, manifest, "select * from actions order by ex_date") == [
            ("X", "M", "A", dt.date(2020, 8, 7), "dividend", "special", None, 0.82, "USD", "2020-07-30T00:00:00Z", 2),
            ("X", "M", "A", dt.date(2020, 8, 31), "split", None, 1.5, None, None, None, 2),
        ]


def test_every_table_can_be_read_of_an_empty_lake(tmp_path: Path) -> None:
    config = make_lake(tmp_path)
    with Manifest.open(config) as manifest:
        for name in Views(config, manifest, 0).names():
            assert ask(config, manifest, f"select count(*) from {name}") == [(0,)]  # noqa: S608 -- a test's own
