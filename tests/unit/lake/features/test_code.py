"""The version of the code that computed rows: the commit of the working directory, where there is one."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from lake.features.code import git_version

if TYPE_CHECKING:
    from pathlib import Path


def git(folder: Path, *words: str) -> str:
    named = ["-c", "user.name=a", "-c", "user.email=a@b"]
    command = [shutil.which("git") or "git", "-C", str(folder), *named, *words]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.fixture
def work_tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    git(tmp_path, "init")
    (tmp_path / "code.py").write_text("a = 1")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-m", "one")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_clean_work_tree_is_its_commit(work_tree: Path) -> None:
    assert git_version() == git(work_tree, "rev-parse", "HEAD")


def test_changed_files_are_told(work_tree: Path) -> None:
    (work_tree / "code.py").write_text("a = 2")
    assert git_version() == git(work_tree, "rev-parse", "HEAD") + "-dirty"


def test_a_folder_without_a_commit_tells_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    monkeypatch.chdir(tmp_path)
    assert git_version() == ""
    git(tmp_path, "init")
    assert git_version() == ""


def test_without_git_nothing_is_told(work_tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(work_tree))
    assert git_version() == ""
