"""`dl init`, `dl doctor` and `dl version`: make a lake, and look at what it stands on."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dl_datalake.commands._base import Session, command
from dl_datalake.output import plural, size, table
from lake.errors import Exit, LakeError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lake.config import Config
    from lake.manifest import Manifest

PACKAGES = ("dl-datalake", "duckdb", "pandas", "pandera", "polars", "prefect", "pyarrow", "sqlite-utils", "typer")
OPTIONAL = ("dl-datalake", "polars")
"""Not missed by `doctor`: what runs from a checkout, and an extra."""
_DISK_LOW = 1_000_000_000
_MEMORY_LOW = 512_000_000


def register(app: typer.Typer) -> None:
    """Add the group's commands to the program."""
    command(app, "init")(init)
    command(app, "doctor")(doctor)
    command(app, "version")(version)


def init(
    session: Session,
    path: Annotated[Path | None, typer.Argument(metavar="PATH", help="The lake's folder; else this one.")] = None,
) -> None:
    """Make a lake.

    Where there is one already, nothing is lost: its manifest is brought up to date.
    """
    from lake.manifest import Manifest

    if path and session.root and path.resolve() != session.root.resolve():
        raise LakeError(
            "USAGE",
            f"{path} and --root {session.root} are two folders",
            why="One lake is made at a time.",
            fix=["give one of them"],
        )
    given = path or session.root or os.environ.get("DL_ROOT")
    config = session.config(Path(given) if given else Path.cwd(), must_exist=False)
    session.safe = "Run it again: it goes on where it was."
    created = Manifest.create(config)
    with Manifest.open(config) as manifest:
        data = {
            "manifest": str(config.manifest),
            "data": str(config.data),
            "schema_version": manifest.versions().found,
            "created": created,
        }
    what = "a new lake" if created else "already a lake, nothing to do"
    session.out.done("init", data, [f"{config.root}: {what}"])


def version(session: Session) -> None:
    """Show what is installed.

    The versions of this program and of the packages it stands on.
    """
    found = {"python": sys.version.split()[0], **_versions()}
    lines = [f"dl-datalake {found['dl-datalake'] or '(a checkout, not installed)'}"]
    lines += [f"{name} {number or 'not installed'}" for name, number in found.items() if name != "dl-datalake"]
    session.out.answer("version", found, lines)


@dataclass(frozen=True, slots=True)
class _Check:
    name: str
    ok: bool
    detail: str
    fix: str = ""


def doctor(session: Session) -> None:
    """Check what the lake stands on.

    Packages, disk, memory, clock, time zones, permissions and the manifest; exit 4 when one is bad.
    """
    checks = list(_checks(session))
    data = [{"name": c.name, "ok": c.ok, "detail": c.detail, "fix": c.fix or None} for c in checks]
    rows = [("ok" if c.ok else "BAD", c.name, c.detail, c.fix and f"fix: {c.fix}") for c in checks]
    session.out.answer("doctor", data, table(("", "check", "found", ""), rows))
    if not all(c.ok for c in checks):
        raise typer.Exit(Exit.FINDINGS)


def _checks(session: Session) -> Iterator[_Check]:
    missing = [name for name, number in _versions().items() if number is None and name not in OPTIONAL]
    yield _Check(
        "packages",
        not missing,
        f"missing: {', '.join(missing)}" if missing else f"Python {sys.version.split()[0]}, all installed",
        "pip install dl-datalake" if missing else "",
    )
    yield _memory()
    yield _zones()
    try:
        config = session.config()
    except LakeError as error:
        yield _Check("lake", ok=False, detail=error.message, fix=error.fix[0])
        return
    yield from _lake_checks(config)


def _lake_checks(config: Config) -> Iterator[_Check]:
    from lake.manifest import Manifest

    free = _free(config.data)
    yield _Check(
        "disk", free > _DISK_LOW, f"{size(free)} free at {config.data}", "" if free > _DISK_LOW else "free some"
    )
    closed = [str(path) for path in (config.root, config.data) if not os.access(path, os.R_OK | os.W_OK | os.X_OK)]
    yield _Check(
        "permissions",
        not closed,
        f"not writable: {', '.join(closed)}" if closed else "readable and writable",
        "run as the lake's owner" if closed else "",
    )
    try:
        with Manifest.open(config) as manifest:
            snapshot, series, versions = manifest.snapshot(), len(manifest.series()), manifest.versions()
            found = (
                f"snapshot {snapshot}, {plural(series, 'series')}, version {versions.found}, SQLite {versions.sqlite}"
            )
            yield _Check("manifest", ok=True, detail=f"{config.manifest}: {found}")
            yield _clock(manifest)
    except LakeError as error:
        yield _Check("manifest", ok=False, detail=error.message, fix=error.fix[0])


def _versions() -> dict[str, str | None]:
    from importlib.metadata import PackageNotFoundError
    from importlib.metadata import version as version_of

    found: dict[str, str | None] = {}
    for name in PACKAGES:
        try:
            found[name] = version_of(name)
        except PackageNotFoundError:
            found[name] = None
    return found


def _memory() -> _Check:
    try:
        total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError):
        return _Check("memory", ok=True, detail="unknown")
    enough = total >= _MEMORY_LOW
    return _Check("memory", enough, f"{size(total)}, {os.cpu_count()} cores", "" if enough else "use a larger machine")


def _zones() -> _Check:
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    try:
        ZoneInfo("America/New_York")
    except ZoneInfoNotFoundError:
        return _Check("time zones", ok=False, detail="no time zone data", fix="pip install tzdata")
    return _Check("time zones", ok=True, detail="found")


def _clock(manifest: Manifest) -> _Check:
    import time

    last = manifest.history(None, 1)
    ahead = last[0].at_ns - time.time_ns() if last else 0
    if ahead > 0:
        seconds = ahead / 1e9
        return _Check("clock", ok=False, detail=f"{seconds:.0f} s behind the newest snapshot", fix="set the clock")
    return _Check("clock", ok=True, detail="after the newest snapshot")


def _free(folder: Path) -> int:
    import shutil

    return shutil.disk_usage(folder if folder.exists() else folder.parent).free
