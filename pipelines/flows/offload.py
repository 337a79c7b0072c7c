"""The flows `offload` and `restore`: files of old partitions to another tier, and back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prefect import flow
from prefect.runtime import flow_run

from lake.amounts import duration_ns, plural
from lake.errors import LakeError
from pipelines.flows.records import Account
from pipelines.flows.steps import call, carry_out
from pipelines.requests import request_of

if TYPE_CHECKING:
    from lake.config import Config
    from lake.offload import MoveReport
    from pipelines.flows.steps import Watch

OLDER_THAN = "365d"


def _name() -> str:
    given = flow_run.parameters
    chosen = ", ".join(given.get("selection") or ["every series"])
    to = f" to {given['to']}" if given.get("to") else ""
    return f"{flow_run.flow_name} {chosen}{to}"


@flow(name="offload", flow_run_name=_name, persist_result=False)
def offload(
    selection: list[str] | None = None,
    to: str | None = None,
    older_than: str = OLDER_THAN,
    options: dict[str, Any] | None = None,
    root: str | None = None,
    settings: dict[str, Any] | None = None,
) -> Any:  # noqa: ANN401 - the report as JSON, or a state of Prefect's
    """Move the files of old partitions to a colder tier; reads find them there.

    Args:
        selection: Addresses and patterns; every series unless given.
        to: A tier that dl.toml names, or a folder; the lake's only tier unless given.
        older_than: How long ago a partition must have ended.
        options: As `dl offload` has them: older_than_ns, grace_s, name, force, dry_run.
        root: The lake's folder.
        settings: data_root, db_path, wait.
    """
    told: dict[str, Any] = {"selection": selection or [], "to": to, "older_than_ns": duration_ns(older_than)}
    return carry_out(root, settings, lambda config, watch: _move(config, watch, told | (options or {})), _account)


@flow(name="restore", flow_run_name=_name, persist_result=False)
def restore(
    selection: list[str],
    options: dict[str, Any] | None = None,
    root: str | None = None,
    settings: dict[str, Any] | None = None,
) -> Any:  # noqa: ANN401 - the report as JSON, or a state of Prefect's
    """Bring files back to the data root.

    Args:
        selection: Addresses and patterns.
        options: As `dl restore` has them: start_ns, end_ns, dry_run.
        root: The lake's folder.
        settings: data_root, db_path, wait.
    """
    told = {**(options or {}), "selection": selection}
    return carry_out(root, settings, lambda config, watch: _bring_back(config, watch, told), _account)


def _move(config: Config, watch: Watch, options: dict[str, Any]) -> MoveReport:
    from lake import offload as engine
    from lake import tiers
    from lake.manifest import Manifest

    request = request_of(engine.OffloadRequest, options)
    with Manifest.open(config) as manifest:
        if request.to is None and not tiers.known(config, manifest):
            return engine.MoveReport(manifest.snapshot())  # a lake of one tier has nowhere to move files to
    return call("offload", lambda: engine.offload(config, request, progress=watch))


def _bring_back(config: Config, watch: Watch, options: dict[str, Any]) -> MoveReport:
    from lake import offload as engine

    request = request_of(engine.RestoreRequest, options)
    return call("restore", lambda: engine.restore(config, request, progress=watch))


def _account(report: MoveReport) -> Account:
    return Account(
        addresses=[str(series.address) for series in report.series],
        runs=[report.run] if report.run else [],
        ledger=[{"series": str(s.address), "files": s.files, "bytes": s.bytes} for s in report.series],
        checks=[{"file": f.path, "tier": f.tier, "found": f.found, "done": f.done} for f in report.findings],
        text=f"- {report.status}: {plural(report.files, 'file')}, {report.bytes:,} bytes"
        + (f" to {report.tier} at {report.location}" if report.tier else ""),
        errors=[
            LakeError("FILE_DAMAGED", f"{finding.path} in {finding.tier}: {finding.found}; {finding.done}")
            for finding in report.findings
        ],
    )
