"""Light commands stay light: what they import, and what that costs beside an empty Typer program."""

from __future__ import annotations

import statistics
import sys
from typing import TYPE_CHECKING

import pytest

import dl_datalake
from tests.bench import process
from tests.bench.process import clean_environment
from tests.runs import BTCUSDT, REPO, heavy

if TYPE_CHECKING:
    from pathlib import Path

LIGHT = (
    ("--help",),
    ("list",),
    ("list", "--json", "--symbol", "BTC*", "--wait", "5"),
    ("history",),
    ("history", BTCUSDT, "--limit", "3"),
    ("assets", "list"),
    ("assets", "show", "bars/1m"),
    ("features", "list"),
    ("features", "list", "--series", "--json"),
    ("assets", "status"),
    ("assets", "status", "--partitions", "--json"),
    ("assets", "graph", "+bars/1d", "--format", "svg"),
    ("assets", "lineage", BTCUSDT),
    ("quarantine", "list"),
    ("doctor",),
    ("version",),
    ("formats", "list"),
    ("formats", "show", "lean-tick-trade"),
    ("show", BTCUSDT),
    ("tiers",),
)
BARE = "import typer\napp = typer.Typer()\n@app.command()\ndef hello() -> None: print('hello')\napp()"


@pytest.mark.parametrize("words", LIGHT, ids=" ".join)
def test_light_command_imports_nothing_heavy(lake: Path, words: tuple[str, ...]) -> None:
    assert heavy(lake, words) == []


def test_lists_of_a_lake_with_feature_sets_import_nothing_heavy(lake: Path) -> None:
    with dl_datalake.open(lake) as opened:
        opened.features.register("vol", {"vol": {"type": "float32[4]", "ge": 0}}, inputs=["bars/1m"], ttl="2h")
    for words in (("features", "list"), ("features", "show", "vol"), ("assets", "list"), ("list",)):
        assert heavy(lake, words) == [], words


def cost(*command: str, root: Path) -> tuple[float, float]:
    """Return CPU seconds, the median of five runs, and the most megabytes one of them held."""
    environment = clean_environment(REPO) | {"DL_ROOT": str(root)}
    runs = [process.run([sys.executable, *command], cwd=root, env=environment) for _ in range(5)]
    return statistics.median(run.cpu_s for run in runs), max(run.rss_mib for run in runs) * 2**20 / 1e6


def test_light_commands_cost_at_most_two_empty_programs_and_30_mb(lake: Path) -> None:
    bare, _ = cost("-c", BARE, root=lake)
    for words in (["--help"], ["list"]):
        seconds, megabytes = cost("-m", "dl_datalake.cli", *words, root=lake)
        assert seconds <= 2 * bare
        assert megabytes <= 30
