"""Running a statement: in a DuckDB of its own, that is locked before it sees the statement, and gone after it."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import duckdb
import pyarrow as pa

from lake.leases import Lease
from lake.sql.dataset import BATCH_ROWS
from lake.sql.explaining import explained, unknown_table
from lake.sql.statement import parse, refused
from lake.sql.views import Views

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterator, Mapping
    from contextlib import AbstractContextManager

    from lake.config import Config
    from lake.manifest import Manifest
    from lake.sql.dataset import Rows
    from lake.sql.statement import Statement
    from lake.sql.views import Name

MEMORY_MB = 160
"""What DuckDB may hold unless told otherwise; what is more goes to disk. The interpreter and the rows that are being
read come on top, and a command is to keep below 512."""
MIN_MEMORY_MB = 32
SPILL_GB = 16
"""What it may put on disk at most."""
_STOP_EVERY_S = 0.05
_SETTINGS = {
    "TimeZone": "UTC",
    "max_temp_directory_size": f"{SPILL_GB}GB",
    # What is scanned counts as one row to DuckDB, and one row is joined by looking at each of the other side.
    "asof_loop_join_threshold": 0,
    "nested_loop_join_threshold": 0,
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
    "python_enable_replacements": False,
    "enable_external_access": False,
    "lock_configuration": True,
}
"""In this order: the last ones keep others from being changed."""


class Query:
    """A statement over the tables of a lake at one snapshot; it is checked when it is made, and run when it is read."""

    def __init__(
        self,
        config: Config,
        manifest: Manifest,
        text: str,
        parameters: Mapping[str, Any] | None = None,
        *,
        as_of: int | str | dt.datetime | None = None,
        memory_mb: int = MEMORY_MB,
    ) -> None:
        """Check the statement, and what its columns are.

        Args:
            config: The lake.
            manifest: Its manifest, which stays open.
            text: One SELECT, or FROM, WITH, VALUES, DESCRIBE or SUMMARIZE.
            parameters: The values of `$name` in it.
            as_of: The lake as it was; the newest snapshot when None.
            memory_mb: Megabytes that DuckDB may hold.

        Raises:
            LakeError: SQL when it cannot be run; UNKNOWN_SNAPSHOT, SNAPSHOT_EXPIRED; USAGE for too little memory.
        """
        if memory_mb < MIN_MEMORY_MB:
            raise refused(f"{memory_mb} MB are too few", f"DuckDB needs {MIN_MEMORY_MB} or more.")
        self._config, self._memory_mb = config, memory_mb
        self.snapshot: int = manifest.snapshot(as_of)
        # The files of the snapshot stay for as long as this object does.
        self._lease = Lease(config, self.snapshot)
        manifest.refuse_expired(self.snapshot)
        self._views = Views(config, manifest, self.snapshot)
        self._parameters = dict(parameters or {})
        with self._locked() as connection:
            with explained({}):
                self.statement: Statement = parse(connection, text)
            self._refuse_parameters()
            with self._bound(connection) as relation:
                schema: pa.Schema = relation.limit(0).to_arrow_table().schema
        self.schema: pa.Schema = pa.schema(
            [field.with_name(name) for field, name in zip(schema, _distinct(schema.names), strict=True)]
        )

    @property
    def tables(self) -> tuple[Name, ...]:
        """The tables of the lake that the statement reads."""
        return self.statement.tables

    def batches(self, size: int = BATCH_ROWS) -> Iterator[pa.RecordBatch]:
        """Run the statement and yield its rows in batches of up to `size`, while it runs.

        Raises:
            LakeError: SQL when it fails; whatever reading the rows raises, such as FILE_DAMAGED.
        """
        with self._locked() as connection, self._bound(connection) as relation:
            for batch in _pulled(connection, relation, size):
                if batch.num_rows:
                    yield pa.RecordBatch.from_arrays(batch.columns, schema=self.schema)

    def _locked(self) -> AbstractContextManager[duckdb.DuckDBPyConnection]:
        return locked(self._memory_mb, self._config.threads)

    @contextmanager
    def _bound(self, connection: duckdb.DuckDBPyConnection) -> Iterator[duckdb.DuckDBPyRelation]:
        """Lend the statement, bound to the tables it names."""
        opened = {name: self._opened(name) for name in self.tables}
        with explained(opened):
            for number, (name, rows) in enumerate(opened.items()):
                _show(connection, name, rows, number)
            yield connection.sql(self.statement.text, params=self._parameters or None)

    def _opened(self, name: Name) -> Rows:
        rows = self._views.find(name)
        if rows is None:
            raise unknown_table(name, self._views)
        return rows

    def _refuse_parameters(self) -> None:
        """Refuse values that are not asked for, and a statement that asks for others."""
        wanted = self.statement.parameters
        if numbers := sorted(name for name in wanted if name.isdigit()):
            raise refused(f"parameter {numbers[0]} has no name", "Values are given by name.", "write $name for it")
        for name in sorted(wanted - self._parameters.keys()):
            raise refused(f"${name} has no value", "The statement asks for it.", f"--param {name}=VALUE, or {name}=…")
        for name in sorted(self._parameters.keys() - wanted):
            why = f"It asks for {', '.join(f'${each}' for each in sorted(wanted))}." if wanted else "It asks for none."
            raise refused(f"the statement does not ask for ${name}", why)


def _pulled(
    connection: duckdb.DuckDBPyConnection, relation: duckdb.DuckDBPyRelation, size: int
) -> Iterator[pa.RecordBatch]:
    """Yield the rows of a relation, which run in another thread: DuckDB would keep this one from being stopped."""
    with ThreadPoolExecutor(1, thread_name_prefix="sql") as thread:
        reader: pa.RecordBatchReader | None = None
        under_way: Future[Any] = thread.submit(relation.to_arrow_reader, size)
        try:
            reader = _awaited(under_way)
            while True:
                under_way = thread.submit(next, reader, None)
                if (batch := _awaited(under_way)) is None:
                    return
                yield batch
        finally:
            # Again and again: what was not begun yet is not stopped by it.
            while not under_way.done():
                connection.interrupt()
                wait([under_way], timeout=_STOP_EVERY_S)
            if reader is not None:
                reader.close()


def _awaited(under_way: Future[Any]) -> Any:  # noqa: ANN401 -- whatever it gives
    """Wait, waking now and then: a signal that another thread was given is seen by this one only when it wakes."""
    while not wait([under_way], timeout=_STOP_EVERY_S).done:
        pass
    return under_way.result()


@contextmanager
def locked(memory_mb: int, threads: int) -> Iterator[duckdb.DuckDBPyConnection]:
    """Lend a DuckDB that can reach nothing but what it is shown."""
    folder = tempfile.mkdtemp(prefix="dl-sql-")
    config: dict[str, str | bool | int | float | list[str]] = {
        "memory_limit": f"{memory_mb}MB",
        "temp_directory": folder,
        "threads": threads,
    }
    try:
        connection = duckdb.connect(":memory:", config=config)
        try:
            _open[folder] = connection
            hide_progress(connection)
            for setting, value in _SETTINGS.items():
                connection.execute(f"SET {setting} = '{value}'")
            yield connection
        finally:
            _open.pop(folder, None)
            connection.close()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def hide_progress(connection: duckdb.DuckDBPyConnection) -> None:
    """Have no progress bar drawn: on stdout it would stand amid the rows, once a statement takes two seconds.

    In a notebook without ipywidgets there is none, and setting it, even to off, is refused.
    """
    if connection.execute("SELECT current_setting('enable_progress_bar')").fetchall() != [(False,)]:
        connection.execute("SET enable_progress_bar = false")


_open: dict[str, duckdb.DuckDBPyConnection] = {}
"""What runs, by its temporary folder."""


@atexit.register
def _end() -> None:
    """Stop what was left amid its rows, while Python can still let go of what its threads hold."""
    for folder, connection in list(_open.items()):
        connection.interrupt()
        connection.close()
        shutil.rmtree(folder, ignore_errors=True)


def _show(connection: duckdb.DuckDBPyConnection, name: Name, rows: Rows, number: int) -> None:
    """Let a table be seen under its name."""
    if not name.schema:
        connection.register(name.table, rows)
        return
    connection.register(f"__{number}", rows)
    connection.execute(f"CREATE SCHEMA IF NOT EXISTS {_quoted(name.schema)}")
    connection.execute(f"CREATE VIEW {_quoted(name.schema)}.{_quoted(name.table)} AS FROM __{number}")


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _distinct(names: list[str]) -> list[str]:
    """Return names as they are, those that come again with a number: `ts`, `ts_1`."""
    found: list[str] = []
    for name in names:
        other, number = name, 0
        while other in found:
            number += 1
            other = f"{name}_{number}"
        found.append(other)
    return found
