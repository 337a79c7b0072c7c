"""Examining the manifest: every snapshot's hash computed anew, and compared with the chain and with the commit log."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeVar

from lake.manifest.chain import QuarantineDigest, digest_of, document
from lake.manifest.current import contents, went_on
from lake.manifest.log import Entry, canonical, document_at, entries, unsettled
from lake.manifest.packed import added, content_text
from lake.manifest.proof import is_lost

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from lake.config import Config

T = TypeVar("T")
_CHUNK = 10_000
_MADE_CHUNK = 1_000
"""Derivations compared in one read, which may keep a commit waiting."""
_SNAPSHOT_COLUMNS = (
    ("series", "created_snapshot"),
    ("files", "to_snapshot"),
    ("derivations", "to_snapshot"),
    ("names", "dropped_by"),
    ("feature_sets", "to_snapshot"),
    ("reference", "to_snapshot"),
)
"""Where no foreign key holds what rows say of the snapshot they began or ended with; each has an index."""
STEPS = (
    "m001_snapshots_and_files",
    "m002_provenance",
    "m003_derivations_and_tiers",
    "m004_names",
    "m005_forgetting",
    "m006_feature_sets",
    "m007_reference",
)
"""The names of the migrations, which only what creates a manifest can import."""
SHAPE = "bc71b4d24bdf1f38fdf61dae2e2899c40a6fde4f15dcd0df62494bb1b4de1186"
"""What `shape` gives of a manifest of this version."""
_MAX_DIFFERENCES = 5
"""Differences spelt out for one snapshot; the rest are counted."""


class Read(Protocol):
    """Runs a piece of work in one short read transaction."""

    def __call__(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Return what the work returns."""


@dataclass(slots=True)
class ChainReport:
    """What the chain and the log say about the manifest."""

    findings: list[str] = field(default_factory=list)
    interrupted: list[str] = field(default_factory=list)
    """Commits that began and were never acknowledged: no damage."""


class _Snapshot(NamedTuple):
    id: int
    parent: int
    hash: str
    parent_hash: str
    log_end: int


class _Head(NamedTuple):
    genesis: str
    snapshots: list[_Snapshot]
    log_size: int


def examine(read: Read, config: Config) -> ChainReport:
    """Check every snapshot against its hash, its parent and its line in the log."""
    log = config.log

    def head(connection: sqlite3.Connection) -> _Head:
        genesis = connection.execute("SELECT id FROM lake").fetchone()
        rows = connection.execute("SELECT id, parent, hash, parent_hash, log_end FROM snapshots ORDER BY id").fetchall()
        # While this transaction reads no commit can end, so the log is at most one snapshot ahead of these rows.
        size = log.stat().st_size if log.exists() else 0
        return _Head(genesis[0] if genesis else "", [_Snapshot(*row) for row in rows], size)

    genesis, snapshots, log_size = read(head)
    rest = unsettled(entries(log, 0, log_size))
    report = ChainReport()
    previous = _Snapshot(0, 0, genesis, "", 0)
    lines = {entry.snapshot: entry for entry in rest.commits}
    for snapshot in snapshots:
        entry = lines.pop(snapshot.id, None)
        report.findings += _link_findings(snapshot, previous)
        report.findings += _log_findings(snapshot, entry)
        report.findings += _content_findings(read, snapshot, entry, log)
        previous = snapshot
    report.findings += read(_steps)
    report.findings += read(_columns)
    report.findings += read(_misplaced)
    report.findings += read(lambda connection: _of_no_snapshot(connection, previous.id))
    report.findings += _unmarked(read)
    _examine_rest(read, config, report, previous, list(lines.values()), rest.unreadable)
    return report


def unsettled_paths(read: Read, log: Path) -> set[str]:
    """Return the files of a commit that the log has, the manifest has not, and no writer has marked as aborted."""

    def tail(connection: sqlite3.Connection) -> tuple[int, int]:
        row = connection.execute("SELECT log_end FROM snapshots ORDER BY id DESC LIMIT 1").fetchone()
        return (row[0] if row else 0, log.stat().st_size if log.exists() else 0)

    found: set[str] = set()
    for entry in unsettled(entries(log, *read(tail))).commits:
        told = document_at(log, entry)["files"]
        found |= {row[told["columns"].index("path")] for row in told["rows"]}
    return found


def _link_findings(snapshot: _Snapshot, previous: _Snapshot) -> Iterable[str]:
    if (snapshot.id, snapshot.parent) != (previous.id + 1, previous.id):
        yield f"snapshot {snapshot.id} follows snapshot {previous.id}: the snapshots between are lost"
    elif snapshot.parent_hash != previous.hash:
        yield f"snapshot {snapshot.id} does not carry the hash of snapshot {previous.id}"


def _log_findings(snapshot: _Snapshot, entry: Entry | None) -> Iterable[str]:
    if entry is None:
        yield f"snapshot {snapshot.id} is not in the commit log"
    elif entry.hash != snapshot.hash:
        yield f"snapshot {snapshot.id} has another hash in the commit log"
    elif entry.end != snapshot.log_end:
        yield f"snapshot {snapshot.id} ends at byte {entry.end} of the commit log, not at {snapshot.log_end}"


def _content_findings(read: Read, snapshot: _Snapshot, entry: Entry | None, log: Path) -> Iterable[str]:
    try:
        found = read(lambda connection: document(connection, snapshot.id))
        body = canonical(found)
    except (LookupError, TypeError, ValueError) as error:
        yield f"snapshot {snapshot.id} cannot be put together from the tables: {error}"
        return
    if digest_of(body) != snapshot.hash:
        logged = document_at(log, entry) if entry else None
        yield from _differences(snapshot.id, json.loads(body), logged)
    for ledger in found["ledger"]:
        digest = _quarantine_digest(read, ledger["id"])
        if digest.count != ledger["quarantined"] or digest.value() != ledger["quarantine_sha256"]:
            yield (
                f"snapshot {snapshot.id}: its records in quarantine changed ({digest.count} found, "
                f"{ledger['quarantined']} stored)"
            )


def _steps(connection: sqlite3.Connection) -> list[str]:
    """Compare the steps that made the tables with those there are: a newer program goes on from what it finds here."""
    rows = connection.execute("SELECT name FROM _sqlite_migrations WHERE migration_set = 'dl-datalake' ORDER BY id")
    found = tuple(str(name) for (name,) in rows.fetchall())
    return [] if found == STEPS else [f"the manifest was made by the steps {', '.join(found)}"]


def shape(connection: sqlite3.Connection) -> str:
    """Return a hash over the names and types of all columns of all tables."""
    tables = sorted(row[1] for row in connection.execute("PRAGMA main.table_list") if row[2] == "table")
    found = [
        (table, [(row[1], row[2]) for row in connection.execute("SELECT * FROM pragma_table_xinfo(?)", (table,))])
        for table in tables
        if not table.startswith("sqlite_")
    ]
    return hashlib.sha256(repr(found).encode()).hexdigest()


def _columns(connection: sqlite3.Connection) -> list[str]:
    return [] if shape(connection) == SHAPE else ["the tables have other columns than this program gave them"]


def _misplaced(connection: sqlite3.Connection) -> list[str]:
    """Compare where each file is said to lie with its last move, which a snapshot's hash covers."""
    rows = connection.execute(
        """SELECT id, tier, told FROM (SELECT id, tier, coalesce(
            (SELECT moves.tier FROM moves WHERE file_id = files.id ORDER BY moves.id DESC LIMIT 1), 'hot') AS told
        FROM files) WHERE tier <> told ORDER BY id LIMIT ?""",
        (_MAX_DIFFERENCES,),
    ).fetchall()
    return [
        f"file {number} is said to lie in tier {tier!r}; its last move was to {told!r}" for number, tier, told in rows
    ]


def _of_no_snapshot(connection: sqlite3.Connection, last: int) -> list[str]:
    """Find what began or ended with a snapshot after the last one, which no snapshot's hash covers."""
    # While this reads, commits may have added snapshots after those that were examined.
    last = max(last, connection.execute("SELECT coalesce(max(id), 0) FROM snapshots").fetchone()[0])
    return [
        f"{table} {number} has {column} {snapshot}, and the last snapshot is {last}"
        for table, column in _SNAPSHOT_COLUMNS
        for number, snapshot in connection.execute(
            f"SELECT id, {column} FROM {table} WHERE {column} > ? ORDER BY {column} LIMIT ?", (last, _MAX_DIFFERENCES)
        ).fetchall()
    ]


def _unmarked(read: Read) -> list[str]:
    """Find partitions that would be made otherwise now, and do not bear the mark by which they are found stale."""
    findings: list[str] = []
    last = 0
    while len(findings) < _MAX_DIFFERENCES:

        def chunk(connection: sqlite3.Connection, after: int = last) -> list[tuple[int, bool]]:
            rows = connection.execute(
                """SELECT id, upstream_id, start_ns, end_ns, inputs, withheld_ns FROM derivations
                WHERE id > ? AND to_snapshot IS NULL AND NOT suspect ORDER BY id LIMIT ?""",
                (after, _MADE_CHUNK),
            ).fetchall()
            return [
                (
                    number,
                    added(part[2] for part in contents(connection, upstream, start, end)) == content_text(inputs)
                    and not went_on(connection, upstream, withheld),
                )
                for number, upstream, start, end, inputs, withheld in rows
            ]

        rows = read(chunk)
        findings += [
            f"derivation {number} is marked as up to date; what it was made from is stored otherwise now"
            for number, same in rows
            if not same
        ]
        if len(rows) < _MADE_CHUNK:
            break
        last = rows[-1][0]
    return findings[:_MAX_DIFFERENCES]


def _quarantine_digest(read: Read, ledger_id: int) -> QuarantineDigest:
    digest = QuarantineDigest()
    last = 0
    while True:

        def chunk(connection: sqlite3.Connection, after: int = last) -> list[tuple[int, int, str, str, str]]:
            return connection.execute(
                """SELECT id, line, reason, detail, raw FROM quarantine WHERE ledger_id = ? AND id > ?
                ORDER BY id LIMIT ?""",
                (ledger_id, after, _CHUNK),
            ).fetchall()

        rows = read(chunk)
        for row in rows:
            digest.add(row[1:])
        if len(rows) < _CHUNK:
            return digest
        last = rows[-1][0]


def _differences(snapshot: int, found: dict[str, Any], logged: dict[str, Any] | None) -> list[str]:
    changed = f"snapshot {snapshot}: rows it wrote were changed since"
    if logged is None:
        return [changed]
    texts = list(_file_differences(snapshot, found["files"], logged["files"]))
    texts += [
        f"snapshot {snapshot}: {key} is {_short(found.get(key))} in the manifest, {_short(logged.get(key))} in the log"
        for key in sorted(found.keys() | logged.keys())
        if key != "files" and found.get(key) != logged.get(key)
    ]
    if len(texts) > _MAX_DIFFERENCES:
        texts[_MAX_DIFFERENCES:] = [f"snapshot {snapshot}: {len(texts) - _MAX_DIFFERENCES} more differences"]
    return texts or [changed]


def _file_differences(snapshot: int, found: dict[str, Any], logged: dict[str, Any]) -> Iterable[str]:
    here, there = (
        {row[0]: dict(zip(table["columns"], row, strict=True)) for row in table["rows"]} for table in (found, logged)
    )
    for key in sorted(here.keys() | there.keys()):
        mine, theirs = here.get(key), there.get(key)
        if mine is None or theirs is None:
            place = "log" if mine is None else "manifest"
            yield f"snapshot {snapshot}: file {key} ({(mine or theirs or {}).get('path')}) is only in the {place}"
            continue
        for column, value in theirs.items():
            if mine.get(column) != value:
                yield (
                    f"snapshot {snapshot}, file {key} ({theirs['path']}): {column} is {mine.get(column)!r} "
                    f"in the manifest, {value!r} in the log"
                )


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."


def _examine_rest(
    read: Read, config: Config, report: ChainReport, last: _Snapshot, commits: list[Entry], unreadable: list[Entry]
) -> None:
    """Judge the lines no snapshot accounts for: only behind the last commit can they be a killed writer's."""
    for entry in commits:
        text = f"snapshot {entry.snapshot} (hash {entry.hash[:12]}) is in the commit log and not in the manifest"
        follows = (entry.snapshot, entry.parent_hash) == (last.id + 1, last.hash)
        if follows and len(commits) == 1 and entry.start >= last.log_end:
            if is_lost(read, config, entry):
                report.findings.append(f"{text}: its files show that it took place, so the manifest is older")
            else:
                report.interrupted.append(f"{text}: its commit was interrupted")
        else:
            report.findings.append(f"{text}: the manifest lost it")
    for entry in unreadable:
        text = f"bytes {entry.start} to {entry.end} of the commit log cannot be read"
        if entry.start >= last.log_end:
            report.interrupted.append(f"{text}: a write was interrupted")
        else:
            report.findings.append(text)
