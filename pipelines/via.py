"""The same call as a flow run: in this process, known to the server, with the engine's own report as the answer."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from pipelines import answers
from pipelines.prefect_environment import settle
from pipelines.requests import options_of, settings_of
from pipelines.servers import connected

if TYPE_CHECKING:
    from collections.abc import Callable

    from lake.config import Config

FLOWS = {
    "ingest": "pipelines/flows/ingest.py:ingest",
    "inbox": "pipelines/flows/ingest.py:ingest",
    "aggregate": "pipelines/flows/aggregate.py:aggregate",
    "materialize": "pipelines/flows/materialize.py:materialize",
    "seal": "pipelines/flows/maintain.py:seal",
    "offload": "pipelines/flows/offload.py:offload",
    "restore": "pipelines/flows/offload.py:restore",
}


def run(
    verb: str, config: Config, request: object, progress: Callable[[Any], None] | None = None, **more: object
) -> Any:  # noqa: ANN401 - each verb has its own report
    """Run a verb's flow and return the engine's report.

    Args:
        verb: One of FLOWS.
        config: The lake.
        request: What the engine is asked.
        progress: Told how far the engine is.
        more: Other parameters of the flow.

    Raises:
        LakeError: What the engine raised; PREFECT_DOWN when no server answers.
    """
    # What goes wrong is said once, by whoever called; Prefect's log on the server has all of it.
    settle(PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL=logging.getLevelName(logging.CRITICAL))
    with connected(), answers.awaited(progress) as answer:
        from pipelines.deployments import flow_of

        root, settings = settings_of(config)
        state: Any = flow_of(FLOWS[verb])(
            **_parameters(verb, options_of(request)), **more, root=root, settings=settings, return_state=True
        )
    if answer.error is not None:
        raise answer.error
    if answer.report is None:
        state.result()  # raises what the flow was stopped by
    return answer.report["series"][0] if verb == "aggregate" else answer.report


def _parameters(verb: str, options: dict[str, Any]) -> dict[str, Any]:
    """Return a request's options as the flow's parameters: what names its subject stands by itself."""
    if verb == "ingest":
        return {"sources": options.pop("sources"), "options": options}
    if verb == "aggregate":
        return {"series": options.pop("address"), "to": options.pop("to"), "options": options}
    if verb == "inbox":
        options.pop("sources", None)
        return {"options": options}
    chosen = options.pop("selection", [])
    if verb == "materialize":
        chosen = [chosen["text"]] if chosen["text"] else []
    return {"selection": chosen, "options": options}
