"""What the manifest tells of the lake at a snapshot, as tables: its assets, series and partitions, the ledger, imports.

Each chunk of rows is one short read, so that a table of any length holds up no writer.
"""

from __future__ import annotations

import datetime as dt
import json
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from lake.manifest.decode import PATH
from lake.manifest.packed import DAY_NS
from lake.manifest.reference import reference
from schemas.instruments import INSTRUMENT
from schemas.keys import Address, Partition, decode

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator

    from lake.manifest.query import Manifest
    from lake.manifest.reference import ReferenceRow

    Row = tuple[Any, ...]

CHUNK = 5_000
_AT = "from_snapshot <= :at AND (to_snapshot IS NULL OR to_snapshot > :at)"
# A series' files come by one index, live ones first; the plus keeps the planner from another.
_HELD = f"""FROM series CROSS JOIN files ON series_id = series.id AND +{_AT}"""
_ASSETS = f"""SELECT type, period, count(DISTINCT series.id), count(*), sum(rows), sum(bytes), min(first_ns),
    max(last_ns), max(from_snapshot) {_HELD} GROUP BY type, period ORDER BY type, period"""
_SERIES = f"""SELECT address, exchange, market, symbol, type, period, count(*), sum(rows), sum(bytes), min(first_ns),
    max(last_ns), max(from_snapshot) {_HELD} WHERE series.id = :series GROUP BY series.id"""
_ALL_SERIES = "SELECT id FROM series ORDER BY exchange, market, symbol, type, period"
_FILES = f"""SELECT id, series_id, start_day, end_day, partition, {PATH}, rows, bytes, first_ns, last_ns, sha256, tier,
    from_snapshot FROM files WHERE id > :after AND {_AT} ORDER BY id LIMIT :chunk"""
_PARTS = "SELECT start_day, end_day, rows, first_ns, last_ns FROM parts WHERE file_id = ? ORDER BY start_day"
_LEDGER = """SELECT ledger.id, ledger.snapshot, at_ns, ledger.run_id, operation, name, sha256, dialect, read, new,
    identical, corrected, superseded, quarantined, skipped, rows_out, rejected, skipped_by
    FROM ledger JOIN snapshots ON snapshots.id = ledger.snapshot LEFT JOIN sources ON sources.id = source_id
    WHERE ledger.id > :after AND ledger.snapshot <= :at ORDER BY ledger.id LIMIT :chunk"""


def assets(manifest: Manifest, snapshot: int) -> Iterator[list[Row]]:
    """Yield what is held of each asset.

    A row is type, period, series, files, rows, bytes, first_ns, last_ns, and the last snapshot that added a file.
    """
    yield manifest.read(lambda connection: connection.execute(_ASSETS, {"at": snapshot}).fetchall())


def series(manifest: Manifest, snapshot: int) -> Iterator[list[Row]]:
    """Yield what is held of each series.

    A row is address, exchange, market, symbol, type, period, files, rows, bytes, first_ns, last_ns, and the last
    snapshot that added a file.
    """
    numbers = manifest.read(lambda connection: connection.execute(_ALL_SERIES).fetchall())
    for start in range(0, len(numbers), CHUNK):
        some = [number for (number,) in numbers[start : start + CHUNK]]

        def work(connection: sqlite3.Connection, some: list[int] = some) -> list[Row]:
            return [
                row
                for number in some
                for row in connection.execute(_SERIES, {"series": number, "at": snapshot}).fetchall()
            ]

        yield manifest.read(work)


def partitions(manifest: Manifest, snapshot: int) -> Iterator[list[Row]]:
    """Yield every natural partition, those in sealed files too.

    A row is address, exchange, market, symbol, type, period, partition, start_ns, end_ns, rows, bytes, first_ns,
    last_ns, whether it lies in a sealed file, and that file's path, SHA-256, tier, and snapshot. The bytes of a part of
    a sealed file are nobody's to tell: None.
    """
    after = 0
    addresses: dict[int, Address] = {}
    while True:

        def work(connection: sqlite3.Connection, after: int = after) -> list[tuple[Row, list[Row]]]:
            found = connection.execute(_FILES, {"after": after, "at": snapshot, "chunk": CHUNK}).fetchall()
            for number in {row[1] for row in found} - addresses.keys():
                parts = connection.execute(
                    "SELECT exchange, market, symbol, type, period FROM series WHERE id = ?", (number,)
                ).fetchone()
                addresses[number] = Address(*parts)
            return [(row, _parts(connection, row)) for row in found]

        files = manifest.read(work)
        if not files:
            return
        yield [row for file, parts in files for row in _partitions(addresses[file[1]], file, parts)]
        after = files[-1][0][0]


def _parts(connection: sqlite3.Connection, file: Row) -> list[Row]:
    return [] if file[3] - file[2] == 1 else connection.execute(_PARTS, (file[0],)).fetchall()


def _partitions(address: Address, file: Row, parts: list[Row]) -> Iterator[Row]:
    _, _, start, end, label, path, rows, size, first, last, sha256, tier, snapshot = file
    names = (str(address), address.exchange, address.market, address.symbol, address.type, address.period)
    stored = (path, sha256, tier, snapshot)
    if not parts:
        yield (*names, label, start * DAY_NS, end * DAY_NS, rows, size, first, last, False, *stored)
    for begin, stop, count, earliest, latest in parts:
        day = Partition(begin, address.grain).label
        yield (*names, day, begin * DAY_NS, stop * DAY_NS, count, None, earliest, latest, True, *stored)


def ledger(manifest: Manifest, snapshot: int) -> Iterator[list[Row]]:
    """Yield where the records of each source went.

    A row is snapshot, at_ns, run_id, operation, the source's name, SHA-256 and dialect, records read, new, identical,
    corrected, superseded, quarantined and skipped, the rows they made, and as JSON why some were rejected or skipped.
    """
    after = 0

    def chunk(after: int) -> list[Row]:
        given = {"after": after, "at": snapshot, "chunk": CHUNK}
        return manifest.read(lambda connection: connection.execute(_LEDGER, given).fetchall())

    while rows := chunk(after):
        yield [row[1:] for row in rows]
        after = rows[-1][0]


def instruments(manifest: Manifest, snapshot: int) -> Iterator[list[Row]]:
    """Yield what was imported of instruments.

    A row is exchange, market, symbol, the facts of the record in the order they are declared in, lists of them as JSON,
    and the snapshot that brought it.
    """
    names = [field.name for field in INSTRUMENT if not field.names]
    yield [
        (*_places(row), *(_plain(row.definition.get(name)) for name in names), row.snapshot)
        for row in reference(manifest, "instrument", snapshot)
    ]


def actions(manifest: Manifest, snapshot: int) -> Iterator[list[Row]]:
    """Yield the splits and dividends that were imported.

    A row is exchange, market, symbol, ex-date, action, label, ratio, amount, currency, when it was announced, and the
    snapshot that brought it.
    """
    yield [_action(row) for row in reference(manifest, "action", snapshot)]


def _action(row: ReferenceRow) -> Row:
    day, kind, *label = row.key.split("/")[3:]
    ratio, amount = (row.definition.get(name) for name in ("ratio", "amount"))
    numbers = (None if number is None else float(Fraction(number)) for number in (ratio, amount))
    said = (row.definition.get(name) for name in ("currency", "known_at"))
    return (*_places(row), dt.date.fromisoformat(day), kind, "".join(label) or None, *numbers, *said, row.snapshot)


def _places(row: ReferenceRow) -> Row:
    return tuple(map(decode, row.key.split("/")[:3]))


def _plain(value: Any) -> Any:  # noqa: ANN401 -- whatever a fact is
    if isinstance(value, list):
        return json.dumps(value)
    return value
