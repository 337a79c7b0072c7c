"""Whose turn it is to write, once writers have raced each other."""

from __future__ import annotations

import fcntl
import os
import time
from typing import TYPE_CHECKING, Self

from lake import layout
from lake.errors import LakeError

if TYPE_CHECKING:
    from lake.config import Config


class Turn:
    """A lock for writers that lost a race, so that they queue instead of racing each other again and again."""

    def __init__(self, config: Config) -> None:
        self._path = config.data / layout.STAGING / ".turn"
        self._descriptor: int | None = None

    def __enter__(self) -> Self:
        return self

    def wait(self, deadline: float) -> None:
        """Take the turn, unless it is held already; LakeError LOCKED when the deadline passes first."""
        if self._descriptor is not None:
            return
        self._descriptor = os.open(self._path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o644)
        while True:
            try:
                fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise LakeError("LOCKED", "other writers hold the lake", where=str(self._path)) from None
                time.sleep(0.005)
            else:
                return

    def __exit__(self, *_: object) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
