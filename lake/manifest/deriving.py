"""Writing how derived partitions were made, and which of those made before a change puts in doubt."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lake.errors import LakeError
from lake.manifest import packed
from lake.manifest.current import contents, went_on
from lake.manifest.packed import DAY_NS
from lake.manifest.rows import WRITTEN

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterable, Sequence

    from lake.manifest.rows import Change, NewDerivation, NewFile
    from schemas.keys import Address

    Known = Callable[[Address], int]

_MADE_HERE = f"to_snapshot IS NULL AND substr(recipe, 1, {len(WRITTEN)}) <> '{WRITTEN}'"
_HAS_DERIVATIONS = f"SELECT 1 FROM derivations WHERE series_id = ? AND {_MADE_HERE} LIMIT 1"
_UPSTREAM = f"""SELECT series.type || '/' || series.period FROM derivations JOIN series ON series.id = upstream_id
    WHERE series_id = ? AND {_MADE_HERE} LIMIT 1"""
_PARTS = "SELECT start_day, end_day, content FROM parts WHERE file_id = ?"
_SUSPECT = """UPDATE derivations SET suspect = 1
    WHERE upstream_id = ?1 AND to_snapshot IS NULL AND NOT suspect AND from_snapshot < ?2"""
_CHANGED = """SELECT series_id FROM files WHERE from_snapshot = ?1
    UNION SELECT series_id FROM files WHERE to_snapshot = ?1"""
_INSERT = """INSERT INTO derivations (id, series_id, start_day, end_day, upstream_id, start_ns, end_ns, inputs,
    code_version, schema_version, recipe, withheld_ns, from_snapshot, suspect)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"""
_CURRENT = "series_id = ? AND start_day = ? AND to_snapshot IS NULL"


def write(connection: sqlite3.Connection, change: Change, known: Known, snapshot: int) -> None:
    """Write the change's derivations, end those they replace, and mark those whose inputs it changed.

    The files of the change are written already.

    Raises:
        LakeError: DERIVED when a series would be made from others in part, and in part not.
    """
    _refuse_mixture(connection, change, known, snapshot)
    if change.keeps_content:
        _refuse_changes(connection, snapshot)
    else:
        _end_of_removed(connection, snapshot)
    derivations = change.derivations
    if derivations or change.unmade:
        told = [*change.unmade, *((each.address, each.partition) for each in derivations)]
        places = dict.fromkeys((known(address), packed.days(label)[0]) for address, label in told)
        connection.executemany(
            f"UPDATE derivations SET to_snapshot = ? WHERE {_CURRENT}", ((snapshot, *place) for place in places)
        )
        connection.executemany(_INSERT, (_row(connection, each, known, snapshot) for each in derivations))
    if not change.keeps_content:
        doubt(connection, snapshot)


def _row(connection: sqlite3.Connection, derivation: NewDerivation, known: Known, snapshot: int) -> tuple[object, ...]:
    upstream = known(derivation.upstream)
    read = (upstream, derivation.start_ns, derivation.end_ns, derivation.inputs, derivation.withheld_ns)
    return (
        None,
        known(derivation.address),
        *packed.days(derivation.partition),
        *read[:3],
        packed.content(derivation.inputs),
        derivation.code_version,
        derivation.schema_version,
        derivation.recipe,
        derivation.withheld_ns,
        snapshot,
        _is_outdated(connection, *read),
    )


def _is_outdated(
    connection: sqlite3.Connection, upstream: int, start_ns: int, end_ns: int, inputs: str, withheld_ns: int | None
) -> bool:
    """Whether what was read may be what was there no more when this commit began."""
    found = packed.added(part[2] for part in contents(connection, upstream, start_ns, end_ns))
    return found != inputs or went_on(connection, upstream, withheld_ns)


def restore(connection: sqlite3.Connection, row: Sequence[Any], snapshot: int) -> None:
    """Write a derivation again as a snapshot's document has it; all that came before is written."""
    inputs, withheld_ns = row[7], row[11]
    suspect = _is_outdated(connection, row[4], row[5], row[6], inputs, withheld_ns)
    connection.execute(_INSERT, (*row[:7], packed.content(inputs), *row[8:], snapshot, suspect))


def _refuse_mixture(connection: sqlite3.Connection, change: Change, known: Known, snapshot: int) -> None:
    """Refuse to make a series in two ways: rows that were put in by hand could be written over unseen."""
    derived: dict[Address, set[str]] = {}
    for each in change.derivations:
        if not each.recipe.startswith(WRITTEN):
            derived.setdefault(each.address, set()).add(each.partition)
    _refuse_to_derive(connection, change, known, snapshot)
    if not change.keeps_content:
        _refuse_to_write(connection, change, known, snapshot, derived)


def _refuse_to_derive(connection: sqlite3.Connection, change: Change, known: Known, snapshot: int) -> None:
    """Refuse to make partitions of a series that holds rows which came in another way."""
    for address in dict.fromkeys(each.address for each in change.derivations if not each.recipe.startswith(WRITTEN)):
        series = known(address)
        if connection.execute(_HAS_DERIVATIONS, (series,)).fetchone() is None:
            other = connection.execute(
                "SELECT partition FROM files WHERE series_id = ? AND to_snapshot IS NULL AND from_snapshot < ? LIMIT 1",
                (series, snapshot),
            ).fetchone()
            if other is not None:
                upstream = next(each.upstream.key for each in change.derivations if each.address == address)
                message = f"{address} was ingested or written; it cannot be made from {upstream}"
                raise LakeError("DERIVED", message, where=other[0])


def _refuse_to_write(
    connection: sqlite3.Connection, change: Change, known: Known, snapshot: int, derived: dict[Address, set[str]]
) -> None:
    """Refuse rows that were not made by the lake in a series that is."""
    others: dict[Address, list[NewFile]] = {}
    for file in change.files:
        if file.partition not in derived.get(file.address, ()):
            others.setdefault(file.address, []).append(file)
    for address, files in others.items():
        upstream = connection.execute(_UPSTREAM, (known(address),)).fetchone()
        if upstream is None and address not in derived:
            continue
        # A day that is stored anew as it was, because the sealed file around it goes, is no mixture.
        before = _naturals(connection, known(address), "to_snapshot = ?", snapshot)
        for file in files:
            if before.get(packed.days(file.partition)) != packed.content(file.content_hash):
                message = f"{address} is made from {upstream[0] if upstream else 'others'}: nothing else goes in"
                raise LakeError("DERIVED", message, where=file.partition)


def _refuse_changes(connection: sqlite3.Connection, snapshot: int) -> None:
    """Refuse a change that says it keeps all content, and does not: that is always a mistake of ours."""
    for (series,) in connection.execute(_CHANGED, (snapshot,)).fetchall():
        before = _naturals(connection, series, "to_snapshot = ?", snapshot)
        if before != _naturals(connection, series, "from_snapshot = ?", snapshot):
            raise LakeError("UNEXPECTED", f"the change would not keep the content of series {series}")


def _end_of_removed(connection: sqlite3.Connection, snapshot: int) -> None:
    """End the derivations of partitions that went; those that are made anew are written after this.

    A day that was made and found empty has no part in the sealed file around it, and stays made.
    """
    connection.execute(
        """UPDATE derivations SET to_snapshot = ?1 WHERE id IN (
            SELECT derivations.id FROM files JOIN derivations ON derivations.series_id = files.series_id
                AND derivations.to_snapshot IS NULL
                AND derivations.start_day >= files.start_day AND derivations.start_day < files.end_day
            WHERE files.to_snapshot = ?1
            AND ((derivations.start_day, derivations.end_day) = (files.start_day, files.end_day)
                OR EXISTS (SELECT 1 FROM parts WHERE file_id = files.id AND parts.start_day = derivations.start_day))
            AND NOT EXISTS (SELECT 1 FROM files AS live
                WHERE live.series_id = derivations.series_id AND live.to_snapshot IS NULL
                AND live.start_day = derivations.start_day AND live.end_day >= derivations.end_day))""",
        (snapshot,),
    )


def doubt(connection: sqlite3.Connection, snapshot: int) -> None:
    """Put in doubt what was made from the partitions that came, went or changed, by the ranges these make together."""
    changed = connection.execute(
        f"""SELECT series_id FROM ({_CHANGED}) AS changed
        WHERE EXISTS (SELECT 1 FROM derivations WHERE upstream_id = changed.series_id AND to_snapshot IS NULL)""",
        (snapshot,),
    ).fetchall()
    for (series,) in changed:
        before = _naturals(connection, series, "to_snapshot = ?", snapshot)
        after = _naturals(connection, series, "from_snapshot = ?", snapshot)
        touched = sorted(days for days in before.keys() | after.keys() if before.get(days) != after.get(days))
        # What this very snapshot made was compared with its inputs when it was written.
        connection.executemany(
            f"{_SUSPECT} AND start_ns < ?4 AND end_ns > ?3",
            ((series, snapshot, start * DAY_NS, end * DAY_NS) for start, end in _joined(touched)),
        )
        if touched:
            connection.execute(f"{_SUSPECT} AND withheld_ns IS NOT NULL", (series, snapshot))


def _naturals(
    connection: sqlite3.Connection, series: int, condition: str, snapshot: int
) -> dict[tuple[int, int], bytes | str]:
    """Return the content hashes of a series' natural partitions in the files of a condition, by their days."""
    files = connection.execute(
        f"SELECT id, start_day, end_day, content FROM files WHERE series_id = ? AND {condition}", (series, snapshot)
    ).fetchall()
    found = {(start, end): content for _, start, end, content in files}
    for number, start, end, _ in files:
        if end - start > 1:
            inside = connection.execute(_PARTS, (number,)).fetchall()
            if inside:
                del found[start, end]
                found |= {(first, last): content for first, last, content in inside}
    return found


def _joined(spans: Iterable[tuple[int, int]]) -> list[list[int]]:
    """Return spans, which come in order, with those that touch made one."""
    joined: list[list[int]] = []
    for start, end in spans:
        if joined and start <= joined[-1][1]:
            joined[-1][1] = max(joined[-1][1], end)
        else:
            joined.append([start, end])
    return joined
