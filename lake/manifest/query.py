"""Reading the manifest: every question is one short read-only transaction, and no cursor outlives its answer.

A file is visible at snapshot s when it was added at or before s and not removed at or before s.
"""

from __future__ import annotations

import sqlite3
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self, TypeVar

from lake.config import refuse_lost
from lake.errors import LakeError
from lake.lookup import is_name, unknown_snapshot
from lake.manifest import connection as connections
from lake.manifest import decode, forgetting, naming, statements
from lake.manifest.connection import Link, explained
from lake.manifest.current import covering, current_ingest
from lake.manifest.decode import FILES, SERIES, moment_ns
from lake.manifest.moments import LAST_AT
from lake.manifest.process import Process, is_gone, this_process
from lake.manifest.rows import BAR_COMPLETE

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable, Iterator, Sequence
    from types import TracebackType

    from lake.config import Config
    from lake.manifest.examine import ChainReport
    from lake.manifest.rows import (
        FileRow,
        HistoryRow,
        IngestRow,
        ListRow,
        SeriesRow,
    )
    from lake.manifest.runs import QuarantineRow, QuarantineRun, RunRow
    from schemas.keys import Address

T = TypeVar("T")

CHUNK = 5_000


@dataclass(frozen=True, slots=True)
class Versions:
    """What a health check wants to know of the database."""

    sqlite: str
    supported: int
    found: int
    journal_mode: str


class Manifest:
    """The manifest opened to read; a context manager, safe in threads, refused in another process."""

    def __init__(self, config: Config) -> None:
        """Prepare to read the lake's manifest; `open` also checks that it can be read."""
        self.config = config
        self._path = config.manifest
        self._link = Link(lambda: connections.open_reader(config.manifest, config.wait_s), config.manifest)

    @staticmethod
    def create(config: Config) -> bool:
        """Make the lake's folders and manifest, or bring an older manifest up to date; return whether it is new.

        Raises:
            LakeError: MANIFEST_TOO_NEW naming both versions; MANIFEST_DAMAGED, STORAGE, DISK_FULL, LOCKED.
        """
        from lake.manifest.migrations import create

        return create(config)

    @classmethod
    def open(cls, config: Config) -> Manifest:
        """Open to read; an older manifest is migrated first.

        Raises:
            LakeError: LAKE_NOT_INITIALISED, MANIFEST_TOO_NEW, MANIFEST_DAMAGED, STORAGE, LOCKED.
        """
        refuse_lost(config)
        if not config.manifest.is_file():
            raise LakeError("LAKE_NOT_INITIALISED", f"{config.manifest} does not exist", where=str(config.root))
        manifest = cls(config)
        try:
            found = manifest._version()
            if found < connections.VERSION:
                manifest._link.reopen()
                cls.create(config)
            connections.refuse_newer(found, config.manifest)
        except BaseException:
            manifest.close()
            raise
        return manifest

    def close(self) -> None:
        """Close the connection."""
        self._link.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __reduce__(self) -> str:
        raise LakeError("FORKED", "an open lake cannot be sent to another process")

    # ---- reading

    def read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run the work in one read transaction; play back a killed writer's journal first where one is in the way."""
        with explained(self._path):
            try:
                return self._in_transaction(work)
            except sqlite3.OperationalError as error:
                if not connections.is_hot_journal(error):
                    raise
                self._link.reopen()
                connections.roll_back_journal(self._path)
            return self._in_transaction(work)

    def _in_transaction(self, work: Callable[[sqlite3.Connection], T]) -> T:
        with self._link.held() as connection:
            connection.execute("BEGIN")
            try:
                return work(connection)
            finally:
                with suppress(sqlite3.Error):
                    connection.execute("COMMIT")

    def _rows(self, sql: str, **parameters: object) -> list[tuple[Any, ...]]:
        return self.read(lambda connection: connection.execute(sql, parameters).fetchall())

    def _chunks(self, sql: str, **parameters: object) -> Iterator[tuple[Any, ...]]:
        """Yield the rows of a query on `id > :after … LIMIT :chunk` whose first column is the id."""
        after = 0
        while rows := self._rows(sql, after=after, chunk=CHUNK, **parameters):
            yield from rows
            after = rows[-1][0]

    def _version(self) -> int:
        return int(self._rows("PRAGMA user_version")[0][0])

    # ---- snapshots

    def snapshot(self, as_of: int | str | dt.datetime | None = None) -> int:
        """Return the newest snapshot, the numbered or named one, or the last at or before a time (UTC unless it says).

        A lake without snapshots is at 0.

        Raises:
            LakeError: UNKNOWN_SNAPSHOT when there is none, SNAPSHOT_EXPIRED when it is forgotten; BAD_DATE for text
                that is no number, name or time.
        """
        if as_of is None:
            return int(self._rows("SELECT coalesce(max(id), 0) FROM snapshots")[0][0])
        if isinstance(as_of, str) and as_of.isascii() and as_of.isdigit():
            as_of = int(as_of)
        if isinstance(as_of, int):
            if as_of and not self._rows("SELECT 1 FROM snapshots WHERE id = :id", id=as_of):
                raise unknown_snapshot(as_of, self.snapshot())
            self.refuse_expired(as_of)
            return as_of
        if isinstance(as_of, str) and is_name(as_of):
            named = self.read(lambda connection: naming.find(connection, as_of))
            if named is None:
                raise naming.unknown_name(as_of)
            return named
        rows = self._rows(f"SELECT ({LAST_AT}), (SELECT min(at_ns) FROM snapshots)", at=moment_ns(as_of))
        if rows[0][0] is None:
            first = "the lake is empty" if rows[0][1] is None else f"the first is of {decode.text_of(rows[0][1])}"
            raise LakeError("UNKNOWN_SNAPSHOT", f"there is no snapshot at or before {as_of}: {first}")
        self.refuse_expired(int(rows[0][0]))
        return int(rows[0][0])

    def stand(self) -> tuple[str, int]:
        """Return the lake's id and its newest snapshot; 0 when there is none."""
        [(lake, newest)] = self._rows("SELECT id, (SELECT coalesce(max(id), 0) FROM snapshots) FROM lake")
        return str(lake), int(newest)

    def refuse_expired(self, snapshot: int) -> None:
        """Raise SNAPSHOT_EXPIRED, with the next one that can be read, for a snapshot that is forgotten."""
        self.read(lambda connection: forgetting.refuse_expired(connection, snapshot))

    # ---- series and files

    def series(
        self,
        *,
        exchange: str | None = None,
        market: str | None = None,
        symbol: str | None = None,
        type: str | None = None,  # noqa: A002 -- the design's word
        period: str | None = None,
        snapshot: int | None = None,
    ) -> list[SeriesRow]:
        """Return the series that have files at the snapshot; each part may be a glob, names in any case."""
        where, parameters = decode.filters(exchange, market, symbol, type, period)
        at = self.snapshot() if snapshot is None else snapshot
        rows = self._rows(
            f"SELECT {SERIES} FROM series WHERE {where} AND {statements.HAS_FILES} "
            "ORDER BY exchange, market, symbol, type, period",
            snapshot=at,
            **parameters,
        )
        return [decode.series_row(row) for row in rows]

    def find(self, address: Address) -> SeriesRow | None:
        """Return the series at an address, whether or not it has files now."""
        rows = self._rows(f"SELECT {SERIES} FROM series WHERE address = :address", address=str(address))
        return decode.series_row(rows[0]) if rows else None

    def plan(self, series_id: int, start_ns: int | None, end_ns: int | None, snapshot: int) -> list[FileRow]:
        """Return the files of [start, end) at the snapshot, oldest partition first; None leaves a side open."""
        words = statements.between(start_ns, end_ns)
        return [
            decode.file_row(row) for row in self._rows(statements.PLAN, series=series_id, snapshot=snapshot, **words)
        ]

    def current(self, series_id: int, partitions: Sequence[str] | None = None) -> dict[str, FileRow]:
        """Return the live files by partition label; where partitions are given, the files that hold these.

        One of several partitions that a sealed file holds is answered with that file.
        """

        def work(connection: sqlite3.Connection) -> dict[str, FileRow]:
            sql = f"SELECT {FILES} FROM files WHERE"
            if partitions is None:
                found = connection.execute(
                    f"{sql} series_id = ? AND to_snapshot IS NULL ORDER BY start_day", (series_id,)
                )
                return {row[2]: decode.file_row(row) for row in found}
            holding = {label: covering(connection, series_id, label) for label in partitions}
            rows = {
                file_id: decode.file_row(connection.execute(f"{sql} id = ?", (file_id,)).fetchone())
                for file_id in dict.fromkeys(holding.values())
                if file_id is not None
            }
            return {label: rows[file_id] for label, file_id in holding.items() if file_id is not None}

        return self.read(work)

    def all_files(self, *, live_only: bool = False) -> Iterator[FileRow]:
        """Yield every file that has its bytes, superseded ones too unless `live_only`; later commits may show."""
        live = "AND to_snapshot IS NULL" if live_only else f"AND {forgetting.KEPT}"
        sql = f"SELECT {FILES} FROM files WHERE id > :after {live} ORDER BY id LIMIT :chunk"
        return (decode.file_row(row) for row in self._chunks(sql))

    def replaced_by(self, first: int, last: int) -> list[str]:
        """Return the paths of the files that ceased to be live with one of the snapshots from first to last."""
        return [str(path) for (path,) in self._rows(statements.REPLACED, first=first, last=last)]

    def count_files(self) -> int:
        """Return how many files `all_files` yields, superseded ones too."""
        return int(self._rows(f"SELECT count(*) FROM files WHERE {forgetting.KEPT}")[0][0])

    def listing(
        self,
        *,
        exchange: str | None = None,
        market: str | None = None,
        symbol: str | None = None,
        type: str | None = None,  # noqa: A002 -- the design's word
        period: str | None = None,
        snapshot: int | None = None,
    ) -> list[ListRow]:
        """Return what each series holds at the snapshot; filters as for `series`."""
        where, parameters = decode.filters(exchange, market, symbol, type, period)
        at = self.snapshot() if snapshot is None else snapshot
        chosen = f"SELECT series.id, address FROM series WHERE {where} ORDER BY exchange, market, symbol, type, period"

        def work(connection: sqlite3.Connection) -> list[tuple[Any, ...]]:
            return [
                row
                for series, address in connection.execute(chosen, parameters).fetchall()
                for row in connection.execute(
                    statements.LISTING, {"series": series, "address": address, "snapshot": at}
                )
            ]

        # A series without files adds up to a row of nulls.
        return [decode.list_row(row) for row in self.read(work) if row[1] is not None]

    def unproven(self, series_id: int, snapshot: int) -> list[int]:
        """Return the opens, in nanoseconds, of a series' bars that may be unfinished: no later source repeated them."""
        sql = """SELECT detail, max(snapshot) FROM checks
            WHERE series_id = :series AND name = :name AND passed AND snapshot <= :snapshot GROUP BY detail"""
        proofs = self._rows(sql, series=series_id, name=BAR_COMPLETE, snapshot=snapshot)
        proven = {int(detail): at for detail, at in proofs}
        return [
            ns
            for file in self.plan(series_id, None, None, snapshot)
            for ns in file.unproven
            if proven.get(ns, -1) <= file.from_snapshot
        ]

    # ---- provenance

    def history(self, address: Address | None = None, limit: int | None = None) -> list[HistoryRow]:
        """Return the snapshots, newest first; of one series only, where an address is given."""
        parameters: dict[str, Any] = {"limit": -1 if limit is None else limit}
        if address is not None:
            found = self.find(address)
            if found is None:
                return []
            parameters["series"] = found.id
        rows = self._rows(statements.HISTORY % ("1" if address is None else statements.OF_SERIES), **parameters)
        return [decode.history_row(row) for row in rows]

    def same_size_source(self, nbytes: int) -> bool:
        """Whether a source of this size was ever ingested, so that hashing a file first can pay."""
        return bool(self._rows("SELECT 1 FROM sources WHERE bytes = :bytes LIMIT 1", bytes=nbytes))

    def current_ingest(self, key: str) -> IngestRow | None:
        """Return the ingest with this key whose effect is still current."""
        return self.read(lambda connection: current_ingest(connection, key))

    def dialects(self, series_id: int) -> set[str]:
        """Return the dialects of all sources ever ingested into a series, whether or not rows of theirs are left."""
        rows = self._rows(
            """SELECT DISTINCT dialect FROM ingests JOIN sources ON sources.id = source_id
            WHERE ingests.id IN (SELECT ingest_id FROM ingest_partitions WHERE series_id = :series)""",
            series=series_id,
        )
        return {str(dialect) for (dialect,) in rows}

    def quarantine_runs(self) -> list[QuarantineRun]:
        """Return the runs that put records into quarantine, newest first; one row a source."""
        rows = self._rows(
            """SELECT ledger.run_id, snapshot, at_ns, name, sha256, quarantined, rejected FROM ledger
            JOIN snapshots ON snapshots.id = snapshot LEFT JOIN sources ON sources.id = source_id
            WHERE quarantined > 0 ORDER BY snapshot DESC"""
        )
        return [decode.quarantine_run(row) for row in rows]

    def quarantine_rows(self, run_id: str, limit: int | None = None) -> Iterator[QuarantineRow]:
        """Return an iterator over a run's records in quarantine, in the order they were met.

        Raises:
            LakeError: UNKNOWN_RUN when there is no such run.
        """
        if not self._rows("SELECT 1 FROM runs WHERE id = :run", run=run_id):
            raise LakeError("UNKNOWN_RUN", f"there is no run {run_id}")
        rows = self._chunks(
            """SELECT quarantine.id, run_id, name, line, reason, detail, raw FROM quarantine
            JOIN ledger ON ledger.id = ledger_id LEFT JOIN sources ON sources.id = source_id
            WHERE ledger_id IN (SELECT id FROM ledger WHERE run_id = :run) AND quarantine.id > :after
            ORDER BY quarantine.id LIMIT :chunk""",
            run=run_id,
        )
        return decode.quarantine_rows(rows, limit)

    def runs(self, *, status: str | None = None, limit: int | None = None) -> list[RunRow]:
        """Return the runs, newest first; of one status only, where one is given.

        One that was never ended and whose process is gone was interrupted, whether or not that is written already.
        """
        rows = self._rows(statements.RUNS, status=status, limit=-1 if limit is None else limit)
        here = this_process()
        found = [decode.run_row(row, interrupted=is_gone(Process(*row[5:9]), here)) for row in rows]
        return [run for run in found if status in {None, run.status}][:limit]

    # ---- health

    def check_chain(self) -> list[str]:
        """Compute every snapshot's hash anew and compare with the chain and the log; each string is one finding."""
        return self.chain_report().findings

    def chain_report(self) -> ChainReport:
        """Return the findings of `check_chain`, with the commits that were interrupted beside them."""
        from lake.manifest.examine import examine

        return examine(self.read, self.config)

    def unsettled_paths(self) -> set[str]:
        """Return the files of a commit that was begun, and of which it is not on record that it did not happen."""
        from lake.manifest import examine

        return examine.unsettled_paths(self.read, self.config.log)

    def check_integrity(self) -> list[str]:
        """Return what SQLite's own check of the database finds."""
        rows = self._rows("PRAGMA integrity_check") + self._rows("PRAGMA foreign_key_check")
        return [" ".join(str(part) for part in row) for row in rows if row != ("ok",)]

    def versions(self) -> Versions:
        """Return what a health check wants to know of the database."""
        # A rollback journal's kind belongs to the writer's connection: the file only says whether it is in WAL mode.
        mode = "wal" if self._rows("PRAGMA journal_mode") == [("wal",)] else connections.JOURNAL_MODE
        return Versions(sqlite3.sqlite_version, connections.VERSION, self._version(), mode)
