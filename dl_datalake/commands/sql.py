"""`dl sql`: one query over the lake's tables, printed as `dl read` prints rows."""

from __future__ import annotations

import json
import sys
from collections import deque
from contextlib import suppress
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dl_datalake.commands._base import Session, command
from dl_datalake.commands.read import TABLE_ROWS, Form, Limit, Output, Printing
from lake.errors import LakeError

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pyarrow as pa

    from dl_datalake.sql_result import SqlResult

STDIN = "-"


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    command(app, "sql")(sql)


def sql(
    session: Session,
    statement: Annotated[
        str, typer.Argument(metavar="STATEMENT", help="One SELECT; - reads it from stdin.", show_default=False)
    ],
    param: Annotated[
        list[str] | None,
        typer.Option("--param", metavar="NAME=VALUE", help="Text for $NAME; NAME:=VALUE for anything that is JSON."),
    ] = None,
    as_of: Annotated[
        str | None, typer.Option(metavar="N|NAME|TIME", help="The lake as of a snapshot, its name, or a time.")
    ] = None,
    memory: Annotated[
        int | None, typer.Option(metavar="MB", help="What DuckDB may hold: 160 unless given; the rest goes to disk.")
    ] = None,
    limit: Limit = None,
    format_: Form = None,
    output: Output = None,
) -> None:
    """Run one query over the lake's tables, in DuckDB's SQL.

    They are bars, ticks, quotes, book, book_l3, features."set.v1", metrics."name", and the manifest's assets, series,
    partitions and ledger.
    """
    from dl_datalake.client import open as open_lake

    printing = Printing(session, format_, output, limit)
    values = dict(_value(text) for text in param or ())
    text = sys.stdin.read() if statement == STDIN else statement
    config = session.config()
    with open_lake(config.root, data_root=config.data, db_path=config.manifest) as lake:
        result = lake.sql(text, values, as_of=as_of, memory_mb=memory)
        form = "json" if session.out.json else printing.form
        printing.show("sql", _Once(result, form, limit), config.data)


def _value(text: str) -> tuple[str, Any]:
    """Return a parameter's name and value: `symbol=BTCUSDT` is text, `factor:=1.5` is JSON."""
    name, equals, value = text.partition("=")
    name = name.strip().removeprefix("$")
    is_json = name.endswith(":")
    name = name.removesuffix(":")
    if equals and name and not is_json:
        return name, value
    if equals and name:
        with suppress(ValueError):
            return name, json.loads(value)
    raise LakeError(
        "USAGE",
        f'"{text}" gives no parameter a value',
        why="A value is text, NAME=VALUE, or anything that is JSON, NAME:=VALUE.",
        fix=["--param symbol=BTCUSDT", "--param factor:=1.5"],
    )


class _Once:
    """The rows of a statement for printing; counted, or looked at from both ends, they are read once through."""

    def __init__(self, result: SqlResult, form: str, limit: int | None) -> None:
        """Take the rows and how they are to be printed.

        Args:
            result: The rows.
            form: The format, or `json`: each has other types that it cannot hold.
            limit: How many are wanted; no more are read.
        """
        from dl_datalake import sql_values

        whole = {"json": None, "jsonl": None, "arrow": None, "parquet": sql_values.storable}
        self._as = whole.get(form, sql_values.flat)
        self._result, self._limit = result, limit
        self._seen = 0
        self._left: Iterator[pa.RecordBatch] = iter(())
        self.records = sql_values.records
        self.schema = self._as(_none_of(result.schema)).schema if self._as else result.schema

    def batches(self) -> Iterator[pa.RecordBatch]:
        self._left = self._result.batches()
        for batch in self._left:
            self._seen += batch.num_rows
            yield batch if self._as is None else self._as(batch)

    def facts(self) -> dict[str, Any]:
        return {"snapshot": self._result.snapshot, "tables": list(self._result.tables)}

    def ends_with(self, rows: int) -> bool:
        return self._seen == rows and next(self._left, None) is None

    def count(self) -> int:
        return self._through[2]

    def head(self, rows: int) -> pa.Table:
        return self._through[0].slice(0, rows)

    def tail(self, rows: int) -> pa.Table:
        last = self._through[1]
        return last.slice(max(0, last.num_rows - rows))

    @cached_property
    def _through(self) -> tuple[pa.Table, pa.Table, int]:
        """Read the rows, and return the first of them, the last, and how many there are."""
        import pyarrow as pa

        from dl_datalake.export import limited

        wanted = TABLE_ROWS if self._limit is None else self._limit
        first: list[pa.RecordBatch] = []
        last: deque[pa.RecordBatch] = deque()
        count = kept = 0
        for batch in limited(self.batches(), self._limit):
            if count < wanted:
                first.append(batch.slice(0, wanted - count))
            count += batch.num_rows
            last.append(batch)
            kept += batch.num_rows
            while kept - last[0].num_rows >= TABLE_ROWS:
                kept -= last.popleft().num_rows
        return pa.Table.from_batches(first, self.schema), pa.Table.from_batches(last, self.schema), count


def _none_of(schema: pa.Schema) -> pa.RecordBatch:
    import pyarrow as pa

    return pa.RecordBatch.from_arrays([pa.array([], field.type) for field in schema], schema=schema)
