"""Checkpoints are a cache: never used when what they were made of has changed, and never needed."""

from __future__ import annotations

import fcntl
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest

import dl_datalake
from lake.book import forget, shelf
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
STOPPED = """
import os, sys
from dl_datalake import cli
from lake.book.state import Book

number, feed, fed = int(sys.argv.pop(1)), Book.feed, []

def fatal(book, message):
    fed.append(message)
    if len(fed) == 2:
        os.kill(os.getpid(), number)
    return feed(book, message)

Book.feed = fatal
cli.main()
"""
"""`dl`, stopped by a signal at the second message of a book."""


def row(ts: int, last: int, price: float, size: float, *, full: bool = False) -> dict[str, object]:
    ids = {"first_update_id": None, "last_update_id": last, "prev_update_id": None}
    clocks = {"ts": ts, "ts_event": ts, "ts_recv": ts, "seq": None}
    return clocks | ids | {"side": "bid", "price": price, "size": size, "is_snapshot": full}


def give(config: Config, *rows: dict[str, object], **options: object) -> None:
    table = pa.Table.from_pylist(list(rows), schema=arrow_schema(BOOK_L2, identity=False))
    write(config, BTC, table, **options)  # type: ignore[arg-type]  # what a test asks for


def bids(root: Path, ts: int, as_of: int | None = None) -> list[tuple[float, float]]:
    # Nothing is remembered of earlier reads, as in a new process.
    forget()
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


def test_numbers_that_go_back_are_seen_from_one_day_to_the_next(tmp_path: Path) -> None:
    config, none = make_lake(tmp_path), {"last_update_id": None}
    give(config, row(T0, 0, 10.0, 1.0, full=True) | none | {"seq": 5})
    give(config, row(T0 + DAY, 0, 11.0, 2.0) | none | {"seq": 4})
    with dl_datalake.open(tmp_path) as lake:
        ladder = lake.book("BTCUSDT").at(T0 + DAY)
    assert (ladder.state, ladder.reason, ladder.since_ns) == ("suspect", "ids_went_back", T0 + DAY)


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


@pytest.mark.parametrize(("number", "status", "left"), [(signal.SIGKILL, -9, 1), (signal.SIGTERM, 143, 0)])
def test_checkpoints_that_were_not_finished_are_made_anew_and_nothing_is_left_of_them(
    config: Config, tmp_path: Path, number: signal.Signals, status: int, left: int
) -> None:
    words = ["book", "at", str(BTC), "2024-01-06T12:00", "--root", str(tmp_path)]
    stopped = [sys.executable, "-c", STOPPED, str(int(number)), *words]
    assert subprocess.run(stopped, check=False, capture_output=True).returncode == status
    held = [path.name.rpartition(".")[2] for path in (config.data / "_books").iterdir()]
    # The first day's are whole and are kept, the second's were being made.
    assert sorted(held) == ["arrow", *["tmp"] * left]
    assert bids(tmp_path, T0 + DAY) == [(11.0, 2.0), (10.0, 1.0)]
    assert [path.suffix for path in (config.data / "_books").iterdir()] == [".arrow"] * 2


def test_what_another_process_is_making_is_left_alone(config: Config, tmp_path: Path) -> None:
    (config.data / "_books").mkdir()
    made = config.data / "_books" / ".0123.1.abcd.tmp"
    with made.open("wb") as theirs:
        fcntl.flock(theirs, fcntl.LOCK_EX)
        assert bids(tmp_path, T0 + DAY) == [(11.0, 2.0), (10.0, 1.0)]
        assert made.exists()
    give(config, row(T0 + 2 * DAY, 3, 12.0, 1.0))
    assert bids(tmp_path, T0 + 2 * DAY)[0] == (12.0, 1.0)
    assert not made.exists()


def test_folder_holds_a_bounded_amount_and_the_oldest_go_first(
    config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bids(tmp_path, T0)
    [first] = (config.data / "_books").iterdir()
    monkeypatch.setattr(shelf, "MOST_BYTES", first.stat().st_size + 1)
    bids(tmp_path, T0 + DAY)
    [second] = (config.data / "_books").iterdir()
    assert second != first
    assert bids(tmp_path, T0) == [(10.0, 1.0)]
