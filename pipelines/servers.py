"""The Prefect server: where it is, whether it answers, and one of our own where there is none."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from lake.errors import LakeError
from pipelines.prefect_environment import settle

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

DEFAULT_URL = "http://127.0.0.1:4200/api"
START_S = 180.0
_ANSWER_S = 5.0
_STOP_S = 20.0
_HERE = {"127.0.0.1", "localhost", "::1"}
_SIGNAL_AT_PARENTS_DEATH = 1


def api_url() -> str:
    """Return where Prefect's server is said to be, by PREFECT_API_URL or its own profile, else on this machine."""
    settle()
    if "PREFECT_API_URL" in os.environ:
        return os.environ["PREFECT_API_URL"]
    from prefect.settings import PREFECT_API_URL

    return PREFECT_API_URL.value() or DEFAULT_URL


def is_up(url: str) -> bool:
    """Return whether a server answers there."""
    try:
        with urllib.request.urlopen(url.rstrip("/") + "/health", timeout=_ANSWER_S) as answer:  # noqa: S310 - the user's own server
            return bool(answer.status == 200)
    except (OSError, ValueError):
        return False


@contextmanager
def connected() -> Iterator[str]:
    """Let Prefect, in this process and those it starts, use the server; yield its address.

    Raises:
        LakeError: PREFECT_DOWN when no server answers.
    """
    url = api_url()
    if not is_up(url):
        raise LakeError("PREFECT_DOWN", f"no Prefect server answers at {url}", where="PREFECT_API_URL")
    os.environ["PREFECT_API_URL"] = url
    from prefect.settings import PREFECT_API_URL, temporary_settings

    with temporary_settings(updates={PREFECT_API_URL: url}):
        yield url


@contextmanager
def provided() -> Iterator[bool]:
    """Have a server: the one that answers, else one of our own, which stops when the block is left, or we are killed.

    It listens on this machine only. Yields whether it is our own.

    Raises:
        LakeError: PREFECT_DOWN when the server is on another machine and does not answer, or ours does not start.
    """
    url = api_url()
    if is_up(url):
        yield False
        return
    parts = urlsplit(url)
    if parts.hostname not in _HERE:
        raise LakeError("PREFECT_DOWN", f"no Prefect server answers at {url}, which is not this machine")
    words = [sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(parts.port or 80)]
    log = _log()
    with log.open("ab") as stream:
        child = subprocess.Popen(  # noqa: S603 - our own words
            words,
            stdout=stream,
            stderr=stream,
            start_new_session=True,
            preexec_fn=_end_with_parent,  # noqa: PLW1509 - no thread runs yet
        )
    try:
        deadline = time.monotonic() + START_S
        while not is_up(url):
            if child.poll() is not None or time.monotonic() > deadline:
                raise LakeError("PREFECT_DOWN", "the Prefect server did not start", where=str(log))
            time.sleep(0.5)
        yield True
    finally:
        child.terminate()
        try:
            child.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


def _log() -> Path:
    """Return where our own server writes what it has to say; the one before is kept."""
    from prefect.settings import PREFECT_HOME

    log: Path = PREFECT_HOME.value() / "dl-server.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    if log.exists():
        log.replace(log.with_suffix(".log.1"))
    return log


def _end_with_parent() -> None:
    """Have the kernel end the server when this process is killed and cannot do it itself."""
    ctypes.CDLL(None).prctl(_SIGNAL_AT_PARENTS_DEATH, signal.SIGTERM)
