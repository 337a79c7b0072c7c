"""Forgetting snapshots and giving bytes back, as they are used from the command line and from Python."""

from __future__ import annotations

from typing import TYPE_CHECKING

import dl_datalake
from tests.runs import BTCUSDT, Dl

if TYPE_CHECKING:
    from pathlib import Path

ROWS = 1419


def files(lake: Path) -> list[Path]:
    return [path for path in (lake / "data").rglob("*.parquet") if "samples" not in path.parts]


def test_what_was_deleted_is_gone_for_good_once_it_is_forgotten_and_given_back(dl: Dl, lake: Path) -> None:
    at = ("--root", lake)
    assert dl("delete", BTCUSDT, "--yes", *at).status == 0
    assert len(files(lake)) == 1
    asked = dl("expire", "--keep-last", "1", "--force", "--dry-run", *at, "--json").data
    assert (asked["status"], asked["spans"], asked["expired"], asked["run"]) == ("dry_run", [[1, 1]], 1, None)
    told = dl("expire", "--keep-last", "1", "--force", "--yes", "-m", "no more", *at)
    assert "forgot 1 snapshot (1) · snapshot 3" in told.out
    refused = dl("read", BTCUSDT, "--as-of", "1", *at, "--json")
    assert (refused.status, refused.error["code"]) == (15, "E_SNAPSHOT_EXPIRED")
    [expiry, gone, first] = dl("history", *at, "--json").data
    assert (expiry["operation"], expiry["message"]) == ("expire", "no more")
    assert (gone["expired"], first["expired"]) == (False, True)
    assert "(forgotten)" in dl("history", *at).out
    waiting = dl("vacuum", "--yes", *at, "--json").data
    assert (waiting["status"], waiting["left"]["young"]["files"]) == ("unchanged", 1)
    dry = dl("vacuum", "--grace", "0s", "--force", "--dry-run", *at)
    assert "would give back 1 file" in dry.out
    assert len(files(lake)) == 1
    done = dl("vacuum", "--grace", "0s", "--force", "--yes", *at, "--json").data
    assert (done["status"], done["reclaimed"]["files"], done["orphans"]["files"]) == ("committed", 1, 0)
    assert files(lake) == []
    assert dl("verify", *at, "--json").data["clean"]


def test_nothing_goes_without_a_yes_and_an_hour(dl: Dl, lake: Path) -> None:
    at = ("--root", lake)
    assert dl("delete", BTCUSDT, "--yes", *at).status == 0
    assert dl("expire", *at, "--json").error["code"] == "E_USAGE"
    assert dl("expire", "--older-than", "0d", *at, "--json").error["code"] == "E_GRACE"
    assert dl("expire", "--older-than", "soon", *at, "--json").error["code"] == "E_USAGE"
    assert dl("expire", "--keep-last", "1", "--force", *at, "--json").error["code"] == "E_CONFIRM"
    young = dl("expire", "--keep-last", "1", *at)
    assert "nothing to forget · snapshot 2" in young.out
    assert "1 snapshot stay for now" in young.out
    assert dl("expire", "--keep-last", "1", "--force", "--yes", *at).status == 0
    assert dl("vacuum", "--grace", "59m", *at, "--json").error["code"] == "E_GRACE"
    assert dl("vacuum", "--grace", "0s", "--force", *at, "--json").error["code"] == "E_CONFIRM"
    assert len(files(lake)) == 1


def test_the_python_client_does_the_same(lake: Path) -> None:
    with dl_datalake.open(lake) as ours:
        ours.delete(BTCUSDT)
        assert ours.expire(older_than="1d").status == "unchanged"
        assert ours.expire(keep_last=1, force=True).spans == [(1, 1)]
        assert ours.vacuum(grace="0s", force=True, dry_run=True).reclaimed.files == 1
        assert ours.vacuum(grace="0s", force=True).reclaimed.files == 1
    assert files(lake) == []
