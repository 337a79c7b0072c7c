"""Series that a snapshot has no rows of: what is said of them, and that what is advised is so."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

import pytest

import dl_datalake
from lake.errors import LakeError
from tests.runs import BTCUSDT, Dl

if TYPE_CHECKING:
    from pathlib import Path

ROWS = 1419
LATER = "T/SPOT/A/bars/1m"
HOURLY = BTCUSDT.replace("1m", "1h")


@pytest.fixture
def deleted(dl: Dl, lake: Path) -> Path:
    """Return the lake after its only series was deleted, as snapshot 2."""
    assert dl("delete", BTCUSDT, "--yes", "--root", lake).status == 0
    return lake


def refusal(dl: Dl, root: Path, *words: str | Path) -> dict[str, Any]:
    ran = dl(*words, "--root", root, "--json")
    assert (ran.status, ran.error["code"]) == (15, "E_UNKNOWN_SERIES"), words
    return ran.error


def test_a_series_is_not_there_yet_at_a_snapshot_before_its_first(
    dl: Dl, lake: Path, bars: Path, tmp_path: Path
) -> None:
    assert dl("ingest", "--source", bars, "--exchange", "T", "--symbol", "A", "--root", lake).status == 0
    for words in (("show", LATER), ("read", LATER), ("read", "T/*/*/bars/1m"), ("lock", tmp_path / "a.lock", LATER)):
        for at in ("0", "1"):
            error = refusal(dl, lake, *words, "--as-of", at)
            assert error["message"] == f'"{LATER}" is not in the lake yet at snapshot {at}'
            assert error["why"] == "Its first rows came with snapshot 2."
            assert error["fix"] == ["--as-of 2, or a later one", f"dl history {LATER}"]
    assert dl("show", LATER, "--as-of", "2", "--root", lake).status == 0
    places: list[dict[str, Any]] = [{}, {"exchange": "T"}, {"exchange": "T", "market": "SPOT"}]
    with dl_datalake.open(lake) as ours:
        for place in places:
            with pytest.raises(LakeError, match="not in the lake yet at snapshot 1"):
                ours.bars("a", as_of=1, **place)


def test_a_deleted_series_keeps_its_history(dl: Dl, deleted: Path) -> None:
    for address in (BTCUSDT, "BINANCE/*/*/bars/1m"):
        rows = dl("history", address, "--root", deleted, "--json").data
        assert [(row["snapshot"], row["operation"]) for row in rows] == [(2, "delete"), (1, "ingest")]
    with dl_datalake.open(deleted) as ours:
        assert [row.snapshot for row in ours.history(BTCUSDT)] == [2, 1]


def test_a_deleted_series_is_told_with_the_way_back(dl: Dl, deleted: Path) -> None:
    for words in (("read", BTCUSDT), ("show", BTCUSDT), ("read", BTCUSDT, "--start", "2030"), ("delete", BTCUSDT)):
        error = refusal(dl, deleted, *words)
        assert error["message"] == f'"{BTCUSDT}" holds no rows at snapshot 2'
        assert error["why"] == "It was deleted at snapshot 2; snapshot 1 has it still."
    for advice in error["fix"]:
        yes = ["--yes"] if "rollback" in advice else []
        assert dl(*shlex.split(advice)[1:], *yes, "--root", deleted).status == 0, advice
    assert dl("show", BTCUSDT, "--root", deleted, "--json").data["rows"] == ROWS
    then = refusal(dl, deleted, "read", BTCUSDT, "--as-of", "2")
    assert then["fix"] == ["--as-of 1", f"dl history {BTCUSDT}"]


def test_what_was_made_from_others_is_not_to_be_rolled_back(dl: Dl, lake: Path) -> None:
    assert dl("aggregate", BTCUSDT, "--to", "1h", "--root", lake).status == 0
    assert dl("delete", HOURLY, "--yes", "--root", lake).status == 0
    error = refusal(dl, lake, "read", HOURLY)
    assert error["fix"][0] == f"make it again from {BTCUSDT}"


def test_nothing_is_advised_that_was_forgotten(dl: Dl, deleted: Path) -> None:
    assert dl("expire", "--keep-last", "1", "--force", "--yes", "--root", deleted).status == 0
    error = refusal(dl, deleted, "read", BTCUSDT)
    assert error["why"] == "It was deleted at snapshot 2; snapshot 1, which had it, was forgotten."
    assert error["fix"] == [f"dl history {BTCUSDT}"]
    assert [row["snapshot"] for row in dl("history", BTCUSDT, "--root", deleted, "--json").data] == [2, 1]


def test_an_empty_list_says_of_which_snapshot(dl: Dl, lake: Path, tmp_path: Path) -> None:
    for words, said in (
        (("--as-of", "0"), "nothing is in the lake yet at snapshot 0; the newest snapshot is 1: dl history"),
        (("--as-of", "0", BTCUSDT), "no series fits at snapshot 0"),
        ((LATER,), "no series fits"),
    ):
        assert dl("list", *words, "--root", lake).err == f"{said}\n"
    assert dl("delete", BTCUSDT, "--yes", "--root", lake).status == 0
    assert dl("list", "--root", lake).err == "nothing is in the lake now; the newest snapshot is 2: dl history\n"
    assert dl("init", "--root", tmp_path / "new").status == 0
    assert dl("list", "--root", tmp_path / "new").err.startswith("the lake is empty: dl ingest")


def test_snapshot_0_is_compared_with_and_gone_back_to(dl: Dl, lake: Path) -> None:
    compared = dl("diff", f"{BTCUSDT}@0", BTCUSDT, "--root", lake, "--json").data
    assert compared["rows"] == {"added": ROWS, "removed": 0, "changed": 0, "identical": 0}
    back = dl("rollback", BTCUSDT, "--to", "0", "--yes", "--root", lake, "--json").data
    assert (back["status"], back["to"], back["snapshot"]) == ("committed", 0, 2)


def test_other_words_for_what_took_a_series_away(dl: Dl, lake: Path) -> None:
    assert dl("rollback", BTCUSDT, "--to", "0", "--yes", "--root", lake).status == 0
    assert refusal(dl, lake, "read", BTCUSDT)["why"].startswith("A rollback took it away at snapshot 2;")
