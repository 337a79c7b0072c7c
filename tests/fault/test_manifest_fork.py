"""A process that forks while it has the lake open: the child is refused, and neither loses anything."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lake.errors import LakeError
from lake.manifest import Manifest, Writer
from tests.manifests import commit, make_lake, new_file

if TYPE_CHECKING:
    from collections.abc import Callable

    from lake.config import Config


@pytest.fixture
def config(tmp_path: Path) -> Config:
    config = make_lake(tmp_path)
    commit(config, new_file("2024-03-01"))
    return config


def code_in_child(work: Callable[[], object]) -> str:
    """Run the work in a forked child; return the code of the LakeError it raised."""
    read_end, write_end = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            work()
            answer = "no error"
        except LakeError as error:
            answer = error.code
        finally:
            os.write(write_end, answer.encode())
            os._exit(0)
    os.close(write_end)
    with os.fdopen(read_end) as stream:
        answer = stream.read()
    os.waitpid(child, 0)
    return answer


def test_a_forked_child_may_not_use_the_parents_lake(config: Config) -> None:
    with Manifest.open(config) as manifest, Writer(config) as writer:
        assert manifest.snapshot() == 1
        assert code_in_child(manifest.snapshot) == "E_FORKED"
        assert code_in_child(lambda: writer.start_run("write", "")) == "E_FORKED"
        assert manifest.snapshot() == 1
        writer.start_run("write", "the parent goes on")


def test_a_forked_child_may_close_and_open_anew(config: Config) -> None:
    manifest = Manifest.open(config)

    def work() -> None:
        manifest.close()
        commit(config, new_file("2024-03-02"))

    assert code_in_child(work) == "no error"
    assert manifest.snapshot() == 2
    manifest.close()


def descriptors(path: Path) -> int:
    return sum(link.resolve() == path for link in Path("/proc/self/fd").iterdir())


def test_no_descriptor_of_the_manifest_is_inherited(config: Config) -> None:
    with Manifest.open(config) as manifest, Writer(config) as writer:
        manifest.snapshot()
        writer.start_run("write", "")
        assert descriptors(config.manifest) == 2

        def work() -> None:
            if descriptors(config.manifest):
                raise LakeError("UNEXPECTED", "inherited")

        assert code_in_child(work) == "no error"


# The fork happens inside the writer's transaction, and the child ends as programs do: by freeing everything.
FORKS_IN_TRANSACTION = """
import gc, os, sys
from pathlib import Path
from lake.manifest import Change, LedgerRecord, QuarantineRecord, Writer
from tests.manifests import Config, new_file
root = Path(sys.argv[1])
config = Config(root, root / "data", root / "manifest.db")

def records():
    yield QuarantineRecord(1, "off_grid", "", "x")
    journal = Path(f"{config.manifest}-journal")
    before = journal.read_bytes()
    child = os.fork()
    if child == 0:
        writer.close()
        del globals()["writer"]
        gc.collect()
        sys.exit(0)
    os.waitpid(child, 0)
    print(len(before) > 0, journal.read_bytes() == before)

with Writer(config) as writer:
    run = writer.start_run("write", "dl write")
    ledger = LedgerRecord(read=1, quarantined=1, rejected={"off_grid": 1})
    files = [new_file(f"2023-01-{day:02}") for day in range(1, 29)]
    print(writer.commit(Change(run, "write", files=files, ledger=ledger, quarantine=records())))
"""


def test_a_fork_inside_a_transaction_does_not_roll_it_back(config: Config) -> None:
    command = [sys.executable, "-c", FORKS_IN_TRANSACTION, str(config.root)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    # The journal is what a crash of the parent would be undone from.
    assert done.stdout.split() == ["True", "True", "2"], done.stderr
    with Manifest.open(config) as manifest:
        assert (manifest.snapshot(), manifest.count_files()) == (2, 29)
        assert manifest.check_integrity() == []
        assert manifest.check_chain() == []
