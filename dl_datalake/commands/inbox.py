"""`dl inbox`: take in what was dropped into a folder, once, in this process."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dl_datalake.commands._base import Session, command
from dl_datalake.commands._via import Via, carried_out
from dl_datalake.commands.formats import table_of
from dl_datalake.commands.ingest import file_data
from dl_datalake.output import error_data, error_lines, plural
from lake.errors import Exit

if TYPE_CHECKING:
    from lake.ingest import IngestReport, IngestRequest
    from pipelines.inbox import InboxReport


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    command(app, "inbox")(inbox)


def inbox(
    session: Session,
    folder: Annotated[
        Path | None,
        typer.Argument(metavar="[FOLDER]", help="The folder; else [inbox] of dl.toml, else inbox in the lake's."),
    ] = None,
    exchange: Annotated[
        str | None, typer.Option(metavar="NAME", help="Exchange of files that lie in no folder of one.")
    ] = None,
    settle: Annotated[
        float | None, typer.Option(metavar="SECONDS", help="How long a file must have been left alone; 10.", min=0)
    ] = None,
    via: Via = None,
) -> None:
    """Take in the files that were dropped into a folder.

    Each is moved to done/ in it, or to refused/ with the reason beside it. Files in folders EXCHANGE/MARKET/SYMBOL
    below it belong there.
    """
    from lake.ingest import IngestRequest
    from lake.ingest import ingest as take_in
    from pipelines import inbox as inboxes

    config = session.config()
    table_of(session)
    chosen = inboxes.settings(config, folder=folder, settle_s=settle)
    request = IngestRequest(sources=(), exchange=exchange)
    session.safe = "Every file that was finished is safely in the lake, and the others still in the inbox."

    def here() -> InboxReport:
        checks = session.registry(config).checks

        def one(request: IngestRequest) -> IngestReport:
            return take_in(config, request, checks=checks)

        return inboxes.empty(config, chosen, request, one)

    where: dict[str, Any] = {"inbox": str(chosen.folder), "settle_s": chosen.settle_s}
    report = carried_out(via, "inbox", config, request, here, **where)
    session.out.done("inbox", report_data(report), _lines(report))
    for each in report.refused + report.left:
        session.out.note(error_lines(each.error))
    if report.refused or report.left or any(item.report.rows["quarantined"] for item in report.taken):
        raise typer.Exit(Exit.PARTIAL)


def report_data(report: InboxReport) -> dict[str, Any]:
    """Return what became of the inbox, as scripts read it."""
    return {
        "folder": report.folder,
        "taken": [{"name": t.source, "moved_to": t.moved_to, "file": file_data(t.report)} for t in report.taken],
        "refused": [{"name": r.source, "moved_to": r.moved_to, "error": error_data(r.error)} for r in report.refused],
        "left": [{"name": r.source, "error": error_data(r.error)} for r in report.left],
        "waiting": report.waiting,
    }


def _lines(report: InboxReport) -> list[str]:
    lines = [f"{report.folder}: {plural(len(report.taken), 'file')} taken"]
    for item in report.taken:
        new = "already in the lake" if item.report.status == "unchanged" else f"{item.report.rows['new']:,} new rows"
        moved = f"moved to {item.moved_to}" if item.moved_to else "changed meanwhile, so not moved"
        lines.append(f"  {item.source} → {', '.join(item.report.addresses)}: {new}; {moved}")
    lines += [f"  {item.source}: refused, {item.error.code}; moved to {item.moved_to}" for item in report.refused]
    lines += [f"  {item.source}: not this time, {item.error.code}; left where it is" for item in report.left]
    lines += [f"  {name}: may still be written to; left for the next time" for name in report.waiting]
    return lines
