"""`dl doctor`: look at what the program and the lake stand on."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import typer

from dl_datalake.commands._base import Session, command
from dl_datalake.commands.setup import versions
from dl_datalake.output import size, table
from lake.errors import Exit, LakeError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lake.doctor import Check

OPTIONAL = ("dl-datalake", "polars")
"""Not missed: what runs from a checkout, and an extra."""
_MEMORY_LOW = 512_000_000
_SHOWN = {"ok": "ok", "note": "note", "finding": "BAD"}


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    command(app, "doctor")(doctor)


def doctor(session: Session) -> None:
    """Check what the lake stands on.

    Packages, memory, disks and their file systems, clocks, SQLite, the log, tiers, and what dead runs and others left;
    exit 4 when something is bad, not for what is only good to know.
    """
    checks = list(_checks(session))
    data = [
        {"name": c.name, "ok": c.level != "finding", "level": c.level, "detail": c.detail, "fix": c.fix or None}
        for c in checks
    ]
    rows = [(_SHOWN[c.level], c.name, c.detail, c.fix and f"fix: {c.fix}") for c in checks]
    session.out.answer("doctor", data, table(("", "check", "found", ""), rows))
    if any(c.level == "finding" for c in checks):
        raise typer.Exit(Exit.FINDINGS)


def _checks(session: Session) -> Iterator[Check]:
    from lake.doctor import finding, look, ok

    missing = [name for name, number in versions().items() if number is None and name not in OPTIONAL]
    if missing:
        yield finding("packages", f"missing: {', '.join(missing)}", "pip install dl-datalake")
    else:
        yield ok("packages", f"Python {sys.version.split()[0]}, all installed")
    yield _memory()
    yield _zones()
    try:
        config = session.config()
    except LakeError as error:
        yield finding("lake", error.message, error.fix[0])
        return
    yield from look(config)


def _memory() -> Check:
    from lake.doctor import finding, ok

    try:
        total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError):
        return ok("memory", "unknown")
    detail = f"{size(total)}, {os.cpu_count()} cores"
    return ok("memory", detail) if total >= _MEMORY_LOW else finding("memory", detail, "use a larger machine")


def _zones() -> Check:
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    from lake.doctor import finding, ok

    try:
        ZoneInfo("America/New_York")
    except ZoneInfoNotFoundError:
        return finding("time zones", "no time zone data", "pip install tzdata")
    return ok("time zones", "found")
