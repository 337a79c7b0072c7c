"""`dl quality`: what looks like a mistake in stored rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from dl_datalake.commands._base import Session, command
from dl_datalake.dates import format_ns, format_short, parse_as_of, parse_range
from dl_datalake.output import Step, clear, plural, table
from lake.errors import Exit

if TYPE_CHECKING:
    from collections.abc import Callable

    from lake.quality import Progress, QualityReport, SeriesQuality

Text = str | None
_SHOWN = 40
JSON_FINDINGS = 1_000


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    command(app, "quality")(quality)


def quality(
    session: Session,
    series: Annotated[
        list[str] | None,
        typer.Argument(metavar="[ADDRESS...]", help="Addresses or patterns, such as BINANCE/*/*/bars/1m; else all."),
    ] = None,
    start: Annotated[Text, typer.Option(metavar="DATE", help="From here; else from the first row.")] = None,
    end: Annotated[Text, typer.Option(metavar="DATE", help="Up to here; else up to the last row.")] = None,
    rule: Annotated[
        list[str] | None,
        typer.Option("--rule", metavar="RULE", help="Only by this rule, such as price_jump; again for more."),
    ] = None,
    as_of: Annotated[Text, typer.Option(metavar="N|NAME|TIME", help="The lake as of a snapshot or a time.")] = None,
    summary: Annotated[bool, typer.Option("--summary", help="Only the totals of each series.")] = False,
    limit: Annotated[
        int | None, typer.Option(metavar="N", help="List at most so many findings: 40, or 1,000 with --json.", min=0)
    ] = None,
    no_record: Annotated[
        bool, typer.Option("--no-record", help="Keep no check results: the lake is only read.")
    ] = False,
    fail: Annotated[bool, typer.Option("--fail", help="Exit 4 where there is an error or a warning.")] = False,
) -> None:
    """Say what looks like a mistake in stored rows, and keep it as check results.

    No row is changed. Exit 0 whether or not there are findings, unless --fail is given.
    """
    from dl_datalake.quality_client import find_mistakes
    from lake.quality import QualityRequest, rules_of

    shown = 0 if summary else (JSON_FINDINGS if session.out.json else _SHOWN) if limit is None else limit
    request = QualityRequest(*parse_range(start, end), rules_of(rule), not no_record, shown)
    at = None if as_of is None else parse_as_of(as_of)
    with session.manifest() as manifest:
        reporter = session.out.reporter()
        try:
            report = find_mistakes(manifest, tuple(series or ()), request, at, _watch(reporter))
        finally:
            clear(reporter)
    session.out.answer("quality", report_data(report, shown), _lines(report, shown, summary=summary))
    if fail and report.failing:
        raise typer.Exit(Exit.FINDINGS)


def _watch(reporter: Callable[[Step], None] | None) -> Callable[[Progress], None]:
    def tell(at: Progress) -> None:
        if reporter is not None:
            reporter(Step(at.done, at.total, f"looked through {at.address}", "rows"))

    return tell


def report_data(report: QualityReport, limit: int) -> dict[str, Any]:
    """Return what was found, as scripts read it: of each series at most `limit` findings."""
    return {
        "snapshot": report.snapshot,
        "recorded": report.recorded,
        "failing": report.failing,
        "series": [_series_data(each, limit) for each in report.series],
    }


def _series_data(found: SeriesQuality, limit: int) -> dict[str, Any]:
    from lake.quality import BY_NAME

    return {
        "address": str(found.address),
        "rows": found.rows,
        "failing": found.failing,
        "failing_partitions": found.partitions,
        "rules": [
            {
                "rule": rule,
                "severity": BY_NAME[rule].severity,
                "threshold": threshold,
                "findings": found.totals[rule].findings if rule in found.totals else 0,
                "rows": found.totals[rule].rows if rule in found.totals else 0,
            }
            for rule, threshold in found.thresholds.items()
        ],
        "findings": [
            {
                "rule": each.rule,
                "severity": each.severity,
                "first": format_ns(each.first_ns),
                "last": format_ns(each.last_ns),
                "rows": each.rows,
                "detail": each.detail,
            }
            for each in found.findings[:limit]
        ],
        "complete": sum(total.findings for total in found.totals.values()) <= min(limit, len(found.findings)),
    }


def _lines(report: QualityReport, limit: int, *, summary: bool) -> list[str]:
    from lake.quality import BY_NAME, RULES

    if not report.series:
        return ["no series"]
    lines: list[str] = []
    for found in report.series:
        lines.append(f"{found.address}  {_totals(found)}")
        if not any(rule.of and rule.applies(found.address) for rule in RULES):
            lines.append("  its rows are not looked at: rules on rows are of bars, trades and quotes")
        if summary or not found.findings:
            continue
        head = ("first", "last", "rows", "rule", "")
        cells = [
            (
                format_short(each.first_ns),
                format_short(each.last_ns),
                f"{each.rows:,}",
                f"{each.severity} {each.rule}",
                each.detail,
            )
            for each in found.findings[:limit]
        ]
        lines += [f"  {line}" for line in table(head, cells, right=("rows",))]
        more = sum(total.findings for total in found.totals.values()) - len(cells)
        if more:
            lines.append(f"  … and {more:,} more: --limit, --rule")
        lines += [f"  {rule}: {BY_NAME[rule].meaning}" for rule in sorted(found.totals)]
    if report.recorded is not None:
        lines.append(f"kept as check results: snapshot {report.recorded}")
    return lines


def _totals(found: SeriesQuality) -> str:
    words = [f"{rule} {total.findings:,}" for rule, total in sorted(found.totals.items())]
    return f"{plural(found.rows, 'row')}: {', '.join(words) or 'no finding'}"
