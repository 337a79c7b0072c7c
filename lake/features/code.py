"""The version of the code that computed rows, where nobody says it: the git commit of the working directory."""

from __future__ import annotations

import shutil
import subprocess

_WAIT_S = 2.0
DIRTY = "-dirty"
"""Stands behind a commit from which the files of the working directory differ."""


def git_version() -> str:
    """Return the commit of the git work tree this process runs in; empty where there is none, or git does not tell."""
    git = shutil.which("git")
    if git is None:
        return ""
    commit = _said(git, "rev-parse", "--verify", "HEAD")
    if not commit:
        return ""
    changes = _said(git, "status", "--porcelain", "--untracked-files=no")
    return commit if changes == "" else commit + DIRTY


def _said(git: str, *words: str) -> str | None:
    """Return what git says; None where it fails, or takes too long."""
    try:
        done = subprocess.run(  # noqa: S603 -- git itself, with words of ours
            [git, *words], capture_output=True, text=True, timeout=_WAIT_S, check=True, stdin=subprocess.DEVNULL
        )
    except (OSError, subprocess.SubprocessError, UnicodeDecodeError):
        return None
    return done.stdout.strip()
