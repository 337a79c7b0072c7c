"""Feature sets as they were registered: which there are, what they were at a snapshot, and writing them in a commit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple, cast

from lake.errors import LakeError
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
# Series come first, and a plus keeps an index out of use: else every file of the lake is looked at, bars and all.
_STORED = f"series_id = series.id AND +{_AT}"
_HELD_BY_SERIES = f"""SELECT address, period, count(*) AS files, sum(rows) AS rows, sum(bytes) AS bytes,
    min(first_ns) AS first_ns, max(last_ns) AS last_ns
    FROM series CROSS JOIN files ON {_STORED} WHERE type = 'features' GROUP BY series.id"""
_HELD = f"""SELECT period, count(*), sum(files), sum(rows), sum(bytes), min(first_ns), max(last_ns)
    FROM ({_HELD_BY_SERIES}) GROUP BY period"""
_HOLDERS = f"""SELECT exchange, market, symbol, type, period FROM series WHERE type = 'features' AND period = :period
    AND exchange = coalesce(:exchange, exchange) AND market = coalesce(:market, market)
    AND symbol = coalesce(:symbol, symbol) AND EXISTS (SELECT 1 FROM files WHERE {_STORED})"""
_CURRENT = "SELECT id FROM feature_sets WHERE key = ? AND to_snapshot IS NULL"
_DEFINITION = "SELECT definition FROM feature_sets WHERE key = ? AND to_snapshot IS NULL"
_LEFT = """SELECT address, partition FROM series JOIN files ON series_id = series.id AND to_snapshot IS NULL
    WHERE type = 'features' AND period = ? LIMIT 1"""


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
        return FeatureSet.from_json(self.definition, registered=True)


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

    The files of the change are written already.

    Raises:
        Conflict: Another writer registered the same set first, or wrote rows of one that is to end.
        LakeError: UNKNOWN_FEATURES, FEATURE_CHANGED when the rows of the change would no longer be those of their set.
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
    for key, _ in change.ended_feature_sets:
        left = connection.execute(_LEFT, (key.removeprefix("features/"),)).fetchone()
        if left is not None:
            raise Conflict([(Address.parse(left[0]), left[1])])
    for key, definition in change.relies_on.items():
        _refuse_other(key, definition, connection.execute(_DEFINITION, (key,)).fetchone())


def _refuse_other(key: str, definition: str, found: tuple[str] | None) -> None:
    """Refuse rows of a set that was deleted meanwhile, or is registered otherwise: nothing would tell what they are."""
    label = key.removeprefix("features/")
    if found is None:
        raise LakeError("UNKNOWN_FEATURES", f"{label} was deleted while its rows were written", where=key)
    if found[0] != definition and (said := FeatureSet.from_json(definition).changed(FeatureSet.from_json(found[0]))):
        message = f"{label} was registered anew while its rows were written: {said}"
        raise LakeError("FEATURE_CHANGED", message, where=key)


class Held(NamedTuple):
    """What the lake holds of one version of a set, or of one series of it."""

    series: int
    files: int
    rows: int
    bytes: int
    first_ns: int
    last_ns: int


def held(manifest: Manifest, snapshot: int | None = None) -> dict[str, Held]:
    """Return what is stored of each version of each set, by its key; now, unless a snapshot is given."""
    at = manifest.snapshot() if snapshot is None else snapshot
    rows = manifest.read(lambda connection: connection.execute(_HELD, {"at": at}).fetchall())
    return {f"features/{period}": Held(*facts) for period, *facts in rows}


def held_by_series(manifest: Manifest, snapshot: int | None = None) -> dict[str, Held]:
    """Return what is stored of each series of each set, by its address; now, unless a snapshot is given."""
    at = manifest.snapshot() if snapshot is None else snapshot
    rows = manifest.read(lambda connection: connection.execute(_HELD_BY_SERIES, {"at": at}).fetchall())
    return {address: Held(1, *facts) for address, _period, *facts in sorted(rows)}


def holders(
    manifest: Manifest,
    key: str,
    snapshot: int | None = None,
    *,
    exchange: str | None = None,
    market: str | None = None,
    symbol: str | None = None,
) -> set[Address]:
    """Return the series that hold rows of a version of a set, of all that have the names; now, unless at a snapshot."""
    at = manifest.snapshot() if snapshot is None else snapshot
    names = {"exchange": exchange, "market": market, "symbol": symbol}
    given = {"at": at, "period": key.removeprefix("features/"), **names}
    rows = manifest.read(lambda connection: connection.execute(_HOLDERS, given).fetchall())
    return {Address(*parts) for parts in rows}
