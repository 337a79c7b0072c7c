"""What a filter leaves of the stored rows: every row that passes, and no file but those that can have one."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

from lake import files
from lake.manifest import Manifest
from lake.sql import Query
from lake.write import write
from schemas.arrow import arrow_schema
from schemas.assets import declare
from schemas.columns import Column
from schemas.keys import Address
from schemas.metrics import metrics_schema
from tests.manifests import make_lake
from tests.querying import BTC, DAY, DAYS, ask, hour_bars, minute_bars, opened, ticks
from tests.sealing import seal_all
from tests.tables import DAY_NS, DAY_US, MINUTE_US, bar, bars, trade, trades

if TYPE_CHECKING:
    from pathlib import Path

    from lake.config import Config

EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
MINUTE_PARTITIONS = [f"1970-01-0{day + 1}" for day in range(DAYS)]


def at(us: int) -> dt.datetime:
    return EPOCH + dt.timedelta(microseconds=us)


# ---- which files are opened ------------------------------------------------------------------------------------------

PRUNED = {
    "symbol = 'ETHUSDT'": [f"BINANCE/ETHUSDT/1m/{day}" for day in MINUTE_PARTITIONS],
    "symbol = 'ETHUSDT' and ts >= '1970-01-03'": [f"BINANCE/ETHUSDT/1m/{day}" for day in MINUTE_PARTITIONS[2:]],
    "symbol = 'ETHUSDT' and ts < '1970-01-02'": ["BINANCE/ETHUSDT/1m/1970-01-01"],
    "symbol = 'ETHUSDT' and ts = '1970-01-02 00:10'": ["BINANCE/ETHUSDT/1m/1970-01-02"],
    "ts between '1970-01-02' and '1970-01-02 12:00' and period = '1m' and exchange = 'KRAKEN'": [
        "KRAKEN/BTCUSDT/1m/1970-01-02"
    ],
    "symbol = 'ETHUSDT' and (ts < '1970-01-02' or ts >= '1970-01-04')": [
        "BINANCE/ETHUSDT/1m/1970-01-01",
        "BINANCE/ETHUSDT/1m/1970-01-04",
    ],
    "(symbol = 'ETHUSDT' and ts < '1970-01-02') or (exchange = 'KRAKEN' and ts >= '1970-01-04')": [
        "BINANCE/ETHUSDT/1m/1970-01-01",
        "KRAKEN/BTCUSDT/1m/1970-01-04",
    ],
    "period = '1h'": ["BINANCE/BTCUSDT/1h/1970-01"],
    "period in ('1h', '1d')": ["BINANCE/BTCUSDT/1h/1970-01"],
    "symbol in ('ETHUSDT', 'NONE') and ts >= '1970-01-04'": ["BINANCE/ETHUSDT/1m/1970-01-04"],
    "symbol > 'C' and ts >= '1970-01-04'": ["BINANCE/ETHUSDT/1m/1970-01-04"],
    "symbol <> 'BTCUSDT' and ts >= '1970-01-04'": ["BINANCE/ETHUSDT/1m/1970-01-04"],
    "symbol = 'NONE'": [],
    "symbol is null": [],
    "ts >= '1980-01-01'": [],
    "ts < '1960-01-01'": [],
    "ts > '1970-01-02' and ts < '1970-01-01'": [],
    "symbol = 'ETHUSDT' and ts > '1970-01-01 23:50' and ts < '1970-01-02'": [],
}


@pytest.mark.parametrize("condition", PRUNED)
def test_only_files_that_can_have_a_row_are_opened(
    condition: str, small: Config, asked: Manifest, monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened(monkeypatch) as seen:
        ask(small, asked, f"select max(close) from bars where {condition}")  # noqa: S608 -- a test's own
    assert sorted(seen) == sorted(PRUNED[condition])


def test_a_parameter_prunes_as_what_is_written_does(
    small: Config, asked: Manifest, monkeypatch: pytest.MonkeyPatch
) -> None:
    statement = "select count(*) from bars where symbol = $symbol and ts >= $start"
    for start in ("1970-01-04", dt.datetime(1970, 1, 4, tzinfo=dt.UTC)):
        with opened(monkeypatch) as seen:
            assert ask(small, asked, statement, symbol="ETHUSDT", start=start) == [(144,)]
        assert seen == ["BINANCE/ETHUSDT/1m/1970-01-04"]


def test_each_scan_of_a_statement_is_pruned_by_itself(
    small: Config, asked: Manifest, monkeypatch: pytest.MonkeyPatch
) -> None:
    statement = """select count(*) from (from bars where symbol = 'ETHUSDT' and ts < '1970-01-02') a
        join (from bars where exchange = 'KRAKEN' and ts < '1970-01-02') b using (ts)"""
    with opened(monkeypatch) as seen:
        assert ask(small, asked, statement) == [(144,)]
    assert sorted(seen) == ["BINANCE/ETHUSDT/1m/1970-01-01", "KRAKEN/BTCUSDT/1m/1970-01-01"]


def test_of_a_sealed_month_only_the_row_groups_of_the_range_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "ROW_GROUP", 100)
    config = make_lake(tmp_path)
    write(config, BTC, bars(*minute_bars(0)))
    seal_all(config)
    read: list[int] = []
    whole = files.read_group

    def counted(parquet: Any, group: int, *rest: Any) -> pa.Table:  # noqa: ANN401 -- as the function
        read.append(group)
        return whole(parquet, group, *rest)

    monkeypatch.setattr(files, "read_group", counted)
    with Manifest.open(config) as manifest:
        assert ask(config, manifest, "select count(*) from bars where ts >= '1970-01-03' and close > 0") == [(288,)]
        assert ask(config, manifest, "select distinct sealed, bytes from partitions") == [(True, None)]
    assert read == [2, 3, 4, 5]


# ---- what comes ------------------------------------------------------------------------------------------------------


def test_all_rows_come_with_their_series_and_period(small: Config, asked: Manifest) -> None:
    rows = ask(small, asked, "select exchange, symbol, period, ts, close, vwap from bars order by all")
    expected = [
        (exchange, symbol, "1m", at(row["ts"]), row["close"], row["vwap"])
        for place, (exchange, symbol) in enumerate(
            [("BINANCE", "BTCUSDT"), ("BINANCE", "ETHUSDT"), ("KRAKEN", "BTCUSDT")]
        )
        for row in minute_bars(place)
    ]
    expected += [("BINANCE", "BTCUSDT", "1h", at(row["ts"]), row["close"], None) for row in hour_bars()]
    assert rows == sorted(expected, key=lambda row: row[:4])


def test_rows_come_in_stored_order_without_an_order_by(small: Config, asked: Manifest) -> None:
    rows = ask(small, asked, "select ts from bars where symbol = 'ETHUSDT' and close > 201")
    assert [ts for (ts,) in rows] == [at(row["ts"]) for row in minute_bars(1) if row["close"] > 201]


def test_filters_on_values_hold_row_by_row(small: Config, asked: Manifest) -> None:
    kept = [row for row in minute_bars(1) if row["vwap"] is None and 201.5 < row["close"] <= 202.5]
    where = "symbol = 'ETHUSDT' and vwap is null and close > 201.5 and close <= 202.5"
    assert ask(small, asked, f"select count(*), min(ts) from bars where {where}") == [  # noqa: S608 -- a test's own
        (len(kept), at(kept[0]["ts"]))
    ]
    where = "vwap <> 1.5 or vwap is null and close in (100, 101)"  # bars of two hours, as no other lacks a vwap there
    assert ask(small, asked, f"select period, close from bars where {where}") == [  # noqa: S608 -- a test's own
        ("1h", 100.0),
        ("1h", 101.0),
    ]


def test_the_words_of_a_category_are_filtered_by(small: Config, asked: Manifest) -> None:
    sells = [row["price"] for row in ticks() if row["side"] == "sell"]
    assert ask(small, asked, "select price from ticks where side = 'sell'") == [(price,) for price in sells]
    assert ask(small, asked, "select count(*) from ticks where side in ('buy', 'x')") == [(16 - len(sells),)]
    assert ask(small, asked, "select side, count(*) from ticks group by side order by side") == [
        ("buy", 16 - len(sells)),
        ("sell", len(sells)),
    ]


def test_nanoseconds_are_there_to_the_last_and_times_are_the_microsecond_they_lie_in(
    small: Config, asked: Manifest, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = ask(small, asked, "select ts_ns, ts, ts_recv, ts_recv_ns from ticks")
    assert rows == [(row["ts"], at(row["ts"] // 1000), None, None) for row in ticks()]
    edge = 86_400_000_001_500
    for statement, expected in {
        "select count(*) from ticks where ts_ns >= 86400000001500": sum(row["ts"] >= edge for row in ticks()),
        "select count(*) from ticks where ts_ns < 86400000001500": sum(row["ts"] < edge for row in ticks()),
        "select count(*) from ticks where ts_ns = 86400000001500": 1,
        "select count(*) from ticks where ts = '1970-01-02 00:00:00.000001'": 2,
        "select count(*) from ticks where ts <= '1970-01-02 00:00:00.000001'": sum(
            row["ts"] // 1000 <= DAY_US + 1 for row in ticks()
        ),
        "select count(*) from ticks where ts > '1970-01-02 00:00:00.000001'": sum(
            row["ts"] // 1000 > DAY_US + 1 for row in ticks()
        ),
    }.items():
        assert ask(small, asked, statement) == [(expected,)], statement
    for condition in (f"ts_ns >= {DAY_NS}", "ts >= '1970-01-02'"):
        with opened(monkeypatch) as seen:
            ask(small, asked, f"select count(*) from ticks where {condition}")  # noqa: S608 -- a test's own
        assert seen == ["BINANCE/BTCUSDT/trade/1970-01-02"]


def test_nanoseconds_before_1970_lie_in_the_microsecond_before(tmp_path: Path) -> None:
    config = make_lake(tmp_path)
    series = Address.of("T", "SPOT", "OLD", "ticks", "trade")
    write(config, series, trades(*(trade(ns) for ns in (-1_001, -1_000, -1, 0, 1))))
    with Manifest.open(config) as manifest:
        assert ask(config, manifest, "select ts_ns from ticks where ts < '1970-01-01' order by ts_ns") == [
            (-1_001,),
            (-1_000,),
            (-1,),
        ]
        assert ask(config, manifest, "select ts from ticks order by ts_ns") == [(at(us),) for us in (-2, -1, -1, 0, 0)]


def test_bars_and_trades_join_as_of_and_times_are_put_into_buckets(small: Config, asked: Manifest) -> None:
    statement = """select t.ts_ns, b.close from ticks t asof join bars b
        on t.symbol = b.symbol and t.exchange = b.exchange and b.period = '1m' and t.ts >= b.ts order by 1"""
    # 23:50 of the first day until midnight, and midnight's from then on.
    closes = [(row["ts"], 100.0 + 1.43 if row["ts"] < DAY_NS else 101.0) for row in ticks()]
    assert ask(small, asked, statement) == closes
    buckets = ask(
        small,
        asked,
        """select time_bucket(interval '12 hours', ts) as half, count(*) from bars
        where symbol = 'ETHUSDT' group by 1 order by 1 limit 3""",
    )
    assert buckets == [(at(half * 12 * 60 * MINUTE_US), 72) for half in range(3)]
    assert ask(small, asked, "select count(*) from ticks where time_bucket(interval '1 day', ts) = '1970-01-02'") == [
        (sum(row["ts"] >= DAY_NS for row in ticks()),)
    ]


def test_a_self_join_over_different_dictionaries_keeps_the_words_apart(small: Config, asked: Manifest) -> None:
    rows = ask(
        small,
        asked,
        """select a.symbol, b.symbol, count(*) from bars a join bars b on a.ts = b.ts and a.exchange = b.exchange
        where a.period = '1m' and b.period = '1m' group by all order by all""",
    )
    same = DAYS * DAY // 10
    assert rows == [
        ("BTCUSDT", "BTCUSDT", 2 * same),
        ("BTCUSDT", "ETHUSDT", same),
        ("ETHUSDT", "BTCUSDT", same),
        ("ETHUSDT", "ETHUSDT", same),
    ]


def test_a_set_with_columns_called_as_ours_is_not_taken_for_it(tmp_path: Path) -> None:
    """A metric may have columns `period` and `ts_ns` of its own, which say nothing of the series or of its times."""
    schema = metrics_schema("odd_words", (Column("period", "text"), Column("ts_ns", "int64")))
    declare("metrics/odd_words", schema)
    config = make_lake(tmp_path)
    series = Address.of("T", "SPOT", "A", "metrics", "odd_words")
    rows = [{"ts": day * DAY_US, "period": f"p{day}", "ts_ns": -day} for day in range(3)]
    write(config, series, pa.Table.from_pylist(rows, schema=arrow_schema(schema, identity=False)))
    with Manifest.open(config) as manifest:
        table = 'metrics."odd_words"'
        assert ask(config, manifest, f"select ts_ns from {table} where period = 'p1'") == [(-1,)]  # noqa: S608 -- a test's own
        assert ask(config, manifest, f"select period from {table} where ts_ns = -2") == [("p2",)]  # noqa: S608 -- a test's own


def test_rows_that_were_replaced_are_there_as_of_before(tmp_path: Path) -> None:
    config = make_lake(tmp_path)
    write(config, BTC, bars(bar(0, 1.0)))
    write(config, BTC, bars(bar(0, 2.0), bar(1, 3.0)))
    with Manifest.open(config) as manifest:
        for as_of, closes in ((1, [1.0]), (2, [2.0, 3.0]), (None, [2.0, 3.0])):
            query = Query(config, manifest, "select close from bars", as_of=as_of)
            assert [value for batch in query.batches() for value in batch.column(0).to_pylist()] == closes
        early = Query(config, manifest, "select snapshot from ledger", as_of=1)
        assert [batch.to_pylist() for batch in early.batches()] == [[{"snapshot": 1}]]
