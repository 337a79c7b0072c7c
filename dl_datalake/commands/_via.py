"""Where a command's work is done: in this process as it stands, or as a flow run that a Prefect server knows."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from lake.errors import LakeError

if TYPE_CHECKING:
    from collections.abc import Callable

    from lake.config import Config

WAYS = ("here", "prefect")
Via = Annotated[
    str | None,
    typer.Option(metavar="here|prefect", help="Do it here, or as a flow run of a Prefect server (DL_VIA); here."),
]
Report = TypeVar("Report")


def carried_out(
    via: str | None,
    verb: str,
    config: Config,
    request: object,
    here: Callable[[], Report],
    progress: Callable[[Any], None] | None = None,
    **more: object,
) -> Report:
    """Return the report of a verb, done in the way that was asked for; without Prefect nothing of it is loaded.

    Args:
        via: The option; DL_VIA unless given.
        verb: What is done: a key of `pipelines.via.FLOWS`.
        config: The lake.
        request: What the engine is asked.
        here: Does it in this process.
        progress: Told how far a flow run is.
        more: Other parameters of the flow.

    Raises:
        LakeError: What the engine raises; USAGE for a way there is not; PREFECT_DOWN when no server answers.
    """
    way = via or os.environ.get("DL_VIA") or WAYS[0]
    if way not in WAYS:
        name = "--via" if via else "DL_VIA"
        raise LakeError(
            "USAGE", f"{name} {way}: no such way", why=f"There are {' and '.join(WAYS)}.", fix=["--via prefect"]
        )
    if way == "here":
        return here()
    from pipelines import via as flows

    report: Report = flows.run(verb, config, request, progress, **more)
    return report
