"""What tells of the manifest's health without reading all of it: its log, its runs, and the SQLite below it."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, NamedTuple

from lake.manifest.log import entries, unsettled
from lake.manifest.process import Process, is_gone, this_process
from lake.manifest.proof import is_lost

if TYPE_CHECKING:
    from lake.manifest.query import Manifest

_RUNNING = "SELECT id, command, pid, host, boot_id, process_start FROM runs WHERE status = 'running' ORDER BY id"
_FIRST_BAD, _FIXED = (3, 7, 0), (3, 51, 3)
_ALSO_FIXED = ((3, 50, 7), (3, 44, 6))
"""Later releases of older lines that have the fix."""


class LogTail(NamedTuple):
    """How the commit log ends beside the manifest."""

    size: int
    known: int
    """How much of it the manifest knows of."""
    newest: int
    """The manifest's newest snapshot."""
    ahead: int
    """The newest snapshot that the log tells of and the manifest does not have; 0 when there is none but one that may
    be under way, or was cut short."""


class Running(NamedTuple):
    """A run that never ended."""

    id: str
    command: str
    host: str
    gone: bool
    """Whether its process is known to be gone."""


def log_tail(manifest: Manifest) -> LogTail:
    """Look at the end of the commit log."""
    log = manifest.config.log

    def look(connection: sqlite3.Connection) -> tuple[tuple[int, str, int], int]:
        row = connection.execute("SELECT id, hash, log_end FROM snapshots ORDER BY id DESC LIMIT 1").fetchone()
        # While this reads no commit can end, so the log is at most one snapshot ahead.
        return row or (0, "", 0), log.stat().st_size if log.exists() else 0

    (newest, digest, known), size = manifest.read(look)
    rest = unsettled(entries(log, known, size)).commits if size > known else []
    expected = len(rest) == 1 and rest[0].snapshot == newest + 1 and (not digest or rest[0].parent_hash == digest)
    expected = expected and not is_lost(manifest.read, manifest.config, rest[0])
    return LogTail(size, known, newest, 0 if expected or not rest else max(entry.snapshot for entry in rest))


def running(manifest: Manifest) -> list[Running]:
    """Return the runs that are under way, or whose process died."""
    here = this_process()
    rows = manifest.read(lambda connection: connection.execute(_RUNNING).fetchall())
    return [Running(row[0], row[1], row[3], is_gone(Process(*row[2:]), here)) for row in rows]


def may_lose_commits() -> bool:
    """Whether this SQLite can lose committed transactions in WAL mode, when one connection restarts the log."""
    return is_of_bad_range(sqlite3.sqlite_version_info)


def is_of_bad_range(found: tuple[int, ...]) -> bool:
    """Whether a release of SQLite has the fault that 3.51.3 mends: 3.7.0 to 3.51.2, but 3.50.7 on and 3.44.6 on."""
    mended = any(found[:2] == fixed[:2] and found >= fixed for fixed in _ALSO_FIXED)
    return _FIRST_BAD <= found < _FIXED and not mended
