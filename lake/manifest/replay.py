"""Replaying the commit log: the manifest made anew, snapshot by snapshot, each proven by its own hash.

What the log does not tell is lost with the manifest: runs that committed nothing, failures, and when files were last
verified.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from lake.errors import LakeError
from lake.manifest import deriving, packed
from lake.manifest.chain import QuarantineDigest, digest_of, document
from lake.manifest.log import canonical, document_at, entries
from lake.manifest.packed import DAY_NS

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from lake.manifest.log import Entry

_FILES = """INSERT INTO files (id, series_id, start_day, end_day, name, rows, bytes, first_ns, last_ns, sha, content,
    schema_version, tier, unproven, replaces, from_snapshot)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'hot', ?, ?, ?)"""

_QUARANTINE = "INSERT INTO quarantine (ledger_id, line, reason, detail, raw) VALUES (?, ?, ?, ?, ?)"


@dataclass(slots=True)
class Survey:
    """What a commit log holds, as far as a manifest can be made of it."""

    commits: list[Entry] = field(default_factory=list)
    """The commits from the first one on, each the parent of the next."""
    tip_is_open: bool = False
    """Whether nothing behind the last commit shows that it took place."""
    aborted: list[Entry] = field(default_factory=list)
    """Commits without a mark that are known not to have taken place: another one follows their parent."""
    unreadable: list[Entry] = field(default_factory=list)
    """Lines that cannot be read and that no mark speaks of."""
    broken: str = ""
    """Why the log cannot be replayed to its end; the commits are then those before that place."""
    newest: int = 0
    """The last snapshot that the log tells of, whether or not it can be replayed."""

    @property
    def lake(self) -> str:
        """The lake's id, which its first snapshot carries as its parent's hash."""
        return self.commits[0].parent_hash if self.commits else ""


def survey(log: Path) -> Survey:
    """Read a commit log through and find the commits that make up the lake's history."""
    found: dict[str, Entry] = {}
    struck: set[str] = set()
    last = ""
    result = Survey()
    size = log.stat().st_size if log.exists() else 0
    for entry in entries(log, 0, size):
        if entry.kind == "commit":
            found[entry.hash] = entry
            last = entry.hash
        elif entry.kind == "aborted":
            struck.add(entry.hash)
        elif entry.kind == "unreadable":
            result.unreadable.append(entry)
        elif entry.kind == "torn":
            del result.unreadable[max(0, len(result.unreadable) - entry.count) :]
    standing = {digest: entry for digest, entry in found.items() if digest not in struck}
    tip = next(reversed(standing.values()), None)
    if tip is None:
        result.broken = "" if not result.unreadable else _unreadable(result.unreadable[0])
        return result
    result.newest = tip.snapshot
    chain = [tip]
    while (parent := standing.get(chain[-1].parent_hash)) is not None:
        chain.append(parent)
    chain.reverse()
    result.tip_is_open = tip.hash == last
    if chain[0].snapshot == 1:
        result.commits = chain
        kept = {entry.hash for entry in chain}
        result.aborted = [entry for entry in standing.values() if entry.hash not in kept]
        return result
    result.broken = _gap(chain[0], result.unreadable)
    result.commits = _from_the_first(standing.values())
    return result


def _unreadable(entry: Entry) -> str:
    return f"bytes {entry.start} to {entry.end} of the commit log cannot be read"


def _gap(first: Entry, unreadable: Sequence[Entry]) -> str:
    """Say what is missing before the first of the commits that hang together."""
    before = [entry for entry in unreadable if entry.end <= first.start]
    if before:
        return f"{_unreadable(before[-1])}, and snapshot {first.snapshot - 1} is lost with them"
    return f"snapshot {first.snapshot - 1} is missing before byte {first.start} of the commit log"


def _from_the_first(commits: Iterable[Entry]) -> list[Entry]:
    chain: list[Entry] = []
    for entry in commits:
        if (not chain and entry.snapshot == 1) or (chain and entry.parent_hash == chain[-1].hash):
            chain.append(entry)
    return chain


class Replay:
    """Writes commits of the log into an empty manifest, whose connection and transaction are the caller's."""

    def __init__(self, connection: sqlite3.Connection, log: Path) -> None:
        """Take the open manifest, freshly migrated, and the log that its snapshots are in."""
        self._connection, self._log = connection, log
        self._addresses: dict[int, str] = {}
        self.records_lost = 0
        """Records in quarantine that the log does not have: they were rejected before it kept such records."""

    def all(self, commits: Sequence[Entry], progress: Callable[[int, int], None]) -> None:
        """Write the commits, which begin with the first one of the lake.

        Raises:
            LakeError: UNREPAIRABLE when a snapshot as written does not have the hash it has in the log.
        """
        self._connection.execute("UPDATE lake SET id = ?", (commits[0].parent_hash,))
        wanted = {entry.hash for entry in commits}
        held: list[Entry] = []
        done = 0
        for entry in entries(self._log, 0, commits[-1].end):
            if entry.kind == "quarantine":
                held.append(entry)
            elif entry.kind == "commit":
                if entry.hash in wanted:
                    self._write(entry, [line for line in held if line.hash == entry.hash])
                    done += 1
                    progress(done, len(commits))
                held = []

    def _write(self, entry: Entry, quarantine: Sequence[Entry]) -> None:
        said = document_at(self._log, entry)
        if said["snapshot"] == 1:
            self._connection.execute("UPDATE lake SET created_ns = ?", (said["at_ns"],))
        self._head(entry, said)
        self._series(said)
        self._files(said)
        self._sources(said)
        self._ledger(said)
        self._quarantine(said, quarantine)
        self._ingests(said)
        self._checks(said)
        self._derivations(said)
        self._places(said)
        self._names(said)
        self._feature_sets(said)
        self._reference(said)
        self._forgotten(said)
        if digest_of(canonical(document(self._connection, entry.snapshot))) != entry.hash:
            raise LakeError(
                "UNREPAIRABLE",
                f"snapshot {entry.snapshot} cannot be made again from what the commit log says of it",
                where=f"{self._log}, byte {entry.start}",
            )

    def _many(self, sql: str, rows: Iterable[Sequence[object]]) -> None:
        self._connection.executemany(sql, rows)

    def _insert(self, table: str, records: Sequence[dict[str, Any]], **more: object) -> None:
        """Insert records whose keys are the table's columns; one that is there already stays as it is."""
        for record in records:
            row = record | more
            marks = ", ".join("?" * len(row))
            self._connection.execute(
                f"INSERT OR IGNORE INTO {table} ({', '.join(row)}) VALUES ({marks})", tuple(row.values())
            )

    def _head(self, entry: Entry, said: dict[str, Any]) -> None:
        number, at = said["snapshot"], said["at_ns"]
        self._insert("runs", said["runs"], status="ok")
        self._many(
            "UPDATE runs SET snapshot = ?, ended_ns = ? WHERE id = ?", ((number, at, run["id"]) for run in said["runs"])
        )
        facts = {key: said[key] for key in ("parent", "at_ns", "run_id", "operation", "message", "parent_hash")}
        self._insert("snapshots", [{"id": number, **facts, "hash": entry.hash, "log_end": entry.end}])

    def _series(self, said: dict[str, Any]) -> None:
        self._insert("series", said["series"], created_snapshot=said["snapshot"])
        self._addresses |= {series["id"]: series["address"] for series in said["series"]}

    def _files(self, said: dict[str, Any]) -> None:
        number = said["snapshot"]
        self._many("UPDATE files SET to_snapshot = ? WHERE id = ?", ((number, file_id) for file_id in said["removed"]))
        columns = said["files"]["columns"]
        self._many(
            _FILES, (self._file_row(dict(zip(columns, row, strict=True)), number) for row in said["files"]["rows"])
        )
        self._many("INSERT INTO lineage VALUES (?, ?, ?)", said["lineage"])
        self._many(
            "INSERT INTO parts VALUES (?, ?, ?, ?, ?, ?, ?)",
            ((*row[:6], packed.content(row[6])) for row in said.get("parts", ())),
        )

    def _file_row(self, file: dict[str, Any], snapshot: int) -> tuple[object, ...]:
        folder = f"{self._addresses[file['series_id']]}/{file['partition'].replace('-', '/')}/"
        return (
            file["id"],
            file["series_id"],
            file["part_start_ns"] // DAY_NS,
            file["part_end_ns"] // DAY_NS,
            packed.name(file["path"], folder),
            *(file[key] for key in ("rows", "bytes", "first_ns", "last_ns")),
            packed.sha256(file["sha256"]),
            packed.content(file["content_hash"]),
            *(file[key] for key in ("schema_version", "unproven", "replaces")),
            snapshot,
        )

    def _sources(self, said: dict[str, Any]) -> None:
        self._insert("sources", said["sources"])

    def _ledger(self, said: dict[str, Any]) -> None:
        self._insert("ledger", said["ledger"], snapshot=said["snapshot"])

    def _quarantine(self, said: dict[str, Any], lines: Sequence[Entry]) -> None:
        """Write the records in quarantine that the log has, if they are all there."""
        for ledger in said["ledger"]:
            digest = QuarantineDigest()
            for line in lines:
                for row in document_at(self._log, line)["rows"]:
                    digest.add(tuple(row))
            if (digest.count, digest.value()) != (ledger["quarantined"], ledger["quarantine_sha256"]):
                self.records_lost += ledger["quarantined"]
                continue
            for line in lines:
                rows = document_at(self._log, line)["rows"]
                self._many(_QUARANTINE, ((ledger["id"], *row) for row in rows))

    def _ingests(self, said: dict[str, Any]) -> None:
        number = said["snapshot"]
        self._many("UPDATE ingests SET expired_by = ? WHERE id = ?", ((number, each) for each in said["expired"]))
        for ingest in said["ingests"]:
            facts = {key: value for key, value in ingest.items() if key != "partitions"}
            self._insert("ingests", [facts], snapshot=number)
            self._many(
                "INSERT INTO ingest_partitions (series_id, partition, ingest_id) VALUES (?, ?, ?)",
                ((*place, ingest["id"]) for place in ingest["partitions"]),
            )

    def _checks(self, said: dict[str, Any]) -> None:
        self._many(
            """INSERT INTO checks (snapshot, run_id, series_id, partition, name, passed, detail)
            VALUES (?, ?, ?, ?, ?, ?, ?)""",
            ((said["snapshot"], said["run_id"], *check) for check in said["checks"]),
        )

    def _derivations(self, said: dict[str, Any]) -> None:
        number = said["snapshot"]
        self._many(
            "UPDATE derivations SET to_snapshot = ? WHERE id = ?",
            ((number, each) for [each] in said.get("underived", ())),
        )
        for row in said.get("derivations", ()):
            deriving.restore(self._connection, row, number)
        # Where a change kept all content, nothing is found that changed.
        deriving.doubt(self._connection, number)

    def _places(self, said: dict[str, Any]) -> None:
        number = said["snapshot"]
        self._many(
            "INSERT INTO tiers (id, name, kind, location, snapshot) VALUES (?, ?, ?, ?, ?)",
            ((*row, number) for row in said.get("tiers", ())),
        )
        moves = said.get("moves", ())
        self._many(
            "INSERT INTO moves (id, file_id, tier, snapshot) VALUES (?, ?, ?, ?)", ((*row, number) for row in moves)
        )
        self._many("UPDATE files SET tier = ? WHERE id = ?", ((tier, file_id) for _, file_id, tier in moves))

    def _names(self, said: dict[str, Any]) -> None:
        number = said["snapshot"]
        self._many(
            "UPDATE names SET dropped_by = ? WHERE id = ?", ((number, each) for [each] in said.get("unnamed", ()))
        )
        self._many(
            "INSERT INTO names (id, name, snapshot, created_by) VALUES (?, ?, ?, ?)",
            ((*row, number) for row in said.get("names", ())),
        )

    def _feature_sets(self, said: dict[str, Any]) -> None:
        number = said["snapshot"]
        ended = said.get("ended_feature_sets", ())
        self._many("UPDATE feature_sets SET to_snapshot = ? WHERE id = ?", ((number, each) for [each] in ended))
        self._many(
            "INSERT INTO feature_sets (id, key, stage, definition, from_snapshot) VALUES (?, ?, ?, ?, ?)",
            ((*row, number) for row in said.get("feature_sets", ())),
        )

    def _reference(self, said: dict[str, Any]) -> None:
        number = said["snapshot"]
        ended = said.get("ended_reference", ())
        self._many("UPDATE reference SET to_snapshot = ? WHERE id = ?", ((number, each) for [each] in ended))
        self._many(
            """INSERT INTO reference (id, kind, key, definition, source_id, line, from_snapshot)
            VALUES (?, ?, ?, ?, ?, ?, ?)""",
            ((*row, number) for row in said.get("reference", ())),
        )

    def _forgotten(self, said: dict[str, Any]) -> None:
        number = said["snapshot"]
        for table, key in (("expiries", "expired_snapshots"), ("reclaims", "reclaimed")):
            self._many(f"INSERT INTO {table} VALUES (?, ?, ?)", ((*row, number) for row in said.get(key, ())))
