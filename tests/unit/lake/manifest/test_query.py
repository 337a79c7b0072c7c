from __future__ import annotations

import datetime as dt
import pickle
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest

from lake.errors import LakeError
from lake.manifest import (
    Change,
    HistoryRow,
    Instrument,
    LedgerRecord,
    Manifest,
    QuarantineRecord,
    QuarantineRow,
    Writer,
    statements,
    verified,
)
from schemas.keys import Address
from tests.manifests import BTC, ETH, commit, ingest, live_ids, make_lake, new_file

if TYPE_CHECKING:
    from pathlib import Path

    from lake.config import Config

DAY_NS = 86_400 * 10**9
# 2024-03-01T00:00Z, as `date -u -d 2024-03-01 +%s` prints it.
MARCH_NS = 1_709_251_200 * 10**9


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return make_lake(tmp_path)


def paths(manifest: Manifest, start: int | None, end: int | None, snapshot: int) -> list[str]:
    series = manifest.find(BTC)
    assert series is not None
    return [f"{row.partition}{row.path[-9]}" for row in manifest.plan(series.id, start, end, snapshot)]


def test_each_snapshot_keeps_showing_its_own_files(config: Config) -> None:
    commit(config, new_file("2024-03-01"), new_file("2024-03-02"))
    first = live_ids(config)
    commit(config, new_file("2024-03-02", tag="b", replaces=first["2024-03-02"]), new_file("2024-03-03", tag="b"))
    commit(config, removed=[first["2024-03-01"]])
    with Manifest.open(config) as manifest:
        assert [paths(manifest, None, None, snapshot) for snapshot in range(4)] == [
            [],
            ["2024-03-01a", "2024-03-02a"],
            ["2024-03-01a", "2024-03-02b", "2024-03-03b"],
            ["2024-03-02b", "2024-03-03b"],
        ]


@pytest.mark.parametrize(
    ("start_day", "end_day", "expected"),
    [
        (0, 1, ["2024-03-01a"]),
        (1, 3, ["2024-03-02a", "2024-03-03a"]),
        (0.5, 1.0, ["2024-03-01a"]),
        (0.999, 1.001, ["2024-03-01a", "2024-03-02a"]),
        (1, 1, []),
        (-9, 0, []),
        (4, 9, []),
    ],
)
def test_a_range_is_half_open(config: Config, start_day: float, end_day: float, expected: list[str]) -> None:
    commit(config, *(new_file(f"2024-03-0{day}") for day in (1, 2, 3, 4)))
    with Manifest.open(config) as manifest:
        found = paths(manifest, MARCH_NS + int(start_day * DAY_NS), MARCH_NS + int(end_day * DAY_NS), 1)
    assert found == expected


def test_the_end_of_a_year_long_partition_is_found(config: Config) -> None:
    daily = Address("BINANCE", "SPOT", "BTCUSDT", "bars", "1d")
    commit(config, new_file("2024", address=daily))
    with Manifest.open(config) as manifest:
        series = manifest.find(daily)
        assert series is not None
        # 2024-12-31T23:00Z
        last_hour = 1_735_686_000 * 10**9
        assert [row.partition for row in manifest.plan(series.id, last_hour, None, 1)] == ["2024"]


def test_the_plan_is_answered_from_indexes(config: Config) -> None:
    commit(config, new_file("2024-03-01"))
    with Manifest.open(config) as manifest:
        steps = manifest._rows(f"EXPLAIN QUERY PLAN {statements.PLAN}", series=1, reach=0, start=0, end=9, snapshot=1)
    details = [step[-1] for step in steps]
    assert "SEARCH files USING INDEX files_live (series_id=? AND start_day>? AND start_day<?)" in details
    assert "SEARCH files USING INDEX files_gone (series_id=? AND to_snapshot>? AND from_snapshot<?)" in details or (
        "SEARCH files USING INDEX files_gone (series_id=? AND to_snapshot>?)" in details
    )
    assert not any(detail.startswith("SCAN") for detail in details)


def test_a_time_means_the_last_snapshot_at_or_before_it(config: Config) -> None:
    for day in (1, 2, 3):
        commit(config, new_file(f"2024-03-0{day}"))
    with Manifest.open(config) as manifest:
        times = {row.snapshot: row.at_ns for row in manifest.history()}
        assert times[1] < times[2] < times[3]
        second = dt.datetime.fromtimestamp(times[2] // 10**9, dt.UTC).replace(microsecond=times[2] // 1000 % 10**6)
        microsecond = dt.timedelta(microseconds=1)
        assert manifest.snapshot(second) == 2
        assert manifest.snapshot(second.isoformat()) == 2
        assert manifest.snapshot(second.isoformat().replace("+00:00", "Z")) == 2
        assert manifest.snapshot(second - microsecond) == 1
        assert manifest.snapshot(second.astimezone(dt.timezone(dt.timedelta(hours=9)))) == 2
        assert manifest.snapshot(second.replace(tzinfo=None)) == 2
        assert manifest.snapshot("2999-01-01") == 3
        assert (manifest.snapshot(), manifest.snapshot(2), manifest.snapshot("2")) == (3, 2, 2)


@pytest.mark.parametrize("as_of", [2, "17", -1, "2001-01-01"])
def test_a_snapshot_that_is_not_there_is_refused(config: Config, as_of: int | str) -> None:
    commit(config, new_file("2024-03-01"))
    with Manifest.open(config) as manifest, pytest.raises(LakeError) as caught:
        manifest.snapshot(as_of)
    assert caught.value.code == "E_UNKNOWN_SNAPSHOT"


def test_text_that_is_no_time_is_refused(config: Config) -> None:
    with Manifest.open(config) as manifest, pytest.raises(LakeError) as caught:
        manifest.snapshot("2024-13-01")
    assert caught.value.code == "E_BAD_DATE"


def test_a_word_is_the_name_of_a_snapshot(config: Config) -> None:
    with Manifest.open(config) as manifest, pytest.raises(LakeError, match="'yesterday'") as caught:
        manifest.snapshot("yesterday")
    assert caught.value.code == "E_UNKNOWN_SNAPSHOT"


def test_clocks_that_go_back_do_not_reorder_snapshots(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    commit(config, new_file("2024-03-01"))
    monkeypatch.setattr("lake.manifest.writer.time.time_ns", lambda: 10**18)
    commit(config, new_file("2024-03-02"))
    with Manifest.open(config) as manifest:
        newer, older = (row.at_ns for row in manifest.history())
    assert newer == older + 1000


def test_series_are_found_by_globs_in_any_case(config: Config) -> None:
    slash = Address("KRAKEN", "SPOT", "BTC/USDT", "ticks", "trade")
    commit(config, new_file("2024-03-01"), new_file("2024-03-01", address=ETH), new_file("2024-03-01", address=slash))
    with Manifest.open(config) as manifest:

        def found(**filters: Any) -> list[str]:  # noqa: ANN401 -- the filters of `series`
            return [row.address.symbol for row in manifest.series(**filters)]

        assert found() == ["BTCUSDT", "ETHUSDT", "BTC/USDT"]
        assert found(symbol="btc*") == ["BTCUSDT", "BTC/USDT"]
        assert found(exchange="binance", type="bars", period="1m") == ["BTCUSDT", "ETHUSDT"]
        assert found(symbol="???usdt") == ["BTCUSDT", "ETHUSDT"]
        assert found(market="FUTURES*") == []


def test_a_series_whose_files_are_gone_is_not_listed_any_more(config: Config) -> None:
    commit(config, new_file("2024-03-01"))
    commit(config, removed=[live_ids(config)["2024-03-01"]])
    with Manifest.open(config) as manifest:
        assert manifest.series() == []
        assert manifest.listing() == []
        assert [row.address for row in manifest.series(snapshot=1)] == [BTC]
        assert [row.rows for row in manifest.listing(snapshot=1)] == [1440]
        assert manifest.find(BTC) is not None


def test_a_listing_adds_up_files_and_counts_missing_days(config: Config) -> None:
    commit(config, new_file("2024-02-27"), new_file("2024-02-28"))
    commit(config, new_file("2024-03-02", rows=7, bytes=100))
    with Manifest.open(config) as manifest:
        (row,) = manifest.listing()
    # 2024 is a leap year: 29 February and 1 March are missing.
    assert (row.address, row.files, row.rows, row.bytes, row.gaps) == (BTC, 3, 2887, 68_100, 2)
    # 2024-02-27T00:00Z and 2024-03-02T23:59Z
    assert (row.first_ns, row.last_ns) == (1_708_992_000 * 10**9, 1_709_423_940 * 10**9)
    assert (row.tier, row.snapshot, row.verified_at_ns) == ("hot", 2, None)


@pytest.mark.parametrize(
    ("period", "labels", "gaps"),
    [("1h", ["2023-11", "2023-12", "2024-03"], 2), ("1d", ["2019", "2021", "2024"], 3), ("1h", ["2024-02"], 0)],
)
def test_missing_months_and_years_are_counted(config: Config, period: str, labels: list[str], gaps: int) -> None:
    address = Address("BINANCE", "SPOT", "BTCUSDT", "bars", period)
    commit(config, *(new_file(label, address=address) for label in labels))
    with Manifest.open(config) as manifest:
        assert [row.gaps for row in manifest.listing()] == [gaps]


def test_a_listing_is_verified_when_its_last_file_is(config: Config) -> None:
    commit(config, new_file("2024-03-01"), new_file("2024-03-02"))
    first, second = live_ids(config).values()
    with Manifest.open(config) as manifest:
        verified.mark(config, [first], 500)
        assert [row.verified_at_ns for row in manifest.listing()] == [None]
        verified.mark(config, [second], 900)
        assert [row.verified_at_ns for row in manifest.listing()] == [500]


def test_current_files_are_found_by_partition(config: Config) -> None:
    commit(config, new_file("2024-03-01", unproven=(5, 7)), new_file("2024-03-02"))
    with Manifest.open(config) as manifest:
        series = manifest.find(BTC)
        assert series is not None
        assert list(manifest.current(series.id)) == ["2024-03-01", "2024-03-02"]
        chosen = manifest.current(series.id, ["2024-03-01", "2024-03-09"])
        assert {label: row.unproven for label, row in chosen.items()} == {"2024-03-01": (5, 7)}


def test_history_tells_newest_first_what_each_snapshot_did(config: Config) -> None:
    ingest(config, "march", new_file("2024-03-01"), message="first")
    commit(config, new_file("2024-03-01", address=ETH))
    correction = LedgerRecord(read=10, identical=6, corrected=3, quarantined=1, rejected={"off_grid": 1})
    ingest(
        config,
        "april",
        new_file("2024-03-01", tag="b", replaces=live_ids(config)["2024-03-01"]),
        ledger=correction,
        quarantine=[QuarantineRecord(4, "off_grid", "00:00:30", "x,y")],
    )
    with Manifest.open(config) as manifest:
        rows = manifest.history()
        of_eth = manifest.history(ETH)
        assert manifest.history(limit=1) == rows[:1]
        assert manifest.history(Address("X", "SPOT", "Y", "bars", "1m")) == []
    assert [row.snapshot for row in rows] == [3, 2, 1]
    assert [row.snapshot for row in of_eth] == [2]
    expected = HistoryRow(
        snapshot=3,
        at_ns=rows[0].at_ns,
        operation="ingest",
        run_id=rows[0].run_id,
        message="",
        series=1,
        address=BTC,
        source="april.csv",
        sha256="aa6890829510931f9593852ec1d97209340be9883c8b675accdd54b582e32219",  # printf april | sha256sum
        rows_new=0,
        rows_corrected=3,
        rows_quarantined=1,
        files_added=1,
        files_removed=1,
        derived=0,
        moved=0,
        cause="",
    )
    assert rows[0] == expected
    assert (rows[2].message, rows[2].rows_new, rows[2].files_removed) == ("first", 1440, 0)


def test_quarantined_records_are_kept_word_for_word(config: Config) -> None:
    raw = ["1709251230,1,2,\N{SNOWMAN}", "NUL \x00 in it", "half a surrogate \udc80", ""]
    records = [QuarantineRecord(line, "off_grid", "", text) for line, text in enumerate(raw, 2)]
    ledger = LedgerRecord(read=4, quarantined=4, rejected={"off_grid": 4})
    ingest(config, "march", ledger=ledger, quarantine=iter(records))
    with Manifest.open(config) as manifest:
        (run,) = manifest.quarantine_runs()
        assert (run.source, run.rows, run.reasons) == ("march.csv", 4, {"off_grid": 4})
        rows = list(manifest.quarantine_rows(run.run_id))
        assert rows[0] == QuarantineRow(run.run_id, "march.csv", 2, "off_grid", "", raw[0])
        assert [row.raw for row in rows] == [raw[0], raw[1], "half a surrogate \\x80", ""]
        assert [row.line for row in manifest.quarantine_rows(run.run_id, limit=2)] == [2, 3]


def test_quarantine_of_a_run_nobody_knows_is_refused(config: Config) -> None:
    with Manifest.open(config) as manifest, pytest.raises(LakeError) as caught:
        manifest.quarantine_rows("01J")
    assert caught.value.code == "E_UNKNOWN_RUN"


def test_all_files_come_in_chunks_superseded_ones_too(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lake.manifest.query.CHUNK", 2)
    commit(config, *(new_file(f"2024-03-0{day}") for day in (1, 2, 3, 4, 5)))
    commit(config, new_file("2024-03-03", tag="b", replaces=live_ids(config)["2024-03-03"]))
    with Manifest.open(config) as manifest:
        assert [row.id for row in manifest.all_files()] == [1, 2, 3, 4, 5, 6]
        assert [row.id for row in manifest.all_files(live_only=True)] == [1, 2, 4, 5, 6]
        assert manifest.count_files() == 6


def test_a_source_of_the_same_size_is_noticed(config: Config) -> None:
    ingest(config, "march", new_file("2024-03-01"))
    with Manifest.open(config) as manifest:
        assert manifest.same_size_source(1000)
        assert not manifest.same_size_source(1001)


def test_the_instrument_of_a_series_is_kept(config: Config) -> None:
    oil = Address("NYMEX", "FUTURES", "CLK20", "bars", "1m")
    facts = Instrument("clk20", tick_size=0.01, price_may_be_negative=True, time_zone="America/New_York")
    commit(config, new_file("2020-04-20", address=oil), instruments={oil: facts})
    with Manifest.open(config) as manifest:
        series = manifest.find(oil)
    assert series is not None
    assert (series.vendor_symbol, series.tick_size, series.price_may_be_negative) == ("clk20", 0.01, True)
    assert (series.time_zone, series.created_snapshot) == ("America/New_York", 1)


def test_replaced_files_are_found_by_the_snapshots_that_replaced_them(config: Config) -> None:
    commit(config, new_file("2024-03-01"), new_file("2024-03-02"))
    for tag, label in (("b", "2024-03-01"), ("c", "2024-03-02"), ("d", "2024-03-01")):
        commit(config, new_file(label, tag=tag, replaces=live_ids(config)[label]))
    first, second = new_file("2024-03-01").path, new_file("2024-03-02").path
    with Manifest.open(config) as manifest:
        assert manifest.replaced_by(1, 1) == []
        assert manifest.replaced_by(2, 3) == [first, second]
        assert manifest.replaced_by(4, 4) == [new_file("2024-03-01", tag="b").path]
        assert manifest.replaced_by(5, 9) == []
        steps = manifest._rows(f"EXPLAIN QUERY PLAN {statements.REPLACED}", first=1, last=1)
    details = [step[3] for step in steps]
    assert "SEARCH files USING INDEX files_removed (to_snapshot>? AND to_snapshot<?)" in details
    assert not any(detail.startswith("SCAN") for detail in details)


def test_threads_may_share_a_manifest(config: Config) -> None:
    commit(config, *(new_file(f"2024-03-0{day}") for day in range(1, 10)))
    counts: list[int] = []
    with Manifest.open(config) as manifest:

        def work() -> None:
            counts.extend(len(manifest.plan(1, None, None, 1)) for _ in range(50))

        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert counts == [9] * 200


def test_a_closed_manifest_says_so(config: Config) -> None:
    manifest = Manifest.open(config)
    manifest.close()
    with pytest.raises(LakeError, match="after it was closed"):
        manifest.snapshot()


def test_an_open_manifest_is_not_sent_to_another_process(config: Config) -> None:
    with Manifest.open(config) as manifest, pytest.raises(LakeError) as caught:
        pickle.dumps(manifest)
    assert caught.value.code == "E_FORKED"


def test_a_folder_that_is_no_lake_is_refused(tmp_path: Path) -> None:
    config = make_lake(tmp_path / "a")
    config.manifest.unlink()
    for use in (Manifest.open, Writer):
        with pytest.raises(LakeError) as caught:
            use(config)
        assert caught.value.code == "E_LAKE_NOT_INITIALISED"


def test_reading_loads_no_heavy_package(config: Config) -> None:
    program = """
import sys
from pathlib import Path
from lake.config import locate
from lake.manifest import Manifest, Writer
with Manifest.open(locate(sys.argv[1])) as manifest:
    manifest.listing(); manifest.history(); manifest.plan(1, None, None, manifest.snapshot()); manifest.check_chain()
heavy = {"sqlite_utils", "pandas", "numpy", "pyarrow", "pandera", "prefect"}
print(sorted(heavy & {name.partition(".")[0] for name in sys.modules}))
"""
    commit(config, new_file("2024-03-01"))
    command = [sys.executable, "-c", program, str(config.root)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_versions_name_the_database_and_the_manifest(config: Config) -> None:
    with Manifest.open(config) as manifest:
        versions = manifest.versions()
    assert versions.journal_mode == "truncate"
    assert versions.supported == versions.found == 7
    assert versions.sqlite.startswith("3.")


def test_runs_are_listed_newest_first(config: Config) -> None:
    with Writer(config) as writer, Manifest.open(config) as manifest:
        refused = writer.start_run("ingest", "dl ingest a.csv")
        writer.end_run(refused, "refused", {"code": "E_SCHEMA"})
        running = writer.start_run("ingest", "dl ingest b.csv")
        assert [(run.id, run.status) for run in manifest.runs()] == [(running, "running"), (refused, "refused")]
        (run,) = manifest.runs(status="refused")
        assert (run.command, run.error, run.snapshot) == ("dl ingest a.csv", {"code": "E_SCHEMA"}, None)
        assert writer.commit(Change(running, "write", files=[new_file("2024-03-01")], ends_run=True)) == 1
        assert [(run.status, run.snapshot) for run in manifest.runs(limit=1)] == [("ok", 1)]
