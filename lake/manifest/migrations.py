"""The manifest's tables, as the steps that made them; a step once released is never edited.

Imports sqlite-utils: only what creates or migrates a manifest imports this module.
"""

from __future__ import annotations

import sqlite3
from contextlib import suppress
from typing import TYPE_CHECKING

from lake.config import refuse_lost
from lake.errors import LakeError
from lake.leases import prepare
from lake.manifest.connection import APPLICATION_ID, explained, open_writer, refuse_newer, transaction
from lake.manifest.lean import Database, Migrations
from lake.manifest.log import make_folder, sync_folder
from lake.manifest.slimming import slim_files

if TYPE_CHECKING:
    from lake.config import Config

MIGRATIONS = Migrations("dl-datalake")


def create(config: Config) -> bool:
    """Make the lake's folders and manifest, or bring an older manifest up to date; return whether it is new."""
    with explained(config.manifest):
        for folder in (config.root, config.data, config.manifest.parent):
            make_folder(folder)
        refuse_lost(config)
        prepare(config)
        created = not config.manifest.exists()
        connection = open_writer(config.manifest, config.wait_s, create=True)
        try:
            refuse_newer(connection.execute("PRAGMA user_version").fetchone()[0], config.manifest)
            steps = migrate(Database(connection, execute_plugins=False), config.wait_s)
            if steps and not created:
                # The pages that a slimmer table left; a reader in the way, or a full disk, keeps them for later use.
                with suppress(sqlite3.Error):
                    connection.execute("VACUUM")
        finally:
            connection.close()
        sync_folder(config.manifest.parent)
    return created


def migrate(db: Database, wait_s: float) -> int:
    """Bring the manifest to the newest version in one transaction; return how many steps that took.

    Raises:
        LakeError: MANIFEST_DAMAGED when the database is somebody else's.
    """
    with transaction(db.conn, wait_s):
        foreign = set(db.table_names()) - {MIGRATIONS.migrations_table}
        if foreign and db.conn.execute("PRAGMA application_id").fetchone()[0] != APPLICATION_ID:
            raise LakeError(
                "MANIFEST_DAMAGED",
                "the database is not a lake's manifest",
                why=f"It holds tables of something else: {', '.join(sorted(foreign)[:3])}.",
                fix=["name another file with --db-path"],
            )
        before = len(MIGRATIONS.applied(db))
        MIGRATIONS.apply(db)
        after = len(MIGRATIONS.applied(db))
        # Both live in the file's header, so a reader learns the version without sqlite-utils.
        db.conn.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        db.conn.execute(f"PRAGMA user_version = {after}")
    return after - before


def _run(db: Database, *statements: str) -> None:
    for statement in statements:
        db.execute(statement)


@MIGRATIONS()
def m001_snapshots_and_files(db: Database) -> None:
    """Runs, snapshots, series and the versions of their partitions."""
    _run(
        db,
        """CREATE TABLE lake (
            id TEXT NOT NULL PRIMARY KEY,
            created_ns INTEGER NOT NULL) STRICT, WITHOUT ROWID""",
        "INSERT INTO lake SELECT lower(hex(randomblob(32))), CAST(strftime('%s') AS INTEGER) * 1000000000",
        """CREATE TABLE runs (
            id TEXT NOT NULL PRIMARY KEY,
            kind TEXT NOT NULL,
            status TEXT NOT NULL CHECK (status IN ('running', 'ok', 'refused', 'failed', 'interrupted', 'unchanged')),
            started_ns INTEGER NOT NULL,
            ended_ns INTEGER,
            pid INTEGER NOT NULL,
            host TEXT NOT NULL,
            boot_id TEXT NOT NULL,
            command TEXT NOT NULL,
            error TEXT,
            snapshot INTEGER) STRICT""",
        "CREATE INDEX runs_running ON runs (host) WHERE status = 'running'",
        """CREATE TABLE snapshots (
            id INTEGER PRIMARY KEY,
            parent INTEGER NOT NULL,
            at_ns INTEGER NOT NULL UNIQUE,
            run_id TEXT NOT NULL REFERENCES runs (id),
            operation TEXT NOT NULL,
            message TEXT NOT NULL,
            hash TEXT NOT NULL UNIQUE,
            parent_hash TEXT NOT NULL UNIQUE,
            log_end INTEGER NOT NULL) STRICT""",
        """CREATE TABLE series (
            id INTEGER PRIMARY KEY,
            address TEXT NOT NULL UNIQUE,
            exchange TEXT NOT NULL,
            market TEXT NOT NULL,
            symbol TEXT NOT NULL,
            type TEXT NOT NULL,
            period TEXT NOT NULL,
            vendor_symbol TEXT NOT NULL,
            tick_size REAL,
            price_may_be_negative INTEGER NOT NULL,
            time_zone TEXT NOT NULL,
            created_snapshot INTEGER NOT NULL) STRICT""",
        "CREATE INDEX series_created ON series (created_snapshot)",
        """CREATE TABLE files (
            id INTEGER PRIMARY KEY,
            series_id INTEGER NOT NULL REFERENCES series (id),
            partition TEXT NOT NULL,
            part_start_ns INTEGER NOT NULL,
            part_end_ns INTEGER NOT NULL CHECK (part_end_ns > part_start_ns),
            path TEXT NOT NULL UNIQUE,
            rows INTEGER NOT NULL,
            bytes INTEGER NOT NULL,
            first_ns INTEGER NOT NULL,
            last_ns INTEGER NOT NULL,
            sha256 TEXT NOT NULL,
            content_hash TEXT NOT NULL,
            schema_version INTEGER NOT NULL,
            tier TEXT NOT NULL,
            unproven TEXT NOT NULL,
            replaces INTEGER,
            run_id TEXT NOT NULL,
            from_snapshot INTEGER NOT NULL,
            to_snapshot INTEGER CHECK (to_snapshot > from_snapshot),
            verified_at_ns INTEGER) STRICT""",
        "CREATE UNIQUE INDEX files_one_live ON files (series_id, partition) WHERE to_snapshot IS NULL",
        # Reading the lake as it is now walks the first of these two; as it was, the second as well.
        """CREATE INDEX files_live ON files (series_id, part_start_ns, part_end_ns, from_snapshot)
            WHERE to_snapshot IS NULL""",
        """CREATE INDEX files_gone ON files (series_id, to_snapshot, from_snapshot, part_start_ns)
            WHERE to_snapshot IS NOT NULL""",
        "CREATE INDEX files_added ON files (from_snapshot)",
        "CREATE INDEX files_removed ON files (to_snapshot) WHERE to_snapshot IS NOT NULL",
    )


@MIGRATIONS()
def m002_provenance(db: Database) -> None:
    """Sources, what became of their records, lineage and checks."""
    _run(
        db,
        """CREATE TABLE sources (
            id INTEGER PRIMARY KEY,
            sha256 TEXT NOT NULL,
            name TEXT NOT NULL,
            path TEXT NOT NULL,
            bytes INTEGER NOT NULL,
            dialect TEXT NOT NULL,
            options TEXT NOT NULL,
            evidence TEXT NOT NULL,
            fetched_at_ns INTEGER,
            UNIQUE (sha256, dialect, options)) STRICT""",
        "CREATE INDEX sources_bytes ON sources (bytes)",
        """CREATE TABLE ingests (
            id INTEGER PRIMARY KEY,
            key TEXT NOT NULL,
            source_id INTEGER REFERENCES sources (id),
            run_id TEXT NOT NULL REFERENCES runs (id),
            snapshot INTEGER NOT NULL UNIQUE REFERENCES snapshots (id),
            report TEXT NOT NULL,
            expired_by INTEGER REFERENCES snapshots (id)) STRICT""",
        "CREATE UNIQUE INDEX ingests_current ON ingests (key) WHERE expired_by IS NULL",
        "CREATE INDEX ingests_expired ON ingests (expired_by) WHERE expired_by IS NOT NULL",
        """CREATE TABLE ingest_partitions (
            series_id INTEGER NOT NULL REFERENCES series (id),
            partition TEXT NOT NULL,
            ingest_id INTEGER NOT NULL REFERENCES ingests (id),
            PRIMARY KEY (series_id, partition, ingest_id)) STRICT, WITHOUT ROWID""",
        "CREATE INDEX ingest_partitions_of ON ingest_partitions (ingest_id)",
        """CREATE TABLE ledger (
            id INTEGER PRIMARY KEY,
            snapshot INTEGER NOT NULL UNIQUE REFERENCES snapshots (id),
            run_id TEXT NOT NULL REFERENCES runs (id),
            source_id INTEGER REFERENCES sources (id),
            read INTEGER NOT NULL,
            new INTEGER NOT NULL,
            identical INTEGER NOT NULL,
            corrected INTEGER NOT NULL,
            superseded INTEGER NOT NULL,
            quarantined INTEGER NOT NULL,
            skipped INTEGER NOT NULL,
            rows_out INTEGER NOT NULL,
            rejected TEXT NOT NULL,
            skipped_by TEXT NOT NULL,
            quarantine_sha256 TEXT NOT NULL) STRICT""",
        "CREATE INDEX ledger_run ON ledger (run_id)",
        "CREATE INDEX ledger_quarantined ON ledger (snapshot) WHERE quarantined > 0",
        """CREATE TABLE quarantine (
            id INTEGER PRIMARY KEY,
            ledger_id INTEGER NOT NULL REFERENCES ledger (id),
            line INTEGER NOT NULL,
            reason TEXT NOT NULL,
            detail TEXT NOT NULL,
            raw TEXT NOT NULL) STRICT""",
        "CREATE INDEX quarantine_ledger ON quarantine (ledger_id)",
        """CREATE TABLE lineage (
            file_id INTEGER NOT NULL REFERENCES files (id),
            source_id INTEGER REFERENCES sources (id),
            upstream_file_id INTEGER REFERENCES files (id)) STRICT""",
        "CREATE INDEX lineage_file ON lineage (file_id)",
        "CREATE INDEX lineage_upstream ON lineage (upstream_file_id) WHERE upstream_file_id IS NOT NULL",
        """CREATE TABLE checks (
            id INTEGER PRIMARY KEY,
            snapshot INTEGER NOT NULL REFERENCES snapshots (id),
            run_id TEXT NOT NULL REFERENCES runs (id),
            series_id INTEGER NOT NULL REFERENCES series (id),
            partition TEXT,
            name TEXT NOT NULL,
            passed INTEGER NOT NULL,
            detail TEXT NOT NULL) STRICT""",
        "CREATE INDEX checks_snapshot ON checks (snapshot)",
        "CREATE INDEX checks_series ON checks (series_id, partition)",
    )


@MIGRATIONS()
def m003_derivations_and_tiers(db: Database) -> None:
    """Slim files; what sealed files hold, how derived partitions were made, where files lie, what failed."""
    slim_files(db)
    _run(
        db,
        "ALTER TABLE runs ADD COLUMN cause TEXT NOT NULL DEFAULT ''",
        "ALTER TABLE runs ADD COLUMN process_start INTEGER",
        """CREATE TABLE parts (
            file_id INTEGER NOT NULL REFERENCES files (id),
            start_day INTEGER NOT NULL,
            end_day INTEGER NOT NULL CHECK (end_day > start_day),
            rows INTEGER NOT NULL,
            first_ns INTEGER NOT NULL,
            last_ns INTEGER NOT NULL,
            content ANY NOT NULL,
            PRIMARY KEY (file_id, start_day)) STRICT, WITHOUT ROWID""",
        """CREATE TABLE derivations (
            id INTEGER PRIMARY KEY,
            series_id INTEGER NOT NULL REFERENCES series (id),
            start_day INTEGER NOT NULL,
            end_day INTEGER NOT NULL CHECK (end_day > start_day),
            upstream_id INTEGER NOT NULL REFERENCES series (id),
            start_ns INTEGER NOT NULL,
            end_ns INTEGER NOT NULL CHECK (end_ns >= start_ns),
            inputs ANY NOT NULL,
            code_version TEXT NOT NULL,
            schema_version INTEGER NOT NULL,
            recipe TEXT NOT NULL,
            withheld_ns INTEGER,
            from_snapshot INTEGER NOT NULL REFERENCES snapshots (id),
            to_snapshot INTEGER CHECK (to_snapshot > from_snapshot),
            suspect INTEGER NOT NULL DEFAULT 0) STRICT""",
        # Wide enough to answer the status of a whole lake without the rows themselves.
        """CREATE INDEX derivations_current ON derivations
            (series_id, start_day, end_day, upstream_id, code_version, schema_version) WHERE to_snapshot IS NULL""",
        """CREATE INDEX derivations_upstream ON derivations (upstream_id, start_ns, end_ns)
            WHERE to_snapshot IS NULL""",
        """CREATE INDEX derivations_withheld ON derivations (upstream_id)
            WHERE to_snapshot IS NULL AND NOT suspect AND withheld_ns IS NOT NULL""",
        "CREATE INDEX derivations_suspect ON derivations (series_id) WHERE to_snapshot IS NULL AND suspect",
        # A check that failed is looked for in all of the lake; most pass.
        "CREATE INDEX checks_failed ON checks (series_id, partition) WHERE NOT passed",
        "CREATE INDEX derivations_added ON derivations (from_snapshot)",
        "CREATE INDEX derivations_ended ON derivations (to_snapshot) WHERE to_snapshot IS NOT NULL",
        """CREATE TABLE tiers (
            id INTEGER PRIMARY KEY,
            name TEXT NOT NULL,
            kind TEXT NOT NULL,
            location TEXT NOT NULL,
            snapshot INTEGER NOT NULL REFERENCES snapshots (id)) STRICT""",
        "CREATE INDEX tiers_snapshot ON tiers (snapshot)",
        """CREATE TABLE moves (
            id INTEGER PRIMARY KEY,
            snapshot INTEGER NOT NULL REFERENCES snapshots (id),
            file_id INTEGER NOT NULL REFERENCES files (id),
            tier TEXT NOT NULL,
            hot_gone INTEGER NOT NULL DEFAULT 0) STRICT""",
        "CREATE INDEX moves_snapshot ON moves (snapshot)",
        "CREATE INDEX moves_file ON moves (file_id)",
        """CREATE TABLE failures (
            address TEXT NOT NULL,
            partition TEXT NOT NULL,
            run_id TEXT NOT NULL REFERENCES runs (id),
            at_ns INTEGER NOT NULL,
            code TEXT NOT NULL,
            message TEXT NOT NULL,
            PRIMARY KEY (address, partition)) STRICT, WITHOUT ROWID""",
    )


@MIGRATIONS()
def m004_names(db: Database) -> None:
    """Names of snapshots."""
    _run(
        db,
        """CREATE TABLE names (
            id INTEGER PRIMARY KEY,
            name TEXT NOT NULL,
            snapshot INTEGER NOT NULL REFERENCES snapshots (id),
            created_by INTEGER NOT NULL REFERENCES snapshots (id),
            dropped_by INTEGER CHECK (dropped_by > created_by)) STRICT""",
        "CREATE UNIQUE INDEX names_current ON names (name) WHERE dropped_by IS NULL",
        "CREATE INDEX names_created ON names (created_by)",
        "CREATE INDEX names_dropped ON names (dropped_by) WHERE dropped_by IS NOT NULL",
    )


@MIGRATIONS()
def m005_forgetting(db: Database) -> None:
    """Snapshots that are forgotten, and files whose bytes are given back."""
    _run(
        db,
        """CREATE TABLE expiries (
            first INTEGER NOT NULL PRIMARY KEY,
            last INTEGER NOT NULL CHECK (last >= first),
            snapshot INTEGER NOT NULL REFERENCES snapshots (id)) STRICT, WITHOUT ROWID""",
        "CREATE INDEX expiries_snapshot ON expiries (snapshot)",
        """CREATE TABLE reclaims (
            first_file INTEGER NOT NULL PRIMARY KEY,
            last_file INTEGER NOT NULL CHECK (last_file >= first_file),
            snapshot INTEGER NOT NULL REFERENCES snapshots (id)) STRICT, WITHOUT ROWID""",
        "CREATE INDEX reclaims_snapshot ON reclaims (snapshot)",
    )


@MIGRATIONS()
def m006_feature_sets(db: Database) -> None:
    """Feature sets as they are registered."""
    _run(
        db,
        """CREATE TABLE feature_sets (
            id INTEGER PRIMARY KEY,
            key TEXT NOT NULL,
            stage TEXT NOT NULL CHECK (stage IN ('promoted', 'staged', 'deprecated')),
            definition TEXT NOT NULL,
            from_snapshot INTEGER NOT NULL REFERENCES snapshots (id),
            to_snapshot INTEGER CHECK (to_snapshot > from_snapshot)) STRICT""",
        "CREATE UNIQUE INDEX feature_sets_current ON feature_sets (key) WHERE to_snapshot IS NULL",
        "CREATE INDEX feature_sets_added ON feature_sets (from_snapshot)",
        "CREATE INDEX feature_sets_ended ON feature_sets (to_snapshot) WHERE to_snapshot IS NOT NULL",
    )


@MIGRATIONS()
def m007_reference(db: Database) -> None:
    """Instruments, aliases and corporate actions as they are imported."""
    _run(
        db,
        """CREATE TABLE reference (
            id INTEGER PRIMARY KEY,
            kind TEXT NOT NULL CHECK (kind IN ('instrument', 'alias', 'action')),
            key TEXT NOT NULL,
            definition TEXT NOT NULL,
            source_id INTEGER REFERENCES sources (id),
            line INTEGER,
            from_snapshot INTEGER NOT NULL REFERENCES snapshots (id),
            to_snapshot INTEGER CHECK (to_snapshot > from_snapshot)) STRICT""",
        "CREATE UNIQUE INDEX reference_current ON reference (kind, key) WHERE to_snapshot IS NULL",
        "CREATE INDEX reference_key ON reference (kind, key)",
        "CREATE INDEX reference_renamed ON reference (key) WHERE json_extract(definition, '$.renames') IS NOT NULL",
        "CREATE INDEX reference_added ON reference (from_snapshot)",
        "CREATE INDEX reference_ended ON reference (to_snapshot) WHERE to_snapshot IS NOT NULL",
    )
