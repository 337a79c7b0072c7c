"""From what a user names (files, folders, globs) to the files that are read, in order and each once."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass, field
from glob import glob, has_magic
from pathlib import Path
from typing import TYPE_CHECKING

from lake.config import MANIFEST_NAME
from lake.errors import LakeError
from lake.sources.containers import reason_to_leave
from lake.sources.dialects.table import OWN_FOLDER

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence


@dataclass(slots=True)
class Found:
    """The files that were found, sorted, and how many were left out, by reason."""

    files: list[Path]
    ignored: Counter[str] = field(default_factory=Counter)

    def sizes(self) -> list[int]:
        """Return the bytes of each file; 0 where it is gone, which its reader will say."""
        return [_size(file) for file in self.files]


def expand(patterns: Sequence[str]) -> Found:
    """Return the files that paths, folders and globs name, sorted and each once.

    A file named by its path is taken whatever its name. In folders and among what globs name, hidden files, checksums,
    notes and unfinished downloads are left out, and so are the files of a lake and links that lead out of a folder;
    folders that are links are not entered.

    Args:
        patterns: Paths, and globs in which `**` stands for any number of folders.

    Raises:
        LakeError: SOURCE_NOT_FOUND when one names no data file; SOURCE_UNREADABLE for a folder that cannot be listed.
    """
    found: dict[Path, None] = {}
    ignored: dict[Path, str] = {}
    for pattern in patterns:
        try:
            named = dict(_named(pattern))
        except (OSError, RuntimeError) as error:  # a name too long, a folder that may not be entered, ~nobody
            said = error.strerror if isinstance(error, OSError) else str(error)
            raise LakeError("SOURCE_NOT_FOUND", f"{pattern}: {said}", where=pattern) from error
        ignored |= {file: reason for file, reason in named.items() if reason}
        took = [file for file, reason in named.items() if not reason]
        found |= dict.fromkeys(took)
        if not took:
            what = "holds no data file" if pattern and Path(pattern).expanduser().is_dir() else "names no file"
            raise LakeError("SOURCE_NOT_FOUND", f"{pattern or 'an empty name'} {what}", where=pattern or "--source")
    return Found(sorted(found), Counter(reason for file, reason in ignored.items() if file not in found))


def _named(pattern: str) -> Iterable[tuple[Path, str]]:
    """Return the files that one path, folder or glob names, each with the reason to leave it out."""
    if not pattern:
        return ()
    path = Path(pattern).expanduser()
    if path.is_file():
        return ((path, ""),)
    return _below(path) if path.is_dir() else _matches(path)


def _below(folder: Path) -> Iterator[tuple[Path, str]]:
    """Yield the files below a folder, each with the reason to leave it out."""
    home = os.path.realpath(folder)
    for where, folders, names in os.walk(folder, onerror=_unlistable):
        linked = [name for name in folders if Path(where, name).is_symlink()]
        yield from ((Path(where, name), "link") for name in linked)
        folders[:] = sorted(set(folders).difference(linked))
        for name in names:
            file = Path(where, name)
            name_below = file.relative_to(folder).as_posix()
            yield file, reason_to_leave(name_below) or _reason_of_kind(file, home) or _reason_of_place(file)


def _unlistable(error: OSError) -> None:
    raise LakeError(
        "SOURCE_UNREADABLE", f"a folder cannot be listed: {error.strerror}", where=str(error.filename)
    ) from error


def _reason_of_kind(file: Path, home: str) -> str:
    if file.is_symlink():
        target = os.path.realpath(file)
        inside = os.path.commonpath([home, target]) == home
        return "" if inside and Path(target).is_file() else "link"
    return "" if file.is_file() else "no file"


def _reason_of_place(file: Path) -> str:
    """Leave out what is a lake's own: rows that it stores would else come in again, under another address."""
    if file.name.startswith(MANIFEST_NAME):
        return "lake"
    place = file.absolute()
    for home in place.parents:
        first, *rest = place.relative_to(home).parts
        own = (first == "data" and (rest[0].startswith("_") or file.suffix == ".parquet")) if rest else False
        if (own or (rest and first == OWN_FOLDER)) and (home / MANIFEST_NAME).is_file():
            return "lake"
    return ""


def _matches(pattern: Path) -> Iterator[tuple[Path, str]]:
    """Yield the files that a glob names; what is reached through a linked folder below a `**` is reached twice."""
    fixed = 0
    for part in pattern.parts:
        if has_magic(part):
            break
        fixed += 1
    for name in glob(str(pattern), recursive=True):  # noqa: PTH207 -- Path.glob takes no absolute patterns
        file = Path(name)
        if not file.is_file():
            continue
        below = file.parts[fixed:]
        through = "**" in pattern.parts and any(
            Path(*file.parts[: fixed + depth]).is_symlink() for depth in range(1, len(below))
        )
        yield file, "link" if through else reason_to_leave(file.name) or _reason_of_place(file)


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError:
        return 0
