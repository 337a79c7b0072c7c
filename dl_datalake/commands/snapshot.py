"""`dl snapshot`: give snapshots names, and list those that have one."""

from __future__ import annotations

from typing import Annotated

import typer

from dl_datalake.commands._base import Session, command, group
from dl_datalake.dates import format_ns, format_short, parse_as_of
from dl_datalake.output import table

Text = str | None


def register(app: typer.Typer) -> None:
    """Add the group's commands to the program."""
    part = group("Name snapshots, to read the lake as it was by a word.")
    command(part, "create")(create)
    command(part, "list")(list_)
    command(part, "drop")(drop)
    app.add_typer(part, name="snapshot")


def create(
    session: Session,
    name: Annotated[str, typer.Argument(metavar="NAME", help="Begins with a letter: before-cleanup, study-7.")],
    as_of: Annotated[Text, typer.Option(metavar="N|NAME|TIME", help="Which snapshot; the newest unless given.")] = None,
    message: Annotated[str, typer.Option("--message", "-m", metavar="TEXT", help="Why, for the history.")] = "",
) -> None:
    """Give a snapshot a name."""
    from lake.snapshots import create as give

    at = give(session.config(), name, None if as_of is None else parse_as_of(as_of), message=message)
    session.out.done("snapshot.create", {"name": name, "snapshot": at}, [f"{name} is snapshot {at}"])


def list_(session: Session) -> None:
    """List the snapshots that have names; dl history lists them all."""
    from lake.manifest.naming import names

    with session.manifest() as manifest:
        rows = names(manifest)
    data = [
        {
            "name": row.name,
            "snapshot": row.snapshot,
            "at": format_ns(row.at_ns),
            "named_at": format_ns(row.named_ns),
            "message": row.message,
        }
        for row in rows
    ]
    cells = [(row.name, row.snapshot, format_short(row.at_ns)[:19], row.message) for row in rows]
    lines = table(("name", "snapshot", "at", "message"), cells, right=("snapshot",)) if rows else []
    session.out.answer("snapshot.list", data, lines)
    if not rows:
        session.out.note(["no snapshot has a name: dl snapshot create NAME"])


def drop(
    session: Session,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The name to take away; the snapshot stays.")],
) -> None:
    """Take a snapshot's name away."""
    from lake.snapshots import drop as take

    take(session.config(), name)
    session.out.done("snapshot.drop", {"name": name}, [f"{name} is no name any more"])
