"""Unpacking in a thread of its own, a little ahead of who reads: the libraries let go of the interpreter meanwhile."""

from __future__ import annotations

import queue
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lake.sources.containers.streams import Stream

_PIECE = 1 << 20
_PIECES = 3
"""Pieces that wait: what is read ahead takes a few megabytes, whatever the file's size."""
_POLL_S = 0.05


class Ahead:
    """A stream that is read ahead; what goes wrong there is raised here, in its place."""

    def __init__(self, stream: Stream) -> None:
        """Begin to read; nobody else may read the stream from now on."""
        self._stream = stream
        self._pieces: queue.Queue[bytes | BaseException] = queue.Queue(_PIECES)
        self._rest = b""
        self._end: bytes | BaseException | None = None
        self._stopped = False
        self._thread = threading.Thread(target=self._work, name="unpack", daemon=True)
        self._thread.start()

    def _work(self) -> None:
        piece: bytes | BaseException = b"-"
        while piece and not isinstance(piece, BaseException):
            try:
                piece = self._stream.read(_PIECE)
            except BaseException as error:  # noqa: BLE001 -- raised where it is read
                piece = error
            while not self._stopped:
                try:
                    self._pieces.put(piece, timeout=_POLL_S)
                    break
                except queue.Full:
                    continue
            if self._stopped:
                return

    def read(self, size: int) -> bytes:
        """Return up to `size` bytes, none at the end."""
        if not self._rest and self._end is None:
            piece = self._pieces.get()
            if isinstance(piece, BaseException) or not piece:
                self._end = piece
            else:
                self._rest = piece
        if isinstance(self._end, BaseException):
            raise self._end
        data, self._rest = self._rest[:size], self._rest[size:]
        return data

    def close(self) -> None:
        """Stop reading ahead, and wait until nothing is read any more."""
        self._stopped = True
        self._thread.join()
