"""`dl plot`: what it says, what it writes, and what it refuses."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.runs import BTCUSDT, Dl

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("ending", ["png", "svg", "html"])
def test_a_chart_is_written_and_described(dl: Dl, lake: Path, tmp_path: Path, ending: str) -> None:
    file = tmp_path / f"chart.{ending}"
    data = dl("plot", BTCUSDT, "-o", file, "--end", "2016-10-07T02:00", "--root", lake, "--json").data
    assert data == {
        "address": BTCUSDT,
        "snapshot": 1,
        "file": str(file),
        "rows": 119,
        "marks": 119,
        "step_seconds": None,
        "first": "2016-10-07T00:00:00.000000000Z",
        "last": "2016-10-07T01:59:00.000000000Z",
    }
    assert file.stat().st_size > 1000
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_an_ending_that_says_nothing_is_refused(dl: Dl, lake: Path, tmp_path: Path) -> None:
    ran = dl("plot", BTCUSDT, "-o", tmp_path / "chart.gif", "--root", lake)
    assert ran.status == 2
    assert "the endings known are .png, .svg, .html" in ran.err.lower()


def test_nothing_is_drawn_among_the_lakes_own_files(dl: Dl, lake: Path) -> None:
    ran = dl("plot", BTCUSDT, "-o", lake / "data" / "chart.png", "--root", lake)
    assert ran.status == 2
    assert not (lake / "data" / "chart.png").exists()


def test_a_failure_leaves_the_old_chart(dl: Dl, lake: Path, tmp_path: Path) -> None:
    file = tmp_path / "chart.png"
    file.write_bytes(b"old")
    assert dl("plot", BTCUSDT, "-o", file, "--start", "2020", "--root", lake).status == 2
    assert dl("plot", BTCUSDT, "-o", tmp_path / "none" / "chart.png", "--root", lake).status == 14
    assert file.read_bytes() == b"old"
