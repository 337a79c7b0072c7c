"""Late rows in a sealed month: they open that month and no other, and the lake is as if it had never been sealed."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import pytest

from lake.check import verify
from lake.errors import LakeError
from lake.ingest import FileReport, IngestRequest, ingest
from lake.manifest import Manifest, Writer
from lake.offload import OffloadRequest, offload
from lake.write import WriteResult, live_files, write
from schemas.keys import Address, Partition
from tests.manifests import make_lake
from tests.rotten import overwrite
from tests.sealing import by_glob, content, live, natural, seal_all, table
from tests.tables import DAY_NS, MINUTE_US, Row, bar, bars, plain, quote, quotes, trade, trades

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from lake.config import Config

BTC = Address.of("BINANCE", "SPOT", "BTCUSDT", "bars", "1m")
TICKS = Address.of("BINANCE", "SPOT", "BTCUSDT", "ticks", "trade")
QUOTES = Address.of("BINANCE", "SPOT", "BTCUSDT", "ticks", "quote")
DAY = 1440
JANUARY, FEBRUARY = (Partition.parse(f"2024-0{month}").day for month in (1, 2))
FIRST, FIFTH, LAST = JANUARY, JANUARY + 4, JANUARY + 30
BASE = [bar(day * DAY + i, 1.0) for day in (FIRST, FIFTH, LAST, FEBRUARY, FEBRUARY + 1) for i in range(3)]
JANUARY_DAYS = ["2024-01-01", "2024-01-05", "2024-01-31"]


@pytest.fixture
def lake(tmp_path: Path) -> Config:
    """Return a lake of two sealed months: three days of January, two of February, three bars a day."""
    config = make_lake(tmp_path / "lake")
    write(config, BTC, bars(*BASE))
    seal_all(config)
    assert live(config, BTC) == ["2024-01", "2024-02"]
    return config


@pytest.fixture
def twin(tmp_path: Path) -> Config:
    """Return the same lake, never sealed."""
    config = make_lake(tmp_path / "twin")
    write(config, BTC, bars(*BASE))
    return config


def put(config: Config, *rows: Row, **mode: Any) -> WriteResult:  # noqa: ANN401 -- the mode
    return write(config, BTC, bars(*rows), **mode)


def assert_alike(lake: Config, twin: Config, address: Address = BTC) -> None:
    """Assert that both hold the same rows in the same natural partitions, and that ours is whole."""
    assert table(lake, address).equals(table(twin, address))
    assert content(lake, address) == content(twin, address)
    assert by_glob(lake, address).sort_by("ts").equals(by_glob(twin, address).sort_by("ts"))
    checked = verify(lake)
    assert (checked.ok, checked.orphans) == (True, [])


# ---- write -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("late", "january"),
    [
        ([bar(FIFTH * DAY, 2.0)], JANUARY_DAYS),
        ([bar(FIFTH * DAY + 9, 2.0)], JANUARY_DAYS),
        ([bar((JANUARY + 8) * DAY, 2.0)], [*JANUARY_DAYS[:2], "2024-01-09", JANUARY_DAYS[2]]),
        ([bar(FIRST * DAY, 2.0), bar(LAST * DAY, 1.0)], JANUARY_DAYS),
    ],
    ids=["a correction", "a new row", "a new day", "a correction beside an identical row"],
)
def test_late_rows_open_their_month_and_no_other(
    lake: Config, twin: Config, late: list[Row], january: list[str]
) -> None:
    files = {row.path for row in natural(lake, BTC).values()}
    result = put(lake, *late)
    assert result.rows == put(twin, *late).rows
    assert live(lake, BTC) == [*january, "2024-02"]
    assert_alike(lake, twin)
    for path in files:  # the sealed file of January is out of sight, that of February where it was
        assert (lake.data / path).exists() == ("2024/02" in path)
    assert result.files_written == len(january)


def test_the_month_can_be_sealed_again(lake: Config, twin: Config) -> None:
    put(lake, bar(FIFTH * DAY, 2.0))
    put(twin, bar(FIFTH * DAY, 2.0))
    report = seal_all(lake)
    assert [month.partition for month in report.months] == ["2024-01"]
    assert live(lake, BTC) == ["2024-01", "2024-02"]
    assert_alike(lake, twin)


def test_rows_that_are_there_already_open_nothing(lake: Config) -> None:
    before = verify(lake).files_ok
    result = put(lake, *BASE[2:7])
    assert (result.snapshot, result.files_written, result.rows["identical"]) == (2, 0, 5)
    assert live(lake, BTC) == ["2024-01", "2024-02"]
    assert verify(lake).files_ok == before


def test_as_of_reads_what_was_there_before_the_seal_and_before_the_correction(lake: Config) -> None:
    put(lake, bar(FIFTH * DAY, 2.0))
    assert table(lake, BTC, as_of=1).equals(table(lake, BTC, as_of=2))
    assert plain(table(lake, BTC, as_of=2)) == BASE


def test_an_append_behind_a_sealed_day_opens_its_month(lake: Config, twin: Config) -> None:
    late = bar((FEBRUARY + 1) * DAY + 700, 2.0)
    for config in (lake, twin):
        put(config, late, mode="append")
    assert live(lake, BTC) == ["2024-01", "2024-02-01", "2024-02-02"]
    assert_alike(lake, twin)
    with pytest.raises(LakeError) as caught:
        put(lake, bar(LAST * DAY + 5), mode="append")
    assert caught.value.code == "E_CONFLICT"


@pytest.mark.parametrize(
    ("rows", "left"),
    [
        ([bar(FIRST * DAY + 2, 3.0), bar(LAST * DAY, 3.0)], ["2024-01-01", "2024-01-31", "2024-02"]),
        ([bar(FIFTH * DAY - 5, 3.0), bar(FIFTH * DAY + 9, 3.0)], ["2024-01-01", "2024-01-04", "2024-01-05"]),
        ([bar(FIRST * DAY, 3.0), bar(LAST * DAY + 9, 3.0)], ["2024-01-01", "2024-01-31", "2024-02"]),
        ([bar((FIRST - 40) * DAY, 3.0), bar((FEBRUARY - 0) * DAY, 3.0)], ["2023-11-22", "2024-02-01", "2024-02-02"]),
    ],
    ids=["a day between is emptied", "the ends of days", "a whole month", "more than a whole month"],
)
def test_a_replacement_empties_days_of_sealed_months(
    lake: Config, twin: Config, rows: list[Row], left: list[str]
) -> None:
    assert put(lake, *rows, mode="replace").rows == put(twin, *rows, mode="replace").rows
    assert set(left) <= set(live(lake, BTC))
    assert_alike(lake, twin)


def test_replacing_rows_by_themselves_opens_nothing(lake: Config) -> None:
    result = put(lake, *BASE[3:6], mode="replace")
    assert (result.snapshot, live(lake, BTC)) == (2, ["2024-01", "2024-02"])


def test_trades_of_a_sealed_month_keep_their_key_by_day(tmp_path: Path) -> None:
    """The same id on another day is another trade; under another time of its day it is a correction."""
    base = [trade(day * DAY_NS + i, 1.0, f"{i}") for day in (FIRST, FIFTH, LAST) for i in range(4)]
    late = [trade(FIFTH * DAY_NS + 50, 2.0, "2"), trade(LAST * DAY_NS + 1, 3.0, "1"), trade(FIRST * DAY_NS + 9, 1.0)]
    lake, twin = (make_lake(tmp_path / name) for name in ("lake", "twin"))
    for config in (lake, twin):
        write(config, TICKS, trades(*base))
        if config is lake:
            seal_all(config)
        result = write(config, TICKS, trades(*late))
        assert (result.rows["corrected"], result.rows["new"]) == (2, 1)
    assert_alike(lake, twin, TICKS)


def test_events_without_an_id_keep_their_number(tmp_path: Path) -> None:
    base = [quote(day * DAY_NS, 1.0) for day in (FIRST, FIRST, FIFTH)]
    late = [quote(day * DAY_NS, 1.0) for day in (FIRST, FIRST, FIRST, FIFTH)]
    lake, twin = (make_lake(tmp_path / name) for name in ("lake", "twin"))
    for config in (lake, twin):
        write(config, QUOTES, quotes(*base))
        if config is lake:
            seal_all(config)
        assert write(config, QUOTES, quotes(*late)).rows["new"] == 1
    assert_alike(lake, twin, QUOTES)


def test_a_damaged_sealed_file_is_not_copied_out(lake: Config) -> None:
    path = lake.data / natural(lake, BTC)["2024-01-05"].path
    data = bytearray(path.read_bytes())
    data[len(data) // 3] ^= 1
    overwrite(path, data)
    with pytest.raises(LakeError) as caught:
        put(lake, bar((JANUARY + 8) * DAY))
    assert caught.value.code == "E_FILE_DAMAGED"
    assert live(lake, BTC) == ["2024-01", "2024-02"]
    assert verify(lake).orphans == []


def test_late_rows_open_a_sealed_month_that_lies_in_another_tier(lake: Config, twin: Config, tmp_path: Path) -> None:
    request = OffloadRequest(to=str(tmp_path / "cold"), older_than_ns=0, grace_s=0, force=True)
    for _ in range(2):  # the second time the hot files go
        offload(lake, request)
    assert not any((lake.data / row.path).exists() for row in natural(lake, BTC).values())
    late = [bar(FIFTH * DAY, 2.0), bar((JANUARY + 8) * DAY, 2.0)]
    assert put(lake, *late).rows == put(twin, *late).rows
    assert table(lake, BTC).equals(table(twin, BTC))
    assert content(lake, BTC) == content(twin, BTC)
    tiers = {label: row.tier for label, row in natural(lake, BTC).items()}
    assert {label for label, tier in tiers.items() if tier == "hot"} == {*JANUARY_DAYS, "2024-01-09"}
    assert verify(lake).ok


def test_natural_partitions_can_be_asked_for_by_label(lake: Config) -> None:
    with Manifest.open(lake) as manifest:
        assert list(live_files(manifest, BTC, ["2024-01-05", "2024-01-06"])) == ["2024-01-05"]
        assert live_files(manifest, BTC, []) == {}
        assert live_files(manifest, TICKS) == {}


# ---- ingest: ledger, ingests that are current, doubts ----------------------------------------------------------------


def source(folder: Path, name: str, rows: list[Row]) -> Path:
    path = folder / name
    lines = [f"{r['ts'] // 1000},{r['open']},{r['high']},{r['low']},{r['close']},{r['volume']}\n" for r in rows]
    path.write_text("ts,open,high,low,close,volume\n" + "".join(lines))
    return path


def take(config: Config, path: Path, **options: Any) -> FileReport:  # noqa: ANN401 -- any field of a request
    request = IngestRequest((str(path),), exchange="BINANCE", symbol="BTCUSDT", period="1m", **options)
    return ingest(config, request).files[0]


def unproven(config: Config) -> list[int]:
    with Manifest.open(config) as manifest:
        series = manifest.find(BTC)
        assert series is not None
        return manifest.unproven(series.id, manifest.snapshot())


def test_the_same_source_after_a_seal_changes_nothing(tmp_path: Path) -> None:
    lake = make_lake(tmp_path / "lake")
    path = source(tmp_path, "a.csv", BASE)
    assert take(lake, path).status == "committed"
    seal_all(lake)
    assert take(lake, path).status == "unchanged"
    again = take(lake, source(tmp_path, "b.csv", BASE[:9]))
    assert (again.rows["identical"], again.rows["new"], again.files_written) == (9, 0, 0)
    assert live(lake, BTC) == ["2024-01", "2024-02"]


def test_a_correction_of_one_day_makes_only_ingests_of_that_day_done_again(tmp_path: Path) -> None:
    lake = make_lake(tmp_path / "lake")
    fifth, last = (source(tmp_path, f"{i}.csv", BASE[3 * i : 3 * i + 3]) for i in (1, 2))
    for path in (fifth, last):
        take(lake, path)
    seal_all(lake)
    take(lake, source(tmp_path, "c.csv", [bar(FIFTH * DAY, 7.0)]))
    assert take(lake, last).status == "unchanged"
    assert take(lake, fifth).rows["corrected"] == 1


def test_doubts_about_bars_go_into_the_sealed_file_and_out_of_it(tmp_path: Path) -> None:
    lake = make_lake(tmp_path / "lake")
    first, fifth = BASE[2]["ts"] * 1000, BASE[5]["ts"] * 1000
    take(lake, source(tmp_path, "1.csv", BASE[:3]))
    take(lake, source(tmp_path, "2.csv", BASE[3:6]))
    assert unproven(lake) == [first, fifth]
    seal_all(lake)
    assert unproven(lake) == [first, fifth]
    take(lake, source(tmp_path, "3.csv", [bar(LAST * DAY, 4.0), bar(LAST * DAY + 1, 4.0)]))
    assert unproven(lake) == [first, fifth, LAST * DAY_NS + MINUTE_US * 1000]


def test_bars_proven_before_or_after_a_seal_are_beyond_doubt_for_good(tmp_path: Path) -> None:
    lake = make_lake(tmp_path / "lake")
    take(lake, source(tmp_path, "1.csv", BASE[:3]))
    take(lake, source(tmp_path, "2.csv", BASE[3:6]))
    doubted = unproven(lake)
    take(lake, source(tmp_path, "3.csv", [*BASE[:3], bar(FIRST * DAY + 3, 1.0)]), fetched_at_ns=FEBRUARY * DAY_NS)
    assert unproven(lake) == doubted[1:]
    seal_all(lake)
    assert unproven(lake) == doubted[1:]
    take(lake, source(tmp_path, "4.csv", BASE[4:6]))  # says the same of the bar in doubt, and writes nothing
    assert (unproven(lake), live(lake, BTC)) == ([], ["2024-01"])
    put(lake, bar(LAST * DAY))  # opens the month
    assert (unproven(lake), live(lake, BTC)) == ([], JANUARY_DAYS)
    seal_all(lake)
    assert unproven(lake) == []


# ---- lost races ------------------------------------------------------------------------------------------------------


def before_commit(monkeypatch: pytest.MonkeyPatch, *meanwhile: Callable[[], object]) -> None:
    """Have other writers act, one before each try to commit, after the merge."""
    module = sys.modules["lake.write.commit"]
    waiting = list(meanwhile)
    acting: list[bool] = []
    fill = module._fill

    def then(*words: object) -> None:
        fill(*words)
        if waiting and not acting:  # what the others do is not disturbed itself
            acting.append(True)
            waiting.pop(0)()
            acting.clear()

    monkeypatch.setattr(module, "_fill", then)


def open_january(config: Config) -> WriteResult:
    return put(config, bar(LAST * DAY + 7, 5.0))


@pytest.mark.parametrize(
    "order",
    ["sealed", "opened", "sealed and opened", "opened and sealed", "other month"],
)
def test_whatever_becomes_of_the_month_meanwhile_the_rows_come_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, order: str
) -> None:
    lake, twin = (make_lake(tmp_path / name) for name in ("lake", "twin"))
    for config in (lake, twin):
        write(config, BTC, bars(*BASE))
    if order.startswith("opened"):
        seal_all(lake)
    acts: dict[str, list[Callable[[], object]]] = {
        "sealed": [lambda: seal_all(lake)],
        "opened": [lambda: open_january(lake)],
        "sealed and opened": [lambda: seal_all(lake), lambda: open_january(lake)],
        "opened and sealed": [lambda: open_january(lake), lambda: seal_all(lake)],
        "other month": [lambda: put(lake, bar(FEBRUARY * DAY, 5.0))],
    }
    late = [bar(FIRST * DAY, 9.0), bar((JANUARY + 2) * DAY, 9.0), bar(LAST * DAY, 1.0)]
    before_commit(monkeypatch, *acts[order])
    told = put(lake, *late)
    monkeypatch.undo()
    if "opened" in order:
        open_january(twin)
    if order == "other month":
        put(twin, bar(FEBRUARY * DAY, 5.0))
    assert told.rows == put(twin, *late).rows
    assert_alike(lake, twin)


def test_rows_found_identical_in_a_month_that_was_sealed_meanwhile_stay_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake, twin = (make_lake(tmp_path / name) for name in ("lake", "twin"))
    for config in (lake, twin):
        write(config, BTC, bars(*BASE))
    path = source(tmp_path, "a.csv", BASE)
    before_commit(monkeypatch, lambda: seal_all(lake))
    assert take(lake, path).rows["identical"] == len(BASE)
    monkeypatch.undo()
    assert live(lake, BTC) == ["2024-01", "2024-02"]
    assert take(lake, path).status == "unchanged"
    take(twin, path)
    assert_alike(lake, twin)


def test_a_replacement_holds_when_its_month_is_sealed_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake, twin = (make_lake(tmp_path / name) for name in ("lake", "twin"))
    for config in (lake, twin):
        write(config, BTC, bars(*BASE))
    rows = [bar(FIRST * DAY + 2, 3.0), bar(LAST * DAY, 3.0)]
    before_commit(monkeypatch, lambda: seal_all(lake))
    put(lake, *rows, mode="replace")
    monkeypatch.undo()
    put(twin, *rows, mode="replace")
    assert_alike(lake, twin)


def test_copies_of_a_write_that_is_refused_at_last_are_removed(lake: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> int:
        raise LakeError("LOCKED", "others write")

    monkeypatch.setattr(Writer, "commit", refuse)
    with pytest.raises(LakeError, match="others write"):
        put(lake, bar(FIFTH * DAY, 2.0))
    monkeypatch.undo()
    assert live(lake, BTC) == ["2024-01", "2024-02"]
    assert verify(lake).orphans == []
