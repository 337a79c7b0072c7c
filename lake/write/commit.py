"""The commit: staged partitions become a snapshot, whole or not at all."""

from __future__ import annotations

import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from lake import files, leases
from lake.errors import LakeError
from lake.intake.pieces import stored_rows
from lake.manifest import Manifest, Writer
from lake.manifest.rows import BAR_COMPLETE, AlreadyIngested, Change, CheckRecord, Conflict, NewFile
from lake.outcome import hold
from lake.staging import STAND, protect
from lake.write.sealed import Opened, live_files
from lake.write.turn import Turn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from lake.config import Config
    from lake.files import StagedFile
    from lake.intake import Intake, Settled
    from lake.manifest.rows import FileRow, NewPart
    from lake.outcome import Check
    from schemas.columns import Schema
    from schemas.keys import Address


@dataclass(slots=True)
class Delivery:
    """What one run wants to become part of the lake, for one series."""

    address: Address
    schema: Schema
    intake: Intake
    settled: list[Settled]
    removed: list[FileRow] = field(default_factory=list)
    """Live files to go without a successor."""
    opened: Opened = field(default_factory=Opened)
    """The sealed months that are met; filled in by `commit`."""
    checks: Sequence[Check] = ()
    """The user's own, that every partition which changes is held to."""
    checked: dict[str, list[CheckRecord]] = field(default_factory=dict)
    """What they found, by the path of the file; filled in by `hold_to_checks`."""

    @property
    def staged(self) -> list[StagedFile]:
        """The files it brings."""
        return [s.staged for s in self.settled if s.staged is not None] + self.opened.staged

    @property
    def gone(self) -> list[FileRow]:
        """The live files that it replaces or removes."""
        return [s.replaces for s in self.settled if s.staged and s.replaces] + self.removed + self.opened.gone


def commit(
    config: Config,
    writer: Writer,
    change: Change,
    deliveries: Sequence[Delivery],
    complete: Callable[[], None] = lambda: None,
) -> int:
    """Publish the staged files and commit them in one transaction; merge again when another writer was first.

    Files that lost a race are removed. After an unknown outcome nothing is: see `Writer.commit`.

    Args:
        config: The lake.
        writer: The manifest's writer, whose run is under way.
        change: What else the snapshot holds; what the partitions decide is filled in here.
        deliveries: The partitions, by series.
        complete: Called when the partitions are as they will be committed; again after every lost race.

    Returns:
        The number of the new snapshot.

    Raises:
        LakeError: LOCKED when the race could not be won in time; CHECK when a partition fails one; DISK_FULL, STORAGE;
            CONFLICT from a new merge.
        AlreadyIngested: The same ingest became current meanwhile.
    """
    deadline = time.monotonic() + config.wait_s
    begun = _move_last(config)
    outrun: list[StagedFile] = []
    published: list[StagedFile] = []
    with Turn(config) as turn:
        while True:
            try:
                for delivery in deliveries:
                    outrun += _open_months(config, delivery)
                    hold_to_checks(config, delivery)
                published = [file for delivery in deliveries for file in delivery.staged]
                _publish(config, deliveries, published)
                _fill(change, deliveries)
                complete()
            except Conflict as found:
                lost = found
            except BaseException:
                files.discard(config.data, [*published, *outrun])
                raise
            else:
                try:
                    snapshot = _record(config, writer, change, [*published, *outrun])
                except Conflict as told:
                    lost = told
                else:
                    break
            try:
                outrun += _merge_again(config, deliveries, lost, turn, deadline)
            except BaseException:
                files.discard(config.data, [*published, *outrun])
                raise
    # Merged once more, a partition may have come back to the very file that lost.
    files.discard(config.data, [file for file in outrun if file not in published])
    gone = [file for delivery in deliveries for file in delivery.gone]
    protect(config.data, (file.path for file in published))
    files.retire(config.data, dict.fromkeys(file.path for file in gone))
    _move_others(config, begun, snapshot)
    return snapshot


def _open_months(config: Config, delivery: Delivery) -> list[StagedFile]:
    """Copy out the days that stay as they are where others of a sealed month change; return files not needed now.

    Raises:
        Conflict: A sealed month is not what the partitions were merged with.
    """
    with Manifest.open(config) as manifest:
        days = delivery.opened.meet(manifest, delivery.address, delivery.settled, delivery.removed)
    return delivery.opened.copy(delivery.intake, days)


def hold_to_checks(config: Config, delivery: Delivery) -> None:
    """Hold the partitions that change to the user's checks, each as it would be stored, and once.

    Raises:
        LakeError: CHECK when one fails that is blocking.
    """
    for settled in delivery.settled if delivery.checks else ():
        staged = settled.staged
        if staged is None or staged.path in delivery.checked:
            continue
        path = staged.temporary if staged.temporary.exists() else config.data / staged.path
        table = pa.concat_tables(stored_rows(path, delivery.schema))
        delivery.checked[staged.path] = hold(delivery.checks, table, delivery.address, settled.partition.label)


def swap(config: Config, writer: Writer, change: Change, staged: Sequence[StagedFile], gone: Sequence[FileRow]) -> int:
    """Publish staged files and commit a change that is complete as it stands, once.

    The staged files are removed when it is known that they did not become part of the lake. After an unknown outcome
    nothing is: see `Writer.commit`.

    Args:
        config: The lake.
        writer: The manifest's writer, whose run is under way.
        change: All that the snapshot holds, the staged files among it.
        staged: The files, not yet in place.
        gone: The live files that the change replaces or removes.

    Returns:
        The number of the new snapshot.

    Raises:
        Conflict: Another writer was first; make the change anew from what is stored now.
        AlreadyIngested: The same ingest became current meanwhile.
        LakeError: LOCKED, DISK_FULL, STORAGE, and what the manifest refuses.
    """
    begun = _move_last(config)
    try:
        files.publish(config.data, staged)
    except LakeError:
        files.discard(config.data, staged)
        raise
    try:
        snapshot = _record(config, writer, change, staged)
    except Conflict:
        files.discard(config.data, staged)
        raise
    protect(config.data, (file.path for file in staged))
    files.retire(config.data, [file.path for file in gone])
    _move_others(config, begun, snapshot)
    return snapshot


def _record(config: Config, writer: Writer, change: Change, written: Sequence[StagedFile]) -> int:
    """Commit a change whose files are in place; discard these when an error leaves no doubt, but not on a Conflict."""
    try:
        return writer.commit(change)
    except AlreadyIngested:
        files.discard(config.data, written)
        raise
    except LakeError as error:
        if error.code in _NOTHING_WRITTEN:
            files.discard(config.data, written)
        raise


def _move_last(config: Config) -> int:
    """Move what the newest snapshot replaced, in case its run was killed before it could; return its number."""
    with Manifest.open(config) as manifest:
        newest = manifest.snapshot()
        files.retire(config.data, manifest.replaced_by(newest, newest))
    return newest


def _move_others(config: Config, begun: int, snapshot: int) -> None:
    """Move what snapshots replaced that came between, for the same reason: the next commit looks at the last one only.

    The commit stands whatever comes of this.
    """
    if snapshot > begun + 1:
        with suppress(LakeError), Manifest.open(config) as manifest:
            files.retire(config.data, manifest.replaced_by(begun + 1, snapshot - 1))


def _publish(config: Config, deliveries: Sequence[Delivery], staged: list[StagedFile]) -> None:
    waiting = [file for file in staged if file.temporary.exists()]
    files.publish(config.data, waiting)
    moved = {f.temporary: config.data / f.path for f in waiting}
    for run in (r for delivery in deliveries for s in delivery.settled for r in s.runs):
        if run.path in moved:
            run.path = moved[run.path]


def _fill(change: Change, deliveries: Sequence[Delivery]) -> None:
    change.files, change.checks = [], []
    change.touched, change.corrected, change.removed, change.expected = [], [], [], []
    change.relies_on = {d.address.key: d.schema.registration for d in deliveries if d.schema.registration and d.staged}
    for delivery in deliveries:
        _fill_series(change, delivery)
    change.removed.sort()


def _fill_series(change: Change, delivery: Delivery) -> None:
    address, version, opened = delivery.address, delivery.schema.version, delivery.opened
    change.touched += [(address, s.partition.label) for s in delivery.settled]
    change.corrected += [(address, s.partition.label) for s in delivery.settled if s.counts.corrected or s.rewrites]
    change.corrected += [(address, f.partition) for f in delivery.removed]
    change.removed += {file.id for file in [*delivery.removed, *opened.gone]}
    for s in delivery.settled:
        before = s.replaces or opened.around(s.partition.label)
        change.expected.append((address, s.partition.label, before.id if before else None))
        for ts in s.proven:
            change.checks.append(CheckRecord(address, s.partition.label, BAR_COMPLETE, passed=True, detail=str(ts)))
        if s.staged is not None:
            change.files.append(new_file(s.staged, version, replaces=before, unproven=s.unproven))
            change.checks += delivery.checked.get(s.staged.path, [])
    for day, staged in opened.copies.values():
        copy = new_file(staged, version, replaces=day, unproven=day.unproven, upstreams=[day.id])
        change.files.append(copy)


def new_file(
    staged: StagedFile,
    schema_version: int,
    *,
    replaces: FileRow | None = None,
    upstreams: Sequence[int] = (),
    unproven: Sequence[int] = (),
    parts: Sequence[NewPart] = (),
) -> NewFile:
    """Return what the manifest is to know of a staged file.

    Args:
        staged: The file.
        schema_version: The version of the schema its rows follow.
        replaces: The live file it takes the place of.
        upstreams: Ids of the files its rows were made from.
        unproven: Opens, in nanoseconds, of bars that may be unfinished.
        parts: The natural partitions in it, where it is sealed.
    """
    return NewFile(
        address=staged.address,
        partition=staged.partition.label,
        start_ns=staged.partition.start_ns,
        end_ns=staged.partition.end_ns,
        path=staged.path,
        rows=staged.rows,
        bytes=staged.bytes,
        first_ns=staged.first_ns,
        last_ns=staged.last_ns,
        sha256=staged.sha256,
        content_hash=staged.content_hash,
        schema_version=schema_version,
        unproven=tuple(unproven),
        replaces=None if replaces is None else replaces.id,
        upstreams=tuple(upstreams),
        parts=tuple(parts),
    )


def _merge_again(
    config: Config, deliveries: Sequence[Delivery], lost: Conflict, turn: Turn, deadline: float
) -> list[StagedFile]:
    """Merge the lost partitions with what is stored now; return the losing files that still hold the source's rows."""
    if time.monotonic() > deadline:
        raise LakeError("LOCKED", "other writers kept changing the same partitions", where=str(lost))
    turn.wait(deadline)
    still_read: list[StagedFile] = []
    for delivery in deliveries:
        named = {label for address, label in lost.partitions if address == delivery.address}
        if named:
            still_read += _merge_series_again(config, delivery, named)
    return still_read


def _merge_series_again(config: Config, delivery: Delivery, named: set[str]) -> list[StagedFile]:
    def is_lost(label: str) -> bool:
        # Also named by the month that was sealed around it meanwhile, or taken apart.
        return label in named or label[:7] in named

    held = [s.partition.label for s in delivery.settled] + [file.partition for file in delivery.removed]
    with Manifest.open(config) as manifest:
        live = live_files(manifest, delivery.address, filter(is_lost, held))
    still_read: list[StagedFile] = []
    for i, old in enumerate(delivery.settled):
        label = old.partition.label
        if not is_lost(label):
            continue
        delivery.settled[i] = delivery.intake.merge(old.partition, old.runs, old.own, live.get(label))
        if old.staged is None:
            continue
        if any(run.file is old.staged for run in old.runs):
            still_read.append(old.staged)
        else:
            files.discard(config.data, [old.staged])
    # What a replacement empties lies wholly in its range, whatever it holds by now.
    delivery.removed = [f for f in delivery.removed if not is_lost(f.partition)] + [
        live[f.partition] for f in delivery.removed if is_lost(f.partition) and f.partition in live
    ]
    return still_read


_NOTHING_WRITTEN = {"E_LOCKED", "E_SYMBOL_CASE", "E_DERIVED", "E_UNKNOWN_FEATURES", "E_FEATURE_CHANGED"}
"""Errors of a commit that leave no doubt."""


@contextmanager
def _told_stand(config: Config) -> Iterator[None]:
    """Have the files that are staged in here tell of the newest snapshot at the time."""
    with Manifest.open(config) as manifest:
        token = STAND.set(manifest.stand)
        try:
            yield
        finally:
            STAND.reset(token)


@contextmanager
def run(writer: Writer, kind: str, command: str) -> Iterator[str]:
    """Record a run in the manifest from its start to its end, whatever the end is; yield its id.

    A run that commits is ended by its commit; any other by how the block is left. Whatever the lake holds from here on
    stays until the run is over, also what it replaces itself.
    """
    run_id = writer.start_run(kind, command)
    try:
        with leases.since(writer.config, writer.newest()), _told_stand(writer.config):
            yield run_id
    except LakeError as error:
        status: Any = "refused" if error.exit == 12 else "failed"
        writer.end_run(run_id, status, {"code": error.code, "message": error.message, "where": error.where})
        raise
    except KeyboardInterrupt:
        writer.end_run(run_id, "interrupted")
        raise
    except Exception as error:
        writer.end_run(run_id, "failed", {"code": "E_UNEXPECTED", "message": repr(error)})
        raise
