"""The flows that keep a lake in order: months are sealed, files go to a tier, a damaged one is named."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from tests.flows.conftest import SERIES, bars, program
from tests.rotten import flip

if TYPE_CHECKING:
    from pathlib import Path

    from tests.flows.conftest import Server

pytestmark = pytest.mark.server

MAINTAIN = """
import sys
from pipelines.flows.maintain import maintain
maintain(root=sys.argv[1], slices=1, older_than="0d")
"""


def test_months_are_sealed_files_move_and_damage_is_named(server: Server, tmp_path: Path) -> None:
    root, cold = tmp_path / "lake", tmp_path / "cold"
    assert server.dl("init", root).returncode == 0
    for day in (1, 2):
        source = tmp_path / f"{day}.csv"
        source.write_text(bars(day), "utf-8")
        words: list[str | Path] = ["--source", source, "--exchange", "TEST", "--symbol", "ABC", "--root", root]
        assert server.dl("ingest", *words).returncode == 0
    before = server.dl("read", SERIES, "--format", "csv", "--root", root).stdout
    upkeep = [sys.executable, "-c", MAINTAIN, str(root)]

    assert program(upkeep, server.env).returncode == 0
    [month] = (root / "data" / SERIES).rglob("*.parquet")
    assert server.dl("read", SERIES, "--format", "csv", "--root", root).stdout == before

    moved = server.dl("offload", SERIES, "--to", cold, "--root", root, "--via", "prefect")
    assert moved.returncode == 0, moved.stderr
    [copy] = (cold / SERIES).rglob("*.parquet")
    assert copy.read_bytes() == month.read_bytes()

    back = server.dl("restore", SERIES, "--root", root, "--via", "prefect")
    assert (back.returncode, month.read_bytes()) == (0, copy.read_bytes()), back.stderr
    assert server.dl("offload", SERIES, "--to", cold, "--root", root).returncode == 0

    flip(copy)
    assert program(upkeep, server.env).returncode != 0
    [run] = [run for run in server.runs("maintain", "FAILED") if run["parameters"]["root"] == str(root)]
    assert "E_FILE_DAMAGED" in run["state"]["message"]
    assert copy.name in run["state"]["message"]
