"""`dl gaps`: where stored series have no rows, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from dl_datalake.commands._base import Session, command
from dl_datalake.dates import format_ns, format_short, parse_as_of, parse_range
from dl_datalake.output import Step, clear, plural, table
from lake.errors import Exit

if TYPE_CHECKING:
    from collections.abc import Callable

    from lake.gaps import GapReport, Progress, SeriesGaps

Text = str | None
_SHOWN = 40
JSON_GAPS = 1_000


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    command(app, "gaps")(gaps)


def gaps(
    session: Session,
    series: Annotated[
        list[str] | None,
        typer.Argument(metavar="[ADDRESS...]", help="Addresses or patterns, such as BINANCE/*/*/bars/1m; else all."),
    ] = None,
    start: Annotated[Text, typer.Option(metavar="DATE", help="From here; else from the first row.")] = None,
    end: Annotated[Text, typer.Option(metavar="DATE", help="Up to here; else up to the last row.")] = None,
    calendar: Annotated[
        Text, typer.Option(metavar="NAME", help="24/7, FX, or an exchange such as XNYS; else by dl.toml or market.")
    ] = None,
    min_length: Annotated[
        Text, typer.Option("--min", metavar="LENGTH", help="Only gaps this long: 5m, 2h; events: 1h unless given.")
    ] = None,
    kind: Annotated[
        list[str] | None,
        typer.Option("--kind", metavar="KIND", help="List only this kind, again for more; all lists closed hours too."),
    ] = None,
    as_of: Annotated[Text, typer.Option(metavar="N|NAME|TIME", help="The lake as of a snapshot or a time.")] = None,
    summary: Annotated[bool, typer.Option("--summary", help="Only the totals of each series.")] = False,
    limit: Annotated[
        int | None, typer.Option(metavar="N", help="List at most so many gaps: 40, or 1,000 with --json.", min=0)
    ] = None,
    fail: Annotated[
        bool, typer.Option("--fail", help="Exit 4 where rows may be had: vendor_gap, not_ingested, quarantined.")
    ] = False,
) -> None:
    """Say where series have no rows, and why.

    Exit 0 whether or not there are gaps, unless --fail is given.
    """
    from dl_datalake.quality_client import find_gaps

    with session.manifest() as manifest:
        reporter = session.out.reporter()
        try:
            report = find_gaps(
                manifest,
                tuple(series or ()),
                between=parse_range(start, end),
                calendar=calendar,
                min_length=min_length,
                kinds=kind,
                as_of=None if as_of is None else parse_as_of(as_of),
                progress=_watch(reporter),
            )
        finally:
            clear(reporter)
    shown = 0 if summary else (JSON_GAPS if session.out.json else _SHOWN) if limit is None else limit
    session.out.answer("gaps", report_data(report, shown), _lines(report, shown, summary=summary))
    if fail and report.lacking:
        raise typer.Exit(Exit.FINDINGS)


def _watch(reporter: Callable[[Step], None] | None) -> Callable[[Progress], None]:
    def tell(at: Progress) -> None:
        if reporter is not None:
            reporter(Step(at.done, at.total, f"looked through {at.address}"))

    return tell


def report_data(report: GapReport, limit: int) -> dict[str, Any]:
    """Return what was found, as scripts read it: of each series at most `limit` gaps."""
    return {"snapshot": report.snapshot, "series": [_series_data(each, limit) for each in report.series]}


def _series_data(found: SeriesGaps, limit: int) -> dict[str, Any]:
    return {
        "address": str(found.address),
        "calendar": found.calendar,
        "because": found.because,
        "start": None if found.start_ns is None else format_ns(found.start_ns),
        "end": None if found.end_ns is None else format_ns(found.end_ns),
        "rows": found.rows,
        "missing": found.missing,
        "totals": {
            kind: {"gaps": total.gaps, "missing": total.missing, "seconds": total.length_ns / 1e9}
            for kind, total in sorted(found.totals.items())
        },
        "gaps": [
            {
                "start": format_ns(gap.start_ns),
                "end": format_ns(gap.end_ns),
                "missing": gap.missing,
                "kind": gap.kind,
                "detail": gap.detail,
            }
            for gap in found.gaps[:limit]
        ],
        "complete": len(found.gaps) <= limit,
    }


def _lines(report: GapReport, limit: int, *, summary: bool) -> list[str]:
    if not report.series:
        return ["no series"]
    lines: list[str] = []
    for found in report.series:
        lines += [f"{found.address}  {_totals(found)}", f"  {found.calendar}: {found.because}"]
        if summary or not found.gaps:
            continue
        head = ("from", "to", "missing", "kind", "")
        cells = [
            (
                format_short(gap.start_ns),
                format_short(gap.end_ns),
                "-" if gap.missing is None else f"{gap.missing:,}",
                gap.kind,
                gap.detail,
            )
            for gap in found.gaps[:limit]
        ]
        lines += [f"  {line}" for line in table(head, cells, right=("missing",))]
        if len(found.gaps) > limit:
            lines.append(f"  … and {len(found.gaps) - limit:,} more: --limit")
    return lines


def _totals(found: SeriesGaps) -> str:
    words = [
        f"{kind} {plural(total.gaps, 'gap')}" + (f", {plural(total.missing, 'bar')}" if total.missing else "")
        for kind, total in sorted(found.totals.items())
    ]
    return " · ".join(words) or "no gap"
