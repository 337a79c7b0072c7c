"""`dl repair`: what it says it did, with which exit status, in text and in JSON."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from tests.rotten import flip
from tests.runs import BTCUSDT, Dl, only_file

if TYPE_CHECKING:
    from pathlib import Path


def test_a_lake_without_its_manifest_is_read_again(dl: Dl, lake: Path) -> None:
    before = dl("history", "--root", lake, "--json").data
    rows = dl("read", BTCUSDT, "--root", lake, "--json").data
    (lake / "manifest.db").unlink()
    for word in ("list", "init"):
        lost = dl(word, "--root", lake, "--json")
        assert (lost.status, lost.error["code"]) == (4, "E_MANIFEST_DAMAGED")
        assert lost.error["fix"][0] == "dl repair --from log"
    assert "fix: dl repair --from log" in dl("doctor", "--root", lake).out
    planned = dl("repair", "--from", "log", "--plan", "--root", lake, "--json")
    assert (planned.status, planned.data["status"], planned.data["snapshots"]) == (0, "plan", 1)
    assert not (lake / "manifest.db").exists()
    ran = dl("repair", "--from", "log", "--root", lake)
    assert ran.status == 0
    assert "rebuilt   manifest.db: snapshots 1 to 1" in ran.out
    assert dl("history", "--root", lake, "--json").data == before
    assert dl("read", BTCUSDT, "--root", lake, "--json").data == rows
    again = dl("repair", "--from", "log", "--root", lake, "--json")
    assert (again.status, again.data["status"]) == (0, "unchanged")


def test_with_the_log_gone_too_the_files_give_the_present(dl: Dl, lake: Path) -> None:
    rows = dl("read", BTCUSDT, "--root", lake, "--json").data
    (lake / "manifest.db").unlink()
    shutil.rmtree(lake / "data" / "_log")
    ran = dl("repair", "--from", "log", "--root", lake, "--json")
    assert (ran.status, ran.data["status"], ran.data["files"]) == (0, "repaired", 1)
    assert ran.data["notes"]
    assert dl("read", BTCUSDT, "--root", lake, "--json").data == rows
    assert dl("verify", "--root", lake).status == 0


def test_a_file_that_nothing_else_has_stays_broken(dl: Dl, lake: Path) -> None:
    path = only_file(lake)
    flip(path)
    ran = dl("repair", "--from", "cold", "--root", lake, "--json")
    assert (ran.status, ran.data["status"]) == (4, "unchanged")
    [broken] = ran.data["broken"]
    assert broken["what"].endswith(path.name)
    text = dl("repair", "--from", "cold", "--root", lake)
    assert text.out.splitlines()[-1] == "nothing repaired · 1 broken still"


def test_a_damaged_file_comes_from_the_vendors_again(dl: Dl, lake: Path) -> None:
    rows = dl("read", BTCUSDT, "--root", lake, "--json").data
    flip(only_file(lake))
    planned = dl("repair", "--from", "source", BTCUSDT, "--plan", "--root", lake)
    assert planned.status == 0
    assert planned.out.splitlines()[-1].endswith("nothing was changed: --plan")
    ran = dl("repair", "--from", "source", "--root", lake, "--json")
    assert (ran.status, ran.data["status"], ran.data["files"], ran.data["snapshot"]) == (0, "repaired", 1, 2)
    assert dl("read", BTCUSDT, "--root", lake, "--json").data["rows"] == rows["rows"]


def test_a_log_with_a_hole_is_not_made_up(dl: Dl, lake: Path, bars: Path) -> None:
    dl("ingest", "--source", bars, "--exchange", "TEST", "--symbol", "abc", "--root", lake)
    log = lake / "data" / "_log" / "commits.jsonl"
    first, second = log.read_bytes().splitlines(keepends=True)
    log.write_bytes(first[:-20] + b"x" * 19 + b"\n" + second)
    (lake / "manifest.db").unlink()
    planned = dl("repair", "--from", "log", "--plan", "--root", lake, "--json")
    assert planned.status == 4
    assert f"bytes 0 to {len(first)}" in planned.data["broken"][0]["why"]
    ran = dl("repair", "--from", "log", "--root", lake, "--json")
    assert (ran.status, ran.document["error"]["code"]) == (4, "E_UNREPAIRABLE")
    assert not (lake / "manifest.db").exists()


def test_words_that_do_not_fit_are_refused(dl: Dl, lake: Path, tmp_path: Path) -> None:
    assert dl("repair", "--root", lake).status == 2
    assert dl("repair", "--from", "thin-air", "--root", lake).status == 2
    assert dl("repair", "--from", "log", BTCUSDT, "--root", lake).status == 2
    assert dl("repair", "--from", "log", "--root", tmp_path / "nowhere").status == 10
    assert dl("repair", "--from", "cold", "--root", tmp_path / "nowhere").status == 10
