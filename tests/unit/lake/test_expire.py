"""Forgetting snapshots: which go, which stay, and what is said of those that went."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from lake.errors import LakeError
from lake.expire import ExpireRequest, expire
from lake.manifest import Change, Manifest, Writer
from lake.manifest.rows import Conflict
from lake.snapshots import create, drop
from tests.manifests import commit, make_lake, new_file

if TYPE_CHECKING:
    from pathlib import Path

    from lake.config import Config

HOUR_NS = 3600 * 10**9
DAYS = 6


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Config:
    """Return a lake of six snapshots, one a day from 2024-01-01 on; the clock stands at 2024-01-07."""
    config = make_lake(tmp_path)
    for day in range(1, DAYS + 1):
        monkeypatch.setattr("time.time_ns", lambda day=day: day_ns(day))
        commit(config, new_file(f"2024-03-0{day}"))
    monkeypatch.setattr("time.time_ns", lambda: day_ns(7))
    return config


def day_ns(day: int) -> int:
    return (1_704_067_200 + (day - 1) * 86_400) * 10**9


def readable(config: Config) -> set[int]:
    """Return which snapshots can be read."""
    found = set()
    with Manifest.open(config) as manifest:
        for snapshot in range(1, manifest.snapshot() + 1):
            with suppress(LakeError):
                found.add(manifest.snapshot(snapshot))
    return found


def days(count: float) -> ExpireRequest:
    return ExpireRequest(older_than_s=count * 86_400)


def test_what_could_be_read_within_the_time_stays(config: Config) -> None:
    # Snapshot 3 was the newest until the 4th at midnight, which is three days ago to the nanosecond; snapshot 4 until
    # the 5th.
    report = expire(config, days(3))
    assert (report.status, report.spans, report.expired, report.oldest) == ("committed", [(1, 3)], 3, 4)
    assert (report.before, report.snapshot, report.kept) == (6, 7, 3)
    assert readable(config) == {4, 5, 6, 7}


def test_the_snapshot_that_held_at_the_limit_stays(config: Config) -> None:
    assert expire(config, days(2.5)).spans == [(1, 3)]
    with Manifest.open(config) as manifest:
        assert manifest.snapshot("2024-01-04T12:00:00") == 4


def test_the_newest_so_many_stay(config: Config) -> None:
    assert expire(config, ExpireRequest(keep_last=2)).spans == [(1, 4)]
    assert readable(config) == {5, 6, 7}


def test_what_either_asks_to_keep_stays(config: Config) -> None:
    assert expire(config, ExpireRequest(older_than_s=86_400 * 5, keep_last=2)).spans == [(1, 1)]
    assert expire(config, ExpireRequest(older_than_s=86_400, keep_last=4)).spans == [(2, 3)]


def test_a_snapshot_with_a_name_stays_until_the_name_goes(config: Config) -> None:
    create(config, "clean", 2)
    report = expire(config, days(3))
    assert (report.spans, report.named) == ([(1, 1), (3, 3)], 1)
    with Manifest.open(config) as manifest:
        assert manifest.snapshot("clean") == 2
    drop(config, "clean")
    assert expire(config, days(3)).spans == [(2, 2)]
    assert readable(config) >= {4, 5, 6}


def test_what_is_forgotten_is_not_forgotten_again(config: Config) -> None:
    expire(config, days(3))
    again = expire(config, days(3))
    assert (again.status, again.spans, again.snapshot) == ("unchanged", [], 7)


def test_a_dry_run_tells_the_same_and_forgets_nothing(config: Config) -> None:
    report = expire(config, ExpireRequest(older_than_s=3 * 86_400, dry_run=True))
    assert (report.status, report.spans, report.snapshot) == ("dry_run", [(1, 3)], 6)
    assert readable(config) == {1, 2, 3, 4, 5, 6}


def test_less_than_an_hour_must_be_forced(config: Config) -> None:
    with pytest.raises(LakeError) as caught:
        expire(config, ExpireRequest(older_than_s=3599))
    assert caught.value.code == "E_GRACE"
    assert expire(config, ExpireRequest(older_than_s=0, force=True)).spans == [(1, 5)]


def test_by_number_too_the_last_hour_stays(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    for minutes in (10, 20):
        monkeypatch.setattr("time.time_ns", lambda minutes=minutes: day_ns(7) + minutes * 60 * 10**9)
        commit(config, new_file(f"2024-04-{minutes}"))
    report = expire(config, ExpireRequest(keep_last=1))
    # Snapshot 6 was the newest until ten minutes ago.
    assert (report.spans, report.young) == ([(1, 5)], 2)
    assert expire(config, ExpireRequest(keep_last=1, force=True)).spans == [(6, 8)]


def test_nothing_asked_for_is_refused(config: Config) -> None:
    with pytest.raises(LakeError, match="nothing says which snapshots to keep"):
        expire(config, ExpireRequest())


def test_an_empty_lake_has_nothing_to_forget(tmp_path: Path) -> None:
    report = expire(make_lake(tmp_path / "empty"), days(1))
    assert (report.status, report.kept, report.oldest) == ("unchanged", 0, None)


def test_who_asks_for_what_is_forgotten_is_told_what_can_be_read(config: Config) -> None:
    expire(config, days(3))
    with Manifest.open(config) as manifest:
        for as_of in (2, "2", "2024-01-02T12:00:00"):
            with pytest.raises(LakeError, match="snapshot 2 is forgotten") as caught:
                manifest.snapshot(as_of)
            assert caught.value.fix[0] == "4 is the first after it that can be read"
        assert [row.expired for row in manifest.history()] == [False, False, False, False, True, True, True]


def test_what_is_forgotten_gets_no_name(config: Config) -> None:
    expire(config, days(3))
    for give in (lambda: create(config, "late", 2), lambda: name_in_a_commit(config, 2)):
        with pytest.raises(LakeError) as caught:
            give()
        assert caught.value.code == "E_SNAPSHOT_EXPIRED"


def name_in_a_commit(config: Config, snapshot: int) -> None:
    """Give a name as a writer that looked before the snapshot was forgotten."""
    from lake.manifest import NewName

    with Writer(config) as writer:
        run = writer.start_run("snapshot", "late")
        writer.commit(Change(run, "snapshot", names=[NewName("late", snapshot)]))


def test_a_snapshot_named_meanwhile_stays(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    commit_as_it_is = Writer.commit

    def outrun(self: Writer, change: Change) -> int:
        monkeypatch.setattr(Writer, "commit", commit_as_it_is)
        create(config, "first", 1)
        return commit_as_it_is(self, change)

    monkeypatch.setattr(Writer, "commit", outrun)
    report = expire(config, days(3))
    assert (report.status, report.spans, report.named) == ("committed", [(2, 3)], 1)
    assert readable(config) >= {1}


def test_of_two_at_once_each_snapshot_is_forgotten_by_one(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    commit_as_it_is = Writer.commit

    def outrun(self: Writer, change: Change) -> int:
        monkeypatch.setattr(Writer, "commit", commit_as_it_is)
        assert expire(config, days(3)).status == "committed"
        return commit_as_it_is(self, change)

    monkeypatch.setattr(Writer, "commit", outrun)
    assert expire(config, days(3)).status == "unchanged"
    with Manifest.open(config) as manifest:
        assert manifest.check_chain() == []
        assert manifest.check_integrity() == []


def test_the_manifest_refuses_to_forget_what_is_not_there_yet(config: Config) -> None:
    with Writer(config) as writer:
        run = writer.start_run("expire", "x")
        for span in ((0, 2), (3, 2), (1, 7)):
            with pytest.raises(LakeError, match="cannot be forgotten"):
                writer.commit(Change(run, "expire", expired=[span]))
        writer.commit(Change(run, "expire", expired=[(1, 2)]))
        with pytest.raises(Conflict):
            writer.commit(Change(run, "expire", expired=[(2, 3)]))


def test_a_changed_row_of_what_is_forgotten_is_found(config: Config) -> None:
    import sqlite3

    expire(config, days(3))
    with sqlite3.connect(config.manifest) as connection:
        connection.execute("UPDATE expiries SET last = 2")
    connection.close()
    with Manifest.open(config) as manifest:
        [finding, *_] = manifest.check_chain()
    assert "expired_snapshots" in finding
