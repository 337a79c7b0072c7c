"""The run on a lake: what is made, what is left alone, and what other writers do to it."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import pytest

from lake import write as writing
from lake.check import verify
from lake.manifest import Manifest, graph
from lake.offload import OffloadRequest, offload
from lake.seal import SealRequest, seal
from lake.write import write
from schemas.keys import Address
from tests.aggregating import DAY, FAR_NS, SECOND_NS, TRADES, built, flat, minute, of, opens, read, refused, run
from tests.manifests import BTC, make_lake
from tests.resampling import EPOCH, coarser, trade_bar
from tests.rotten import flip
from tests.tables import bars, quotes, trades

if TYPE_CHECKING:
    from pathlib import Path

    from lake.config import Config

QUOTES = Address.of("TRUEFX", "FX", "EURUSD", "ticks", "quote")


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return make_lake(tmp_path)


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


def test_what_lies_outside_a_calendar_s_sessions_is_counted(config: Config) -> None:
    write(config, BTC, flat("2024-07-03T12:00", 2 * DAY, step=30))
    report = run(config, "1d", "30m", "1w", calendar="XNYS", complete_to_ns=FAR_NS)
    assert [target.outside for target in report.targets] == [96 - 7, 0, 96 - 7]
    [row] = read(config, of("1d"))
    assert (row["ts"].isoformat(), row["volume"]) == ("2024-07-03T13:30:00+00:00", 0.7)
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


def test_a_source_in_a_cold_tier_is_read_from_there(config: Config, tmp_path: Path) -> None:
    write(config, BTC, flat("2024-03-01T00:00", DAY))
    offload(config, OffloadRequest(to=str(tmp_path / "cold"), older_than_ns=0, grace_s=0, force=True))
    run(config, "1h")
    assert len(read(config, of("1h"))) == 24


def test_a_damaged_source_makes_nothing(config: Config) -> None:
    write(config, BTC, flat("2024-03-01T00:00", 2 * DAY))
    flip(min((config.data / str(BTC)).rglob("*.parquet")))
    refused("FILE_DAMAGED", lambda: run(config, "1h", "1d"))
    assert read(config, of("1h")) == []
    with Manifest.open(config) as manifest:
        assert [run.status for run in manifest.runs(limit=1)] == ["failed"]
