"""Zip archives: which members are data, when each was made, and that none of them asks for too much."""

from __future__ import annotations

import calendar
import datetime as dt
import struct
import zipfile
from typing import IO, TYPE_CHECKING

from lake.errors import LakeError
from lake.sources.containers.beside import reason_to_leave, reports
from lake.sources.containers.limits import DIRECTORY_BYTES, MEMBERS, unsafe

if TYPE_CHECKING:
    from collections import Counter
    from pathlib import Path

    from lake.sources.containers.file import HashingFile

_HOUR_NS = 3600 * 10**9
_STARTS = (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")
_WORKBOOK = {"[Content_Types].xml", "xl/workbook.xml"}
_ENCRYPTED = 0x1
_END, _END_64 = b"PK\x05\x06", b"PK\x06\x06"
_END_BYTES = 22 + (1 << 16) + 76
"""The end record, the longest comment behind it, and what a zip64 has before it."""


def is_zip(start: bytes) -> bool:
    """Tell a zip by its first bytes."""
    return start[:4] in _STARTS


def open_zip(file: HashingFile) -> zipfile.ZipFile:
    """Open a zip; SOURCE_UNSAFE when its list of members is longer than any honest one."""
    if _directory_bytes(file) > DIRECTORY_BYTES:
        raise _too_many(file.path)
    archive = zipfile.ZipFile(_as_io(file))
    if len(archive.filelist) > MEMBERS:
        raise _too_many(file.path)
    if {entry.filename for entry in archive.filelist} >= _WORKBOOK:
        what, where = f"{file.path.name} is an Excel workbook, not a table", str(file.path)
        raise LakeError("FORMAT_UNKNOWN", what, where=where, fix=["save its sheet as CSV, with all digits"])
    return archive


def _too_many(path: Path) -> LakeError:
    return unsafe(path.name, path, f"lists more than {MEMBERS:,} files")


def _directory_bytes(file: HashingFile) -> int:
    """Return the size that a zip's end states for its list of members, which zipfile reads whole."""
    file.seek(max(0, file.size - _END_BYTES))
    tail = file.read(_END_BYTES)
    file.seek(0)
    end = tail.rfind(_END)
    if end < 0 or end + 16 > len(tail):
        return 0  # no zip, as zipfile will say
    large = tail.rfind(_END_64, 0, end)
    if large >= 0 and large + 48 <= end:
        return int.from_bytes(tail[large + 40 : large + 48], "little")
    return int.from_bytes(tail[end + 12 : end + 16], "little")


def _as_io(file: HashingFile) -> IO[bytes]:
    return file  # type: ignore[return-value]  # zipfile needs read, seek and tell


def data_entries(archive: zipfile.ZipFile, ignored: Counter[str] | None = None) -> list[zipfile.ZipInfo]:
    """Return the members that may be data, in the archive's order; what is left out is counted by reason."""
    found = []
    beside = reports(entry.filename for entry in archive.filelist)
    for entry in archive.filelist:
        if entry.filename.endswith("/"):
            continue
        reason = "note" if entry.filename in beside else reason_to_leave(entry.filename)
        if not reason:
            found.append(entry)
        elif ignored is not None:
            ignored[reason] += 1
    return found


def sole(archive: zipfile.ZipFile, path: Path) -> zipfile.ZipInfo | None:
    """Return the one data member of a zip, None where there are several; SOURCE_UNREADABLE where there is none."""
    entries = data_entries(archive)
    if not entries:
        raise LakeError("SOURCE_UNREADABLE", f"{path.name} holds no data file", where=str(path))
    if len(entries) > 1:
        return None
    check_open(entries[0], path)
    return entries[0]


def check_open(entry: zipfile.ZipInfo, path: Path) -> None:
    """Refuse an encrypted member."""
    if entry.flag_bits & _ENCRYPTED:
        raise LakeError(
            "SOURCE_UNREADABLE", f"{path.name} is encrypted", where=str(path), fix=["unpack it with its password"]
        )


def made(entry: zipfile.ZipInfo) -> tuple[int | None, int | None]:
    """Return the bounds of a member's time: exact from the UTC field 0x5455, else around the zoneless DOS time."""
    extra = entry.extra
    while len(extra) >= 4:
        kind, size = struct.unpack_from("<HH", extra)
        if kind == 0x5455 and size >= 5 and extra[4] & 1 and len(extra) >= 9:
            seconds = struct.unpack_from("<i", extra, 5)[0] * 10**9
            return seconds, seconds
        extra = extra[4 + size :]
    try:
        dt.datetime(*entry.date_time)  # noqa: DTZ001 -- only to see whether it is a time
    except ValueError:
        return None, None
    if entry.date_time[0] <= 1980:
        return None, None
    local = calendar.timegm((*entry.date_time, 0, 0, 0)) * 10**9
    return local - 14 * _HOUR_NS, local + 12 * _HOUR_NS
