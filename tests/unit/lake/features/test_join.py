"""What a join reads and what it leaves unread, what it refuses, and what it looks like from outside."""

from __future__ import annotations

import datetime as dt
import threading
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

from dl_datalake.result import Result
from lake.errors import Exit, LakeError
from lake.features.join import Joined, PointInTime
from lake.manifest import Manifest
from lake.read import Scan
from lake.write import write
from schemas.assets import declare
from schemas.keys import Address
from tests.joining import NS, SCHEMA, STORED, VALUES, Held, features, held, held_bars
from tests.manifests import BTC, ETH, make_lake
from tests.rotten import flip
from tests.tables import MINUTE_US, bar, bars, plain

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from lake.config import Config
    from tests.tables import Row

SERIES = Address.of("BINANCE", "SPOT", "BTCUSDT", "features", "joined.v1")
KEYS, ALL = ("ts", "known_at"), ("ts", "known_at", "x", "word")


def known(minute: int, at: int | None = None, x: float | None = None, **changes: object) -> Row:
    """Return a row of features of one minute, known at another."""
    ts = minute * MINUTE_US
    return {
        "ts": ts,
        "known_at": ts if at is None else at * MINUTE_US,
        "x": float(minute) if x is None else x,
    } | changes


def joined(scan: Held | None, name: str = "s", ttl_us: int | None = None) -> Joined:
    return Joined(name, scan.scan() if scan else None, {BTC: SERIES if scan else None}, VALUES, ttl_us)


def minutes(first: int, last: int, cuts: Sequence[int] = ()) -> Held:
    """Return bars of one minute that open from one minute to another."""
    rows = [{"ts": at * MINUTE_US, "close": float(at)} for at in range(first, last + 1)]
    return held_bars({BTC: rows}, [at * MINUTE_US for at in cuts], 1000)


def join(bars: Held, *sets: Joined, **how: Any) -> PointInTime:  # noqa: ANN401 -- how it is joined
    words: dict[str, Any] = {"memory_mb": 100, "decide": "open"}
    return PointInTime(bars.scan(), sets, **words | how)


def xs(batches: Iterator[pa.RecordBatch], name: str = "s__x") -> list[float | None]:
    return [value for batch in batches for value in batch.column(name).to_pylist()]


# ---- decisions -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("period", "opened", "closed"),
    [
        ("1m", (2024, 2, 29, 23, 59), (2024, 3, 1)),
        ("4h", (2024, 2, 29, 20), (2024, 3, 1)),
        ("1w", (2024, 2, 26), (2024, 3, 4)),
        ("1mo", (2024, 2, 1), (2024, 3, 1)),
        ("3mo", (2023, 11, 1), (2024, 2, 1)),
    ],
)
def test_a_bar_is_decided_on_at_its_close(
    period: str, opened: tuple[int, int, int], closed: tuple[int, int, int]
) -> None:
    start, end = (int(dt.datetime(*at, tzinfo=dt.UTC).timestamp() * 1e6) for at in (opened, closed))
    address = Address.of("BINANCE", "SPOT", "BTCUSDT", "bars", period)
    rows = [{"ts": start, "known_at": at, "x": float(at - end)} for at in (end, end + 1)]
    for late, expected in (([rows[0]], 0.0), ([rows[1]], None)):
        sets = [Joined("s", held(SERIES, late, [], 10).scan(), {address: SERIES}, VALUES, None)]
        series = held_bars({address: [{"ts": start, "close": 1.0}]}, [], 10)
        assert xs(PointInTime(series.scan(), sets, memory_mb=1).batches()) == [expected]
        assert xs(PointInTime(series.scan(), sets, memory_mb=1, strict=True).batches()) == [None]
        assert xs(PointInTime(series.scan(), sets, memory_mb=1, decide="open").batches()) == [None]


def test_a_late_correction_of_an_old_row_does_not_displace_a_newer_one() -> None:
    rows = [known(1, 1), known(1, 4, 100.0), known(2, 3), known(2, 5, 200.0)]
    assert xs(join(minutes(0, 6), joined(held(SERIES, rows, [], 10))).batches()) == [None, 1, 1, 2, 2, 200, 200]


def test_what_a_join_by_ts_gives_too_early_can_be_told() -> None:
    series = held(SERIES, [known(1, 3), known(2, 9)], [], 10)
    assert xs(join(minutes(0, 4), joined(series)).batches()) == [None, None, None, 1, 1]
    assert xs(join(minutes(0, 4), joined(series), by="ts").batches()) == [None, 1, 2, 2, 2]


# ---- what is read ----------------------------------------------------------------------------------------------------


def test_with_a_ttl_nothing_older_is_read_nor_what_comes_after_the_bars() -> None:
    series = held(SERIES, [known(at) for at in range(100)], [at * MINUTE_US for at in range(10, 100, 10)], 10)
    got = join(minutes(52, 54), joined(series, ttl_us=5 * MINUTE_US))
    assert xs(got.batches()) == [52, 53, 54]
    assert set(series.reads) == {(4, ALL), (5, ALL)}


def test_without_a_ttl_it_is_read_back_to_the_file_that_has_a_row_known_by_then() -> None:
    """Here the rows of the fourth and fifth file are known late, and so is a correction in the second."""
    late = [known(at, 57 if at >= 30 else at) for at in range(100)] + [known(15, 54, -1.0)]
    rows = [row | {"known_at": max(row["ts"], row["known_at"])} for row in late]
    series = held(SERIES, rows, [at * MINUTE_US for at in range(10, 100, 10)], 10)
    assert xs(join(minutes(52, 58), joined(series)).batches()) == [29] * 5 + [57, 58]
    assert {file for file, columns in series.reads if columns == ("known_at",)} == {2, 3, 4, 5}
    assert {file for file, columns in series.reads if columns == ALL} == {2, 3, 4, 5}


def test_a_file_that_ends_just_where_rows_are_still_good_is_read() -> None:
    rows = [known(at) for at in range(10)]
    for ttl_us, expected in ((3 * MINUTE_US, 9), (3 * MINUTE_US - 1, None)):
        assert xs(join(minutes(12, 12), joined(held(SERIES, rows, [], 4), ttl_us=ttl_us)).batches()) == [expected]


def test_a_file_whose_first_row_is_known_just_at_the_decision_is_not_enough_for_a_strict_join() -> None:
    series = held(SERIES, [known(at) for at in range(20)], [10 * MINUTE_US], 100)
    assert xs(join(minutes(10, 11), joined(series), strict=True).batches()) == [9, 10]
    assert {file for file, columns in series.reads if columns == ALL} == {0, 1}


def test_the_first_rows_are_had_without_reading_on() -> None:
    series = held(SERIES, [known(at) for at in range(1000)], [at * MINUTE_US for at in range(10, 1000, 10)], 10)
    bars = minutes(0, 999, range(10, 1000, 10))
    assert Result(join(bars, joined(series))).head(3)["s__x"].to_pylist() == [0, 1, 2]
    assert {file for file, _ in bars.reads} <= {0, 1}
    assert {file for file, _ in series.reads} <= {0, 1, 2}
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("features")]


def test_the_last_rows_are_had_without_reading_all() -> None:
    series = held(SERIES, [known(at) for at in range(100)], [at * MINUTE_US for at in range(10, 100, 10)], 10)
    bars = minutes(0, 99, range(10, 100, 10))
    assert Result(join(bars, joined(series))).tail(12)["s__x"].to_pylist() == list(range(88, 100))
    assert {file for file, _ in bars.reads} == {8, 9}
    assert {file for file, _ in series.reads} <= {7, 8, 9}


def test_bars_are_counted_without_features() -> None:
    series = held(SERIES, [known(1)], [], 10)
    assert join(minutes(0, 9), joined(series)).count() == 10
    assert series.reads == []


def test_what_waits_beyond_the_budget_is_read_for_its_clocks_first() -> None:
    """Every row is known half an hour late, and no room is given to those that wait."""
    series = held(SERIES, [known(at, at + 30) for at in range(100)], [at * MINUTE_US for at in range(10, 100, 10)], 4)
    batches = join(minutes(0, 99), joined(series), memory_mb=0).batches(7)
    assert xs(batches) == [None] * 30 + list(range(70))
    assert {columns for _, columns in series.reads} >= {KEYS, ("x", "word")}
    whole = held(SERIES, [known(at, at + 30) for at in range(100)], [at * MINUTE_US for at in range(10, 100, 10)], 4)
    assert xs(join(minutes(0, 99), joined(whole)).batches(7)) == [None] * 30 + list(range(70))
    assert {columns for _, columns in whole.reads} == {ALL}


# ---- what is refused -------------------------------------------------------------------------------------------------


def test_a_row_that_was_known_before_its_time_is_refused() -> None:
    series = held(SERIES, [known(1), {"ts": 2 * MINUTE_US, "known_at": 2 * MINUTE_US - 1, "x": 1.0}], [], 10)
    with pytest.raises(LakeError, match=r"1970-01-01T00:02:00\+00:00 .* 1970-01-01T00:01:59\.999999\+00:00") as caught:
        list(join(minutes(0, 4), joined(series)).batches())
    assert (caught.value.code, caught.value.exit, caught.value.where) == ("E_LOOKAHEAD", Exit.REFUSED, str(SERIES))
    assert "dl features audit joined" in caught.value.fix
    assert xs(join(minutes(0, 4), joined(series), by="ts").batches()) == [None, 1, 1, 1, 1]


def test_two_columns_of_one_name_are_refused() -> None:
    with pytest.raises(LakeError, match="s__word") as caught:
        join(minutes(0, 1), joined(None), joined(None))
    assert caught.value.code == "E_USAGE"


# ---- as seen from outside --------------------------------------------------------------------------------------------


def test_a_set_without_the_series_gives_nulls_of_its_types() -> None:
    got = join(minutes(0, 1), joined(None), joined(held(SERIES, [], [], 1), "t")).to_arrow()
    assert got.schema.names == ["ts", "close", "s__x", "s__word", "t__x", "t__word"]
    assert got.schema.types[2:] == [*VALUES.types, *VALUES.types]
    assert [got[name].null_count for name in got.schema.names] == [0, 0, 2, 2, 2, 2]


@pytest.fixture
def lake(tmp_path: Path) -> Config:
    """Return a lake of two days of bars each hour, and features known an hour late."""
    config = make_lake(tmp_path)
    declare(SERIES.key, SCHEMA)
    for address in (BTC, ETH):
        write(config, address, bars(*(bar(hour * 60, 1.0 + hour) for hour in range(48))))
    write(config, SERIES, features([known(hour * 60, hour * 60 + 60, word="up") for hour in range(48)]))
    return config


def stored(config: Config, manifest: Manifest, columns: Sequence[str] | None = None) -> PointInTime:
    scan = Scan(config, manifest, [BTC, ETH], columns=columns, start_ns=12 * 60 * MINUTE_US * NS)
    series = Scan(config, manifest, [SERIES], columns=STORED.names)
    return PointInTime(scan, [Joined("s", series, {BTC: SERIES, ETH: None}, VALUES, None)], memory_mb=100)


def test_a_join_is_a_result_as_a_read_is(lake: Config) -> None:
    with Manifest.open(lake) as manifest:
        result = Result(stored(lake, manifest, ["close", "symbol"]))
        table = result.to_arrow()
        assert table.schema.names == ["close", "symbol", "s__x", "s__word"]
        assert pa.types.is_dictionary(table.schema.field("s__word").type)
        assert table["close"].to_pylist() == [1.0 + hour for hour in range(12, 48)] * 2
        # A bar of one minute closes before the features of its hour are known: those of the hour before are the last.
        assert table["s__x"].to_pylist() == [60.0 * (hour - 1) for hour in range(12, 48)] + [None] * 36
        assert (len(result.addresses), result.count(), result.snapshot) == (2, 72, manifest.snapshot())
        assert pa.table(result)["s__word"].to_pylist() == ["up"] * 36 + [None] * 36
        frame = result.to_pandas()
        assert (frame["s__x"].sum(), frame["s__word"].count()) == (60.0 * sum(range(11, 47)), 36)
        assert plain(result.tail(2)) == plain(table.slice(70))
        page = result._repr_html_()
        assert all(word in page for word in ("72 rows", "s__word", "<td>660</td>", "…"))


def test_damage_to_features_is_told_as_of_any_file(lake: Config) -> None:
    flip(max((lake.data / str(SERIES)).rglob("*.parquet")))
    with Manifest.open(lake) as manifest, pytest.raises(LakeError) as caught:
        stored(lake, manifest).to_arrow()
    assert caught.value.code == "E_FILE_DAMAGED"
