"""The workloads of vendors' files, small: each runs, and its inputs are what they say."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.bench import home, recast, vendors
from tests.bench.workloads import Options
from tests.good_files import T0_MS, aggregate_trades, klines

if TYPE_CHECKING:
    from pathlib import Path

ROWS = 300


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make the generated inputs small ones."""
    monkeypatch.setenv("DL_BENCH_HOME", str(tmp_path / "bench"))
    contents = {vendors.BARS_FILE: klines(ROWS), vendors.TICKS_FILE: aggregate_trades(ROWS)}
    folder = home.home() / "inputs"
    folder.mkdir()

    def generated(name: str) -> tuple[Path, dict[str, Any]]:
        (folder / name).write_bytes(contents[name])
        return folder / name, {"rows": ROWS, "bytes": len(contents[name]), "sha256": name}

    monkeypatch.setattr(home, "generated", generated)
    return folder


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=pytest.mark.nightly) if n == "compressed" else n for n in vendors.WORKLOADS]
)
def test_a_workload_runs_and_every_contender_finishes(small: Path, name: str) -> None:
    outcome = vendors.WORKLOADS[name](Options(runs=1))
    assert small.is_dir()
    assert [lane.error for lane in outcome.lanes.values()] == [""] * len(outcome.lanes)
    assert all(lane.runs for lane in outcome.lanes.values())
    ran = {lane.name for lane in outcome.lanes.values()}
    measured = [figure for figure in outcome.figures if figure["value"] is not None]
    assert len(ran) >= 2
    assert measured
    assert all(figure["value"] > 0 for figure in measured)


def test_a_shuffled_file_has_every_line_once_in_another_order(small: Path) -> None:
    source, facts = home.generated(vendors.TICKS_FILE)
    mixed, made = recast.recast("shuffled", source, facts)
    before, after = source.read_bytes().splitlines(), mixed.read_bytes().splitlines()
    assert sorted(before) == sorted(after)
    assert before != after
    assert made["rows"] == ROWS
    assert recast.recast("shuffled", source, facts) == (mixed, made)
    assert mixed.parent == small


def test_a_headed_file_is_the_same_below_its_header(small: Path) -> None:
    source, facts = home.generated(vendors.BARS_FILE)
    headed, _ = recast.recast("headed", source, facts)
    header, _, rest = headed.read_bytes().partition(b"\n")
    assert header.decode() == recast.PLAIN_HEADER
    assert rest == source.read_bytes()
    assert rest.startswith(str(T0_MS).encode())
    assert headed.parent == small
