"""A manifest made anew beside the one that is lost or damaged, and put in its place whole or not at all."""

from __future__ import annotations

import os
import sqlite3
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lake.manifest import connection as connections
from lake.manifest.connection import begin, explain, explained, open_writer, roll_back, roll_back_journal
from lake.manifest.decode import PATH
from lake.manifest.log import CommitLog, make_folder, sync_folder
from lake.manifest.replay import Replay

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from lake.config import Config
    from lake.manifest.log import Entry

_NEW = ".new"
_JOURNAL = "-journal"
_CACHE_KIB = 65_536
_DAMAGE = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_IOERR}
_LAST_MOVES = f"""SELECT moves.id, {PATH} FROM (SELECT max(id) AS id FROM moves GROUP BY file_id) AS last
    JOIN moves ON moves.id = last.id JOIN files ON files.id = file_id WHERE moves.tier <> 'hot'"""


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """A new manifest that is on disk and not yet in place."""

    path: Path
    snapshot: int
    records_lost: int
    """Records in quarantine that the log does not have."""


def rebuild(
    config: Config,
    log: Path,
    lake: str,
    commits: Sequence[Entry],
    *,
    is_hot: Callable[[str], bool],
    progress: Callable[[int, int], None],
) -> Rebuilt:
    """Make a manifest of commits of the log, in a file beside the lake's; nothing else is touched.

    Args:
        config: The lake.
        log: The commit log.
        lake: The lake's id.
        commits: The commits from the first one on; none makes a manifest without snapshots.
        is_hot: Tells whether the data root holds a copy of a file, by its path.
        progress: Told how many commits of how many are written.

    Raises:
        LakeError: UNREPAIRABLE when the log's hashes do not prove what was written; DISK_FULL, STORAGE.
    """
    from lake.manifest.lean import Database
    from lake.manifest.migrations import migrate

    path = config.manifest.with_name(config.manifest.name + _NEW)
    with explained(path):
        make_folder(path.parent)
        for left in (path, path.with_name(path.name + _JOURNAL)):
            left.unlink(missing_ok=True)
        connection = open_writer(path, config.wait_s, create=True)
        try:
            # Nobody else knows the file, and it is thrown away when this does not end well.
            connection.execute("PRAGMA journal_mode = OFF")
            connection.execute("PRAGMA synchronous = OFF")
            connection.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
            connection.execute("PRAGMA foreign_keys = OFF")
            migrate(Database(connection, execute_plugins=False), config.wait_s)
            connection.execute("BEGIN")
            connection.execute("UPDATE lake SET id = ?", (lake,))
            replay = Replay(connection, log)
            if commits:
                replay.all(commits, progress)
            _find_hot_copies(connection, is_hot)
            connection.execute("COMMIT")
            connection.execute(f"PRAGMA journal_mode = {connections.JOURNAL_MODE}")
        finally:
            connection.close()
        _sync(path)
    return Rebuilt(path, commits[-1].snapshot if commits else 0, replay.records_lost)


def _find_hot_copies(connection: sqlite3.Connection, is_hot: Callable[[str], bool]) -> None:
    """Tell of each file in a tier whether its hot copy is still to be removed: no commit says that it was."""
    gone = [(number,) for number, path in connection.execute(_LAST_MOVES) if not is_hot(path)]
    connection.executemany("UPDATE moves SET hot_gone = 1 WHERE id = ?", gone)


def is_readable(config: Config) -> bool:
    """Whether there is a manifest of which SQLite can read anything."""
    if not config.manifest.is_file():
        return False
    try:
        connection = connections.open_reader(config.manifest, config.wait_s)
        try:
            connection.execute("SELECT count(*) FROM snapshots").fetchone()
        finally:
            connection.close()
    except sqlite3.Error as error:
        if connections.is_busy(error):
            raise explain(error, config.manifest) from error
        return connections.is_hot_journal(error)
    return True


@contextmanager
def held_off(config: Config) -> Iterator[None]:
    """Keep writers away from the manifest that is about to be replaced, as far as it can be opened at all.

    One that waits meanwhile finds, when its turn comes, that another file lies in the manifest's place.

    Raises:
        LakeError: LOCKED while another process writes; STORAGE.
    """
    path = config.manifest
    if not path.is_file():
        yield
        return
    connection: sqlite3.Connection | None = None
    try:
        try:
            # On a connection of its own: the one that is held must never have had the journal open, which the new
            # manifest's first writer will use.
            roll_back_journal(path)
            connection = open_writer(path, config.wait_s)
            begin(connection, config.wait_s)
        except sqlite3.Error as error:
            if connections.primary(error) not in _DAMAGE:
                raise explain(error, path) from error
        yield
    finally:
        if connection is not None:
            roll_back(connection)
            connection.close()


def install(config: Config, rebuilt: Rebuilt, *, log: Path | None = None) -> list[str]:
    """Put a new manifest in the place of the old one, which is kept beside it; return the names of what is kept.

    Killed at any moment this leaves the old one or the new one in place, and never the new one with the old one's
    journal.

    Args:
        config: The lake.
        rebuilt: The new manifest.
        log: A commit log that is to be put in place before it, where there is none.
    """
    path = config.manifest
    journal = path.with_name(path.name + _JOURNAL)
    kept: list[str] = []
    with explained(path):
        if log is not None:
            log.rename(config.log)
            sync_folder(config.log.parent)
        old = aside(path)
        if path.exists():
            os.link(path, old)
            kept.append(old.name)
            sync_folder(path.parent)
        with suppress(FileNotFoundError):
            if journal.stat().st_size:
                journal.rename(old.with_name(old.name + _JOURNAL))
                kept.append(old.name + _JOURNAL)
            else:
                journal.unlink()
            sync_folder(path.parent)
        rebuilt.path.rename(path)
        sync_folder(path.parent)
    return kept


def aside(path: Path) -> Path:
    """Return a name beside a file, that nothing has yet, to keep the file under once it is replaced."""
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    free = path.with_name(f"{path.name}.broken-{stamp}")
    while os.path.lexists(free):
        free = free.with_name(f"{free.name}x")
    return free


def newest(config: Config) -> int:
    """Return the newest snapshot of a manifest that can be read in part at least; 0 when nothing can be told."""
    with suppress(sqlite3.Error):
        connection = connections.open_reader(config.manifest, config.wait_s)
        try:
            return int(connection.execute("SELECT coalesce(max(id), 0) FROM snapshots").fetchone()[0])
        finally:
            connection.close()
    return 0


def settle_log(config: Config, unreadable: int, aborted: Sequence[Entry]) -> None:
    """Mark in the log what is no part of the history that the manifest was made of."""
    marks = b'{"torn":%d}\n' % unreadable if unreadable else b""
    for entry in aborted:
        marks += b'{"aborted":%d,"hash":"%s"}\n' % (entry.snapshot, entry.hash.encode())
    if not marks:
        return
    with explained(config.log):
        log = CommitLog(config.log)
        try:
            log.append((b"" if log.ends_whole() else b"\n") + marks)
        finally:
            log.close()


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
