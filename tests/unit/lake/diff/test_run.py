"""Comparing states: counts, columns, samples, and what is not read for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from lake import files
from lake.diff import Side, diff
from lake.errors import LakeError
from lake.manifest import Manifest
from lake.write import write
from schemas.keys import Address
from tests.manifests import make_lake
from tests.sealing import seal_all
from tests.tables import DAY_NS, bar, bars, plain, quote, quotes, trade, trades

if TYPE_CHECKING:
    from pathlib import Path

    from lake.config import Config
    from lake.diff import DiffReport

BTC = Address.of("BINANCE", "SPOT", "BTCUSDT", "bars", "1m")
HOURS = Address.of("BINANCE", "SPOT", "BTCUSDT", "bars", "1h")
TICKS = Address.of("BINANCE", "SPOT", "BTCUSDT", "ticks", "trade")
QUOTED = Address.of("BINANCE", "SPOT", "BTCUSDT", "ticks", "quote")
DAY = 1440
MINUTE_NS = 60 * 10**9


@pytest.fixture
def lake(tmp_path: Path) -> Config:
    return make_lake(tmp_path)


def compared(config: Config, address: Address, old: int, new: int, **words: Any) -> DiffReport:  # noqa: ANN401 -- any option
    with Manifest.open(config) as manifest:
        return diff(config, manifest, Side(address, old), Side(address, new), **words)


def refuse_reading(monkeypatch: pytest.MonkeyPatch) -> None:
    def opened(*_: object) -> None:
        pytest.fail("a file was opened")

    monkeypatch.setattr(files, "open_parquet", opened)


def test_rows_are_added_removed_and_changed_by_column(lake: Config) -> None:
    write(lake, BTC, bars(*(bar(minute) for minute in range(5))))
    write(lake, BTC, bars(bar(1, 2.0), bar(2, volume=9.0), bar(7)))
    report = compared(lake, BTC, 1, 2)
    tally = report.tally
    assert report.differs
    assert (tally.added, tally.removed, tally.changed, tally.identical) == (1, 0, 2, 3)
    assert tally.columns == {"open": 1, "high": 1, "low": 1, "close": 1, "volume": 1}
    assert plain(report.added) == [bar(7)]
    assert plain(report.changed_old) == [bar(1), bar(2)]
    assert plain(report.changed_new) == [bar(1, 2.0), bar(2, volume=9.0)]
    [part] = report.partitions
    assert (part.partition, part.old_rows, part.new_rows) == ("1970-01-01", 5, 6)
    back = compared(lake, BTC, 2, 1)
    assert (back.tally.added, back.tally.removed, back.tally.changed) == (0, 1, 2)


def test_the_same_state_has_no_difference_and_nothing_is_read(lake: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    write(lake, BTC, bars(*(bar(day * DAY) for day in range(3))))
    refuse_reading(monkeypatch)
    report = compared(lake, BTC, 1, 1)
    assert (report.differs, report.tally.identical) == (False, 3)
    assert (report.partitions, report.partitions_equal, report.partitions_unread) == ((), 3, 3)


def test_sealing_is_no_difference_and_a_day_inside_a_sealed_month_is_compared_alone(
    lake: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(lake, BTC, bars(*(bar(day * DAY, 1.0 + day) for day in range(20))))
    sealed = seal_all(lake).snapshot
    with monkeypatch.context() as patch:
        refuse_reading(patch)
        assert not compared(lake, BTC, 1, sealed).differs
    write(lake, BTC, bars(bar(7 * DAY, 99.0)))
    report = compared(lake, BTC, 1, sealed + 1)
    assert [part.partition for part in report.partitions] == ["1970-01-08"]
    assert (report.tally.changed, report.tally.identical, report.partitions_unread) == (1, 19, 19)


def test_a_range_is_half_open_and_cuts_partitions(lake: Config) -> None:
    write(lake, BTC, bars(*(bar(minute) for minute in range(10))))
    write(lake, BTC, bars(*(bar(minute, 2.0) for minute in range(10))))
    report = compared(lake, BTC, 1, 2, between=(2 * MINUTE_NS, 5 * MINUTE_NS))
    assert (report.tally.changed, report.tally.identical) == (3, 0)
    same = compared(lake, BTC, 2, 2, between=(2 * MINUTE_NS, 5 * MINUTE_NS))
    assert same.tally.identical == 3


def test_a_partition_of_one_side_is_counted_by_the_manifest(lake: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    write(lake, BTC, bars(bar(0)))
    write(lake, BTC, bars(*(bar(DAY + minute) for minute in range(4))))
    report = compared(lake, BTC, 1, 2, samples=2)
    assert (report.tally.added, plain(report.added)) == (4, [bar(DAY), bar(DAY + 1)])
    refuse_reading(monkeypatch)
    assert compared(lake, BTC, 1, 2, samples=0).tally.added == 4
    assert compared(lake, BTC, 2, 1, samples=0).tally.removed == 4


def test_two_nulls_are_equal_and_a_null_differs_from_a_value(lake: Config) -> None:
    write(lake, BTC, bars(bar(0), bar(1, trades=1), bar(2)))
    write(lake, BTC, bars(bar(2, trades=4)))
    report = compared(lake, BTC, 1, 2)
    assert report.tally.columns == {"trades": 1}
    assert report.tally.identical == 2


def test_a_trade_that_moved_to_another_time_is_changed(lake: Config) -> None:
    far = DAY_NS - 1
    write(lake, TICKS, trades(trade(1, 1.0, "1"), trade(2, 2.0, "2"), trade(DAY_NS + 1, 9.0, "2")))
    write(lake, TICKS, trades(trade(far, 1.0, "1")))
    report = compared(lake, TICKS, 1, 2)
    assert (report.tally.changed, report.tally.identical, report.tally.added) == (1, 2, 0)
    assert report.tally.columns == {"ts": 1}
    assert (plain(report.changed_old)[0]["ts"], plain(report.changed_new)[0]["ts"]) == (1, far)


def test_rows_without_an_id_count_as_often_as_they_are_there(lake: Config) -> None:
    write(lake, QUOTED, quotes(quote(1), quote(1), quote(2)))
    write(lake, QUOTED, quotes(quote(1), quote(1), quote(1), quote(3)))
    report = compared(lake, QUOTED, 1, 2)
    assert (report.tally.added, report.tally.removed, report.tally.changed, report.tally.identical) == (2, 0, 0, 3)
    assert plain(report.added) == [quote(1), quote(3)]


def test_trades_in_another_order_of_one_moment_are_told(lake: Config) -> None:
    other = Address.of("BINANCE", "SPOT", "ETHUSDT", "ticks", "trade")
    write(lake, TICKS, trades(trade(1, 1.0, "1"), trade(1, 2.0, "2")))
    write(lake, other, trades(trade(1, 2.0, "2"), trade(1, 1.0, "1")))
    with Manifest.open(lake) as manifest:
        report = diff(lake, manifest, Side(TICKS, 2), Side(other, 2))
    assert (report.differs, report.tally.reordered, report.tally.identical) == (True, True, 2)


def test_other_symbols_with_the_same_rows_do_not_differ(lake: Config) -> None:
    other = Address.of("KRAKEN", "SPOT", "BTCUSD", "bars", "1m")
    write(lake, BTC, bars(bar(0), bar(1)))
    write(lake, other, bars(bar(0), bar(1, 2.0)))
    with Manifest.open(lake) as manifest:
        report = diff(lake, manifest, Side(BTC, 2), Side(other, 2))
    assert (report.tally.changed, report.tally.identical) == (1, 1)


def test_what_cannot_be_compared_is_refused(lake: Config) -> None:
    write(lake, BTC, bars(bar(0)))
    with Manifest.open(lake) as manifest:
        for other, code in ((TICKS, "E_USAGE"), (HOURS, "E_USAGE")):
            with pytest.raises(LakeError) as caught:
                diff(lake, manifest, Side(BTC, 1), Side(other, 1))
            assert caught.value.code == code
        unknown = Address.of("BINANCE", "SPOT", "NONE", "bars", "1m")
        with pytest.raises(LakeError, match="is not in the lake"):
            diff(lake, manifest, Side(BTC, 1), Side(unknown, 1))
