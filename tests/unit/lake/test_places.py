from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest

from lake.errors import LakeError
from lake.lookup import schema_of
from lake.manifest import Manifest
from lake.offload import OffloadRequest, RestoreRequest, offload, restore
from lake.places import Places
from lake.read import Scan
from tests.rotten import overwrite
from tests.sealing import natural, seal_all
from tests.tiers import BTC, FIRST_DAY, MINUTES, content, live, move, move_away, old_lake, take_in

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from lake.config import Config

SCHEMA = schema_of(BTC.key)
DAY_NS = 86_400 * 10**9


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return old_lake(tmp_path / "lake")


@pytest.fixture
def cold(tmp_path: Path) -> Path:
    return tmp_path / "cold"


def test_a_plan_made_before_the_offload_is_read_after_it(config: Config, cold: Path) -> None:
    with Manifest.open(config) as manifest:
        scan = Scan(config, manifest, [BTC])
    before = scan.to_arrow()
    move_away(config, cold)
    assert scan.to_arrow().equals(before)


def test_a_plan_made_before_the_restore_is_read_after_it(config: Config, cold: Path) -> None:
    before = content(config)
    move_away(config, cold)
    with Manifest.open(config) as manifest:
        scan = Scan(config, manifest, [BTC])
    restore(config, RestoreRequest((str(BTC),)))
    cold.rename(cold.parent / "unmounted")
    assert scan.to_arrow().equals(before)


def test_a_tier_first_used_after_the_places_were_made_is_found(config: Config, cold: Path) -> None:
    places = Places(config)
    row = live(config)["2022-01-01"]
    with pytest.raises(LakeError):
        places.tier("cold")
    move_away(config, cold)
    with places.parquet(row, SCHEMA) as parquet:
        assert parquet.metadata.num_rows == MINUTES
    with places.stream(row) as stream:
        assert hashlib.sha256(stream.read()).hexdigest() == row.sha256


def test_a_file_that_is_nowhere_is_missing_not_away(config: Config, cold: Path) -> None:
    row = live(config)["2022-01-01"]
    (config.data / row.path).unlink()
    for read in (lambda: Places(config).parquet(row, SCHEMA), lambda: Places(config).stream(row)):
        with pytest.raises(LakeError) as caught:
            read()
        assert caught.value.code == "E_FILE_MISSING"
    move_away(config, cold)
    gone = live(config)["2022-01-02"]
    (cold / gone.path).unlink()
    with pytest.raises(LakeError) as caught:
        content(config)
    assert caught.value.code == "E_FILE_MISSING"


@pytest.mark.parametrize("plan", ["hot", "cold"])
def test_a_file_in_a_tier_that_is_not_there_is_away_not_missing(config: Config, cold: Path, plan: str) -> None:
    before = live(config)["2022-01-01"]
    move_away(config, cold)
    row = before if plan == "hot" else live(config)["2022-01-01"]
    assert row.tier == plan
    cold.rename(cold.parent / "unmounted")
    for read in (lambda: Places(config).parquet(row, SCHEMA), lambda: Places(config).stream(row)):
        with pytest.raises(LakeError) as caught:
            read()
        assert caught.value.code == "E_TIER_UNAVAILABLE"


def test_a_replaced_file_in_a_tier_that_is_not_there_is_away_too(config: Config, cold: Path) -> None:
    with Manifest.open(config) as manifest:
        scan = Scan(config, manifest, [BTC])
    before = live(config)["2022-01-01"]
    move_away(config, cold)
    take_in(config, range(6), 200.0)
    assert live(config)["2022-01-01"].id != before.id
    cold.rename(cold.parent / "unmounted")
    for read in (lambda: Places(config).parquet(before, SCHEMA), lambda: Places(config).stream(before), scan.to_arrow):
        with pytest.raises(LakeError) as caught:
            read()
        assert caught.value.code == "E_TIER_UNAVAILABLE"


def test_a_day_of_a_sealed_file_in_a_tier_that_is_not_there_is_away_too(config: Config, cold: Path) -> None:
    seal_all(config)
    day = natural(config, BTC)["2022-01-02"]
    assert (day.partition, day.tier) == ("2022-01-02", "hot")
    move_away(config, cold)
    cold.rename(cold.parent / "unmounted")
    with pytest.raises(LakeError) as caught:
        Places(config).parquet(day, SCHEMA)
    assert caught.value.code == "E_TIER_UNAVAILABLE"


def test_a_read_says_before_its_first_row_what_it_cannot_reach_and_what_it_can(config: Config, cold: Path) -> None:
    offload(
        config,
        OffloadRequest(to=str(cold), older_than_ns=0, grace_s=0, force=True),
        now_ns=(FIRST_DAY + 4) * DAY_NS,
    )
    take_in(config, range(4, 8), 100.0)
    offload(config, OffloadRequest(older_than_ns=100 * 365 * DAY_NS, grace_s=0, force=True))
    cold.rename(cold.parent / "unmounted")
    with Manifest.open(config) as manifest:
        scan = Scan(config, manifest, [BTC])
        late = Scan(config, manifest, [BTC], start_ns=(FIRST_DAY + 4) * DAY_NS)
    with pytest.raises(LakeError) as caught:
        next(scan.batches())
    error = caught.value
    assert (error.code, error.exit) == ("E_TIER_UNAVAILABLE", 14)
    assert error.where == f"{cold}: {BTC} 2022-01-01 … 2022-01-04"
    assert "tier cold" in error.message
    assert any("2022-01-05" in fix for fix in error.fix)
    assert late.to_arrow().num_rows == 4 * MINUTES
    assert scan.count() == 8 * MINUTES  # the manifest knows that


def test_hot_copies_are_read_while_the_tier_is_not_there(config: Config, cold: Path) -> None:
    before = content(config)
    move(config, cold)
    cold.rename(cold.parent / "unmounted")
    assert content(config).equals(before)


def test_a_damaged_file_of_a_tier_is_not_read(config: Config, cold: Path) -> None:
    victim = live(config)["2022-01-03"]
    move_away(config, cold)
    data = bytearray((cold / victim.path).read_bytes())
    data[8] ^= 0xFF
    overwrite(cold / victim.path, data)
    with pytest.raises(LakeError) as caught:
        content(config)
    assert (caught.value.code, caught.value.where) == ("E_FILE_DAMAGED", f"cold:{victim.path}")


def spoil_footer(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-20] ^= 1
    overwrite(path, data)


def spoil_page(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[8] ^= 0xFF
    overwrite(path, data)


def test_what_is_damaged_is_named_where_it_lies_in_the_data_root_too(config: Config, cold: Path) -> None:
    move(config, cold)
    victim = live(config)["2022-01-03"]
    assert victim.tier == "cold"
    spoil_page(config.data / victim.path)
    with pytest.raises(LakeError) as caught:
        content(config)
    assert (caught.value.code, caught.value.where) == ("E_FILE_DAMAGED", str(config.data / victim.path))


@pytest.mark.parametrize("spoil", [spoil_footer, spoil_page])
def test_what_is_damaged_is_named_where_it_lies_in_a_tier_that_the_file_was_restored_from(
    config: Config, cold: Path, spoil: Callable[[Path], None]
) -> None:
    move(config, cold)
    restore(config, RestoreRequest((str(BTC),)))
    victim = live(config)["2022-01-03"]
    assert victim.tier == "hot"
    spoil(cold / victim.path)
    (config.data / victim.path).unlink()
    with pytest.raises(LakeError) as caught:
        content(config)
    assert (caught.value.code, caught.value.where) == ("E_FILE_DAMAGED", f"cold:{victim.path}")


def test_a_copy_whose_footer_is_damaged_gives_way_to_one_that_is_whole(config: Config, cold: Path) -> None:
    before = content(config)
    move(config, cold)
    first, second = (live(config)[label] for label in ("2022-01-02", "2022-01-03"))
    spoil_footer(config.data / first.path)
    overwrite(config.data / second.path, b"")
    assert content(config).equals(before)
    spoil_footer(cold / first.path)
    with pytest.raises(LakeError) as caught:
        content(config)
    assert (caught.value.code, caught.value.where) == ("E_FILE_DAMAGED", str(config.data / first.path))


def test_all_rows_read_across_tiers_are_those_of_before(config: Config, cold: Path) -> None:
    def digest(table: pa.Table) -> str:
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, table.schema) as stream:
            stream.write_table(table.combine_chunks())
        return hashlib.sha256(sink.getvalue()).hexdigest()

    before = digest(content(config))
    offload(
        config,
        OffloadRequest(to=str(cold), older_than_ns=0, grace_s=0, force=True),
        now_ns=(FIRST_DAY + 3) * DAY_NS,
    )
    assert {file.tier for file in live(config).values()} == {"hot", "cold"}
    assert digest(content(config)) == before
