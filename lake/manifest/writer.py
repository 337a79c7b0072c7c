"""The one way to change the manifest: each change is one transaction that holds the write lock from its start.

The order of a commit: write the rows; hash them; append the document to the log and sync it; COMMIT; only then
acknowledge. A COMMIT that reports an error may still have happened, so its snapshot is looked up afterwards.
"""

from __future__ import annotations

import json
import secrets
import sqlite3
import time
from contextlib import suppress
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Self

from lake.errors import LakeError
from lake.manifest import connection as connections
from lake.manifest.chain import digest_of, document, quarantined
from lake.manifest.connection import Link, begin, explained, patiently, roll_back, transaction
from lake.manifest.failures import record_failures
from lake.manifest.log import CommitLog, canonical, line_of
from lake.manifest.placing import mark_hot_gone
from lake.manifest.process import Process, is_gone, this_process
from lake.manifest.proof import took_place
from lake.manifest.record import Parent, Recording, refuse_unbalanced
from lake.manifest.rows import RunRecord

if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import TracebackType

    from lake.config import Config
    from lake.manifest.lean import Database
    from lake.manifest.rows import Change, RunStatus
    from schemas.keys import Address

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_RANDOM_BITS = 80
_ID_CHARACTERS = 26
_MARK_WAIT_S = 1.0
CAUSE: ContextVar[str] = ContextVar("cause", default="")
"""What sets off the runs that begin in this context, such as `prefect:<flow run id>`."""


class Writer:
    """The manifest opened to write; a context manager, short-lived, one in a process at a time."""

    def __init__(self, config: Config, *, wait_s: float | None = None) -> None:
        """Open the lake's manifest.

        Args:
            config: The lake.
            wait_s: Seconds to wait for another writer; the configuration's unless given.

        Raises:
            LakeError: LAKE_NOT_INITIALISED, MANIFEST_TOO_NEW, MANIFEST_DAMAGED, STORAGE.
        """
        # Its import takes a while: not while the write lock is held.
        from lake.manifest.lean import Database
        from lake.manifest.query import Manifest

        self._database = Database
        # An older manifest is migrated, and a newer one refused, by the reader's way in.
        Manifest.open(config).close()
        self.config = config
        self._path = config.manifest
        self._wait_s = config.wait_s if wait_s is None else wait_s
        self._link = Link(lambda: connections.open_writer(self._path, self._wait_s), self._path)
        self._logged = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection."""
        self._link.close()

    def _wrapped(self, connection: sqlite3.Connection) -> Database:
        return self._database(connection, execute_plugins=False)

    # ---- runs

    def start_run(self, kind: str, command: str) -> str:
        """Record that a run began, and that runs whose process is gone were interrupted; return its id."""
        run = new_run(kind, command)
        with explained(self._path), self._link.held() as connection, transaction(connection, self._wait_s):
            _mark_interrupted(connection, run)
            _insert_run(self._wrapped(connection), run)
        return run.id

    def end_run(self, run_id: str, status: RunStatus, error: dict[str, Any] | None = None) -> None:
        """Record how a run ended, with the error it ended with.

        Raises:
            LakeError: UNKNOWN_RUN when it never began.
        """
        with explained(self._path), self._link.held() as connection, transaction(connection, self._wait_s):
            _end_run(connection, run_id, status, error)

    def record_failures(self, run_id: str, failures: Iterable[tuple[Address, str, str, str]]) -> None:
        """Record partitions that could not be made: address, partition, code and message of each.

        A failure stands until its partition is committed, or fails again.
        """
        with explained(self._path), self._link.held() as connection, transaction(connection, self._wait_s):
            record_failures(connection, run_id, failures)

    # ---- snapshots

    def newest(self) -> int:
        """Return the number of the newest snapshot; 0 when there is none."""
        with explained(self._path), self._link.held() as connection:
            found = patiently(connection, "SELECT coalesce(max(id), 0) FROM snapshots", self._wait_s).fetchone()
        return int(found[0])

    def commit(self, change: Change) -> int:
        """Make the change the next snapshot; once this returns, it is on disk.

        After any other exception than those named here by class, the outcome may be unknown: unlink nothing.

        Returns:
            The new snapshot's number.

        Raises:
            Conflict: Another writer changed one of the partitions first; nothing was written.
            AlreadyIngested: The same ingest became current meanwhile; nothing was written.
            LakeError: SYMBOL_CASE, DERIVED, UNKNOWN_FEATURES, FEATURE_CHANGED, LOCKED, DISK_FULL, STORAGE,
                MANIFEST_DAMAGED.
        """
        refuse_unbalanced(change)
        with explained(self._path), self._link.held() as connection:
            begin(connection, self._wait_s)
            self._logged = False
            try:
                self._refuse_replaced()
                snapshot, digest = self._write(connection, change)
            except BaseException:
                # In a child that was forked in here the transaction is its parent's, who goes on with it.
                if self._link.is_ours():
                    self._give_up(connection)
                raise
            self._finish(connection, digest)
        return snapshot

    def _refuse_replaced(self) -> None:
        if self._link.is_replaced():
            message = "the manifest was repaired or restored while this waited for its turn"
            raise LakeError("LOCKED", message, where=str(self._path), fix=["run it again"])

    def _write(self, connection: sqlite3.Connection, change: Change) -> tuple[int, str]:
        """Write the rows and the log's line; return the snapshot's number and hash."""
        db = self._wrapped(connection)
        parent = _parent(connection)
        if change.run is not None:
            _insert_run(db, change.run)
        recording = Recording(db, change, parent)
        recording.write()
        if change.run is not None or change.ends_run:
            _end_run(connection, change.run_id, "ok", None)
        connection.execute("UPDATE runs SET snapshot = ? WHERE id = ?", (recording.snapshot, change.run_id))
        # Late, so that a snapshot is hardly older than the moment it can first be seen. Microseconds, as clocks print
        # them, so that the time a user copies back finds the same snapshot.
        now_ns = time.time_ns() // 1000 * 1000
        recording.date(max(now_ns, parent.at_ns + 1000))
        body = canonical(document(connection, recording.snapshot))
        digest = digest_of(body)
        log = CommitLog(self.config.log)
        try:
            log.write(self._marks(log, parent))
            for line in quarantined(connection, recording.snapshot, digest):
                log.write(line)
            data = line_of(body, digest)
            connection.execute(
                "UPDATE snapshots SET hash = ?, log_end = ? WHERE id = ?",
                (digest, log.size + len(data), recording.snapshot),
            )
            log.append(data)
            self._logged = True
        finally:
            log.close()
        return recording.snapshot, digest

    def _marks(self, log: CommitLog, parent: Parent) -> bytes:
        return log.marks(parent.log_end, parent.id, parent.hash, lambda entry: took_place(self.config, entry))

    def _give_up(self, connection: sqlite3.Connection) -> None:
        """Undo the open transaction; say so in the log at once, where it can be said, and not with the next commit.

        So a commit at the log's end without a mark is hardly ever one that did not take place, should the manifest be
        lost.
        """
        roll_back(connection)
        if self._logged:
            self._logged = False
            with suppress(sqlite3.Error, OSError, LakeError):
                self._mark_behind(connection)

    def _mark_behind(self, connection: sqlite3.Connection) -> None:
        with transaction(connection, min(self._wait_s, _MARK_WAIT_S)):
            parent = _parent(connection)
            log = CommitLog(self.config.log)
            try:
                marks = self._marks(log, parent)
                if marks:
                    log.append(marks)
            finally:
                log.close()

    def _finish(self, connection: sqlite3.Connection, digest: str) -> None:
        try:
            patiently(connection, "COMMIT", self._wait_s)
        except sqlite3.Error as error:
            if connections.is_busy(error) and connection.in_transaction:
                # Readers held on for too long; the transaction is whole, and undone by us.
                self._give_up(connection)
                raise
            if not self._happened(digest):
                with self._link.held() as fresh:
                    self._give_up(fresh)
                raise

    def _happened(self, digest: str) -> bool:
        """Look up, on a fresh connection, whether a commit of unknown outcome took place."""
        try:
            self._link.reopen()
            # Written to and synced once more: the end of the failed commit's journal is on disk with it.
            with self._link.held() as connection, transaction(connection, self._wait_s):
                return connection.execute("UPDATE snapshots SET hash = hash WHERE hash = ?", (digest,)).rowcount == 1
        except sqlite3.Error as error:
            message = f"the commit's outcome is unknown: {error}"
            why = "The disk failed while the commit was written; it may or may not have taken place."
            raise LakeError(
                "STORAGE", message, where=str(self._path), why=why, fix=["check the disk", "run it again: it is safe"]
            ) from error

    def mark_hot_gone(self, file_ids: Iterable[int]) -> None:
        """Record that the hot copies of files that were moved to another tier are removed."""
        with explained(self._path), self._link.held() as connection, transaction(connection, self._wait_s):
            mark_hot_gone(connection, file_ids)


def new_run(kind: str, command: str) -> RunRecord:
    """Return a run that begins now in this process, not yet written; ids sort by time."""
    now_ns = time.time_ns()
    number = now_ns // 10**6 << _RANDOM_BITS | secrets.randbits(_RANDOM_BITS)
    letters = (_ALPHABET[number >> 5 * place & 31] for place in reversed(range(_ID_CHARACTERS)))
    here = this_process()
    return RunRecord(
        "".join(letters), kind, command, now_ns, here.pid, here.host, here.boot_id, CAUSE.get(), here.start
    )


def _parent(connection: sqlite3.Connection) -> Parent:
    row = connection.execute("SELECT id, hash, at_ns, log_end FROM snapshots ORDER BY id DESC LIMIT 1").fetchone()
    if row is None:
        row = (0, connection.execute("SELECT id FROM lake").fetchone()[0], 0, 0)
    return Parent(*row)


def _insert_run(db: Database, run: RunRecord) -> None:
    db.table("runs").insert(
        {
            "id": run.id,
            "kind": run.kind,
            "status": "running",
            "started_ns": run.started_ns,
            "pid": run.pid,
            "host": run.host,
            "boot_id": run.boot_id,
            "command": run.command,
            "cause": run.cause,
            "process_start": run.process_start,
        }
    )


def _end_run(connection: sqlite3.Connection, run_id: str, status: RunStatus, error: dict[str, Any] | None) -> None:
    cursor = connection.execute(
        "UPDATE runs SET status = ?, ended_ns = ?, error = ? WHERE id = ?",
        (status, time.time_ns(), None if error is None else json.dumps(error, ensure_ascii=False), run_id),
    )
    if cursor.rowcount == 0:
        raise LakeError("UNKNOWN_RUN", f"there is no run {run_id}")


def _mark_interrupted(connection: sqlite3.Connection, now: RunRecord) -> None:
    """A run of this machine that is still running although its process is gone was killed."""
    running = connection.execute("SELECT id, pid, host, boot_id, process_start FROM runs WHERE status = 'running'")
    here = Process(now.pid, now.host, now.boot_id, now.process_start)
    gone = [(run_id,) for run_id, *process in running.fetchall() if is_gone(Process(*process), here)]
    connection.executemany("UPDATE runs SET status = 'interrupted' WHERE id = ?", gone)
