"""The flow `maintain`: seal closed months, let go of hot copies, and verify a slice, so that a month verifies all."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from prefect import flow

from lake.amounts import duration_ns, plural
from lake.errors import LakeError
from pipelines.flows.records import Account
from pipelines.flows.steps import call, carry_out
from pipelines.requests import request_of

if TYPE_CHECKING:
    from lake.check import VerifyReport
    from lake.config import Config
    from lake.offload import MoveReport
    from lake.seal import SealReport
    from pipelines.flows.steps import Watch

OLDER_THAN = "40d"
SLICES = 30
_DAY_S = 86_400


@flow(name="seal", flow_run_name="seal months older than {older_than}", persist_result=False)
def seal(
    selection: list[str] | None = None,
    older_than: str = OLDER_THAN,
    options: dict[str, Any] | None = None,
    root: str | None = None,
    settings: dict[str, Any] | None = None,
) -> Any:  # noqa: ANN401 - the report as JSON, or a state of Prefect's
    """Make one file of every closed month's day files.

    Args:
        selection: Addresses and patterns; every series unless given.
        older_than: How long ago a month must have ended.
        options: As `dl seal` has them: older_than_ns, max_bytes, dry_run.
        root: The lake's folder.
        settings: data_root, db_path, wait.
    """
    told = {"selection": selection or [], "older_than_ns": duration_ns(older_than)} | (options or {})
    return carry_out(root, settings, lambda config, watch: _seal(config, watch, told), _sealed)


@flow(name="maintain", flow_run_name="maintain", persist_result=False)
def maintain(
    older_than: str = OLDER_THAN,
    slices: int = SLICES,
    part: int | None = None,
    root: str | None = None,
    settings: dict[str, Any] | None = None,
) -> Any:  # noqa: ANN401 - the reports as JSON, or a state of Prefect's
    """Seal closed months, remove hot copies whose grace is over, and verify one slice of the lake's files.

    Args:
        older_than: How long ago a month must have ended to be sealed.
        slices: In how many runs all files are verified.
        part: Which slice, from 1; by the date unless given, so that daily runs come round.
        root: The lake's folder.
        settings: data_root, db_path, wait.
    """
    chosen = part or int(time.time() // _DAY_S) % slices + 1
    return carry_out(
        root, settings, lambda config, watch: _both(config, watch, older_than, (chosen, slices)), _maintained
    )


def _seal(config: Config, watch: Watch, options: dict[str, Any]) -> SealReport:
    from lake import seal as engine

    request = request_of(engine.SealRequest, options)
    return call("seal", lambda: engine.seal(config, request, watch))


def _both(config: Config, watch: Watch, older_than: str, part: tuple[int, int]) -> dict[str, Any]:
    from lake import check, offload

    sealed = _seal(config, watch, {"older_than_ns": duration_ns(older_than)})
    removed = call("remove hot copies", lambda: offload.finish(config, progress=watch))
    what = f"verify part {part[0]} of {part[1]}"
    return {"sealed": sealed, "removed": removed, "verified": call(what, lambda: check.verify(config, part=part))}


def _sealed(report: SealReport) -> Account:
    return Account(
        addresses=sorted({str(month.address) for month in report.months}),
        runs=[report.run] if report.run else [],
        ledger=[
            {"series": str(m.address), "month": m.partition, "rows": m.rows, "files": m.files, "bytes": m.bytes_after}
            for m in report.months
        ],
        text=f"- {report.status}: {plural(len(report.months), 'month')} sealed",
        errors=list(report.errors),
    )


def _maintained(reports: dict[str, Any]) -> Account:
    account = _sealed(reports["sealed"])
    verified: VerifyReport = reports["verified"]
    removed: MoveReport = reports["removed"]
    wrong = [f"{finding.path} in {finding.tier}: {finding.found}" for finding in removed.findings]
    wrong += [f"{path}: missing" for path in verified.missing]
    wrong += [f"{damage.path}: {damage.found}" for damage in verified.damaged]
    wrong += [f"manifest: {text}" for text in verified.chain]
    account.runs += [removed.run] if removed.run else []
    account.checks = [{"check": "verify", "passed": not wrong, "files": verified.files_ok, "found": "; ".join(wrong)}]
    account.text += f"\n- removed: {removed.removed_files:,} hot copies, {removed.waiting_files:,} wait"
    account.text += f"\n- verified: {plural(verified.files_ok, 'file')} as stored, {len(wrong)} are not"
    if wrong:
        account.errors.append(LakeError("FILE_DAMAGED", wrong[0], where=f"{len(wrong)} findings in all"))
    return account
