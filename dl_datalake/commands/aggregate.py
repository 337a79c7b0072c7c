"""`dl aggregate`: coarser bars of finer ones, of trades and of quotes."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dl_datalake.commands._base import Session, command
from dl_datalake.commands._via import Via, carried_out
from dl_datalake.dates import format_ns, format_short
from dl_datalake.output import Step, clear, error_data, error_lines, plural, table
from lake.errors import Exit, LakeError

if TYPE_CHECKING:
    from collections.abc import Callable

    from lake.aggregate import AggregateReport, Progress, TargetReport

Text = str | None
_ONE_SERIES = {Exit.USAGE, Exit.REFUSED, Exit.NOT_FOUND}
"""Errors that concern one series of many: the others go on."""


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    command(app, "aggregate")(aggregate)


def aggregate(
    session: Session,
    address: Annotated[
        str, typer.Argument(metavar="ADDRESS", help="A series, such as BINANCE/SPOT/BTCUSDT/bars/1m, or a pattern.")
    ],
    to: Annotated[
        list[str],
        typer.Option(metavar="PERIODS", help="5m,15m,1h,4h,1d,1w,1mo; of quotes also 1m-bid, 1m-ask, 1m-mid."),
    ],
    start: Annotated[Text, typer.Option(metavar="DATE", help="Only partitions that end after this.")] = None,
    end: Annotated[Text, typer.Option(metavar="DATE", help="Only partitions that begin before this.")] = None,
    session_tz: Annotated[
        Text, typer.Option(metavar="ZONE", help="Cut days and longer in this zone, such as America/New_York.")
    ] = None,
    session_start: Annotated[
        Text, typer.Option(metavar="HH:MM", help="When such a day begins, such as 17:00; else at midnight.")
    ] = None,
    calendar: Annotated[
        Text, typer.Option(metavar="NAME", help="Cut days and longer by an exchange's sessions, such as XNYS.")
    ] = None,
    complete_to: Annotated[
        Text, typer.Option(metavar="DATE", help="Up to here no row is missing, whatever the last one is.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Make anew what is up to date, too.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be made; write nothing.")] = False,
    via: Via = None,
) -> None:
    """Make coarser bars.

    One pass over what is new or changed makes all periods. Only whole buckets are stored, and empty ones make no bar.
    """
    from dl_datalake.aggregation import request_of
    from lake import aggregate as engine
    from lake.selection import select

    config = session.config()
    with session.manifest() as manifest:
        series = [row.address for row in select(manifest, [address])]
    periods = tuple(period for word in to for period in word.split(","))
    reporter = session.out.reporter()
    session.safe = "What was committed is safely in the lake, whole partitions each; run it again to go on."
    reports: list[AggregateReport] = []
    errors: list[LakeError] = []
    for each in series:
        try:
            request = request_of(
                config,
                each,
                periods,
                start=start,
                end=end,
                session_tz=session_tz,
                session_start=session_start,
                calendar=calendar,
                complete_to=complete_to,
                force=force,
                dry_run=dry_run,
                warn=session.out.warn,
            )
            watch = _watch(reporter)
            here = partial(engine.aggregate, config, request, progress=watch)
            reports.append(carried_out(via, "aggregate", config, request, here, progress=watch))
        except LakeError as error:
            if len(series) == 1 or error.exit not in _ONE_SERIES:
                raise
            errors.append(error)
        finally:
            clear(reporter)
    _answer(session, reports, errors)


def _watch(reporter: Callable[[Step], None] | None) -> Callable[[Progress], None]:
    return lambda at: None if reporter is None else reporter(Step(at.rows_done, at.rows_total, _at(at), "rows"))


def _at(at: Progress) -> str:
    """Say how far one series is."""
    parts = f"{at.partitions_done:,} of {at.partitions_total:,} partitions"
    return f"{at.source}: {at.rows_done:,} rows, {parts}"


def _answer(session: Session, reports: list[AggregateReport], errors: list[LakeError]) -> None:
    if errors and not reports:
        session.others = errors[:-1]
        raise errors[-1]
    data = {
        "snapshot": max(report.snapshot for report in reports),
        "series": [report_data(report) for report in reports],
        "refused": [error_data(error) for error in errors],
    }
    session.out.done("aggregate", data, [line for report in reports for line in _lines(report)])
    for error in errors:
        session.out.note(error_lines(error))
    if errors:
        raise typer.Exit(Exit.PARTIAL)


def report_data(report: AggregateReport) -> dict[str, Any]:
    """Return what an aggregation did with one series, as scripts read it."""
    return {
        "source": str(report.source),
        "status": report.status,
        "rows_read": report.rows_in,
        "snapshot": report.snapshot,
        "run": report.run,
        "targets": [_target_data(target) for target in report.targets],
    }


def _target_data(target: TargetReport) -> dict[str, Any]:
    return {
        "address": str(target.address),
        "built": target.built,
        "unchanged": target.unchanged,
        "current": target.current,
        "rows": target.rows,
        "withheld": None if target.withheld_ns is None else format_ns(target.withheld_ns),
        "outside": target.outside,
    }


def _lines(report: AggregateReport) -> list[str]:
    lines = [str(report.source)]
    if report.status == "unchanged":
        lines.append(f"  nothing to do: every target is up to date · snapshot {report.snapshot}")
    else:
        word = "to build" if report.status == "dry_run" else "built"
        head = ("target", word, "as stored", "up to date", "rows")
        cells = [
            (each.address.key, each.built, each.unchanged, each.current, f"{each.rows:,}") for each in report.targets
        ]
        lines += [f"  {line}" for line in table(head, cells, right=head[1:])]
    for target in report.targets:
        if target.withheld_ns is not None:
            until = format_short(target.withheld_ns)
            lines.append(
                f"  {target.address.key}: the last bucket is left out until the rows reach its end, {until} UTC"
            )
        if target.outside:
            lines.append(f"  {target.address.key}: {plural(target.outside, 'row')} outside the sessions")
    if report.status == "dry_run":
        lines.append("  nothing written: --dry-run")
    elif report.status == "committed":
        lines.append(f"  read {plural(report.rows_in, 'row')} · snapshot {report.snapshot} · run {report.run}")
    return lines
