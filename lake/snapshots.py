"""Naming snapshots, so that they can be read by a word instead of a number."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lake import write as writing
from lake.errors import LakeError
from lake.lookup import is_name
from lake.manifest import Change, Manifest, NewName, Writer

if TYPE_CHECKING:
    import datetime as dt

    from lake.config import Config


def create(config: Config, name: str, as_of: int | str | dt.datetime | None = None, *, message: str = "") -> int:
    """Give a snapshot a name; return the snapshot's number.

    The name is part of the history like everything else: giving it makes a snapshot of its own.

    Args:
        config: The lake.
        name: Begins with a letter, up to 64 of letters, digits, `.`, `_` and `-`; none that is given already.
        as_of: Which snapshot, by number, name or time; the newest unless given.
        message: Kept with the name.

    Raises:
        LakeError: SNAPSHOT_NAME, UNKNOWN_SNAPSHOT, BAD_DATE; LOCKED, STORAGE, DISK_FULL.
    """
    if not is_name(name):
        raise LakeError("SNAPSHOT_NAME", f"{name!r} cannot be a snapshot's name")
    with Manifest.open(config) as manifest:
        target, newest = manifest.snapshot(as_of), manifest.snapshot()
    if target == 0:
        what = f"nothing was in the lake yet at snapshot 0; the newest is {newest}" if newest else "the lake is empty"
        raise LakeError(
            "UNKNOWN_SNAPSHOT",
            f"snapshot 0 takes no name: {what}",
            why="A name is given to a snapshot that a commit made, and the first of these is snapshot 1.",
            fix=["dl history"] if newest else ["dl ingest --source FILE"],
        )
    with Writer(config) as writer, writing.run(writer, "snapshot", f"snapshot create {name}") as run_id:
        change = Change(run_id, "snapshot", message=message or f"{name} is {target}", ends_run=True)
        change.names = [NewName(name, target)]
        writer.commit(change)
    return target


def drop(config: Config, name: str) -> None:
    """Take a name away; the snapshot itself stays.

    Raises:
        LakeError: UNKNOWN_SNAPSHOT when no snapshot has the name; LOCKED, STORAGE, DISK_FULL.
    """
    with Writer(config) as writer, writing.run(writer, "snapshot", f"snapshot drop {name}") as run_id:
        writer.commit(Change(run_id, "snapshot", message=f"{name} dropped", dropped_names=[name], ends_run=True))
