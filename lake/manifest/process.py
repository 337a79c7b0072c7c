"""The processes that runs belong to: which one this is, and whether another one is gone."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_START_FIELD = 22


class Process(NamedTuple):
    """One process of one machine since its last start."""

    pid: int
    host: str
    boot_id: str
    start: int | None
    """Ticks of the kernel's clock from boot to its start; None where the kernel does not tell."""


def this_process() -> Process:
    """Return the process this is."""
    boot_id = _BOOT_ID.read_text().strip() if _BOOT_ID.exists() else ""
    pid = os.getpid()
    return Process(pid, os.uname().nodename, boot_id, start_of(pid))


def start_of(pid: int) -> int | None:
    """Return when a process started, in ticks since boot; None when there is none."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except OSError:
        return None
    # The second field is the program's name in brackets, and may hold both spaces and brackets.
    return int(stat.rpartition(")")[2].split()[_START_FIELD - 3])


def is_gone(process: Process, here: Process) -> bool:
    """Whether a process is gone, its id perhaps given to another one; of other machines' processes nothing is known."""
    if process.host != here.host:
        return False
    if process.boot_id != here.boot_id:
        return True
    found = start_of(process.pid)
    return found is None or process.start not in {None, found}
