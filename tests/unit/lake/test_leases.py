"""Leases on snapshots: who holds what, seen by others, and let go of by the dead."""

from __future__ import annotations

import multiprocessing
import os
import signal
from typing import TYPE_CHECKING

import pytest

from lake.leases import END, Lease, held, since
from tests.manifests import make_lake

if TYPE_CHECKING:
    from collections.abc import Iterator
    from multiprocessing.connection import Connection
    from pathlib import Path

    from lake.config import Config


@pytest.fixture
def lake(tmp_path: Path) -> Iterator[Config]:
    config = make_lake(tmp_path)
    yield config
    assert held(config) == []


def test_nobody_holds_anything_at_first(lake: Config) -> None:
    assert held(lake) == []


def test_a_snapshot_is_held_until_the_last_lease_on_it_is_closed(lake: Config) -> None:
    with Lease(lake, 7):
        second = Lease(lake, 7)
        assert held(lake) == [(7, 7)]
    assert held(lake) == [(7, 7)]
    second.close()
    assert held(lake) == []


def test_a_lease_closed_twice_takes_nothing_from_another_one(lake: Config) -> None:
    first, second = Lease(lake, 3), Lease(lake, 3)
    first.close()
    first.close()
    assert held(lake) == [(3, 3)]
    second.close()


def test_a_lease_that_nobody_has_any_more_is_let_go_of(lake: Config) -> None:
    lease = Lease(lake, 5)
    assert held(lake) == [(5, 5)]
    del lease
    assert held(lake) == []


def test_a_run_holds_its_snapshot_and_all_that_follow(lake: Config) -> None:
    with since(lake, 4), Lease(lake, 2):
        assert held(lake) == [(2, 2), (4, END - 1)]


def test_many_leases_are_all_told(lake: Config) -> None:
    leases = [Lease(lake, at) for at in (1, 50, 9, 33, 10)]
    found = [at for first, last in held(lake) for at in range(first, last + 1)]
    assert sorted(found) == [1, 9, 10, 33, 50]
    for lease in leases:
        lease.close()


def _hold(config: Config, told: Connection) -> None:
    lease = Lease(config, 11)
    told.send(lease.snapshot)
    signal.pause()


def test_the_lease_of_another_process_is_seen_and_ends_with_its_life(lake: Config) -> None:
    ours, theirs = multiprocessing.get_context("spawn").Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_hold, args=(lake, theirs))
    process.start()
    assert ours.recv() == 11
    assert held(lake) == [(11, 11)]
    process.kill()
    process.join()
    assert held(lake) == []


def test_a_forked_child_neither_drops_its_parents_lease_nor_keeps_it_from_ending(lake: Config) -> None:
    lease = Lease(lake, 6)
    child = os.fork()
    if child == 0:
        lease.close()
        own = Lease(lake, 8)
        os._exit(0 if held(lake) == [(6, 6), (own.snapshot, 8)] else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert held(lake) == [(6, 6)]
    lease.close()
    assert held(lake) == []
