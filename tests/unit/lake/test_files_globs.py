"""What other engines see of the data folder with their defaults: every live row once, and nothing else."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import duckdb
import polars as pl
import pyarrow.dataset as ds
import pytest

from lake import files
from lake.config import Config, locate
from lake.manifest import Manifest
from lake.read import Scan
from lake.write import write
from schemas.bars import BARS
from schemas.keys import Address
from tests.tables import bar, table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

BTC = Address.of("X", "SPOT", "BTC/USDT", "bars", "1m")
ETH = Address.of("X", "SPOT", "ETH", "bars", "1m")
ADA = Address.of("Y", "SPOT", "ADA", "bars", "1m")
MINUTES_A_DAY = 1440

ENGINES: dict[str, Callable[[str, Path], list[tuple[Any, ...]]]] = {
    "duckdb": lambda glob, _: duckdb.read_parquet(glob).project("symbol, epoch_us(ts), close").fetchall(),
    "polars": lambda glob, _: pl.read_parquet(glob).select("symbol", pl.col("ts").dt.epoch("us"), "close").rows(),
    "pyarrow": lambda _, folder: [
        (row["symbol"], int(row["ts"].timestamp() * 1_000_000), row["close"])
        for row in ds.dataset(folder).to_table(columns=["symbol", "ts", "close"]).to_pylist()
    ],
}


@pytest.fixture
def lake(tmp_path: Path) -> Config:
    """Return a lake of three series in which rows were added, corrected and replaced."""
    config = locate(tmp_path / "lake", must_exist=False)
    Manifest.create(config)
    for address in (BTC, ETH, ADA):
        write(config, address, table(BARS, [bar(i, 100.0) for i in range(MINUTES_A_DAY - 2, MINUTES_A_DAY + 2)]))
    write(config, BTC, table(BARS, [bar(MINUTES_A_DAY, 777.0), bar(MINUTES_A_DAY + 2, 100.0)]))
    write(config, BTC, table(BARS, [bar(MINUTES_A_DAY - 1, 888.0)]))
    write(config, ETH, table(BARS, [bar(MINUTES_A_DAY + 1, 999.0)]), mode="replace")
    return config


@pytest.mark.parametrize("engine", ENGINES)
def test_a_plain_glob_gives_each_live_row_once(engine: str, lake: Config) -> None:
    seen = ENGINES[engine](f"{lake.data}/X/**/*.parquet", lake.data / "X")
    start = MINUTES_A_DAY
    btc = [(start - 2, 100.0), (start - 1, 888.0), (start, 777.0), (start + 1, 100.0), (start + 2, 100.0)]
    eth = [(start - 2, 100.0), (start - 1, 100.0), (start, 100.0), (start + 1, 999.0)]
    expected = [("BTC/USDT", *row) for row in btc] + [("ETH", *row) for row in eth]
    assert sorted(seen) == [(symbol, minute * 60_000_000, close) for symbol, minute, close in expected]


def test_replaced_rows_are_read_as_of_then(lake: Config) -> None:
    with Manifest.open(lake) as manifest:
        before = Scan(lake, manifest, [BTC], as_of=3).to_arrow()
    assert before.column("close").to_pylist() == [100.0] * 4


def test_a_file_still_in_its_first_place_is_read_all_the_same(lake: Config) -> None:
    """A kill between commit and move leaves it there."""
    for path in (lake.data / "_replaced").rglob("*.parquet"):
        path.rename(lake.data / path.relative_to(lake.data / "_replaced"))
    with Manifest.open(lake) as manifest:
        assert Scan(lake, manifest, [BTC], as_of=3).count() == 4
        assert Scan(lake, manifest, [BTC]).count() == 5


def close_of(lake: Config, folder: str) -> list[tuple[int, float]]:
    found = duckdb.read_parquet(f"{lake.data}/{folder}/**/*.parquet").project("epoch_us(ts) // 60_000_000, close")
    return sorted(found.fetchall())


def killed_before_the_move(lake: Config, monkeypatch: pytest.MonkeyPatch, price: float) -> None:
    """Correct a row of ADA, and end before the replaced file is moved."""

    def retire(_: Path, paths: Iterable[str]) -> None:
        if any("ADA" in path for path in paths):
            raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(files, "retire", retire)
        with pytest.raises(KeyboardInterrupt):
            write(lake, ADA, table(BARS, [bar(MINUTES_A_DAY, price)]))


ADA_ROWS = [(MINUTES_A_DAY - 2, 100.0), (MINUTES_A_DAY - 1, 100.0), (MINUTES_A_DAY, 5.0), (MINUTES_A_DAY + 1, 100.0)]


def test_what_a_killed_commit_left_in_sight_the_next_one_moves(lake: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    write(lake, ETH, table(BARS, [bar(0, 100.0)]))  # replaces nothing
    killed_before_the_move(lake, monkeypatch, 5.0)
    assert len(close_of(lake, "Y")) == len(ADA_ROWS) + 2
    write(lake, ETH, table(BARS, [bar(1, 100.0)]))
    assert close_of(lake, "Y") == ADA_ROWS
    with Manifest.open(lake) as manifest:
        assert Scan(lake, manifest, [ADA], as_of=3).to_arrow().column("close").to_pylist() == [100.0] * 4


def test_what_was_left_in_sight_while_a_commit_was_under_way_it_moves_too(
    lake: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = sys.modules["lake.write.commit"]
    real, waiting = module._fill, [5.0]

    def fill(*args: object) -> None:
        real(*args)
        if waiting:
            killed_before_the_move(lake, monkeypatch, waiting.pop())

    monkeypatch.setattr(module, "_fill", fill)
    write(lake, ETH, table(BARS, [bar(1, 100.0)]))
    assert close_of(lake, "Y") == ADA_ROWS


def test_a_file_that_was_moved_costs_no_folder(lake: Config) -> None:
    path = "Y/SPOT/ADA/bars/1m/2001/01/01/gone.parquet"
    files.retire(lake.data, [path])
    assert not files.retired(lake.data, path).parent.exists()


def test_files_that_are_gone_already_are_no_trouble(lake: Config) -> None:
    files.retire(lake.data, ["X/SPOT/ETH/bars/1m/1970/01/01/nothing.parquet"])
