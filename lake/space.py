"""Room on the disk, asked for before any work starts: what cannot fit is refused while nothing has changed."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lake.errors import LakeError

if TYPE_CHECKING:
    from pathlib import Path

    from lake.config import Config

RESERVE = 64_000_000
"""Bytes that are left free, for the manifest's journal and the log; on small disks one part in a hundred."""
_UNITS = (("GB", 10**9), ("MB", 10**6), ("kB", 10**3))


@dataclass(frozen=True, slots=True)
class Room:
    """What is free on the file system that a folder is on."""

    free: int
    """Bytes that may be used by who is not root."""
    reserve: int
    """How many of them are to stay free."""
    device: int

    @property
    def usable(self) -> int:
        """The bytes there are for new files."""
        return max(0, self.free - self.reserve)


def room(folder: Path) -> Room:
    """Look at the file system of a folder, or of the nearest one above that is there."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    try:
        found, device = os.statvfs(folder), folder.stat().st_dev
    except OSError as error:
        raise LakeError("STORAGE", f"cannot look at the disk: {error.strerror}", where=str(folder)) from error
    return Room(found.f_bavail * found.f_frsize, min(RESERVE, found.f_blocks * found.f_frsize // 100), device)


def require(config: Config, need: int, what: str) -> None:
    """Make sure that the lake has room for something, before it is begun.

    Args:
        config: The lake. Its manifest may be on another disk than the data: then that one needs its reserve.
        need: How many bytes of data files it may take at once, staged ones too.
        what: What would be done, as a message begins: `the ingest of bars.csv`.

    Raises:
        LakeError: DISK_FULL, naming what is needed, what is free, and where.
    """
    data = require_in(config.data, need, what)
    if room(config.manifest.parent).device != data.device:
        require_in(config.manifest.parent, 0, what)


def require_in(folder: Path, need: int, what: str) -> Room:
    """Make sure of the same in a folder of any disk; return what is free there."""
    found = room(folder)
    if found.usable >= need and found.free >= found.reserve:
        return found
    raise LakeError(
        "DISK_FULL",
        f"{what} may need {told(need + found.reserve)}, and {told(found.free)} are free",
        where=str(folder),
        why=f"Nothing was begun, so nothing changed; {told(found.reserve)} are left for the manifest and its log.",
        fix=["free some space and run it again", "dl vacuum", "dl offload to another disk"],
    )


def told(count: int) -> str:
    """Return a number of bytes as people say it: `1.4 GB`."""
    for unit, size in _UNITS:
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return f"{count} bytes"


def size_of(data: object) -> int:
    """Return how many bytes a table takes in memory, where it says so: stored it takes no more. 0 for a stream."""
    size = getattr(data, "nbytes", 0)
    return size if isinstance(size, int) else 0
