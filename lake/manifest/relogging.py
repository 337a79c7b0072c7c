"""Writing the commit log anew from a manifest that proves itself, each line where the manifest says it ends."""

from __future__ import annotations

import os
from contextlib import nullcontext
from typing import TYPE_CHECKING, BinaryIO

from lake.errors import LakeError
from lake.manifest.chain import QuarantineDigest, digest_of, document, quarantined
from lake.manifest.connection import begin, explained, open_writer, roll_back
from lake.manifest.log import canonical, line_of, make_folder, sync_folder
from lake.manifest.rebuilding import aside

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterator

    from lake.config import Config

_FILLER = b'{"torn":0}'
"""A mark that says nothing; spaces behind it fill what once was marks, or lines that were never whole."""


def rewrite_log(config: Config, progress: Callable[[int, int], None], *, dry_run: bool) -> tuple[int, str | None]:
    """Put a log of every snapshot in the place of the one that is damaged or missing, which is kept beside it.

    Returns:
        How many snapshots it tells of, and the name of the old log where there was one.

    Raises:
        LakeError: UNREPAIRABLE when a snapshot in the manifest does not have the hash it should; LOCKED, STORAGE.
    """
    new = config.log.with_name(config.log.name + ".new")
    with explained(config.log):
        connection = open_writer(config.manifest, config.wait_s)
        try:
            # From here on nobody adds to the old one.
            begin(connection, config.wait_s)
            if not dry_run:
                make_folder(new.parent)
            with nullcontext() if dry_run else new.open("wb") as stream:
                count = _write(connection, config, stream, progress)
                if stream is not None:
                    stream.flush()
                    os.fsync(stream.fileno())
            kept = None
            if not dry_run:
                if config.log.exists():
                    old = aside(config.log)
                    os.link(config.log, old)
                    sync_folder(old.parent)
                    kept = old.name
                new.rename(config.log)
                sync_folder(new.parent)
        finally:
            roll_back(connection)
            connection.close()
    return count, kept


def _write(
    connection: sqlite3.Connection, config: Config, stream: BinaryIO | None, progress: Callable[[int, int], None]
) -> int:
    rows = connection.execute("SELECT id, parent_hash, hash, log_end FROM snapshots ORDER BY id").fetchall()
    before = connection.execute("SELECT id FROM lake").fetchone()[0]
    at = 0
    for done, (number, parent_hash, digest, end) in enumerate(rows, 1):
        body = canonical(document(connection, number))
        if (number, parent_hash, digest_of(body)) != (done, before, digest) or not _keeps_records(connection, number):
            raise _unproven(config, done)
        line = line_of(body, digest)
        for piece in (*_between(connection, config, number, digest, end - len(line) - at), line):
            if stream is not None:
                stream.write(piece)
        before, at = digest, end
        progress(done, len(rows))
    return len(rows)


def _keeps_records(connection: sqlite3.Connection, snapshot: int) -> bool:
    """Whether a snapshot's records in quarantine are those that were stored."""
    ledgers = connection.execute(
        "SELECT id, quarantined, quarantine_sha256 FROM ledger WHERE snapshot = ?", (snapshot,)
    ).fetchall()
    for ledger, count, digest in ledgers:
        found = QuarantineDigest()
        for row in connection.execute(
            "SELECT line, reason, detail, raw FROM quarantine WHERE ledger_id = ? ORDER BY id", (ledger,)
        ):
            found.add(row)
        if (found.count, found.value()) != (count, digest):
            return False
    return True


def _between(connection: sqlite3.Connection, config: Config, number: int, digest: str, space: int) -> Iterator[bytes]:
    """Yield what comes before a snapshot's own line: its records in quarantine, if the log had them, and a filler."""
    records = sum(len(line) for line in quarantined(connection, number, digest))
    if space < records:  # written before the log kept them
        records = 0
    spare = space - records
    if spare and spare <= len(_FILLER):
        raise _unproven(config, number)
    if spare:
        yield _FILLER + b" " * (spare - len(_FILLER) - 1) + b"\n"
    if records:
        yield from quarantined(connection, number, digest)


def _unproven(config: Config, number: int) -> LakeError:
    return LakeError(
        "UNREPAIRABLE",
        f"snapshot {number} in the manifest is not what was committed",
        where=str(config.manifest),
        why="The log can be made of a manifest only where every snapshot has the hash it had.",
        fix=["dl repair --from log --plan", "restore a backup: dl restore-backup"],
    )
