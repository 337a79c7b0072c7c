"""Rolling a series back: a new snapshot in which it holds again what it held at an earlier one."""

from __future__ import annotations

import dataclasses
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import pyarrow as pa

from lake import rows, space
from lake import write as writing
from lake.declared import schema_of
from lake.errors import LakeError
from lake.intake import Intake, Memory
from lake.intake.pieces import part_rows, stored_rows
from lake.leases import Lease
from lake.lookup import parse_pattern
from lake.manifest import Change, Manifest, NewFeatureSet, Writer, graph
from lake.manifest.feature_sets import feature_sets
from lake.manifest.rows import Conflict
from lake.merge import keyed_by_time
from lake.outcome import hold, no_checks
from lake.places import Places
from lake.selection import unknown
from lake.staging import Staging

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable, Iterator, Sequence

    from lake.config import Config
    from lake.manifest import FileRow, NewDerivation, PartRow, SeriesRow
    from lake.outcome import Check
    from schemas.columns import Schema
    from schemas.keys import Address


@dataclass(frozen=True, slots=True)
class RollbackRequest:
    """Which series to roll back, and to which snapshot: a number, a name or a time."""

    selection: tuple[str, ...]
    to: int | str | dt.datetime
    message: str = ""
    dry_run: bool = False


@dataclass(slots=True)
class RolledBackSeries:
    """What a rollback changes of one series, in natural partitions."""

    address: Address
    restored: int = 0
    """Partitions that hold again what they held."""
    removed: int = 0
    """Partitions that held nothing then."""
    kept: int = 0
    """Partitions that hold the same as then, whether or not a file of theirs is stored once more."""
    rows: int = 0
    """Rows of those that are restored."""


@dataclass(slots=True)
class RollbackReport:
    """What a rollback did, or would do."""

    to: int
    before: int
    snapshot: int
    run: str | None = None
    status: Literal["committed", "unchanged", "dry_run"] = "unchanged"
    series: list[RolledBackSeries] = field(default_factory=list)


@dataclass(slots=True)
class _Plan:
    """What is to change of one series."""

    series: SeriesRow
    copies: list[FileRow]
    """The partitions as they were, each as a file row with its own days, rows and content."""
    gone: list[FileRow]
    changed: list[str]
    told: RolledBackSeries


def rollback(
    config: Config,
    request: RollbackRequest,
    progress: Callable[[int, int, Address], None] | None = None,
    *,
    checks: Callable[[str], Sequence[Check]] = no_checks,
) -> RollbackReport:
    """Have series hold again exactly the rows they held at a snapshot, each in a commit of its own.

    Nothing is forgotten: the rollback is a snapshot after all others, and can be rolled back itself. What holds the
    same rows is left as it is; of the rest the old rows are stored once more. A feature set that was deleted since is
    registered again as it was.

    Args:
        config: The lake.
        request: Which series, and to when.
        progress: Told how many series of how many are done, and the last one.
        checks: Gives the user's own checks of an asset, by its key.

    Raises:
        LakeError: UNKNOWN_SNAPSHOT, SNAPSHOT_EXPIRED, BAD_DATE, USAGE, UNKNOWN_SERIES; DERIVED for a series the lake
            made; FEATURE_CHANGED for rows of a feature set that is registered with other columns by now; FILE_DAMAGED,
            FILE_MISSING, TIER_UNAVAILABLE when old rows cannot be read; CHECK, LOCKED, DISK_FULL, STORAGE.
    """
    with Manifest.open(config) as manifest:
        before, target = manifest.snapshot(), manifest.snapshot(request.to)
    with Lease(config, target):
        return _roll_back(config, request, (before, target), progress, checks)


def _roll_back(
    config: Config,
    request: RollbackRequest,
    between: tuple[int, int],
    progress: Callable[[int, int, Address], None] | None,
    checks: Callable[[str], Sequence[Check]],
) -> RollbackReport:
    before, target = between
    places = Places(config)
    with Manifest.open(config) as manifest:
        manifest.refuse_expired(target)
        chosen = _chosen(manifest, request.selection, target)
        for series in chosen:
            _refuse_derived(manifest, series, target)
        plans = [_plan(manifest, places, series, target) for series in chosen]
    report = RollbackReport(target, before, before, series=[plan.told for plan in plans])
    todo = [plan for plan in plans if plan.changed]
    if request.dry_run:
        report.status = "dry_run"
    elif todo:
        sizes = {copy.path: copy.bytes for plan in todo for copy in plan.copies}
        space.require(config, sum(sizes.values()), "the rollback")
        command = " ".join(["rollback", *request.selection, "--to", str(target)])
        with Writer(config) as writer, writing.run(writer, "rollback", command) as run_id:
            report.run = run_id
            staging = Staging(config.data, run_id)
            try:
                work = _Rollback(config, writer, run_id, staging, places, target, checks)
                for done, plan in enumerate(todo, 1):
                    snapshot, told = work.series(plan, request.message)
                    report.series[plans.index(plan)] = told
                    if snapshot is not None:
                        report.snapshot, report.status = snapshot, "committed"
                    if progress is not None:
                        progress(done, len(todo), plan.series.address)
            finally:
                staging.close()
            writer.end_run(run_id, "ok" if report.status == "committed" else "unchanged")
    return report


def _chosen(manifest: Manifest, selection: Sequence[str], target: int) -> list[SeriesRow]:
    """Return the series that fit one of the patterns now or fitted then: those that were emptied since, too."""
    found: dict[int, SeriesRow] = {}
    for text in selection:
        fitting = [row for at in (None, target) for row in manifest.series(**parse_pattern(text), snapshot=at)]
        if not fitting:
            raise unknown(manifest, text)
        found |= {row.id: row for row in fitting}
    return list(found.values())


def _refuse_derived(manifest: Manifest, series: SeriesRow, target: int) -> None:
    """Refuse a series that is made from others, or was: its rows would come back as if nobody had made them."""
    for snapshot, verb in ((manifest.snapshot(), "is"), (target, "was")):
        upstream = graph.upstream_at(manifest, series.id, snapshot)
        if upstream is not None:
            raise LakeError(
                "DERIVED",
                f"{series.address} {verb} made from {upstream}: it cannot be rolled back by itself",
                fix=[f"dl rollback {upstream} --to SNAPSHOT", "then dl aggregate, or dl assets materialize"],
            )


def _plan(manifest: Manifest, places: Places, series: SeriesRow, target: int) -> _Plan:
    then = graph.parts(manifest, series.id, None, None, target)
    now = graph.parts(manifest, series.id, None, None)
    doubts, (schema, _) = manifest.unproven(series.id, target), _declared(manifest, series.address.key, target)
    plan = _Plan(series, [], [], [], RolledBackSeries(series.address))
    for old, new in _groups(then, now):
        differing = _differing(places, schema, old, new)
        plan.told.kept += sum(part.partition not in differing for part in new)
        if not differing:
            continue
        plan.copies += [_alone(part, doubts) for part in old]
        plan.gone += list({part.file.id: part.file for part in new}.values())
        labels = {part.partition for part in old}
        plan.changed += sorted(labels | {part.partition for part in new})
        plan.told.restored += len(labels & differing)
        plan.told.removed += len(differing - labels)
        plan.told.rows += sum(part.rows for part in old if part.partition in differing)
    return plan


def _groups(then: Sequence[PartRow], now: Sequence[PartRow]) -> Iterator[tuple[list[PartRow], list[PartRow]]]:
    """Cut what was and what is where no file of either reaches over: a sealed month's files go whole or not at all."""
    every = [(part, True) for part in then] + [(part, False) for part in now]
    every.sort(key=lambda each: each[0].file.start_ns)
    group: tuple[list[PartRow], list[PartRow]] = ([], [])
    end: int | None = None
    for part, is_old in every:
        if end is not None and part.file.start_ns >= end:
            yield group
            group, end = ([], []), None
        group[0 if is_old else 1].append(part)
        end = part.file.end_ns if end is None else max(end, part.file.end_ns)
    if end is not None:
        yield group


def _declared(manifest: Manifest, key: str, target: int) -> tuple[Schema, list[NewFeatureSet]]:
    """Return the schema that the rows of a snapshot come back by, and the registration that comes back with them."""
    then, now = (feature_sets(manifest, at, key) if key.startswith("features/") else [] for at in (target, None))
    if then and now and (said := then[0].set.changed(now[0].set)):
        message = f"{then[0].set.label} is registered otherwise than at snapshot {target}: {said}"
        why = "It was deleted since, and its rows are of other columns now."
        fix = [f"dl features delete {then[0].set.label}, then roll back", f"or read them with --as-of {target}"]
        raise LakeError("FEATURE_CHANGED", message, where=key, why=why, fix=fix)
    if then and not now:
        return then[0].set.schema, [NewFeatureSet(key, then[0].stage, then[0].definition)]
    return schema_of(manifest.config, key), []


def _differing(places: Places, schema: Schema, old: Sequence[PartRow], new: Sequence[PartRow]) -> set[str]:
    """Return the partitions that do not hold the same rows; when there is none, those that have them in another order.

    Where times alone settle the order, nothing is read.
    """
    if {part.file.id for part in old} == {part.file.id for part in new}:
        return set()
    facts = [{(part.partition, part.rows, part.content_hash) for part in parts} for parts in (old, new)]
    other = {label for label, _, _ in facts[0] ^ facts[1]}
    if other or keyed_by_time(schema):
        return other

    def sequences(parts: Sequence[PartRow]) -> dict[str, str]:
        alone = [_alone(part, ()) for part in parts]
        return {
            part.partition: rows.sequence_hash(part_rows(places.parquet(part, schema), schema, part)) for part in alone
        }

    orders = sequences(old), sequences(new)
    return {label for label in orders[0] if orders[0][label] != orders[1][label]}


def _alone(part: PartRow, doubts: Sequence[int]) -> FileRow:
    """Return a natural partition as if it were a file of its own; the path is that of the file it lies in."""
    return dataclasses.replace(
        part.file,
        partition=part.partition,
        start_ns=part.start_ns,
        end_ns=part.end_ns,
        rows=part.rows,
        first_ns=part.first_ns,
        last_ns=part.last_ns,
        content_hash=part.content_hash,
        unproven=tuple(ns for ns in doubts if part.start_ns <= ns < part.end_ns),
    )


class _Rollback:
    """One rollback under way."""

    def __init__(
        self,
        config: Config,
        writer: Writer,
        run_id: str,
        staging: Staging,
        places: Places,
        target: int,
        checks: Callable[[str], Sequence[Check]],
    ) -> None:
        self._config, self._writer, self._run_id = config, writer, run_id
        self._staging, self._places, self._target, self._checks = staging, places, target, checks

    def series(self, plan: _Plan, message: str) -> tuple[int | None, RolledBackSeries]:
        """Commit one series' rollback, planned anew when another writer was first; return the snapshot and what it did.

        None for the snapshot when others brought the series there meanwhile.
        """
        # From the first lost race on: copying alone may take longer than one is to wait for others.
        deadline: float | None = None
        while plan.changed:
            try:
                return self._commit(plan, message), plan.told
            except Conflict as lost:
                if deadline is None:
                    deadline = time.monotonic() + self._config.wait_s
                elif time.monotonic() > deadline:
                    text = "other writers kept changing the partitions to be rolled back"
                    raise LakeError("LOCKED", text, where=str(lost)) from None
                with Manifest.open(self._config) as manifest:
                    plan = _plan(manifest, self._places, plan.series, self._target)
        return None, plan.told

    def _commit(self, plan: _Plan, message: str) -> int:
        address = plan.series.address
        with Manifest.open(self._config) as manifest:
            schema, registrations = _declared(manifest, address.key, self._target)
        with ThreadPoolExecutor(self._config.threads, thread_name_prefix="rollback") as pool:
            intake = Intake(
                staging=self._staging,
                places=self._places,
                address=address,
                schema=schema,
                run_id=self._run_id,
                live={},
                on_conflict="newest",
                pool=pool,
                memory=Memory(self._config.memory_mb * 1_000_000 // 2),
            )
            staged = intake.copy(plan.copies)
        change = Change(self._run_id, "rollback", message=message or f"to snapshot {self._target}")
        own = self._checks(address.key)
        for before, file in zip(plan.copies, staged, strict=True):
            change.files.append(writing.new_file(file, schema.version, upstreams=[before.id], unproven=before.unproven))
            if own:
                table = pa.concat_tables(stored_rows(file.temporary, schema))
                change.checks += hold(own, table, address, file.partition.label)
        change.feature_sets = registrations
        change.relies_on = {address.key: schema.registration} if schema.registration and not registrations else {}
        change.removed = [file.id for file in plan.gone]
        change.derivations, change.unmade = self._lineage(plan), [(address, copy.partition) for copy in plan.copies]
        change.corrected = [(address, label) for label in plan.changed]
        return writing.swap(self._config, self._writer, change, staged, plan.gone)

    def _lineage(self, plan: _Plan) -> list[NewDerivation]:
        """Return what was known of how the rows that come back were made, where they were computed elsewhere."""
        labels = {copy.partition for copy in plan.copies}
        with Manifest.open(self._config) as manifest:
            known = graph.written_at(manifest, plan.series.id, self._target)
        return [graph.again(plan.series.address, row) for row in known if row.partition in labels]
