"""Checkpoints are a cache: never used when what they were made of has changed, and never needed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pytest

import dl_datalake
from lake.book import shelf
from lake.write import write
from schemas.arrow import arrow_schema
from schemas.keys import Address
from schemas.orderbook import BOOK_L2
from tests.manifests import make_lake, newest

if TYPE_CHECKING:
    from pathlib import Path

    from lake.config import Config

BTC = Address.parse("BYBIT/DERIVATIVES/BTCUSDT/orderbook/l2")
T0 = 1_704_448_800_000_000_000
DAY = 86_400 * 10**9


def row(ts: int, last: int, price: float, size: float, *, full: bool = False) -> dict[str, object]:
    ids = {"first_update_id": None, "last_update_id": last, "prev_update_id": None}
    clocks = {"ts": ts, "ts_event": ts, "ts_recv": ts, "seq": None}
    return clocks | ids | {"side": "bid", "price": price, "size": size, "is_snapshot": full}


def give(config: Config, *rows: dict[str, object], **options: object) -> None:
    table = pa.Table.from_pylist(list(rows), schema=arrow_schema(BOOK_L2, identity=False))
    write(config, BTC, table, **options)  # type: ignore[arg-type]  # what a test asks for


def bids(root: Path, ts: int, as_of: int | None = None) -> list[tuple[float, float]]:
    # Nothing is remembered of earlier reads, as in a new process.
    shelf._open.clear()
    with dl_datalake.open(root) as lake:
        return lake.book("BTCUSDT", as_of=as_of).at(ts, None).bids.pairs()


@pytest.fixture
def config(tmp_path: Path) -> Config:
    """Return a lake with a snapshot on one day, and a change on the next."""
    config = make_lake(tmp_path)
    give(config, row(T0, 1, 10.0, 1.0, full=True))
    give(config, row(T0 + DAY, 2, 11.0, 2.0))
    return config


def test_corrected_day_makes_checkpoints_behind_it_unused_and_as_of_reads_the_old_book(
    config: Config, tmp_path: Path
) -> None:
    before = newest(config)
    assert bids(tmp_path, T0 + DAY) == [(11.0, 2.0), (10.0, 1.0)]
    assert list((config.data / "_books").iterdir())
    give(config, row(T0, 1, 10.0, 7.0, full=True), mode="replace")
    assert bids(tmp_path, T0 + DAY) == [(11.0, 2.0), (10.0, 7.0)]
    assert bids(tmp_path, T0 + DAY, before) == [(11.0, 2.0), (10.0, 1.0)]
    assert bids(tmp_path, T0 + DAY) == [(11.0, 2.0), (10.0, 7.0)]


@pytest.mark.parametrize("damage", [b"", b"no index", None])
def test_damaged_checkpoint_is_made_again(config: Config, tmp_path: Path, damage: bytes | None) -> None:
    bids(tmp_path, T0 + DAY)
    kept = {path: path.read_bytes() for path in (config.data / "_books").iterdir()}
    for path, content in kept.items():
        path.unlink()
        path.write_bytes(content[: len(content) // 2] if damage is None else damage)
    assert bids(tmp_path, T0 + DAY) == [(11.0, 2.0), (10.0, 1.0)]
    assert any(path.read_bytes() == content for path, content in kept.items())


def test_book_is_read_where_no_checkpoint_can_be_kept(config: Config, tmp_path: Path) -> None:
    (config.data / "_books").write_bytes(b"")  # a file in the way refuses even root
    assert bids(tmp_path, T0 + DAY) == [(11.0, 2.0), (10.0, 1.0)]
    assert (config.data / "_books").read_bytes() == b""
