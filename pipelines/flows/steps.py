"""What every flow does around the engine's call: try again what may pass, tell Prefect and the lake of each other."""

from __future__ import annotations

import time
from dataclasses import fields
from typing import TYPE_CHECKING, Any, TypeVar

from prefect import get_run_logger, task
from prefect.cache_policies import NO_CACHE
from prefect.runtime import flow_run
from prefect.states import Failed
from prefect.tasks import exponential_backoff

from lake.errors import LakeError
from lake.layout import STAGING
from lake.manifest.writer import CAUSE
from lake.staging import alone
from pipelines import answers
from pipelines.flows import records
from pipelines.flows.deadline import ensure_watch
from pipelines.requests import place, plain, settings_of
from pipelines.retrying import may_pass

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from contextlib import AbstractContextManager

    from prefect import State, Task

    from lake.config import Config
    from pipelines.flows.records import Account
    from schemas.keys import Address

Report = TypeVar("Report")
RETRIES = 5
FIRST_DELAY_S = 4.0


def _try_again(_task: Task[..., Any], _run: object, state: State[Any]) -> bool:
    error = state.result(raise_on_failure=False)
    return isinstance(error, BaseException) and may_pass(error)


def call(what: str, function: Callable[[], Report]) -> Report:
    """Call the engine; Prefect calls again, later and later, when the error may pass."""
    report: Report = _call(what, function)  # type: ignore[assignment]  # the task is no coroutine
    return report


@task(
    name="engine",
    task_run_name="{what}",
    retries=RETRIES,
    retry_delay_seconds=exponential_backoff(FIRST_DELAY_S),
    retry_jitter_factor=0.5,
    retry_condition_fn=_try_again,
    persist_result=False,
    cache_policy=NO_CACHE,
)
def _call(what: str, function: Callable[[], Any]) -> Any:  # noqa: ANN401 - the report of whatever is called
    try:
        return function()
    except LakeError as error:
        get_run_logger().warning("%s: %s", what, records.sentence(error))
        raise


class Watch:
    """Follows the engine's progress, as an artifact for runs that take their time."""

    EVERY_S = 5.0

    def __init__(self, key: str) -> None:
        """Show the progress under an artifact's key."""
        self._key, self._next = key, time.monotonic() + self.EVERY_S
        self._artifact: records.Progress | None = None
        self._also = answers.current().progress

    def __call__(self, at: Any) -> None:  # noqa: ANN401 - every verb has its own progress
        """Take note of how far the engine is."""
        if self._also is not None:
            self._also(at)
        if time.monotonic() < self._next:
            return
        self._next = time.monotonic() + self.EVERY_S
        self._show(_percent(at), _words(at))

    def close(self, *, whole: bool) -> None:
        """Fill the bar, if there is one and the work was done."""
        if whole and self._artifact is not None:
            self._show(100.0, "done")

    def _show(self, percent: float, text: str) -> None:
        try:
            self._artifact = self._artifact or records.Progress(self._key)
            self._artifact.show(percent, text)
        except Exception as error:  # noqa: BLE001 - a server that is busy must not stop an ingest
            get_run_logger().debug("no progress shown: %s", error)


def _percent(at: object) -> float:
    """Return how much is done, in the first unit that the progress counts both parts and whole in."""
    for unit in ("bytes_", "rows_", "partitions_", ""):
        done, total = getattr(at, f"{unit}done", None), getattr(at, f"{unit}total", None)
        if done is not None and total:
            return float(min(100.0, 100.0 * done / total))
    return 0.0


def _words(at: Any) -> str:  # noqa: ANN401 - the same
    """Return a progress in words."""
    return ", ".join(f"{field.name.replace('_', ' ')} {getattr(at, field.name)}" for field in fields(at))


def turns(config: Config) -> Callable[[Address], AbstractContextManager[None]]:
    """Return what lets one flow run at a time write a series of the lake; others wait, then are tried again later."""
    return lambda address: alone(config.data / STAGING, str(address), config.wait_s)


def carry_out(
    root: str | None,
    settings: Mapping[str, Any] | None,
    work: Callable[[Config, Watch], Report],
    account: Callable[[Report], Account],
) -> dict[str, Any] | State[Any]:
    """Do a flow's work and tell of it.

    Args:
        root: The lake's folder; found as `dl` finds it unless given.
        settings: Its other settings: data_root, db_path, wait.
        work: Calls the engine, by `call`.
        account: Says what of the report is to be shown.

    Returns:
        The report as JSON; a failed state, with our text, when anything was refused or failed.
    """
    answer, verb = answers.current(), str(flow_run.flow_name)
    ensure_watch()
    watch = Watch(f"{verb}-progress")
    token = CAUSE.set(f"prefect:{flow_run.id}")
    try:
        config = place(root, settings)
        report = work(config, watch)
    except LakeError as error:
        answer.error = error
        records.refusal(verb, [error])
        watch.close(whole=False)
        return Failed(message=records.sentence(error))
    finally:
        CAUSE.reset(token)
    watch.close(whole=True)
    answer.report = report
    told = account(report)
    lake = dict(zip(("root", "settings"), settings_of(config), strict=True))
    told.made = {address: {**lake, **known} for address, known in told.made.items()}
    records.show(verb, told)
    if told.errors:
        records.refusal(verb, told.errors)
        return Failed(message="\n".join(map(records.sentence, told.errors)))
    document: dict[str, Any] = plain(report)
    return document
