"""Sealing: which months, the same rows after it, and nothing when a byte is not what was stored."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import duckdb
import pytest

from lake import files
from lake.check import verify
from lake.errors import LakeError
from lake.manifest import Change, Conflict, Manifest, NewFile, Writer
from lake.offload import OffloadRequest, offload
from lake.read import Scan
from lake.seal import Progress, SealRequest, seal
from lake.write import write
from schemas.keys import Address, Partition
from tests.manifests import make_lake
from tests.rotten import flip, overwrite
from tests.sealing import FAR_NS, by_glob, content, live, natural, seal_all, table
from tests.tables import DAY_NS, bar, bars, plain, trade, trades

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from lake.config import Config
    from lake.manifest import FileRow

BTC = Address.of("BINANCE", "SPOT", "BTCUSDT", "bars", "1m")
ETH = Address.of("BINANCE", "SPOT", "ETHUSDT", "bars", "1m")
HOURS = Address.of("BINANCE", "SPOT", "BTCUSDT", "bars", "1h")
TICKS = Address.of("BINANCE", "SPOT", "BTCUSDT", "ticks", "trade")
DAY = 1440
JANUARY, FEBRUARY, MARCH = (Partition.parse(f"2024-0{month}").day for month in (1, 2, 3))
MARCH_1 = Partition.parse("2024-03").start_ns


@pytest.fixture
def lake(tmp_path: Path) -> Config:
    """Return a lake with three days of bars in each of two months, five bars a day."""
    config = make_lake(tmp_path / "lake")
    fill(config, BTC)
    return config


def fill(config: Config, address: Address) -> None:
    days = [month + day for month in (JANUARY, FEBRUARY) for day in (0, 4, 28)]
    write(config, address, bars(*(bar(day * DAY + i * 7, 1.0 + i + day / 1000) for day in days for i in range(5))))


# ---- what is sealed --------------------------------------------------------------------------------------------------


def test_a_month_becomes_one_file_with_the_same_rows(lake: Config) -> None:
    before, facts = table(lake, BTC), content(lake, BTC)
    report = seal_all(lake)
    assert (report.status, report.snapshot, report.left, report.errors) == ("committed", 2, {}, [])
    assert [(m.address, m.partition, m.rows, m.files) for m in report.months] == [
        (BTC, "2024-01", 15, 3),
        (BTC, "2024-02", 15, 3),
    ]
    assert live(lake, BTC) == ["2024-01", "2024-02"]
    assert table(lake, BTC).equals(before)
    assert content(lake, BTC) == facts
    for label, row in natural(lake, BTC).items():
        assert row.path.startswith(f"{BTC}/{label[:7].replace('-', '/')}/")
        assert row.path.count("/") == str(BTC).count("/") + 3
    sizes = {str(path.relative_to(lake.data)): path.stat().st_size for path in (lake.data / str(BTC)).rglob("*.par*")}
    assert sorted(sizes) == sorted({row.path for row in natural(lake, BTC).values()})
    assert [m.bytes_after for m in report.months] == [sizes[path] for path in sorted(sizes)]


def test_other_engines_see_each_row_once(lake: Config) -> None:
    before = by_glob(lake, BTC).sort_by("ts")
    seal_all(lake)
    assert by_glob(lake, BTC).sort_by("ts").equals(before)
    seen = duckdb.read_parquet(str(lake.data / "BINANCE" / "**" / "*.parquet")).aggregate(
        "count(*), count(DISTINCT ts)"
    )
    assert seen.fetchall() == [(30, 30)]


def test_the_lake_is_whole_afterwards_and_as_it_was_before(lake: Config) -> None:
    before = table(lake, BTC)
    seal_all(lake)
    checked = verify(lake)
    assert (checked.ok, checked.orphans, checked.files_ok) == (True, [], 8)
    assert table(lake, BTC, as_of=1).equals(before)
    with Manifest.open(lake) as manifest:
        assert manifest.check_chain() == []
        [sealed, _] = manifest.history()
        [listed] = manifest.listing()
        [run, _] = manifest.runs()
    assert (sealed.operation, sealed.files_added, sealed.files_removed, sealed.rows_new) == ("seal", 2, 6, 0)
    assert (listed.rows, listed.files) == (30, 2)
    assert (run.kind, run.status, run.snapshot) == ("seal", "ok", 2)


def test_a_second_seal_has_nothing_to_do(lake: Config) -> None:
    seal_all(lake)
    again = seal_all(lake)
    assert (again.status, again.snapshot, again.run, again.months) == ("unchanged", 2, None, [])
    with Manifest.open(lake) as manifest:
        assert len(manifest.runs()) == 2


@pytest.mark.parametrize(
    ("now_ns", "sealed"),
    [
        (MARCH_1 - 1, ["2024-01"]),
        (MARCH_1, ["2024-01", "2024-02"]),
        (MARCH_1 - 30 * DAY_NS, []),
    ],
)
def test_only_months_that_are_over_are_sealed(lake: Config, now_ns: int, sealed: list[str]) -> None:
    report = seal(lake, SealRequest(older_than_ns=0), now_ns=now_ns)
    assert [month.partition for month in report.months] == sealed


def test_forty_days_have_to_pass_unless_told_otherwise(lake: Config) -> None:
    assert seal(lake, SealRequest(), now_ns=MARCH_1 + 40 * DAY_NS - 1).months[-1].partition == "2024-01"
    assert seal(lake, SealRequest(), now_ns=MARCH_1 + 40 * DAY_NS).months[-1].partition == "2024-02"


def test_a_month_of_one_day_and_coarse_series_stay_as_they_are(lake: Config) -> None:
    write(lake, ETH, bars(bar(JANUARY * DAY)))
    write(lake, HOURS, bars(*(bar((JANUARY + day) * DAY) for day in range(3))))
    report = seal_all(lake)
    assert {month.address for month in report.months} == {BTC}
    assert (live(lake, ETH), live(lake, HOURS)) == (["2024-01-01"], ["2024-01"])


def test_the_selection_says_which_series(lake: Config) -> None:
    fill(lake, ETH)
    report = seal(lake, SealRequest(("*/*/ETH*/bars/1m",)), now_ns=FAR_NS)
    assert {month.address for month in report.months} == {ETH}
    assert len(live(lake, BTC)) == 6


def test_months_of_ticks_above_a_size_keep_their_day_files(lake: Config) -> None:
    write(lake, TICKS, trades(*(trade((JANUARY + day) * DAY_NS + i, 1.0, f"{i}") for day in (1, 2) for i in range(9))))
    facts = content(lake, TICKS)
    report = seal_all(lake, max_bytes=100)
    assert {month.address for month in report.months} == {BTC}  # bars whatever their size
    assert report.left == {"too_large": 1}
    assert [month.address for month in seal_all(lake).months] == [TICKS]
    assert content(lake, TICKS) == facts


def test_a_month_with_days_in_another_tier_stays_as_it_is(lake: Config, tmp_path: Path) -> None:
    request = OffloadRequest(to=str(tmp_path / "cold"), older_than_ns=0)
    offload(lake, request, now_ns=Partition.parse("2024-02-05").end_ns)  # January, and two days of February
    report = seal_all(lake)
    assert (report.status, report.left) == ("unchanged", {"other_tier": 2})


def test_a_dry_run_tells_and_writes_nothing(lake: Config) -> None:
    report = seal_all(lake, dry_run=True)
    assert (report.status, report.run, report.snapshot) == ("dry_run", None, 1)
    assert [(month.partition, month.files, month.bytes_after) for month in report.months] == [
        ("2024-01", 3, None),
        ("2024-02", 3, None),
    ]
    assert len(live(lake, BTC)) == 6


def test_a_commit_takes_a_few_months_and_progress_is_told_of_each(
    lake: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.modules["lake.seal.run"], "COMMIT_MONTHS", 1)
    told: list[Progress] = []
    report = seal(lake, SealRequest(), told.append, now_ns=FAR_NS)
    assert report.snapshot == 3
    assert [(at.month, at.done, at.total) for at in told] == [(f"{BTC} 2024-01", 1, 2), (f"{BTC} 2024-02", 2, 2)]
    assert told[-1].bytes_done == told[-1].bytes_total == sum(month.bytes_before for month in report.months)


def test_a_sealed_file_keeps_a_link_to_the_files_it_was_made_of(lake: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    days = {row.id for label, row in natural(lake, BTC).items() if label.startswith("2024-01")}
    made: list[NewFile] = []
    commit = Writer.commit

    def keep(writer: Writer, change: Change) -> int:
        made.extend(change.files)
        assert change.keeps_content
        return commit(writer, change)

    monkeypatch.setattr(Writer, "commit", keep)
    seal_all(lake)
    assert set(made[0].upstreams) == days
    assert [part.partition for part in made[0].parts] == ["2024-01-01", "2024-01-05", "2024-01-29"]


# ---- reading ---------------------------------------------------------------------------------------------------------


def test_a_day_is_read_from_the_row_groups_that_hold_it(lake: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "ROW_GROUP", 5)
    seal_all(lake)
    read: list[int] = []
    real = files.read_group

    def spy(parquet: object, group: int, *rest: object) -> object:
        read.append(group)
        return real(parquet, group, *rest)  # type: ignore[arg-type]  # handed on as they come

    monkeypatch.setattr(files, "read_group", spy)
    day = Partition.parse("2024-01-05")
    with Manifest.open(lake) as manifest:
        scan = Scan(lake, manifest, [BTC], start_ns=day.start_ns, end_ns=day.end_ns)
        rows = plain(scan.to_arrow())
    assert [row["ts"] for row in rows] == [bar((JANUARY + 4) * DAY + i * 7)["ts"] for i in range(5)]
    assert read == [1]


# ---- damage ----------------------------------------------------------------------------------------------------------


def february_5(config: Config) -> Path:
    return config.data / natural(config, BTC)["2024-02-05"].path


@pytest.mark.parametrize("place", [0.02, 0.3, 0.6, 0.9, 0.999])
def test_a_month_with_a_flipped_byte_is_left_as_it_is(lake: Config, place: float) -> None:
    victim = february_5(lake)
    data = bytearray(victim.read_bytes())
    data[int(len(data) * place)] ^= 1
    overwrite(victim, data)
    report = seal_all(lake)
    assert [month.partition for month in report.months] == ["2024-01"]
    [error] = report.errors
    assert (error.code, error.where) == ("E_FILE_DAMAGED", victim.relative_to(lake.data).as_posix())
    assert live(lake, BTC) == ["2024-01", "2024-02-01", "2024-02-05", "2024-02-29"]
    assert verify(lake).orphans == []


def test_when_nothing_else_was_to_be_sealed_the_damage_is_raised(lake: Config) -> None:
    seal(lake, SealRequest(older_than_ns=0), now_ns=MARCH_1 - 1)
    flip(february_5(lake))
    with pytest.raises(LakeError) as caught:
        seal_all(lake)
    assert caught.value.code == "E_FILE_DAMAGED"
    with Manifest.open(lake) as manifest:
        assert (manifest.snapshot(), manifest.runs()[0].status) == (2, "failed")


def test_all_damaged_months_are_named(lake: Config) -> None:
    for label in ("2024-01-01", "2024-02-05"):
        flip(lake.data / natural(lake, BTC)[label].path)
    report = seal_all(lake)
    assert (report.status, report.months, [error.code for error in report.errors]) == (
        "unchanged",
        [],
        ["E_FILE_DAMAGED", "E_FILE_DAMAGED"],
    )
    with Manifest.open(lake) as manifest:
        assert (manifest.snapshot(), manifest.runs()[0].status) == (1, "failed")


def test_a_missing_file_is_named(lake: Config) -> None:
    victim = february_5(lake)
    victim.unlink()
    [error] = seal_all(lake).errors
    assert error.code == "E_FILE_MISSING"
    assert victim.name in error.message


def test_rows_that_are_not_those_of_the_content_hash_are_refused(lake: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    """The bytes are as stored, and say something else than was recorded: a bug of ours must not be sealed in."""
    real = Manifest.plan

    def other(manifest: Manifest, *words: Any) -> list[FileRow]:  # noqa: ANN401 -- handed on as they come
        changed: dict[str, Any] = {"content_hash": "rows128:" + "0" * 32}
        return [replace(row, **changed) if row.partition == "2024-02-05" else row for row in real(manifest, *words)]

    monkeypatch.setattr(Manifest, "plan", other)
    [error] = seal_all(lake).errors
    assert (error.code, "its rows are not those" in error.message) == ("E_FILE_DAMAGED", True)


# ---- other writers ---------------------------------------------------------------------------------------------------


def meanwhile(monkeypatch: pytest.MonkeyPatch, act: Callable[[], object], times: int = 1) -> None:
    """Have another writer act after the files were staged and before the commit."""
    module = sys.modules["lake.seal.run"]
    real, waiting = module._message, [act] * times

    def message(*words: object) -> object:
        if waiting:
            waiting.pop()()
        return real(*words)

    monkeypatch.setattr(module, "_message", message)


def test_a_month_that_changed_meanwhile_is_sealed_as_it_is_now(lake: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    meanwhile(monkeypatch, lambda: write(lake, BTC, bars(bar(JANUARY * DAY, 9.0), bar((JANUARY + 9) * DAY, 9.0))))
    report = seal_all(lake)
    assert [(month.partition, month.files) for month in report.months] == [("2024-01", 4), ("2024-02", 3)]
    assert live(lake, BTC) == ["2024-01", "2024-02"]
    assert plain(table(lake, BTC))[0]["close"] == 9.0
    checked = verify(lake)
    assert (checked.ok, checked.orphans) == (True, [])


def test_a_month_that_another_seal_closed_is_left_to_it(lake: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    meanwhile(monkeypatch, lambda: seal(lake, SealRequest(older_than_ns=0), now_ns=MARCH_1 - 1))
    assert [month.partition for month in seal_all(lake).months] == ["2024-02"]
    assert live(lake, BTC) == ["2024-01", "2024-02"]
    assert verify(lake).orphans == []


def test_a_race_that_cannot_be_won_ends_and_leaves_no_file(lake: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    def lose(*_: object) -> int:
        raise Conflict([(BTC, "2024-01")])

    monkeypatch.setattr(Writer, "commit", lose)
    monkeypatch.setattr("time.monotonic", iter(range(10**6)).__next__)
    with pytest.raises(LakeError) as caught:
        seal_all(lake)
    assert caught.value.code == "E_LOCKED"
    assert len(live(lake, BTC)) == 6
    assert verify(lake).orphans == []
