"""Reference records, which are instruments, aliases and corporate actions: what is known of them, and writing that."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from lake.manifest.decode import parsed
from lake.manifest.rows import Conflict
from schemas.keys import Address

if TYPE_CHECKING:
    import sqlite3

    from lake.manifest.query import Manifest
    from lake.manifest.rows import Change

Kind = Literal["instrument", "alias", "action"]

_AT = "from_snapshot <= :at AND (to_snapshot IS NULL OR to_snapshot > :at)"
_ROWS = f"""SELECT reference.id, kind, key, definition, name, sha256, line, from_snapshot FROM reference
    LEFT JOIN sources ON sources.id = source_id WHERE kind = :kind AND {_AT} AND %s ORDER BY key"""
# What keys are made of sorts before the tilde.
_UNDER = "key >= :under AND key < :under || '~'"
_RENAMED = f"{_UNDER} AND json_extract(definition, '$.renames') IS NOT NULL"
_NEGATIVE = "json_extract(definition, '$.price_may_be_negative')"
_STANDING = "SELECT id, key, definition FROM reference WHERE kind = ? AND to_snapshot IS NULL"
_CURRENT = "SELECT id FROM reference WHERE kind = ? AND key = ? AND to_snapshot IS NULL"


@dataclass(frozen=True, slots=True)
class ReferenceRow:
    """One reference record as it is known at a snapshot."""

    id: int
    kind: Kind
    key: str
    """Percent-encoded: `EXCHANGE/MARKET/SYMBOL` of an instrument, which an action's date and kind follow; an alias."""
    definition: dict[str, Any]
    source: str | None
    sha256: str | None
    line: int | None
    """Where the source says it."""
    snapshot: int
    """The one that brought it as it is."""


def reference(
    manifest: Manifest, kind: Kind, snapshot: int | None = None, *, under: str = "", like: str = "*"
) -> list[ReferenceRow]:
    """Return the records of a kind that are known, by their keys; now, unless a snapshot is given.

    Args:
        manifest: The lake's.
        kind: Of which kind.
        snapshot: As they were known at it.
        under: Only those whose keys begin so.
        like: Only those whose keys fit this pattern, whose `*` stands for slashes, too.
    """
    return _known(manifest, kind, _UNDER if under else "key GLOB :like", snapshot, under=under, like=like)


def record_of(manifest: Manifest, kind: Kind, key: str, snapshot: int | None = None) -> ReferenceRow | None:
    """Return the one record of a key, if it is known; now, unless a snapshot is given."""
    return next(iter(_known(manifest, kind, "key = :key", snapshot, key=key)), None)


def renamed(manifest: Manifest, place: str, snapshot: int | None = None) -> list[ReferenceRow]:
    """Return the instruments of `EXCHANGE/MARKET` that had other symbols; now, unless a snapshot is given."""
    return _known(manifest, "instrument", _RENAMED, snapshot, under=f"{place}/")


def with_negative_prices(manifest: Manifest) -> set[str]:
    """Return the keys of the instruments whose records say that prices of zero and less are right."""
    return {row.key for row in _known(manifest, "instrument", _NEGATIVE, None)}


def standing(manifest: Manifest, kind: Kind) -> dict[str, tuple[int, str]]:
    """Return id and definition, as text, of all records of a kind that are known now, by their keys."""
    rows = manifest.read(lambda connection: connection.execute(_STANDING, (kind,)).fetchall())
    return {key: (number, text) for number, key, text in rows}


def _known(manifest: Manifest, kind: Kind, condition: str, snapshot: int | None, **words: str) -> list[ReferenceRow]:
    given = {"kind": kind, "at": manifest.snapshot() if snapshot is None else snapshot, **words}
    rows = manifest.read(lambda connection: connection.execute(_ROWS % condition, given).fetchall())
    return [ReferenceRow(number, of, key, parsed(text), *rest) for number, of, key, text, *rest in rows]


def write(connection: sqlite3.Connection, change: Change, snapshot: int, source: int | None) -> None:
    """Write the reference records of the change, each in the place of the current one of its key, and end others.

    Raises:
        Conflict: Another writer changed one of the records first.
    """
    told = [(new.kind, new.key, new.replaces) for new in change.reference]
    for kind, key, expected in [*told, *change.ended_reference]:
        row = connection.execute(_CURRENT, (kind, key)).fetchone()
        if (None if row is None else row[0]) != expected:
            raise Conflict([(Address("-", "-", "-", kind, key), "reference")])
        connection.execute("UPDATE reference SET to_snapshot = ? WHERE id = ?", (snapshot, expected))
    connection.executemany(
        "INSERT INTO reference (kind, key, definition, source_id, line, from_snapshot) VALUES (?, ?, ?, ?, ?, ?)",
        ((new.kind, new.key, new.definition, source, new.line, snapshot) for new in change.reference),
    )
