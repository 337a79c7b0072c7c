"""A second manifest: a whole copy of the lake's own as it is between two commits, and what its newest snapshot says."""

from __future__ import annotations

import os
import sqlite3
import time
from typing import TYPE_CHECKING, NamedTuple

from lake.errors import LakeError
from lake.manifest.connection import MIN_BUSY_S, Link, explained, open_reader

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from lake.manifest.query import Manifest

_HEAD = "SELECT id, hash, at_ns, log_end FROM snapshots ORDER BY id DESC LIMIT 1"
_FACTS_OF_THE_PLACE = (
    # Of processes there is nothing to know where the copy is used; nor has it a second copy of anything.
    "UPDATE runs SET status = 'interrupted' WHERE status = 'running'",
    "UPDATE moves SET hot_gone = 1 WHERE NOT hot_gone",
)
"""What no snapshot's hash covers, because it tells of the machine that the lake is on."""
_POLL_S = 0.02


class Head(NamedTuple):
    """The newest snapshot: its number, hash and time, and where its line in the commit log ends."""

    snapshot: int
    hash: str
    at_ns: int
    log_end: int


def head(manifest: Manifest) -> Head:
    """Return the newest snapshot; all zeros in a lake that has none."""
    row = manifest.read(lambda connection: connection.execute(_HEAD).fetchone())
    return Head(0, "", 0, 0) if row is None else Head(*row)


def hash_of(manifest: Manifest, snapshot: int) -> str:
    """Return a snapshot's hash; empty when there is no such snapshot."""
    row = manifest.read(
        lambda connection: connection.execute("SELECT hash FROM snapshots WHERE id = ?", (snapshot,)).fetchone()
    )
    return "" if row is None else str(row[0])


def copy_to(manifest: Manifest, path: Path) -> None:
    """Write the manifest to a new file, on disk when this returns; a commit waits while its pages are read.

    Runs under way are interrupted ones in the copy, and files that moved are in their tiers only. The lake may be one
    that can only be read; VACUUM INTO fails there, on tables with computed columns.

    Raises:
        LakeError: LOCKED when a writer is in the way for too long; MANIFEST_DAMAGED, DISK_FULL, STORAGE.
    """
    config = manifest.config
    head(manifest)  # a killed writer's journal is played back by this
    link = Link(lambda: open_reader(config.manifest, config.wait_s))
    path.touch(exist_ok=False)
    copy = sqlite3.connect(path, isolation_level=None)
    try:
        # The file is nobody's yet, is thrown away when this does not end well, and is synced at the end.
        copy.execute("PRAGMA journal_mode = OFF")
        copy.execute("PRAGMA synchronous = OFF")
        with explained(config.manifest), link.held() as connection:
            connection.backup(copy, progress=_patience(config.wait_s), sleep=_POLL_S)
        with explained(path):
            for statement in _FACTS_OF_THE_PLACE:
                copy.execute(statement)
            found = [str(row[0]) for row in copy.execute("PRAGMA quick_check(3)")]
    finally:
        copy.close()
        link.close()
    if found != ["ok"]:
        raise LakeError("MANIFEST_DAMAGED", f"the manifest cannot be copied: {found[0]}", where=str(config.manifest))
    with explained(path):
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _patience(wait_s: float) -> Callable[[int, int, int], None]:
    """Return what ends a copy that other connections keep from beginning."""
    deadline = time.monotonic() + max(wait_s, MIN_BUSY_S)

    def look(status: int, _left: int, _total: int) -> None:
        if status in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED} and time.monotonic() > deadline:
            raise LakeError("LOCKED", "a writer kept the manifest from being copied")

    return look
