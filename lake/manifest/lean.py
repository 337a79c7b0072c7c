"""sqlite-utils without pandas, which it would import where it finds it: for one type that no row here is of.

That import takes longer than all else that a small commit does.
"""

from __future__ import annotations

import importlib.abc
import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


class _Hidden(importlib.abc.MetaPathFinder):
    """Says of one module that it is not there, to the thread that made it."""

    def __init__(self, name: str) -> None:
        self._name, self._thread = name, threading.get_ident()

    def find_spec(self, name: str, _path: object, _target: object = None) -> None:
        if name == self._name and threading.get_ident() == self._thread:
            raise ModuleNotFoundError(name=name)


@contextmanager
def _without(name: str) -> Iterator[None]:
    """Have imports of a module fail in this thread, unless it is imported already."""
    hidden = _Hidden(name)
    sys.meta_path.insert(0, hidden)
    try:
        yield
    finally:
        sys.meta_path.remove(hidden)


with _without("pandas"):
    from sqlite_utils import Database
    from sqlite_utils.migrations import Migrations

__all__ = ["Database", "Migrations"]
