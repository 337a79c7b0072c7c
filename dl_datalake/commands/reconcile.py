"""`dl reconcile`: how the same instrument differs from source to source."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dl_datalake.commands._base import Session, command
from dl_datalake.commands._writing import refuse_inside, replacing
from dl_datalake.dates import format_ns, format_short, parse_range
from dl_datalake.output import Step, clear, plural, table
from lake.errors import Exit, LakeError

if TYPE_CHECKING:
    from collections.abc import Callable

    from lake.reconcile import Progress, ReconcileReport, Reconciliation

Text = str | None
_SHOWN = 40
JSON_DIFFERENCES = 1_000
_WRITERS = {".csv": "write_csv", ".jsonl": "write_jsonl", ".parquet": "write_parquet", ".arrow": "write_arrow"}


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    command(app, "reconcile")(reconcile)


def reconcile(
    session: Session,
    sources: Annotated[
        list[str], typer.Argument(metavar="ADDRESS[@AS_OF]...", help="Two or more series of one instrument.")
    ],
    prefer: Annotated[
        list[str] | None,
        typer.Option(metavar="ADDRESS", help="The most trusted source, a pattern too; again for the next."),
    ] = None,
    start: Annotated[Text, typer.Option(metavar="DATE", help="Only rows from here.")] = None,
    end: Annotated[Text, typer.Option(metavar="DATE", help="Only rows before this.")] = None,
    whole: Annotated[bool, typer.Option("--whole", help="Look beyond the time that all sources have.")] = False,
    columns: Annotated[Text, typer.Option(metavar="A,B", help="Only these columns; else all of numbers.")] = None,
    absolute: Annotated[
        float, typer.Option("--abs", metavar="X", help="Prices no farther apart are the same.", min=0)
    ] = 0.0,
    ticks: Annotated[
        float, typer.Option(metavar="N", help="The same, in tick sizes of the most trusted source's instrument.", min=0)
    ] = 0.0,
    relative: Annotated[
        float, typer.Option("--rel", metavar="X", help="Values no farther apart are: 0.001 is a thousandth.", min=0)
    ] = 0.0,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="Write all differences: .csv, .jsonl, .parquet, .arrow."),
    ] = None,
    limit: Annotated[
        int | None, typer.Option(metavar="N", help="List so many differences: 40, or 1,000 with --json.", min=0)
    ] = None,
    fail: Annotated[
        bool, typer.Option("--fail", help="Exit 4 where sources differ or have no time in common.")
    ] = False,
) -> None:
    """Say how the same instrument differs from source to source: rows that are missing, and values.

    For each time the most trusted source that has a row is preferred; the others are held against it. Exit 0 whether
    or not anything differs, unless --fail is given.
    """
    from dl_datalake.quality_client import compare_sources
    from lake.reconcile import ReconcileRequest

    _refuse_ending(output)
    shown = (JSON_DIFFERENCES if session.out.json else _SHOWN) if limit is None else limit
    chosen = tuple(name.strip() for name in columns.split(",")) if columns else ()
    request = ReconcileRequest(
        tuple(prefer or ()), *parse_range(start, end), whole, chosen, absolute, ticks, relative, shown
    )
    with session.manifest() as manifest:
        reporter = session.out.reporter()
        try:
            comparison = compare_sources(manifest, tuple(sources), request, _watch(reporter))
            report = _read(comparison, output, manifest.config.data)
        finally:
            clear(reporter)
    session.out.answer("reconcile", report_data(report), _lines(report, output))
    if fail and report.differs:
        raise typer.Exit(Exit.FINDINGS)


def _refuse_ending(output: Path | None) -> None:
    if output is not None and output.suffix not in _WRITERS:
        raise LakeError(
            "USAGE",
            f"the format cannot be told from {output.name}",
            where="--output",
            why=f"The endings known are {', '.join(_WRITERS)}.",
            fix=["name it differences.csv"],
        )


def _read(comparison: Reconciliation, output: Path | None, data: Path) -> ReconcileReport:
    """Read all that differs, and write it where that was asked for."""
    if output is None:
        for _ in comparison.batches():
            pass
        return comparison.report()
    from dl_datalake import export

    refuse_inside(output, data)
    with replacing(output) as sink:
        getattr(export, _WRITERS[output.suffix])(comparison.schema, comparison.batches(), sink)
    return comparison.report()


def _watch(reporter: Callable[[Step], None] | None) -> Callable[[Progress], None]:
    def tell(at: Progress) -> None:
        if reporter is not None:
            reporter(Step(at.done, at.total, "compared", "rows"))

    return tell


def report_data(report: ReconcileReport) -> dict[str, Any]:
    """Return how sources differ, as scripts read it."""
    from dl_datalake import export

    return {
        "differs": report.differs,
        "because": report.because,
        "start": None if report.start_ns is None else format_ns(report.start_ns),
        "end": None if report.end_ns is None else format_ns(report.end_ns),
        "times": report.times,
        "agreeing": report.agreeing,
        "sources": [
            {
                "address": str(tally.source.address),
                "snapshot": tally.source.snapshot,
                "rows": tally.rows,
                "outside": tally.outside,
                "preferred": tally.preferred,
                "missing": tally.missing,
                "differing": tally.differing,
            }
            for tally in report.sources
        ],
        "columns": {
            name: {
                "compared": tally.compared,
                "differing": tally.differing,
                "largest": tally.largest,
                "unknown": tally.unknown,
            }
            for name, tally in report.columns.items()
        },
        "count": report.count,
        "differences": [
            record
            for batch in report.differences.to_batches()
            for record in export.records(report.differences.schema, batch)
        ],
        "complete": report.count == report.differences.num_rows,
    }


def _lines(report: ReconcileReport, output: Path | None) -> list[str]:
    head = ("source", "rows", "preferred", "missing", "differing", "outside")
    cells = [
        (
            str(tally.source),
            *(f"{getattr(tally, name):,}" for name in head[1:]),
        )
        for tally in report.sources
    ]
    lines = [f"the most trusted first: {report.because}", *table(head, cells, right=head[1:]), ""]
    if report.start_ns is None or report.end_ns is None:
        return [*lines, "no time in common: --whole looks beyond it"]
    span = f"from {format_short(report.start_ns)} to {format_short(report.end_ns - 1)}"
    lines.append(f"{plural(report.times, 'time')} {span}: {report.agreeing:,} agree")
    told = [
        f"{name} {each.differing:,} (by up to {each.largest:g})"
        for name, each in report.columns.items()
        if each.differing
    ]
    lines += [f"differing: {', '.join(told)}"] if told else []
    unknown = [f"{name} {each.unknown:,}" for name, each in report.columns.items() if each.unknown]
    lines += [f"only one of both has a value: {', '.join(unknown)}"] if unknown else []
    if report.differences.num_rows:
        lines += ["", *_differences(report)]
    if output is not None:
        lines.append(f"{plural(report.count, 'difference')} → {output}")
    return lines


def _differences(report: ReconcileReport) -> list[str]:
    import pyarrow as pa

    head = ("ts", "source", "", "value", "preferred", "from")
    rows = report.differences
    cells = [
        (
            format_short(ts),
            source,
            "no row" if column is None else column,
            "" if value is None else f"{value:.15g}",
            "" if best is None else f"{best:.15g}",
            preferred,
        )
        for ts, source, column, value, best, preferred in zip(
            rows.column("ts").cast(pa.timestamp("ns", "UTC")).cast(pa.int64()).to_pylist(),
            *(rows.column(name).to_pylist() for name in ("source", "column", "value", "preferred_value", "preferred")),
            strict=True,
        )
    ]
    lines = table(head, cells, right=("value", "preferred"))
    if report.count > rows.num_rows:
        lines.append(f"… and {report.count - rows.num_rows:,} more: --limit, --output")
    return lines
