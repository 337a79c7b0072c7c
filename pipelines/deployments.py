"""What prefect.yaml declares, put on a server: for the workers of a pool, or served from this very process."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.requests import settings_of
from pipelines.servers import connected

if TYPE_CHECKING:
    from collections.abc import Callable

    from prefect import Flow
    from prefect.deployments.runner import RunnerDeployment

    from lake.config import Config

POOL = "local"
_PLACES = (Path(__file__).resolve().parent.parent / "prefect.yaml", Path(__file__).with_name("prefect.yaml"))
"""In a clone, and in an installed package."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """When a deployment runs by itself."""

    slug: str
    cron: str
    active: bool


@dataclass(frozen=True, slots=True)
class Deployed:
    """A deployment as the server has it."""

    name: str
    id: str
    description: str
    schedules: tuple[Schedule, ...]
    triggers: tuple[str, ...]


def declared() -> list[dict[str, Any]]:
    """Return the deployments of prefect.yaml, with the pool's variables and the like filled in."""
    import yaml

    path = next(place for place in _PLACES if place.is_file())
    found: list[dict[str, Any]] = yaml.safe_load(path.read_text("utf-8"))["deployments"]
    return found


def flow_of(entrypoint: str) -> Flow[..., Any]:
    """Return the flow that an entrypoint such as `pipelines/flows/ingest.py:ingest` names."""
    path, _, name = entrypoint.partition(":")
    found: Flow[..., Any] = getattr(import_module(path.removesuffix(".py").replace("/", ".")), name)
    return found


def deploy(config: Config) -> tuple[str, list[Deployed]]:
    """Put every deployment on the server, for workers of the pool, which is made if there is none.

    Returns:
        The server's address, and what was deployed.

    Raises:
        LakeError: PREFECT_DOWN when no server answers.
    """
    with connected() as url:
        _make_pool()
        _watch_over_runs()
        done = []
        for each in declared():
            deployment = _made(each, config, pooled=True)
            done.append(_told(each, str(deployment.apply())))
        return url, done


def serve(config: Config, told: Callable[[str, list[Deployed]], None]) -> None:
    """Run every deployment's runs from this process, one at a time, until it is stopped.

    Args:
        config: The lake.
        told: Called with the server's address and what is served, once it is.

    Raises:
        LakeError: PREFECT_DOWN when no server answers.
    """
    with connected() as url:
        from prefect import serve as serve_here

        _watch_over_runs()
        found = declared()
        deployments = [_made(each, config, pooled=False) for each in found]
        told(url, [_told(each, "") for each in found])
        serve_here(*deployments, limit=1, print_starting_message=False)


def _made(each: dict[str, Any], config: Config, *, pooled: bool) -> RunnerDeployment:
    from prefect.client.schemas.actions import DeploymentScheduleCreate
    from prefect.client.schemas.objects import ConcurrencyLimitConfig, ConcurrencyLimitStrategy
    from prefect.client.schemas.schedules import CronSchedule
    from prefect.events import DeploymentEventTrigger
    from prefect.types.entrypoint import EntrypointType

    root, settings = settings_of(config)
    limit = each["concurrency_limit"]
    pool = {"work_pool_name": POOL, "job_variables": each["work_pool"]["job_variables"]} if pooled else {}
    return flow_of(each["entrypoint"]).to_deployment(  # type: ignore[return-value]  # no coroutine outside of a loop
        each["name"],
        description=each["description"],
        tags=each["tags"],
        parameters={**each["parameters"], "root": root, "settings": settings},
        schedules=[
            DeploymentScheduleCreate(
                schedule=CronSchedule(cron=when["cron"], timezone=when["timezone"]),
                slug=when["slug"],
                active=when["active"],
            )
            for when in each["schedules"]
        ],
        triggers=[DeploymentEventTrigger.model_validate(trigger) for trigger in each.get("triggers", [])],
        concurrency_limit=ConcurrencyLimitConfig(
            limit=limit["limit"], collision_strategy=ConcurrencyLimitStrategy(limit["collision_strategy"])
        ),
        paused=False,
        entrypoint_type=EntrypointType.MODULE_PATH,
        **pool,
    )


def _told(each: dict[str, Any], number: str) -> Deployed:
    return Deployed(
        name=f"{each['entrypoint'].rpartition(':')[2]}/{each['name']}",
        id=number,
        description=each["description"],
        schedules=tuple(Schedule(when["slug"], when["cron"], when["active"]) for when in each["schedules"]),
        triggers=tuple(trigger["name"] for trigger in each.get("triggers", [])),
    )


def _make_pool() -> None:
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.actions import WorkPoolCreate
    from prefect.exceptions import ObjectNotFound
    from prefect.workers.process import ProcessWorker

    template = ProcessWorker.get_default_base_job_template()
    with get_client(sync_client=True) as client:
        try:
            client.read_work_pool(POOL)
        except ObjectNotFound:
            client.create_work_pool(WorkPoolCreate(name=POOL, type="process", base_job_template=template))


def _watch_over_runs() -> None:
    from pipelines.flows.deadline import ensure_watch

    ensure_watch()
