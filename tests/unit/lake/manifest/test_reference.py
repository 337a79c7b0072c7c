"""Records of instruments and actions in the manifest: which are known when, and how they are found."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lake.manifest import Conflict, Manifest, NewReference
from lake.manifest import reference as module
from lake.manifest.reference import record_of, reference, renamed, standing
from tests.manifests import commit, make_lake

if TYPE_CHECKING:
    from pathlib import Path

    from lake.config import Config

RENAMED = '{"renames":[{"from":"FB","on":"2022-06-09"}]}'


@pytest.fixture
def config(tmp_path: Path) -> Config:
    """Return a lake that knows A, AB and C of two markets; A was known otherwise, and C is known no more."""
    config = make_lake(tmp_path)
    keys = ("X/M/A", "X/M/AB", "X/N/C")
    commit(config, reference=[NewReference("instrument", key, "{}", line) for line, key in enumerate(keys)])
    commit(config, reference=[NewReference("instrument", "X/M/A", RENAMED, 7, replaces=1)])
    commit(config, ended_reference=[("instrument", "X/N/C", 3)])
    return config


def test_records_are_known_from_one_snapshot_to_another(config: Config) -> None:
    with Manifest.open(config) as manifest:
        told = [[(row.key, row.line) for row in reference(manifest, "instrument", at)] for at in range(4)]
        ab, c = ("X/M/AB", 1), ("X/N/C", 2)
        assert told == [[], [("X/M/A", 0), ab, c], [("X/M/A", 7), ab, c], [("X/M/A", 7), ab]]
        assert [row.key for row in reference(manifest, "instrument", 2, under="X/M/")] == ["X/M/A", "X/M/AB"]
        assert [row.key for row in reference(manifest, "instrument", under="X/M/AB")] == ["X/M/AB"]
        assert [row.key for row in reference(manifest, "instrument", 1, like="*/[A-Z]")] == ["X/M/A", "X/N/C"]
        assert reference(manifest, "action") == []
        assert standing(manifest, "instrument") == {"X/M/A": (4, RENAMED), "X/M/AB": (2, "{}")}
        first, then = record_of(manifest, "instrument", "X/M/A"), record_of(manifest, "instrument", "X/M/A", 1)
        assert first is not None
        assert then is not None
        assert (first.snapshot, first.line, then.snapshot, then.line) == (2, 7, 1, 0)
        assert record_of(manifest, "instrument", "X/N/C") is None
        assert [[row.key for row in renamed(manifest, "X/M", at)] for at in (1, 2)] == [[], ["X/M/A"]]
        assert renamed(manifest, "X/N") == []


def test_a_record_that_another_writer_changed_is_a_conflict(config: Config) -> None:
    for replaces in (None, 1, 2):
        with pytest.raises(Conflict):
            commit(config, reference=[NewReference("instrument", "X/M/A", "{}", replaces=replaces)])
    with pytest.raises(Conflict):
        commit(config, ended_reference=[("instrument", "X/M/A", 1)])


def test_nothing_is_looked_for_in_all_records(config: Config) -> None:
    words = {"kind": "instrument", "at": 3, "under": "X/M/", "key": "X/M/A"}
    with Manifest.open(config) as manifest:
        for condition in (module._UNDER, module._RENAMED, "key = :key"):
            steps = manifest._rows(f"EXPLAIN QUERY PLAN {module._ROWS % condition}", **words)
            assert all("SCAN reference" not in str(step[-1]) for step in steps), steps
