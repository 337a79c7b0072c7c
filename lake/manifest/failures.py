"""Partitions that could not be made when that was last tried; operational, hence under no snapshot's hash."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lake.errors import printable
from schemas.keys import Address

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable

    from lake.manifest.query import Manifest
    from lake.manifest.rows import Change


@dataclass(frozen=True, slots=True)
class FailureRow:
    """Why a partition could not be made when that was last tried; gone once it is committed."""

    address: Address
    partition: str
    run_id: str
    at_ns: int
    code: str
    message: str


def failures(manifest: Manifest) -> list[FailureRow]:
    """Return the failures that stand, by address and partition."""
    rows = manifest.read(
        lambda connection: connection.execute(
            "SELECT address, partition, run_id, at_ns, code, message FROM failures ORDER BY address, partition"
        ).fetchall()
    )
    return [FailureRow(Address.parse(row[0]), *row[1:]) for row in rows]


def record_failures(
    connection: sqlite3.Connection, run_id: str, found: Iterable[tuple[Address, str, str, str]]
) -> None:
    """Write failures of a run: address, partition, code and message of each."""
    now_ns = time.time_ns()
    connection.executemany(
        "INSERT OR REPLACE INTO failures (address, partition, run_id, at_ns, code, message) VALUES (?, ?, ?, ?, ?, ?)",
        (
            (str(address), partition, run_id, now_ns, code, printable(message))
            for address, partition, code, message in found
        ),
    )


def clear(connection: sqlite3.Connection, change: Change) -> None:
    """Forget the failures of the partitions that a change is about."""
    if connection.execute("SELECT 1 FROM failures LIMIT 1").fetchone() is None:
        return
    done = {(str(file.address), file.partition) for file in change.files}
    done |= {(str(each.address), each.partition) for each in change.derivations}
    done |= {(str(address), partition) for address, partition in change.touched}
    connection.executemany("DELETE FROM failures WHERE address = ? AND partition = ?", done)
