"""The workloads of trust, small: what they time is what they say."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

from lake.config import locate
from lake.manifest import Manifest
from tests.bench.programs import lake_commit, lake_many
from tests.runs import BARS

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_a_manifest_of_many_snapshots_is_planned_from_now_and_then(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lake_many, "SYMBOLS", 2)
    monkeypatch.setattr(lake_many, "DAYS", 60)
    answers = []
    for words in (["make"], []):
        monkeypatch.setattr(sys, "argv", ["lake_many", str(tmp_path), "36", *words])
        lake_many.main()
        answers.append(json.loads(capsys.readouterr().out))
    assert [(answer["snapshots"], answer["files"]) for answer in answers] == [(36, 360)] * 2
    # Three times each of 120 days was written: a month has thirty live files, now and at any time.
    assert answers[1]["rows"] == 2 * 201 * 30
    with Manifest.open(locate(tmp_path)) as manifest:
        assert len(list(manifest.all_files(live_only=True))) == 120
        assert manifest.check_chain() == []


def test_the_commit_of_an_ingest_is_timed_beside_its_own_bytes(tmp_path: Path) -> None:
    source = tmp_path / "bars.csv"
    source.write_text(BARS)
    answer = lake_commit.measure(tmp_path / "lake", str(source))
    stored = {path.name: path.read_bytes() for path in (tmp_path / "lake" / "data").rglob("*.parquet")}
    plain = {path.name: path.read_bytes() for path in (tmp_path / "lake" / "plain").rglob("*.parquet")}
    assert (answer["commits"], answer["files"]) == (1, len(stored))
    assert stored == plain
    assert answer["commit_s"] > 0 < answer["plain_s"]
