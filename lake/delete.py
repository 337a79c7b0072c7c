"""Deleting rows: a new snapshot without them; the ones before it still have them."""

from __future__ import annotations

import dataclasses
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import numpy as np
import pyarrow as pa

from lake import layout, rows
from lake import write as writing
from lake.amounts import plural
from lake.declared import schema_of
from lake.errors import LakeError
from lake.intake import Intake, Memory
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
    snapshot: int | None = field(default=None, compare=False)
    """The first one without the rows; None where nothing was deleted."""
    upstream: Address | None = None
    """What the series is made from: making it again undoes a delete, and a rollback does not."""


@dataclass(slots=True)
class DeleteReport:
    """What a delete did, or would do."""

    before: int
    """The snapshot that has the rows still."""
    snapshot: int
    run: str | None = None
    status: Literal["committed", "unchanged", "dry_run"] = "unchanged"
    series: list[DeletedSeries] = field(default_factory=list)


class Overtaken(Exception):  # noqa: N818 -- it is an outcome to act on, not an error
    """Another writer was first, and the range cuts the partitions in another way now: plan anew."""


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
                told = _delete(config, writer, run_id, plan, request, checks)
                report.series[done - 1] = told
                if told.snapshot is not None:
                    report.snapshot, report.status = told.snapshot, "committed"
                if progress is not None:
                    progress(done, len(plans), plan.series.address)
            writer.end_run(run_id, "ok" if report.status == "committed" else "unchanged")
            report.series = [told for told in report.series if told.snapshot is not None]
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
    upstream = graph.upstream_at(manifest, series.id, manifest.snapshot())
    plan = _Plan(series, [], {}, DeletedSeries(series.address, upstream=upstream))
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
    if plan.edges and upstream is not None:
        message = f"{series.address} is made from {upstream.key}: its partitions can only be deleted whole"
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
) -> DeletedSeries:
    """Commit one series' delete, planned anew for as long as other writers are first; return what went."""
    planned: _Plan | None = plan
    deadline: float | None = None
    while planned is not None:
        try:
            return _commit(config, writer, run_id, planned, request, checks)
        except Overtaken:
            if deadline is None:
                deadline = time.monotonic() + config.wait_s
            elif time.monotonic() > deadline:
                message = "other writers kept changing the partitions to be deleted"
                raise LakeError("LOCKED", message, where=str(plan.series.address)) from None
            with Manifest.open(config) as manifest:
                planned = _plan(config, manifest, plan.series, request)
    return DeletedSeries(plan.series.address)


def _commit(
    config: Config,
    writer: Writer,
    run_id: str,
    plan: _Plan,
    request: DeleteRequest,
    checks: Callable[[str], Sequence[Check]],
) -> DeletedSeries:
    """Commit one series' delete as it is planned; Overtaken when it cannot be done so any more."""
    address, schema = plan.series.address, schema_of(config, plan.series.address.key)
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
                memory=Memory(config.memory_mb * 1_000_000 // 2),
            )
            try:
                intake.keep_stored = outside
                removed = [*plan.whole, *intake.claim(start, end - 1)]
                delivery = writing.Delivery(
                    address, schema, intake, intake.settle(), removed, checks=checks(address.key)
                )
                change = Change(run_id, "delete")

                def complete() -> None:
                    _complete(plan.told, delivery, change, start, end)
                    change.message = request.message or f"{plural(plan.told.rows, 'row')} deleted"

                plan.told.snapshot = writing.commit(config, writer, change, [delivery], complete)
                return plan.told
            finally:
                intake.close()
    finally:
        staging.close()


def _complete(told: DeletedSeries, delivery: writing.Delivery, change: Change, start: int, end: int) -> None:
    """Count what goes as the partitions are by now, and leave no doubt about bars that are gone.

    Raises:
        Overtaken: Another writer put rows outside the range into a partition that was to go whole, or took those away
            for which one was to stay; or nothing is left to delete.
    """
    rewritten = [s for s in delivery.settled if s.staged is not None]
    overtaken = any(file.first_ns < start or file.last_ns >= end for file in delivery.removed)
    emptied = any(s.rewrites and s.staged is None and s.replaces is not None for s in delivery.settled)
    if overtaken or emptied or not (delivery.removed or rewritten):
        raise Overtaken
    told.removed, told.rewritten = len(delivery.removed), len(rewritten)
    before = [*delivery.removed, *(s.replaces for s in rewritten if s.replaces is not None)]
    told.rows = sum(file.rows for file in before) - sum(s.staged.rows for s in rewritten if s.staged is not None)
    change.files = [
        dataclasses.replace(file, unproven=tuple(ns for ns in file.unproven if not start <= ns < end))
        for file in change.files
    ]
