BEGIN TRANSACTION;
CREATE TABLE "_sqlite_migrations" (
   "id" INTEGER PRIMARY KEY,
   "migration_set" TEXT,
   "name" TEXT,
   "applied_at" TEXT
);
INSERT INTO "_sqlite_migrations" VALUES(1,'dl-datalake','m001_snapshots_and_files','2026-11-25 03:09:06.864798+00:00');
INSERT INTO "_sqlite_migrations" VALUES(2,'dl-datalake','m002_provenance','2026-11-25 03:09:06.865507+00:00');
CREATE TABLE checks (
            id INTEGER PRIMARY KEY,
            snapshot INTEGER NOT NULL REFERENCES snapshots (id),
            run_id TEXT NOT NULL REFERENCES runs (id),
            series_id INTEGER NOT NULL REFERENCES series (id),
            partition TEXT,
            name TEXT NOT NULL,
            passed INTEGER NOT NULL,
            detail TEXT NOT NULL) STRICT;
INSERT INTO "checks" VALUES(1,1,'01M88AVAXK0SZA1Z49RXVVF4JZ',1,'2024-03-01','rows',1,'');
CREATE TABLE files (
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
            verified_at_ns INTEGER) STRICT;
INSERT INTO "files" VALUES(1,1,'2024-03-01',1709251200000000000,1709337600000000000,'BINANCE/SPOT/BTCUSDT/bars/1m/2024/03/01/a.parquet',1440,34000,1709251200000000000,1709337540000000000,'71bd67fddbfce43a4ed7f8393254b85455c0d066968340f27bc799dfe2098751','rows128:abababababababababababababababab',1,'hot','[5]',NULL,'01M88AVAXK0SZA1Z49RXVVF4JZ',1,2,NULL);
INSERT INTO "files" VALUES(2,1,'2024-03-02',1709337600000000000,1709424000000000000,'BINANCE/SPOT/BTCUSDT/bars/1m/2024/03/02/a.parquet',1440,34000,1709337600000000000,1709423940000000000,'c2aff02ddee32e2d3cc0cadd7ebafc57cbbdd332c33c657619b7b9f318a24d49','ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb',1,'hot','[]',NULL,'01M88AVAXK0SZA1Z49RXVVF4JZ',1,3,NULL);
INSERT INTO "files" VALUES(3,1,'2024-03-01',1709251200000000000,1709337600000000000,'BINANCE/SPOT/BTCUSDT/bars/1m/2024/03/01/b.parquet',1440,34000,1709251200000000000,1709337540000000000,'967cd63c7dbf5f9d2e4286b3e5404e19fc81211c09c01cac10c3a5c80bf6a960','3e23e8160039594a33894f6564e1b1348bbd7a0088d42c4acb73eeaed59c009d',1,'hot','[]',1,'01M88AVAXSM23VNBN7RYEH1TDZ',2,NULL,NULL);
INSERT INTO "files" VALUES(4,2,'2024-03',1709251200000000000,1711929600000000000,'BINANCE/SPOT/BTC%2FUSDT%3AUSDT/bars/1h/2024/03/a.parquet',1440,34000,1709251200000000000,1711929540000000000,'0fa9d857754c46683c17efc497b53a84defd307d8e6449e8815ff32264c16bd7','ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb',1,'hot','[]',NULL,'01M88AVAXXBVFWCVHBDTC8QE22',3,NULL,NULL);
INSERT INTO "files" VALUES(5,3,'2024',1704067200000000000,1735689600000000000,'X/SPOT/Y/bars/1d/2024/a.parquet',1440,34000,1704067200000000000,1735689540000000000,'bbfaed4979be6860b5cb25d140ec1f847846fe29637f22e0402f80f6cd7772e3','ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb',1,'hot','[]',NULL,'01M88AVAXXBVFWCVHBDTC8QE22',3,NULL,NULL);
CREATE TABLE ingest_partitions (
            series_id INTEGER NOT NULL REFERENCES series (id),
            partition TEXT NOT NULL,
            ingest_id INTEGER NOT NULL REFERENCES ingests (id),
            PRIMARY KEY (series_id, partition, ingest_id)) STRICT, WITHOUT ROWID;
INSERT INTO "ingest_partitions" VALUES(1,'2024-03-01',1);
INSERT INTO "ingest_partitions" VALUES(1,'2024-03-02',1);
CREATE TABLE ingests (
            id INTEGER PRIMARY KEY,
            key TEXT NOT NULL,
            source_id INTEGER REFERENCES sources (id),
            run_id TEXT NOT NULL REFERENCES runs (id),
            snapshot INTEGER NOT NULL UNIQUE REFERENCES snapshots (id),
            report TEXT NOT NULL,
            expired_by INTEGER REFERENCES snapshots (id)) STRICT;
INSERT INTO "ingests" VALUES(1,'march',1,'01M88AVAXK0SZA1Z49RXVVF4JZ',1,'{"source":"march.csv"}',2);
CREATE TABLE lake (
            id TEXT NOT NULL PRIMARY KEY,
            created_ns INTEGER NOT NULL) STRICT, WITHOUT ROWID;
INSERT INTO "lake" VALUES('92c02d830a13024c2c09d58bc4e55c81c80b7ff8c4c64f6e6fe5b59b123cf925',1795576146000000000);
CREATE TABLE ledger (
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
            quarantine_sha256 TEXT NOT NULL) STRICT;
INSERT INTO "ledger" VALUES(1,1,'01M88AVAXK0SZA1Z49RXVVF4JZ',1,1441,1440,0,0,0,1,0,1440,'{"off_grid":1}','{}','77b834f8e91fcbcf04e25f27e5e38059c8d961c12e49b146fe2c28a308c97039');
CREATE TABLE lineage (
            file_id INTEGER NOT NULL REFERENCES files (id),
            source_id INTEGER REFERENCES sources (id),
            upstream_file_id INTEGER REFERENCES files (id)) STRICT;
INSERT INTO "lineage" VALUES(1,1,NULL);
INSERT INTO "lineage" VALUES(2,1,NULL);
INSERT INTO "lineage" VALUES(4,NULL,2);
INSERT INTO "lineage" VALUES(4,NULL,3);
CREATE TABLE quarantine (
            id INTEGER PRIMARY KEY,
            ledger_id INTEGER NOT NULL REFERENCES ledger (id),
            line INTEGER NOT NULL,
            reason TEXT NOT NULL,
            detail TEXT NOT NULL,
            raw TEXT NOT NULL) STRICT;
INSERT INTO "quarantine" VALUES(1,1,7,'off_grid','d','raw');
CREATE TABLE runs (
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
            snapshot INTEGER) STRICT;
INSERT INTO "runs" VALUES('01M88AVAXK0SZA1Z49RXVVF4JZ','write','ok',1795576146867452270,1795576146871951353,18782,'vm','8a2f301d-27fb-4819-b298-6f58d4982afc','dl write',NULL,1);
INSERT INTO "runs" VALUES('01M88AVAXSM23VNBN7RYEH1TDZ','write','ok',1795576146873044084,1795576146876108828,18782,'vm','8a2f301d-27fb-4819-b298-6f58d4982afc','dl write',NULL,2);
INSERT INTO "runs" VALUES('01M88AVAXXBVFWCVHBDTC8QE22','write','ok',1795576146877132956,1795576146880289196,18782,'vm','8a2f301d-27fb-4819-b298-6f58d4982afc','dl write',NULL,3);
CREATE TABLE series (
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
            created_snapshot INTEGER NOT NULL) STRICT;
INSERT INTO "series" VALUES(1,'BINANCE/SPOT/BTCUSDT/bars/1m','BINANCE','SPOT','BTCUSDT','bars','1m','BTCUSDT',NULL,0,'UTC',1);
INSERT INTO "series" VALUES(2,'BINANCE/SPOT/BTC%2FUSDT%3AUSDT/bars/1h','BINANCE','SPOT','BTC/USDT:USDT','bars','1h','',NULL,0,'UTC',3);
INSERT INTO "series" VALUES(3,'X/SPOT/Y/bars/1d','X','SPOT','Y','bars','1d','',NULL,0,'UTC',3);
CREATE TABLE snapshots (
            id INTEGER PRIMARY KEY,
            parent INTEGER NOT NULL,
            at_ns INTEGER NOT NULL UNIQUE,
            run_id TEXT NOT NULL REFERENCES runs (id),
            operation TEXT NOT NULL,
            message TEXT NOT NULL,
            hash TEXT NOT NULL UNIQUE,
            parent_hash TEXT NOT NULL UNIQUE,
            log_end INTEGER NOT NULL) STRICT;
INSERT INTO "snapshots" VALUES(1,0,1795576146869743000,'01M88AVAXK0SZA1Z49RXVVF4JZ','ingest','','5cd9fbcd82adf27da166f9fbfca56659b9086337314a6798516c1e8d88883165','92c02d830a13024c2c09d58bc4e55c81c80b7ff8c4c64f6e6fe5b59b123cf925',2410);
INSERT INTO "snapshots" VALUES(2,1,1795576146874745000,'01M88AVAXSM23VNBN7RYEH1TDZ','write','','10240d2939a7d5f4a2f119b2e03e4c1acb0bb5f713e6305984c76ea2d9e740ef','5cd9fbcd82adf27da166f9fbfca56659b9086337314a6798516c1e8d88883165',3556);
INSERT INTO "snapshots" VALUES(3,2,1795576146878805000,'01M88AVAXXBVFWCVHBDTC8QE22','write','','6bf9bea9108d65d98f369ccccdf8508b40db6e26ff149366922e5445fed5acb9','10240d2939a7d5f4a2f119b2e03e4c1acb0bb5f713e6305984c76ea2d9e740ef',5467);
CREATE TABLE sources (
            id INTEGER PRIMARY KEY,
            sha256 TEXT NOT NULL,
            name TEXT NOT NULL,
            path TEXT NOT NULL,
            bytes INTEGER NOT NULL,
            dialect TEXT NOT NULL,
            options TEXT NOT NULL,
            evidence TEXT NOT NULL,
            fetched_at_ns INTEGER,
            UNIQUE (sha256, dialect, options)) STRICT;
INSERT INTO "sources" VALUES(1,'fa75b5c25fc089798cf96479474da0ebe84c6cb743a1f1010bb05fd8756275b7','march.csv','/in/march.csv',1000,'csv','{}','[]',NULL);
CREATE UNIQUE INDEX "idx__sqlite_migrations_migration_set_name"
    ON "_sqlite_migrations" ("migration_set", "name");
CREATE INDEX runs_running ON runs (host) WHERE status = 'running';
CREATE INDEX series_created ON series (created_snapshot);
CREATE UNIQUE INDEX files_one_live ON files (series_id, partition) WHERE to_snapshot IS NULL;
CREATE INDEX files_live ON files (series_id, part_start_ns, part_end_ns, from_snapshot)
            WHERE to_snapshot IS NULL;
CREATE INDEX files_gone ON files (series_id, to_snapshot, from_snapshot, part_start_ns)
            WHERE to_snapshot IS NOT NULL;
CREATE INDEX files_added ON files (from_snapshot);
CREATE INDEX files_removed ON files (to_snapshot) WHERE to_snapshot IS NOT NULL;
CREATE INDEX sources_bytes ON sources (bytes);
CREATE UNIQUE INDEX ingests_current ON ingests (key) WHERE expired_by IS NULL;
CREATE INDEX ingests_expired ON ingests (expired_by) WHERE expired_by IS NOT NULL;
CREATE INDEX ingest_partitions_of ON ingest_partitions (ingest_id);
CREATE INDEX ledger_run ON ledger (run_id);
CREATE INDEX ledger_quarantined ON ledger (snapshot) WHERE quarantined > 0;
CREATE INDEX quarantine_ledger ON quarantine (ledger_id);
CREATE INDEX lineage_file ON lineage (file_id);
CREATE INDEX lineage_upstream ON lineage (upstream_file_id) WHERE upstream_file_id IS NOT NULL;
CREATE INDEX checks_snapshot ON checks (snapshot);
CREATE INDEX checks_series ON checks (series_id, partition);
COMMIT;
PRAGMA application_id = 1145848139;
PRAGMA user_version = 2;
