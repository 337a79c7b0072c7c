"""The rows of one change, written inside the writer's open transaction."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple

from lake.errors import LakeError, printable
from lake.manifest import deriving, failures, feature_sets, forgetting, naming, packed, placing, reference
from lake.manifest.chain import QuarantineDigest
from lake.manifest.current import covering, current_ingest
from lake.manifest.decode import SPELLING
from lake.manifest.packed import DAY_NS
from lake.manifest.rows import VENDOR_SYMBOL, AlreadyIngested, CheckRecord, Conflict, Instrument
from schemas.keys import Address, normalise

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lake.manifest.lean import Database
    from lake.manifest.rows import Change, LedgerRecord, NewFile, NewPart, QuarantineRecord, SourceRecord


class Parent(NamedTuple):
    """The snapshot a change follows; for the first one, the lake itself."""

    id: int
    hash: str
    at_ns: int
    log_end: int


def refuse_unbalanced(change: Change) -> None:
    """Raise UNEXPECTED when the change's ledger does not add up: that is always a mistake of ours."""
    if change.ledger is not None and not change.ledger.balanced:
        raise LakeError("UNEXPECTED", f"the ledger does not add up: {change.ledger}")


class Recording:
    """Writes one change as one snapshot's rows; the transaction is the caller's."""

    def __init__(self, db: Database, change: Change, parent: Parent) -> None:
        """Take the open database, what to write, and the snapshot it follows."""
        self._db = db
        self._connection = db.conn
        self._change = change
        self._parent = parent
        self.snapshot = parent.id + 1
        self._series: dict[Address, int] = {}

    def write(self) -> None:
        """Write all rows but the snapshot's time, which `date` sets, and its hash.

        Raises:
            AlreadyIngested: The change's ingest key is current already.
            Conflict: A partition, a feature set's registration or a reference record is not as the change expects it.
            LakeError: SYMBOL_CASE when two vendor symbols differ only in case; UNKNOWN_FEATURES, FEATURE_CHANGED when
                rows are no longer those of their feature set; DERIVED.
        """
        change = self._change
        self._refuse_repeat()
        self._compare()
        self._write_snapshot()
        self._create_series()
        self._swap_files()
        self._refuse_overlaps()
        source = self._write_source(change.source) if change.source else None
        self._write_lineage(source)
        if change.ledger:
            self._write_ledger(change.ledger, source)
        if change.ingest_key is not None:
            self._write_ingest(change.ingest_key, source)
        self._expire_ingests()
        self._write_checks()
        deriving.write(self._connection, change, self._known_series, self.snapshot)
        placing.write(self._connection, change, self.snapshot)
        naming.write(self._connection, change, self.snapshot)
        feature_sets.write(self._connection, change, self.snapshot)
        reference.write(self._connection, change, self.snapshot, source)
        forgetting.write(self._connection, change, self.snapshot)
        failures.clear(self._connection, change)

    def _refuse_repeat(self) -> None:
        if self._change.ingest_key is not None:
            ingest = current_ingest(self._connection, self._change.ingest_key)
            if ingest is not None:
                raise AlreadyIngested(ingest)

    def _series_id(self, address: Address) -> int | None:
        if address not in self._series:
            row = self._connection.execute("SELECT id FROM series WHERE address = ?", (str(address),)).fetchone()
            if row is None:
                return None
            self._series[address] = row[0]
        return self._series[address]

    def _known_series(self, address: Address) -> int:
        series = self._series_id(address)
        if series is None:
            raise LakeError("UNEXPECTED", f"the change speaks of {address}, which has no file")
        return series

    def _compare(self) -> None:
        """Compare each partition's live file, alone or around it, with the one the change was made from."""
        expected = {(file.address, file.partition): file.replaces for file in self._change.files}
        # What was found to be there already must be there still: the ledger and the ingest's key vouch for it.
        expected |= {(address, partition): live for address, partition, live in self._change.expected}
        lost: list[tuple[Address, str]] = []
        for (address, partition), before in expected.items():
            series = self._series_id(address)
            live = None if series is None else covering(self._connection, series, partition)
            if live != before and (live is None or live not in self._change.removed):
                lost.append((address, partition))
        for file_id in self._change.removed:
            row = self._connection.execute(
                """SELECT address, partition, to_snapshot FROM files JOIN series ON series.id = series_id
                WHERE files.id = ?""",
                (file_id,),
            ).fetchone()
            if row is None:
                raise LakeError("UNEXPECTED", f"the change removes file {file_id}, which never was")
            if row[2] is not None:
                lost.append((Address.parse(row[0]), row[1]))
        if lost:
            raise Conflict(lost)

    def date(self, at_ns: int) -> None:
        """Set the snapshot's time; it is behind its parent's."""
        self._connection.execute("UPDATE snapshots SET at_ns = ? WHERE id = ?", (at_ns, self.snapshot))

    def _write_snapshot(self) -> None:
        change = self._change
        self._db.table("snapshots").insert(
            {
                "id": self.snapshot,
                "parent": self._parent.id,
                "at_ns": self._parent.at_ns + 1000,
                "run_id": change.run_id,
                "operation": change.operation,
                "message": change.message,
                "hash": "",
                "parent_hash": self._parent.hash,
                "log_end": 0,
            }
        )

    def _create_series(self) -> None:
        instruments = dict(self._change.instruments)
        made = (derivation.address for derivation in self._change.derivations)
        for address in dict.fromkeys((*(file.address for file in self._change.files), *made)):
            instruments.setdefault(address, Instrument(""))
        for address, instrument in instruments.items():
            if self._series_id(address) is not None:
                self._spell(address, instrument.vendor_symbol)
                continue
            cursor = self._connection.execute(
                """INSERT INTO series (address, exchange, market, symbol, type, period, vendor_symbol, tick_size,
                price_may_be_negative, time_zone, created_snapshot) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)""",
                (
                    str(address),
                    address.exchange,
                    address.market,
                    address.symbol,
                    address.type,
                    address.period,
                    instrument.vendor_symbol,
                    instrument.tick_size,
                    instrument.price_may_be_negative,
                    instrument.time_zone,
                    self.snapshot,
                ),
            )
            self._series[address] = int(cursor.lastrowid or 0)

    def _spell(self, address: Address, symbol: str) -> None:
        """Keep the first vendor's spelling of a series that has none; refuse another case of the one it has."""
        if not symbol:
            return
        stored = self._connection.execute(
            f"SELECT {SPELLING} FROM series WHERE id = ?", (self._series[address],)
        ).fetchone()[0]
        if not stored:
            # A row of this snapshot, covered by its hash: the series' own row belongs to the one that made it.
            self._write_check(CheckRecord(address, None, VENDOR_SYMBOL, passed=True, detail=symbol))
        elif symbol != stored and normalise(symbol) == normalise(stored) == address.symbol:
            raise LakeError("SYMBOL_CASE", f"{symbol!r} and {stored!r} differ only in case", where=str(address))

    def _swap_files(self) -> None:
        change = self._change
        gone = {*change.removed, *(file.replaces for file in change.files if file.replaces is not None)}
        self._connection.executemany(
            "UPDATE files SET to_snapshot = ? WHERE id = ?", ((self.snapshot, file_id) for file_id in sorted(gone))
        )
        self._connection.executemany(
            """INSERT INTO files (series_id, start_day, end_day, name, rows, bytes, first_ns, last_ns, sha, content,
            schema_version, tier, unproven, replaces, from_snapshot)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'hot', ?, ?, ?)""",
            (self._file_row(file) for file in change.files),
        )

    def _file_row(self, file: NewFile) -> tuple[object, ...]:
        folder = f"{file.address}/{file.partition.replace('-', '/')}/"
        return (
            self._series[file.address],
            file.start_ns // DAY_NS,
            file.end_ns // DAY_NS,
            packed.name(file.path, folder),
            file.rows,
            file.bytes,
            file.first_ns,
            file.last_ns,
            packed.sha256(file.sha256),
            packed.content(file.content_hash),
            file.schema_version,
            json.dumps(file.unproven) if file.unproven else "[]",
            file.replaces,
            self.snapshot,
        )

    def _refuse_overlaps(self) -> None:
        """Refuse a partition that overlaps one of another grain: rows of that time would be read twice."""
        rows = self._connection.execute(
            """SELECT address, new.partition FROM files AS new JOIN series ON series.id = new.series_id
            WHERE new.from_snapshot = ?1 AND (
                EXISTS (SELECT 1 FROM files AS next WHERE next.series_id = new.series_id
                    AND next.to_snapshot IS NULL AND next.id <> new.id
                    AND next.start_day >= new.start_day AND next.start_day < new.end_day)
                OR (SELECT previous.end_day FROM files AS previous WHERE previous.series_id = new.series_id
                    AND previous.to_snapshot IS NULL AND previous.start_day < new.start_day
                    ORDER BY previous.start_day DESC LIMIT 1) > new.start_day)""",
            (self.snapshot,),
        ).fetchall()
        if rows:
            raise Conflict([(Address.parse(address), partition) for address, partition in rows])

    def _write_source(self, source: SourceRecord) -> int:
        options, evidence = _json(source.options), _json(source.evidence)
        row = self._connection.execute(
            "SELECT id FROM sources WHERE sha256 = ? AND dialect = ? AND options = ?",
            (source.sha256, source.dialect, options),
        ).fetchone()
        if row is not None:
            return int(row[0])
        cursor = self._connection.execute(
            """INSERT INTO sources (sha256, name, path, bytes, dialect, options, evidence, fetched_at_ns)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?)""",
            (
                source.sha256,
                printable(source.name),
                printable(source.path),
                source.bytes,
                source.dialect,
                options,
                evidence,
                source.fetched_at_ns,
            ),
        )
        return int(cursor.lastrowid or 0)

    def _write_lineage(self, source: int | None) -> None:
        ids = self._connection.execute(
            "SELECT id FROM files WHERE from_snapshot = ? ORDER BY id", (self.snapshot,)
        ).fetchall()
        pairs: list[tuple[int, int | None, int | None]] = []
        parts: list[tuple[object, ...]] = []
        for (file_id,), file in zip(ids, self._change.files, strict=True):
            if source is not None:
                pairs.append((file_id, source, None))
            pairs.extend((file_id, None, upstream) for upstream in file.upstreams)
            parts.extend(_part_row(file_id, part) for part in file.parts)
        self._connection.executemany("INSERT INTO lineage VALUES (?, ?, ?)", pairs)
        self._connection.executemany("INSERT INTO parts VALUES (?, ?, ?, ?, ?, ?, ?)", parts)

    def _write_ledger(self, ledger: LedgerRecord, source: int | None) -> None:
        counts = ("read", "new", "identical", "corrected", "superseded", "quarantined", "skipped", "rows_out")
        ledger_id = (
            self._db.table("ledger")
            .insert(
                {
                    "snapshot": self.snapshot,
                    "run_id": self._change.run_id,
                    "source_id": source,
                    **{name: getattr(ledger, name) for name in counts},
                    "rejected": _json(ledger.rejected),
                    "skipped_by": _json(ledger.skipped_by),
                    "quarantine_sha256": "",
                }
            )
            .last_pk
        )
        digest = QuarantineDigest()
        self._connection.executemany(
            "INSERT INTO quarantine (ledger_id, line, reason, detail, raw) VALUES (?, ?, ?, ?, ?)",
            self._quarantine_rows(ledger_id, digest),
        )
        if digest.count != ledger.quarantined:
            raise LakeError("UNEXPECTED", f"{digest.count} records in quarantine, {ledger.quarantined} in the ledger")
        self._connection.execute("UPDATE ledger SET quarantine_sha256 = ? WHERE id = ?", (digest.value(), ledger_id))

    def _quarantine_rows(self, ledger_id: object, digest: QuarantineDigest) -> Iterator[tuple[object, ...]]:
        records: Iterator[QuarantineRecord] = iter(self._change.quarantine)
        for record in records:
            fields = (record.line, record.reason, printable(record.detail), printable(record.raw))
            digest.add(fields)
            yield (ledger_id, *fields)

    def _write_ingest(self, key: str, source: int | None) -> None:
        cursor = self._connection.execute(
            "INSERT INTO ingests (key, source_id, run_id, snapshot, report) VALUES (?, ?, ?, ?, ?)",
            (key, source, self._change.run_id, self.snapshot, _json(self._change.report)),
        )
        self._connection.executemany(
            "INSERT OR IGNORE INTO ingest_partitions (series_id, partition, ingest_id) VALUES (?, ?, ?)",
            ((self._known_series(address), partition, cursor.lastrowid) for address, partition in self._change.touched),
        )

    def _expire_ingests(self) -> None:
        """The ingests of partitions whose stored rows changed no longer describe what is there."""
        self._connection.executemany(
            """UPDATE ingests SET expired_by = ?1 WHERE expired_by IS NULL AND snapshot <> ?1
            AND id IN (SELECT ingest_id FROM ingest_partitions WHERE series_id = ?2 AND partition = ?3)""",
            ((self.snapshot, self._known_series(address), partition) for address, partition in self._change.corrected),
        )

    def _write_checks(self) -> None:
        for check in self._change.checks:
            self._write_check(check)

    def _write_check(self, check: CheckRecord) -> None:
        self._connection.execute(
            """INSERT INTO checks (snapshot, run_id, series_id, partition, name, passed, detail)
            VALUES (?, ?, ?, ?, ?, ?, ?)""",
            (
                self.snapshot,
                self._change.run_id,
                self._known_series(check.address),
                check.partition,
                check.name,
                check.passed,
                check.detail,
            ),
        )


def _part_row(file_id: int, part: NewPart) -> tuple[object, ...]:
    facts = (part.rows, part.first_ns, part.last_ns, packed.content(part.content_hash))
    return (file_id, *packed.days(part.partition), *facts)


def _json(value: object) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
