"""`dl init` and `dl version`: make a lake, and tell what is installed."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from dl_datalake.commands._base import Session, command
from lake.errors import LakeError

PACKAGES = ("dl-datalake", "duckdb", "pandas", "pandera", "polars", "prefect", "pyarrow", "sqlite-utils", "typer")


def register(app: typer.Typer) -> None:
    """Add the group's commands to the program."""
    command(app, "init")(init)
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
    found = {"python": sys.version.split()[0], **versions()}
    lines = [f"dl-datalake {found['dl-datalake'] or '(a checkout, not installed)'}"]
    lines += [f"{name} {number or 'not installed'}" for name, number in found.items() if name != "dl-datalake"]
    session.out.answer("version", found, lines)


def versions() -> dict[str, str | None]:
    """Return the version of each package the program stands on; None for one that is not installed."""
    from importlib.metadata import PackageNotFoundError
    from importlib.metadata import version as version_of

    found: dict[str, str | None] = {}
    for name in PACKAGES:
        try:
            found[name] = version_of(name)
        except PackageNotFoundError:
            found[name] = None
    return found
