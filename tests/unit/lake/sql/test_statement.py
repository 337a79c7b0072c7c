"""What is run and what is not: each way out of the lake's own tables, by itself, through our refusals and without."""

from __future__ import annotations

from typing import TYPE_CHECKING

import duckdb
import pytest

from lake.errors import LakeError
from lake.sql import Query
from lake.sql.engine import locked
from tests.querying import ask

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from lake.config import Config
    from lake.manifest import Manifest

ESCAPES = {
    # reading files
    "read_text": "select * from read_text('{file}')",
    "read_blob": "select * from read_blob('{file}')",
    "read_csv": "select * from read_csv('{file}')",
    "read_csv_auto": "select * from read_csv_auto('{file}')",
    "read_json": "select * from read_json('{file}')",
    "read_parquet": "select * from read_parquet('{file}')",
    "parquet_scan": "select * from parquet_scan('{file}')",
    "parquet_metadata": "select * from parquet_metadata('{file}')",
    "read_duckdb": "select * from read_duckdb('{file}')",
    "sniff_csv": "select * from sniff_csv('{file}')",
    "glob": "select * from glob('/etc/*')",
    "a file by its name": "select * from '{file}'",
    "a parquet file by its name": "from 'data/**/*.parquet'",
    "a file in quotes": 'from "{file}"',
    "a file of the web": "from 'https://example.org/x.parquet'",
    "a relative way out": "from '../../etc/passwd'",
    "in a subquery": "select (select content from read_text('{file}'))",
    "in a WITH": "with t as (from read_text('{file}')) from t",
    "in a join": "from bars join read_text('{file}') on true",
    "in a lateral join": "from bars, lateral (from read_text('{file}'))",
    "in EXISTS": "select 1 where exists (from read_text('{file}'))",
    "in a union": "select 'a' union all select content from read_text('{file}')",
    "in capitals": "SELECT * FROM READ_TEXT('{file}')",
    "with a catalog": "select * from system.main.read_text('{file}')",
    "under DESCRIBE": "describe select * from read_csv('{file}')",
    "under SUMMARIZE": "summarize from read_csv('{file}')",
    "in a pivot": "from read_csv('{file}') pivot (count(*) for a in (1))",
    # writing
    "COPY TO": "copy bars to '{out}'",
    "COPY of a query": "copy (select 1) to '{out}' (format parquet)",
    "COPY FROM": "copy bars from '{file}'",
    "EXPORT": "export database '{out}'",
    "IMPORT": "import database '{out}'",
    "INSERT": "insert into bars values (1)",
    "INSERT in a WITH": "with t as (insert into bars values (1) returning *) from t",
    "UPDATE": "update bars set close = 0",
    "UPDATE in a WITH": "with t as (update bars set close = 0 returning *) from t",
    "DELETE": "delete from bars",
    "DELETE in a WITH": "with t as (delete from bars returning *) from t",
    "TRUNCATE": "truncate bars",
    "MERGE": "merge into bars using (select 1) on true when matched then delete",
    "CREATE TABLE": "create table t as select 1",
    "CREATE VIEW": "create or replace view bars as select 1",
    "CREATE MACRO": "create macro f() as table from read_text('{file}')",
    "CREATE SECRET": "create secret s (type s3)",
    "CREATE SCHEMA": "create schema s",
    "DROP": "drop view bars",
    "ALTER": "alter view bars rename to b",
    # other databases, extensions, settings
    "ATTACH": "attach '{out}' as other",
    "ATTACH sqlite": "attach '{manifest}' (type sqlite)",
    "DETACH": "detach memory",
    "USE": "use system",
    "INSTALL": "install httpfs",
    "FORCE INSTALL": "force install httpfs from 'https://example.org'",
    "LOAD": "load httpfs",
    "LOAD a file": "load '{file}'",
    "SET memory_limit": "set memory_limit = '8GB'",
    "SET external access": "set enable_external_access = true",
    "SET lock": "set lock_configuration = false",
    "SET temp_directory": "set temp_directory = '/tmp'",
    "SET GLOBAL": "set global threads = 64",
    "SET VARIABLE": "set variable x = 1",
    "RESET": "reset memory_limit",
    "PRAGMA": "pragma memory_limit = '8GB'",
    "PRAGMA database_list": "pragma database_list",
    "CALL": "call pragma_version()",
    "CHECKPOINT": "checkpoint",
    "VACUUM": "vacuum",
    "BEGIN": "begin",
    "PREPARE": "prepare p as select 1",
    "EXECUTE": "execute p",
    "EXPLAIN ANALYZE": "explain analyze select 1",
    # what tells of the machine
    "getenv": "select getenv('HOME')",
    "current_setting": "select current_setting('temp_directory')",
    "current_setting in WHERE": "select 1 where current_setting('home_directory') = ''",
    "getvariable": "select getvariable('x')",
    "duckdb_settings": "from duckdb_settings()",
    "duckdb_settings as a table": "from duckdb_settings",
    "duckdb_secrets": "from duckdb_secrets()",
    "duckdb_databases": "from duckdb_databases()",
    "duckdb_temporary_files": "from duckdb_temporary_files()",
    "duckdb_extensions": "from duckdb_extensions()",
    "duckdb_functions": "from duckdb_functions()",
    "duckdb_logs": "from duckdb_logs",
    "pg_catalog": "from pg_catalog.pg_settings",
    "pg_class": "from pg_class",
    "information_schema": "from information_schema.tables",
    "sqlite_master": "from sqlite_master",
    "pragma_user_agent": "from pragma_user_agent()",
    "pragma_database_size": "from pragma_database_size()",
    "which_secret": "from which_secret('s3://x', 's3')",
    "write_log": "select write_log('x')",
    "a name of DuckDB's under a WITH": "from (with duckdb_logs as (select 1) from duckdb_logs), duckdb_logs",
    "SHOW TABLES": "show tables",
    "SHOW DATABASES": "show databases",
    # statements in texts, and Python's names
    "query": "from query('select 1')",
    "query of a file": "from query('from read_text(''{file}'')')",
    "query_table": "from query_table('duckdb_settings')",
    "a serialized statement": "from json_execute_serialized_sql(json_serialize_sql('select 1'))",
    "a variable of ours": "from secret",
    "a module of ours": "from duckdb",
    "python_arrow_scan": "from python_arrow_scan()",
    "arrow_scan": "from arrow_scan(1, 2, 3)",
    "pandas_scan": "from pandas_scan(1)",
    "python_map_function": "from python_map_function()",
    # several, and none
    "two": "select 1; select 2",
    "two, the second behind a comment": "select 1; -- and now\ncopy bars to '{out}'",
    "a read and a write": "select 1; drop view bars",
    "none": "",
    "a comment": "-- nothing",
}


@pytest.mark.parametrize("name", ESCAPES)
def test_nothing_but_a_query_of_the_lakes_tables_is_run(
    name: str, small: Config, asked: Manifest, tmp_path: Path
) -> None:
    secret = duckdb.values([1])  # a variable that a statement could name
    file, out = tmp_path / "secret.csv", tmp_path / "out"
    file.write_text("a\n1\n")
    statement = ESCAPES[name].format(file=file, out=out, manifest=small.manifest)
    with pytest.raises(LakeError) as caught:
        Query(small, asked, statement)
    assert (caught.value.code, int(caught.value.exit)) == ("E_SQL", 2)
    assert caught.value.why
    assert caught.value.fix
    assert [path.name for path in tmp_path.iterdir()] == ["secret.csv"]
    assert secret.fetchall() == [(1,)]
    secret.close()


OUTSIDE = [
    name
    for name in ESCAPES
    if name.startswith(
        ("read", "COPY", "ATTACH", "INSTALL", "FORCE", "LOAD", "SET ", "RESET", "EXPORT", "IMPORT", "in ")
    )
    or name in {"parquet_scan", "parquet_metadata", "glob", "sniff_csv", "PRAGMA", "duckdb_secrets", "query of a file"}
]


@pytest.fixture(scope="module")
def bare() -> Iterator[duckdb.DuckDBPyConnection]:
    """Return the locked DuckDB, as a statement would have it that our refusals had missed."""
    with locked(64, 1) as connection:
        connection.execute("create view bars as select 1.0 as close, now() as ts")
        yield connection


@pytest.mark.parametrize("name", sorted(set(OUTSIDE) - {"SET VARIABLE"}))
def test_duckdb_itself_refuses_what_reaches_outside(
    name: str, bare: duckdb.DuckDBPyConnection, small: Config, tmp_path: Path
) -> None:
    file, out = tmp_path / "secret.csv", tmp_path / "out"
    file.write_text("a\n1\n")
    statement = ESCAPES[name].format(file=file, out=out, manifest=small.manifest)
    with pytest.raises(duckdb.Error):
        bare.sql(statement).fetchall()
    assert [path.name for path in tmp_path.iterdir()] == ["secret.csv"]


@pytest.mark.parametrize(
    ("statement", "rows"),
    [
        ("select 1", [(1,)]),
        ("SELECT 1;", [(1,)]),
        ("from range(2)", [(0,), (1,)]),
        ("from generate_series(1, 2)", [(1,), (2,)]),
        ("select * from unnest([1, 2])", [(1,), (2,)]),
        ("values (1), (2)", [(1,), (2,)]),
        ("with a as (select 1), b as materialized (from a) from b", [(1,)]),
        ("with recursive r as (select 1 as i union all select i + 1 from r where i < 3) from r", [(1,), (2,), (3,)]),
        ("select 1 union select 1", [(1,)]),
        ("with t as (select 1) from T", [(1,)]),
        ("select count(*) from BARS where Symbol = 'ETHUSDT'", [(576,)]),
        ("select 'read_text(''/etc/passwd'')' as x", [("read_text('/etc/passwd')",)]),
        (
            "select ETHUSDT from (select symbol, market from bars) pivot (count(*) for symbol in ('ETHUSDT'))",
            [(576,)],
        ),
    ],
)
def test_queries_are_run(statement: str, rows: list[tuple[object, ...]], small: Config, asked: Manifest) -> None:
    assert sorted(ask(small, asked, statement)) == rows


def test_tables_can_be_described(small: Config, asked: Manifest) -> None:
    described = ask(small, asked, "describe bars")
    assert [row[:2] for row in described][:2] == [("ts", "TIMESTAMP WITH TIME ZONE"), ("open", "DOUBLE")]
    [close] = [row for row in ask(small, asked, "summarize from bars where symbol = 'ETHUSDT'") if row[0] == "close"]
    assert (close[0], float(close[2])) == ("close", 200.0)


@pytest.mark.parametrize(
    ("statement", "message", "why"),
    [
        ("selec 1", 'syntax error at or near "selec"', ""),
        ("from barz", 'there is no table "barz"', "Near it: bars."),
        ("from tick", 'there is no table "tick"', "Near it: ticks"),
        ("from features.momentum", 'there is no table "features.momentum"', "There are bars, ticks,"),
        ("from 'x.parquet'", 'there is no table "x.parquet"', "and no file"),
        ("select clos from bars", 'there is no column "clos"', "Near it: close."),
        ("select bars.hi from bars", 'there is no column "hi"', "Near it: high"),
        ("select b.symbl from bars b", 'there is no column "symbl"', "Near it: symbol."),
        ("select xyz from assets", 'there is no column "xyz"', "assets has type, period,"),
        ("select close, ts from bars group by close", 'column "ts" must appear in the GROUP BY', ""),
        ("select nosuch(1)", "Scalar Function with name nosuch does not exist!", ""),
        ("pivot bars on symbol using count(*)", "a PIVOT that does not name its columns is not run", "first write"),
        ("select 'x'::integer", "Could not convert string 'x' to INT32", ""),
        ("select \udcff", "the statement is no text", "UTF-8"),
        ("select " + "(" * 3000 + "1" + ")" * 3000, "", ""),
    ],
)
def test_what_is_wrong_is_said_with_what_is_near(
    statement: str, message: str, why: str, small: Config, asked: Manifest
) -> None:
    with pytest.raises(LakeError) as caught:
        ask(small, asked, statement)
    assert caught.value.code == "E_SQL"
    assert message in caught.value.message
    assert why in caught.value.why
