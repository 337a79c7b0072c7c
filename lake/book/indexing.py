"""Indexes of a series' files: found where they hold, else made of the files they depend on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lake.book.chains import NONE, chains_of
from lake.book.index import Group, Index, IndexDamagedError, build
from lake.book.messages import COLUMNS, integers, messages
from lake.book.shelf import Shelf
from lake.book.state import Book

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import pyarrow as pa
    from numpy.typing import NDArray

    from lake.book.chains import Message
    from lake.read import Scan

    Progress = Callable[[int, int], None]
    """Takes rows done and rows in all, while an index is made."""

_FROM_BEGIN, _FROM_SNAPSHOT = "begin", "snapshot"
"""Whether a book was made from all there was before, or from a snapshot that clears it whatever came before."""
_IDS = ("is_snapshot", "last_update_id")


class Indexes:
    """The indexes of the files of one planned read."""

    def __init__(self, scan: Scan, data: Path, progress: Progress | None) -> None:
        """Take what is read, and the data root beside which indexes are kept."""
        self._scan, self._plan, self._progress = scan, scan.plan, progress
        self._exchange = scan.addresses[0].exchange
        self._labels = [f"{file.partition}:{file.sha256}" for file in scan.plan]
        self._shelf = Shelf(data)

    def of(self, number: int) -> Index:
        """Return the index of a file; it is made when there is none that still holds."""
        found = self._found(number)
        if found is not None:
            return found
        try:
            return self._made(number, kept=True)
        except OSError:  # a lake that is only read, or a full disk
            return self._made(number, kept=False)

    def drop(self, number: int) -> None:
        """Forget the index of a file, which is damaged."""
        self._shelf.drop(self._plan[number].sha256)

    def _found(self, number: int) -> Index | None:
        return self._shelf.find(self._plan[number].sha256, lambda depends: self._holds(number, depends))

    def _holds(self, number: int, depends: tuple[str, ...]) -> bool:
        """Whether the book at a file's beginning would be made from just these files today."""
        origin, *labels = depends
        before = self._labels[max(0, number - len(labels)) : number]
        return before == labels and (origin != _FROM_BEGIN or len(labels) == number)

    def _made(self, number: int, *, kept: bool) -> Index:
        """Make the index of a file, and those between it and where the book before it can be told from."""
        book, place, depends = self._incoming(number)
        while True:
            index = self._write(place, book, depends, kept=kept)
            if place == number:
                return index
            depends = [*depends, self._labels[place]]
            place += 1

    def _incoming(self, number: int) -> tuple[Book, int, list[str]]:
        """Return a book, the first file not fed to it yet, and what it depends on; the file is at most `number`."""
        fresh = Book(self._exchange)
        if self._clearing(number, first=True) is not None:
            return fresh, number, [_FROM_SNAPSHOT, *self._labels[max(0, number - 1) : number]]
        for place in range(number - 1, -1, -1):
            index = self._found(place)
            if index is not None:
                try:
                    book = index.book(len(index.marks.rows) - 1, self._exchange)
                except IndexDamagedError:
                    self.drop(place)
                else:
                    return book, place + 1, [*index.marks.depends, self._labels[place]]
            row = self._clearing(place)
            if row == 0:
                return fresh, place, [_FROM_SNAPSHOT, *self._labels[max(0, place - 1) : place]]
            if row is not None:
                for message in self._messages(place, row):
                    fresh.feed(message)
                return fresh, place + 1, [_FROM_SNAPSHOT, self._labels[place]]
        return fresh, 0, [_FROM_BEGIN]

    def _write(self, number: int, book: Book, depends: list[str], *, kept: bool) -> Index:
        file = self._plan[number]
        groups: list[Group] = []

        def tables() -> Iterator[pa.Table]:
            row = 0
            for table in self._scan.pieces(file, COLUMNS):
                groups.append(Group(row, int(integers(table.slice(0, 1), "ts")[0])))
                row += table.num_rows
                yield table
                if self._progress is not None:
                    self._progress(row, file.rows)

        def work(path: Path) -> None:
            build(path, book, messages(tables()), groups=groups, depends=depends)

        return self._shelf.make(file.sha256, work, kept=kept)

    def _messages(self, number: int, row: int) -> Iterator[Message]:
        """Yield the messages of one file from a row on."""

        def tables() -> Iterator[pa.Table]:
            begin = 0
            for table in self._scan.pieces(self._plan[number], COLUMNS):
                if begin + table.num_rows > row:
                    yield table.slice(max(0, row - begin))
                begin += table.num_rows

        return messages(tables(), row)

    def _clearing(self, number: int, *, first: bool = False) -> int | None:
        """Return the last row of a file at which a snapshot clears the book whatever came before; None without one.

        It does when it is not older than the change before it: else the book may be newer, and keep what it has. With
        `first` only the file's first row is looked at.
        """
        known, found, begin = NONE, None, 0
        if number:
            *_, table = self._scan.pieces(self._plan[number - 1], _IDS)
            known = _newest(table.column("is_snapshot").to_numpy(), integers(table, "last_update_id"))
        beside = any(chain.aside for chain in chains_of(self._exchange))
        for table in self._scan.pieces(self._plan[number], _IDS):
            snapshots, ids = table.column("is_snapshot").to_numpy(), integers(table, "last_update_id")
            starts = np.flatnonzero(snapshots[1:] & ~snapshots[:-1]) + 1
            if not begin and snapshots[0]:  # in a later row group it may be the middle of one
                starts = np.concatenate([[0], starts])
            for at in [0] * bool(len(starts) and not starts[0]) if first else starts[::-1].tolist():
                before = int(ids[at - 1]) if at else known
                if not beside or NONE in {before, int(ids[at])} or ids[at] >= before:
                    found = begin + at
                    break
            if first:
                break
            begin += table.num_rows
        return found


def _newest(snapshots: NDArray[np.bool_], ids: NDArray[np.int64]) -> int:
    """Return the newer of the last id of all, and the last one of a change; NONE where the last row tells none."""
    changes = np.flatnonzero(~snapshots)
    last = int(ids[-1])
    return last if last == NONE or not len(changes) else max(last, int(ids[changes[-1]]))
