"""`dl repair`: make again what is lost or damaged, from the log, from another place or from the vendor's files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from dl_datalake.commands._base import Session, command
from dl_datalake.output import Step, clear, plural, size
from lake.errors import Exit, LakeError

if TYPE_CHECKING:
    from lake.repair import Progress, RepairReport, Way

_SHOWN = 20
_WAYS = ("log", "manifest", "cold", "source")
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
    content that was stored. Nothing is removed: what is damaged is kept aside. Exit 4 when something stays broken.
    """
    from lake.repair import RepairRequest
    from lake.repair import repair as engine

    if way not in _WAYS:
        why = "A repair is from the log, the manifest, another place (cold), or from what was ingested (source)."
        fix = [f"--from {each}" for each in _WAYS]
        raise LakeError("USAGE", f"--from {way} is none of {', '.join(_WAYS)}", why=why, fix=fix)
    config = session.config(must_exist=way != "log")
    session.safe = "Nothing is lost by it. Run it again to go on."
    reporter = session.out.reporter()

    def tell(at: Progress) -> None:
        if reporter is not None:
            reporter(Step(at.done, at.total, f"{at.doing}: {at.done:,}" + (f" of {at.total:,}" if at.total else "")))

    try:
        report = engine(config, RepairRequest(cast("Way", way), tuple(selection or ()), plan), tell)
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
        f"{words[step.action]:<10}{step.what}" + (f": {step.detail}" if step.detail else "") for step in report.steps
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
        return f"would repair {what or 'nothing'}{left}; nothing was changed: --plan"
    if report.status == "unchanged":
        return f"nothing repaired{left}" if report.broken else "nothing to repair"
    return f"repaired {what}{left} · snapshot {report.snapshot}"
