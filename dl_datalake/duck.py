"""A result as a DuckDB relation: DuckDB asks for columns and filters, and gets rows whose checksums were verified."""

from __future__ import annotations

import atexit
from copy import copy
from typing import TYPE_CHECKING

import duckdb

from lake.read import Scan
from lake.sql import Rows, StoredRows, filtered, hide_progress, shown_schema

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import pyarrow as pa

    from dl_datalake.result import Planned
    from lake.sql.pruning import Expression
    from schemas.keys import Address


def to_duckdb(planned: Planned, connection: duckdb.DuckDBPyConnection | None = None) -> duckdb.DuckDBPyRelation:
    """Return the rows of a planned read as a relation, on a connection or on one of its own; nothing is read yet."""
    if connection is None:
        connection = duckdb.connect(":memory:", config={"asof_loop_join_threshold": 0})
        connection.execute("SET TimeZone = 'UTC'")
        hide_progress(connection)
        atexit.register(connection.close)
    return connection.from_arrow(rows_of(planned))


def rows_of(planned: Planned) -> Rows:
    """Return the rows of a planned read as a dataset that is read when it is scanned."""
    if isinstance(planned, Scan):
        return _stored(planned)

    def read(names: Sequence[str], wanted: Expression | None) -> Iterator[pa.Table]:
        return filtered(planned.batches(), names, wanted)

    return Rows(shown_schema(planned.schema), read)


def _stored(scan: Scan) -> StoredRows:
    def plan(addresses: Sequence[Address], start_ns: int | None, end_ns: int | None) -> Scan:
        narrower = copy(scan)
        starts = [ns for ns in (scan.start_ns, start_ns) if ns is not None]
        ends = [ns for ns in (scan.end_ns, end_ns) if ns is not None]
        narrower.start_ns, narrower.end_ns = max(starts, default=None), min(ends, default=None)
        wanted = set(addresses)
        narrower.plan = [file for file in scan.plan if scan.address_of(file) in wanted]
        return narrower

    # Those whose rows come: a series may be read with those of its earlier symbols.
    return StoredRows(scan.schema, list(dict.fromkeys(map(scan.address_of, scan.plan))), plan)
