"""Reading what a study read: the same Arrow rows after sealing, offloading and restoring, or a precise error."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import pytest

from lake.aggregate.live import Resampled
from lake.delete import DeleteRequest, delete
from lake.errors import LakeError
from lake.manifest import Manifest
from lake.offload import RestoreRequest, restore
from lake.study import Lock, check, read, take
from lake.study.hashing import rows_hash
from lake.write import write
from schemas.keys import Address
from tests.manifests import make_lake
from tests.sealing import seal_all
from tests.tables import DAY_NS, Row, bar, bars, plain, quote, quotes, trade, trades
from tests.tiers import move_away

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from lake.config import Config

    Forget: TypeAlias = Callable[[int], None]

BTC = Address.of("BINANCE", "SPOT", "BTCUSDT", "bars", "1m")
TICKS = Address.of("BINANCE", "SPOT", "BTCUSDT", "ticks", "trade")
QUOTED = Address.of("BINANCE", "SPOT", "BTCUSDT", "ticks", "quote")
DAY = 1440
MINUTE_NS = 60 * 10**9
BAR_ROWS = [bar(day * DAY + minute, 1.0 + day) for day in (0, 1, 4) for minute in range(3)]
TICK_ROWS = [trade(day * DAY_NS + at // 2, 1.0 + at, str(at)) for day in range(3) for at in range(6)]
QUOTE_ROWS = [quote(day * DAY_NS + 5, bid) for day in range(2) for bid in (3.0, 1.0, 2.0)]


@pytest.fixture
def lake(tmp_path: Path) -> Config:
    config = make_lake(tmp_path / "lake")
    write(config, BTC, bars(*BAR_ROWS))
    write(config, TICKS, trades(*TICK_ROWS))
    write(config, QUOTED, quotes(*QUOTE_ROWS))
    return config


def locked(config: Config, *addresses: Address, **words: Any) -> Lock:  # noqa: ANN401 -- any option
    with Manifest.open(config) as manifest:
        return take(config, manifest, [str(each) for each in addresses or (BTC, TICKS, QUOTED)], **words)


def origins(config: Config, lock: Lock) -> set[str]:
    with Manifest.open(config) as manifest:
        return {each.origin for each in check(config, manifest, lock)}


def rows_of(config: Config, lock: Lock, address: Address) -> list[Row]:
    """Read by the lock, hold the rows to its hash, and return them."""
    with Manifest.open(config) as manifest:
        scan = read(config, manifest, lock, address).scan
        table = scan.to_arrow()
        assert rows_hash(scan.declaration, table.to_batches()).hexdigest() == lock.of(address).sha256
        assert scan.count() == table.num_rows == lock.of(address).rows
        return plain(table)


@pytest.fixture
def forget(monkeypatch: pytest.MonkeyPatch) -> Forget:
    """Return what has the manifest forget a snapshot."""
    known = Manifest.snapshot

    def forget(number: int) -> None:
        def snapshot(self: Manifest, as_of: Any = None) -> int:  # noqa: ANN401 -- whatever names one
            if as_of == number:
                error = LakeError("UNKNOWN_SNAPSHOT", f"snapshot {number} was forgotten")
                error.code = "E_SNAPSHOT_EXPIRED"
                raise error
            return known(self, as_of)

        monkeypatch.setattr(Manifest, "snapshot", snapshot)

    return forget


@pytest.mark.parametrize("forgotten", [False, True])
def test_sealed_offloaded_and_restored_rows_are_the_same(
    lake: Config, tmp_path: Path, forget: Forget, *, forgotten: bool
) -> None:
    lock = locked(lake)
    before = {address: rows_of(lake, lock, address) for address in (BTC, TICKS, QUOTED)}
    if forgotten:
        forget(lock.snapshot)

    def look() -> None:
        assert {address: rows_of(lake, lock, address) for address in before} == before
        assert origins(lake, lock) == {"present" if forgotten else "snapshot"}

    assert seal_all(lake).status == "committed"
    look()
    assert move_away(lake, tmp_path / "cold").files
    look()
    assert restore(lake, RestoreRequest(())).files
    look()


def test_taking_it_again_after_sealing_gives_the_same_hashes(lake: Config) -> None:
    lock = locked(lake)
    seal_all(lake)
    again = locked(lake)
    assert again.series == lock.series
    assert locked(lake, QUOTED, BTC, TICKS, BTC).series == lock.series


def test_a_correction_is_not_seen_while_the_snapshot_can_be_read(lake: Config) -> None:
    lock = locked(lake)
    write(lake, BTC, bars(bar(DAY, 50.0)))
    assert rows_of(lake, lock, BTC) == BAR_ROWS
    assert origins(lake, lock) == {"snapshot"}


def test_a_correction_after_the_snapshot_was_forgotten_is_named(lake: Config, forget: Forget) -> None:
    lock = locked(lake)
    write(lake, BTC, bars(bar(9 * DAY)))
    changed = write(lake, BTC, bars(bar(DAY, 50.0)), message="late fix").snapshot
    write(lake, BTC, bars(bar(4 * DAY, 51.0)))
    forget(lock.snapshot)
    with pytest.raises(LakeError) as caught:
        rows_of(lake, lock, BTC)
    error = caught.value
    assert (error.code, error.where) == ("E_STUDY_CHANGED", f"{BTC} 1970-01-02")
    assert "has other values in its rows" in error.message
    assert f"changed by snapshot {changed}: write" in error.why
    assert "late fix" in error.why
    assert rows_of(lake, lock, TICKS)


@pytest.mark.parametrize("more", [0, 3])
def test_rows_that_were_added_or_deleted_are_counted(lake: Config, forget: Forget, more: int) -> None:
    lock = locked(lake)
    if more:
        write(lake, BTC, bars(*(bar(DAY + 100 + minute) for minute in range(more))))
    else:
        delete(lake, DeleteRequest((str(BTC),), DAY_NS, 2 * DAY_NS))
    forget(lock.snapshot)
    with pytest.raises(LakeError) as caught:
        rows_of(lake, lock, BTC)
    assert caught.value.message.endswith(
        "1970-01-02 has 6 rows, and had 3" if more else "1970-01-02 is gone: it had 3 rows"
    )


def test_partitions_the_study_did_not_see_are_left_out(lake: Config, forget: Forget) -> None:
    lock = locked(lake)
    write(lake, BTC, bars(bar(2 * DAY), bar(9 * DAY), bar(-DAY)))
    write(lake, QUOTED, quotes(quote(7 * DAY_NS)))
    forget(lock.snapshot)
    assert rows_of(lake, lock, BTC) == BAR_ROWS
    assert rows_of(lake, lock, QUOTED) == QUOTE_ROWS
    seal_all(lake)
    assert rows_of(lake, lock, BTC) == BAR_ROWS


def test_nothing_is_made_of_rows_with_partitions_left_out(lake: Config, forget: Forget) -> None:
    """They would be among the rows that are read anew for it."""
    lock = locked(lake)
    write(lake, BTC, bars(bar(2 * DAY, 9.0)))
    forget(lock.snapshot)
    with Manifest.open(lake) as manifest:
        scan = read(lake, manifest, lock, BTC).scan
        assert scan.narrowed(columns=["ts"]).to_arrow().num_rows == scan.count()
        with pytest.raises(LakeError, match="nothing is made of these rows"):
            Resampled(scan, "1h")


def test_a_day_cut_by_the_range_may_change_outside_it(lake: Config, forget: Forget) -> None:
    lock = locked(lake, BTC, between=(MINUTE_NS, DAY_NS + 2 * MINUTE_NS))
    assert lock.series[0].rows == 4
    write(lake, BTC, bars(bar(0, 7.0), bar(DAY + 2, 7.0)))
    forget(lock.snapshot)
    assert rows_of(lake, lock, BTC) == BAR_ROWS[1:5]
    write(lake, BTC, bars(bar(1, 7.0)))
    with pytest.raises(LakeError) as caught:
        rows_of(lake, lock, BTC)
    assert (caught.value.code, caught.value.where) == ("E_STUDY_CHANGED", f"{BTC} 1970-01-01")


def test_the_order_of_rows_without_a_key_is_held_to(lake: Config, forget: Forget) -> None:
    lock = locked(lake, QUOTED)
    delete(lake, DeleteRequest((str(QUOTED),)))
    write(lake, QUOTED, quotes(*sorted(QUOTE_ROWS, key=lambda row: (row["ts"], row["bid"]))))
    assert rows_of(lake, lock, QUOTED) == QUOTE_ROWS
    forget(lock.snapshot)
    with pytest.raises(LakeError, match="in another order") as caught:
        rows_of(lake, lock, QUOTED)
    assert caught.value.code == "E_STUDY_CHANGED"


def test_another_lake_is_refused(lake: Config, tmp_path: Path) -> None:
    lock = locked(lake)
    other = make_lake(tmp_path / "other")
    write(other, BTC, bars(*BAR_ROWS))
    with pytest.raises(LakeError, match="of another lake") as caught:
        rows_of(other, lock, BTC)
    assert caught.value.code == "E_STUDY_CHANGED"


def test_a_study_of_nothing_and_a_series_it_did_not_read_are_refused(lake: Config) -> None:
    with pytest.raises(LakeError, match="has no row in the range"):
        locked(lake, BTC, between=(2 * DAY_NS, 3 * DAY_NS))
    with pytest.raises(LakeError, match="no series was named"), Manifest.open(lake) as manifest:
        take(lake, manifest, [])
    with pytest.raises(LakeError, match="did not read"):
        rows_of(lake, locked(lake, BTC), TICKS)


def test_columns_come_as_asked_for(lake: Config) -> None:
    lock = locked(lake)
    with Manifest.open(lake) as manifest:
        scan = read(lake, manifest, lock, BTC, ["close", "ts"]).scan
        assert scan.to_arrow().column_names == ["close", "ts"]
