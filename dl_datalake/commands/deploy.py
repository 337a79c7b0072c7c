"""`dl deploy` and `dl up`: have the lake's flows run by schedule, by workers of a server or by this very process."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dl_datalake.commands._base import Session, command
from dl_datalake.output import table

if TYPE_CHECKING:
    import typer

    from pipelines.deployments import Deployed


def register(app: typer.Typer) -> None:
    """Add the commands to the program."""
    command(app, "deploy")(deploy)
    command(app, "up")(up)


def deploy(session: Session) -> None:
    """Put the lake's flows and their schedules on a Prefect server.

    A worker then runs them: prefect worker start --pool local.
    """
    from pipelines import deployments, servers

    with servers.connected():
        done = deployments.deploy(session.config())
    url, deployed = done
    session.out.done("deploy", _data(url, deployed, pool=deployments.POOL), _lines(url, deployed))
    session.out.note([f"have them run: prefect worker start --pool {deployments.POOL}"])


def up(session: Session) -> None:
    """Run the lake's flows by schedule from this process, until it is stopped.

    One run at a time. A Prefect server is started on this machine, and stopped with us, unless one answers.
    """
    from pipelines import deployments, servers

    config = session.config()
    session.safe = "What was committed is safely in the lake; runs under way stop where they are, and can be run again."

    def told(url: str, served: list[Deployed]) -> None:
        session.out.answer("up", _data(url, served), [*_lines(url, served), "stop with Ctrl-C"])

    with servers.provided():
        deployments.serve(config, told)


def _data(url: str, deployed: list[Deployed], *, pool: str | None = None) -> dict[str, Any]:
    return {
        "api": url,
        "pool": pool,
        "deployments": [
            {
                "name": each.name,
                "id": each.id or None,
                "description": each.description,
                "schedules": [{"slug": s.slug, "cron": s.cron, "active": s.active} for s in each.schedules],
                "triggers": list(each.triggers),
            }
            for each in deployed
        ],
    }


def _lines(url: str, deployed: list[Deployed]) -> list[str]:
    rows = []
    for each in deployed:
        when = [f"{s.cron} ({s.slug}{'' if s.active else ', off'})" for s in each.schedules]
        rows.append((each.name, "; ".join([*when, *each.triggers]), each.description))
    page = url.removesuffix("/api")
    return [f"{page}/deployments", *table(("deployment", "when (UTC)", "what"), rows)]
