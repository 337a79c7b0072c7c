"""Planning reads of many series at once: one transaction, however many there are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lake.manifest import decode, statements
from lake.manifest.packed import DAY_NS

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Sequence

    from lake.manifest.query import Manifest
    from lake.manifest.rows import FileRow
    from schemas.keys import Address

    Planned = tuple[Address, int | None, list[FileRow]]
    """A series, its id if the lake has it, and files of it."""

_SERIES = "SELECT id FROM series WHERE address = ?"
_LAST = f"""SELECT * FROM (SELECT {decode.FILES} FROM files WHERE series_id = :series AND to_snapshot IS NULL
        AND from_snapshot <= :snapshot AND start_day < :end ORDER BY start_day DESC LIMIT 1)
    UNION ALL SELECT * FROM (SELECT {decode.FILES} FROM files WHERE series_id = :series AND to_snapshot > :snapshot
        AND from_snapshot <= :snapshot AND start_day < :end ORDER BY start_day DESC LIMIT 1)
    ORDER BY part_start_ns DESC LIMIT 1"""


def plans(
    manifest: Manifest, addresses: Sequence[Address], start_ns: int | None, end_ns: int | None, snapshot: int
) -> list[Planned]:
    """Return the files of [start, end) of each series at the snapshot, as `Manifest.plan` does for one."""
    words = statements.between(start_ns, end_ns) | {"snapshot": snapshot}

    def files(connection: sqlite3.Connection, series: int) -> list[FileRow]:
        return [decode.file_row(row) for row in connection.execute(statements.PLAN, words | {"series": series})]

    return _each(manifest, addresses, files)


def ends(manifest: Manifest, addresses: Sequence[Address], rows: int, snapshot: int) -> list[Planned]:
    """Return the files that the last `rows` rows of each series at the snapshot lie in, oldest partition first."""

    def files(connection: sqlite3.Connection, series: int) -> list[FileRow]:
        found: list[FileRow] = []
        words = {"series": series, "snapshot": snapshot, "end": decode.MAX_DAY}
        while sum(file.rows for file in found) < rows:
            row = connection.execute(_LAST, words).fetchone()
            if row is None:
                break
            found.insert(0, decode.file_row(row))
            words["end"] = found[0].start_ns // DAY_NS
        return found

    return _each(manifest, addresses, files)


def known(manifest: Manifest, addresses: Sequence[Address]) -> set[Address]:
    """Return those of the series that the manifest has, whether or not they have files now."""
    return {address for address, series, _ in _each(manifest, addresses, lambda *_: []) if series is not None}


def _each(
    manifest: Manifest, addresses: Sequence[Address], files: Callable[[sqlite3.Connection, int], list[FileRow]]
) -> list[Planned]:
    def work(connection: sqlite3.Connection) -> list[Planned]:
        found: list[Planned] = []
        for address in addresses:
            row = connection.execute(_SERIES, (str(address),)).fetchone()
            found.append((address, None, []) if row is None else (address, row[0], files(connection, row[0])))
        return found

    return manifest.read(work)
