"""The folder a run stages its files in, locked while the run lives; and what the file system's errors mean.

What is staged says in its footer how far the lake was; what is committed is marked by its mode.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import itertools
import os
import shutil
import struct
import tempfile
import time
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING

from lake import layout
from lake.errors import LakeError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

_POLL_S = 0.02
_MAY_NOT = {errno.EACCES, errno.EPERM, errno.EROFS}
STAND: ContextVar[Callable[[], tuple[str, int]] | None] = ContextVar("stand", default=None)
"""Tells the lake's id and its newest snapshot, for the files that a run stages from here on."""


class Staging:
    """One run's staging folder, locked for as long as the run lives."""

    def __init__(self, data: Path, run_id: str, *, dry: bool = False) -> None:
        """Create the folder and take its lock; first sweep what dead runs left behind.

        A dry run of who may not write to the lake has its folder among the system's temporary files: nobody else has
        to know of it, for nothing that it stages is to become the lake's.
        """
        base = data / layout.STAGING
        self._lock: int | None = None
        try:
            base.mkdir(parents=True, exist_ok=True)
            with _gate(base):
                sweep(base)
                self.folder = base / run_id
                self.folder.mkdir()
                self._lock = os.open(self.folder / "lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o644)
                fcntl.flock(self._lock, fcntl.LOCK_EX)
        except OSError as error:
            if not (dry and error.errno in _MAY_NOT):
                raise storage_error(error, base) from error
            self.folder = Path(tempfile.mkdtemp(prefix="dl-dry-run-"))
        self._numbers = itertools.count()
        self._stand = STAND.get()

    def stand(self) -> dict[str, str]:
        """Return the lake and its newest snapshot as a file's footer tells them; nothing outside a run. Thread safe.

        A file that takes another one's place tells of a later snapshot than that one, whatever the clocks said.
        """
        if self._stand is None:
            return {}
        lake, newest = self._stand()
        return {"dl.lake": lake, "dl.base": str(newest)}

    def path(self, suffix: str = ".parquet.tmp") -> Path:
        """Return a path nothing lies at yet. Thread safe."""
        return self.folder / f"{next(self._numbers):06d}{suffix}"

    def close(self) -> None:
        """Remove the folder with whatever is left in it."""
        shutil.rmtree(self.folder, ignore_errors=True)
        if self._lock is not None:
            with suppress(OSError):
                os.close(self._lock)


@contextmanager
def _gate(base: Path, *, looking: bool = False) -> Iterator[None]:
    """Let one run at a time sweep and make its folder, so that a folder without a lock is known to be dead.

    Who only looks, and may not write, takes it as it can be had: without it a run that begins may be overlooked.
    """
    gate = _opened(base / ".gate", looking=looking)
    try:
        if gate is not None:
            fcntl.flock(gate, fcntl.LOCK_EX)
        yield
    finally:
        if gate is not None:
            os.close(gate)


def _opened(path: Path, *, looking: bool) -> int | None:
    """Open the gate; to read only, where it may not be written and one only looks, and None where not even so."""
    try:
        return os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o644)
    except OSError as error:
        if not (looking and error.errno in _MAY_NOT):
            raise
    with suppress(OSError):
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    return None


def sweep(base: Path) -> None:
    """Remove the staging folders whose run is dead: it has no lock, or the kernel let go of it."""
    for folder in base.iterdir():
        if folder.is_dir() and not _is_alive(folder):
            shutil.rmtree(folder, ignore_errors=True)


def dead(base: Path) -> list[Path]:
    """Return the staging folders whose run is dead; the next run removes them. OSError where none may be made."""
    if not base.is_dir():
        return []
    with _gate(base):
        return [folder for folder in sorted(base.iterdir()) if folder.is_dir() and not _is_alive(folder)]


def _is_alive(folder: Path) -> bool:
    """Whether a run holds the lock of its staging folder; asked behind the gate, where no folder is without one."""
    try:
        # A lock is taken of what is open to read as well, which is all that somebody else may do.
        lock = os.open(folder / "lock", os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    except PermissionError:
        return True
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    else:
        return False
    finally:
        os.close(lock)


@contextmanager
def alone(base: Path, name: str, wait_s: float) -> Iterator[None]:
    """Do something that only one process or thread at a time may do to what is named; the kernel lets go of the dead.

    Every name is one byte of one file, so that no lock files pile up.

    Raises:
        LakeError: LOCKED when another one has not finished in time; STORAGE.
    """
    place = int.from_bytes(hashlib.sha256(name.encode()).digest()[:7])
    lock = struct.pack("hhqqi4x", fcntl.F_WRLCK, os.SEEK_SET, place, 1, 0)
    deadline = time.monotonic() + wait_s
    try:
        base.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(base / ".turns", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise storage_error(error, base) from error
    try:
        while True:
            try:
                fcntl.fcntl(descriptor, fcntl.F_OFD_SETLK, lock)
                break
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    raise LakeError("LOCKED", f"another run is at work on {name}", where=str(base)) from None
                time.sleep(_POLL_S)
        yield
    finally:
        os.close(descriptor)


@contextmanager
def tiers_turn(data: Path, wait_s: float) -> Iterator[None]:
    """Let one run at a time move files between places; LakeError LOCKED when another one does for too long."""
    path = data / layout.STAGING / ".offload"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise storage_error(error, path) from error
    deadline = time.monotonic() + wait_s
    try:
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    message = "another offload, restore or vacuum is under way"
                    raise LakeError("LOCKED", message, where=str(path)) from None
                time.sleep(_POLL_S)
        yield
    finally:
        os.close(descriptor)


@contextmanager
def quiet(data: Path, *, clean: bool, looking: bool = False) -> Iterator[bool]:
    """Keep runs from beginning to stage files; yield whether none is staging now.

    Args:
        data: The data root.
        clean: Whether to sweep what dead runs left.
        looking: Whether nothing hangs on it but an answer, which one who may not write is to have too.
    """
    base = data / layout.STAGING
    if looking and not base.is_dir():
        yield True
        return
    base.mkdir(parents=True, exist_ok=True)
    with _gate(base, looking=looking):
        if clean:
            sweep(base)
        yield not any(_is_alive(folder) for folder in base.iterdir() if folder.is_dir())


def protect(data: Path, paths: Iterable[str]) -> None:
    """Mark files of a commit that took place: nobody may write to them, which tells them from those of none."""
    for path in paths:
        with suppress(OSError):
            (data / path).chmod(layout.READ_ONLY)


def storage_error(error: OSError, where: Path | str) -> LakeError:
    """Translate what the file system said."""
    code = "DISK_FULL" if error.errno in {errno.ENOSPC, errno.EDQUOT} else "STORAGE"
    return LakeError(code, f"could not write: {error.strerror or error}", where=str(error.filename or where))
