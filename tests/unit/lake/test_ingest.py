"""Ingest of whole files: every record accounted for, and nothing done twice or by halves."""

from __future__ import annotations

import csv
import datetime as dt
import hashlib
import zipfile
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from lake.check import verify
from lake.errors import LakeError
from lake.ingest import FileReport, IngestReport, IngestRequest, Progress, ingest
from lake.manifest import Manifest
from lake.read import Scan
from lake.write import write
from schemas.keys import Address
from tests.manifests import make_lake
from tests.tables import Row, bar, bars, plain

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from lake.config import Config

BTC = Address.of("BINANCE", "SPOT", "BTCUSDT", "bars", "1m")
TICKS = Address.of("X", "SPOT", "Y", "ticks", "trade")
START = dt.datetime(2024, 3, 1, tzinfo=dt.UTC)
MINUTE_NS = 60 * 10**9
START_NS = int(START.timestamp()) * 10**9
DAY = 1440

Line = tuple[object, ...]
HEADER: Line = ("ts", "open", "high", "low", "close", "volume")


@pytest.fixture
def lake(tmp_path: Path) -> Config:
    return make_lake(tmp_path / "lake")


def line(minute: int, close: object = 101.5, **changes: object) -> Line:
    """Return one bar as a line of CSV."""
    cells = {
        "ts": f"{START + dt.timedelta(minutes=minute):%Y-%m-%dT%H:%M:%SZ}",
        "open": 100.25,
        "high": 105.0,
        "low": 99.5,
    }
    return tuple((cells | {"close": close, "volume": 0.1} | changes).values())


def save(path: Path, lines: Iterable[Sequence[object]], header: Line | None = HEADER) -> Path:
    with path.open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows([*([header] if header else []), *lines])
    return path


def load(path: Path) -> list[Row]:
    """Return a CSV of bars as the csv module and the standard library's clock read it."""
    with path.open(newline="", encoding="utf-8") as stream:
        return [
            {
                name: float(value) if name != "ts" else int(dt.datetime.fromisoformat(value).timestamp()) * 10**6
                for name, value in row.items()
            }
            for row in csv.DictReader(stream)
        ]


def request(*paths: Path, **words: Any) -> IngestRequest:  # noqa: ANN401 -- a request's own
    whose = {"exchange": "BINANCE", "symbol": "BTCUSDT", "period": "1m"}
    return IngestRequest(**{"sources": tuple(map(str, paths))} | whose | words)


def take(lake: Config, path: Path, **words: Any) -> FileReport:  # noqa: ANN401 -- a request's own
    """Ingest one file; its ledger adds up, as reported and as stored."""
    [report] = ingest(lake, request(path, **words)).files
    assert report.rows["read"] == sum(report.rows.values()) - report.rows["read"]
    assert sum(report.rejected.values()) == report.rows["quarantined"]
    assert sum(report.skipped.values()) == report.rows["skipped"]
    return report


def told(report: FileReport) -> Counter[str]:
    return +Counter(report.rows)


def read(lake: Config, address: Address = BTC, as_of: int | None = None) -> list[Row]:
    with Manifest.open(lake) as manifest:
        return plain(Scan(lake, manifest, [address], as_of=as_of).to_arrow())


def unproven(lake: Config, address: Address = BTC) -> list[int]:
    with Manifest.open(lake) as manifest:
        series = manifest.find(address)
        assert series is not None
        return [ts for file in manifest.current(series.id).values() for ts in file.unproven]


def disk(lake: Config) -> dict[str, tuple[int, int, str]]:
    """Return every file of the lake with its inode, time and content."""
    return {
        path.relative_to(lake.root).as_posix(): (
            path.stat().st_ino,
            path.stat().st_mtime_ns,
            hashlib.sha256(path.read_bytes()).hexdigest(),
        )
        for path in lake.root.rglob("*")
        if path.is_file() and path.name != ".gate"
    }


def state(lake: Config) -> tuple[int, list[str], list[str]]:
    """Return the snapshot, the series and the files the manifest knows."""
    with Manifest.open(lake) as manifest:
        found = manifest.find(BTC)
        return manifest.snapshot(), [str(found.address)] if found else [], [f.path for f in manifest.all_files()]


# ---- what goes in comes out ------------------------------------------------------------------------------------------


def test_a_file_is_stored_as_the_csv_module_reads_it(lake: Config, tmp_path: Path) -> None:
    path = save(tmp_path / "a.csv", [line(i, 99.5 + i / 7000) for i in range(3 * DAY)])
    report = take(lake, path)
    assert read(lake) == load(path)
    assert told(report) == {"read": 3 * DAY, "new": 3 * DAY}
    assert (report.status, report.addresses, report.snapshot, report.files_written) == ("committed", [str(BTC)], 1, 3)
    assert (report.first_ns, report.last_ns) == (START_NS, START_NS + (3 * DAY - 1) * MINUTE_NS)
    assert report.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert verify(lake).ok
    with Manifest.open(lake) as manifest:
        [entry] = manifest.history()
        [run] = manifest.runs()
    assert (entry.source, entry.sha256, entry.rows_new, entry.address) == ("a.csv", report.sha256, 3 * DAY, BTC)
    assert (run.kind, run.status, run.snapshot, run.id) == ("ingest", "ok", 1, report.run)


def test_the_first_row_of_a_headerless_file_is_kept(lake: Config, tmp_path: Path) -> None:
    """Binance's files before 2025: twelve columns, no header, milliseconds."""
    begin = START_NS // 10**6
    lines = [
        (
            begin + i * 60_000,
            "100.25",
            "105.0",
            "99.5",
            "101.5",
            "0.1",
            begin + i * 60_000 + 59_999,
            "10.1",
            7,
            "0.05",
            "5.05",
            0,
        )
        for i in range(DAY)
    ]
    report = take(lake, save(tmp_path / "BTCUSDT-1m-2024-03-01.csv", lines, header=None))
    assert told(report) == {"read": DAY, "new": DAY}
    assert read(lake)[0]["ts"] * 1000 == START_NS
    assert len(read(lake)) == DAY


def test_five_trades_of_which_three_share_a_millisecond_stay_five(lake: Config, tmp_path: Path) -> None:
    ms = START_NS // 10**6
    lines = [(ms + at, price, 1.5, "buy") for at, price in ((0, 10.0), (1, 10.0), (1, 10.0), (1, 10.0), (2, 10.5))]
    header = ("timestamp", "price", "size", "side")
    path = save(tmp_path / "t.csv", lines, header)
    longer = save(tmp_path / "longer.csv", [*lines, (ms + 3, 11.0, 1.0, "sell")], header)
    words = {"exchange": "X", "symbol": "Y", "period": None}
    assert told(take(lake, path, **words)) == {"read": 5, "new": 5}
    assert told(take(lake, longer, **words)) == {"read": 6, "new": 1, "identical": 5}
    assert told(take(lake, path, **words)) == {"read": 5, "identical": 5}
    stored = read(lake, TICKS)
    assert [(row["ts"] // 10**6 - ms, row["price"]) for row in stored] == [
        (0, 10.0), (1, 10.0), (1, 10.0), (1, 10.0), (2, 10.5), (3, 11.0),
    ]  # fmt: skip


def test_overlapping_files_in_either_order_have_one_content(tmp_path: Path) -> None:
    lines = [line(i, 100.0 + i / 7000) for i in range(2 * DAY)]
    halves = save(tmp_path / "a.csv", lines[: DAY + 100]), save(tmp_path / "b.csv", lines[700:])
    hashes = []
    for order in (halves, halves[::-1]):
        lake = make_lake(tmp_path / order[0].stem)
        report = ingest(lake, request(*order))
        assert told(report.files[1])["identical"] == DAY - 600
        assert read(lake) == load(save(tmp_path / "whole.csv", lines))
        with Manifest.open(lake) as manifest:
            hashes.append([f.content_hash for f in manifest.all_files(live_only=True)])
    assert sorted(hashes[0]) == sorted(hashes[1])


def test_progress_is_told_of(lake: Config, tmp_path: Path) -> None:
    path = save(tmp_path / "a.csv", [line(i) for i in range(100)])
    seen: list[Progress] = []
    ingest(lake, request(path), progress=seen.append)
    assert [p.phase for p in seen][-2:] == ["merge", "commit"]
    assert (seen[-1].bytes_done, seen[-1].bytes_total, seen[-1].rows) == (path.stat().st_size, path.stat().st_size, 100)


# ---- what is skipped and what is bad ---------------------------------------------------------------------------------


@pytest.mark.parametrize(("start", "end"), [(None, 10), (10, None), (10, 20), (20, 10), (-5, 500), (500, None)])
def test_rows_outside_the_range_are_skipped_and_counted(
    lake: Config, tmp_path: Path, start: int | None, end: int | None
) -> None:
    path = save(tmp_path / "a.csv", [line(i) for i in range(30)])
    words = {
        name: None if m is None else START_NS + m * MINUTE_NS for name, m in (("start_ns", start), ("end_ns", end))
    }
    report = take(lake, path, **words)
    inside = [i for i in range(30) if (start is None or i >= start) and (end is None or i < end)]
    expected = {"read": 30, "new": len(inside), "skipped": 30 - len(inside)}
    assert told(report) == +Counter(expected)
    assert report.skipped.get("outside_range", 0) == 30 - len(inside)
    assert [row["ts"] * 1000 for row in (read(lake) if inside else [])] == [START_NS + i * MINUTE_NS for i in inside]


def test_the_ledger_of_a_bit_of_everything(lake: Config, tmp_path: Path) -> None:
    take(lake, save(tmp_path / "a.csv", [line(0), line(1), line(2)]))
    lines = [line(0), line(1, 102.0), line(5), line(5), line(5, 103.0), line(6, low=-1.0), line(7, high=1.0), line(8)]
    lines += [line(9, close="dear"), line(40)]
    end = START_NS + 30 * MINUTE_NS
    report = take(lake, save(tmp_path / "b.csv", lines), end_ns=end)
    assert told(report) == {
        "read": 10, "new": 2, "identical": 1, "corrected": 1, "superseded": 2, "quarantined": 3, "skipped": 1,
    }  # fmt: skip
    assert report.rejected == {"non_positive_price": 1, "ohlc_inconsistent": 1, "bad_number": 1}
    assert report.skipped == {"outside_range": 1}
    assert report.run is not None
    with Manifest.open(lake) as manifest:
        kept = list(manifest.quarantine_rows(report.run))
    text = (tmp_path / "b.csv").read_text().splitlines()
    assert [(row.line, row.reason) for row in kept] == [
        (7, "non_positive_price"), (8, "ohlc_inconsistent"), (10, "bad_number"),
    ]  # fmt: skip
    assert [row.raw for row in kept] == [text[row.line - 1] for row in kept]


def bad_file(path: Path, bad: int, good: int) -> Path:
    """Return a file whose bad lines are spread over it."""
    lines = [line(i) for i in range(good + bad)]
    step = max(1, (good + bad) // max(1, bad))
    for i in range(bad):
        lines[i * step] = line(i * step, high=1.0)
    return save(path, lines)


@pytest.mark.parametrize(
    ("bad", "good", "max_bad", "accepted"),
    [
        (20, 10, None, True),
        (21, 399, None, True),  # exactly 5 %
        (21, 398, None, False),
        (100, 10, "100%", True),
        (1, 99, "1%", True),
        (2, 99, "1%", False),
        (3, 0, "3", True),
        (4, 1000, "3", False),
        (1, 1000, "0", False),
        (0, 10, "0", True),
    ],
)
def test_too_many_bad_records_refuse_the_file_whole(
    lake: Config,
    tmp_path: Path,
    bad: int,
    good: int,
    max_bad: str | None,
    accepted: bool,  # noqa: FBT001 -- a table of cases
) -> None:
    path = bad_file(tmp_path / "a.csv", bad, good)
    if accepted:
        assert told(take(lake, path, max_bad=max_bad)) == +Counter(read=bad + good, new=good, quarantined=bad)
        return
    with pytest.raises(LakeError) as caught:
        take(lake, path, max_bad=max_bad)
    assert caught.value.code == "E_SCHEMA"
    assert f"{bad} of {good + bad:,} records" in caught.value.message
    assert "line 2" in caught.value.where
    assert "another order" in caught.value.why
    assert state(lake) == (0, [], [])
    assert list(lake.data.rglob("*.parquet*")) == []
    with Manifest.open(lake) as manifest:
        [run] = manifest.runs()
        assert (run.status, run.snapshot) == ("refused", None)
        assert run.error is not None
        assert run.error["code"] == "E_SCHEMA"
        assert manifest.quarantine_runs() == []


@pytest.mark.parametrize("text", ["", "-1", "5", "101%", "-5%", "many", "1.5", "nan%"])
def test_a_limit_is_a_share_or_a_number(lake: Config, tmp_path: Path, text: str) -> None:
    path = bad_file(tmp_path / "a.csv", 1, 9)
    if text == "5":
        assert take(lake, path, max_bad=text).status == "committed"
        return
    with pytest.raises(LakeError) as caught:
        take(lake, path, max_bad=text)
    assert caught.value.code == "E_USAGE"
    assert state(lake)[0] == 0


def test_one_bad_record_fails_the_file_when_asked(lake: Config, tmp_path: Path) -> None:
    with pytest.raises(LakeError) as caught:
        take(lake, bad_file(tmp_path / "a.csv", 1, 1000), on_bad="fail")
    assert caught.value.code == "E_SCHEMA"
    assert state(lake) == (0, [], [])
    assert take(lake, bad_file(tmp_path / "b.csv", 0, 1000), on_bad="fail").status == "committed"


# ---- conflicts -------------------------------------------------------------------------------------------------------


def test_conflicts_as_asked(lake: Config, tmp_path: Path) -> None:
    take(lake, save(tmp_path / "a.csv", [line(0, 101.0), line(1, 101.0)]))
    newer = save(tmp_path / "b.csv", [line(1, 102.0), line(2, 102.0)])
    with pytest.raises(LakeError) as caught:
        take(lake, newer, on_conflict="fail")
    assert caught.value.code == "E_CONFLICT"
    assert "00:01" in caught.value.where
    assert told(take(lake, newer, on_conflict="keep")) == {"read": 2, "new": 1, "superseded": 1}
    assert [row["close"] for row in read(lake)] == [101.0, 101.0, 102.0]
    assert told(take(lake, newer)) == {"read": 2, "identical": 1, "corrected": 1}
    assert [row["close"] for row in read(lake)] == [101.0, 102.0, 102.0]
    assert [row["close"] for row in read(lake, as_of=2)] == [101.0, 101.0, 102.0]


# ---- the last bar ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("seconds", "dropped"), [(0, 1), (1, 1), (59, 1), (60, 0), (3600, 0)])
def test_the_last_bar_is_dropped_when_it_was_not_over_at_the_fetch(
    lake: Config, tmp_path: Path, seconds: int, dropped: int
) -> None:
    path = save(tmp_path / "a.csv", [line(i) for i in range(10)])
    report = take(lake, path, fetched_at_ns=START_NS + 9 * MINUTE_NS + seconds * 10**9)
    assert told(report) == +Counter(read=10, new=10 - dropped, skipped=dropped)
    assert report.skipped == ({"incomplete_last_bar": 1} if dropped else {})
    assert len(read(lake)) == 10 - dropped
    assert unproven(lake) == []


def test_a_fetch_time_before_the_data_is_a_mistake(lake: Config, tmp_path: Path) -> None:
    path = save(tmp_path / "a.csv", [line(i) for i in range(10)])
    with pytest.raises(LakeError) as caught:
        take(lake, path, fetched_at_ns=START_NS + 5 * MINUTE_NS)
    assert caught.value.code == "E_USAGE"
    assert state(lake) == (0, [], [])


def test_the_last_bar_is_in_doubt_until_another_file_has_it(lake: Config, tmp_path: Path) -> None:
    take(lake, save(tmp_path / "a.csv", [line(i) for i in range(10)]))
    assert unproven(lake) == [START_NS + 9 * MINUTE_NS]
    take(lake, save(tmp_path / "b.csv", [line(i) for i in range(5, 15)]))
    assert unproven(lake) == [START_NS + 14 * MINUTE_NS]
    take(lake, save(tmp_path / "c.csv", [line(20)]))
    assert unproven(lake) == [START_NS + 14 * MINUTE_NS, START_NS + 20 * MINUTE_NS]


def test_a_bar_with_later_ones_in_its_file_is_not_in_doubt(lake: Config, tmp_path: Path) -> None:
    """Later ones outside the range, that is. A bad record proves nothing: its time may be what is bad."""
    path = save(tmp_path / "a.csv", [line(i) for i in range(10)])
    take(lake, path, end_ns=START_NS + 5 * MINUTE_NS)
    assert unproven(lake) == []
    take(lake, save(tmp_path / "b.csv", [line(20), line(21), line(22, high=1.0)]))
    assert unproven(lake) == [START_NS + 21 * MINUTE_NS]


# ---- again -----------------------------------------------------------------------------------------------------------


def test_the_same_bytes_again_change_nothing(lake: Config, tmp_path: Path) -> None:
    path = save(tmp_path / "a.csv", [*(line(i) for i in range(50)), line(60, high=1.0)])
    first = take(lake, path)
    before = disk(lake)
    again = take(lake, path)
    assert disk(lake) == before
    assert (again.status, again.files_written, again.bytes_written) == ("unchanged", 0, 0)
    assert told(again) == {"read": 51, "identical": 50, "quarantined": 1}
    assert (again.snapshot, again.run, again.sha256) == (first.snapshot, first.run, first.sha256)
    renamed = path.rename(tmp_path / "b.csv")
    assert take(lake, renamed).status == "unchanged"


def test_other_bytes_of_the_same_size_are_read(lake: Config, tmp_path: Path) -> None:
    take(lake, save(tmp_path / "a.csv", [line(0, 101.0)]))
    report = take(lake, save(tmp_path / "b.csv", [line(0, 102.0)]))
    assert (report.status, told(report)) == ("committed", {"read": 1, "corrected": 1})


def test_other_options_are_another_ingest(lake: Config, tmp_path: Path) -> None:
    path = save(tmp_path / "a.csv", [line(i) for i in range(10)])
    assert told(take(lake, path, end_ns=START_NS + 5 * MINUTE_NS)) == {"read": 10, "new": 5, "skipped": 5}
    assert told(take(lake, path)) == {"read": 10, "new": 5, "identical": 5}
    assert take(lake, path, end_ns=START_NS + 5 * MINUTE_NS).status == "unchanged"
    assert take(lake, path, symbol="OTHER").status == "committed"
    assert take(lake, path, market="FUTURES-UM").status == "committed"


def test_rows_that_are_all_there_already_write_no_file(lake: Config, tmp_path: Path) -> None:
    take(lake, save(tmp_path / "a.csv", [line(i) for i in range(10)]))
    part = save(tmp_path / "b.csv", [line(i) for i in range(3, 7)])
    report = take(lake, part)
    assert (report.status, report.files_written, told(report)) == ("committed", 0, {"read": 4, "identical": 4})
    assert len(state(lake)[2]) == 1
    assert take(lake, part).status == "unchanged"


def test_after_a_newer_correction_it_is_done_again(lake: Config, tmp_path: Path) -> None:
    old, new = save(tmp_path / "a.csv", [line(0, 101.0)]), save(tmp_path / "b.csv", [line(0, 102.0)])
    for path, close in ((old, 101.0), (new, 102.0), (old, 101.0), (new, 102.0)):
        assert take(lake, path).status == "committed"
        assert take(lake, path).status == "unchanged"
        assert [row["close"] for row in read(lake)] == [close]


def test_new_rows_beside_it_leave_an_ingest_current(lake: Config, tmp_path: Path) -> None:
    old = save(tmp_path / "a.csv", [line(0)])
    take(lake, old)
    take(lake, save(tmp_path / "b.csv", [line(1)]))
    assert take(lake, old).status == "unchanged"


def test_after_a_table_took_its_rows_away_it_is_done_again(lake: Config, tmp_path: Path) -> None:
    path = save(tmp_path / "a.csv", [line(0), line(1), line(2)])
    take(lake, path)
    at = START_NS // MINUTE_NS
    write(lake, BTC, bars(bar(at, 9.0), bar(at + 2, 9.0)), mode="replace")
    assert told(take(lake, path)) == {"read": 3, "new": 1, "corrected": 2}
    assert read(lake) == load(path)


def test_after_a_table_emptied_its_partition_it_is_done_again(lake: Config, tmp_path: Path) -> None:
    path = save(tmp_path / "a.csv", [line(DAY), line(DAY + 1)])
    take(lake, path)
    at = START_NS // MINUTE_NS
    write(lake, BTC, bars(bar(at, 9.0), bar(at + 2 * DAY, 9.0)), mode="replace")
    assert [row["open"] for row in read(lake)] == [9.0, 9.0]
    assert told(take(lake, path)) == {"read": 2, "new": 2}


# ---- nothing by halves -----------------------------------------------------------------------------------------------


def test_a_dry_run_changes_nothing_on_disk(lake: Config, tmp_path: Path) -> None:
    path = save(tmp_path / "a.csv", [line(i) for i in range(2 * DAY)])
    before = disk(lake)
    dry = take(lake, path, dry_run=True)
    assert disk(lake) == before
    assert (dry.status, dry.run, dry.snapshot, dry.files_written) == ("dry_run", None, 0, 2)
    wet = take(lake, path)
    assert (wet.rows, wet.addresses, wet.first_ns, wet.last_ns) == (dry.rows, dry.addresses, dry.first_ns, dry.last_ns)
    before = disk(lake)
    changed = save(tmp_path / "b.csv", [line(0, 102.0)])
    assert told(take(lake, changed, dry_run=True)) == {"read": 1, "corrected": 1}
    assert disk(lake) == before
    with pytest.raises(LakeError):
        take(lake, bad_file(tmp_path / "c.csv", 50, 0), dry_run=True)
    assert disk(lake) == before


def test_symbols_that_differ_only_in_case_are_refused(lake: Config, tmp_path: Path) -> None:
    path = save(tmp_path / "a.csv", [line(0)])
    take(lake, path, symbol="BTCUSDT")
    with pytest.raises(LakeError) as caught:
        take(lake, save(tmp_path / "b.csv", [line(1)]), symbol="btcusdt")
    assert caught.value.code == "E_SYMBOL_CASE"
    assert "'btcusdt'" in caught.value.message
    assert "'BTCUSDT'" in caught.value.message
    assert state(lake)[0] == 1


def test_a_series_made_by_a_write_takes_the_spelling_of_its_first_source(lake: Config, tmp_path: Path) -> None:
    write(lake, BTC, bars(bar(0)))
    take(lake, save(tmp_path / "a.csv", [line(0)]), symbol="btcusdt")
    write(lake, BTC, bars(bar(1)))
    take(lake, save(tmp_path / "b.csv", [line(1)]), symbol="btcusdt")
    with pytest.raises(LakeError) as caught:
        take(lake, save(tmp_path / "c.csv", [line(2)]), symbol="BTCUSDT")
    assert caught.value.code == "E_SYMBOL_CASE"
    with Manifest.open(lake) as manifest:
        series = manifest.find(BTC)
    assert series is not None
    assert series.vendor_symbol == "btcusdt"
    assert verify(lake).ok


def test_a_truncated_file_leaves_nothing_but_its_run(lake: Config, tmp_path: Path) -> None:
    whole = save(tmp_path / "a.csv", [line(i, 100 + i / 9999) for i in range(3 * DAY)])
    archive = tmp_path / "a.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as stream:
        stream.write(whole, "a.csv")
    archive.write_bytes(archive.read_bytes()[:-2000])
    with pytest.raises(LakeError) as caught:
        take(lake, archive)
    assert caught.value.exit == 12
    assert state(lake) == (0, [], [])
    with Manifest.open(lake) as manifest:
        assert [run.status for run in manifest.runs()] == ["refused"]
    assert list((lake.data / "_staging").glob("*/*")) == []


def test_of_several_sources_one_may_be_refused(lake: Config, tmp_path: Path) -> None:
    good = [save(tmp_path / f"{i}.csv", [line(i)]) for i in (0, 2)]
    bad = bad_file(tmp_path / "1.csv", 50, 0)
    report = ingest(lake, request(good[0], bad, good[1]))
    assert [file.status for file in report.files] == ["committed", "committed"]
    assert [(error.code, str(bad) in error.where) for error in report.errors] == [("E_SCHEMA", True)]
    assert isinstance(report, IngestReport)
    assert report.snapshot == 2
    assert len(read(lake)) == 2
    globbed = ingest(lake, request(tmp_path / "[02].csv"))
    assert [file.status for file in globbed.files] == ["unchanged", "unchanged"]


def test_a_source_that_is_not_there(lake: Config, tmp_path: Path) -> None:
    with pytest.raises(LakeError) as caught:
        ingest(lake, request(tmp_path / "none.csv"))
    assert caught.value.code == "E_SOURCE_NOT_FOUND"


@pytest.mark.parametrize("words", [{"exchange": None}, {"symbol": None}, {"symbol": ".."}, {"market": "\x00"}])
def test_a_file_that_does_not_say_where_it_belongs(lake: Config, tmp_path: Path, words: dict[str, Any]) -> None:
    with pytest.raises(LakeError) as caught:
        take(lake, save(tmp_path / "a.csv", [line(0), line(1)]), **words)
    assert caught.value.code == "E_USAGE"
    assert state(lake) == (0, [], [])


def test_a_file_of_bad_records_only_within_the_limit_leaves_no_series(lake: Config, tmp_path: Path) -> None:
    report = take(lake, bad_file(tmp_path / "a.csv", 3, 0))
    assert told(report) == {"read": 3, "quarantined": 3}
    with Manifest.open(lake) as manifest:
        assert manifest.listing() == []
        assert [run.rows for run in manifest.quarantine_runs()] == [3]
