"""The vendor's `.CHECKSUM` beside a file."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING

from lake.errors import LakeError

if TYPE_CHECKING:
    from pathlib import Path


def verify_checksum(path: Path) -> str | None:
    """Compare the file with the `<file>.CHECKSUM` beside it; returns the SHA-256, or None when there is none."""
    beside = path.with_name(path.name + ".CHECKSUM")
    try:
        stated = beside.read_bytes()[:4096].decode("utf-8", "replace")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise LakeError(
            "SOURCE_CHECKSUM", f"{beside.name} cannot be read: {error.strerror}", where=str(beside)
        ) from error
    digest = re.match(r"\s*([0-9a-fA-F]{64})(?![0-9a-zA-Z])", stated)
    if digest is None:
        raise LakeError("SOURCE_CHECKSUM", f"{beside.name} does not start with a SHA-256", where=str(beside))
    try:
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise LakeError(
            "SOURCE_UNREADABLE", f"{path.name} cannot be read: {error.strerror}", where=str(path)
        ) from error
    if found != digest[1].lower():
        message = f"{path.name} has SHA-256 {found[:12]}…, its .CHECKSUM file states {digest[1].lower()[:12]}…"
        raise LakeError("SOURCE_CHECKSUM", message, where=str(path))
    return found
