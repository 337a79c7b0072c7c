"""Since when series hold rows, and since when they hold none: also of those that are empty by now."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lake.manifest import decode
from lake.manifest.decode import SERIES
from lake.manifest.forgetting import is_expired

if TYPE_CHECKING:
    import sqlite3

    from lake.manifest.query import Manifest
    from lake.manifest.rows import SeriesRow

# Two halves each, because the indexes are of live files and of replaced ones.
_FIRST = """SELECT min(first) FROM (
    SELECT min(from_snapshot) AS first FROM files WHERE series_id = series.id AND to_snapshot IS NULL
    UNION ALL SELECT min(from_snapshot) FROM files WHERE series_id = series.id AND to_snapshot IS NOT NULL)"""
_GONE = "SELECT max(to_snapshot) FROM files WHERE series_id = series.id AND to_snapshot <= :snapshot"
_OPERATION = "SELECT operation FROM snapshots WHERE id = ?"


@dataclass(frozen=True, slots=True)
class Presence:
    """When a series held rows, as seen from a snapshot."""

    series: SeriesRow
    first: int | None
    """The first snapshot that had rows of it; None when none ever had."""
    gone: int | None
    """The last one up to the snapshot that took files of it away."""
    operation: str
    """What that one did."""
    readable: bool
    """Whether the rows can be read still: as of the snapshot before `gone`, else as of `first`."""


def presences(
    manifest: Manifest,
    snapshot: int,
    *,
    exchange: str | None = None,
    market: str | None = None,
    symbol: str | None = None,
    type: str | None = None,  # noqa: A002 -- the design's word
    period: str | None = None,
) -> list[Presence]:
    """Return the series the lake ever knew, by address, whether or not they hold rows; filters as for `series`."""
    where, parameters = decode.filters(exchange, market, symbol, type, period)
    sql = f"""SELECT ({_FIRST}), ({_GONE}), {SERIES} FROM series WHERE {where}
        ORDER BY exchange, market, symbol, type, period"""

    def work(connection: sqlite3.Connection) -> list[Presence]:
        found = []
        for first, gone, *row in connection.execute(sql, parameters | {"snapshot": snapshot}).fetchall():
            operation = "" if gone is None else str(connection.execute(_OPERATION, (gone,)).fetchone()[0])
            shown = first if gone is None else gone - 1
            readable = shown is not None and not is_expired(connection, shown)
            found.append(Presence(decode.series_row(tuple(row)), first, gone, operation, readable))
        return found

    return manifest.read(work)
