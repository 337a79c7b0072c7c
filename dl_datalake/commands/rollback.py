"""`dl rollback`: have series hold again what they held at an earlier snapshot, as a new one."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from dl_datalake.commands._asking import Yes, confirm
from dl_datalake.commands._base import Session, command
from dl_datalake.dates import parse_as_of
from dl_datalake.output import Step, clear, plural, table

if TYPE_CHECKING:
    from lake.rollback import RollbackReport
    from schemas.keys import Address


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    command(app, "rollback")(rollback)


def rollback(
    session: Session,
    selection: Annotated[
        list[str], typer.Argument(metavar="SELECTION...", help="Addresses or patterns, such as BINANCE/*/*/bars/1m.")
    ],
    to: Annotated[str, typer.Option(metavar="N|NAME|TIME", help="The snapshot to go back to.")],
    message: Annotated[str, typer.Option("--message", "-m", metavar="TEXT", help="Why, for the history.")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would change; change nothing.")] = False,
    yes: Yes = False,
) -> None:
    """Go back to what series held at a snapshot.

    That makes a new snapshot and forgets none, so it can be undone in the same way.
    """
    from lake.rollback import RollbackRequest
    from lake.rollback import rollback as engine

    config = session.config()
    checks = session.registry(config).checks
    session.safe = "A series is rolled back whole or not at all. Run it again to go on."
    request = RollbackRequest(tuple(selection), parse_as_of(to), message, dry_run=True)
    report = engine(config, request, checks=checks)
    changed = sum(series.restored + series.removed for series in report.series)
    if changed and not dry_run:
        where = f"what snapshot {report.to} held"
        confirm(session, f"{plural(changed, 'partition')} would go back to {where}", yes=yes)
    if not dry_run:
        reporter = session.out.reporter()

        def tell(done: int, total: int, address: Address) -> None:
            if reporter is not None:
                reporter(Step(done, total, f"rolled back {address}"))

        try:
            report = engine(config, replace(request, dry_run=False), tell, checks=checks)
        finally:
            clear(reporter)
    session.out.done("rollback", _data(report), _lines(report))


def _data(report: RollbackReport) -> dict[str, object]:
    return {
        "status": report.status,
        "to": report.to,
        "before": report.before,
        "snapshot": report.snapshot,
        "run": report.run,
        "series": [
            {
                "address": str(series.address),
                "restored": series.restored,
                "removed": series.removed,
                "kept": series.kept,
                "rows": series.rows,
            }
            for series in report.series
        ],
    }


def _lines(report: RollbackReport) -> list[str]:
    head = ("series", "restored", "removed", "kept", "rows restored")
    cells = [(s.address, f"{s.restored:,}", f"{s.removed:,}", f"{s.kept:,}", f"{s.rows:,}") for s in report.series]
    lines = table(head, cells, right=head[1:])
    if report.status == "dry_run":
        return [*lines, f"would go back to snapshot {report.to}; nothing changed: --dry-run"]
    if report.status == "unchanged":
        return [*lines, f"nothing to change: all is as at snapshot {report.to}"]
    return [
        *lines,
        f"as at snapshot {report.to} · snapshot {report.snapshot} · run {report.run}",
        f"to undo it, go back to snapshot {report.before} in the same way",
    ]
