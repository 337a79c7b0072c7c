from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lake.errors import LakeError
from lake.manifest import Manifest
from lake.manifest.naming import names
from lake.snapshots import create, drop
from tests.manifests import commit, make_lake, new_file

if TYPE_CHECKING:
    from pathlib import Path

    from lake.config import Config


@pytest.fixture
def config(tmp_path: Path) -> Config:
    config = make_lake(tmp_path)
    for day in (1, 2, 3):
        commit(config, new_file(f"2024-03-0{day}"))
    return config


def at(config: Config, as_of: int | str) -> int:
    with Manifest.open(config) as manifest:
        return manifest.snapshot(as_of)


def test_a_name_stands_for_its_snapshot_whatever_comes_later(config: Config) -> None:
    assert create(config, "clean") == 3
    assert create(config, "Study-1.b", 2, message="before the fix") == 2
    commit(config, new_file("2024-03-04"))
    assert (at(config, "clean"), at(config, "Study-1.b")) == (3, 2)
    with Manifest.open(config) as manifest:
        assert [(row.name, row.snapshot, row.message) for row in names(manifest)] == [
            ("Study-1.b", 2, "before the fix"),
            ("clean", 3, "clean is 3"),
        ]
        assert [row.operation for row in manifest.history(limit=3)] == ["write", "snapshot", "snapshot"]
        assert manifest.check_chain() == []


def test_a_name_of_a_name_is_the_same_snapshot(config: Config) -> None:
    create(config, "a", 1)
    assert create(config, "b", "a") == 1


@pytest.mark.parametrize("name", ["", "1st", "-7d", "now", "NOW", "a/b", "a b", "é", "x" * 65, "2024-03-01"])
def test_what_could_be_a_number_or_a_time_is_no_name(config: Config, name: str) -> None:
    with pytest.raises(LakeError) as caught:
        create(config, name)
    assert caught.value.code == "E_SNAPSHOT_NAME"
    assert at(config, 3) == 3


def test_a_name_is_given_once_and_can_be_given_anew_when_it_was_dropped(config: Config) -> None:
    create(config, "a", 1)
    with pytest.raises(LakeError, match="the name of snapshot 1") as caught:
        create(config, "a", 2)
    assert caught.value.code == "E_SNAPSHOT_NAME"
    drop(config, "a")
    with pytest.raises(LakeError) as gone:
        at(config, "a")
    assert gone.value.code == "E_UNKNOWN_SNAPSHOT"
    assert create(config, "a", 2) == at(config, "a") == 2
    with Manifest.open(config) as manifest:
        assert manifest.check_chain() == []
        assert {run.status for run in manifest.runs()} == {"ok", "refused"}


def test_what_is_not_there_is_neither_named_nor_dropped(config: Config, tmp_path: Path) -> None:
    for act in (lambda: create(config, "a", 99), lambda: drop(config, "a"), lambda: create(config, "a", "b")):
        with pytest.raises(LakeError) as caught:
            act()
        assert caught.value.code == "E_UNKNOWN_SNAPSHOT"
    with pytest.raises(LakeError, match="the lake is empty"):
        create(make_lake(tmp_path / "empty"), "a")
    with pytest.raises(LakeError, match="nothing was in the lake yet at snapshot 0; the newest is 3") as caught:
        create(config, "a", 0)
    assert caught.value.code == "E_UNKNOWN_SNAPSHOT"


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE names SET snapshot = 2",
        "UPDATE names SET name = 'b'",
        "DELETE FROM names",
        "UPDATE names SET dropped_by = 4 WHERE id = 2",
        "UPDATE names SET dropped_by = 77 WHERE id = 2",
    ],
)
def test_a_changed_name_is_found(config: Config, statement: str) -> None:
    import sqlite3
    from contextlib import closing

    create(config, "a", 1)
    create(config, "b2", 1)
    with closing(sqlite3.connect(config.manifest)) as connection:
        connection.execute("PRAGMA ignore_check_constraints = ON")
        connection.execute(statement if "name = 'b'" not in statement else f"{statement} WHERE id = 1")
        connection.commit()
    with Manifest.open(config) as manifest:
        assert manifest.check_chain() != []
