"""The fault shim: building it, and arming it from a process that was started with it."""

from __future__ import annotations

import ctypes
import enum
import os
import shutil
import struct
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

SOURCE = Path(__file__).with_name("shim.c")
MEMORY = Path("/dev/shm")  # noqa: S108 -- a file system in memory is what is wanted
EVERY = ""
ALLOCATES = "czwtmrl"
"""Operations that can find a disk full."""
TAKES = "czwtms"
"""Operations that give the disk something to keep: where these fail, names can still be changed and removed."""
_HEAD = struct.Struct("<cIIqQ")


class Mode(enum.IntEnum):
    """What happens at an operation; the order is that of `enum fault` in shim.c."""

    NONE = 0
    KILL_BEFORE = 1
    KILL_AFTER = 2
    TEAR = 3
    FAIL_ONCE = 4
    FAIL_ON = 5
    CUT_POWER = 6


@dataclass(frozen=True, slots=True)
class Fault:
    """What happens, and at which operation."""

    mode: Mode = Mode.NONE
    at: int = 0
    error: int = 0
    letters: str = EVERY
    """Only these operations count; all of them unless given."""


@dataclass(frozen=True, slots=True)
class Op:
    """One operation that succeeded."""

    op: str
    path: str
    target: str
    """The other path of a rename or a link."""
    offset: int
    data: bytes


def skip_loudly(why: str) -> None:
    """Skip a test that cannot be run here; where everything must be run, fail."""
    if os.environ.get("CI"):
        pytest.fail(f"this must not be skipped in CI: {why}")
    pytest.skip(f"NOT TESTED: {why}")


def build(folder: Path) -> Path:
    """Compile the shim; skip, loudly, where there is no compiler."""
    gcc = shutil.which("gcc")
    if gcc is None:
        skip_loudly("no gcc, so no faults can be made")
    made = folder / "shim.so"
    words = [
        gcc or "",
        "-O2",
        "-Wall",
        "-Wextra",
        "-Werror",
        "-shared",
        "-fPIC",
        "-pthread",
        "-o",
        str(made),
        str(SOURCE),
    ]
    subprocess.run(words, check=True)
    return made


def fast_folder(other: Path) -> Path:
    """Return a folder in memory, where a sync costs nothing; another one where the machine has none."""
    for line in Path("/proc/mounts").read_text(encoding="utf-8").splitlines():
        _, place, kind, options, *_ = line.split()
        if place == str(MEMORY) and kind == "tmpfs" and "rw" in options.split(","):
            return MEMORY
    return other


class Shim:
    """The shim of this process, which was started with it in LD_PRELOAD."""

    def __init__(self) -> None:
        """Look the functions up; AttributeError when the process was started without it."""
        library = ctypes.CDLL(None)
        library.fault_watch.argtypes = [ctypes.c_char_p]
        library.fault_arm.argtypes = [ctypes.c_int, ctypes.c_long, ctypes.c_int, ctypes.c_char_p]
        library.fault_record.argtypes = [ctypes.c_char_p]
        library.fault_note.argtypes = [ctypes.c_char_p]
        library.fault_count.restype = ctypes.c_long
        self._library = library

    def watch(self, *folders: Path) -> None:
        """Name the folders below which operations count, instead of those named before."""
        self._library.fault_watch(b"")
        for folder in folders:
            self._library.fault_watch(os.fsencode(folder))

    def arm(self, fault: Fault) -> None:
        """Begin to count."""
        self._library.fault_arm(fault.mode, fault.at, fault.error, fault.letters.encode())

    def disarm(self) -> None:
        """Let everything pass, uncounted."""
        self._library.fault_disarm()

    @property
    def count(self) -> int:
        """Operations since the shim was armed."""
        return int(self._library.fault_count())

    @property
    def fired(self) -> bool:
        """Whether the fault came."""
        return bool(self._library.fault_fired())

    def record(self, path: Path | None) -> None:
        """Record operations to a new file from now on; None ends it."""
        assert self._library.fault_record(b"" if path is None else os.fsencode(path))

    def note(self, text: str) -> None:
        """Put a word between the operations in the record."""
        self._library.fault_note(text.encode())


def read_record(path: Path) -> Sequence[Op]:
    """Return the operations of a record."""
    return list(_ops(path.read_bytes()))


def _ops(record: bytes) -> Iterator[Op]:
    at = 0
    while at < len(record):
        op, first, second, offset, size = _HEAD.unpack_from(record, at)
        at += _HEAD.size
        names = record[at : at + first], record[at + first : at + first + second]
        at += first + second
        yield Op(op.decode(), os.fsdecode(names[0]), os.fsdecode(names[1]), offset, record[at : at + size])
        at += size
