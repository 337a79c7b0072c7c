"""Connections to manifest.db: how they are opened, guarded and closed, and what SQLite's errors mean.

A connection carried across a fork makes SQLite lose committed rows: closing any descriptor of the file drops all of
the process's locks on it. So idle connections are closed before a fork and opened again after it in the parent; the
child is refused.
"""

from __future__ import annotations

import errno
import os
import sqlite3
import threading
import time
import weakref
from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.parse import quote

from lake.errors import LakeError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

VERSION = 7
"""The newest manifest this program knows: the number of its migrations."""
APPLICATION_ID = 0x444C414B  # "DLAK": marks the file as ours
JOURNAL_MODE = "truncate"
MIN_BUSY_S = 5.0
CACHE_KIB = 16_384
FORK_WAIT_S = 5.0
BUSY_SLICE_MS = 20

_PRIMARY = 0xFF
_DISK_FULL = {errno.ENOSPC, errno.EDQUOT}


def open_reader(path: Path, wait_s: float) -> sqlite3.Connection:
    """Open the manifest read-only; a writer's commit is waited for, for 5 seconds or more."""
    return _connect(path, "ro", max(wait_s, MIN_BUSY_S))


def open_writer(path: Path, wait_s: float, *, create: bool = False) -> sqlite3.Connection:
    """Open the manifest to write: rollback journal, every commit synced, transactions begun by hand."""
    connection = _connect(path, "rwc" if create else "rw", wait_s)
    try:
        connection.execute(f"PRAGMA journal_mode = {JOURNAL_MODE}")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
        # Below this size a transaction is not spilled, so readers are shut out only while it commits.
        connection.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
    except BaseException:
        connection.close()
        raise
    return connection


def _connect(path: Path, mode: str, wait_s: float) -> sqlite3.Connection:
    return sqlite3.connect(
        f"file:{quote(str(path))}?mode={mode}", uri=True, timeout=wait_s, isolation_level=None, check_same_thread=False
    )


def refuse_newer(found: int, path: Path) -> None:
    """Raise MANIFEST_TOO_NEW when the manifest's version is not known to this program."""
    if found > VERSION:
        message = f"the manifest is version {found}, and this dl-datalake knows versions up to {VERSION}"
        raise LakeError("MANIFEST_TOO_NEW", message, where=str(path))


def roll_back_journal(path: Path) -> None:
    """Undo what a killed writer left half done; a read-only connection cannot do that itself."""
    connection = _connect(path, "rw", MIN_BUSY_S)
    try:
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    finally:
        connection.close()


def begin(connection: sqlite3.Connection, wait_s: float) -> None:
    """Begin a transaction that holds the write lock from its start.

    A deferred one would fail at once, without waiting, when another writer commits between its first read and its
    first write. The wait is cut into short ones: left alone SQLite comes to poll ten times a second, and a writer that
    arrives later, hence polls faster, gets the lock again and again.
    """
    connection.execute(f"PRAGMA busy_timeout = {BUSY_SLICE_MS}")
    patiently(connection, "BEGIN IMMEDIATE", wait_s)


def patiently(connection: sqlite3.Connection, statement: str, wait_s: float) -> sqlite3.Cursor:
    """Run a statement again while other connections are in its way; the last error is raised after `wait_s`.

    A connection that has once begun a transaction waits for no statement by itself any more.
    """
    deadline = time.monotonic() + wait_s
    while True:
        try:
            return connection.execute(statement)
        except sqlite3.OperationalError as error:
            if not is_busy(error) or time.monotonic() >= deadline:
                raise


@contextmanager
def transaction(connection: sqlite3.Connection, wait_s: float) -> Iterator[None]:
    """Run the block in one transaction, committed at its end and undone when it raises."""
    begin(connection, wait_s)
    try:
        yield
        patiently(connection, "COMMIT", wait_s)
    except BaseException:
        roll_back(connection)
        raise


def roll_back(connection: sqlite3.Connection) -> None:
    """End the open transaction, if there is one, without hiding the error that led here."""
    try:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
    except sqlite3.Error:
        pass


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn errors of SQLite and of the file system into LakeErrors."""
    try:
        yield
    except sqlite3.Error as error:
        raise explain(error, path) from error
    except UnicodeDecodeError as error:  # in a text, or in SQLite's own words about one
        raise LakeError("MANIFEST_DAMAGED", f"the manifest holds what is no text: {error}", where=str(path)) from error
    except OSError as error:
        code = "DISK_FULL" if error.errno in _DISK_FULL else "STORAGE"
        raise LakeError(code, str(error.strerror or error), where=str(error.filename or path)) from error


def explain(error: sqlite3.Error, path: Path) -> LakeError:
    """Return the LakeError that says what SQLite's error means for the lake."""
    kind = primary(error)
    codes = {
        sqlite3.SQLITE_BUSY: "LOCKED",
        sqlite3.SQLITE_LOCKED: "LOCKED",
        sqlite3.SQLITE_CORRUPT: "MANIFEST_DAMAGED",
        sqlite3.SQLITE_NOTADB: "MANIFEST_DAMAGED",
        sqlite3.SQLITE_FULL: "DISK_FULL",
        sqlite3.SQLITE_READONLY: "STORAGE",
        sqlite3.SQLITE_IOERR: "STORAGE",
        sqlite3.SQLITE_CANTOPEN: "STORAGE",
        sqlite3.SQLITE_PERM: "STORAGE",
    }
    code = codes.get(kind, "UNEXPECTED") if kind is not None else "UNEXPECTED"
    if is_hot_journal(error):
        why = "A writer was killed; its rollback journal must be played back by a user who may write here."
        return LakeError(code, str(error), where=str(path), why=why, fix=["run `dl list` as the lake's owner"])
    return LakeError(code, str(error), where=str(path))


def is_busy(error: sqlite3.Error) -> bool:
    """Whether another connection was in the way, so that the same can be tried again."""
    return primary(error) == sqlite3.SQLITE_BUSY


def primary(error: sqlite3.Error) -> int | None:
    """Return the kind of SQLite's error, such as SQLITE_CORRUPT; None when it is none of SQLite's own."""
    number: int | None = getattr(error, "sqlite_errorcode", None)
    return None if number is None else number & _PRIMARY


def is_hot_journal(error: sqlite3.Error) -> bool:
    """Whether a read-only connection met the rollback journal of a killed writer."""
    return getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_READONLY_ROLLBACK


_links: weakref.WeakSet[Link] = weakref.WeakSet()


class Link:
    """One guarded connection: opened when first used, used by one thread at a time, in one process only."""

    def __init__(self, opener: Callable[[], sqlite3.Connection], path: Path | None = None) -> None:
        """Remember how to open it, and for whom; at `path`, another file may come to lie one day."""
        self._opener, self._path = opener, path
        self._file: tuple[int, int] | None = None
        self._depth = 0
        self._pid = os.getpid()
        self._lock = threading.RLock()
        self._connection: sqlite3.Connection | None = None
        self._closed = False
        self._parked = False
        _links.add(self)

    @contextmanager
    def held(self) -> Iterator[sqlite3.Connection]:
        """Lend the connection to this thread.

        Raises:
            LakeError: FORKED in another process than the one that made the link; UNEXPECTED once closed.
        """
        self.refuse_other_process()
        with self._lock:
            if self._closed:
                raise LakeError("UNEXPECTED", "the lake is used after it was closed", fix=["open the lake again"])
            if self._depth == 0 and self.is_replaced():
                self.reopen()
            if self._connection is None:
                self._file = self._there()
                self._connection = self._opener()
            self._depth += 1
            try:
                yield self._connection
            finally:
                self._depth -= 1

    def is_replaced(self) -> bool:
        """Whether another file lies at the path by now, as after a repair: what is written to this one is lost."""
        return self._connection is not None and self._file is not None and self._there() not in {None, self._file}

    def _there(self) -> tuple[int, int] | None:
        if self._path is None:
            return None
        try:
            found = os.stat(self._path)  # noqa: PTH116 -- half a path's cost, at every read
        except OSError:
            return None
        return found.st_dev, found.st_ino

    def is_ours(self) -> bool:
        """Whether this is the process that made the link."""
        return os.getpid() == self._pid

    def refuse_other_process(self) -> None:
        """Raise FORKED in any process but the one that made the link."""
        if not self.is_ours():
            raise LakeError("FORKED", f"the lake was opened by process {self._pid} and is used in {os.getpid()}")

    def reopen(self) -> None:
        """Close the connection, so that the next use starts on a fresh one."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def close(self) -> None:
        """Close for good; in a forked child this touches nothing of the parent's."""
        if not self.is_ours():
            return
        with self._lock:
            self._closed = True
            self.reopen()

    def park(self) -> None:
        """Before a fork: wait for the statement under way, then leave no open descriptor to inherit."""
        self._parked = self._lock.acquire(timeout=FORK_WAIT_S)
        if self._parked and self._connection is not None and not self._connection.in_transaction:
            self.reopen()

    def unpark(self) -> None:
        """After a fork, in the parent: go on."""
        if self._parked:
            self._parked = False
            self._lock.release()

    def abandon(self) -> None:
        """After a fork, in the child: never free a connection that could not be parked.

        Freeing it would roll back, on disk, the transaction the parent is in.
        """
        if self._connection is not None:
            import ctypes

            ctypes.pythonapi.Py_IncRef(ctypes.py_object(self._connection))
            self._connection = None
        self._lock = threading.RLock()
        self._parked = False
        self._depth = 0


def _each_link(action: Callable[[Link], None]) -> None:
    for link in list(_links):
        action(link)


os.register_at_fork(
    before=lambda: _each_link(Link.park),
    after_in_parent=lambda: _each_link(Link.unpark),
    after_in_child=lambda: _each_link(Link.abandon),
)
