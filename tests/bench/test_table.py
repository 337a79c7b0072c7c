"""The page of benchmarks is made of what was measured, and keeps the notes written by hand."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.bench import home, table
from tests.bench.__main__ import PAGE, RESULTS


def run(wall_s: float, rss_mib: float) -> dict[str, float]:
    return {"wall_s": wall_s, "cpu_s": wall_s, "rss_mib": rss_mib, "others": 0.2, "disk_mb": 82.9}


@pytest.fixture
def results() -> dict[str, Any]:
    """One workload: ours ran three times, the peer failed."""
    return {
        "bars": {
            "says": "Bars in one CSV.",
            "measured_on": "2026-01-02",
            "machine": {"cpu": "A processor", "cores": 2, "memory_gib": 4.0, "file_system": "ext4"},
            "versions": {"Python": "3.11.7"},
            "inputs": [{"rows": 2_630_880, "bytes": 390_980_300, "sha256": "0" * 64}],
            "lanes": [
                {"name": "dl ingest", "ours": True, "error": "", "runs": [run(4, 250), run(9, 260), run(5, 240)]},
                {"name": "ArcticDB", "ours": False, "error": "no module", "runs": []},
            ],
            "figures": [
                {
                    "name": "wall, ours / ArcticDB",
                    "value": 1.404,
                    "unit": "x",
                    "limit": 1.3,
                    "met": False,
                    "stretch": 0.8,
                },
                {"name": "RSS", "value": 260.0, "unit": "MiB", "limit": 300, "met": True},
                {"name": "CPU, ours / ArcticDB", "value": None, "unit": "x", "limit": None, "met": None},
            ],
        }
    }


def test_a_contender_stands_with_medians_its_spread_and_its_largest_memory(results: dict[str, Any]) -> None:
    head, rows = table.lane_table(results["bars"]["lanes"])
    assert head == ["contender", "n", "wall s (min to max)", "CPU s", "RSS MiB", "disk MB"]
    assert rows == [["dl ingest", "3", "5.00 (4.00 to 9.00)", "5.00", "260", "82.90"]]


def test_a_missed_figure_says_so_and_one_without_a_target_is_not_judged(results: dict[str, Any]) -> None:
    assert table.figure_rows(results) == [
        ["bars", "wall, ours / ArcticDB", "1.40 x", "≤ 1.3 x", "**no**", "≤ 0.8 x: no"],
        ["bars", "RSS", "260 MiB", "≤ 300 MiB", "yes", "-"],
        ["bars", "CPU, ours / ArcticDB", "not measured", "-", "-", "-"],
    ]


def test_every_pair_that_ran_is_told_by_its_ratios(results: dict[str, Any]) -> None:
    bars = results["bars"]
    bars["pairs"] = [["dl ingest", "ArcticDB"], ["dl ingest", "a third"]]
    assert table.ratio_rows(results) == []
    bars["lanes"].append({"name": "a third", "ours": False, "error": "", "runs": [run(10, 520), run(10, 500)]})
    assert table.ratio_rows(results) == [["bars", "dl ingest", "a third", "0.50 x", "0.50 x", "0.50 x", "1.00 x"]]
    bars["lanes"][-1]["runs"][0] |= {"files": 0}
    assert table.ratio_rows(results)[0][-1] == "-"
    assert "| bars | dl ingest | a third | 0.50 x |" in table.page(results)


def test_a_contender_that_failed_is_named_with_its_reason(results: dict[str, Any]) -> None:
    assert "ArcticDB did not finish: no module" in table.page(results)
    assert "ArcticDB did not finish: no module" in table.report(results)


def test_the_notes_outlive_a_new_page(results: dict[str, Any]) -> None:
    empty = table.page(results)
    noted = empty.replace(table.NOTES_END, "\nMost of the time goes into fsync.\n\n" + table.NOTES_END)
    assert table.page(results, noted) == noted
    assert table.page(results, empty) == empty


def test_the_page_in_the_repository_is_made_of_the_results_in_the_repository() -> None:
    if not RESULTS.exists():
        pytest.skip("nothing measured yet")
    assert home.REPOSITORY in PAGE.parents
    written = PAGE.read_text()
    assert written == table.page(json.loads(RESULTS.read_text()), written), "run make bench, or keep to the notes"
