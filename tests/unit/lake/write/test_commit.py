"""Swapping files by a change that is complete: whole or not at all, and nothing left behind."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lake import write as writing
from lake.check import verify
from lake.errors import LakeError
from lake.files import FileWriter
from lake.manifest import Change, Conflict, Manifest, Writer
from lake.read import Scan
from lake.staging import Staging
from schemas.bars import BARS
from schemas.keys import Address, Partition
from tests.manifests import make_lake
from tests.tables import Row, bar, bars, plain

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from lake.config import Config
    from lake.manifest import FileRow

BTC = Address.of("BINANCE", "SPOT", "BTCUSDT", "bars", "1m")
MIDNIGHT = 1440
DAY = Partition.parse("1970-01-02")


@pytest.fixture
def lake(tmp_path: Path) -> Config:
    """Return a lake of three bars in one day."""
    config = make_lake(tmp_path / "lake")
    writing.write(config, BTC, bars(*(bar(MIDNIGHT + i, 1.0) for i in range(3))))
    return config


def live(config: Config) -> FileRow:
    with Manifest.open(config) as manifest:
        series = manifest.find(BTC)
        assert series is not None
        [row] = manifest.current(series.id).values()
    return row


def rows(config: Config) -> list[Row]:
    with Manifest.open(config) as manifest:
        return plain(Scan(config, manifest, [BTC]).to_arrow())


def swap(config: Config, old: FileRow, meanwhile: Callable[[], object] = lambda: None) -> int:
    """Put two other bars in the place of a file."""
    with Writer(config) as writer, writing.run(writer, "write", "test") as run_id:
        staging = Staging(config.data, run_id)
        try:
            sink = FileWriter(staging, BTC, DAY, BARS, run_id)
            sink.write(bars(bar(MIDNIGHT, 5.0), bar(MIDNIGHT + 1, 6.0)))
            staged = sink.finish()
            assert staged is not None
            new = writing.new_file(staged, BARS.version, replaces=old, upstreams=[old.id], unproven=[7])
            meanwhile()
            return writing.swap(config, writer, Change(run_id, "write", files=[new], ends_run=True), [staged], [old])
        finally:
            staging.close()


def test_new_files_take_the_place_of_the_old_ones(lake: Config) -> None:
    old = live(lake)
    assert swap(lake, old) == 2
    assert [row["close"] for row in rows(lake)] == [5.0, 6.0]
    assert live(lake).replaces == old.id
    assert live(lake).unproven == (7,)
    assert not (lake.data / old.path).exists()  # out of sight of other engines
    assert (lake.data / "_replaced" / old.path).exists()
    checked = verify(lake)
    assert (checked.ok, checked.orphans) == (True, [])


def test_a_lost_race_is_told_and_leaves_no_file(lake: Config) -> None:
    old = live(lake)
    with pytest.raises(Conflict):
        swap(lake, old, lambda: writing.write(lake, BTC, bars(bar(MIDNIGHT, 9.0))))
    assert [row["close"] for row in rows(lake)] == [9.0, 1.0, 1.0]
    checked = verify(lake)
    assert (checked.ok, checked.orphans) == (True, [])


@pytest.mark.parametrize(("code", "left"), [("LOCKED", 0), ("SYMBOL_CASE", 0), ("DERIVED", 0), ("STORAGE", 1)])
def test_files_are_removed_only_when_it_is_known_that_nothing_was_committed(
    lake: Config, monkeypatch: pytest.MonkeyPatch, code: str, left: int
) -> None:
    old = live(lake)

    def refuse(*_: object) -> int:
        raise LakeError(code, "the manifest says no")

    monkeypatch.setattr(Writer, "commit", refuse)
    with pytest.raises(LakeError):
        swap(lake, old)
    monkeypatch.undo()
    assert live(lake) == old
    checked = verify(lake)
    assert (checked.ok, len(checked.orphans)) == (True, left)


def test_a_disk_that_refuses_the_files_leaves_the_lake_as_it_was(lake: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    old = live(lake)

    def refuse(*_: object) -> None:
        raise LakeError("DISK_FULL", "no room")

    monkeypatch.setattr("lake.files.publish", refuse)
    with pytest.raises(LakeError, match="no room"):
        swap(lake, old)
    assert live(lake) == old
    assert verify(lake).orphans == []


def test_what_a_killed_run_left_in_place_is_moved_by_the_next_swap(
    lake: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = live(lake)
    with monkeypatch.context() as patch:
        patch.setattr("lake.files.retire", lambda *_: None)
        swap(lake, first)
    assert (lake.data / first.path).exists()
    swap(lake, live(lake))
    assert not (lake.data / first.path).exists()
    assert verify(lake).ok
