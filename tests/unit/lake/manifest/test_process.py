from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

from lake.manifest import Manifest, Writer
from lake.manifest.process import is_gone, start_of, this_process
from lake.manifest.writer import CAUSE
from tests.manifests import commit, make_lake, new_file

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_this_process_is_not_gone() -> None:
    assert not is_gone(this_process(), this_process())


def test_a_process_that_ended_is_gone() -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    there = this_process()._replace(pid=child.pid, start=start_of(child.pid))
    assert not is_gone(there, this_process())
    child.communicate(b"\n")
    assert is_gone(there, this_process())


def test_a_process_id_that_was_given_away_again_is_no_sign_of_life() -> None:
    here = this_process()
    assert here.start is not None
    assert is_gone(here._replace(start=here.start - 1), here)
    # Manifests of version 2 did not keep the start.
    assert not is_gone(here._replace(start=None), here)


def test_another_boot_is_gone_and_another_machine_unknown() -> None:
    here = this_process()
    assert is_gone(here._replace(boot_id="before"), here)
    assert not is_gone(here._replace(boot_id="before", host="elsewhere"), here)


def test_a_start_is_read_behind_a_name_with_brackets_and_spaces(tmp_path: Path) -> None:
    program = tmp_path / "a) b (c"
    program.symlink_to(sys.executable)
    child = subprocess.Popen([program, "-c", "input()"], stdin=subprocess.PIPE)
    found, own = start_of(child.pid), start_of(os.getpid())
    child.communicate(b"\n")
    assert found is not None
    assert own is not None
    assert found >= own


def test_a_reader_calls_a_run_interrupted_and_the_next_writer_writes_it_down(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = make_lake(tmp_path)
    here = this_process()
    with Writer(config) as writer:
        mine = writer.start_run("write", "dl write")
        with monkeypatch.context() as patched:
            # As an earlier process of the same id would have recorded itself.
            patched.setattr("lake.manifest.writer.this_process", lambda: here._replace(start=1))
            killed = writer.start_run("ingest", "dl ingest")
    with Manifest.open(config) as manifest:
        assert {run.id: run.status for run in manifest.runs()} == {mine: "running", killed: "interrupted"}
        assert [run.id for run in manifest.runs(status="running")] == [mine]
        assert [run.id for run in manifest.runs(status="interrupted", limit=1)] == [killed]
    commit(config, new_file("2024-03-01"))
    with Manifest.open(config) as manifest:
        assert {run.id for run in manifest.runs(status="interrupted")} == {killed}


def test_what_set_off_a_run_is_told_with_it_and_with_its_snapshot(tmp_path: Path) -> None:
    config = make_lake(tmp_path)
    token = CAUSE.set("prefect:5f2c")
    commit(config, new_file("2024-03-01"))
    CAUSE.reset(token)
    commit(config, new_file("2024-03-02"))
    with Manifest.open(config) as manifest:
        assert [row.cause for row in manifest.history()] == ["", "prefect:5f2c"]
        assert [row.cause for row in manifest.runs()] == ["", "prefect:5f2c"]
        assert manifest.check_chain() == []
