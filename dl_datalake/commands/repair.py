"""`dl repair`: make again what is lost or damaged, from the log, from another place or from the vendor's files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from dl_datalake.commands._base import Session, command
from dl_datalake.output import Step, clear, plural, size
from lake.errors import Exit

if TYPE_CHECKING:
    from lake.repair import Progress, RepairReport, Way

_SHOWN = 20
_DONE = {
    "rebuilt": "rebuilt",
    "restored": "restored",
    "made_again": "made again",
    "set_aside": "set aside",
    "kept": "kept",
    "left_out": "left out",
}
_PLANNED = {**_DONE, "rebuilt": "rebuild", "restored": "restore", "made_again": "make again"}


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    command(app, "repair")(repair)


def repair(
    session: Session,
    way: Annotated[
        str,
        typer.Option(
            "--from",
            metavar="log|manifest|cold|source",
            help="The manifest from its log, or with that gone from the files; the log from the manifest; files from"
            " other places; files from what was ingested.",
        ),
    ],
    selection: Annotated[
        list[str] | None, typer.Argument(metavar="[SELECTION]...", help="Addresses or patterns; else every series.")
    ] = None,
    plan: Annotated[bool, typer.Option("--plan", help="Show what would be done; change nothing.")] = False,
) -> None:
    """Make again what is lost or damaged.

    Only from what proves itself: every snapshot of the log by its hash, every file by its own, every ingest by the
    content that was stored. Nothing is removed: what is damaged is kept aside. Exit 4 when something stays broken, with
    --plan when that is known before.
    """
    from lake.repair import RepairRequest
    from lake.repair import repair as engine

    request = RepairRequest(cast("Way", way), tuple(selection or ()), plan)
    config = session.config(must_exist=way != "log")
    session.safe = "Nothing is lost by it. Run it again to go on."
    reporter = session.out.reporter()

    def tell(at: Progress) -> None:
        if reporter is not None:
            reporter(Step(at.done, at.total, f"{at.doing}: {at.done:,}" + (f" of {at.total:,}" if at.total else "")))

    try:
        report = engine(config, request, tell)
    finally:
        clear(reporter)
    session.out.done("repair", _data(report), _lines(report))
    session.out.note(f"note      {text}" for text in report.notes)
    if not report.ok:
        raise typer.Exit(Exit.FINDINGS)


def _data(report: RepairReport) -> dict[str, Any]:
    return {
        "from": report.way,
        "status": report.status,
        "snapshot": report.snapshot,
        "run": report.run,
        "snapshots": report.snapshots,
        "files": report.files,
        "bytes": report.bytes,
        "steps": [{"action": step.action, "what": step.what, "detail": step.detail} for step in report.steps],
        "broken": [{"what": each.what, "why": each.why} for each in report.broken],
        "notes": report.notes,
    }


def _lines(report: RepairReport) -> list[str]:
    words = _PLANNED if report.status == "plan" else _DONE
    told = [
        f"{words[step.action]:<9} {step.what}" + (f": {step.detail}" if step.detail else "") for step in report.steps
    ]
    lines = told[:_SHOWN]
    if len(told) > _SHOWN:
        lines.append(f"… and {len(told) - _SHOWN:,} more; --json tells all")
    broken = [f"broken    {each.what}: {each.why}" for each in report.broken]
    return [*lines, *broken, _summary(report)]


def _summary(report: RepairReport) -> str:
    counts = []
    if report.snapshots:
        counts.append(plural(report.snapshots, "snapshot"))
    if report.files:
        counts.append(f"{plural(report.files, 'file')}, {size(report.bytes)}")
    what = " · ".join(counts)
    left = f" · {len(report.broken):,} broken still" if report.broken else ""
    if report.status == "plan":
        would = "would try to make again" if report.way == "source" and report.files else "would repair"
        return f"{would} {what or 'nothing'}{left}; nothing was changed: --plan"
    if report.status == "unchanged":
        return f"nothing repaired{left}" if report.broken else "nothing to repair"
    aside = f"{plural(sum(step.action == 'set_aside' for step in report.steps), 'copy', 'copies')} set aside"
    return f"repaired {what or aside}{left} · snapshot {report.snapshot}"
