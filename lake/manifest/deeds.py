"""What the snapshots did that no source's counts tell of: deletes, rollbacks, names, and what was forgotten."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lake.amounts import plural

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable

    from lake.manifest.query import Manifest
    from lake.manifest.rows import HistoryRow

_ROWS_GONE = """SELECT (SELECT coalesce(sum(rows), 0) FROM files WHERE to_snapshot = :id)
    - (SELECT coalesce(sum(rows), 0) FROM files WHERE from_snapshot = :id)"""
_COMMAND = "SELECT command FROM runs WHERE id = (SELECT run_id FROM snapshots WHERE id = :id)"
_NAMED = """SELECT name || ' is ' || snapshot FROM names WHERE created_by = :id
    UNION ALL SELECT name || ' dropped' FROM names WHERE dropped_by = :id"""
_FORGOTTEN = "SELECT coalesce(sum(last - first + 1), 0) FROM expiries WHERE snapshot = :id"
_REGISTERED = """SELECT substr(key, 10) || ' ' || stage FROM feature_sets WHERE from_snapshot = :id
    UNION ALL SELECT substr(key, 10) || ' dropped' FROM feature_sets AS ended WHERE to_snapshot = :id
        AND NOT EXISTS (SELECT 1 FROM feature_sets WHERE key = ended.key AND from_snapshot = :id)"""
_IMPORTED = """SELECT count(*) || ' ' || kind || CASE WHEN count(*) = 1 THEN '' WHEN kind = 'alias' THEN 'es'
    ELSE 's' END FROM reference WHERE from_snapshot = :id GROUP BY kind
    UNION ALL SELECT kind || ' removed: ' || key FROM reference AS ended WHERE to_snapshot = :id
        AND NOT EXISTS (SELECT 1 FROM reference WHERE (kind, key) = (ended.kind, ended.key) AND from_snapshot = :id)"""
_QUESTIONS = {
    "delete": _ROWS_GONE,
    "rollback": _COMMAND,
    "snapshot": _NAMED,
    "expire": _FORGOTTEN,
    "register": _REGISTERED,
    "import": _IMPORTED,
}


def deeds(manifest: Manifest, history: Iterable[HistoryRow]) -> dict[int, str]:
    """Return in a few words what snapshots did, by their numbers; nothing for those whose counts say it.

    A user's message takes the place of the words that a commit has by itself: so they are found out anew.
    """
    asked = [(row.snapshot, row.operation) for row in history if row.operation in _QUESTIONS]

    def work(connection: sqlite3.Connection) -> dict[int, str]:
        return {
            number: _told(operation, connection.execute(_QUESTIONS[operation], {"id": number}).fetchall())
            for number, operation in asked
        }

    return manifest.read(work)


def _told(operation: str, found: list[tuple[object]]) -> str:
    what = [row[0] for row in found]
    if operation in {"snapshot", "register", "import"}:
        return ", ".join(map(str, what))
    if operation == "rollback":
        _, to, target = str(what[0] or "").rpartition(" --to ") if what else ("", "", "")
        return f"to snapshot {target}" if to else ""
    count = int(str(what[0]))
    return f"{plural(count, 'row')} deleted" if operation == "delete" else f"{plural(count, 'snapshot')} forgotten"
