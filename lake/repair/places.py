"""Putting whole files into their place, and those that are not trusted out of it; nothing is ever removed."""

from __future__ import annotations

import hashlib
import os
import shutil
from typing import TYPE_CHECKING, BinaryIO

from lake import layout
from lake.layout import READ_ONLY
from lake.manifest.log import make_folder, sync_folder
from lake.staging import storage_error

if TYPE_CHECKING:
    from pathlib import Path

_CHUNK = 1 << 20


def set_aside(data: Path, path: Path, shown: str) -> str:
    """Move a file to where nobody reads it and nobody removes it; return its new path, relative to the data root.

    Args:
        data: The data root.
        path: The file.
        shown: What its path is below that folder.

    Raises:
        LakeError: DISK_FULL, STORAGE.
    """
    target = _free(data / layout.QUARANTINE / shown)
    try:
        make_folder(target.parent)
        path.rename(target)
        sync_folder(target.parent)
        sync_folder(path.parent)
    except OSError as error:
        raise storage_error(error, target) from error
    return target.relative_to(data).as_posix()


def keep_copy(data: Path, stream: BinaryIO, shown: str) -> str:
    """Copy what lies in another place to where `set_aside` puts files; return its path likewise.

    Raises:
        LakeError: DISK_FULL, STORAGE.
    """
    target = _free(data / layout.QUARANTINE / shown)
    try:
        make_folder(target.parent)
        with target.open("xb") as copy:
            shutil.copyfileobj(stream, copy, _CHUNK)
            copy.flush()
            os.fsync(copy.fileno())
        sync_folder(target.parent)
    except OSError as error:
        raise storage_error(error, target) from error
    return target.relative_to(data).as_posix()


def _free(target: Path) -> Path:
    """Return a path nothing lies at."""
    number = 0
    free = target
    while os.path.lexists(free):
        number += 1
        free = target.with_name(f"{target.name}.{number}")
    return free


def copy_whole(stream: BinaryIO, temporary: Path, sha256: str) -> bool:
    """Copy a file and have it on disk; return whether it has the SHA-256, else nothing is left of it.

    Raises:
        LakeError: DISK_FULL, STORAGE.
    """
    digest = hashlib.sha256()
    try:
        with temporary.open("xb", buffering=0) as copy:
            while block := stream.read(_CHUNK):
                digest.update(block)
                view = memoryview(block)
                while view:
                    view = view[copy.write(view) :]
            os.fsync(copy.fileno())
        if digest.hexdigest() == sha256:
            return True
        temporary.unlink()
    except OSError as error:
        raise storage_error(error, temporary) from error
    return False


def put_in_place(data: Path, temporary: Path, path: str) -> None:
    """Give a file that is on disk its place below the data root, marked as committed.

    Raises:
        LakeError: DISK_FULL, STORAGE.
    """
    target = data / path
    try:
        temporary.chmod(READ_ONLY)
        make_folder(target.parent)
        temporary.rename(target)
        folder = target.parent
        while folder != data:
            sync_folder(folder)
            folder = folder.parent
        sync_folder(data)
    except OSError as error:
        raise storage_error(error, target) from error
