"""`dl quarantine`: the rows that were rejected, with reason, source, line and raw text."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from dl_datalake.commands._base import Session, command, group
from dl_datalake.dates import format_ns, format_short
from dl_datalake.output import plural, table

_LIMIT = 50
_RAW_WIDTH = 100


def register(app: typer.Typer) -> None:
    """Add the group's commands to the program."""
    part = group("Look at rejected rows.")
    command(part, "list")(list_)
    command(part, "show")(show)
    app.add_typer(part, name="quarantine")


def list_(session: Session) -> None:
    """List the runs that rejected rows."""
    with session.manifest() as manifest:
        runs = manifest.quarantine_runs()
    data = [
        {
            "run": run.run_id,
            "snapshot": run.snapshot,
            "at": format_ns(run.at_ns),
            "source": run.source,
            "sha256": f"sha256:{run.sha256}" if run.sha256 else None,
            "rows": run.rows,
            "reasons": run.reasons,
        }
        for run in runs
    ]
    head = ("run", "at", "rows", "reasons", "source")
    cells = [
        (run.run_id, format_short(run.at_ns)[:19], f"{run.rows:,}", _reasons(run.reasons), run.source or "-")
        for run in runs
    ]
    session.out.answer("quarantine.list", data, table(head, cells, right=("rows",)) if runs else [])
    if not runs:
        session.out.note(["no row was ever rejected"])


def show(
    session: Session,
    run: Annotated[str, typer.Argument(metavar="RUN", help="A run, as `dl quarantine list` names it.")],
    limit: Annotated[int, typer.Option(metavar="N", help="The first so many rows.", min=1)] = _LIMIT,
) -> None:
    """Show the rows one run rejected."""
    with session.manifest() as manifest:
        rows: list[Any] = list(manifest.quarantine_rows(run, limit))
        total = sum(each.rows for each in manifest.quarantine_runs() if each.run_id == run)
    data = {
        "run": run,
        "rows": total,
        "sample": [
            {"source": row.source, "line": row.line, "reason": row.reason, "detail": row.detail, "raw": row.raw}
            for row in rows
        ],
    }
    cells = [(row.line, row.reason, row.detail, row.raw[:_RAW_WIDTH]) for row in rows]
    session.out.answer("quarantine.show", data, table(("line", "reason", "detail", "raw"), cells, right=("line",)))
    if total > len(rows):
        session.out.note([f"{plural(total - len(rows), 'row')} more: --limit {total}"])


def _reasons(reasons: dict[str, int]) -> str:
    return ", ".join(f"{name}: {count:,}" for name, count in reasons.items())
