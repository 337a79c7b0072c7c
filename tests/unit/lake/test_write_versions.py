"""A lake from before sizes of trades could be absent: its files stay as they are, and go on with those of today."""

from __future__ import annotations

import dataclasses
import shutil
from typing import TYPE_CHECKING

import duckdb
import polars as pl
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

from lake.aggregate import AggregateRequest, aggregate
from lake.check import verify
from lake.manifest import Manifest
from lake.read import Scan
from lake.repair import RepairRequest, repair
from lake.write import write
from schemas import assets
from schemas.keys import Address
from schemas.ticks import TRADES
from tests.manifests import make_lake
from tests.tables import DAY_NS, plain, table, trade

if TYPE_CHECKING:
    from pathlib import Path

    from lake.config import Config

TICKS = Address.of("X", "SPOT", "Y", "ticks", "trade")
REQUIRED = dataclasses.replace(
    TRADES,
    version=1,
    columns=tuple(dataclasses.replace(c, nullable=c.nullable and c.name != "size") for c in TRADES.columns),
)
SIZED = [trade(0, 1.0), trade(7, 2.0)]
BARE = [trade(DAY_NS, 3.0, size=None), trade(DAY_NS + 5, 4.0, size=None)]


@pytest.fixture
def old(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Config:
    """Return a lake with a day of trades as version 1 wrote them."""
    config = make_lake(tmp_path / "lake")
    with monkeypatch.context() as before:
        before.setitem(assets._SCHEMAS, "ticks/trade", REQUIRED)
        write(config, TICKS, table(REQUIRED, SIZED))
    return config


def stored(config: Config) -> list[Path]:
    return sorted(config.data.glob("X/**/*.parquet"))


def rows_of(config: Config) -> list[dict[str, object]]:
    return read(config, TICKS)


def read(config: Config, address: Address) -> list[dict[str, object]]:
    with Manifest.open(config) as manifest:
        return [row for batch in Scan(config, manifest, [address]).batches() for row in plain(batch)]


def test_old_rows_and_new_ones_are_read_together(old: Config) -> None:
    [first] = stored(old)
    assert not pq.read_schema(first).field("size").nullable
    before = first.read_bytes()
    write(old, TICKS, table(TRADES, BARE))
    assert first.read_bytes() == before
    assert [row.get("size") for row in rows_of(old)] == [1.0, 1.0, None, None]
    assert verify(old).ok


def test_a_day_of_both_is_merged(old: Config) -> None:
    write(old, TICKS, table(TRADES, [*SIZED, trade(9, 5.0, size=None)]))
    assert [row.get("size") for row in rows_of(old)] == [1.0, 1.0, None]


def test_a_plain_glob_reads_both(old: Config) -> None:
    write(old, TICKS, table(TRADES, BARE))
    pattern, files = str(old.data / "X/**/*.parquet"), [str(path) for path in stored(old)]
    for names in (files, files[::-1]):
        assert ds.dataset(names).to_table().column("size").null_count == 2
        assert duckdb.read_parquet(names).aggregate("count(*), count(size)").fetchall() == [(4, 2)]
    assert pl.scan_parquet(pattern).select(pl.col("size").null_count()).collect().item() == 2


def test_bars_of_trades_without_sizes_have_no_volume(old: Config) -> None:
    write(old, TICKS, table(TRADES, [*BARE, trade(2 * DAY_NS, 6.0)]))
    aggregate(old, AggregateRequest(TICKS, ("1d",)))
    daily = Address.of("X", "SPOT", "Y", "bars", "1d")
    made = read(old, daily)
    assert [(row["open"], row["close"], row.get("volume"), row["trades"]) for row in made[:2]] == [
        (1.0, 2.0, 2.0, 2),
        (3.0, 4.0, None, 2),
    ]


def test_a_manifest_is_made_again_from_footers_of_both(old: Config) -> None:
    write(old, TICKS, table(TRADES, BARE))
    before = rows_of(old)
    old.manifest.unlink()
    shutil.rmtree(old.log.parent)
    assert repair(old, RepairRequest("log")).ok
    assert rows_of(old) == before
    with Manifest.open(old) as manifest:
        assert sorted(file.schema_version for file in manifest.all_files()) == [1, 2]
