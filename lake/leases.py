"""Leases: what a reader or a run under way may still read, so that it is not given back below it.

A lease is a lock on bytes of one file, whose offsets are the numbers of snapshots. The kernel lets go of the leases of
a process that died, and a lease that cannot be had, on a lake that may only be read, is done without.
"""

from __future__ import annotations

import fcntl
import os
import struct
import threading
from collections import Counter
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Self

from lake import layout

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from lake.config import Config

_NAME = ".leases"
_LOCK = "hhqqi4x"
END = 2**62
"""Behind every snapshot there will ever be."""


def _flock(kind: int, first: int, length: int) -> bytes:
    return struct.pack(_LOCK, kind, os.SEEK_SET, first, length, 0)


def _open(data: Path) -> int | None:
    path = data / layout.STAGING / _NAME
    with suppress(OSError):
        path.parent.mkdir(exist_ok=True)
        return os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o666)
    with suppress(OSError):
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    return None


def prepare(config: Config) -> None:
    """Make the file that leases are taken on, so that reading makes none."""
    descriptor = _open(config.data)
    if descriptor is not None:
        os.close(descriptor)


class _Table:
    """The leases of this process on one lake: one descriptor, and how often each snapshot is held."""

    def __init__(self, data: Path) -> None:
        self._descriptor = _open(data)
        self._held: Counter[int] = Counter()
        self._lock = threading.Lock()

    def take(self, snapshot: int) -> None:
        with self._lock:
            self._held[snapshot] += 1
            if self._held[snapshot] == 1 and self._descriptor is not None:
                with suppress(OSError):
                    fcntl.fcntl(self._descriptor, fcntl.F_OFD_SETLK, _flock(fcntl.F_RDLCK, snapshot, 1))

    def drop(self, snapshot: int) -> None:
        with self._lock:
            self._held[snapshot] -= 1
            if not self._held[snapshot]:
                del self._held[snapshot]
                if self._descriptor is not None:
                    with suppress(OSError):
                        fcntl.fcntl(self._descriptor, fcntl.F_OFD_SETLK, _flock(fcntl.F_UNLCK, snapshot, 1))


_tables: dict[Path, _Table] = {}
_guard = threading.Lock()


def _forget_parents() -> None:
    """In a forked child: the descriptors are the parent's, and so are its leases."""
    global _guard  # noqa: PLW0603 -- another thread of the parent may have held it
    _guard = threading.Lock()
    _tables.clear()


os.register_at_fork(after_in_child=_forget_parents)


class Lease:
    """A snapshot that is being read; what it needs stays until `close`, or until nobody has the lease any more."""

    def __init__(self, config: Config, snapshot: int) -> None:
        """Take it. Whether the snapshot was forgotten just before, the caller asks afterwards."""
        with _guard:
            table = _tables.get(config.data)
            if table is None:
                table = _tables[config.data] = _Table(config.data)
        self._table: _Table | None = table
        self._pid = os.getpid()
        self.snapshot = snapshot
        table.take(snapshot)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of it."""
        table, self._table = self._table, None
        if table is not None and self._pid == os.getpid():
            table.drop(self.snapshot)

    def __del__(self) -> None:
        """Let go of it with the last one who has it."""
        self.close()


@contextmanager
def since(config: Config, snapshot: int) -> Iterator[None]:
    """Hold a snapshot and all that follow it: what a run that writes may read."""
    descriptor = _open(config.data)
    try:
        if descriptor is not None:
            with suppress(OSError):
                fcntl.fcntl(descriptor, fcntl.F_OFD_SETLK, _flock(fcntl.F_RDLCK, snapshot, 0))
        yield
    finally:
        if descriptor is not None:
            os.close(descriptor)


def held(config: Config) -> list[tuple[int, int]]:
    """Return the spans of snapshots, first and last, that anybody holds now."""
    descriptor = _open(config.data)
    if descriptor is None:
        return []
    try:
        return sorted(_conflicts(descriptor, 0, END))
    finally:
        os.close(descriptor)


def _conflicts(descriptor: int, first: int, end: int) -> Iterator[tuple[int, int]]:
    """Yield what is locked of [first, end): the kernel tells of one lock at a time, not always the first."""
    todo = [(first, end)]
    while todo:
        low, high = todo.pop()
        if low >= high:
            continue
        answer = fcntl.fcntl(descriptor, fcntl.F_OFD_GETLK, _flock(fcntl.F_WRLCK, low, high - low))
        kind, _, start, length, _ = struct.unpack(_LOCK, answer)
        if kind == fcntl.F_UNLCK:
            continue
        stop = high if length == 0 else min(high, start + length)
        start = max(low, start)
        yield (start, stop - 1)
        todo += [(low, start), (stop, high)]
