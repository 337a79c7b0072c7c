"""Reading what was made from what: natural partitions as they are stored, and how derived ones were made."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lake.manifest import packed
from lake.manifest.decode import MAX_NS, MIN_NS
from lake.manifest.packed import DAY_NS
from lake.manifest.rows import WRITTEN, NewDerivation
from schemas.keys import Address

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable

    from lake.manifest.query import Manifest
    from lake.manifest.rows import FileRow

_DERIVATIONS = """SELECT derivations.id, series_id, start_day, end_day, series.address, upstream_id, start_ns, end_ns,
    inputs, code_version, schema_version, recipe, withheld_ns, from_snapshot, to_snapshot, suspect
    FROM derivations JOIN series ON series.id = upstream_id"""
_AT = "from_snapshot <= ? AND (to_snapshot IS NULL OR to_snapshot > ?)"
_COMPUTED_ELSEWHERE = f"substr(recipe, 1, {len(WRITTEN)}) = '{WRITTEN}'"


@dataclass(frozen=True, slots=True)
class PartRow:
    """One natural partition of a series as it is stored: in a file of its own, or as a part of a sealed one."""

    partition: str
    start_ns: int
    end_ns: int
    rows: int
    first_ns: int
    last_ns: int
    content_hash: str
    file: FileRow


@dataclass(frozen=True, slots=True)
class DerivationRow:
    """How a partition was made from one upstream; current while `to_snapshot` is None."""

    id: int
    series_id: int
    partition: str
    upstream: Address
    upstream_id: int
    start_ns: int
    end_ns: int
    inputs: str
    code_version: str
    schema_version: int
    recipe: str
    withheld_ns: int | None
    from_snapshot: int
    to_snapshot: int | None
    suspect: bool
    """Whether a commit touched what it was made from since; whether it is stale, `lake.lineage` tells."""

    @property
    def written(self) -> dict[str, Any] | None:
        """What is known of how its rows were computed: code, run, and the `snapshot` they were made from.

        None where the lake made them.
        """
        return json.loads(self.recipe)["written"] if self.recipe.startswith(WRITTEN) else None


def parts(
    manifest: Manifest, series_id: int, start_ns: int | None, end_ns: int | None, snapshot: int | None = None
) -> list[PartRow]:
    """Return the natural partitions of [start, end), oldest first; now, unless a snapshot is given."""
    at = manifest.snapshot() if snapshot is None else snapshot
    start = MIN_NS if start_ns is None else start_ns
    end = MAX_NS if end_ns is None else end_ns
    files = manifest.plan(series_id, start, end, at)
    # A partition of one day is never sealed further; those longer are, where they have parts.
    long = [file for file in files if file.end_ns - file.start_ns > DAY_NS]
    inside = manifest.read(lambda connection: {file.id: _parts_of(connection, file) for file in long})
    return [
        part
        for file in files
        for part in inside.get(file.id) or [_whole(file)]
        if part.start_ns < end and part.end_ns > start
    ]


def _parts_of(connection: sqlite3.Connection, file: FileRow) -> list[PartRow]:
    rows = connection.execute(
        """SELECT start_day, end_day, rows, first_ns, last_ns, content FROM parts WHERE file_id = ?
        ORDER BY start_day""",
        (file.id,),
    )
    return [
        PartRow(
            packed.label(start, end),
            start * DAY_NS,
            end * DAY_NS,
            count,
            first,
            last,
            packed.content_text(content),
            file,
        )
        for start, end, count, first, last, content in rows.fetchall()
    ]


def _whole(file: FileRow) -> PartRow:
    return PartRow(
        file.partition, file.start_ns, file.end_ns, file.rows, file.first_ns, file.last_ns, file.content_hash, file
    )


def derivations(manifest: Manifest, series_id: int) -> list[DerivationRow]:
    """Return how the partitions of a series were made, as it is now, oldest partition first."""
    return _derivations(manifest, "series_id = ? AND to_snapshot IS NULL ORDER BY start_day, upstream_id", series_id)


def upstream_at(manifest: Manifest, series_id: int, snapshot: int) -> Address | None:
    """Return what the lake made a series from at a snapshot, an upstream of several; None where it came in as it was.

    Rows that were computed elsewhere came in as they were, whatever is known of what they were made from.
    """
    condition = f"series_id = ? AND {_AT} AND NOT {_COMPUTED_ELSEWHERE} LIMIT 1"
    found = _derivations(manifest, condition, series_id, snapshot, snapshot)
    return found[0].upstream if found else None


def written_at(manifest: Manifest, series_id: int, snapshot: int) -> list[DerivationRow]:
    """Return what was known at a snapshot of how rows computed elsewhere were made, oldest partition first."""
    condition = f"series_id = ? AND {_AT} AND {_COMPUTED_ELSEWHERE} ORDER BY start_day, upstream_id"
    return _derivations(manifest, condition, series_id, snapshot, snapshot)


def again(address: Address, row: DerivationRow) -> NewDerivation:
    """Return a derivation of a series to be recorded once more, as it was."""
    return NewDerivation(
        address,
        row.partition,
        row.upstream,
        row.start_ns,
        row.end_ns,
        row.inputs,
        row.code_version,
        row.schema_version,
        row.recipe,
        row.withheld_ns,
    )


def made_from(manifest: Manifest, upstream_id: int, start_ns: int, end_ns: int) -> list[DerivationRow]:
    """Return the current derivations that read rows of [start, end) of an upstream."""
    condition = "upstream_id = ? AND to_snapshot IS NULL AND start_ns < ? AND end_ns > ? ORDER BY series_id, start_day"
    return _derivations(manifest, condition, upstream_id, end_ns, start_ns)


def addresses(manifest: Manifest) -> dict[int, Address]:
    """Return the addresses of all series ever made, by their ids."""
    rows = manifest.read(lambda connection: connection.execute("SELECT id, address FROM series").fetchall())
    return {number: Address.parse(text) for number, text in rows}


def derivations_of(
    connection: sqlite3.Connection, series_id: int, *, suspect_only: bool = False
) -> list[DerivationRow]:
    """Return how the partitions of a series were made, by a connection in hand."""
    suspect = "AND suspect" if suspect_only else ""
    condition = f"series_id = ? AND to_snapshot IS NULL {suspect} ORDER BY start_day, upstream_id"
    return [_derivation(row) for row in connection.execute(f"{_DERIVATIONS} WHERE {condition}", (series_id,))]


def failed_checks(manifest: Manifest, series_id: int) -> dict[str, tuple[str, ...]]:
    """Return the names of the checks that failed, by partition; those only whose last word that is."""
    rows = manifest.read(
        lambda connection: connection.execute(
            """SELECT partition, name FROM checks AS failed WHERE series_id = ? AND NOT passed
            AND partition IS NOT NULL AND NOT EXISTS (SELECT 1 FROM checks WHERE series_id = failed.series_id
                AND partition = failed.partition AND name = failed.name AND id > failed.id) ORDER BY id""",
            (series_id,),
        ).fetchall()
    )
    found: dict[str, list[str]] = {}
    for partition, name in rows:
        found.setdefault(partition, []).append(name)
    return {partition: tuple(names) for partition, names in found.items()}


def _derivations(manifest: Manifest, condition: str, *parameters: object) -> list[DerivationRow]:
    rows = manifest.read(
        lambda connection: connection.execute(f"{_DERIVATIONS} WHERE {condition}", parameters).fetchall()
    )
    return [_derivation(row) for row in rows]


def _derivation(row: tuple[Any, ...]) -> DerivationRow:
    number, series, start_day, end_day, upstream, *middle, suspect = row
    upstream_id, start_ns, end_ns, inputs, code, schema, recipe, withheld_ns, made, ended = middle
    return DerivationRow(
        number,
        series,
        packed.label(start_day, end_day),
        Address.parse(upstream),
        upstream_id,
        start_ns,
        end_ns,
        packed.content_text(inputs),
        code,
        schema,
        recipe,
        withheld_ns,
        made,
        ended,
        bool(suspect),
    )


def inputs(rows: Iterable[PartRow]) -> str:
    """Return the content hash of natural partitions together: what a derivation made from them says of its inputs."""
    return packed.added(part.content_hash for part in rows)
