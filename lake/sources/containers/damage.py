"""What unpacking raises, and what that says of a file."""

from __future__ import annotations

import lzma
import struct
import tarfile
import zipfile
import zlib
from typing import TYPE_CHECKING

from lake.errors import LakeError
from lake.sources.containers.limits import DICTIONARY_BYTES, unsafe

if TYPE_CHECKING:
    from pathlib import Path

DAMAGE = (
    zlib.error,
    lzma.LZMAError,
    zipfile.BadZipFile,
    tarfile.TarError,
    EOFError,
    struct.error,
    NotImplementedError,
    RuntimeError,
    OSError,
    ValueError,
)
_GREEDY = ("Memory usage limit exceeded", "requires too much memory")
"""How xz and Zstandard say that a file asks for more memory than it may have."""


def damaged(error: BaseException, name: str, where: object) -> LakeError:
    """Return the refusal of a file that could not be unpacked."""
    said = str(error)
    if any(words in said for words in _GREEDY):
        return unsafe(name, where, f"needs more than {DICTIONARY_BYTES >> 20} MB of memory to be unpacked")
    refusal = LakeError("SOURCE_UNREADABLE", f"{name} cannot be read: {said or type(error).__name__}", where=str(where))
    refusal.__cause__ = error  # a drive's fault may pass: who tries again looks at it
    return refusal


def unopened(error: OSError, path: Path) -> LakeError:
    """Return the refusal of a file that could not be opened."""
    code = "SOURCE_NOT_FOUND" if isinstance(error, FileNotFoundError) else "SOURCE_UNREADABLE"
    refusal = LakeError(code, f"{path.name} cannot be opened: {error.strerror}", where=str(path))
    refusal.__cause__ = error
    return refusal
