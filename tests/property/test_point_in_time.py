"""Joins are those of the plainest reference, however late rows come, how often they are revised, and how all is cut."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest import mock

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from dl_datalake.result import Result
from lake import files
from lake.features import ahead
from lake.features.join import Joined, PointInTime
from lake.manifest import Manifest
from lake.read import Scan
from lake.write import write
from schemas.assets import declare
from schemas.keys import Address
from tests import tables
from tests.joining import SCHEMA, STORED, VALUES, Question, Set, answers, features, held_bars, held_features
from tests.manifests import make_lake
from tests.tables import DAY_US, MINUTE_US, bar, plain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lake.config import Config
    from tests.tables import Row

SECOND = 1_000_000
HOUR = 3600 * SECOND
KEY = "features/joined.v1"
FIRST = 19_723 * DAY_US
"""The first day of 2024."""
SYMBOLS = ("BTCUSDT", "ETHUSDT")
SETS = ("fast", "slow")
WORDS = ("up", "down", "flat")
QUICK = settings(max_examples=300, deadline=None)  # a busy machine is no bug
SLOW = settings(max_examples=25, deadline=None)

# Times lie on the bars' grid, between its lines and one microsecond beside them, so that every bound is met exactly.
steps = st.tuples(st.integers(0, 40), st.sampled_from([0, 0, SECOND // 2]), st.sampled_from([0, 0, 0, -1, 1]))
times = steps.map(lambda parts: FIRST + parts[0] * SECOND + parts[1] + parts[2])
delays = st.one_of(
    st.sampled_from([0, 0, 1, SECOND // 2, SECOND, SECOND, 3 * SECOND, 20 * SECOND]), st.integers(0, 60 * SECOND)
)
limits = st.one_of(st.none(), st.sampled_from([0, 1, SECOND, SECOND + 1, 5 * SECOND]), st.integers(0, 45 * SECOND))
numbers = st.one_of(st.none(), st.integers(-9, 9).map(float))


def several(one: st.SearchStrategy[Any], least: int, most: int) -> st.SearchStrategy[list[Any]]:
    """Draw few or none now and then, else many: among few rows there is little to mistake."""
    many = st.lists(one, min_size=least, max_size=most, unique=True)
    return st.one_of(st.lists(one, max_size=3, unique=True), many, many, many)


@st.composite
def series(draw: st.DrawFn, *, revised: bool = True) -> list[Row]:
    """Draw rows with what they say, some known late, some all at once, some of one ts told again."""
    rows: dict[tuple[int, ...], Row] = {}
    backfilled = draw(st.one_of(st.none(), st.none(), times))
    for ts in draw(several(times, 10, 25)):
        first = ts + draw(delays) if backfilled is None else max(ts, backfilled)
        for at in sorted({first + later for later in draw(st.lists(delays, max_size=2))} | {first}):
            row = {"ts": ts, "known_at": at, "x": draw(numbers), "word": draw(st.sampled_from([None, *WORDS]))}
            rows[(ts, at) if revised else (ts,)] = row
    return list(rows.values())


questions = st.builds(
    Question,
    by=st.sampled_from(["known_at", "known_at", "ts"]),
    decide=st.sampled_from(["close", "close", "open"]),
    strict=st.booleans(),
    tolerance_us=limits,
)
opens = several(st.integers(-5, 45), 15, 40).map(sorted)


@st.composite
def sets(draw: st.DrawFn, *, revised: bool = True) -> list[Set]:
    """Draw one set or two, each with a series for some of the symbols."""
    return [
        Set(
            name,
            {symbol: draw(series(revised=revised)) for symbol in SYMBOLS if draw(st.integers(0, 4))},
            draw(limits),
        )
        for name in SETS[: draw(st.integers(1, 2))]
    ]


def address(symbol: str, key: str) -> Address:
    return Address.of("BINANCE", "SPOT", symbol, *key.split("/"))


def chosen(sets: Sequence[Set], bars: Sequence[Address], cuts: Sequence[int], group: int) -> list[Joined]:
    """Return sets as they are joined, out of memory."""
    joins = []
    for one in sets:
        series = {place: address(place.symbol, KEY) if place.symbol in one.series else None for place in bars}
        rows = {own: one.series[own.symbol] for own in series.values() if own is not None}
        scan = held_features(rows, cuts, group).scan() if rows else None
        joins.append(Joined(one.name, scan, series, VALUES, one.ttl_us))
    return joins


def asked(how: Question) -> dict[str, Any]:
    return {"by": how.by, "decide": how.decide, "strict": how.strict, "tolerance_us": how.tolerance_us}


@QUICK
@given(
    opens_of=st.dictionaries(st.sampled_from(SYMBOLS), opens, min_size=1),
    sets=sets(),
    how=questions,
    span=st.tuples(st.one_of(st.none(), times), st.one_of(st.none(), times)),
    cuts=st.tuples(st.lists(times, max_size=4), st.lists(times, max_size=4)),
    group=st.integers(1, 9),
    sizes=st.tuples(st.integers(1, 50), st.sampled_from([1, 3, 65_536]), st.sampled_from([0, 0, 100])),
)
def test_a_join_is_the_reference_s(
    opens_of: dict[str, list[int]],
    sets: list[Set],
    how: Question,
    span: tuple[int | None, int | None],
    cuts: tuple[list[int], list[int]],
    group: int,
    sizes: tuple[int, int, int],
) -> None:
    size, job, memory_mb = sizes
    stored = {
        symbol: [{"ts": FIRST + at * SECOND, "close": float(at)} for at in seconds]
        for symbol, seconds in opens_of.items()
    }
    bars = held_bars({address(symbol, "bars/1s"): rows for symbol, rows in stored.items()}, cuts[0], group)
    start, end = span
    bars.start_ns, bars.end_ns = (None if at is None else at * 1000 for at in span)
    wanted = {
        symbol: [row for row in rows if (start is None or row["ts"] >= start) and (end is None or row["ts"] < end)]
        for symbol, rows in stored.items()
    }
    with mock.patch.object(ahead, "JOB_ROWS", job):
        join = PointInTime(bars.scan(), chosen(sets, bars.addresses, cuts[1], group), **asked(how), memory_mb=memory_mb)
        got = list(join.batches(size))
    expected = [row for symbol, rows in wanted.items() for row in answers(rows, symbol, sets, how, SECOND)]
    assert [{name: row[name] for name in row if name != "close"} for batch in got for row in plain(batch)] == expected
    assert [row["close"] for batch in got for row in plain(batch)] == [
        row["close"] for rows in wanted.values() for row in rows
    ]
    assert join.count() == len(expected)
    assert all(0 < batch.num_rows <= size and batch.schema == join.schema for batch in got)


@SLOW
@given(
    opens_of=st.dictionaries(st.sampled_from(SYMBOLS), opens.filter(bool), min_size=1),
    sets=sets(revised=False),
    how=questions,
    rows=st.integers(1, 9),
)
def test_a_join_of_stored_series_is_the_reference_s(
    opens_of: dict[str, list[int]], sets: list[Set], how: Question, rows: int
) -> None:
    """The same of a lake, its ends read alone as well; times are stretched, so that there are files of several days."""
    stored = {symbol: [bar(0, ts=FIRST + at * HOUR) for at in hours] for symbol, hours in opens_of.items()}
    sets = [stretched(one) for one in sets]
    with tempfile.TemporaryDirectory() as folder, mock.patch.object(files, "ROW_GROUP", rows):
        config = make_lake(Path(folder))
        for symbol, some in stored.items():
            write(config, address(symbol, "bars/1m"), tables.bars(*some))
        for one in sets:
            declare(f"features/{one.name}.v1", SCHEMA)
            for symbol, some in one.series.items():
                if some:
                    write(config, address(symbol, f"features/{one.name}.v1"), features(some))
        with Manifest.open(config) as manifest:
            bars = Scan(config, manifest, [address(symbol, "bars/1m") for symbol in stored])
            joins = [_stored_set(config, manifest, one, bars.addresses) for one in sets]
            result = Result(PointInTime(bars, joins, **asked(how), memory_mb=100))
            expected = [row for symbol, some in stored.items() for row in answers(some, symbol, sets, how, MINUTE_US)]
            assert _joined_part(result.to_arrow()) == expected
            assert _joined_part(result.tail(rows)) == expected[-rows:]
            assert _joined_part(result.head(rows)) == expected[:rows]
            assert result.count() == len(expected)
            assert pa.table(result).num_rows == len(expected)


def _stored_set(config: Config, manifest: Manifest, one: Set, bars: Sequence[Address]) -> Joined:
    key = f"features/{one.name}.v1"
    series = {place: address(place.symbol, key) if one.series.get(place.symbol) else None for place in bars}
    own = [place for place in series.values() if place is not None]
    scan = Scan(config, manifest, own, columns=STORED.names) if own else None
    return Joined(one.name, scan, series, VALUES, one.ttl_us)


def _joined_part(table: pa.Table) -> list[Row]:
    names = ["ts", *(name for name in table.schema.names if "__" in name)]
    return plain(table.select(names))


def stretched(one: Set) -> Set:
    """Return a set with hours in the place of seconds."""

    def later(row: Row) -> Row:
        return row | {clock: FIRST + (row[clock] - FIRST) * 3600 for clock in ("ts", "known_at")}

    series = {symbol: [later(row) for row in rows] for symbol, rows in one.series.items()}
    return Set(one.name, series, None if one.ttl_us is None else one.ttl_us * 3600)
