"""`dl offload`, `dl restore`, `dl tiers`, and what `dl verify` and `dl read` say of tiers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.rotten import flip
from tests.runs import BTCUSDT, Dl, only_file

if TYPE_CHECKING:
    from pathlib import Path

NOW = ("--grace", "0s", "--force")


@pytest.fixture
def cold(tmp_path: Path) -> Path:
    return tmp_path / "cold"


def test_a_day_goes_there_and_comes_back(dl: Dl, lake: Path, cold: Path) -> None:
    path = only_file(lake)
    before = dl("read", BTCUSDT, "--limit", "2000", "--root", lake, "--json").data["rows"]
    size = path.stat().st_size

    data = dl("offload", "--to", cold, "--root", lake, "--json").data
    assert (data["status"], data["files"], data["bytes"], data["tier"]) == ("committed", 1, size, "cold")
    assert data["series"] == [
        {"address": BTCUSDT, "files": 1, "bytes": size, "first": "2016-10-07", "last": "2016-10-07"}
    ]
    assert (data["removed"]["files"], data["hot_copies"]["files"], data["location"]) == (0, 1, str(cold))
    assert path.exists()

    data = dl("offload", *NOW, "--root", lake, "--json").data
    assert (data["status"], data["removed"], data["hot_copies"]["due"]) == (
        "unchanged",
        {"files": 1, "bytes": size},
        None,
    )
    assert not path.exists()
    assert dl("list", "--root", lake, "--json").data[0]["tier"] == "cold"
    assert dl("read", BTCUSDT, "--limit", "2000", "--root", lake, "--json").data["rows"] == before
    assert dl("verify", "--root", lake, "--json").data["tiers"] == {"cold": {"files": 1, "bytes": size}}

    data = dl("restore", BTCUSDT, "--start", "2016-10", "--end", "2016-11", "--root", lake, "--json").data
    assert (data["status"], data["files"], data["already_there"]) == ("committed", 1, 0)
    assert path.exists()
    assert dl("restore", BTCUSDT, "--root", lake, "--json").data["status"] == "unchanged"


def test_what_lies_in_another_tier_is_said_with_the_way_from_there(dl: Dl, lake: Path, cold: Path) -> None:
    deep = cold.with_name("deep")
    assert dl("offload", "--to", cold, *NOW, "--root", lake, "--json").data["elsewhere"] == {}
    ran = dl("offload", "--to", deep, "--root", lake)
    assert "1 file in tier cold: dl restore brings them back, then dl offload --to deep takes them" in ran.out
    for words in ((), ("--dry-run",)):
        data = dl("offload", "--to", deep, *words, "--root", lake, "--json").data
        assert (data["files"], data["elsewhere"]) == (0, {"cold": 1})
    assert dl("offload", "--to", cold, "--root", lake, "--json").data["elsewhere"] == {}
    assert dl("restore", BTCUSDT, "--root", lake).status == 0
    data = dl("offload", "--to", deep, "--root", lake, "--json").data
    assert (data["files"], data["tier"], data["elsewhere"]) == (1, "deep", {})


def test_a_hot_copy_goes_after_the_grace_that_was_given(dl: Dl, lake: Path, cold: Path) -> None:
    size = only_file(lake).stat().st_size / 1000
    assert dl("offload", "--to", cold, "--root", lake).status == 0
    ran = dl("offload", *NOW, "--root", lake)
    assert f"removed 1 hot file, {size:.1f} kB, with no grace\n" in ran.out
    assert dl("restore", BTCUSDT, "--root", lake).status == 0
    assert dl("offload", "--to", cold, "--root", lake).status == 0
    short = dl("offload", "--grace", "1s", "--force", "--root", lake)
    while "wait for their grace" in short.out:
        short = dl("offload", "--grace", "1s", "--force", "--root", lake)
    assert f"removed 1 hot file, {size:.1f} kB, after their grace of 1s\n" in short.out


def test_tiers_are_listed_with_what_lies_in_them(dl: Dl, lake: Path, cold: Path, tmp_path: Path) -> None:
    (lake / "dl.toml").write_text(f'[tiers.attic]\npath = "{tmp_path}/attic"\n')
    size = only_file(lake).stat().st_size
    dl("offload", "--to", cold, "--root", lake)
    hot, attic, used = dl("tiers", "--root", lake, "--json").data
    assert (hot["name"], hot["files"], hot["reachable"]) == ("hot", 0, True)
    assert (attic["name"], attic["reachable"], attic["problem"]) == ("attic", False, "not used yet")
    assert (used["name"], used["kind"], used["location"]) == ("cold", "directory", str(cold))
    assert (used["files"], used["bytes"], used["reachable"]) == (1, size, True)
    assert used["hot_copies"]["files"] == 1
    assert "1 file of cold" in dl("tiers", "--root", lake).out
    cold.rename(tmp_path / "unmounted")
    away = dl("tiers", "--root", lake, "--json").data[2]
    assert (away["reachable"], away["problem"]) == (False, "tier cold: its folder is not there")


def test_a_tier_that_is_not_there_is_named(dl: Dl, lake: Path, cold: Path, tmp_path: Path) -> None:
    dl("offload", "--to", cold, *NOW, "--root", lake)
    cold.rename(tmp_path / "unmounted")
    for words in (("read", BTCUSDT), ("restore", BTCUSDT), ("offload",)):
        ran = dl(*words, "--root", lake, "--json")
        assert (ran.status, ran.error["code"]) == (14, "E_TIER_UNAVAILABLE")
        assert str(cold) in ran.error["where"]
    ran = dl("verify", "--root", lake, "--json")
    assert (ran.status, ran.data["clean"], ran.data["unavailable"]) == (4, False, {"cold": 1})
    assert dl("verify", "--tier", "hot", "--root", lake).status == 0


def test_a_folder_of_something_else_is_refused(dl: Dl, lake: Path, tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "1.jpg").touch()
    ran = dl("offload", "--to", tmp_path / "photos", "--root", lake, "--json")
    assert (ran.status, ran.error["code"]) == (12, "E_TIER_FOREIGN")


def test_what_is_not_as_it_was_stored_is_found(dl: Dl, lake: Path, cold: Path) -> None:
    path = only_file(lake)
    name = path.relative_to(lake / "data").as_posix()
    dl("offload", "--to", cold, "--root", lake)
    flip(cold / name)
    ran = dl("offload", *NOW, "--root", lake, "--json")
    assert ran.status == 4
    assert [(f["path"], f["tier"], f["done"]) for f in ran.data["findings"]] == [
        (name, "cold", "the file is hot again")
    ]
    assert path.exists()
    flip(path)
    ran = dl("offload", *NOW, "--root", lake)
    assert ran.status == 4
    assert f"found     {name}: sha256:" in ran.err
    assert "left 1 file" in ran.out


@pytest.mark.parametrize(
    ("words", "status", "code"),
    [
        (("offload", "--to", "attic"), 15, "E_UNKNOWN_TIER"),
        (("offload",), 2, "E_USAGE"),
        (("offload", "--to", "./c", "--grace", "59m"), 12, "E_GRACE"),
        (("offload", "--to", "./c", "--older-than", "old"), 2, "E_USAGE"),
        (("offload", "X/*/*/bars/1m", "--to", "./c"), 15, "E_UNKNOWN_SERIES"),
        (("restore", "X/*/*/bars/1m"), 15, "E_UNKNOWN_SERIES"),
        (("restore",), 2, "E_USAGE"),
        (("verify", "--tier", "attic"), 15, "E_UNKNOWN_TIER"),
        (("verify", "--subset", "8/7"), 2, "E_USAGE"),
        (("verify", "--subset", "most"), 2, "E_USAGE"),
        (("verify", "--subset", "0%"), 2, "E_USAGE"),
    ],
)
def test_what_makes_no_sense_is_refused(
    dl: Dl, lake: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], status: int, code: str
) -> None:
    monkeypatch.chdir(tmp_path)
    ran = dl(*words, "--root", lake, "--json")
    assert (ran.status, ran.error["code"]) == (status, code)


def test_a_dry_run_says_what_would_go(dl: Dl, lake: Path, cold: Path) -> None:
    ran = dl("offload", "--to", cold, "--dry-run", "--root", lake)
    assert f"would move 1 file, {only_file(lake).stat().st_size / 1000:.1f} kB to tier cold ({cold})" in ran.out
    assert not cold.exists()


def test_a_subset_is_a_part_of_the_files(dl: Dl, lake: Path) -> None:
    counts = [dl("verify", "--subset", f"{k}/3", "--root", lake, "--json").data["files_ok"] for k in (1, 2, 3)]
    assert sorted(counts) == [0, 0, 1]
    whole = dl("verify", "--subset", "100%", "--root", lake, "--json").data
    assert (whole["files_ok"], whole["files_skipped"]) == (1, 0)
    part = dl("verify", "--subset", "20%", "--root", lake, "--json").data
    assert part["files_ok"] + part["files_skipped"] == 1
