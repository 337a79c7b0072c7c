"""`dl assets materialize`, `backfill` and `check`: make what is missing or stale, and check what is stored."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dl_datalake.commands._base import Session, command
from dl_datalake.commands._via import Via, carried_out
from dl_datalake.dates import parse_range
from dl_datalake.output import Step, clear, plural, table
from lake.errors import Exit

if TYPE_CHECKING:
    from collections.abc import Callable

    from pipelines.checking import CheckReport
    from pipelines.materialize import Failure, MaterializeReport, MaterializeRequest, Planned, Progress
    from pipelines.selection import Selection
    from schemas.graph import Registry

Text = str | None
_SHOWN = 40
_SAFE = "What was made is stored, whole partitions each; run it again to go on."


def register(app: typer.Typer) -> None:
    """Add the commands to the group."""
    command(app, "check")(check)
    command(app, "materialize")(materialize)
    command(app, "backfill")(backfill)


def materialize(
    session: Session,
    selection: Annotated[
        list[str], typer.Argument(metavar="SELECTION...", help="Such as bars/1h, bars/1m+, or an address@2024-03.")
    ],
    stale: Annotated[bool, typer.Option("--stale", help="Only what is stale.")] = False,
    missing: Annotated[bool, typer.Option("--missing", help="Only what is missing.")] = False,
    plan: Annotated[bool, typer.Option("--plan", help="Say what would be made and why; make nothing.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Make anew what is up to date, too.")] = False,
    jobs: Annotated[int, typer.Option(metavar="N", help="Upstream series worked on at a time.", min=1)] = 1,
    start: Annotated[Text, typer.Option(metavar="DATE", help="Only partitions that end after this.")] = None,
    end: Annotated[Text, typer.Option(metavar="DATE", help="Only partitions that begin before this.")] = None,
    via: Via = None,
) -> None:
    """Make what is missing or stale of some assets.

    Each after what it is made from. What fails is recorded and does not stop the others.
    """
    how = _How(stale or not missing, missing or not stale, plan, force, jobs, via)
    _make(session, "assets.materialize", selection, (start, end), how)


def backfill(
    session: Session,
    selection: Annotated[
        list[str], typer.Argument(metavar="SELECTION...", help="Such as bars/1h, bars/1m+, or an address.")
    ],
    start: Annotated[str, typer.Option(metavar="DATE", help="From the partition that this lies in.")],
    end: Annotated[str, typer.Option(metavar="DATE", help="Up to the partition before this.")],
    plan: Annotated[bool, typer.Option("--plan", help="Say what would be made and why; make nothing.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Make anew what is up to date, too.")] = False,
    jobs: Annotated[int, typer.Option(metavar="N", help="Upstream series worked on at a time.", min=1)] = 1,
    via: Via = None,
) -> None:
    """Make what is missing or stale between two dates.

    What is made is stored as it comes: a backfill that was stopped goes on where it was when it is run again.
    """
    how = _How(True, True, plan, force, jobs, via)
    _make(session, "assets.backfill", selection, (start, end), how)


def check(
    session: Session,
    selection: Annotated[
        list[str] | None,
        typer.Argument(metavar="[SELECTION]...", help="Such as bars/1h, tag:NAME, or an address@2024-03; else all."),
    ] = None,
) -> None:
    """Hold stored partitions to their schema and to their asset's own checks, and keep the outcome."""
    from pipelines import checking

    config = session.config()
    registry, chosen = _chosen(session, selection or [])
    reporter = session.out.reporter()

    def watch(done: int, total: int) -> None:
        _tell(reporter, done, total, f"checked {done:,} of {total:,} partitions")

    try:
        report = checking.check(config, registry, chosen, progress=watch)
    finally:
        clear(reporter)
    session.out.answer("assets.check", check_data(report), _check_lines(report))
    if report.findings:
        raise typer.Exit(Exit.FINDINGS)


def _tell(reporter: Callable[[Step], None] | None, done: int, total: int, text: str) -> None:
    if reporter is not None:
        reporter(Step(done, total, text, "partitions"))


def _chosen(session: Session, selection: list[str]) -> tuple[Registry, Selection]:
    from dl_datalake.states import choose

    with session.manifest() as manifest:
        registry = session.registry(manifest.config)
        return registry, choose(manifest, registry, selection)


@dataclass(frozen=True, slots=True)
class _How:
    """What the options say of the making."""

    stale: bool
    missing: bool
    plan_only: bool
    force: bool
    jobs: int
    via: Text


def _make(session: Session, name: str, selection: list[str], between: tuple[Text, Text], how: _How) -> None:
    from pipelines import materialize as engine

    config = session.config()
    start_ns, end_ns = parse_range(*between)
    registry, chosen = _chosen(session, selection)
    request = engine.MaterializeRequest(
        chosen,
        how.stale,
        how.missing,
        start_ns,
        end_ns,
        force=how.force,
        plan_only=how.plan_only,
        jobs=how.jobs,
    )
    session.safe = _SAFE
    reporter = session.out.reporter()

    def watch(at: Progress) -> None:
        _tell(reporter, at.done, at.total, str(at))

    def here() -> MaterializeReport:
        return engine.materialize(config, registry, request, progress=watch)

    try:
        report = carried_out(how.via, "materialize", config, request, here, progress=watch)
    finally:
        clear(reporter)
    session.out.done(name, report_data(report), _lines(report, request))
    if report.status == "failed":
        raise typer.Exit(_worst(report.failures))
    if report.status == "partial":
        raise typer.Exit(Exit.PARTIAL)


def _worst(failures: list[Failure]) -> int:
    """Return the exit status that the failures have in common; 1 when they have none."""
    found = {failure.exit for failure in failures}
    return found.pop() if len(found) == 1 else Exit.UNEXPECTED


def report_data(report: MaterializeReport) -> dict[str, Any]:
    """Return what a materialization did, as scripts read it."""
    return {
        "status": report.status,
        "planned": [_planned_data(planned) for planned in report.planned],
        "built": report.built,
        "unchanged": report.unchanged,
        "external": list(report.external),
        "failed": [_failure_data(failure) for failure in report.failures],
        "snapshot": report.snapshot,
    }


def _planned_data(planned: Planned) -> dict[str, Any]:
    return {
        "address": str(planned.address),
        "partition": planned.partition,
        "state": planned.state,
        "reasons": list(planned.reasons),
    }


def _failure_data(failure: Failure) -> dict[str, Any]:
    return {
        "address": str(failure.address),
        "partition": failure.partition,
        "code": failure.code,
        "message": failure.message,
        "where": failure.where,
    }


def _lines(report: MaterializeReport, request: MaterializeRequest) -> list[str]:
    why = "its rows are computed elsewhere and written: run what writes them"
    return [*(f"left out {key}: {why}" for key in report.external), *_told(report, request)]


def _told(report: MaterializeReport, request: MaterializeRequest) -> list[str]:
    if not report.planned:
        what = "stale" if not request.missing else "missing" if not request.stale else "missing or stale"
        return [f"nothing to do: nothing selected is {what} · snapshot {report.snapshot}"]
    lines: list[str] = []
    if report.status == "planned":
        shown = report.planned[:_SHOWN]
        cells = [(p.address, p.partition, p.state, "; ".join(p.reasons) or "-") for p in shown]
        lines += table(("series", "partition", "state", "why"), cells)
        if len(report.planned) > len(shown):
            lines.append(f"… and {plural(len(report.planned) - len(shown), 'partition')} more")
        return [*lines, f"would make {plural(len(report.planned), 'partition')}; nothing written: --plan"]
    for failure in report.failures[:_SHOWN]:
        lines.append(f"failed {failure.address}@{failure.partition}: {failure.code}: {failure.message}")
        if failure.where:
            lines.append(f"  --> {failure.where}")
    more = len(report.failures) - _SHOWN
    if more > 0:
        lines.append(f"… and {plural(more, 'partition')} more")
    told = [plural(len(report.planned), "partition"), f"built {report.built:,}", f"as stored {report.unchanged:,}"]
    told += [f"failed {len(report.failures):,}"] if report.failures else []
    return [*lines, f"{' · '.join(told)} · snapshot {report.snapshot}"]


def check_data(report: CheckReport) -> dict[str, Any]:
    """Return what checks found, as scripts read it."""
    return {
        "clean": not report.findings,
        "series": report.series,
        "partitions": report.partitions,
        "rows": report.rows,
        "passed": report.passed,
        "findings": [
            {
                "address": str(finding.address),
                "partition": finding.partition,
                "check": finding.check,
                "blocking": finding.blocking,
                "detail": finding.detail,
            }
            for finding in report.findings
        ],
        "snapshot": report.snapshot,
    }


def _check_lines(report: CheckReport) -> list[str]:
    shown = report.findings[:_SHOWN]
    cells = [(f.address, f.partition, f.check, "yes" if f.blocking else "no", f.detail) for f in shown]
    lines = table(("series", "partition", "check", "blocks", "found"), cells) if cells else []
    if len(report.findings) > len(shown):
        lines.append(f"… and {len(report.findings) - len(shown):,} more")
    told = (
        f"{plural(report.partitions, 'partition')} of {plural(report.series, 'series')}, {plural(report.rows, 'row')}"
    )
    return [*lines, f"{told}: {report.passed:,} checks passed, {len(report.findings):,} failed"]
