"""The commit log: torn, ahead of the manifest, shorter than it, or changed."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from lake.errors import LakeError
from lake.manifest import Manifest
from tests.manifests import commit, make_lake, new_file

if TYPE_CHECKING:
    from pathlib import Path

    from lake.config import Config

# The process dies after the log is on disk and before COMMIT.
KILLED = """
import os, signal, sys
from pathlib import Path
from lake.manifest import log
from tests.manifests import Config, commit, new_file
append = log.CommitLog.append
def append_and_die(self, data):
    append(self, data)
    os.kill(os.getpid(), signal.SIGKILL)
log.CommitLog.append = append_and_die
root = Path(sys.argv[1])
commit(Config(root, root / "data", root / "manifest.db"), new_file(sys.argv[2], tag="killed"))
"""


@pytest.fixture
def config(tmp_path: Path) -> Config:
    config = make_lake(tmp_path)
    commit(config, new_file("2024-03-01"))
    return config


def kill_in_commit(config: Config, label: str = "2024-03-02") -> None:
    done = subprocess.run([sys.executable, "-c", KILLED, str(config.root), label], check=False)
    assert done.returncode == -signal.SIGKILL


def kinds(config: Config) -> list[str]:
    return [next(iter(json.loads(line))) for line in config.log.read_bytes().splitlines()]


def test_a_kill_between_log_and_commit_is_marked_by_the_next_write(config: Config) -> None:
    kill_in_commit(config)
    with Manifest.open(config) as manifest:
        report = manifest.chain_report()
        assert manifest.snapshot() == 1
    assert report.findings == []
    assert len(report.interrupted) == 1
    assert "snapshot 2" in report.interrupted[0]

    assert commit(config, new_file("2024-03-02")) == 2
    lines = [json.loads(line) for line in config.log.read_bytes().splitlines()]
    assert [next(iter(line)) for line in lines] == ["document", "document", "aborted", "document"]
    assert lines[2] == {"aborted": 2, "hash": lines[1]["hash"]}
    with Manifest.open(config) as manifest:
        report = manifest.chain_report()
    assert (report.findings, report.interrupted) == ([], [])


def test_kills_one_after_another_are_each_marked(config: Config) -> None:
    kill_in_commit(config)
    kill_in_commit(config)
    assert kinds(config) == ["document", "document", "aborted", "document"]
    commit(config, new_file("2024-03-02"))
    assert kinds(config) == ["document", "document", "aborted", "document", "aborted", "document"]
    with Manifest.open(config) as manifest:
        assert manifest.check_chain() == []


@pytest.mark.parametrize("kept", [1, 50, -1], ids=["one byte", "some", "all but the newline"])
def test_a_torn_tail_is_no_damage_and_is_marked_by_the_next_write(config: Config, kept: int) -> None:
    whole = config.log.read_bytes()
    with config.log.open("ab") as stream:
        stream.write(whole.replace(b'"snapshot":1', b'"snapshot":2')[:kept])
    with Manifest.open(config) as manifest:
        report = manifest.chain_report()
    assert report.findings == []
    assert report.interrupted == [
        f"bytes {len(whole)} to {config.log.stat().st_size} of the commit log cannot be read: a write was interrupted"
    ]
    commit(config, new_file("2024-03-02"))
    assert config.log.read_bytes().startswith(whole)
    assert json.loads(config.log.read_bytes().splitlines()[2]) == {"torn": 1}
    with Manifest.open(config) as manifest:
        report = manifest.chain_report()
    assert (report.findings, report.interrupted) == ([], [])


def test_a_manifest_older_than_the_log_is_not_written_to(config: Config, tmp_path: Path) -> None:
    backup = tmp_path / "backup.db"
    shutil.copy(config.manifest, backup)
    commit(config, new_file("2024-03-02"))
    commit(config, new_file("2024-03-03"))
    shutil.copy(backup, config.manifest)
    before = config.log.read_bytes()
    with Manifest.open(config) as manifest:
        assert [text.rpartition(": ")[2] for text in manifest.check_chain()] == ["the manifest lost it"] * 2
    with pytest.raises(LakeError) as caught:
        commit(config, new_file("2024-03-04"))
    assert caught.value.code == "E_MANIFEST_DAMAGED"
    assert "snapshot 2" in caught.value.message
    assert config.log.read_bytes() == before


def test_a_log_that_was_cut_is_not_written_to(config: Config) -> None:
    commit(config, new_file("2024-03-02"))
    whole = config.log.read_bytes()
    config.log.write_bytes(whole[: whole.index(b"\n") + 1])
    with Manifest.open(config) as manifest:
        assert manifest.check_chain() == ["snapshot 2 is not in the commit log"]
    with pytest.raises(LakeError) as caught:
        commit(config, new_file("2024-03-03"))
    assert caught.value.code == "E_MANIFEST_DAMAGED"


def test_a_flipped_byte_of_the_log_is_found(config: Config) -> None:
    commit(config, new_file("2024-03-02"))
    content = bytearray(config.log.read_bytes())
    content[content.index(b'"rows"') + 1] ^= 1
    config.log.write_bytes(content)
    with Manifest.open(config) as manifest:
        findings = manifest.check_chain()
    assert findings[0] == "snapshot 1 is not in the commit log"
    assert findings[1].endswith("of the commit log cannot be read")
