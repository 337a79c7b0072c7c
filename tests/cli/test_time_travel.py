"""Names of snapshots, deleting and rolling back, as they are used from the command line."""

from __future__ import annotations

from typing import TYPE_CHECKING

import dl_datalake
from tests.runs import BTCUSDT, Dl

if TYPE_CHECKING:
    from pathlib import Path

ROWS = 1419


def test_rows_are_deleted_and_come_back_by_a_name(dl: Dl, lake: Path) -> None:
    at = ("--root", lake)
    named = dl("snapshot", "create", "clean", "-m", "as it came", *at, "--json").data
    assert named == {"name": "clean", "snapshot": 1}
    [row] = dl("snapshot", "list", *at, "--json").data
    assert (row["name"], row["snapshot"], row["message"]) == ("clean", 1, "as it came")
    asked = dl("delete", BTCUSDT, "--dry-run", *at, "--json").data
    assert (asked["status"], asked["rows"]) == ("dry_run", ROWS)
    gone = dl("delete", BTCUSDT, "--yes", *at)
    assert f"to undo it: dl rollback {BTCUSDT} --to 2" in gone.out
    assert dl("list", *at, "--json").data == []
    [kept] = dl("list", "--as-of", "clean", *at, "--json").data
    assert kept["rows"] == ROWS
    told = dl("rollback", BTCUSDT, "--to", "clean", "--yes", *at, "--json").data
    assert (told["status"], told["to"], told["before"], told["snapshot"]) == ("committed", 1, 3, 4)
    [now] = dl("list", *at, "--json").data
    assert now["rows"] == ROWS
    assert dl("snapshot", "drop", "clean", *at, "--json").data == {"name": "clean"}
    assert "no snapshot has a name" in dl("snapshot", "list", *at).err
    assert dl("read", BTCUSDT, "--as-of", "clean", *at, "--json").error["code"] == "E_UNKNOWN_SNAPSHOT"


def test_nothing_goes_without_a_yes(dl: Dl, lake: Path) -> None:
    assert dl("delete", BTCUSDT, "--root", lake).status == 2
    assert dl("delete", BTCUSDT, "--root", lake, "--yes").status == 0
    refused = dl("rollback", BTCUSDT, "--to", "1", "--root", lake, "--json")
    assert (refused.status, refused.error["code"]) == (2, "E_CONFIRM")


def test_the_python_client_does_the_same(lake: Path) -> None:
    with dl_datalake.open(lake) as ours:
        assert ours.name_snapshot("clean") == 1
        assert ours.delete(BTCUSDT, end="2016-10-07T12:00").series[0].rows < ROWS
        assert ours.bars("BTCUSDT", as_of="clean").count() == ROWS
        assert ours.bars("BTCUSDT").count() < ROWS
        assert ours.rollback(BTCUSDT, to="clean").status == "committed"
        assert ours.bars("BTCUSDT").count() == ROWS
        ours.drop_snapshot_name("clean")


def test_verify_takes_a_size_and_a_time(dl: Dl, lake: Path) -> None:
    for words in (("--subset", "1kB"), ("--max-duration", "10m")):
        data = dl("verify", *words, "--root", lake, "--json").data
        assert (data["clean"], data["files_ok"], data["files_left"]) == (True, 1, 0)
        assert data["oldest_verified"] is not None
    none = dl("verify", "--max-duration", "0s", "--root", lake, "--json").data
    assert (none["files_ok"], none["files_left"]) == (0, 1)
    assert dl("verify", "--subset", "much", "--root", lake, "--json").error["code"] == "E_USAGE"
