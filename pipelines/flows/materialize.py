"""The flow `materialize`: what is missing or stale of the declared assets is made, each after what it is made from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prefect import flow
from prefect.runtime import flow_run

from lake.errors import LakeError
from pipelines.flows.records import Account
from pipelines.flows.steps import call, carry_out
from pipelines.requests import request_of

if TYPE_CHECKING:
    from lake.config import Config
    from pipelines.flows.steps import Watch
    from pipelines.materialize import MaterializeReport


def _name() -> str:
    return f"materialize {', '.join(flow_run.parameters.get('selection') or ['everything'])}"


@flow(name="materialize", flow_run_name=_name, persist_result=False)
def materialize(
    selection: list[str] | None = None,
    options: dict[str, Any] | None = None,
    root: str | None = None,
    settings: dict[str, Any] | None = None,
) -> Any:  # noqa: ANN401 - the report as JSON, or a state of Prefect's
    """Make what is missing or stale.

    Args:
        selection: Assets, series and partitions as `dl assets materialize` takes them; everything unless given.
        options: stale, missing, start_ns, end_ns, plan_only, jobs.
        root: The lake's folder.
        settings: data_root, db_path, wait.
    """
    told = options or {}
    return carry_out(root, settings, lambda config, watch: _make(config, watch, selection or [], told), _account)


def _make(config: Config, watch: Watch, texts: list[str], options: dict[str, Any]) -> MaterializeReport:
    from lake.manifest import Manifest
    from lake.selection import select as stored
    from pipelines import materialize as engine
    from pipelines.assets import load
    from pipelines.selection import select

    registry = load(config)
    with Manifest.open(config) as manifest:
        series = [row.address for row in stored(manifest, ())]
    chosen = select(texts, registry, series)
    request = request_of(engine.MaterializeRequest, {**options, "selection": chosen})
    return call("materialize", lambda: engine.materialize(config, registry, request, progress=watch))


def _account(report: MaterializeReport) -> Account:
    wrong = {(str(failure.address), failure.partition) for failure in report.failures}
    reached: dict[str, list[str]] = {}
    for each in report.planned:
        if (str(each.address), each.partition) not in wrong:
            reached.setdefault(str(each.address), []).append(each.partition)
    done = report.status in {"done", "partial"} and report.built > 0
    return Account(
        addresses=sorted(reached),
        ledger=[
            {"series": str(p.address), "partition": p.partition, "state": p.state, "reasons": "; ".join(p.reasons)}
            for p in report.planned
        ],
        text=f"- {report.status}: {len(report.planned):,} partitions planned, {report.built:,} made, "
        f"{report.unchanged:,} as they were, {len(report.failures):,} failed",
        made={a: {"snapshot": report.snapshot, "partitions": len(labels)} for a, labels in reached.items() if done},
        errors=[
            LakeError(f.code.removeprefix("E_"), f.message, where=f.where or f"{f.address} {f.partition}")
            for f in report.failures
        ],
    )
