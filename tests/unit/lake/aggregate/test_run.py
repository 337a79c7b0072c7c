"""The run on a lake: what is made, what is left alone, what is refused, and what other writers do to it."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pytest

from lake import write as writing
from lake.aggregate import AggregateReport, AggregateRequest, aggregate
from lake.check import verify
from lake.errors import LakeError
from lake.manifest import Manifest, graph
from lake.manifest.failures import failures
from lake.read import Scan
from lake.seal import SealRequest, seal
from lake.write import write
from schemas.keys import Address
from tests.manifests import BTC, make_lake
from tests.resampling import EPOCH, coarser, plain_rows, trade_bar
from tests.tables import bars, quotes, trades

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pyarrow as pa

    from lake.config import Config
    from tests.resampling import Row

DAY = 1440
TRADES = Address.of("GEMINI", "SPOT", "ETH-USD", "ticks", "trade")
QUOTES = Address.of("TRUEFX", "FX", "EURUSD", "ticks", "quote")
SECOND_NS = 10**9
FAR_NS = 4 * 10**18


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return make_lake(tmp_path)


def minute(at: str) -> int:
    return int(dt.datetime.fromisoformat(f"{at}+00:00").timestamp()) // 60


def flat(first: str, count: int, price: float = 100.0, step: int = 1) -> pa.Table:
    four = dict.fromkeys(("open", "high", "low", "close"), price)
    minutes = range(minute(first), minute(first) + count, step)
    return bars(*({"ts": at * 60_000_000, "volume": 0.1, **four} for at in minutes))


def run(config: Config, *to: str, address: Address = BTC, **more: Any) -> AggregateReport:  # noqa: ANN401 -- any field of a request
    return aggregate(config, AggregateRequest(address, to, **more))


def read(config: Config, address: Address) -> list[Row]:
    with Manifest.open(config) as manifest:
        series = manifest.find(address)
        if series is None or not manifest.current(series.id):
            return []
        return plain_rows(Scan(config, manifest, [address]).to_arrow())


def of(period: str, source: Address = BTC) -> Address:
    return Address.of(source.exchange, source.market, source.symbol, "bars", period)


def opens(config: Config, address: Address) -> list[str]:
    return [row["ts"].strftime("%Y-%m-%dT%H:%M") for row in read(config, address)]


def built(report: AggregateReport) -> dict[str, int]:
    return {target.address.period: target.built for target in report.targets}


def refused(code: str, act: Callable[[], object]) -> LakeError:
    with pytest.raises(LakeError) as caught:
        act()
    assert caught.value.code == f"E_{code}"
    return caught.value


def test_only_whole_buckets_are_stored_and_empty_ones_make_no_row(config: Config) -> None:
    write(config, BTC, flat("2024-03-01T00:00", 7))
    write(config, BTC, flat("2024-03-01T00:20", 4))
    report = run(config, "5m")
    assert opens(config, of("5m")) == ["2024-03-01T00:00", "2024-03-01T00:05"]
    assert report.targets[0].withheld_ns == (minute("2024-03-01T00:25")) * 60 * SECOND_NS
    write(config, BTC, flat("2024-03-01T00:24", 1))
    run(config, "5m")
    assert opens(config, of("5m"))[-1] == "2024-03-01T00:20"
    assert read(config, of("5m"))[-1]["volume"] == 0.5


def test_the_user_may_say_that_a_bucket_is_whole_and_it_stays(config: Config) -> None:
    write(config, BTC, flat("2024-03-01T00:00", 7))
    run(config, "5m", complete_to_ns=minute("2024-03-01T00:10") * 60 * SECOND_NS)
    assert len(read(config, of("5m"))) == 2
    assert run(config, "5m").status == "unchanged"
    write(config, BTC, flat("2024-03-01T00:01", 1, 105.0))
    run(config, "5m")
    assert [row["high"] for row in read(config, of("5m"))] == [105.0, 100.0]


def test_a_second_run_does_nothing(config: Config) -> None:
    write(config, BTC, flat("2024-03-01T00:00", 3 * DAY))
    first = run(config, "5m", "1h", "1d")
    again = run(config, "5m", "1h", "1d")
    assert (first.status, again.status, again.run, again.rows_in) == ("committed", "unchanged", None, 0)
    assert again.snapshot == first.snapshot
    with Manifest.open(config) as manifest:
        assert [r.status for r in manifest.runs(limit=1)] == ["ok"]


def test_a_restated_bar_makes_exactly_its_partitions_anew(config: Config) -> None:
    write(config, BTC, flat("2024-01-31T00:00", 60 * DAY, step=30))
    run(config, "1h", "1d")
    write(config, BTC, flat("2024-03-05T10:00", 1, 120.0))
    report = run(config, "1h", "1d")
    assert built(report) == {"1h": 1, "1d": 1}
    assert [t.current for t in report.targets] == [2, 0]  # January and February of the hours stay
    high = max(read(config, of("1h")), key=lambda row: row["high"])
    assert (high["ts"].isoformat(), high["high"]) == ("2024-03-05T10:00:00+00:00", 120.0)


def test_a_restatement_that_changes_no_bucket_keeps_the_files(config: Config) -> None:
    write(config, BTC, flat("2024-03-01T00:00", DAY))
    run(config, "1h")
    # A bar in the middle closes elsewhere, within the range: the hour's prices and sums stay.
    row = {"ts": (minute("2024-03-01T00:30")) * 60_000_000, "open": 100.0, "high": 100.0, "low": 99.5, "close": 99.5}
    write(config, BTC, bars(row | {"volume": 0.1}, {**row, "ts": row["ts"] + 60_000_000, "volume": 0.1}))
    run(config, "1h")
    write(config, BTC, bars({**row, "ts": row["ts"] + 60_000_000, "close": 100.0, "volume": 0.1}))
    before = _files(config, of("1h"))
    report = run(config, "1h")
    assert (report.targets[0].built, report.targets[0].unchanged) == (0, 1)
    assert _files(config, of("1h")) == before
    assert run(config, "1h").status == "unchanged"


def _files(config: Config, address: Address) -> list[int]:
    with Manifest.open(config) as manifest:
        series = manifest.find(address)
        assert series is not None
        return [file.id for file in manifest.current(series.id).values()]


def test_weeks_cross_the_border_of_the_year(config: Config) -> None:
    write(config, BTC, flat("2024-12-23T00:00", 21 * DAY + 1, step=60))
    run(config, "1w")
    assert opens(config, of("1w")) == ["2024-12-23T00:00", "2024-12-30T00:00", "2025-01-06T00:00"]
    with Manifest.open(config) as manifest:
        series = manifest.find(of("1w"))
        assert series is not None
        made = {row.partition: (row.start_ns, row.end_ns) for row in graph.derivations(manifest, series.id)}
    week_ns = 7 * 86_400 * SECOND_NS
    assert made["2024"][1] == made["2025"][0] == minute("2025-01-06T00:00") * 60 * SECOND_NS
    assert made["2024"][0] % week_ns == minute("2024-01-01T00:00") * 60 * SECOND_NS % week_ns
    write(config, BTC, flat("2025-01-03T00:00", 1, 130.0))
    report = run(config, "1w")
    assert built(report) == {"1w": 1}
    assert read(config, of("1w"))[1]["high"] == 130.0


def test_days_of_a_zone_are_kept_to(config: Config) -> None:
    write(config, BTC, flat("2024-03-07T22:00", 5 * DAY, step=30))
    run(config, "1d", session_tz="America/New_York", session_start="17:00")
    # The clocks went forward on the 10th.
    assert opens(config, of("1d"))[:4] == [
        "2024-03-07T22:00",
        "2024-03-08T22:00",
        "2024-03-09T22:00",
        "2024-03-10T21:00",
    ]
    with Manifest.open(config) as manifest:
        series = manifest.find(of("1d"))
        assert series is not None
        assert series.time_zone == "America/New_York"
        assert {row.recipe for row in graph.derivations(manifest, series.id)} == {
            '{"session_start":"17:00","session_tz":"America/New_York"}'
        }
    assert run(config, "1d").status == "unchanged"
    write(config, BTC, flat("2024-03-12T22:00", DAY, step=30))
    run(config, "1d")
    assert opens(config, of("1d"))[-1] == "2024-03-12T21:00"
    refused("DERIVED", lambda: run(config, "1d", session_tz="UTC"))
    # Weeks of such days are made of the same days.
    run(config, "1w", address=of("1d"), complete_to_ns=FAR_NS)
    assert opens(config, of("1w")) == ["2024-03-03T22:00", "2024-03-10T21:00"]


def test_what_lies_outside_a_calendar_s_sessions_is_counted(config: Config) -> None:
    write(config, BTC, flat("2024-07-03T12:00", 2 * DAY, step=30))
    report = run(config, "1d", calendar="XNYS", complete_to_ns=FAR_NS)
    [row] = read(config, of("1d"))
    assert (row["ts"].isoformat(), row["volume"]) == ("2024-07-03T13:30:00+00:00", 0.7)
    assert report.targets[0].outside == 96 - 7
    assert run(config, "1d").status == "unchanged"


def test_ticks_of_one_time_keep_their_order(config: Config) -> None:
    rows = [
        {"ts": at * SECOND_NS, "price": price, "size": size, "side": side}
        for at, price, size, side in [
            (60, 3.0, 0.1, "buy"),
            (60, 1.0, 0.2, "sell"),
            (60, 2.0, 0.7, None),
            (61, 1.5, 1.0, "buy"),
            (121, 9.0, 1.0, "buy"),
        ]
    ]
    write(config, TRADES, trades(*rows))
    run(config, "1s", "1m", address=TRADES)
    aware = [
        {**row, "ts": EPOCH + dt.timedelta(seconds=at)} for row, at in zip(rows, (60, 60, 60, 61, 121), strict=True)
    ]
    assert read(config, of("1s", TRADES)) == coarser(map(trade_bar, aware[:4]), "1s")
    assert read(config, of("1m", TRADES)) == coarser(map(trade_bar, aware[:4]), "1m")
    first = read(config, of("1s", TRADES))[0]
    assert (first["open"], first["close"], first["taker_buy_volume"]) == (3.0, 2.0, 0.1)


def test_what_was_made_here_covers_what_its_upstream_covers(config: Config) -> None:
    """The last minutes of the hour have no trade: only the series the minutes were made from knows that it is over."""
    rows = [{"ts": at * 60 * SECOND_NS, "price": 1.0, "size": 1.0} for at in (0, 10, 61)]
    write(config, TRADES, trades(*rows))
    run(config, "1m", address=TRADES)
    run(config, "1h", address=of("1m", TRADES))
    assert opens(config, of("1h", TRADES)) == ["1970-01-01T00:00"]
    assert run(config, "1h", address=of("1m", TRADES)).status == "unchanged"
    write(config, TRADES, trades({"ts": 180 * 60 * SECOND_NS, "price": 1.0, "size": 1.0}))
    run(config, "1h", address=of("1m", TRADES))  # the minutes are not made yet, and say nothing
    assert len(opens(config, of("1h", TRADES))) == 1
    run(config, "1m", address=TRADES)
    run(config, "1h", address=of("1m", TRADES))
    assert opens(config, of("1h", TRADES)) == ["1970-01-01T00:00", "1970-01-01T01:00"]


def test_quotes_make_bars_of_three_sides(config: Config) -> None:
    rows = [(1, 1.10001, 1.10003), (2, 1.1, 1.10004), (61, 1.2, 1.3)]
    write(config, QUOTES, quotes(*({"ts": at * SECOND_NS, "bid": bid, "ask": ask} for at, bid, ask in rows)))
    run(config, "1m", address=QUOTES)
    four = {
        side: [
            [row[name] for name in ("open", "high", "low", "close")] for row in read(config, of(f"1m-{side}", QUOTES))
        ]
        for side in ("bid", "ask", "mid")
    }
    assert four == {
        "bid": [[1.10001, 1.10001, 1.1, 1.1]],
        "ask": [[1.10003, 1.10004, 1.10003, 1.10004]],
        "mid": [[1.10002, 1.10002, 1.10002, 1.10002]],
    }
    assert read(config, of("1m-mid", QUOTES))[0]["volume"] is None
    run(config, "1m-bid", address=QUOTES, complete_to_ns=120 * SECOND_NS)
    run(config, "1h", address=of("1m-bid", QUOTES), complete_to_ns=FAR_NS)
    assert read(config, of("1h-bid", QUOTES))[0]["close"] == 1.2


@pytest.mark.parametrize("to", ["1m", "1s", "90s", "1m-bid", "5m-bid", "5m-split", "soon", "5x"])
def test_aggregation_goes_up_only_and_mixes_nothing(config: Config, to: str) -> None:
    write(config, BTC, flat("2024-03-01T00:00", 10))
    refused("PERIOD", lambda: run(config, to))


def test_session_days_are_not_made_of_bars_they_cut(config: Config) -> None:
    write(
        config,
        of("1h"),
        bars(*({"ts": h * 3600 * 10**6, **dict.fromkeys(("open", "high", "low", "close"), 1.0)} for h in range(48))),
    )
    error = refused("PERIOD", lambda: run(config, "1d", address=of("1h"), session_tz="Asia/Kolkata"))
    assert "does not begin where a bar does" in error.why


def test_a_series_is_made_in_one_way_only(config: Config) -> None:
    write(config, BTC, flat("2024-03-01T00:00", 120))
    write(config, of("1h"), bars({"ts": 0, **dict.fromkeys(("open", "high", "low", "close"), 1.0)}))
    refused("DERIVED", lambda: run(config, "1h"))
    run(config, "5m", "15m")
    refused("DERIVED", lambda: run(config, "15m", address=of("5m")))
    refused("DERIVED", lambda: write(config, of("5m"), flat("2024-03-01T00:00", 1)))


@pytest.mark.parametrize("words", [{"session_start": "25:00"}, {"calendar": "XNYS", "session_tz": "UTC"}, {"to": ()}])
def test_words_that_do_not_fit_are_refused(config: Config, words: dict[str, Any]) -> None:
    write(config, BTC, flat("2024-03-01T00:00", 120))
    refused("USAGE", lambda: aggregate(config, AggregateRequest(BTC, **{"to": ("1d",), **words})))


def test_an_unknown_series_is_named(config: Config) -> None:
    refused("UNKNOWN_SERIES", lambda: run(config, "1h"))


def test_a_dry_run_counts_and_writes_nothing(config: Config) -> None:
    write(config, BTC, flat("2024-03-01T00:00", DAY))
    report = run(config, "1h", "1d", dry_run=True)
    assert (report.status, built(report)) == ("dry_run", {"1h": 1, "1d": 1})
    assert read(config, of("1h")) == []


def test_only_what_is_named_is_made(config: Config) -> None:
    write(config, BTC, flat("2024-01-31T00:00", 40 * DAY, step=60))
    run(config, "1h", "1d", only=frozenset({("bars/1h", "2024-02")}))
    assert {row["ts"].month for row in read(config, of("1h"))} == {2}
    assert read(config, of("1d")) == []
    run(config, "1h", start_ns=minute("2024-03-02T00:00") * 60 * SECOND_NS)
    assert {row["ts"].month for row in read(config, of("1h"))} == {2, 3}


def test_a_new_version_of_the_code_makes_all_anew(config: Config) -> None:
    write(config, BTC, flat("2024-03-01T00:00", DAY))
    run(config, "1h")
    report = run(config, "1h", code_versions={"bars/1h": "2"})
    assert (report.status, report.targets[0].unchanged) == ("committed", 1)
    assert run(config, "1h", code_versions={"bars/1h": "2"}).status == "unchanged"


@dataclass(frozen=True)
class Check:
    name: str
    function: Callable[[pa.Table], object]
    blocking: bool


def test_a_blocking_check_keeps_a_partition_out_and_a_warning_does_not(config: Config) -> None:
    write(config, BTC, flat("2024-01-31T00:00", 40 * DAY, step=60))

    def february(table: pa.Table) -> object:
        return table.column("ts")[0].as_py().month != 2 or "it is February"

    warning = Check("odd month", february, blocking=False)
    run(config, "1h", checks={"bars/1h": [warning]})
    assert {row["ts"].month for row in read(config, of("1h"))} == {1, 2, 3}
    blocking = replace(warning, blocking=True)
    error = refused("CHECK", lambda: run(config, "4h", checks={"bars/4h": [blocking]}))
    assert "it is February" in error.message
    assert {row["ts"].month for row in read(config, of("4h"))} == {1, 3}
    with Manifest.open(config) as manifest:
        assert [(f.address.period, f.partition, f.code) for f in failures(manifest)] == [("4h", "2024-02", "E_CHECK")]
    run(config, "4h")
    assert {row["ts"].month for row in read(config, of("4h"))} == {1, 2, 3}
    with Manifest.open(config) as manifest:
        assert failures(manifest) == []


def test_a_day_of_a_sealed_month_is_made_anew_with_its_month(config: Config) -> None:
    day = 86_400 * SECOND_NS
    rows = [{"ts": d * day + s * SECOND_NS, "price": 1.0 + s, "size": 1.0} for d in range(31) for s in range(5)]
    write(config, TRADES, trades(*rows))
    run(config, "1m", address=TRADES, complete_to_ns=FAR_NS)
    seal(config, SealRequest((str(of("1m", TRADES)),)), now_ns=FAR_NS)
    before = read(config, of("1m", TRADES))
    assert len(_files(config, of("1m", TRADES))) == 1
    assert run(config, "1m", address=TRADES).status == "unchanged"
    write(config, TRADES, trades({"ts": 9 * day + 7 * SECOND_NS, "price": 50.0, "size": 1.0}))
    run(config, "1m", address=TRADES)
    after = read(config, of("1m", TRADES))
    assert [a != b for a, b in zip(before, after, strict=True)].count(True) == 1
    assert after[9]["high"] == 50.0
    assert run(config, "1m", address=TRADES).status == "unchanged"
    assert verify(config).ok


def test_another_writer_s_restatement_in_between_is_not_lost(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    """The target's partition is made by another run while this one is about to commit it."""
    write(config, BTC, flat("2024-03-01T00:00", DAY))
    real, calls = writing.swap, []

    def late(*words: Any) -> int:  # noqa: ANN401 -- passed on
        calls.append(words)
        if len(calls) == 1:
            write(config, BTC, flat("2024-03-01T12:00", 1, 140.0))
            run(config, "1h")
        return real(*words)

    monkeypatch.setattr(writing, "swap", late)
    run(config, "1h")
    assert max(row["high"] for row in read(config, of("1h"))) == 140.0
    assert run(config, "1h").status == "unchanged"
    assert verify(config).ok
