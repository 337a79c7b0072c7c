"""The staging folder: locked while its run lives, swept when it is dead."""

from __future__ import annotations

import errno
import fcntl
import os
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest

from lake import layout
from lake.errors import LakeError
from lake.staging import Staging, alone, quiet

if TYPE_CHECKING:
    from pathlib import Path


def left(data: Path) -> list[str]:
    """Return the runs that have a staging folder."""
    return sorted(path.name for path in (data / layout.STAGING).iterdir() if path.is_dir())


def test_staging_leaves_nothing_behind(tmp_path: Path) -> None:
    staging = Staging(tmp_path, "a")
    staging.path().write_text("rows")
    assert left(tmp_path) == ["a"]
    staging.close()
    assert left(tmp_path) == []


def test_what_a_living_run_staged_is_kept(tmp_path: Path) -> None:
    alive = Staging(tmp_path, "a")
    staged = alive.path()
    staged.write_text("rows")
    Staging(tmp_path, "b").close()
    assert staged.exists()
    alive.close()


DIES = """
import os, sys
from pathlib import Path
from lake.staging import Staging, alone
staging = Staging(Path(sys.argv[1]), "dead")
staging.path().write_text("left behind")
if sys.argv[2] == "without its lock":
    (staging.folder / "lock").unlink()
os._exit(9)
"""


@pytest.mark.parametrize("how", ["with its lock", "without its lock"])
def test_what_a_dead_run_staged_is_swept(tmp_path: Path, how: str) -> None:
    """A run can be killed before it has made its lock, or after it has removed it."""
    subprocess.run([sys.executable, "-c", DIES, str(tmp_path), how], check=False)
    assert left(tmp_path) == ["dead"]
    Staging(tmp_path, "next").close()
    assert left(tmp_path) == []


def test_runs_that_begin_at_once_do_not_sweep_each_other(tmp_path: Path) -> None:
    failures: list[BaseException] = []

    def begin_and_end(name: str) -> None:
        try:
            for i in range(30):
                staging = Staging(tmp_path, f"{name}-{i}")
                path = staging.path()
                path.write_text("mine")
                assert path.read_text() == "mine"
                staging.close()
        except BaseException as error:  # noqa: BLE001 -- whatever it is, it must be seen
            failures.append(error)

    threads = [threading.Thread(target=begin_and_end, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert left(tmp_path) == []


def test_paths_are_new_each_time(staging: Staging) -> None:
    paths = {staging.path() for _ in range(100)}
    assert len(paths) == 100
    assert {path.parent for path in paths} == {staging.folder}


def test_a_data_root_that_cannot_be_written_to_is_said(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file, not a folder")
    with pytest.raises(LakeError) as caught:
        Staging(tmp_path / "data", "run")
    assert caught.value.code == "E_STORAGE"


def test_the_lock_of_a_run_is_not_inherited(staging: Staging) -> None:
    """A program a run starts may outlive it."""
    assert staging._lock is not None
    assert os.get_inheritable(staging._lock) is False
    with (staging.folder / "lock").open("rb") as other, pytest.raises(BlockingIOError):
        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)


def may_only_read(monkeypatch: pytest.MonkeyPatch, *, anything: bool = True) -> None:
    """Have the file system refuse whoever opens a file to write, as that of another user does."""
    opened = os.open

    def refusing(path: Path, flags: int, *given: int) -> int:
        if flags & (os.O_WRONLY | os.O_RDWR) or not anything:
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return opened(path, flags, *given)

    monkeypatch.setattr(os, "open", refusing)


def test_a_dry_run_without_the_right_to_write_stages_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        may_only_read(patch)
        with pytest.raises(LakeError, match="Permission denied"):
            Staging(tmp_path, "run")
        staging = Staging(tmp_path, "run", dry=True)
    staging.path().write_text("rows")
    assert not staging.folder.is_relative_to(tmp_path)
    staging.close()
    assert not staging.folder.exists()


@pytest.mark.parametrize("anything", [True, False], ids=["may read", "may not even read"])
def test_who_may_not_write_can_ask_whether_a_run_is_staging(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, anything: bool
) -> None:
    def answer(*, looking: bool) -> bool:
        with quiet(tmp_path, clean=False, looking=looking) as is_quiet:
            return is_quiet

    assert answer(looking=True)
    assert not (tmp_path / layout.STAGING).exists()
    staging = Staging(tmp_path, "a")
    with monkeypatch.context() as patch:
        may_only_read(patch, anything=anything)
        assert not answer(looking=True)
        with pytest.raises(PermissionError):
            answer(looking=False)
    staging.close()
    may_only_read(monkeypatch)
    assert answer(looking=True)


HOLD = """
import sys, time
from pathlib import Path
from lake.staging import alone
with alone(Path(sys.argv[1]), sys.argv[2], 5):
    print("held", flush=True)
    time.sleep(60)
"""


def test_another_process_is_waited_for_and_a_dead_one_is_not(tmp_path: Path) -> None:
    words = [sys.executable, "-c", HOLD, str(tmp_path), "A/B/C/bars/1m"]
    with subprocess.Popen(words, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(LakeError) as caught, alone(tmp_path, "A/B/C/bars/1m", 0.2):
            pass
        assert caught.value.code == "E_LOCKED"
        with alone(tmp_path, "A/B/OTHER/bars/1m", 0):
            pass
        holder.kill()
        holder.wait()
    with alone(tmp_path, "A/B/C/bars/1m", 0):
        pass


def test_threads_take_turns(tmp_path: Path) -> None:
    inside, most = [0], [0]

    def work() -> None:
        for _ in range(20):
            with alone(tmp_path, "series", 30):
                inside[0] += 1
                most[0] = max(most[0], inside[0])
                inside[0] -= 1

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most[0] == 1
    assert [path.name for path in tmp_path.iterdir()] == [".turns"]
