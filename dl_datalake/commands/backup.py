"""`dl backup` and `dl restore-backup`: a second lake that the first one can be made of again."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dl_datalake.commands._base import Session, command
from dl_datalake.dates import format_ns
from dl_datalake.output import Step, clear, plural, size
from lake.errors import Exit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from lake.backup import BackupReport, Progress, RestoreReport
    from lake.backup.model import Copied, Left

_SHOWN = 20


def register(app: typer.Typer) -> None:
    """Add the commands to the program."""
    command(app, "backup")(backup)
    command(app, "restore-backup")(restore_backup)


def backup(
    session: Session,
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Empty, new, or with a backup of this lake.")],
    no_tiers: Annotated[bool, typer.Option("--no-tiers", help="Leave out the files of other tiers.")] = False,
    verify: Annotated[
        bool, typer.Option("--verify", help="Hash again what the backup has already; what is rotten is copied anew.")
    ] = False,
) -> None:
    """Copy the lake while it is in use.

    The folder is a lake by itself, all snapshots included; run again, only what is new is copied. Exit 4 when a file
    of the lake was found not to be as it was stored, and could not be copied.
    """
    from lake.backup import backup as engine

    config = session.config()
    session.safe = "The backup before, if there is one, is whole. Run it again to go on."
    reporter = session.out.reporter()
    try:
        report = engine(config, folder, with_tiers=not no_tiers, rehash=verify, tell=_teller(reporter, "backed up"))
    finally:
        clear(reporter)
    session.out.done("backup", backup_data(report), _backup_lines(report))
    _tell_findings(session, report.files)
    if report.files.left_out:
        raise typer.Exit(Exit.FINDINGS)


def restore_backup(
    session: Session,
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="The backup.")],
    to: Annotated[Path | None, typer.Option("--to", metavar="ROOT", help="The lake's folder; else as --root.")] = None,
    verify: Annotated[
        bool, typer.Option("--verify/--no-verify", help="Hash files that are there already; what is copied always is.")
    ] = True,
    force: Annotated[bool, typer.Option("--force", help="Set the manifest or the log that is there aside.")] = False,
) -> None:
    """Make a lake of a backup.

    In a new or empty folder, or in the place of a lake that lost its manifest: files that are there and whole are
    used, and tiers where they are. A log that goes on past the backup is not overwritten unasked. Nothing is removed;
    exit 4 when something is not as it was backed up.
    """
    from lake.backup import restore_backup as engine

    config = session.config(to, must_exist=False)
    session.safe = "There is no lake there yet, and nothing was removed. Run it again to go on."
    reporter = session.out.reporter()
    try:
        report = engine(config, folder, verify=verify, force=force, tell=_teller(reporter, "restored"))
    finally:
        clear(reporter)
    session.out.done("restore-backup", restore_data(report), _restore_lines(report))
    _tell_findings(session, report.files)
    session.out.note(f"manifest  {finding}" for finding in report.chain)
    if report.files.left_out or report.chain:
        raise typer.Exit(Exit.FINDINGS)


def _teller(reporter: Callable[[Step], None] | None, done: str) -> Callable[[Progress], None]:
    def tell(at: Progress) -> None:
        if reporter is not None:
            reporter(Step(at.bytes_done, at.bytes_total, f"{done} {at.done:,} of {at.total:,} files", "bytes"))

    return tell


def backup_data(report: BackupReport) -> dict[str, Any]:
    """Return what was backed up, as scripts read it."""
    return {
        "folder": report.folder,
        "lake": report.lake,
        "snapshot": report.snapshot,
        "time": format_ns(report.at_ns) if report.at_ns else None,
        **_files_data(report.files),
        "removed": report.removed,
        "tiers": report.tiers,
    }


def restore_data(report: RestoreReport) -> dict[str, Any]:
    """Return what was made of a backup, as scripts read it."""
    return {
        "root": report.root,
        "lake": report.lake,
        "snapshot": report.snapshot,
        "time": format_ns(report.at_ns) if report.at_ns else None,
        **_files_data(report.files),
        "tiers": report.tiers,
        "set_aside": report.set_aside,
        "verified": report.verified,
        "chain": report.chain,
    }


def _files_data(files: Copied) -> dict[str, Any]:
    return {
        "files": files.files,
        "bytes": files.bytes,
        "copied": {"files": files.copied_files, "bytes": files.copied_bytes},
        "elsewhere": files.elsewhere,
        "findings": [
            {"path": left.path, "tier": left.tier, "found": left.found, "copied": left.replaced}
            for left in files.left_out
        ],
    }


def _backup_lines(report: BackupReport) -> Iterator[str]:
    yield f"{report.folder}: {_amount(report.files)} · snapshot {report.snapshot}"
    if report.removed:
        yield f"removed {plural(report.removed, 'file')} of the backup before, that no snapshot needs any more"
    yield from _elsewhere(report.files, "are not in the backup")


def _restore_lines(report: RestoreReport) -> Iterator[str]:
    yield f"{report.root}: {_amount(report.files)} · snapshot {report.snapshot}"
    for name, place in sorted(report.tiers.items()):
        yield f"tier {name} is in {place}"
    yield from _elsewhere(report.files, "were not in the backup, and are read from there")
    yield from (f"set aside {path}" for path in report.set_aside)


def _amount(files: Copied) -> str:
    copied = f"{files.copied_files:,} of them, {size(files.copied_bytes)}, copied now"
    return f"{plural(files.files, 'file')}, {size(files.bytes)}; {copied}"


def _elsewhere(files: Copied, what: str) -> Iterator[str]:
    yield from (f"{plural(n, 'file')} of tier {name} {what}" for name, n in sorted(files.elsewhere.items()))


def _tell_findings(session: Session, files: Copied) -> None:
    shown = files.left_out[:_SHOWN]
    session.out.note(_finding(left) for left in shown)
    if len(files.left_out) > len(shown):
        session.out.note([f"found     {len(files.left_out) - len(shown):,} more: --json names them all"])
    if files.lost:
        session.out.note([f"{plural(len(files.lost), 'file')} left out: dl verify, then dl repair"])


def _finding(left: Left) -> str:
    place = left.path if left.tier == "hot" else f"{left.tier}:{left.path}"
    return f"found     {place}: {left.found}; {'another copy was taken' if left.replaced else 'not copied'}"
