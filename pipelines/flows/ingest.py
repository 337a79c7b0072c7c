"""The flow `ingest`: vendor files that are named, or those that lie in the inbox."""

from __future__ import annotations

from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from prefect import flow
from prefect.runtime import flow_run

from pipelines import inbox as inboxes
from pipelines.assets import load
from pipelines.flows.records import Account
from pipelines.flows.steps import call, carry_out, turns
from pipelines.requests import request_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lake.config import Config
    from lake.errors import LakeError
    from lake.ingest import FileReport, IngestReport, IngestRequest
    from pipelines.flows.steps import Watch
    from pipelines.inbox import InboxReport

COUNTS = ("read", "new", "identical", "corrected", "superseded", "quarantined", "skipped")


def _name() -> str:
    given = flow_run.parameters
    sources = [PurePath(str(source)).name for source in given.get("sources") or []]
    if not sources:
        return "ingest the inbox"
    options = given.get("options") or {}
    place = "/".join(str(options[word]).upper() for word in ("exchange", "market", "symbol") if options.get(word))
    return " ".join(filter(None, ["ingest", place, sources[0], f"and {len(sources) - 1} more" * (len(sources) > 1)]))


@flow(name="ingest", flow_run_name=_name, persist_result=False)
def ingest(
    sources: list[str] | None = None,
    inbox: str | None = None,
    settle_s: float | None = None,
    options: dict[str, Any] | None = None,
    root: str | None = None,
    settings: dict[str, Any] | None = None,
) -> Any:  # noqa: ANN401 - the report as JSON, or a state of Prefect's
    """Take vendor files into the lake; without sources, those that were dropped into the inbox.

    Args:
        sources: Files and globs.
        inbox: The folder to empty when there are no sources; `inbox` in the lake's folder unless given.
        settle_s: How long a file in the inbox must have been left alone; 10 seconds unless given.
        options: As `dl ingest` has them: exchange, market, symbol, type, period, format, tz, on_conflict, …
        root: The lake's folder.
        settings: data_root, db_path, wait.
    """
    if sources:
        return carry_out(root, settings, lambda config, watch: _files(config, watch, sources, options), _account)
    return carry_out(
        root, settings, lambda config, watch: _inbox(config, watch, inbox, settle_s, options), _inbox_account
    )


def _files(config: Config, watch: Watch, sources: Sequence[str], options: dict[str, Any] | None) -> IngestReport:
    from lake import ingest as engine

    request = request_of(engine.IngestRequest, {**(options or {}), "sources": sources})
    own, turn = load(config).checks, turns(config)
    return call("ingest", lambda: engine.ingest(config, request, progress=watch, turn=turn, checks=own))


def _inbox(
    config: Config, watch: Watch, folder: str | None, settle_s: float | None, options: dict[str, Any] | None
) -> InboxReport:
    from lake import ingest as engine

    own, turn = load(config).checks, turns(config)

    def take_in(request: IngestRequest) -> IngestReport:
        what = PurePath(request.sources[0]).name
        return call(what, lambda: engine.ingest(config, request, progress=watch, turn=turn, checks=own))

    settled = inboxes.settings(config, folder=folder, settle_s=settle_s)
    return inboxes.empty(config, settled, request_of(engine.IngestRequest, {**(options or {}), "sources": []}), take_in)


def _account(report: IngestReport) -> Account:
    return _told(report.files, report.errors)


def _inbox_account(report: InboxReport) -> Account:
    account = _told([item.report for item in report.taken], [item.error for item in report.refused + report.left])
    account.subject = f"the inbox: {len(report.taken)} taken, {len(report.refused)} refused, {len(report.left)} left"
    return account


def _told(files: Sequence[FileReport], errors: Sequence[LakeError]) -> Account:
    """Return what Prefect is to keep of the files."""
    addresses = sorted({address for file in files for address in file.addresses})
    made: dict[str, dict[str, Any]] = {}
    for file in files:
        for address in file.addresses if file.status == "committed" and file.files_written else []:
            made[address] = {"run": file.run, "snapshot": file.snapshot, "new": file.rows["new"], "source": file.source}
    return Account(
        subject=f"{addresses[0]} {PurePath(files[0].source).name}" if len(files) == 1 and addresses else "",
        addresses=addresses,
        runs=[file.run for file in files if file.run],
        ledger=[
            {"source": PurePath(f.source).name, "status": f.status} | {name: f.rows.get(name, 0) for name in COUNTS}
            for f in files
        ],
        checks=[
            {"source": PurePath(file.source).name, "kind": kind, "reason": reason, "records": count}
            for file in files
            for kind, found in (("rejected", file.rejected), ("skipped", file.skipped))
            for reason, count in found.items()
        ],
        text="\n".join(map(_line, files)),
        made=made,
        errors=list(errors),
    )


def _line(file: FileReport) -> str:
    counts = ", ".join(f"{name} {file.rows.get(name, 0):,}" for name in COUNTS)
    return f"- {', '.join(file.addresses)} from {file.source} ({file.dialect}): {file.status}; {counts}"
