"""Files that rot: as on a bad disk, which asks no permission and leaves name and mode as they were."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def overwrite(path: Path, data: bytes | bytearray) -> None:
    """Put other bytes into a file in place, a data file that nobody may write to included."""
    mode = path.stat().st_mode & 0o777
    path.chmod(mode | 0o200)
    try:
        path.write_bytes(data)
    finally:
        path.chmod(mode)


def flip(path: Path) -> None:
    """Change one bit in the middle of a file."""
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    overwrite(path, data)
