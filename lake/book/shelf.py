"""Where the indexes of books are kept: a folder beside the data, of bounded size, that may be removed at any time.

What lies there is no part of the lake: the manifest does not know it, it is told by the content of the file it is of,
and it is made anew when it is missing, of another version, or damaged. Who may not write there makes it for oneself.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import tempfile
import threading
from collections import OrderedDict
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import pyarrow as pa

from lake import layout
from lake.book.index import VERSION, Index, IndexDamagedError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

FOLDER = layout.BOOKS
"""In the data root; names that begin so are no exchange's."""
MOST_BYTES = 512_000_000
"""What the folder may hold; what was used longest ago goes first."""
_OPEN = 8
_STAGED = ".tmp"
T = TypeVar("T")


class Recent(OrderedDict[tuple[str, ...], T]):
    """The last few things that were made, safe in threads; `cost` of all of them is at most `most`."""

    def __init__(self, most: int, cost: Callable[[T], int] = lambda _: 1) -> None:
        """Start with none."""
        super().__init__()
        self._most, self._cost, self._held, self._lock = most, cost, 0, threading.Lock()

    def find(self, key: tuple[str, ...]) -> T | None:
        """Return what is kept under a key, as the one used last."""
        with self._lock:
            if key not in self:
                return None
            self.move_to_end(key)
            return self[key]

    def keep(self, key: tuple[str, ...], value: T) -> None:
        """Keep something, and let go of what was used longest ago."""
        with self._lock:
            self.drop(key)
            self[key] = value
            self._held += self._cost(value)
            while self._held > self._most and len(self) > 1:
                self._held -= self._cost(self.popitem(last=False)[1])

    def drop(self, key: tuple[str, ...]) -> None:
        """Let go of something, if it is there."""
        if key in self:
            self._held -= self._cost(self.pop(key))

    def clear(self) -> None:
        """Let go of everything."""
        with self._lock:
            super().clear()
            self._held = 0


_open: Recent[Index] = Recent(_OPEN)


def forget() -> None:
    """Let go of the indexes that are open."""
    _open.clear()


class Shelf:
    """The indexes of one lake."""

    def __init__(self, data: Path) -> None:
        """Take the data root; nothing is made there yet."""
        self._folder = data / FOLDER

    def find(self, sha256: str, is_current: Callable[[tuple[str, ...]], bool]) -> Index | None:
        """Return the index of a file, if there is one that was made of what the lake holds now."""
        key = self._key(sha256)
        index = _open.find(key)
        if index is None:
            path = self._path(sha256)
            try:
                index = Index(pa.memory_map(str(path)))
            except IndexDamagedError:
                self.drop(sha256)
                return None
            except OSError:
                return None
            with suppress(OSError):
                os.utime(path)
        if not is_current(index.marks.depends):
            return None
        _open.keep(key, index)
        return index

    def drop(self, sha256: str) -> None:
        """Remove the index of a file."""
        _open.drop(self._key(sha256))
        with suppress(OSError):
            self._path(sha256).unlink()

    def make(self, sha256: str, build: Callable[[Path], None], *, kept: bool) -> Index:
        """Have an index built; one that is not kept lasts as long as this process needs it.

        Raises:
            OSError: It cannot be written there.
        """
        if not kept:
            with tempfile.TemporaryDirectory(prefix="dl-book-") as folder:
                index = _built(Path(folder, "index"), build)
        else:
            self._folder.mkdir(exist_ok=True)
            self._sweep()
            path = self._path(sha256)
            staged = self._folder / f".{sha256[:16]}.{os.getpid()}.{secrets.token_hex(4)}{_STAGED}"
            try:
                with _locked(staged):
                    index = _built(staged, build)
                    staged.replace(path)
            finally:
                staged.unlink(missing_ok=True)
            self._tidy(path)
        _open.keep(self._key(sha256), index)
        return index

    def _key(self, sha256: str) -> tuple[str, ...]:
        return (str(self._folder), sha256)

    def _path(self, sha256: str) -> Path:
        return self._folder / f"{sha256}.v{VERSION}.arrow"

    def _sweep(self) -> None:
        """Remove what processes that died were making: nobody holds its lock."""
        for path in self._folder.glob(f".*{_STAGED}"):
            with suppress(OSError), _locked(path, make=False):
                path.unlink()

    def _tidy(self, newest: Path) -> None:
        """Remove what was used longest ago while there is too much."""
        found = []
        with suppress(OSError):
            for path in self._folder.glob("*.arrow"):
                with suppress(OSError):
                    found.append((path.stat().st_mtime, path.stat().st_size, path))
        total = sum(size for _, size, _ in found)
        for _, size, path in sorted(found):
            if total <= MOST_BYTES:
                break
            if path != newest:
                with suppress(OSError):
                    path.unlink()
                    total -= size


@contextmanager
def _locked(path: Path, *, make: bool = True) -> Iterator[None]:
    """Hold the lock of a file, which is made, or has to be there; OSError when another process has it."""
    number = os.open(path, os.O_RDWR | os.O_CLOEXEC | (os.O_CREAT | os.O_EXCL if make else 0), 0o644)
    try:
        fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(number)


def _built(path: Path, build: Callable[[Path], None]) -> Index:
    build(path)
    return Index(pa.memory_map(str(path)))
