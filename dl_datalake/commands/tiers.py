"""`dl offload`, `dl restore` and `dl tiers`: where files lie, and moving them there and back."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dl_datalake.commands._base import Session, command
from dl_datalake.commands._via import Via, carried_out
from dl_datalake.dates import format_ns, format_short, parse_range
from dl_datalake.output import Step, clear, plural, size, table
from lake.amounts import duration_ns
from lake.errors import Exit, LakeError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from lake.config import Config
    from lake.offload import Finding, MoveReport, Progress

_SERIES_SHOWN = 40
_GRACE_NS = 3600 * 10**9
_REASONS = {"changed": "were corrected meanwhile", "damaged": "are not as they were stored"}
Text = str | None
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be moved; move nothing.")]


def register(app: typer.Typer) -> None:
    """Add the commands to the program."""
    command(app, "offload")(offload)
    command(app, "restore")(restore)
    command(app, "tiers")(tiers)


def offload(
    session: Session,
    selection: Annotated[
        list[str] | None,
        typer.Argument(metavar="[SELECTION]...", help="Addresses or patterns, such as BINANCE/*/*/bars/1m; else all."),
    ] = None,
    to: Annotated[
        Text, typer.Option(metavar="TIER|PATH", help="A tier of dl.toml, or a folder; else the only tier there is.")
    ] = None,
    name: Annotated[Text, typer.Option(metavar="NAME", help="What to call a folder's tier; else after it.")] = None,
    older_than: Annotated[
        str, typer.Option(metavar="AGE", help="Only partitions that ended so long ago: 365d, 0d.")
    ] = "365d",
    grace: Annotated[str, typer.Option(metavar="TIME", help="How long hot copies stay.")] = "1h",
    force: Annotated[bool, typer.Option("--force", help="Take a grace under an hour: when nobody reads.")] = False,
    dry_run: DryRun = False,
    via: Via = None,
) -> None:
    """Move old partitions to another tier.

    A file moves when its copy, read back, is what was stored; its hot copy goes with the first offload after the
    grace, once the copy was checked again.
    """
    from lake.offload import OffloadRequest
    from lake.offload import offload as move

    request = OffloadRequest(
        selection=tuple(selection or ()),
        to=to,
        name=name,
        older_than_ns=duration_ns(older_than),
        grace_s=duration_ns(grace) / 10**9,
        force=force,
        dry_run=dry_run,
    )
    config = session.config()
    reporter = session.out.reporter()
    try:
        watch = _Watch(session, reporter)
        report = carried_out(via, "offload", config, request, lambda: move(config, request, watch), progress=watch)
    finally:
        clear(reporter)
    _answer(session, "offload", report, grace)


def restore(
    session: Session,
    selection: Annotated[
        list[str], typer.Argument(metavar="SELECTION...", help="Addresses or patterns, such as BINANCE/*/*/bars/1m.")
    ],
    start: Annotated[Text, typer.Option(metavar="DATE", help="From here on: 2024-03, 2024-03-05, -7d.")] = None,
    end: Annotated[Text, typer.Option(metavar="DATE", help="Up to here, which is not part of it.")] = None,
    dry_run: DryRun = False,
    via: Via = None,
) -> None:
    """Bring partitions back to the data folder.

    Each file is checked on the way; the tier keeps its copy, so that offloading it again copies nothing.
    """
    from lake.offload import RestoreRequest
    from lake.offload import restore as fetch

    start_ns, end_ns = parse_range(start, end)
    config = session.config()
    reporter = session.out.reporter()
    try:
        request = RestoreRequest(tuple(selection), start_ns, end_ns, dry_run)
        watch = _Watch(session, reporter)
        report = carried_out(via, "restore", config, request, lambda: fetch(config, request, watch), progress=watch)
    finally:
        clear(reporter)
    _answer(session, "restore", report)


def tiers(session: Session) -> None:
    """List the tiers: where they are, what lies in each, and what waits to be removed from the data folder."""
    from lake.config import HOT
    from lake.manifest.tiers import held, waiting
    from lake.tiers import known

    config = session.config()
    with session.manifest() as manifest:
        holds, waits, every = held(manifest), waiting(manifest), known(config, manifest)
    rows: list[dict[str, Any]] = [_row(HOT, "data folder", str(config.data), _problem_of_hot(config))]
    for each in every.values():
        try:
            each.check()
        except LakeError as error:
            used = each.name in holds or error.code != "E_TIER_UNAVAILABLE"
            rows.append(_row(each.name, each.kind, each.location, error.message if used else "not used yet"))
        else:
            rows.append(_row(each.name, each.kind, each.location, None))
    for row in rows:
        held_now, left = holds.get(row["name"]), waits.get(row["name"])
        if held_now is not None:
            row |= {"files": held_now.files, "bytes": held_now.bytes}
        if left is not None:
            due = format_ns(left.moved_ns + _GRACE_NS)
            row["hot_copies"] = {"files": left.files, "bytes": left.bytes, "due": due}
    session.out.answer("tiers", rows, _tier_lines(rows))


def _problem_of_hot(config: Config) -> str | None:
    return None if config.data.is_dir() else "the folder is not there"


def _row(name: str, kind: str, location: str, problem: str | None) -> dict[str, Any]:
    return {
        "name": name,
        "kind": kind,
        "location": location,
        "reachable": problem is None,
        "problem": problem,
        "files": 0,
        "bytes": 0,
        "hot_copies": None,
    }


def _tier_lines(rows: Sequence[dict[str, Any]]) -> list[str]:
    head = ("tier", "kind", "where", "files", "size", "reachable")
    cells = [
        (row["name"], row["kind"], row["location"], f"{row['files']:,}", size(row["bytes"]), row["problem"] or "yes")
        for row in rows
    ]
    lines = table(head, cells, right=("files", "size"))
    for row in rows:
        if row["hot_copies"] is not None:
            left = row["hot_copies"]
            until = left["due"][:16].replace("T", " ")
            lines.append(
                f"{plural(left['files'], 'file')} of {row['name']}, {size(left['bytes'])}, still in the data folder: "
                f"the first dl offload after {until} UTC removes them there"
            )
    return lines


class _Watch:
    """Follows the engine's progress: draws it, and knows what to tell a user who stops it."""

    def __init__(self, session: Session, reporter: Callable[[Step], None] | None) -> None:
        self._session, self._reporter = session, reporter
        session.safe = "No file was lost: one is moved when its copy was checked, or lies where it did."

    def __call__(self, at: Progress) -> None:
        if at.phase == "copy":
            told = f"{plural(at.done, 'file')} of {at.total:,} moved; the others lie where they did"
        else:
            told = "every file was moved; some hot copies are there still"
        self._session.safe = f"{told[:1].upper()}{told[1:]}. Run it again to go on."
        if self._reporter is not None:
            done = "moved" if at.phase == "copy" else "checked once more"
            text = f"{done} {at.done:,} of {at.total:,} files {at.address}".rstrip()
            self._reporter(Step(at.bytes_done, at.bytes_total, text, "bytes"))


def _answer(session: Session, verb: str, report: MoveReport, grace: str = "") -> None:
    session.out.done(verb, _data(verb, report), _lines(verb, report, grace))
    session.out.note(_found(each) for each in report.findings)
    if report.findings:
        raise typer.Exit(Exit.FINDINGS)


def _found(finding: Finding) -> str:
    place = finding.path if finding.tier == "hot" else f"{finding.tier}:{finding.path}".rstrip(":")
    return f"found     {place}: {finding.found}; {finding.done}"


def _data(verb: str, report: MoveReport) -> dict[str, Any]:
    data: dict[str, Any] = {
        "status": report.status,
        "snapshot": report.snapshot,
        "run": report.run,
        "files": report.files,
        "bytes": report.bytes,
        "already_there": report.reused,
        "series": [
            {
                "address": str(series.address),
                "files": series.files,
                "bytes": series.bytes,
                "first": series.first,
                "last": series.last,
            }
            for series in report.series
        ],
        "left": dict(report.left),
        "findings": [
            {"path": each.path, "tier": each.tier, "found": each.found, "done": each.done} for each in report.findings
        ],
    }
    if verb == "offload":
        data |= {
            "tier": report.tier,
            "location": report.location,
            "elsewhere": dict(report.elsewhere),
            "removed": {"files": report.removed_files, "bytes": report.removed_bytes},
            "hot_copies": {
                "files": report.waiting_files,
                "bytes": report.waiting_bytes,
                "due": None if report.due_ns is None else format_ns(report.due_ns),
            },
        }
    return data


def _lines(verb: str, report: MoveReport, grace: str) -> list[str]:
    lines = []
    if report.series:
        shown = report.series[:_SERIES_SHOWN]
        cells = [(s.address, s.first, s.last, f"{s.files:,}", size(s.bytes)) for s in shown]
        lines += table(("series", "first", "last", "files", "size"), cells, right=("files", "size"))
        if len(report.series) > len(shown):
            lines.append(f"… and {len(report.series) - len(shown):,} more series")
    lines.append(_sum_up(verb, report))
    lines += [
        f"{plural(count, 'file')} in tier {name}: dl restore brings them back, then dl offload --to {report.tier} "
        "takes them"
        for name, count in sorted(report.elsewhere.items())
    ]
    lines += [f"left {plural(count, 'file')} that {_REASONS[why]}" for why, count in sorted(report.left.items())]
    if report.removed_files:
        when = f"after their grace of {grace}" if duration_ns(grace) else "with no grace"
        lines.append(f"removed {plural(report.removed_files, 'hot file')}, {size(report.removed_bytes)}, {when}")
    if report.waiting_files and report.due_ns is not None:
        when = "now" if report.due_ns <= time.time_ns() else f"after {format_short(report.due_ns)[:16]} UTC"
        lines.append(
            f"{plural(report.waiting_files, 'hot file')}, {size(report.waiting_bytes)}, wait for their grace: "
            f"dl offload {when} removes them"
        )
    return lines


def _sum_up(verb: str, report: MoveReport) -> str:
    where = f"tier {report.tier} ({report.location})" if verb == "offload" else "the data folder"
    if not report.series:
        return f"nothing to {verb} · snapshot {report.snapshot}"
    what = f"{plural(report.files, 'file')}, {size(report.bytes)}"
    if report.status == "dry_run":
        return f"would move {what} to {where}; nothing moved: --dry-run"
    there = f", {report.reused:,} of them lay there already" if report.reused else ""
    return f"moved {what} to {where}{there} · snapshot {report.snapshot} · run {report.run}"
