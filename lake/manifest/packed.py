"""How the manifest stores what it is given as text: hashes as bytes, a path as a name, a partition as days."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

from schemas.keys import Partition

if TYPE_CHECKING:
    from collections.abc import Iterable

DAY_NS = 86_400 * 10**9
EMPTY = "rows128:" + "0" * 32
"""The content hash of no rows."""

_SHA256 = re.compile("[0-9a-f]{64}")
_CONTENT = re.compile("rows128:[0-9a-f]{32}")
_HALF = 2**64


def name(path: str, folder: str) -> str:
    """Return a file's path without its partition's folder, which ends in a slash; behind a slash, one elsewhere."""
    bare = path.removeprefix(folder)
    return f"/{path}" if "/" in bare or bare == path else bare


def sha256(text: str) -> bytes | str:
    """Return a SHA-256 as bytes, and any other text as it is."""
    return bytes.fromhex(text) if _SHA256.fullmatch(text) else text


def content(text: str) -> bytes | str:
    """Return a content hash as bytes, and any other text as it is."""
    return bytes.fromhex(text[8:]) if _CONTENT.fullmatch(text) else text


def content_text(stored: bytes | str) -> str:
    """Undo `content`."""
    return stored if isinstance(stored, str) else f"rows128:{stored.hex()}"


def added(contents: Iterable[bytes | str]) -> str:
    """Return the content hash of several pieces together, from theirs as they are stored or as text."""
    total = squares = 0
    for piece in contents:
        stored = content(piece) if isinstance(piece, str) else piece
        if isinstance(stored, str):
            import hashlib

            stored = hashlib.sha256(stored.encode()).digest()
        total += int.from_bytes(stored[:8])
        squares += int.from_bytes(stored[8:16])
    return f"rows128:{total % _HALF:016x}{squares % _HALF:016x}"


def label(start_day: int, end_day: int) -> str:
    """Return the label of the partition of these days."""
    length = end_day - start_day
    return Partition(start_day, "day" if length == 1 else "month" if length < 365 else "year").label


@lru_cache(maxsize=65_536)
def days(partition: str) -> tuple[int, int]:
    """Return a partition's first day and the day after its last one."""
    found = Partition.parse(partition)
    return found.day, found.end_day
