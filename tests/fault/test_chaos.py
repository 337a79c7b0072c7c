"""Many at one lake at once, some of them killed: what was acknowledged is there, and no reader meets an error."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.fault.harness.chaos import Chaos
from tests.manifests import make_lake

SECONDS = 10
SECONDS_AT_NIGHT = 300
"""Twice: without kills and with them, which come about four times a second."""


def settle(folder: Path, seconds: float, *, writers: int, kills: bool) -> None:
    outcome = Chaos(make_lake(folder / "lake"), folder, writers=writers, readers=2).run(seconds, kills=kills)
    told = f"chaos {seconds} s, kills {kills}: {outcome.acknowledged} acknowledged, {outcome.reads} reads, "
    told += f"{outcome.given_back} files given back, {outcome.kills} kills, {outcome.waited} waited in vain, "
    told += f"{len(outcome.lost)} lost, {len(outcome.errors)} errors"
    if path := os.environ.get("FAULT_LOG"):
        with Path(path).open("a", encoding="utf-8") as stream:
            stream.write(told + "\n")
    assert outcome.lost == [], told
    assert outcome.errors == [], told
    assert outcome.findings == [], told
    assert outcome.acknowledged > seconds, told
    assert outcome.reads > seconds, told
    assert outcome.given_back > 0, told
    assert bool(outcome.kills) == kills, told


@pytest.mark.timeout(300)
@pytest.mark.parametrize("kills", [False, True], ids=["alive", "killed"])
def test_nothing_is_lost_among_many(tmp_path: Path, kills: bool) -> None:  # noqa: FBT001 -- a parameter
    settle(tmp_path, SECONDS, writers=4, kills=kills)


@pytest.mark.nightly
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("kills", [False, True], ids=["alive", "killed"])
def test_nothing_is_lost_among_many_for_long(tmp_path: Path, kills: bool) -> None:  # noqa: FBT001 -- a parameter
    settle(tmp_path, SECONDS_AT_NIGHT, writers=6, kills=kills)
