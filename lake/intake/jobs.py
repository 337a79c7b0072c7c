"""What workers do for an intake, several small partitions to a job: a job for each would cost as much as its work."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Executor

    from lake.intake.pieces import Part, Piece

_IN_FLIGHT = 4
"""Jobs that wait for, or are in, a worker."""
_PARTS, _BYTES = 16, 2_097_152
"""Of one job at most, but for the last part in it."""


class Handed(NamedTuple):
    """Rows of one part, to be brought into order and written."""

    part: Part
    pieces: list[Piece]
    final: bool
    """Whether none will follow."""


class Jobs:
    """Gathers what is handed over and sends it to the workers, in the order of each part."""

    def __init__(self, pool: Executor, work: Callable[[Handed], None]) -> None:
        """Send to `pool`; `work` is done there for each."""
        self._pool, self._work = pool, work
        self._slots = threading.BoundedSemaphore(_IN_FLIGHT)
        self._waiting: list[Handed] = []
        self._bytes = 0

    def put(self, handed: Handed, size: int) -> None:
        """Take over rows of so many bytes; they are sent at once where they are many, else by `send`."""
        self._waiting.append(handed)
        self._bytes += size
        if len(self._waiting) >= _PARTS or self._bytes >= _BYTES:
            self.send()

    def send(self) -> None:
        """Send what waits; what a worker failed with before, on one of the parts, is raised here."""
        some, self._waiting, self._bytes = self._waiting, [], 0
        if not some:
            return
        for each in some:
            if each.part.pending is not None:
                each.part.pending.result()
        self._slots.acquire()
        future = self._pool.submit(self._do, some)
        future.add_done_callback(lambda _: self._slots.release())
        for each in some:
            each.part.pending = future

    def _do(self, some: list[Handed]) -> None:
        for each in some:
            self._work(each)
