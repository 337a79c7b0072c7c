"""`dl read`: the rows of one series, as a table, CSV, JSON lines, Parquet or Arrow."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO, Literal, Protocol, cast

import typer

from dl_datalake.commands._base import Session, command
from dl_datalake.commands._writing import refuse_inside, replacing
from dl_datalake.output import plural, table
from lake.errors import LakeError

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pyarrow as pa

    from dl_datalake.result import Result
    from lake.adjust import Adjust

TABLE_ROWS = 20
JSON_ROWS = 1_000
JSON_ROWS_MAX = 100_000
Text = str | None
Format = Literal["table", "csv", "jsonl", "parquet", "arrow"]
Start = Annotated[Text, typer.Option(metavar="DATE", help="From here: 2024-03, 2024-03-05T10:00Z, -7d.")]
End = Annotated[Text, typer.Option(metavar="DATE", help="Up to here, and not this.")]
Adjusting = Annotated[
    Text, typer.Option("--adjust", metavar="split|total", help="Adjust prices for splits, or for cash dividends too.")
]
Limit = Annotated[int | None, typer.Option(metavar="N", help="The first so many rows.", min=0)]
Form = Annotated[Format | None, typer.Option("--format", help="Else table, or by --output's ending.")]
Output = Annotated[Path | None, typer.Option(metavar="FILE", help="Write a file instead of stdout.")]


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    command(app, "read")(read)


def read(
    session: Session,
    address: Annotated[
        Text,
        typer.Argument(
            metavar="ADDRESS",
            help="One series, such as BINANCE/SPOT/BTCUSDT/bars/1m; a --lock of one series says itself which.",
            show_default=False,
        ),
    ] = None,
    start: Start = None,
    end: End = None,
    columns: Annotated[Text, typer.Option(metavar="NAMES", help="Only these, with commas: ts,close.")] = None,
    as_of: Annotated[
        Text,
        typer.Option(
            metavar="N|NAME|TIME", help="The lake as of a snapshot (digits alone), its name, or a time: 2016-01-01."
        ),
    ] = None,
    where: Annotated[
        Text, typer.Option(metavar="CONDITION", help='Only rows for which it is true: "close > 100 and volume > 0".')
    ] = None,
    lock: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Exactly the rows that a study read: what `dl lock` wrote.")
    ] = None,
    adjust: Adjusting = None,
    limit: Limit = None,
    format_: Form = None,
    output: Output = None,
) -> None:
    """Print the rows of one series in stored order."""
    from dl_datalake.client import open as open_lake

    printing = Printing(session, format_, output, limit)
    config = session.config()
    with open_lake(config.root, data_root=config.data, db_path=config.manifest) as lake:
        wanted = [name.strip() for name in columns.split(",")] if columns else None
        result = lake.read(
            address,
            start=start,
            end=end,
            columns=wanted,
            as_of=as_of,
            where=where,
            adjust=cast("Adjust | None", adjust),  # the engine refuses other words
            lock=lock,
        )
        printing.print("read", result, config.data)


class Printable(Protocol):
    """Rows that can be printed; of what is read once only, `count`, `head` and `tail` share a reading."""

    @property
    def schema(self) -> pa.Schema:
        """The columns, as `batches` has them."""
        ...

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Yield the rows."""
        ...

    def count(self) -> int:
        """Return how many rows there are."""
        ...

    def head(self, rows: int) -> pa.Table:
        """Return the first rows."""
        ...

    def tail(self, rows: int) -> pa.Table:
        """Return the last rows."""
        ...

    def facts(self) -> dict[str, Any]:
        """Return what a document says of the rows."""
        ...

    def records(self, batch: pa.RecordBatch) -> list[dict[str, Any]]:
        """Return a batch as one dictionary a row."""
        ...

    def ends_with(self, rows: int) -> bool:
        """Whether the first so many rows, which were read, are all."""
        ...


class _Stored:
    """A result of the lake's rows."""

    def __init__(self, result: Result) -> None:
        self.schema, self.batches = result.schema, result.batches
        self.count, self.head, self.tail = result.count, result.head, result.tail
        self._result = result

    def facts(self) -> dict[str, Any]:
        return {"address": str(self._result.address), "snapshot": self._result.snapshot}

    def records(self, batch: pa.RecordBatch) -> list[dict[str, Any]]:
        from dl_datalake import export

        return export.records(self.schema, batch)

    def ends_with(self, rows: int) -> bool:
        return rows == self._result.count()


class Printing:
    """How the rows of a result are printed, or written to a file."""

    def __init__(self, session: Session, form: Format | None, output: Path | None, limit: int | None) -> None:
        """Take what was asked for; USAGE when it does not fit together."""
        self._session, self._output, self._limit = session, output, limit
        if session.out.json and (form or output):
            raise LakeError(
                "USAGE",
                "--json goes with neither --format nor --output",
                why="It prints one document on stdout and nothing else.",
                fix=["--format jsonl"],
            )
        self.form = form or _form_of(output)
        if self.form in ("parquet", "arrow") and output is None and session.out.to_terminal:
            raise LakeError(
                "USAGE",
                f"{self.form} is not for a terminal",
                why="Its bytes are no text.",
                fix=["--output FILE", "or pipe it into a program"],
            )

    def print(self, name: str, result: Result, data: Path) -> None:
        """Print a result as the answer of a command; `data` is the lake's data folder, where nothing is written."""
        self.show(name, _Stored(result), data)

    def show(self, name: str, result: Printable, data: Path) -> None:
        """Print rows, as `print` does."""
        session, form, output, limit = self._session, self.form, self._output, self._limit
        if session.out.json:
            _document(session, name, result, JSON_ROWS if limit is None else limit)
        elif output:
            refuse_inside(output, data)
            with replacing(output) as sink:
                rows = _write(result, form, limit, sink)
            session.out.note([f"{plural(rows, 'row')} → {output}"])
        elif form == "table":
            session.out.text(_table(result, limit))
        else:
            _write(result, form, limit, session.out.stream())


def _form_of(output: Path | None) -> Format:
    endings: dict[str, Format] = {
        ".csv": "csv",
        ".jsonl": "jsonl",
        ".parquet": "parquet",
        ".arrow": "arrow",
        ".txt": "table",
    }
    if output is None:
        return "table"
    if output.suffix not in endings:
        raise LakeError(
            "USAGE",
            f"the format cannot be told from {output.name}",
            why=f"The endings known are {', '.join(endings)}.",
            fix=["--format csv"],
        )
    return endings[output.suffix]


def _write(result: Printable, form: Format, limit: int | None, sink: BinaryIO) -> int:
    from dl_datalake import export

    if form == "table":
        sink.writelines(f"{line}\n".encode() for line in _table(result, limit))
        return result.count() if limit is None else min(limit, result.count())
    batches = export.limited(result.batches(), limit)
    if form == "jsonl":
        rows = export.write_jsonl(result.schema, batches, sink, result.records)
    else:
        writers = {"csv": export.write_csv, "parquet": export.write_parquet, "arrow": export.write_arrow}
        rows = writers[form](result.schema, batches, sink)
    sink.flush()
    return rows


def _table(result: Printable, limit: int | None) -> list[str]:
    """Return rows for people: the first `limit`, else both ends; columns without a value there are only named."""
    from dl_datalake.export import texts

    count = result.count()
    if limit is not None or count <= TABLE_ROWS:
        parts, between = [result.head(count if limit is None else limit)], 0
    else:
        parts, between = [result.head(TABLE_ROWS // 2), result.tail(TABLE_ROWS // 2)], count - TABLE_ROWS
    names = [n for n in result.schema.names if any(part[n].null_count < part.num_rows for part in parts)]
    names = names or result.schema.names  # no row: the header alone
    rows = [row for part in parts for batch in part.select(names).to_batches() for row in texts(batch)]
    lines = table(names, rows, right=names)
    if between:
        lines.insert(1 + TABLE_ROWS // 2, f"… {plural(between, 'row')} between …")
    empty = [name for name in result.schema.names if name not in names]
    if empty and rows:
        lines.append(f"no value in {', '.join(empty)}")
    return lines


def _document(session: Session, name: str, result: Printable, limit: int) -> None:
    from dl_datalake import export

    if limit > JSON_ROWS_MAX:
        raise LakeError(
            "USAGE",
            f"--json holds at most {JSON_ROWS_MAX:,} rows",
            why="One document has to fit in memory, here and where it is read.",
            fix=["--format jsonl streams them"],
        )
    rows: list[dict[str, Any]] = []
    for batch in export.limited(result.batches(), limit):
        rows += result.records(batch)
    data = {
        **result.facts(),
        "columns": [{"name": field.name, "type": str(field.type)} for field in result.schema],
        "rows": rows,
        "complete": result.ends_with(len(rows)),
    }
    session.out.answer(name, data, ())
