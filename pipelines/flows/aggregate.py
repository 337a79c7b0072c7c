"""The flow `aggregate`: coarser bars of one series, of those a pattern names, or of all."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from prefect import flow
from prefect.runtime import flow_run

from lake.errors import Exit, LakeError
from pipelines.flows.records import Account
from pipelines.flows.steps import call, carry_out, turns
from pipelines.keys import SCHEME, address_of
from pipelines.requests import request_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lake.aggregate import AggregateReport, AggregateRequest
    from lake.config import Config
    from pipelines.flows.steps import Watch
    from schemas.keys import Address

SERIES = "*/*/*/bars/1m"
TO = ("5m", "15m", "1h", "4h", "1d")
_ONE_SERIES = {Exit.USAGE, Exit.REFUSED, Exit.NOT_FOUND, Exit.FINDINGS}


def _name() -> str:
    given = flow_run.parameters
    series = given.get("series") or SERIES
    if series.startswith(SCHEME):
        series = str(address_of(series))
    return f"aggregate {series} to {','.join(given.get('to') or TO)}"


@flow(name="aggregate", flow_run_name=_name, persist_result=False)
def aggregate(
    series: str = SERIES,
    to: list[str] | None = None,
    options: dict[str, Any] | None = None,
    root: str | None = None,
    settings: dict[str, Any] | None = None,
) -> Any:  # noqa: ANN401 - the reports as JSON, or a state of Prefect's
    """Make coarser bars: what is missing or out of date, and nothing else.

    Args:
        series: An address, a pattern of addresses, or the key under which Prefect knows a series.
        to: Periods; 5m, 15m, 1h, 4h and 1d unless given.
        options: As `dl aggregate` has them: start_ns, end_ns, session_tz, calendar, force, dry_run, …
        root: The lake's folder.
        settings: data_root, db_path, wait.
    """
    given = {**(options or {}), "to": to or list(TO)}
    return carry_out(root, settings, lambda config, watch: _each(config, watch, series, given), _account)


def _each(config: Config, watch: Watch, series: str, options: dict[str, Any]) -> dict[str, list[Any]]:
    """Aggregate series after series; one that cannot be aggregated does not keep out the others."""
    from lake import aggregate as engine
    from lake.manifest import Manifest
    from lake.selection import select

    if series.startswith(SCHEME):
        series = str(address_of(series))
    with Manifest.open(config) as manifest:
        try:
            addresses = [row.address for row in select(manifest, (series,))]
        except LakeError as error:
            if error.exit != Exit.NOT_FOUND or "*" not in series:
                raise
            addresses = []  # a pattern that fits nothing yet
    done: list[AggregateReport] = []
    errors: list[LakeError] = []
    for address in addresses:
        request = _declared(config, request_of(engine.AggregateRequest, {**options, "address": str(address)}))
        try:
            done.append(call(str(address), partial(_alone, config, request, watch)))
        except LakeError as error:
            if len(addresses) == 1 or error.exit not in _ONE_SERIES:
                raise
            errors.append(error)
    return {"series": done, "errors": errors}


def _alone(config: Config, request: AggregateRequest, watch: Watch) -> AggregateReport:
    from lake import aggregate as engine

    turn = turns(config)
    with ExitStack() as held:
        for address in sorted(engine.target_addresses(request.address, request.to)):
            held.enter_context(turn(address))
        return engine.aggregate(config, request, progress=watch)


def _declared(config: Config, request: AggregateRequest) -> AggregateRequest:
    """Fill in what the declared assets say of the targets: checks, which are code, and versions."""
    from lake.aggregate import target_addresses
    from pipelines.assets import load

    registry = load(config)
    specs = {each.key: registry.resolve(each.key) for each in target_addresses(request.address, request.to)}
    versions = {key: spec.code_version for key, spec in specs.items()}
    return replace(
        request,
        code_versions={**versions, **request.code_versions},
        checks={key: spec.checks for key, spec in specs.items()},
    )


def _account(reports: dict[str, list[Any]]) -> Account:
    done: Sequence[AggregateReport] = reports["series"]
    built = [(report, target) for report in done for target in report.targets if target.built]
    return Account(
        addresses=sorted({str(report.source) for report in done}),
        runs=[report.run for report in done if report.run],
        ledger=[_row(report.source, report.status, target) for report in done for target in report.targets],
        text="\n".join(
            f"- {report.source}: {report.status}, {report.rows_in:,} rows read, "
            f"{sum(target.built for target in report.targets):,} partitions made"
            for report in done
        ),
        made={
            str(target.address): {"run": report.run, "snapshot": report.snapshot, "partitions": target.built}
            for report, target in built
        },
        upstreams=sorted({str(report.source) for report, _ in built}),
        errors=reports["errors"],
    )


def _row(source: Address, status: str, target: Any) -> dict[str, Any]:  # noqa: ANN401 - a TargetReport
    counts = {name: getattr(target, name) for name in ("built", "unchanged", "current", "failed", "rows")}
    return {"source": str(source), "target": str(target.address), "status": status, **counts}
