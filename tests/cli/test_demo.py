"""`dl demo`: it holds, it can be run again, it fails when something is untrue, and it touches nothing else."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from tests.bench import process
from tests.bench.process import clean_environment
from tests.runs import REPO, Dl

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_demo_holds_and_can_be_run_again(dl: Dl, tmp_path: Path) -> None:
    first = dl("demo", tmp_path / "demo", "--json")
    assert first.status == 0, first.err
    assert [step["name"] for step in first.data["steps"]] == [
        "init",
        "ingest",
        "again",
        "quarantine",
        "overlap",
        "read back",
        "as-of",
        "aggregate",
        "stale",
        "seal",
        "offload",
        "restore",
        "features",
        "audit",
        "verify",
    ]
    facts = {step["name"]: step["facts"] for step in first.data["steps"]}
    assert facts["read back"]["rows"] == facts["ingest"]["rows"] == 105_861
    assert facts["quarantine"]["rejected"] == {"ohlc_inconsistent": 1, "bad_number": 1, "off_grid": 1}
    second = dl("demo", tmp_path / "demo")
    assert second.status == 0, second.err
    assert "15 checks held" in second.out


def test_next_commands_it_prints_work(dl: Dl, tmp_path: Path) -> None:
    following = dl("demo", tmp_path / "demo", "--json").data["next"]
    assert len(following) == 4
    for line in following:
        program, *words = line.split()
        assert program == "dl"
        assert dl(*words).status == 0


def test_folder_that_is_no_demo_lake_is_left_alone(dl: Dl, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    ran = dl("demo", tmp_path)
    assert (ran.status, "exists and is not a demo lake" in ran.err) == (2, True)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_link_to_a_demo_lake_is_left_alone(dl: Dl, tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / ".dl-demo").touch()
    (tmp_path / "demo").symlink_to(tmp_path / "real")
    assert dl("demo", tmp_path / "demo").status == 2
    assert (tmp_path / "real" / ".dl-demo").exists()


def test_untrue_step_fails_the_command(dl: Dl, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from lake import check

    monkeypatch.setattr("dl_datalake.demo.steps.verify", lambda _config: check.VerifyReport(files_ok=1))
    ran = dl("demo", tmp_path / "demo")
    assert ran.status == 1
    assert "demo step verify: the damaged file: found [], expected ['COINBASE" in ran.err


def test_demo_stays_in_its_folder_and_within_300_mb(tmp_path: Path) -> None:
    elsewhere = tmp_path / "owner"
    environment = clean_environment(REPO) | {"DL_ROOT": str(elsewhere), "DL_DATA_ROOT": str(elsewhere / "data")}
    # Started by a small process: a child's peak memory begins at that of the process which starts it.
    took = process.run([sys.executable, "-m", "dl_datalake.cli", "demo"], cwd=tmp_path, env=environment)
    assert [path.name for path in tmp_path.iterdir()] == ["demo-lake"]
    assert took.rss_mib * 2**20 / 1e6 <= 300


def test_measure_of_memory_is_not_that_of_whoever_starts_it(tmp_path: Path) -> None:
    held = b"x" * 400_000_000
    took = process.run([sys.executable, "-c", ""], cwd=tmp_path, env=clean_environment(REPO))
    assert took.rss_mib * 2**20 < len(held) / 2
