"""Aggregates are those of the plainest reference, however rows are cut, come late, are restated, or were aggregated."""

from __future__ import annotations

import datetime as dt
import itertools
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from lake.aggregate import AggregateRequest, aggregate
from lake.aggregate.buckets import Buckets, Sessions
from lake.aggregate.kernel import Block, Cascade, bars_of
from lake.aggregate.rows import Bars, Trades
from lake.manifest import Manifest
from lake.read import Scan
from lake.write import write
from schemas.arrow import arrow_schema
from schemas.bars import BARS
from schemas.keys import Address
from schemas.periods import Period
from schemas.ticks import TRADES
from tests.manifests import BTC, make_lake
from tests.resampling import EPOCH, SUMS, Row, bucket, coarser, plain_rows, trade_bar

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

    from lake.config import Config

MINUTE = dt.timedelta(minutes=1)
START = dt.datetime(2024, 12, 28, tzinfo=dt.UTC)
PERIODS = ("5m", "15m", "1h", "4h", "1d", "1w", "1mo", "3mo", "7m", "2d")
QUICK = settings(max_examples=60, deadline=None)  # a busy machine is no bug
SLOW = settings(max_examples=15, deadline=None)

amounts = st.one_of(
    st.integers(0, 10**9).map(lambda n: n / 1000),
    st.integers(0, 10**14).map(lambda n: n / 10**8),
    st.floats(0, 1e12),
    st.sampled_from([0.1, 0.2, 0.3, 1e-8, 5e-324, 1e22, 123456789.12345678]),
)
prices = st.integers(1, 10**6).map(lambda n: n / 100)


@st.composite
def bars(draw: st.DrawFn, tame: bool = False) -> list[Row]:  # noqa: FBT001, FBT002 -- a word of the strategy
    """Draw bars of one minute with gaps; `tame` ones have volumes whose sums are decimals of 15 digits."""
    steps = draw(st.lists(st.sampled_from([1, 1, 1, 2, 7, 60, 1440, 9000]), min_size=1, max_size=40))
    amount = st.integers(0, 10**6).map(lambda n: n / 1000) if tame else amounts
    maybe = st.one_of(st.none(), amount)
    rows, ts = [], START
    for step in steps:
        ts += step * MINUTE
        four = sorted(draw(st.lists(prices, min_size=4, max_size=4)))
        rows.append(
            {
                "ts": ts,
                "open": four[1],
                "high": four[3],
                "low": four[0],
                "close": four[2],
                "volume": draw(maybe),
                "quote_volume": draw(maybe),
                "trades": draw(st.one_of(st.none(), st.integers(0, 10**6))),
                "taker_buy_volume": draw(maybe),
                "taker_buy_quote_volume": draw(maybe),
                "vwap": None if tame else draw(st.one_of(st.none(), prices)),
                "open_interest": draw(maybe),
                "spread": draw(maybe),
            }
        )
    return rows


def table_of(rows: list[Row]) -> pa.Table:
    return pa.Table.from_pylist(rows, arrow_schema(BARS, identity=False))


def cascade(tables: list[pa.Table], source: Bars | Trades, periods: tuple[str, ...]) -> dict[str, list[Row]]:
    made: dict[str, list[Row]] = {period: [] for period in periods}

    def take(name: str, block: Block) -> None:
        made[name] += plain_rows(pa.Table.from_batches([bars_of(block)]))

    through = Cascade([(period, Buckets(Period.parse(period))) for period in periods], take)
    for table in tables:
        through.add(source.block(table))
    through.end()
    return made


def cut(rows: list[Row], cuts: list[int]) -> list[list[Row]]:
    edges = [0, *sorted({at % (len(rows) + 1) for at in cuts}), len(rows)]
    return [rows[a:b] for a, b in itertools.pairwise(edges) if a < b]


@QUICK
@given(bars(), st.lists(st.integers(0, 50), max_size=4), st.sets(st.sampled_from(PERIODS), min_size=1))
def test_bars_are_the_reference_s_however_cut(rows: list[Row], cuts: list[int], periods: set[str]) -> None:
    made = cascade([table_of(piece) for piece in cut(rows, cuts)], Bars(), tuple(sorted(periods)))
    for period in periods:
        assert made[period] == coarser(rows, period)


@st.composite
def trades(draw: st.DrawFn) -> list[Row]:
    """Draw trades, several of one time."""
    steps = draw(st.lists(st.sampled_from([0, 0, 1, 250, 1000, 59_000, 3_600_000]), min_size=1, max_size=40))
    sized = st.one_of(st.integers(1, 10**9).map(lambda n: n / 10**8), st.floats(1e-9, 1e9))
    rows, at = [], 0
    for step in steps:
        at += step
        side = draw(st.sampled_from([None, "buy", "sell"]))
        rows.append(
            {"ts": START + dt.timedelta(milliseconds=at), "price": draw(prices), "size": draw(sized), "side": side}
        )
    return rows


@QUICK
@given(trades(), st.lists(st.integers(0, 50), max_size=4))
def test_trades_make_the_reference_s_bars(rows: list[Row], cuts: list[int]) -> None:
    schema = arrow_schema(TRADES, identity=False)
    tables = [pa.Table.from_pylist(piece, schema) for piece in cut(rows, cuts)]
    made = cascade(tables, Trades(), ("1s", "1m", "1h"))
    for period in ("1s", "1m", "1h"):
        assert made[period] == coarser([trade_bar(row) for row in rows], period)


@QUICK
@given(bars(tame=True))
def test_aggregates_of_aggregates_are_those_of_the_source(rows: list[Row]) -> None:
    five = cascade([table_of(rows)], Bars(), ("5m",))["5m"]
    direct = cascade([table_of(rows)], Bars(), ("1h", "1d", "1w", "1mo"))
    assert cascade([table_of(five)], Bars(), ("1h", "1d", "1w", "1mo")) == direct


ZONES = st.sampled_from(
    ["America/New_York", "Europe/London", "Asia/Kolkata", "Australia/Lord_Howe", "America/Sao_Paulo"]
)
moments = st.integers(0, 40 * 366 * 86_400).map(lambda s: EPOCH + dt.timedelta(seconds=s))


def session_day(ts: dt.datetime, zone: str, start: dt.time) -> dt.date:
    """Return the day whose session a time is in, by walking over the days around it."""
    day = ts.astimezone(ZoneInfo(zone)).date() + dt.timedelta(days=2)
    while session_open(day, zone, start) > ts:
        day -= dt.timedelta(days=1)
    return day


def session_open(day: dt.date, zone: str, start: dt.time) -> dt.datetime:
    return dt.datetime.combine(day, start, ZoneInfo(zone)).astimezone(dt.UTC)


@QUICK
@given(ZONES, st.sampled_from([(0, 0), (17, 0), (18, 30), (2, 30)]), st.lists(moments, min_size=1, max_size=20))
def test_session_days_follow_the_zone_through_its_changes_of_clock(
    zone: str, start: tuple[int, int], times: list[dt.datetime]
) -> None:
    low, high = (int((f(times) - EPOCH).total_seconds()) * 1_000_000 for f in (min, max))
    sessions = Sessions.of_zone(zone, start[0] * 3600 + start[1] * 60, low, high)
    clock = dt.time(*start)
    ts = np.array([int((t - EPOCH).total_seconds()) * 1_000_000 for t in times])
    for period in ("1d", "1w", "1mo"):
        buckets = Buckets(Period.parse(period), sessions)
        starts = buckets.starts(ts)
        for moment, found, end in zip(times, starts.tolist(), buckets.ends(starts).tolist(), strict=True):
            day = session_day(moment, zone, clock)
            label = day + dt.timedelta(days=start[0] >= 12)
            first = {
                "1d": label,
                "1w": label - dt.timedelta(days=label.weekday()),
                "1mo": label.replace(day=1),
            }[period]
            following = {
                "1d": first + dt.timedelta(days=1),
                "1w": first + dt.timedelta(days=7),
                "1mo": (first + dt.timedelta(days=31)).replace(day=1),
            }[period]
            back = dt.timedelta(days=start[0] >= 12)
            assert EPOCH + dt.timedelta(microseconds=found) == session_open(first - back, zone, clock)
            assert EPOCH + dt.timedelta(microseconds=end) == session_open(following - back, zone, clock)


@QUICK
@given(st.lists(moments, min_size=1, max_size=20), st.sampled_from([*PERIODS, "3d", "2w", "12mo", "1s"]))
def test_buckets_are_the_reference_s(times: list[dt.datetime], period: str) -> None:
    buckets = Buckets(Period.parse(period))
    ts = np.array([int((t - EPOCH).total_seconds()) * 1_000_000 for t in times])
    starts = buckets.starts(ts)
    assert [EPOCH + dt.timedelta(microseconds=s) for s in starts.tolist()] == [bucket(t, period) for t in times]
    assert starts.tolist() == [Period.parse(period).bucket_start_us(us) for us in ts.tolist()]
    ends = buckets.ends(starts)
    assert (starts <= ts).all()
    assert (ts < ends).all()
    assert (buckets.starts(ends) == ends).all()
    assert (buckets.starts(ends - 1) == starts).all()


def read(config: Config, address: Address) -> list[Row]:
    with Manifest.open(config) as manifest:
        series = manifest.find(address)
        if series is None or not manifest.current(series.id):
            return []
        return plain_rows(Scan(config, manifest, [address]).to_arrow())


def target(period: str) -> Address:
    return Address.of("BINANCE", "SPOT", "BTCUSDT", "bars", period)


TARGETS = ("5m", "1h", "1d", "1w", "1mo")


def steps() -> SearchStrategy[list[tuple[list[Row], bool]]]:
    return st.lists(st.tuples(bars(tame=True), st.booleans()), min_size=1, max_size=4)


@SLOW
@given(steps(), st.permutations(TARGETS))
def test_late_and_restated_rows_end_in_the_same_as_from_scratch(
    writes: list[tuple[list[Row], bool]], order: list[str]
) -> None:
    """Each write may add, or restate what is there; the aggregate may run between any two of them."""
    with tempfile.TemporaryDirectory() as folder:
        config = make_lake(Path(folder))
        stored: dict[dt.datetime, Row] = {}
        for rows, now in writes:
            write(config, BTC, table_of(rows))
            stored |= {row["ts"]: row for row in rows}
            if now:
                aggregate(config, AggregateRequest(BTC, tuple(order)))
        aggregate(config, AggregateRequest(BTC, tuple(order)))
        rows = [stored[ts] for ts in sorted(stored)]
        covered = rows[-1]["ts"] + MINUTE
        for period in order:
            whole = [bar for bar in coarser(rows, period) if _end(bar["ts"], period) <= covered]
            assert read(config, target(period)) == whole
        assert aggregate(config, AggregateRequest(BTC, tuple(order))).status == "unchanged"


@SLOW
@given(st.lists(st.tuples(trades(), st.booleans()), min_size=1, max_size=4))
def test_trades_that_come_in_any_order_end_in_the_same_bars(writes: list[tuple[list[Row], bool]]) -> None:
    """Each write has ids of its own; a bucket counts as over when a trade was seen after it."""
    address, targets = Address.of("B", "SPOT", "X", "ticks", "trade"), ("1s", "1m", "1h")
    schema = arrow_schema(TRADES, identity=False)
    with tempfile.TemporaryDirectory() as folder:
        config = make_lake(Path(folder))
        stored: list[Row] = []
        for number, (rows, now) in enumerate(writes):
            named = [row | {"trade_id": f"{number + 1}{place:03}"} for place, row in enumerate(rows)]
            write(config, address, pa.Table.from_pylist(named, schema))
            stored += named
            if now:
                aggregate(config, AggregateRequest(address, targets))
        aggregate(config, AggregateRequest(address, targets))
        stored.sort(key=lambda row: (row["ts"], int(row["trade_id"])))
        for period in targets:
            bars_made = coarser(map(trade_bar, stored), period)
            whole = [bar for bar in bars_made if bucket(stored[-1]["ts"], period) > bar["ts"]]
            assert read(config, Address.of("B", "SPOT", "X", "bars", period)) == whole
        assert aggregate(config, AggregateRequest(address, targets)).status == "unchanged"


def _end(start: dt.datetime, period: str) -> dt.datetime:
    end = start
    while bucket(end, period) == start:
        end += dt.timedelta(minutes=5)
    return end


def test_the_reference_adds_what_the_schema_has() -> None:
    assert set(SUMS) < set(BARS.names)
