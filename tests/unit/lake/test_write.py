"""Writing tables: modes and lost races."""

from __future__ import annotations

import sys
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from lake.check import verify
from lake.errors import LakeError
from lake.manifest import Instrument, Manifest, Writer
from lake.read import Scan
from lake.write import WriteResult, write
from schemas.bars import BARS
from schemas.keys import Address
from schemas.ticks import TRADES
from tests.manifests import commit, make_lake
from tests.tables import DAY_NS, Row, bar, bars, clean, merged, plain, table, trade, trades

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from lake.config import Config
    from lake.manifest.rows import Change
    from lake.write import Mode

BTC = Address.of("BINANCE", "SPOT", "BTCUSDT", "bars", "1m")
DAYS = Address.of("BINANCE", "SPOT", "BTCUSDT", "bars", "1d")
TICKS = Address.of("BINANCE", "SPOT", "BTCUSDT", "ticks", "trade")
DAY = 1440


@pytest.fixture
def lake(tmp_path: Path) -> Config:
    return make_lake(tmp_path)


def read(lake: Config, address: Address = BTC, as_of: int | None = None) -> list[Row]:
    with Manifest.open(lake) as manifest:
        return plain(Scan(lake, manifest, [address], as_of=as_of).to_arrow())


def counts(result: WriteResult) -> Counter[str]:
    told = Counter(result.rows)
    assert told.pop("read") == sum(told.values())
    return +told


def snapshot(lake: Config) -> int:
    with Manifest.open(lake) as manifest:
        return manifest.snapshot()


def data_files(lake: Config) -> set[str]:
    """Return the files in the lake's folders, those that were replaced left out."""
    paths = (path.relative_to(lake.data) for path in lake.data.rglob("*.parquet*"))
    return {path.as_posix() for path in paths if not path.parts[0].startswith("_")}


# ---- upsert ----------------------------------------------------------------------------------------------------------


def test_the_first_write_makes_the_series(lake: Config) -> None:
    rows = [bar(i, 1.0 + i) for i in (0, 1, DAY - 1, DAY, 3 * DAY)]
    result = write(lake, BTC, bars(*rows), message="a first table")
    assert (result.snapshot, counts(result), result.files_written) == (1, {"new": 5}, 3)
    assert read(lake) == rows
    with Manifest.open(lake) as manifest:
        [entry] = manifest.history()
        [listed] = manifest.listing()
        [run] = manifest.runs()
    assert (entry.operation, entry.message, entry.address, entry.rows_new) == ("write", "a first table", BTC, 5)
    assert (listed.rows, listed.files, listed.gaps) == (5, 3, 1)
    assert (run.kind, run.status, run.snapshot) == ("write", "ok", 1)
    assert verify(lake).ok


def test_upsert_merges_by_key_and_leaves_other_partitions_alone(lake: Config) -> None:
    first = [bar(i, 1.0) for i in (0, 1, DAY, 2 * DAY)]
    second = [bar(1, 2.0), bar(2, 2.0), bar(DAY, 1.0)]
    write(lake, BTC, bars(*first))
    before = data_files(lake)
    result = write(lake, BTC, bars(*second))
    expected, _ = merged(BARS, first, second)
    assert counts(result) == {"new": 1, "identical": 1, "corrected": 1}
    assert result.files_written == len(data_files(lake) - before) == 1
    assert read(lake) == expected
    assert read(lake, as_of=1) == first


def test_upsert_of_the_same_table_writes_nothing(lake: Config) -> None:
    data = trades(trade(1, 1.0, "a"), trade(1, 1.0), trade(1, 1.0), trade(DAY_NS, 1.0))
    write(lake, TICKS, data)
    before = data_files(lake)
    result = write(lake, TICKS, data)
    assert (result.snapshot, result.files_written, counts(result)) == (1, 0, {"identical": 4})
    assert (data_files(lake), snapshot(lake)) == (before, 1)
    with Manifest.open(lake) as manifest:
        assert [run.status for run in manifest.runs()] == ["unchanged", "ok"]


def test_unsorted_tables_and_repeats_inside_one(lake: Config) -> None:
    rows = [bar(2, 1.0), bar(0, 1.0), bar(2, 3.0), bar(2, 3.0), bar(1, 1.0)]
    result = write(lake, BTC, bars(*rows))
    assert read(lake) == merged(BARS, [], rows)[0] == [bar(0, 1.0), bar(1, 1.0), bar(2, 3.0)]
    assert counts(result) == {"new": 3, "identical": 1, "superseded": 1}


def test_an_empty_table_changes_nothing(lake: Config) -> None:
    assert write(lake, BTC, bars()) == WriteResult(
        0, dict.fromkeys(("new", "identical", "corrected", "superseded", "read"), 0), 0
    )
    with Manifest.open(lake) as manifest:
        assert manifest.find(BTC) is None


def test_coarse_bars_lie_in_year_files(lake: Config) -> None:
    rows = [bar(day * DAY, 1.0 + day) for day in range(0, 800, 7)]
    assert write(lake, DAYS, bars(*rows)).files_written == 3
    assert read(lake, DAYS) == rows
    assert {path.rsplit("/", 1)[0] for path in data_files(lake)} == {f"{DAYS}/{year}" for year in (1970, 1971, 1972)}


def test_a_series_made_by_a_vendor_that_writes_small_letters_can_be_written_to(lake: Config) -> None:
    commit(lake, instruments={BTC: Instrument("btcusdt")})
    assert counts(write(lake, BTC, bars(bar(0)))) == {"new": 1}
    with Manifest.open(lake) as manifest:
        series = manifest.find(BTC)
    assert series is not None
    assert series.vendor_symbol == "btcusdt"


def test_prices_may_be_negative_where_the_instrument_says_so(lake: Config) -> None:
    with pytest.raises(LakeError, match="1 of the first 1 rows break"):
        write(lake, BTC, bars(bar(0, -37.63)))
    commit(lake, instruments={BTC: Instrument("BTCUSDT", price_may_be_negative=True)})
    write(lake, BTC, bars(bar(0, -37.63)))
    assert read(lake) == [bar(0, -37.63)]


# ---- append ----------------------------------------------------------------------------------------------------------


def test_append_adds_behind_the_last_row_only(lake: Config) -> None:
    first, behind = [bar(0), bar(1)], [bar(2), bar(DAY)]
    write(lake, BTC, bars(*first), mode="append")
    write(lake, BTC, bars(*behind), mode="append")
    assert read(lake) == [*first, *behind]
    for rows in ([bar(DAY)], [bar(DAY + 1), bar(5)]):
        with pytest.raises(LakeError) as caught:
            write(lake, BTC, bars(*rows), mode="append")
        assert caught.value.code == "E_CONFLICT"
    assert read(lake) == [*first, *behind]
    assert snapshot(lake) == 2


def test_a_mode_that_there_is_not_is_refused_before_anything(lake: Config) -> None:
    with pytest.raises(LakeError) as caught:
        write(lake, BTC, bars(bar(0)), mode="overwrite")  # type: ignore[arg-type]  # that is the point
    assert caught.value.code == "E_USAGE"
    assert list(caught.value.fix) == [f'mode="{mode}"' for mode in ("upsert", "append", "replace")]
    with Manifest.open(lake) as manifest:
        assert manifest.runs() == []


# ---- replace ---------------------------------------------------------------------------------------------------------


def test_replace_puts_rows_in_the_place_of_all_between_the_first_and_the_last(lake: Config) -> None:
    stored = [bar(i, 1.0) for i in (0, 1, 2, DAY, 2 * DAY, 3 * DAY, 3 * DAY + 1)]
    rows = [bar(1, 2.0), bar(2 * DAY + 5, 2.0), bar(3 * DAY, 1.0)]
    write(lake, BTC, bars(*stored))
    result = write(lake, BTC, bars(*rows), mode="replace")
    assert read(lake) == [bar(0, 1.0), *rows, bar(3 * DAY + 1, 1.0)]
    assert read(lake, as_of=1) == stored
    assert result.snapshot == 2
    with Manifest.open(lake) as manifest:
        assert [row.files for row in manifest.listing()] == [3]  # the second day has no row left
    assert verify(lake).ok


@pytest.mark.parametrize(
    "rows", [[trade(5, 2.0, "x")], [trade(5, 2.0)], [trade(1, 2.0, "x"), trade(2 * DAY_NS, 3.0, "y")]]
)
def test_replace_of_trades(lake: Config, rows: list[Row]) -> None:
    stored = [trade(1, 1.0, "a"), trade(5, 1.0, "b"), trade(5, 1.0, "c"), trade(9, 1.0), trade(DAY_NS, 1.0, "d")]
    stored += [trade(2 * DAY_NS + 5, 1.0, "e")]
    write(lake, TICKS, trades(*stored))
    write(lake, TICKS, trades(*rows), mode="replace")
    first, last = rows[0]["ts"], rows[-1]["ts"]
    outside = [row for row in stored if not first <= row["ts"] <= last]
    assert read(lake, TICKS) == clean(sorted([*outside, *rows], key=lambda row: row["ts"]))


def test_replace_by_the_same_rows_writes_nothing(lake: Config) -> None:
    rows = [bar(0), bar(1), bar(DAY)]
    write(lake, BTC, bars(*rows))
    before = data_files(lake)
    result = write(lake, BTC, bars(*rows, rows[2]), mode="replace")
    assert (result.snapshot, counts(result)) == (1, {"identical": 4})
    assert data_files(lake) == before


def test_replace_in_an_empty_series_is_a_write(lake: Config) -> None:
    assert counts(write(lake, BTC, bars(bar(0)), mode="replace")) == {"new": 1}


# ---- all modes -------------------------------------------------------------------------------------------------------


def test_many_modes_in_a_row_agree_with_the_rules(lake: Config) -> None:
    stored: list[Row] = []
    for step in range(6):
        rows = [trade(step // 2 * DAY_NS + i // 3, 1.0 + i % (step + 1), str(i) if i % 2 else None) for i in range(12)]
        write(lake, TICKS, table(TRADES, rows))
        label = step // 2
        day = [row for row in stored if row["ts"] // DAY_NS == label]
        stored = [row for row in stored if row["ts"] // DAY_NS != label] + merged(TRADES, day, rows)[0]
        assert read(lake, TICKS) == stored


@pytest.mark.parametrize("mode", ["upsert", "append", "replace"])
def test_every_mode_leaves_no_staged_file(lake: Config, mode: Mode) -> None:
    write(lake, BTC, bars(bar(0), bar(DAY)), mode=mode)
    assert list((lake.data / "_staging").glob("*/*")) == []
    assert verify(lake).orphans == []


# ---- lost races ------------------------------------------------------------------------------------------------------


def before_once(monkeypatch: pytest.MonkeyPatch, name: str, *meanwhile: Callable[[], object]) -> None:
    """Have other writers act before the n-th call of a step of the commit."""
    module = sys.modules["lake.write.commit"]
    real, waiting = getattr(module, name), list(meanwhile)

    def step(*args: object) -> object:
        if waiting:
            waiting.pop(0)()
        return real(*args)

    monkeypatch.setattr(module, name, step)


def test_a_lost_race_is_merged_again(lake: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    def other() -> object:
        return write(lake, BTC, bars(bar(0, 2.0), bar(1, 2.0)))

    before_once(monkeypatch, "_fill", lambda: None, other)
    write(lake, BTC, bars(bar(DAY)))
    result = write(lake, BTC, bars(bar(1, 3.0), bar(2, 3.0)))
    assert counts(result) == {"new": 1, "corrected": 1}
    assert read(lake) == [bar(0, 2.0), bar(1, 3.0), bar(2, 3.0), bar(DAY)]
    report = verify(lake)
    assert (report.ok, report.orphans) == (True, [])


def test_a_race_lost_over_and_over_ends(lake: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    prices = iter(range(2, 100))

    def other() -> object:
        return write(lake, BTC, bars(bar(0, float(next(prices)))))

    before_once(monkeypatch, "_merge_again", other)
    before_once(monkeypatch, "_fill", other)
    assert counts(write(lake, BTC, bars(bar(0, 1.0)))) == {"corrected": 1}
    assert read(lake) == [bar(0, 1.0)]
    report = verify(lake)
    assert (report.ok, report.orphans) == (True, [])


def test_a_file_that_lost_and_is_right_again_is_kept(lake: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    """The other writer's partition is gone before the merge: the file made first is the one to commit after all."""
    write(lake, BTC, bars(bar(0), bar(2 * DAY)))

    def remove() -> object:
        return write(lake, BTC, bars(bar(0), bar(2 * DAY)), mode="replace")

    before_once(monkeypatch, "_merge_again", remove)
    before_once(monkeypatch, "_fill", lambda: write(lake, BTC, bars(bar(DAY, 9.0))))
    assert counts(write(lake, BTC, bars(bar(DAY + 1)))) == {"new": 1}
    assert read(lake) == [bar(0), bar(DAY + 1), bar(2 * DAY)]
    report = verify(lake)
    assert (report.ok, report.orphans) == (True, [])


RANGE = [bar(0, 5.0), bar(2 * DAY, 5.0)]


@pytest.mark.parametrize(
    ("stored", "meanwhile", "kept"),
    [
        ([DAY + 1], [DAY + 2], []),  # a day that was to be emptied has got another row in the range
        ([DAY + 1], [], []),
        ([2 * DAY - 1, 2 * DAY + 1], [2 * DAY - 2, 2 * DAY + 2], [2 * DAY + 1, 2 * DAY + 2]),
    ],
)
def test_a_replacement_that_lost_a_race_still_replaces(
    lake: Config, stored: list[int], meanwhile: list[int], kept: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    write(lake, BTC, bars(bar(0), *(bar(at) for at in stored)))
    before_once(monkeypatch, "_fill", lambda: write(lake, BTC, bars(bar(0, 7.0), *(bar(at) for at in meanwhile))))
    result = write(lake, BTC, bars(*RANGE), mode="replace")
    assert read(lake) == [*RANGE, *(bar(at) for at in kept)]
    assert result.snapshot == 3
    report = verify(lake)
    assert (report.ok, report.orphans) == (True, [])


def test_a_race_that_cannot_be_won_leaves_no_file(lake: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise LakeError("FILE_DAMAGED", "what the other one wrote cannot be read")

    write(lake, BTC, bars(bar(0)))
    before_once(monkeypatch, "_fill", lambda: write(lake, BTC, bars(bar(0, 2.0))))
    monkeypatch.setattr(sys.modules["lake.write.commit"], "_merge_again", broken)
    with pytest.raises(LakeError, match="cannot be read"):
        write(lake, BTC, bars(bar(0, 3.0)))
    assert read(lake) == [bar(0, 2.0)]
    assert verify(lake).orphans == []


@pytest.mark.parametrize(
    ("meanwhile", "mine"),
    [
        ([bar(5, 2.0)], [bar(5), bar(6)]),  # a row under the same key
        ([bar(5)], [bar(5)]),  # the very row
        ([bar(9)], [bar(5), bar(6)]),  # a later row of the same partition
        ([bar(DAY)], [bar(5)]),  # a later partition, which the appended rows do not touch
        ([bar(2)], [bar(DAY), bar(3 * DAY)]),
    ],
)
def test_an_append_that_lost_a_race_is_still_an_append(
    lake: Config, meanwhile: list[Row], mine: list[Row], monkeypatch: pytest.MonkeyPatch
) -> None:
    write(lake, BTC, bars(bar(0), bar(1)))
    before_once(monkeypatch, "_publish", lambda: write(lake, BTC, bars(*meanwhile)))
    kept = [bar(0), bar(1), *meanwhile]
    if mine[0]["ts"] > meanwhile[-1]["ts"]:
        assert counts(write(lake, BTC, bars(*mine), mode="append")) == {"new": len(mine)}
        kept += mine
    else:
        with pytest.raises(LakeError, match="not behind those stored") as caught:
            write(lake, BTC, bars(*mine), mode="append")
        assert (caught.value.code, caught.value.fix[0]) == ("E_CONFLICT", 'mode="upsert"')
    assert read(lake) == kept
    report = verify(lake)
    assert (report.ok, report.orphans) == (True, [])


def test_an_append_outrun_between_its_check_and_its_commit_is_refused(
    lake: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(lake, BTC, bars(bar(0), bar(1)))
    real, waiting = Writer.commit, [lambda: write(lake, BTC, bars(bar(5, 2.0)))]

    def later(writer: Writer, change: Change) -> int:
        if waiting:
            waiting.pop()()
        return real(writer, change)

    monkeypatch.setattr(Writer, "commit", later)
    with pytest.raises(LakeError, match="not behind those stored"):
        write(lake, BTC, bars(bar(5), bar(6)), mode="append")
    assert read(lake) == [bar(0), bar(1), bar(5, 2.0)]
    assert verify(lake).orphans == []
