"""Replays against all rows put together by pandas and sorted stably."""

from __future__ import annotations

import random
import subprocess
import sys
import tracemalloc
from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow as pa
import pytest

import dl_datalake
from dl_datalake import LakeError, replay
from tests.manifests import make_lake
from tests.runs import REPO
from tests.tables import DAY_NS, MINUTE_US, bar, bars, quote, quotes, trade, trades

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from dl_datalake import Lake
    from dl_datalake.replay import Run

BARS, HOURS, MONTHS = (f"BINANCE/SPOT/BTCUSDT/bars/{period}" for period in ("1m", "1h", "1mo"))
TICKS, OTHER = "BINANCE/SPOT/BTCUSDT/ticks/trade", "BINANCE/SPOT/ETHUSDT/ticks/trade"
QUOTES = "BINANCE/SPOT/BTCUSDT/ticks/quote"
MINUTE_NS, HOUR_NS = MINUTE_US * 1000, 3_600 * 10**9
Event = tuple[int, str, dict[str, Any]]


@pytest.fixture
def lake(tmp_path: Path) -> Iterator[Lake]:
    make_lake(tmp_path)
    with dl_datalake.open(tmp_path) as lake:
        yield lake


def events(runs: Iterable[Run]) -> list[Event]:
    """Return the rows of runs one by one: when, of which series, and what."""
    order: list[tuple[int, str]] = []
    batches: dict[str, list[pa.RecordBatch]] = {}
    for run in runs:
        assert run.rows.num_rows == len(run.at) > 0
        order += [(at, str(run.address)) for at in run.at.tolist()]
        batches.setdefault(str(run.address), []).append(run.rows)
    whole = {name: iter(plain(pa.Table.from_batches(rows).to_pandas())) for name, rows in batches.items()}
    return [(at, name, next(whole[name])) for at, name in order]


def plain(frame: pd.DataFrame) -> list[dict[str, Any]]:
    rows = frame.astype(object).where(frame.notna(), None).to_dict("records")
    return [{str(name): value for name, value in row.items()} for row in rows]


def expected(lake: Lake, moments: dict[str, Any]) -> list[Event]:
    """Return what pandas makes of whole series and of what gives each row's moment, in the order of the mapping."""
    parts = []
    for name, moment in moments.items():
        frame = lake.read(name).to_pandas()
        parts.append(pd.DataFrame({"at": moment(frame), "name": name, "row": plain(frame)}))
    told = pd.concat(parts).sort_values("at", kind="stable")
    return list(zip(told["at"].tolist(), told["name"], told["row"], strict=True))


def ns(column: str, later: int = 0) -> Any:  # noqa: ANN401 - a function of a frame
    return lambda frame: frame[column].dt.as_unit("ns").astype("int64") + later


CLOCKS = {
    BARS: ns("ts", MINUTE_NS),
    TICKS: ns("ts"),
    HOURS: ns("ts", HOUR_NS),
    OTHER: ns("ts"),
    QUOTES: ns("ts"),
}


def fill(lake: Lake) -> None:
    """Store three days of ticks and bars, many of them at equal times, received up to some minutes later."""
    chance = random.Random(7)  # noqa: S311 - rows to test with
    minutes = sorted(chance.sample(range(4000), 1500))
    lake.write(BARS, bars(*(bar(minute, float(minute + 1)) for minute in minutes)))
    lake.write(HOURS, bars(*(bar(60 * hour, hour + 1.0) for hour in range(66))))
    for name, word in ((TICKS, "a"), (OTHER, "b")):
        times = sorted(chance.randrange(8000) * MINUTE_NS // 2 for _ in range(3000))
        late = [chance.randrange(20) * MINUTE_NS for _ in times]
        received = zip(times, late, strict=True)
        rows = [trade(at, 1.0 + n, f"{word}{n}", ts_recv=at + wait) for n, (at, wait) in enumerate(received)]
        lake.write(name, trades(*rows))
    lake.write(QUOTES, quotes(*(quote(n * MINUTE_NS, n + 1.0) for n in range(0, 4000, 3))))


def test_rows_come_as_a_stable_sort_of_everything_has_them(lake: Lake) -> None:
    fill(lake)
    for names in (list(CLOCKS), list(CLOCKS)[::-1]):
        told = events(lake.replay(names))
        assert len(told) == 1500 + 66 + 6000 + 1334
        assert told == expected(lake, {name: CLOCKS[name] for name in names})


def test_bars_at_their_open_come_with_what_happens_at_that_time(lake: Lake) -> None:
    fill(lake)
    assert events(lake.replay([BARS, TICKS], bars="open")) == expected(lake, {BARS: ns("ts"), TICKS: ns("ts")})


def test_order_of_receipt_is_that_of_a_sort_of_whole_series(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(lake)
    moments = {OTHER: ns("ts_recv"), BARS: ns("ts", MINUTE_NS), TICKS: ns("ts_recv")}
    told = events(lake.replay(list(moments), by="ts_recv"))
    assert told == expected(lake, moments)
    assert told != expected(lake, {name: CLOCKS[name] for name in moments})
    monkeypatch.setattr(replay, "BATCH_ROWS", 7)
    assert events(lake.replay(list(moments), by="ts_recv")) == told


def test_range_is_one_of_moments(lake: Lake) -> None:
    fill(lake)
    whole = expected(lake, CLOCKS)
    start, end = DAY_NS + 61 * MINUTE_NS, 2 * DAY_NS + HOUR_NS
    told = events(lake.replay(list(CLOCKS), start="1970-01-02T01:01Z", end="1970-01-03T01:00Z"))
    assert told == [event for event in whole if start <= event[0] < end]
    assert 0 < len(told) < len(whole)


def test_bars_of_months_come_when_the_month_is_over(lake: Lake) -> None:
    opens = pd.to_datetime(["2023-12-01", "2024-01-01", "2024-02-01", "2024-03-01"], utc=True)
    lake.write(MONTHS, bars(*(bar(int(at.timestamp()) // 60) for at in opens)))
    closed = pd.to_datetime(["2024-01-01", "2024-02-01", "2024-03-01", "2024-04-01"], utc=True)
    ends = closed.as_unit("ns").astype("int64")
    assert [at for at, *_ in events(lake.replay([MONTHS]))] == list(ends)
    for start, left in (("2024-01-01", 4), ("2024-02-01", 3), ("2024-03-01", 2), ("2024-03-02", 1), ("2024-04-02", 0)):
        assert [at for at, *_ in events(lake.replay([MONTHS], start=start))] == list(ends[4 - left :])


def test_results_bring_their_columns_and_ranges_and_are_parted_by_series(lake: Lake) -> None:
    fill(lake)
    both = lake.ticks(["ETHUSDT", "BTCUSDT"], columns=["price"], end="1970-01-02")
    told = events(lake.replay([both]))
    wanted = [event for event in expected(lake, {OTHER: ns("ts"), TICKS: ns("ts")}) if event[0] < DAY_NS]
    assert told == [(at, name, {"price": row["price"]}) for at, name, row in wanted]
    assert events(lake.replay([both])) == told, "a result can be replayed again"


def test_all_series_are_read_at_one_snapshot(lake: Lake) -> None:
    lake.write(TICKS, trades(trade(1, 1.0, "a")))
    lake.write(OTHER, trades(trade(2, 1.0, "b")))
    then = lake.replay([TICKS, OTHER])
    lake.write(TICKS, trades(trade(3, 1.0, "c")))
    assert [at for at, *_ in events(then)] == [1, 2]
    assert [at for at, *_ in events(lake.replay([TICKS, OTHER]))] == [1, 2, 3]
    assert [at for at, *_ in events(lake.replay([TICKS, OTHER], as_of=2))] == [1, 2]


def test_no_series_is_no_rows(lake: Lake) -> None:
    assert list(lake.replay([])) == []


def refusal(lake: Lake, *series: Any, **words: Any) -> str:  # noqa: ANN401 - what replay takes, and does not
    with pytest.raises(LakeError) as caught:
        list(lake.replay(series, **words))
    assert caught.value.fix
    return f"{caught.value.code}: {caught.value.message}"


def test_what_cannot_be_ordered_is_refused(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(lake)
    assert refusal(lake, TICKS, by="seq") == "E_USAGE: by='seq' is none of ts, ts_recv"
    assert refusal(lake, TICKS, bars="high") == "E_USAGE: bars='high' is none of close, open"
    assert refusal(lake, QUOTES, by="ts_recv") == f"E_USAGE: {QUOTES} has rows without a ts_recv"
    assert refusal(lake, "BINANCE/SPOT/SOLUSDT/ticks/trade").startswith("E_UNKNOWN_SERIES")
    monkeypatch.setattr(replay, "_REPLAYED", ("ticks",))
    assert refusal(lake, BARS).startswith("E_USAGE: <BINANCE/SPOT/BTCUSDT/bars/1m")


def test_more_rows_than_may_wait_are_refused(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    late = [trade(n, 1.0, f"late{n}", ts_recv=2 * DAY_NS + n) for n in range(5)]
    lake.write(TICKS, trades(*late, trade(DAY_NS, 1.0, "next", ts_recv=DAY_NS)))
    monkeypatch.setattr(replay, "HELD_ROWS", 5)
    received = [at for at, *_ in events(lake.replay([TICKS], by="ts_recv"))]
    assert received == [DAY_NS, *(2 * DAY_NS + n for n in range(5))]
    monkeypatch.setattr(replay, "HELD_ROWS", 4)
    assert refusal(lake, TICKS, by="ts_recv").startswith("E_USAGE: more than 4 rows were received after a row")


def test_real_ticks_quotes_and_bars(tmp_path: Path) -> None:
    samples = REPO / "data" / "samples"
    make_lake(tmp_path)
    for name in sorted(path for path in samples.iterdir() if path.name[:6] in {"crypto", "equity", "forex_", "gemini"}):
        said = ["ingest", "--root", str(tmp_path), "--source", str(name)]
        more = ["--exchange", "USA"] if "equity" in name.name else []
        subprocess.run([sys.executable, "-m", "dl_datalake.cli", *said, *more], check=True, capture_output=True)
    with dl_datalake.open(tmp_path) as lake:
        names = [str(row.address) for row in lake.list()]
        later = {name: MINUTE_NS if "/bars/1m" in name else 0 for name in names}
        told = events(lake.replay(names))
        assert len(told) == 1419 + 828 + 33381 + 49341 + 16394
        assert told == expected(lake, {name: ns("ts", later[name]) for name in names})


def test_one_batch_of_each_series_is_held(lake: Lake) -> None:
    days = 20
    for place, name in enumerate((TICKS, OTHER)):
        for day in range(days):
            rows = 50_000
            first = day * DAY_NS + place * rows  # the one's rows of a day, then the other's: runs are long
            times = pa.array(range(first, first + rows)).cast(pa.timestamp("ns", "UTC"))
            lake.write(name, pa.table({"ts": times, "price": [1.0] * rows, "size": [1.0] * rows}))
    before, most, rows = pa.total_allocated_bytes(), 0, 0
    tracemalloc.start()
    for run in lake.replay([TICKS, OTHER]):
        rows += len(run.at)
        most = max(most, pa.total_allocated_bytes() - before)
    python = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert rows == 2 * days * 50_000
    assert max(most, python) < 32_000_000, "all rows are 2,000,000 times five columns and more"
