"""Reading ahead: the same bytes, the same errors in their place, and no thread that stays."""

from __future__ import annotations

import io
import threading

import pytest

from lake.sources.containers.ahead import Ahead


class Broken:
    """Gives some bytes, and then breaks off."""

    def __init__(self) -> None:
        self._left = [b"x" * 1000, b"y" * 1000]

    def read(self, size: int) -> bytes:
        if not self._left:
            raise EOFError("the file ends in the middle")
        return self._left.pop(0)[:size]


class Endless:
    """Gives bytes for ever, and counts how often it was asked."""

    def __init__(self) -> None:
        self.asked = 0

    def read(self, size: int) -> bytes:
        self.asked += 1
        return bytes(size)


@pytest.mark.parametrize("size", [7, 1 << 20, 1 << 23])
def test_the_bytes_are_those_of_the_stream(size: int) -> None:
    data = bytes(range(256)) * 20_000
    ahead = Ahead(io.BytesIO(data))
    assert b"".join(iter(lambda: ahead.read(size), b"")) == data
    assert ahead.read(size) == b""
    ahead.close()


def test_an_error_comes_after_what_was_read_before_it_and_again() -> None:
    ahead = Ahead(Broken())
    assert (ahead.read(5000), ahead.read(5000)) == (b"x" * 1000, b"y" * 1000)
    for _ in range(2):
        with pytest.raises(EOFError, match="in the middle"):
            ahead.read(5000)
    ahead.close()


def test_it_reads_a_little_ahead_only_and_stops_when_closed() -> None:
    before = threading.active_count()
    stream = Endless()
    ahead = Ahead(stream)
    assert ahead.read(10) == bytes(10)
    ahead.close()
    assert threading.active_count() == before
    assert stream.asked <= 6
