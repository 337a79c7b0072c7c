"""What unpacking raises, and what that says of a file."""

from __future__ import annotations

import lzma
import struct
import tarfile
import zipfile
import zlib

from lake.errors import LakeError
from lake.sources.containers.limits import DICTIONARY_BYTES, unsafe

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
    return LakeError("SOURCE_UNREADABLE", f"{name} cannot be read: {said or type(error).__name__}", where=str(where))
