"""`dl expire` and `dl vacuum`: forget old snapshots, and give back the bytes that nobody can reach any more."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dl_datalake.commands._asking import Yes, confirm
from dl_datalake.commands._base import Session, command
from dl_datalake.output import Step, clear, plural, size

if TYPE_CHECKING:
    from lake.expire import ExpireReport
    from lake.vacuum import Progress, VacuumReport, Weight

Text = str | None
Message = Annotated[str, typer.Option("--message", "-m", metavar="TEXT", help="Why, for the history.")]
Force = Annotated[bool, typer.Option("--force", help="Take less than an hour: when nobody reads.")]


def register(app: typer.Typer) -> None:
    """Add the commands to the program."""
    command(app, "expire")(expire)
    command(app, "vacuum")(vacuum)


def expire(
    session: Session,
    older_than: Annotated[
        Text, typer.Option(metavar="AGE", help="Forget what was the newest so long ago or longer: 90d, 36h.")
    ] = None,
    keep_last: Annotated[int | None, typer.Option(metavar="N", help="Keep the newest so many.", min=1)] = None,
    message: Message = "",
    force: Force = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be forgotten; forget nothing.")] = False,
    yes: Yes = False,
) -> None:
    """Forget old snapshots: they can be read no more.

    Those with names stay, and what the lake holds now stays as it is. With both options a snapshot is forgotten when
    neither keeps it. No file goes before dl vacuum.
    """
    from lake.amounts import duration_ns
    from lake.expire import ExpireRequest
    from lake.expire import expire as engine

    age = None if older_than is None else duration_ns(older_than) / 10**9
    request = ExpireRequest(age, keep_last, message, force, dry_run=True)
    config = session.config()
    report = engine(config, request)
    if report.spans and not dry_run:
        confirm(session, f"{plural(report.expired, 'snapshot')} could be read no more, for good", yes=yes)
    if not dry_run:
        session.safe = "The snapshots are forgotten all together or not at all."
        report = engine(config, replace(request, dry_run=False))
    session.out.done("expire", _expired(report), _expiry_lines(report))


def _expired(report: ExpireReport) -> dict[str, Any]:
    return {
        "status": report.status,
        "before": report.before,
        "snapshot": report.snapshot,
        "run": report.run,
        "expired": report.expired,
        "spans": [list(span) for span in report.spans],
        "kept": report.kept,
        "named": report.named,
        "young": report.young,
        "oldest": report.oldest,
    }


def _expiry_lines(report: ExpireReport) -> list[str]:
    lines = []
    if report.young:
        lines.append(f"{plural(report.young, 'snapshot')} stay for now: they were the newest less than an hour ago")
    if not report.spans:
        return [*lines, f"nothing to forget · snapshot {report.snapshot}"]
    spans = [str(first) if first == last else f"{first} to {last}" for first, last in report.spans[:8]]
    more = ", …" if len(report.spans) > len(spans) else ""
    kept = f"kept {report.kept:,}, the oldest is {report.oldest}"
    kept += f"; {report.named:,} for their names" if report.named else ""
    told = f"{plural(report.expired, 'snapshot')} ({', '.join(spans)}{more})"
    if report.status == "dry_run":
        return [*lines, kept, f"would forget {told}; nothing forgotten: --dry-run"]
    lines += [kept, f"forgot {told} · snapshot {report.snapshot} · run {report.run}"]
    return [*lines, "dl vacuum gives back what only they needed, once the grace is over"]


def vacuum(
    session: Session,
    grace: Annotated[str, typer.Option(metavar="TIME", help="How long files stay after nobody can reach them.")] = "1h",
    force: Force = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would go; remove nothing.")] = False,
    yes: Yes = False,
) -> None:
    """Give back the bytes that nobody can reach.

    Replaced files go when all snapshots that had them were forgotten by dl expire, and files the manifest does not
    name, such as a killed run leaves. What somebody reads stays, and so does what is younger than the grace.
    """
    from lake.amounts import duration_ns
    from lake.vacuum import VacuumRequest
    from lake.vacuum import vacuum as engine

    request = VacuumRequest(duration_ns(grace) / 10**9, force, dry_run=True)
    config = session.config()
    report = engine(config, request)
    going = report.reclaimed.files + report.orphans.files
    if going and not dry_run:
        what = size(report.reclaimed.bytes + report.orphans.bytes)
        confirm(session, f"{plural(going, 'file')}, {what}, would go for good", yes=yes)
    if not dry_run:
        reporter = session.out.reporter()
        session.safe = "No file that any snapshot needs went. Run it again to go on."

        def tell(at: Progress) -> None:
            if reporter is not None:
                text = "comparing the manifest with its log" if at.phase == "check" else "removing files"
                reporter(Step(at.done, at.total, text))

        try:
            report = engine(config, replace(request, dry_run=False), tell)
        finally:
            clear(reporter)
    session.out.done("vacuum", _vacuumed(report), _vacuum_lines(report, grace))


def _weight(weight: Weight) -> dict[str, int]:
    return {"files": weight.files, "bytes": weight.bytes}


def _vacuumed(report: VacuumReport) -> dict[str, Any]:
    return {
        "status": report.status,
        "before": report.before,
        "snapshot": report.snapshot,
        "run": report.run,
        "reclaimed": _weight(report.reclaimed),
        "orphans": _weight(report.orphans),
        "left": {
            "needed": _weight(report.needed),
            "young": _weight(report.young),
            "leased": _weight(report.leased),
            "busy": _weight(report.busy),
        },
        "unavailable": report.unavailable,
    }


def _vacuum_lines(report: VacuumReport, grace: str) -> list[str]:
    reasons = (
        (report.needed, "replaced, stay: snapshots need them (dl expire)"),
        (report.young, f"wait for their grace of {grace}"),
        (report.leased, "stay: somebody reads a snapshot that had them"),
        (report.busy, "stay: a run is under way, or was just cut short, and they may be its own"),
    )
    lines = [
        f"{plural(weight.files, 'file')}, {size(weight.bytes)}, {reason}" for weight, reason in reasons if weight.files
    ]
    lines += [f"tier {name} is not there: what lies in it waits" for name in report.unavailable]
    gone = report.reclaimed.files + report.orphans.files
    if not gone:
        return [*lines, f"nothing to give back · snapshot {report.snapshot}"]
    what = f"{plural(gone, 'file')}, {size(report.reclaimed.bytes + report.orphans.bytes)}"
    if report.orphans.files:
        what += f" ({report.orphans.files:,} of them of no snapshot)"
    if report.status == "dry_run":
        return [*lines, f"would give back {what}; nothing removed: --dry-run"]
    return [*lines, f"gave back {what} · snapshot {report.snapshot} · run {report.run}"]
