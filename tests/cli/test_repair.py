"""`dl repair`: what it says it did, with which exit status, in text and in JSON."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

import dl_datalake
from dl_datalake.demo import samples
from lake.errors import LakeError
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
    ran = dl("repair", "--from", "source", "--root", lake, "--json")
    assert (ran.status, ran.data["status"], ran.data["files"], ran.data["snapshot"]) == (0, "repaired", 1, 1)
    assert dl("read", BTCUSDT, "--root", lake, "--json").data == rows
    assert dl("verify", "--root", lake).status == 0


def test_a_plan_names_what_would_be_tried_and_counts_it(dl: Dl, lake: Path) -> None:
    path = only_file(lake)
    flip(path)
    planned = dl("repair", "--from", "source", BTCUSDT, "--plan", "--root", lake)
    [step, last] = planned.out.splitlines()
    shown = path.relative_to(lake / "data").as_posix()
    assert step == f"make again {shown}: if its content comes out the same, from {samples.PLAIN}"
    assert last.startswith("would try to make again 1 file, ")
    assert last.endswith("; nothing was changed: --plan")
    assert (planned.status, "proven only by doing it" in planned.err) == (0, True)
    data = dl("repair", "--from", "source", "--plan", "--root", lake, "--json").data
    assert (data["status"], data["files"], data["bytes"]) == ("plan", 1, path.stat().st_size)


def test_a_plan_exits_as_the_repair_where_nothing_can_be_tried(dl: Dl, lake: Path, bars: Path) -> None:
    dl("ingest", "--source", bars, "--exchange", "TEST", "--symbol", "abc", "--root", lake)
    bars.rename(bars.with_suffix(".off"))
    [path] = (lake / "data" / "TEST").rglob("*.parquet")
    flip(path)
    for words in (("--plan",), ()):
        ran = dl("repair", "--from", "source", *words, "--root", lake)
        assert ran.status == 4
        assert f"{bars.name} is not at {bars}" in ran.out
    assert dl("repair", "--from", "source", "--root", lake).out.splitlines()[-1] == "nothing repaired · 1 broken still"


def test_a_copy_that_is_set_aside_is_counted(dl: Dl, lake: Path, tmp_path: Path) -> None:
    words = ("--to", tmp_path / "cold", "--older-than", "0d", "--root", lake)
    assert dl("offload", *words).status == 0
    flip(only_file(lake))
    ran = dl("repair", "--from", "cold", "--root", lake)
    assert (ran.status, ran.out.splitlines()[-1]) == (0, "repaired 1 copy set aside · snapshot 2")


def test_files_of_a_tier_that_is_away_are_told_of_once(dl: Dl, lake: Path, tmp_path: Path) -> None:
    assert dl("offload", "--to", tmp_path / "cold", "--older-than", "0d", "--root", lake).status == 0
    (tmp_path / "cold").rename(tmp_path / "away")
    for way in ("cold", "source"):
        ran = dl("repair", "--from", way, "--root", lake)
        assert ran.status == 4
        assert "broken    tier cold: its folder is not there: 1 file was not looked at" in ran.out.splitlines()


def test_an_old_version_that_is_bad_is_told_of_as_such(dl: Dl, lake: Path, bars: Path) -> None:
    into = ("--exchange", "TEST", "--symbol", "abc", "--root", lake)
    dl("ingest", "--source", bars, *into)
    corrected = bars.with_name("corrected.csv")
    corrected.write_text(bars.read_text().replace("100,102,99,101,0.5", "100,102,99,101,7.5"))
    assert dl("ingest", "--source", corrected, *into).status == 0
    [old] = (lake / "data" / "_replaced").rglob("*.parquet")
    flip(old)
    shown = old.relative_to(lake / "data" / "_replaced").as_posix()
    verified = dl("verify", "--root", lake)
    assert verified.status == 4
    assert f"damaged   {shown}: replaced since, only snapshot 2 needs it; stored sha256:" in verified.out
    assert verified.err.startswith("the present is whole: dl repair --from cold, or --from source, or, to give up")
    data = dl("verify", "--root", lake, "--json").data
    assert data["superseded"] == [{"path": shown, "needed_by": [[2, 2]]}]
    error = dl("read", "TEST/SPOT/ABC/bars/1m", "--as-of", "2", "--root", lake, "--json").error
    assert (error["code"], error["fix"][-1][:31]) == ("E_FILE_DAMAGED", "or give up the snapshots that n")
    bars.unlink()
    ran = dl("repair", "--from", "source", "--root", lake)
    assert ran.status == 4
    assert f"{bars.name} is not at {bars}; replaced since, only snapshot 2 needs it" in ran.out
    assert "dl expire, then dl vacuum" in ran.err
    for words in (("expire", "--keep-last", "1", "--force"), ("vacuum", "--grace", "0s", "--force")):
        assert dl(*words, "--yes", "--root", lake).status == 0
    assert dl("verify", "--root", lake).status == 0


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


def test_python_is_refused_the_same_words(lake: Path) -> None:
    with dl_datalake.open(lake) as ours:
        with pytest.raises(LakeError, match="--from sources is none of log, manifest, cold, source") as refused:
            ours.repair(way="sources")  # type: ignore[arg-type]  # the wrong word is the point
        assert refused.value.code == "E_USAGE"
        with pytest.raises(LakeError, match="0 cannot be kept") as refused:
            ours.expire(keep_last=0, force=True, dry_run=True)
        assert refused.value.code == "E_USAGE"
