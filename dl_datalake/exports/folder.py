"""The folder an export writes: files are made aside and get to their places together, when all of them are whole."""

from __future__ import annotations

import os
import shutil
import tempfile
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, BinaryIO

from dl_datalake.commands._writing import refuse_inside
from dl_datalake.exports.model import Exported
from lake.errors import LakeError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path, PurePosixPath
    from typing import Self

    from schemas.keys import Address


@dataclass(slots=True)
class Made:
    """A file that is being written."""

    path: Path
    staged: Path
    addresses: tuple[Address, ...]
    sink: BinaryIO
    rows: int = 0
    first_ns: int | None = None
    last_ns: int | None = None

    def saw(self, rows: int, first_ns: int | None = None, last_ns: int | None = None) -> None:
        """Count rows that are in it, and the times of the first and the last of them."""
        self.rows += rows
        self.first_ns = first_ns if self.first_ns is None else self.first_ns
        self.last_ns = self.last_ns if last_ns is None else last_ns


class Folder:
    """A folder outside of the lake's own; as a context, whatever did not get to its place is gone at the end."""

    def __init__(self, root: Path, data: Path, *, force: bool) -> None:
        """Take the folder, the lake's data folder, and whether files that are there may be replaced."""
        self.root, self._data, self._force = root, data, force
        self._aside = root / f".export-{os.getpid()}.tmp"
        self._made: dict[Path, Made] = {}

    def __enter__(self) -> Self:
        """Make the folder, unless it is there."""
        refuse_inside(self.root, self._data)
        if self.root.exists() and not self.root.is_dir():
            raise LakeError(
                "USAGE",
                f"{self.root} is no folder",
                why="An export is one file or many, by names of their own.",
                fix=["name a folder: it is made if need be"],
            )
        self._new = [each for each in (self.root, *self.root.parents) if not each.exists()]
        self._aside.mkdir(parents=True)
        return self

    def __exit__(self, *_error: object) -> None:
        """Drop what did not get to its place."""
        shutil.rmtree(self._aside, ignore_errors=True)
        with suppress(OSError):  # it holds the export
            for folder in self._new:
                folder.rmdir()

    @contextmanager
    def file(self, name: PurePosixPath, *addresses: Address) -> Iterator[Made]:
        """Give a file to write, whose name is in the folder.

        Raises:
            LakeError: USAGE when two series have it, or when it is there and is not to be replaced.
        """
        path = self.root / name
        refuse_inside(path, self._data)
        other = self._made.get(path)
        if other is not None:
            raise LakeError(
                "USAGE",
                f"{other.addresses[0]} and {addresses[0]} would be one file",
                where=str(path),
                why="The target has no word for what makes them two.",
                fix=["export them one by one, each into a folder of its own"],
            )
        self._refuse_existing(path)
        staged = self._aside / f"{len(self._made)}.tmp"
        with staged.open("xb") as sink:
            made = self._made[path] = Made(path, staged, addresses, sink)
            yield made

    def scratch(self) -> IO[bytes]:
        """Return a file without a name, on the same disk, that is gone once it is closed."""
        return tempfile.TemporaryFile(dir=self._aside)

    def land(self) -> tuple[Exported, ...]:
        """Move the files to their places, and return them in the order of their making."""
        for path in self._made:
            self._refuse_existing(path)
        found = []
        for path, made in self._made.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            size = made.staged.stat().st_size
            made.staged.replace(path)
            found.append(Exported(path, made.addresses, made.rows, size, made.first_ns, made.last_ns))
        return tuple(found)

    def _refuse_existing(self, path: Path) -> None:
        if not self._force and path.exists():
            raise LakeError(
                "USAGE",
                f"{path} is there already",
                why="An export replaces nothing unless it is told to.",
                fix=["another folder", "or --force"],
            )
