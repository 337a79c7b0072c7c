"""The graph's workload, small: its answers must be right and its manifest lean at any size."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.bench import graph

if TYPE_CHECKING:
    from pathlib import Path

# 100 symbols of 1 826 days in 60 MB.
BYTES_A_PARTITION = 60_000_000 / 182_600


@pytest.mark.parametrize(("by", "made"), [("day", 4 * 365), ("month", 4 * 12)])
def test_nothing_is_missing_and_one_restated_day_makes_one_partition_stale(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], by: str, made: int
) -> None:
    assert graph.main([str(tmp_path / "lake"), "--symbols", "4", "--days", "365", "--by", by]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert figures["derived_partitions"] == made
    for told, stale in (("clean", 0), ("after_one_restated_day", 1)):
        answer = figures[told]
        assert (answer["partitions"], answer["missing"], answer["stale"]) == (4 * 365 + made, 0, stale)
    # Every table and index of an empty manifest takes a page.
    assert figures["manifest_bytes"] - 300_000 < BYTES_A_PARTITION * (4 * 365 + made)
