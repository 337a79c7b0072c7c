"""Features whose inputs were restated, as `dl assets` tells of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import dl_datalake
from dl_datalake.output import Output
from lake.config import locate
from lake.manifest import Manifest
from tests.feature_rows import give_bars
from tests.manifests import BTC, ETH
from tests.runs import heavy
from tests.written import DAY, minute, two_symbols

if TYPE_CHECKING:
    from pathlib import Path

    from tests.runs import Dl


@pytest.fixture
def featured(tmp_path: Path) -> Path:
    """Return a lake with a set of features of two symbols' bars, both written on three days."""
    two_symbols(tmp_path, 3)
    return tmp_path


def listed(dl: Dl, root: Path) -> tuple[dict[str, Any], str]:
    """Return what is listed of the set, as scripts and as people read it."""
    [found] = [
        each for each in dl("assets", "list", "--root", root, "--json").data if each["key"] == "features/returns.v1"
    ]
    return found, dl("assets", "list", "--root", root).out


def test_features_whose_bars_were_restated_are_named_with_these(dl: Dl, featured: Path) -> None:
    before, text = listed(dl, featured)
    assert (before["made"], before["partitions"]["stale"], before["restated"]) == ("external", 0, [])
    assert "is stale" not in text
    give_bars(locate(featured), [minute("10:00"), minute("10:03")], price=2.0)
    give_bars(locate(featured), [minute("10:05", DAY + 1)])  # it only follows
    after, text = listed(dl, featured)
    reason = "bars/1m 2024-01-05: 2 bars restated (10:00, 10:03)"
    address = "BINANCE/SPOT/BTCUSDT/features/returns.v1"
    assert after["partitions"] == before["partitions"] | {"stale": 1}
    assert after["restated"] == [{"address": address, "partition": "2024-01-05", "reasons": [reason]}]
    assert text.endswith(
        f"\n\nfeatures/returns.v1 is stale in 1 partition of 1 series:\n  {address}@2024-01-05  {reason}\n"
    )
    assert (
        dl("assets", "show", "features/returns.v1", "--root", featured, "--json").data["restated"] == after["restated"]
    )
    data = dl("assets", "status", "--stale", "--partitions", "--root", featured, "--json").data
    told = [(s["address"], p["partition"], p["reasons"]) for s in data["series"] for p in s["states"]]
    assert told == [(address, "2024-01-05", [reason])]
    assert data["partitions"]["stale"] == 1
    assert dl("assets", "status", "features/*", "--stale", "--fail", "--root", featured).status == 4
    with dl_datalake.open(featured) as lake:
        states = lake.partition_states(address)
    assert {each.partition: each.state for each in states} == {
        "2024-01-05": "stale",
        "2024-01-06": "materialized",
        "2024-01-07": "materialized",
    }


def test_the_line_of_a_stale_set_is_red_on_a_terminal_and_only_there(
    dl: Dl, featured: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    give_bars(locate(featured), [minute("10:00")], price=2.0)
    words = ("assets", "list", "--root", featured)
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    plain = dl(*words).out
    assert "\x1b" not in plain
    with monkeypatch.context() as terminal:
        terminal.setattr(Output, "to_terminal", True)
        red = [line for line in dl(*words).out.splitlines() if "\x1b[31m" in line]
        [line] = [line for line in plain.splitlines() if line.startswith("features/returns.v1  ")]
        assert red == [f"\x1b[31m{line}\x1b[0m"]
        terminal.setenv("NO_COLOR", "1")
        assert dl(*words).out == plain


def test_only_the_first_partitions_of_a_set_are_named_and_all_are_counted(dl: Dl, featured: Path) -> None:
    for each in (BTC, ETH):
        give_bars(locate(featured), [minute("10:01", DAY + day) for day in range(3)], price=2.0, address=each)
    found, text = listed(dl, featured)
    assert len(found["restated"]) == 6
    assert "features/returns.v1 is stale in 6 partitions of 2 series:\n" in text
    assert text.count(": 1 bar restated (10:01)\n") == 5
    assert text.endswith("\n  … and 1 more: dl assets status features/returns.v1 --stale --partitions\n")


def test_features_that_were_computed_elsewhere_are_left_out_of_the_making(dl: Dl, featured: Path) -> None:
    give_bars(locate(featured), [minute("10:00")], price=2.0)
    with Manifest.open(locate(featured)) as manifest:
        before = manifest.snapshot()

    def plan(*words: str) -> Any:  # noqa: ANN401 - a document's data
        return dl("assets", "materialize", *words, "--plan", "--root", featured, "--json").data

    told = dl("assets", "materialize", "features/returns.v1", "--force", "--root", featured)
    assert told.status == 0
    assert told.out.startswith(
        "left out features/returns.v1: its rows are computed elsewhere and written: run what writes them\nnothing to do"
    )
    data = plan("features/returns.v1", "bars/1h")
    assert data["external"] == ["features/returns.v1"]
    assert {each["address"].split("/")[3] for each in data["planned"]} == {"bars"}
    assert plan("*")["external"] == []
    with Manifest.open(locate(featured)) as manifest:
        assert manifest.snapshot() == before


def test_lineage_tells_which_inputs_features_were_made_from_and_by_which_code(dl: Dl, featured: Path) -> None:
    words = ("assets", "lineage", "BINANCE/SPOT/ETHUSDT/features/returns.v1@2024-01-06", "--up", "--root", featured)
    node = dl(*words, "--json").data["up"]
    # Bars of both came first, with the set between them, then the features of BTCUSDT.
    assert (node["code_version"], node["made_from"]) == ("abc", 5)
    assert [(each["address"], each["partition"], each["rows"]) for each in node["nodes"]] == [
        (str(ETH), "2024-01-06", 5)
    ]
    assert " · code abc · from snapshot 5\n" in dl(*words).out


def test_nothing_heavy_is_loaded_while_no_bar_was_touched(featured: Path) -> None:
    assert heavy(featured, ("assets", "list")) == []
    give_bars(locate(featured), [minute("10:00")], price=2.0)
    assert "pyarrow" in heavy(featured, ("assets", "list"))
