"""What is forgotten: snapshots that are read no more, and files whose bytes were given back.

The rows themselves stay: the hash of a snapshot covers them, and they tell where what is there now came from.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from lake.errors import LakeError
from lake.manifest.decode import FILES, file_row
from lake.manifest.rows import Conflict

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Iterator, Sequence

    from lake.manifest.query import Manifest
    from lake.manifest.rows import Change, FileRow

Span = tuple[int, int]
"""First and last of numbers that follow each other."""

KEPT = """coalesce((SELECT last_file FROM reclaims WHERE first_file <= files.id ORDER BY first_file DESC LIMIT 1), 0)
    < files.id"""
"""The condition under which a row of `files` still has its bytes somewhere."""
EXPIRED = """coalesce((SELECT last FROM expiries WHERE first <= snapshots.id ORDER BY first DESC LIMIT 1), 0)
    >= snapshots.id"""
_CHUNK = 5_000
_OUT_OF_USE = f"""SELECT {FILES} FROM files WHERE id > :after AND to_snapshot IS NOT NULL AND {KEPT}
    ORDER BY id LIMIT :chunk"""
_MOMENTS = "SELECT id, at_ns FROM snapshots WHERE id > :after ORDER BY id LIMIT :chunk"


@dataclass(frozen=True, slots=True)
class Moment:
    """A snapshot, and when it was made."""

    id: int
    at_ns: int


class Spans:
    """A set of numbers as spans that do not touch; `covers` takes a binary search."""

    def __init__(self, spans: Iterable[Span]) -> None:
        """Take spans in any order, overlapping or not."""
        self.spans: list[Span] = []
        for first, last in sorted(spans):
            if self.spans and first <= self.spans[-1][1] + 1:
                self.spans[-1] = (self.spans[-1][0], max(last, self.spans[-1][1]))
            else:
                self.spans.append((first, last))
        self._firsts = [first for first, _ in self.spans]

    def covers(self, first: int, last: int) -> bool:
        """Whether every number from first to last is in the set."""
        at = bisect_right(self._firsts, first) - 1
        return at >= 0 and self.spans[at][1] >= last

    def meets(self, first: int, last: int) -> bool:
        """Whether any number from first to last is in the set."""
        at = bisect_right(self._firsts, last) - 1
        return at >= 0 and self.spans[at][1] >= first


def spans_of(numbers: Iterable[int]) -> list[Span]:
    """Return ascending numbers as spans."""
    spans: list[Span] = []
    for number in numbers:
        if spans and number == spans[-1][1] + 1:
            spans[-1] = (spans[-1][0], number)
        else:
            spans.append((number, number))
    return spans


def is_expired(connection: sqlite3.Connection, snapshot: int) -> bool:
    """Whether a snapshot is forgotten."""
    row = connection.execute(
        "SELECT last FROM expiries WHERE first <= ? ORDER BY first DESC LIMIT 1", (snapshot,)
    ).fetchone()
    return row is not None and int(row[0]) >= snapshot


def refuse_expired(connection: sqlite3.Connection, snapshot: int) -> None:
    """Raise SNAPSHOT_EXPIRED for a snapshot that is forgotten."""
    if not is_expired(connection, snapshot):
        return
    nearest = snapshot
    while is_expired(connection, nearest):
        nearest = 1 + int(
            connection.execute(
                "SELECT last FROM expiries WHERE first <= ? ORDER BY first DESC LIMIT 1", (nearest,)
            ).fetchone()[0]
        )
    raise LakeError(
        "SNAPSHOT_EXPIRED",
        f"snapshot {snapshot} is forgotten",
        fix=[f"{nearest} is the first after it that can be read", "dl history"],
    )


def expired(manifest: Manifest, before_ns: int | None = None) -> Spans:
    """Return the snapshots that are forgotten; those only that were at or before a time, where one is given."""
    rows = manifest.read(
        lambda connection: connection.execute(
            """SELECT first, last FROM expiries JOIN snapshots ON snapshots.id = snapshot
            WHERE ?1 IS NULL OR at_ns <= ?1""",
            (before_ns,),
        ).fetchall()
    )
    return Spans(rows)


def moments(manifest: Manifest) -> Iterator[Moment]:
    """Yield every snapshot with its time, oldest first."""
    after = 0
    while rows := _chunk(manifest, _MOMENTS, after):
        yield from (Moment(*row) for row in rows)
        after = rows[-1][0]


def out_of_use(manifest: Manifest) -> Iterator[FileRow]:
    """Yield the files that are live no more and have their bytes still."""
    return _files(manifest, _OUT_OF_USE)


def has_bytes(manifest: Manifest, file_id: int) -> bool:
    """Whether the bytes of a file are to be there."""
    sql = f"SELECT 1 FROM files WHERE id = ? AND {KEPT}"
    return manifest.read(lambda connection: connection.execute(sql, (file_id,)).fetchone()) is not None


def _files(manifest: Manifest, sql: str) -> Iterator[FileRow]:
    after = 0
    while rows := _chunk(manifest, sql, after):
        yield from map(file_row, rows)
        after = rows[-1][0]


def _chunk(manifest: Manifest, sql: str, after: int) -> list[tuple[int, ...]]:
    given = {"after": after, "chunk": _CHUNK}
    return manifest.read(lambda connection: connection.execute(sql, given).fetchall())


def write(connection: sqlite3.Connection, change: Change, snapshot: int) -> None:
    """Write which snapshots the change forgets, and the bytes of which files it gives back.

    Raises:
        Conflict: A snapshot was named, or forgotten, meanwhile; a file's bytes were given back already.
        LakeError: UNEXPECTED for a snapshot there is not yet, or a file that some snapshot still needs.
    """
    for first, last in change.expired:
        if not 0 < first <= last < snapshot:
            raise LakeError("UNEXPECTED", f"snapshots {first} to {last} cannot be forgotten by snapshot {snapshot}")
        named = "SELECT 1 FROM names WHERE dropped_by IS NULL AND snapshot BETWEEN ?1 AND ?2"
        known = "SELECT 1 FROM expiries WHERE first <= ?2 AND last >= ?1"
        if connection.execute(f"{named} UNION ALL {known} LIMIT 1", (first, last)).fetchone():
            raise Conflict([])
    connection.executemany(
        "INSERT INTO expiries (first, last, snapshot) VALUES (?, ?, ?)",
        ((first, last, snapshot) for first, last in change.expired),
    )
    if change.reclaimed:
        _reclaim(connection, change.reclaimed, snapshot)


def _reclaim(connection: sqlite3.Connection, spans: Sequence[Span], snapshot: int) -> None:
    forgotten = Spans(connection.execute("SELECT first, last FROM expiries").fetchall())
    if any(b[0] <= a[1] for a, b in pairwise(sorted(spans))):
        raise LakeError("UNEXPECTED", "the bytes of a file would be given back twice")
    for first, last in spans:
        if connection.execute(
            "SELECT 1 FROM reclaims WHERE first_file <= ? AND last_file >= ? LIMIT 1", (last, first)
        ).fetchone():
            raise Conflict([])
        rows = connection.execute(
            "SELECT id, from_snapshot, to_snapshot FROM files WHERE id BETWEEN ? AND ?", (first, last)
        )
        count = 0
        for number, begun, ended in rows:
            count += 1
            if ended is None or not forgotten.covers(begun, ended - 1):
                raise LakeError("UNEXPECTED", f"file {number} is needed still: its bytes cannot be given back")
        if count != last - first + 1:
            raise LakeError("UNEXPECTED", f"files {first} to {last} are not all there")
    connection.executemany(
        "INSERT INTO reclaims (first_file, last_file, snapshot) VALUES (?, ?, ?)",
        ((first, last, snapshot) for first, last in spans),
    )
