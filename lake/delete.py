"""Deleting rows: a new snapshot without them; the ones before it still have them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import numpy as np
import pyarrow as pa

from lake import layout, rows
from lake import write as writing
from lake.errors import LakeError
from lake.intake import Intake
from lake.lookup import schema_of
from lake.manifest import Change, Manifest, Writer, graph
from lake.outcome import no_checks
from lake.places import Places
from lake.read import Scan
from lake.selection import select
from lake.staging import Staging

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from lake.config import Config
    from lake.manifest import FileRow, SeriesRow
    from lake.outcome import Check
    from schemas.keys import Address

FIRST_NS, END_NS = -(2**63), 2**63 - 1
"""What an open side of a range stands for."""


@dataclass(frozen=True, slots=True)
class DeleteRequest:
    """What to delete: the rows of `[start_ns, end_ns)` of some series; an open side reaches to the end of the data."""

    selection: tuple[str, ...]
    start_ns: int | None = None
    end_ns: int | None = None
    all_exchanges: bool = False
    """Whether the selection may reach over several exchanges."""
    message: str = ""
    dry_run: bool = False


@dataclass(slots=True)
class DeletedSeries:
    """What goes of one series."""

    address: Address
    rows: int = 0
    removed: int = 0
    """Partitions that go whole."""
    rewritten: int = 0
    """Partitions that keep some of their rows."""


@dataclass(slots=True)
class DeleteReport:
    """What a delete did, or would do."""

    before: int
    """The snapshot that has the rows still."""
    snapshot: int
    run: str | None = None
    status: Literal["committed", "unchanged", "dry_run"] = "unchanged"
    series: list[DeletedSeries] = field(default_factory=list)


@dataclass(slots=True)
class _Plan:
    """The natural partitions of one series that a delete meets."""

    series: SeriesRow
    whole: list[FileRow]
    edges: dict[str, FileRow]
    told: DeletedSeries


def delete(
    config: Config,
    request: DeleteRequest,
    progress: Callable[[int, int, Address], None] | None = None,
    *,
    checks: Callable[[str], Sequence[Check]] = no_checks,
) -> DeleteReport:
    """Delete the rows of a range, each series in a commit of its own.

    Partitions that lie wholly in the range go without being read, so that a damaged one can be deleted too. Stopped at
    any moment, the next delete goes on where it was.

    Args:
        config: The lake.
        request: What to delete.
        progress: Told how many series of how many are done, and the last one.
        checks: Gives the user's own checks of an asset, by its key, for partitions that keep some rows.

    Raises:
        LakeError: USAGE, UNKNOWN_SERIES for a selection that fits nothing; AMBIGUOUS when it reaches over several
            exchanges; DERIVED when a partition that the lake made would be cut; CHECK, LOCKED, DISK_FULL, STORAGE.
    """
    with Manifest.open(config) as manifest:
        before = manifest.snapshot()
        chosen = select(manifest, request.selection)
        if not request.all_exchanges:
            _refuse_several(chosen)
        plans = [plan for series in chosen if (plan := _plan(config, manifest, series, request)) is not None]
    report = DeleteReport(before, before, series=[plan.told for plan in plans])
    if request.dry_run:
        report.status = "dry_run"
    elif plans:
        command = " ".join(["delete", *request.selection])
        with Writer(config) as writer, writing.run(writer, "delete", command) as run_id:
            report.run = run_id
            for done, plan in enumerate(plans, 1):
                report.snapshot = _delete(config, writer, run_id, plan, request, checks)
                report.status = "committed"
                if progress is not None:
                    progress(done, len(plans), plan.series.address)
            writer.end_run(run_id, "ok")
    return report


def _refuse_several(chosen: Sequence[SeriesRow]) -> None:
    names = sorted({series.address.exchange for series in chosen})
    if len(names) > 1:
        raise LakeError(
            "AMBIGUOUS",
            f"the selection reaches over {len(names)} exchanges",
            where=", ".join(names),
            why="A delete stays within one exchange unless it is told otherwise.",
            fix=["name one exchange", "--all-exchanges"],
        )


def _plan(config: Config, manifest: Manifest, series: SeriesRow, request: DeleteRequest) -> _Plan | None:
    """Find the partitions that have rows in the range; None where there are none."""
    start, end = _range(request)
    met = {
        label: file
        for label, file in writing.live_files(manifest, series.address).items()
        if file.last_ns >= start and file.first_ns < end
    }
    plan = _Plan(series, [], {}, DeletedSeries(series.address))
    for label, file in met.items():
        if start <= file.first_ns and file.last_ns < end:
            plan.whole.append(file)
            plan.told.removed += 1
            plan.told.rows += file.rows
            continue
        low, high = max(start, file.start_ns), min(end, file.end_ns)
        count = Scan(config, manifest, [series.address], start_ns=low, end_ns=high).count()
        if count:
            plan.edges[label] = file
            plan.told.rewritten += 1
            plan.told.rows += count
    if plan.edges and graph.derivations(manifest, series.id):
        message = f"{series.address} is made from others: its partitions can only be deleted whole"
        fix = [
            "choose --start and --end at the partitions' own",
            "or correct what it is made from, and aggregate again",
        ]
        raise LakeError("DERIVED", message, where=next(iter(plan.edges)), fix=fix)
    return plan if plan.told.rows else None


def _range(request: DeleteRequest) -> tuple[int, int]:
    return (
        FIRST_NS if request.start_ns is None else request.start_ns,
        END_NS if request.end_ns is None else request.end_ns,
    )


def _delete(
    config: Config,
    writer: Writer,
    run_id: str,
    plan: _Plan,
    request: DeleteRequest,
    checks: Callable[[str], Sequence[Check]],
) -> int:
    """Commit one series' delete; return the snapshot."""
    address, schema = plan.series.address, schema_of(plan.series.address.key)
    start, end = _range(request)
    scale = layout.NS_PER[rows.unit(schema)]

    def outside(table: pa.Table) -> pa.Table:
        ts = rows.times(table)
        low, high = np.searchsorted(ts, [-(-start // scale), -(-end // scale)])
        return pa.concat_tables([table.slice(0, int(low)), table.slice(int(high))])

    staging = Staging(config.data, run_id)
    try:
        with ThreadPoolExecutor(config.threads, thread_name_prefix="delete") as pool:
            intake = Intake(
                staging=staging,
                places=Places(config),
                address=address,
                schema=schema,
                run_id=run_id,
                live=plan.edges,
                on_conflict="newest",
                pool=pool,
                budget=config.memory_mb * 1_000_000 // 2,
            )
            try:
                intake.keep_stored = outside
                removed = [*plan.whole, *intake.claim(start, end - 1)]
                delivery = writing.Delivery(
                    address, schema, intake, intake.settle(), removed, checks=checks(address.key)
                )
                delivery.before_commit = lambda: _refuse_overtaken(delivery, start, end)
                change = Change(run_id, "delete", message=request.message or f"{plan.told.rows:,} rows")
                return writing.commit(config, writer, change, delivery)
            finally:
                intake.close()
    finally:
        staging.close()


def _refuse_overtaken(delivery: writing.Delivery, start: int, end: int) -> None:
    """Refuse to remove a partition whole into which another writer put rows outside the range meanwhile."""
    for file in delivery.removed:
        if file.first_ns < start or file.last_ns >= end:
            message = f"another writer changed {file.partition} while it was to be deleted"
            raise LakeError("LOCKED", message, where=str(delivery.address))
