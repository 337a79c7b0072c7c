"""Counting what is stored and what was made of it, for the whole lake at once: from indexes, wherever these tell."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from lake.manifest import graph, packed
from lake.manifest.current import contents, went_on
from lake.manifest.rows import WRITTEN
from schemas.keys import Address

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Sequence

    from lake.manifest.graph import DerivationRow
    from lake.manifest.query import Manifest

T = TypeVar("T")

_SERIES = "SELECT id, exchange, market, symbol, type, period FROM series ORDER BY 2, 3, 4, 5, 6"
_FILES = "SELECT series_id, count(*) FROM files WHERE to_snapshot IS NULL GROUP BY series_id"
_SEALED = """SELECT series_id, count(*) - count(DISTINCT file_id) FROM parts JOIN files ON files.id = file_id
    WHERE to_snapshot IS NULL GROUP BY series_id"""
_DERIVED = """SELECT series_id, count(*), min(upstream_id), max(upstream_id), min(code_version), max(code_version),
    min(schema_version), max(schema_version) FROM derivations WHERE to_snapshot IS NULL GROUP BY series_id"""
_SUSPECTS = "SELECT series_id, count(*) FROM derivations WHERE to_snapshot IS NULL AND suspect GROUP BY series_id"
# Only features are written with their lineage, and all of a series are or none: one of its derivations tells.
_WRITTEN = """SELECT id FROM series WHERE type = 'features' AND (SELECT substr(recipe, 1, ?1) = ?2 FROM derivations
    WHERE series_id = series.id AND to_snapshot IS NULL LIMIT 1)"""
_LAST = """SELECT id, (SELECT last_ns FROM files WHERE series_id = series.id AND to_snapshot IS NULL
    ORDER BY start_day DESC LIMIT 1) FROM series"""
# The last word of a check on a partition counts.
_FAILED_CHECKS = """SELECT series_id, count(*) FROM checks AS failed WHERE NOT passed AND NOT EXISTS (
        SELECT 1 FROM checks WHERE series_id = failed.series_id AND partition IS failed.partition
        AND name = failed.name AND id > failed.id) GROUP BY series_id"""
_RECIPES = """SELECT DISTINCT recipe FROM derivations WHERE series_id = ? AND to_snapshot IS NULL
    AND start_day = (SELECT max(start_day) FROM derivations WHERE series_id = ?1 AND to_snapshot IS NULL)"""
_NEXT_FILE = """SELECT id, start_day, end_day, first_ns, last_ns FROM files WHERE series_id = ? AND to_snapshot IS NULL
    AND start_day >= ? ORDER BY start_day LIMIT 1"""
_FILE_BEFORE = """SELECT id, start_day, end_day, first_ns, last_ns FROM files WHERE series_id = ?
    AND to_snapshot IS NULL AND start_day < ? ORDER BY start_day DESC LIMIT 1"""
_NEXT_PART = """SELECT start_day, end_day, first_ns, last_ns FROM parts WHERE file_id = ? AND end_day > ?
    ORDER BY start_day LIMIT 1"""
# Where both are cut alike, a partition stands for the one of the same first day.
_UNDERIVED = """SELECT start_day FROM files WHERE series_id = :upstream AND to_snapshot IS NULL AND NOT EXISTS (
        SELECT 1 FROM parts WHERE file_id = files.id AND files.end_day - files.start_day > 1)
    AND NOT EXISTS (SELECT 1 FROM derivations
        WHERE series_id = :series AND to_snapshot IS NULL AND start_day = files.start_day)
    UNION ALL SELECT parts.start_day FROM files JOIN parts ON file_id = files.id
    WHERE series_id = :upstream AND to_snapshot IS NULL AND files.end_day - files.start_day > 1
    AND NOT EXISTS (SELECT 1 FROM derivations
        WHERE series_id = :series AND to_snapshot IS NULL AND start_day = parts.start_day)"""


@dataclass(slots=True)
class Tally:
    """What the manifest holds of one series, in numbers."""

    id: int
    address: Address
    partitions: int = 0
    """Natural partitions that are stored."""
    derivations: int = 0
    upstreams: tuple[int, ...] = ()
    """Ids of the least and the greatest series it was made from; there may be more between them."""
    codes: tuple[str, ...] = ()
    """The least and the greatest code version it was made with."""
    schemas: tuple[int, ...] = ()
    suspects: int = 0
    written: bool = False
    """Whether its rows were computed elsewhere: its derivations tell what from, and the lake cannot make them."""
    failed_checks: int = 0
    last_ns: int | None = None


@dataclass(slots=True)
class Census:
    """What the manifest holds of every series."""

    tallies: dict[Address, Tally] = field(default_factory=dict)
    failures: dict[Address, set[str]] = field(default_factory=dict)
    """Partitions that could not be made, also of series that are not there."""

    def by_id(self) -> dict[int, Tally]:
        """Return the tallies by the ids of their series."""
        return {tally.id: tally for tally in self.tallies.values()}


def look(manifest: Manifest, work: Callable[[View], T]) -> T:
    """Run a piece of work on what the graph is now, in one read; no other read may begin inside."""
    return manifest.read(lambda connection: work(View(connection)))


def _census(connection: sqlite3.Connection) -> Census:
    tallies = {number: Tally(number, Address(*names)) for number, *names in connection.execute(_SERIES)}
    for number, count in connection.execute(_FILES):
        tallies[number].partitions = count
    for number, more in connection.execute(_SEALED):
        tallies[number].partitions += more
    for number, count, *found in connection.execute(_DERIVED):
        tally = tallies[number]
        tally.derivations = count
        least, greatest, code, last_code, schema, last_schema = found
        tally.upstreams = (least,) if least == greatest else (least, greatest)
        tally.codes = (code,) if code == last_code else (code, last_code)
        tally.schemas = (schema,) if schema == last_schema else (schema, last_schema)
    for number, count in connection.execute(_SUSPECTS):
        tallies[number].suspects = count
    for (number,) in connection.execute(_WRITTEN, (len(WRITTEN), WRITTEN)):
        tallies[number].written = True
    for number, count in connection.execute(_FAILED_CHECKS):
        tallies[number].failed_checks = count
    for number, last_ns in connection.execute(_LAST):
        tallies[number].last_ns = last_ns
    found = Census({tally.address: tally for tally in tallies.values()})
    for address, partition in connection.execute("SELECT address, partition FROM failures"):
        found.failures.setdefault(Address.parse(address), set()).add(partition)
    return found


@dataclass(frozen=True, slots=True)
class Span:
    """The days of a natural partition, and its first and last rows."""

    start_day: int
    end_day: int
    first_ns: int
    last_ns: int


class View:
    """The graph as one read sees it."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        """Take the connection of the read."""
        self._connection = connection

    def census(self) -> Census:
        """Count what is stored now."""
        return _census(self._connection)

    def derivations(self, series_id: int, *, suspect_only: bool) -> list[DerivationRow]:
        """Return how the partitions of a series were made; those only that may be stale, where that is asked."""
        return graph.derivations_of(self._connection, series_id, suspect_only=suspect_only)

    def doubted(self, series_id: int) -> list[DerivationRow]:
        """Return how those partitions of a series were made whose upstreams hold other content now."""
        suspects = self.derivations(series_id, suspect_only=True)
        return [row for row in suspects if self.inputs_of(row) != row.inputs]

    def is_current(self, row: DerivationRow) -> bool:
        """Whether a partition's upstream holds what it was made from, and nothing that makes it whole."""
        return self.inputs_of(row) == row.inputs and not self.went_on(row)

    def inputs_of(self, row: DerivationRow) -> str:
        """Return the content hash of what a partition would be made from now."""
        found = contents(self._connection, row.upstream_id, row.start_ns, row.end_ns)
        return packed.added(content for _, _, content in found)

    def went_on(self, row: DerivationRow) -> bool:
        """Whether the bucket that was left out is over: its upstream has rows after it."""
        return went_on(self._connection, row.upstream_id, row.withheld_ns)

    def next(self, series_id: int, day: int) -> Span | None:
        """Return the first natural partition of a series that ends after the beginning of a day."""
        before = self._connection.execute(_FILE_BEFORE, (series_id, day)).fetchone()
        if before is not None and before[2] > day:
            found = self._within(before, day)
            if found is not None:
                return found
            day = before[2]
        after = self._connection.execute(_NEXT_FILE, (series_id, day)).fetchone()
        return None if after is None else self._within(after, day)

    def _within(self, file: Sequence[int], day: int) -> Span | None:
        """Return the first part of a file that ends after the beginning of a day; the file, where it has no parts."""
        number, start, end, first, last = file
        if end - start > 1:
            part = self._connection.execute(_NEXT_PART, (number, day)).fetchone()
            if part is not None:
                return Span(*part)
            if self._connection.execute("SELECT 1 FROM parts WHERE file_id = ? LIMIT 1", (number,)).fetchone():
                return None
        return Span(start, end, first, last)

    def derived(self, series_id: int) -> set[int]:
        """Return the first days of the partitions that were made of a series."""
        rows = self._connection.execute(
            "SELECT DISTINCT start_day FROM derivations WHERE series_id = ? AND to_snapshot IS NULL", (series_id,)
        )
        return {day for (day,) in rows}

    def underived(self, upstream_id: int, series_id: int) -> list[int]:
        """Return the first days of an upstream's partitions of which a series, cut alike, has none made."""
        return [day for (day,) in self._connection.execute(_UNDERIVED, {"upstream": upstream_id, "series": series_id})]

    def upstreams(self, series_id: int) -> tuple[int, ...]:
        """Return the ids of the series that the last partition of a series was made from."""
        rows = self._connection.execute(
            """SELECT DISTINCT upstream_id FROM derivations WHERE series_id = ?1 AND to_snapshot IS NULL AND start_day =
            (SELECT max(start_day) FROM derivations WHERE series_id = ?1 AND to_snapshot IS NULL)""",
            (series_id,),
        )
        return tuple(number for (number,) in rows)

    def ranges(self, series_id: int) -> list[tuple[int, int]]:
        """Return the ranges that the partitions of a series were made from, in order."""
        return self._connection.execute(
            "SELECT DISTINCT start_ns, end_ns FROM derivations WHERE series_id = ? AND to_snapshot IS NULL ORDER BY 1",
            (series_id,),
        ).fetchall()

    def recipe(self, series_id: int) -> str:
        """Return the options that the last partition of a series was made with."""
        row = self._connection.execute(_RECIPES, (series_id,)).fetchone()
        return str(row[0]) if row else ""
