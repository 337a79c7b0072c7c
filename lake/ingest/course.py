"""How far the ingest of many files is: the progress of each, put into that of all."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from lake.ingest.report import Progress

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from lake.sources import Found, SourceFile


class Course:
    """Counts the files of one ingest and their bytes as they lie on disk, and tells of both."""

    def __init__(self, found: Found, tell: Callable[[Progress], None] | None) -> None:
        """Begin before the first of the files."""
        self._sizes = dict(zip(found.files, found.sizes(), strict=True))
        self._total, self._tell = sum(self._sizes.values()), tell
        self._file = self._before = 0
        self._size = self._base = self._end = self._at = 0

    def begin(self, path: Path) -> None:
        """Go on to the next file."""
        self._before += self._size
        self._file += 1
        self._size = self._sizes[path]
        self._base, self._end, self._at = 0, self._size, 0

    def enter(self, source: SourceFile) -> None:
        """Go on to the next source in the file: a member has the part of its archive that was gone through for it."""
        if source.end is not None:
            self._base, self._end = self._at, source.end
            self._at = source.end

    def __call__(self, at: Progress) -> None:
        """Tell how far one source is."""
        if self._tell is None:
            return
        part = min(1.0, at.bytes_done / at.bytes_total) if at.bytes_total else 1.0
        done = self._before + self._base + int(part * max(0, self._end - self._base))
        self._tell(replace(at, file=self._file, files=len(self._sizes), all_done=done, all_total=self._total))

    def passed(self, source: str) -> None:
        """Tell that a source was refused."""
        self(Progress(source, 1, 1, 0, "done"))
