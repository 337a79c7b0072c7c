"""Feature sets as they were registered: which there are, what they were at a snapshot, and writing them in a commit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, cast

from lake.manifest.rows import Conflict
from schemas.features import FeatureSet
from schemas.keys import Address

if TYPE_CHECKING:
    import sqlite3

    from lake.manifest.query import Manifest
    from lake.manifest.rows import Change

Stage = Literal["promoted", "staged", "deprecated"]
"""Whether a version may be the latest one: it is; it is not yet; it is no longer."""

_COLUMNS = "id, key, stage, definition, from_snapshot, to_snapshot"
_AT = "from_snapshot <= :at AND (to_snapshot IS NULL OR to_snapshot > :at)"
_CURRENT = "SELECT id FROM feature_sets WHERE key = ? AND to_snapshot IS NULL"


@dataclass(frozen=True, slots=True)
class FeatureSetRow:
    """One registration of a feature set; current while `to_snapshot` is None."""

    id: int
    key: str
    stage: Stage
    definition: str
    from_snapshot: int
    to_snapshot: int | None

    @property
    def set(self) -> FeatureSet:
        """The set as it was declared."""
        return FeatureSet.from_json(self.definition)


def feature_sets(manifest: Manifest, snapshot: int | None = None, key: str | None = None) -> list[FeatureSetRow]:
    """Return the sets that are registered, by their keys; now, unless a snapshot is given."""
    at = manifest.snapshot() if snapshot is None else snapshot
    condition = _AT if key is None else f"key = :key AND {_AT}"
    rows = manifest.read(
        lambda connection: connection.execute(
            f"SELECT {_COLUMNS} FROM feature_sets WHERE {condition} ORDER BY key", {"at": at, "key": key}
        ).fetchall()
    )
    return [FeatureSetRow(number, name, cast("Stage", stage), *rest) for number, name, stage, *rest in rows]


def write(connection: sqlite3.Connection, change: Change, snapshot: int) -> None:
    """Write the registrations of the change, each in the place of the current one of its key, and end others.

    Raises:
        Conflict: Another writer registered the same set first.
    """
    for key, expected in [(new.key, new.replaces) for new in change.feature_sets] + list(change.ended_feature_sets):
        row = connection.execute(_CURRENT, (key,)).fetchone()
        if (None if row is None else row[0]) != expected:
            raise Conflict([(Address.of("-", "-", "-", *key.split("/")), "registered")])
        connection.execute("UPDATE feature_sets SET to_snapshot = ? WHERE id = ?", (snapshot, expected))
    connection.executemany(
        "INSERT INTO feature_sets (key, stage, definition, from_snapshot) VALUES (?, ?, ?, ?)",
        ((new.key, new.stage, new.definition, snapshot) for new in change.feature_sets),
    )
