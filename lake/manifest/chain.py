"""The hash chain: each snapshot's row carries a hash over all that snapshot changed and over its parent's hash.

The document that is hashed is always read back from the tables, when it is written as when it is checked. So a row
that was changed, lost or added later by anything but a commit no longer fits its snapshot's hash, which SQLite's own
integrity check cannot see.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from lake.manifest.decode import STORED
from lake.manifest.log import quarantine_lines
from lake.manifest.packed import content_text

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator, Sequence

    from lake.manifest.rows import QuarantineRecord

FORMAT = 1
FILE_FACTS = (
    "id",
    "series_id",
    "partition",
    "part_start_ns",
    "part_end_ns",
    "path",
    "rows",
    "bytes",
    "first_ns",
    "last_ns",
    "sha256",
    "content_hash",
    "schema_version",
    "tier",
    "unproven",
    "replaces",
    "run_id",
)
"""What never changes about a file; when it was removed is in the document of the snapshot that removed it."""
_FILE_SELECT = ", ".join({**STORED, "tier": "'hot'"}.get(column, column) for column in FILE_FACTS)
# A file is made in the hot tier; where it went later is in the documents of its moves.
_SERIES_FACTS = (
    "id",
    "address",
    "exchange",
    "market",
    "symbol",
    "type",
    "period",
    "vendor_symbol",
    "tick_size",
    "price_may_be_negative",
    "time_zone",
)
_RUN_FACTS = ("id", "kind", "command", "started_ns", "pid", "host", "boot_id", "cause", "process_start")
_SOURCE_FACTS = ("id", "sha256", "name", "path", "bytes", "dialect", "options", "evidence", "fetched_at_ns")
_LEDGER_FACTS = (
    "id",
    "run_id",
    "source_id",
    "read",
    "new",
    "identical",
    "corrected",
    "superseded",
    "quarantined",
    "skipped",
    "rows_out",
    "rejected",
    "skipped_by",
    "quarantine_sha256",
)

_LATER = {
    "parts": """SELECT file_id, parts.start_day, parts.end_day, parts.rows, parts.first_ns, parts.last_ns, parts.content
        FROM files JOIN parts ON file_id = files.id WHERE from_snapshot = ? ORDER BY file_id, parts.start_day""",
    "derivations": """SELECT id, series_id, start_day, end_day, upstream_id, start_ns, end_ns, inputs, code_version,
        schema_version, recipe, withheld_ns FROM derivations WHERE from_snapshot = ? ORDER BY id""",
    "underived": "SELECT id FROM derivations WHERE to_snapshot = ? ORDER BY id",
    "tiers": "SELECT id, name, kind, location FROM tiers WHERE snapshot = ? ORDER BY id",
    "moves": "SELECT id, file_id, tier FROM moves WHERE snapshot = ? ORDER BY id",
    "names": "SELECT id, name, snapshot FROM names WHERE created_by = ? ORDER BY id",
    "expired_snapshots": "SELECT first, last FROM expiries WHERE snapshot = ? ORDER BY first",
    "reclaimed": "SELECT first_file, last_file FROM reclaims WHERE snapshot = ? ORDER BY first_file",
    "unnamed": "SELECT id FROM names WHERE dropped_by = ? ORDER BY id",
    "feature_sets": "SELECT id, key, stage, definition FROM feature_sets WHERE from_snapshot = ? ORDER BY id",
    "ended_feature_sets": "SELECT id FROM feature_sets WHERE to_snapshot = ? ORDER BY id",
    "reference": """SELECT id, kind, key, definition, source_id, line FROM reference
        WHERE from_snapshot = ? ORDER BY id""",
    "ended_reference": "SELECT id FROM reference WHERE to_snapshot = ? ORDER BY id",
}


def document(connection: sqlite3.Connection, snapshot: int) -> dict[str, Any]:
    """Return everything the snapshot changed, as the tables have it; what is missing is missing in it."""
    facts = ("id", "parent", "parent_hash", "at_ns", "run_id", "operation", "message")
    head = _records(connection, facts, "snapshots WHERE id = ?", snapshot)[0]
    head["snapshot"] = head.pop("id")
    sources = "sources WHERE id IN (SELECT source_id FROM ledger WHERE snapshot = ?1 UNION ALL "
    sources += "SELECT source_id FROM ingests WHERE snapshot = ?1 UNION ALL "
    sources += "SELECT source_id FROM reference WHERE from_snapshot = ?1) ORDER BY id"
    ingests = _records(
        connection, ("id", "key", "source_id", "run_id", "report"), "ingests WHERE snapshot = ?", snapshot
    )
    for ingest in ingests:
        ingest["partitions"] = _lists(
            connection,
            "SELECT series_id, partition FROM ingest_partitions WHERE ingest_id = ? ORDER BY series_id, partition",
            ingest["id"],
        )
    return (
        head
        | {
            "format": FORMAT,
            "runs": [_run(record) for record in _records(connection, _RUN_FACTS, "runs WHERE id = ?", head["run_id"])],
            "series": _records(connection, _SERIES_FACTS, "series WHERE created_snapshot = ? ORDER BY id", snapshot),
            "files": {
                "columns": FILE_FACTS,
                "rows": _lists(
                    connection, f"SELECT {_FILE_SELECT} FROM files WHERE from_snapshot = ? ORDER BY id", snapshot
                ),
            },
            "removed": [
                row[0]
                for row in connection.execute("SELECT id FROM files WHERE to_snapshot = ? ORDER BY id", (snapshot,))
            ],
            "lineage": _lists(
                connection,
                """SELECT file_id, source_id, upstream_file_id FROM files JOIN lineage ON file_id = files.id
            WHERE from_snapshot = ? ORDER BY lineage.rowid""",
                snapshot,
            ),
            "sources": _records(connection, _SOURCE_FACTS, sources, snapshot),
            "ingests": ingests,
            "expired": [
                row[0]
                for row in connection.execute("SELECT id FROM ingests WHERE expired_by = ? ORDER BY id", (snapshot,))
            ],
            "ledger": _records(connection, _LEDGER_FACTS, "ledger WHERE snapshot = ?", snapshot),
            "checks": _lists(
                connection,
                "SELECT series_id, partition, name, passed, detail FROM checks WHERE snapshot = ? ORDER BY id",
                snapshot,
            ),
        }
        | _later_facts(connection, snapshot)
    )


def _later_facts(connection: sqlite3.Connection, snapshot: int) -> dict[str, Any]:
    """Return what manifests of the second version did not know, where there is any of it: their hashes stand."""
    found = {
        key: [[_spelt(value) for value in row] for row in _lists(connection, sql, snapshot)]
        for key, sql in _LATER.items()
    }
    return {key: rows for key, rows in found.items() if rows}


def _spelt(value: object) -> object:
    return content_text(value) if isinstance(value, bytes) else value


def _run(record: dict[str, Any]) -> dict[str, Any]:
    """Leave out of a run what it does not say and manifests of the second version could not."""
    later = ("cause", "process_start")
    return {key: value for key, value in record.items() if key not in later or value not in {"", None}}


def _records(
    connection: sqlite3.Connection, columns: Sequence[str], rest: str, *parameters: object
) -> list[dict[str, Any]]:
    rows = connection.execute(f"SELECT {', '.join(columns)} FROM {rest}", parameters)
    return [dict(zip(columns, row, strict=True)) for row in rows]


def _lists(connection: sqlite3.Connection, sql: str, *parameters: object) -> list[list[Any]]:
    return [list(row) for row in connection.execute(sql, parameters)]


def quarantined(connection: sqlite3.Connection, snapshot: int, digest: str) -> Iterator[bytes]:
    """Yield the log's lines for the records that a snapshot put into quarantine; `digest` is its document's."""
    ledgers = connection.execute("SELECT id FROM ledger WHERE snapshot = ? AND quarantined > 0", (snapshot,)).fetchall()
    for (ledger,) in ledgers:
        rows = connection.execute(
            "SELECT line, reason, detail, raw FROM quarantine WHERE ledger_id = ? ORDER BY id", (ledger,)
        )
        yield from quarantine_lines(ledger, digest, rows)


def digest_of(body: bytes) -> str:
    """Return the hash of a document in its canonical spelling; the parent's hash is part of it."""
    return hashlib.sha256(body).hexdigest()


class QuarantineDigest:
    """The hash over a ledger's quarantined records; kept in the ledger, so that the records may go one day."""

    def __init__(self) -> None:
        """Start with none."""
        self._hash = hashlib.sha256()
        self.count = 0

    def add(self, record: QuarantineRecord | tuple[int, str, str, str]) -> None:
        """Take one record in."""
        fields = record if isinstance(record, tuple) else (record.line, record.reason, record.detail, record.raw)
        self._hash.update(json.dumps(fields).encode() + b"\n")
        self.count += 1

    def value(self) -> str:
        """Return the hash; empty when there was no record."""
        return self._hash.hexdigest() if self.count else ""
