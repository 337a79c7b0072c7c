"""How many bytes of rows may be held in memory before they go to disk."""

from __future__ import annotations

import threading


class Memory:
    """A budget of bytes: of rows that came in and wait, and as much again of runs that are in order."""

    def __init__(self, budget: int) -> None:
        self._budget = budget
        self._kept = 0
        self._lock = threading.Lock()
        self.held = 0
        """Bytes of the rows that wait; changed by the thread that takes them in."""
        self.crowded = False
        """Whether so many series share it that each of them leaves it to their owner whose rows are let go."""

    @property
    def is_full(self) -> bool:
        """Whether rows that wait should be let go."""
        return self.held > self._budget

    def keep(self, size: int) -> bool:
        """Take `size` bytes of a run, unless they are too many; any thread may call it."""
        with self._lock:
            if self._kept + size > self._budget:
                return False
            self._kept += size
            return True
