"""What Prefect keeps of a run: artifacts, tags, a telling name, and an event for every series that was made."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from uuid import UUID

from prefect import get_run_logger
from prefect.artifacts import (
    create_markdown_artifact,
    create_progress_artifact,
    create_table_artifact,
    update_progress_artifact,
)
from prefect.assets import Asset, AssetProperties, add_asset_metadata, materialize
from prefect.cache_policies import NO_CACHE
from prefect.client.orchestration import get_client
from prefect.runtime import flow_run

from pipelines.keys import prefect_key
from schemas.keys import Address

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lake.errors import LakeError

_NAMED = 3


@dataclass(slots=True)
class Account:
    """What of a report is worth showing."""

    subject: str = ""
    """What the run was about, for its name, where that is more than its parameters say."""
    addresses: list[str] = field(default_factory=list)
    runs: list[str] = field(default_factory=list)
    """The lake's own run ids."""
    ledger: list[dict[str, Any]] = field(default_factory=list)
    checks: list[dict[str, Any]] = field(default_factory=list)
    text: str = ""
    """The report as people read it, in Markdown."""
    made: dict[str, dict[str, Any]] = field(default_factory=dict)
    """What was materialized: address → what is known of it."""
    upstreams: list[str] = field(default_factory=list)
    errors: list[LakeError] = field(default_factory=list)


class Progress:
    """A progress bar on the run's page."""

    def __init__(self, key: str) -> None:
        """Begin an empty bar."""
        self._id = create_progress_artifact(0.0, key=slug(key), description="begun")

    def show(self, percent: float, text: str) -> None:
        """Move the bar."""
        if isinstance(self._id, UUID):
            update_progress_artifact(self._id, percent, description=text)


def show(verb: str, account: Account) -> None:
    """Show what was done, on the run's page and in its log, and announce what was made."""
    log = get_run_logger()
    for run in account.runs:
        log.info("run %s of the lake: dl history, dl quarantine show %s", run, run)
    if account.ledger:
        create_table_artifact(account.ledger, key=slug(f"{verb}-ledger"), description="Where every record went.")
    if account.checks:
        create_table_artifact(account.checks, key=slug(f"{verb}-checks"), description="What was checked.")
    if account.text:
        log.info(account.text)
        create_markdown_artifact(account.text, key=slug(f"{verb}-report"), description="What was done.")
    _mark(verb, account)
    if account.made:
        _announce(account.made, account.upstreams)


def refusal(verb: str, errors: Sequence[LakeError]) -> None:
    """Show what was refused, and how to go on."""
    parts = [f"# {verb}: refused"]
    for error in errors:
        parts += [f"**{error.code}**: {error.message}", f"- where: {error.where or '-'}", f"- why: {error.why}"]
        parts += [f"- fix: {fix}" for fix in error.fix]
    create_markdown_artifact("\n\n".join(parts), key=slug(f"{verb}-refused"), description="Why it failed.")


def sentence(error: LakeError) -> str:
    """Return an error in one line: what, where, why and how to go on."""
    where = f" ({error.where})" if error.where else ""
    return f"{error.code}: {error.message}{where}. {error.why} Fix: {'; '.join(error.fix)}"


def slug(text: str) -> str:
    """Return a key that Prefect takes for an artifact: lower case letters, digits and dashes."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


def _mark(verb: str, account: Account) -> None:
    """Give the run its tags and its name, now that both are known."""
    if flow_run.id is None:
        return
    known = {verb, *account.addresses[:_NAMED], *(f"run:{run}" for run in account.runs[:_NAMED])}
    name: dict[str, Any] = {"name": f"{verb} {account.subject}"} if account.subject else {}
    with get_client(sync_client=True) as client:
        client.update_flow_run(UUID(flow_run.id), tags=sorted({*(flow_run.tags or []), *known}), **name)


def _announce(made: Mapping[str, dict[str, Any]], upstreams: Sequence[str]) -> None:
    """Record one materialization of each series; nothing is done here, so it is done once however often work failed."""
    assets = {address: _asset(address) for address in made}

    def announce() -> None:
        for address, known in made.items():
            add_asset_metadata(assets[address], known)

    materialize(
        *assets.values(),
        by="dl-datalake",
        name="announce",
        task_run_name="announce",
        asset_deps=[_asset(address) for address in upstreams],
        persist_result=False,
        cache_policy=NO_CACHE,
    )(announce)()


def _asset(address: str) -> Asset:
    return Asset(key=prefect_key(Address.parse(address)), properties=AssetProperties(name=address))
