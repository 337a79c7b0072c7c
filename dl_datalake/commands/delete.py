"""`dl delete`: a new snapshot without some rows, which earlier snapshots keep."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from dl_datalake.commands._asking import Yes, confirm
from dl_datalake.commands._base import Session, command
from dl_datalake.dates import parse_range
from dl_datalake.output import Step, clear, plural, table

if TYPE_CHECKING:
    from lake.delete import DeleteReport
    from schemas.keys import Address

Text = str | None


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    command(app, "delete")(delete)


def delete(
    session: Session,
    selection: Annotated[
        list[str], typer.Argument(metavar="SELECTION...", help="Addresses or patterns, such as BINANCE/*/*/bars/1m.")
    ],
    start: Annotated[Text, typer.Option(metavar="DATE", help="From here on: 2024-03, 2024-03-05, -7d.")] = None,
    end: Annotated[Text, typer.Option(metavar="DATE", help="Up to here, which is not part of it.")] = None,
    all_exchanges: Annotated[
        bool, typer.Option("--all-exchanges", help="Let patterns reach over several exchanges.")
    ] = False,
    message: Annotated[str, typer.Option("--message", "-m", metavar="TEXT", help="Why, for the history.")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would go; delete nothing.")] = False,
    yes: Yes = False,
) -> None:
    """Delete rows; earlier snapshots keep them.

    Nothing is lost: reading as of an earlier snapshot gives the rows, and dl rollback brings them back.
    """
    from lake.delete import DeleteRequest
    from lake.delete import delete as engine

    start_ns, end_ns = parse_range(start, end)
    config = session.config()
    checks = session.registry(config).checks
    session.safe = "A series is deleted from whole or not at all. Run it again to go on."
    request = DeleteRequest(tuple(selection), start_ns, end_ns, all_exchanges, message, dry_run=True)
    report = engine(config, request, checks=checks)
    if report.series and not dry_run:
        rows = sum(series.rows for series in report.series)
        confirm(session, f"{plural(rows, 'row')} of {plural(len(report.series), 'series')} would go", yes=yes)
    if not dry_run:
        reporter = session.out.reporter()

        def tell(done: int, total: int, address: Address) -> None:
            if reporter is not None:
                reporter(Step(done, total, f"deleted from {address}"))

        try:
            report = engine(config, replace(request, dry_run=False), tell, checks=checks)
        finally:
            clear(reporter)
    session.out.done("delete", _data(report), _lines(report, selection))


def _data(report: DeleteReport) -> dict[str, object]:
    return {
        "status": report.status,
        "before": report.before,
        "snapshot": report.snapshot,
        "run": report.run,
        "rows": sum(series.rows for series in report.series),
        "series": [
            {
                "address": str(series.address),
                "rows": series.rows,
                "removed": series.removed,
                "rewritten": series.rewritten,
            }
            for series in report.series
        ],
    }


def _lines(report: DeleteReport, selection: list[str]) -> list[str]:
    if not report.series:
        return [f"nothing to delete · snapshot {report.snapshot}"]
    cells = [(s.address, f"{s.rows:,}", f"{s.removed:,}", f"{s.rewritten:,}") for s in report.series]
    head = ("series", "rows", "partitions gone", "rewritten")
    lines = table(head, cells, right=head[1:])
    rows = plural(sum(series.rows for series in report.series), "row")
    if report.status == "dry_run":
        return [*lines, f"would delete {rows}; nothing deleted: --dry-run"]
    return [*lines, f"deleted {rows} · snapshot {report.snapshot} · run {report.run}", *_undo(report, selection)]


def _undo(report: DeleteReport, selection: list[str]) -> list[str]:
    """Return how to have the rows again; series by series where others wrote in between, whose work is to stay."""
    made = [f"to have {s.address} again: make it from {s.upstream}" for s in report.series if s.upstream is not None]
    own = [series for series in report.series if series.upstream is None]
    if own and not made and report.snapshot - report.before == len(own):
        words = " ".join(f"'{text}'" if set(text) & set("*?[") else text for text in selection)
        return [f"to undo it: dl rollback {words} --to {report.before}"]
    return [*made, *(f"to undo it: dl rollback {s.address} --to {(s.snapshot or 1) - 1}" for s in own)]
