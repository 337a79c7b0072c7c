"""Names of snapshots: which there are, what they stand for, and writing them inside a commit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lake.errors import LakeError
from lake.lookup import is_name
from lake.manifest.forgetting import refuse_expired

if TYPE_CHECKING:
    import sqlite3

    from lake.manifest.query import Manifest
    from lake.manifest.rows import Change

_CURRENT = "SELECT id, snapshot FROM names WHERE name = ? AND dropped_by IS NULL"


@dataclass(frozen=True, slots=True)
class NameRow:
    """A name with the snapshot it stands for, and when that was made and named."""

    name: str
    snapshot: int
    at_ns: int
    named_ns: int
    message: str


def find(connection: sqlite3.Connection, name: str) -> int | None:
    """Return the snapshot that a name stands for now."""
    row = connection.execute(_CURRENT, (name,)).fetchone()
    return None if row is None else int(row[1])


def names(manifest: Manifest) -> list[NameRow]:
    """Return the names that are given now, by the snapshot they stand for."""
    rows = manifest.read(
        lambda connection: connection.execute(
            """SELECT name, snapshot, target.at_ns, made.at_ns, made.message FROM names
            JOIN snapshots AS target ON target.id = snapshot JOIN snapshots AS made ON made.id = created_by
            WHERE dropped_by IS NULL ORDER BY snapshot, name"""
        ).fetchall()
    )
    return [NameRow(*row) for row in rows]


def write(connection: sqlite3.Connection, change: Change, snapshot: int) -> None:
    """Write the names that the change gives, and end those it drops.

    Raises:
        LakeError: SNAPSHOT_NAME for a name that is given already, or cannot be one; UNKNOWN_SNAPSHOT for a snapshot, or
            a name to drop, that there is not; SNAPSHOT_EXPIRED for a snapshot that is forgotten.
    """
    for new in change.names:
        if not is_name(new.name):
            raise LakeError("SNAPSHOT_NAME", f"{new.name!r} cannot be a snapshot's name")
        if (taken := find(connection, new.name)) is not None:
            raise LakeError("SNAPSHOT_NAME", f"{new.name} is the name of snapshot {taken}")
        target = snapshot - 1 if new.snapshot is None else new.snapshot
        if not 0 < target < snapshot:
            raise LakeError("UNKNOWN_SNAPSHOT", f"there is no snapshot {target} to name")
        refuse_expired(connection, target)
        connection.execute(
            "INSERT INTO names (name, snapshot, created_by) VALUES (?, ?, ?)", (new.name, target, snapshot)
        )
    for name in change.dropped_names:
        if find(connection, name) is None:
            raise unknown_name(name)
        connection.execute("UPDATE names SET dropped_by = ? WHERE name = ? AND dropped_by IS NULL", (snapshot, name))


def unknown_name(name: str) -> LakeError:
    """Return the error for a name that no snapshot has."""
    why = "Text that begins with a letter is the name of a snapshot."
    return LakeError("UNKNOWN_SNAPSHOT", f"no snapshot has the name {name!r}", why=why, fix=["dl snapshot list"])
