"""Reading what a lock pins: at its snapshot, or from the present where that holds the same rows still."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import pyarrow as pa

from lake import layout, rows
from lake.amounts import plural
from lake.errors import LakeError
from lake.manifest import graph
from lake.manifest.decode import text_of
from lake.manifest.tiers import lake_id
from lake.merge import keyed_by_time
from lake.read import Scan
from lake.study.hashing import rows_hash

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from lake.config import Config
    from lake.manifest import FileRow, Manifest, PartRow
    from lake.study.document import Lock, PinnedPart, PinnedSeries
    from schemas.keys import Address

Origin = Literal["snapshot", "present"]
_GONE = {"E_SNAPSHOT_EXPIRED", "E_UNKNOWN_SNAPSHOT"}


@dataclass(frozen=True, slots=True)
class Progress:
    """How many rows were read of how many, and of which series."""

    done: int
    total: int
    address: Address


@dataclass(frozen=True, slots=True)
class Reading:
    """The rows a lock pins of one series, planned, and where they come from."""

    scan: Scan
    origin: Origin


@dataclass(frozen=True, slots=True)
class Checked:
    """A series whose rows were read again and are the same."""

    pinned: PinnedSeries
    origin: Origin


def read(
    config: Config, manifest: Manifest, lock: Lock, address: Address, columns: Sequence[str] | None = None
) -> Reading:
    """Plan the read of exactly the rows that a lock pins of a series.

    They are read at the pinned snapshot while that can be read. Later they are read from the present, where each
    pinned partition has the same rows by its content hash; that does not know the order of rows without a key of
    times, so these are read through first, and hashed. Partitions the study did not see are left out.

    Args:
        config: The lake's.
        manifest: Open to read.
        lock: Of this lake.
        address: One of its series.
        columns: Only these, in this order.

    Raises:
        LakeError: STUDY_CHANGED with the first partition that differs and what happened to it, or when the lock is of
            another lake; USAGE when the lock has no such series, or the schema no such column.
    """
    pinned = lock.of(address)
    _of_this_lake(manifest, lock)
    series = manifest.find(address)
    if series is None:
        raise _changed(address, "is not in this lake", f"{address}", "Its rows are nowhere.")
    try:
        at = manifest.snapshot(lock.snapshot)
    except LakeError as error:
        if error.code not in _GONE:
            raise
    else:
        stored = graph.parts(manifest, series.id, pinned.start_ns, pinned.end_ns, at)
        if not _differing(pinned, stored):
            return Reading(_scan(config, manifest, pinned, columns, at), "snapshot")
    return _present(config, manifest, (lock, pinned, series.id), columns)


def check(
    config: Config, manifest: Manifest, lock: Lock, progress: Callable[[Progress], None] = lambda _at: None
) -> list[Checked]:
    """Read all that a lock pins, and compare it with what was read then.

    Args:
        config: The lake's.
        manifest: Open to read.
        lock: Of this lake.
        progress: Called as rows are read.

    Raises:
        LakeError: STUDY_CHANGED, as `read` says, at the first series that differs; what reading raises.
    """
    total, done = sum(series.rows for series in lock.series), 0
    checked = []
    for pinned in lock.series:
        reading = read(config, manifest, lock, pinned.address)
        _verify(pinned, followed(reading.scan.batches(), pinned.address, done, total, progress), reading.scan, lock, [])
        done += pinned.rows
        checked.append(Checked(pinned, reading.origin))
    return checked


def followed(
    batches: Iterable[pa.RecordBatch], address: Address, done: int, total: int, progress: Callable[[Progress], None]
) -> Iterator[pa.RecordBatch]:
    """Pass batches on, and report them; `done` counts the rows of the series before."""
    for batch in batches:
        yield batch
        done += batch.num_rows
        progress(Progress(done, total, address))


def _of_this_lake(manifest: Manifest, lock: Lock) -> None:
    here = lake_id(manifest)
    if lock.lake != here:
        raise LakeError(
            "STUDY_CHANGED",
            "the lock is of another lake",
            where=f"lake {lock.lake}; here is {here}",
            why="A snapshot's number means nothing in another lake, and its rows were not read for this study.",
            fix=["open that lake: --root", "or lock the study anew"],
        )


def _present(
    config: Config, manifest: Manifest, what: tuple[Lock, PinnedSeries, int], columns: Sequence[str] | None
) -> Reading:
    lock, pinned, series_id = what
    at = manifest.snapshot()
    stored = graph.parts(manifest, series_id, pinned.start_ns, pinned.end_ns, at)
    differing = _differing(pinned, stored)
    changed = [(part, now) for part, now in differing if not pinned.partial(part)]
    if changed:
        raise _explained(manifest, lock, pinned, changed[0])
    known = {part.partition for part in pinned.partitions}
    holes = [(part.start_ns, part.end_ns) for part in stored if part.partition not in known]
    scan = _scan(config, manifest, pinned, columns, at, holes)
    if differing or not keyed_by_time(scan.declaration):
        whole = _scan(config, manifest, pinned, None, at, holes)
        told = [_explained(manifest, lock, pinned, differing[0])] if differing else []
        _verify(pinned, whole.batches(), whole, lock, told)
    return Reading(scan, "present")


def _differing(pinned: PinnedSeries, stored: list[PartRow]) -> list[tuple[PinnedPart, PartRow | None]]:
    now = {part.partition: part for part in stored}
    return [
        (part, found)
        for part in pinned.partitions
        if (found := now.get(part.partition)) is None or not _same(part, found)
    ]


def _same(part: PinnedPart, stored: PartRow) -> bool:
    return part.rows == stored.rows and part.content_hash == stored.content_hash


def _verify(
    pinned: PinnedSeries, batches: Iterable[pa.RecordBatch], scan: Scan, lock: Lock, told: list[LakeError]
) -> None:
    """Read rows through and hold them to the pinned hash; `told` has the error for a partition known to differ."""
    digest = rows_hash(scan.declaration, batches)
    if digest.rows == pinned.rows and digest.hexdigest() == pinned.sha256:
        return
    if told:
        raise told[0]
    what = "the same rows in another order, or other values" if digest.rows == pinned.rows else "other rows"
    raise _changed(
        pinned.address,
        f"gives {what}",
        f"{pinned.partitions[0].partition} … {pinned.partitions[-1].partition}, snapshot {scan.snapshot}",
        f"{digest.rows:,} rows were read, and {pinned.rows:,} at snapshot {lock.snapshot}; every partition has the "
        "content hash that it had, which does not tell the order of rows without a key.",
    )


# ---- planning --------------------------------------------------------------------------------------------------------


def _scan(
    config: Config,
    manifest: Manifest,
    pinned: PinnedSeries,
    columns: Sequence[str] | None,
    at: int,
    holes: Sequence[tuple[int, int]] = (),
) -> Scan:
    kind = _WithHoles if holes else Scan
    scan = kind(
        config,
        manifest,
        [pinned.address],
        start_ns=pinned.start_ns,
        end_ns=pinned.end_ns,
        columns=columns,
        as_of=at,
    )
    if isinstance(scan, _WithHoles):
        scan.leave_out(holes)
    return scan


class _WithHoles(Scan):
    """A scan that leaves out partitions within its range."""

    _holes: Sequence[tuple[int, int]] = ()

    def leave_out(self, holes: Sequence[tuple[int, int]]) -> None:
        """Leave out what lies in these spans, in nanoseconds."""
        self._holes = holes
        self.plan = [
            file for file in self.plan if not any(a <= file.first_ns and file.last_ns < b for a, b in self._holes)
        ]

    def _kind(self) -> Callable[..., Scan]:
        raise LakeError(
            "USAGE",
            "nothing is made of these rows",
            where=str(self.addresses[0]),
            why="The study did not read all that lies in their range.",
            fix=["read the series itself, without the lock"],
        )

    def _covers(self, file: FileRow) -> bool:
        return super()._covers(file) and not any(a <= file.last_ns and file.first_ns < b for a, b in self._holes)

    def _trim(self, table: pa.Table) -> pa.Table:
        table = super()._trim(table)
        scale = layout.NS_PER[self._unit]
        ts = rows.times(table)
        kept = np.ones(len(ts), dtype=bool)
        for start, end in self._holes:
            low, high = np.searchsorted(ts, [-(-start // scale), -(-end // scale)])
            kept[low:high] = False
        return table if kept.all() else table.filter(pa.array(kept))


# ---- saying what happened --------------------------------------------------------------------------------------------


def _explained(
    manifest: Manifest, lock: Lock, pinned: PinnedSeries, differing: tuple[PinnedPart, PartRow | None]
) -> LakeError:
    part, now = differing
    if now is None:
        what = f"is gone: it had {plural(part.rows, 'row')}"
    elif now.rows != part.rows:
        what = f"has {plural(now.rows, 'row')}, and had {part.rows:,}"
    else:
        what = "has other values in its rows"
    told = _cause(manifest, lock, pinned.address, part)
    why = f"{told} Snapshot {lock.snapshot}, which the study read, cannot be read any more."
    return _changed(pinned.address, f"{part.partition} {what}", f"{pinned.address} {part.partition}", why.strip())


def _cause(manifest: Manifest, lock: Lock, address: Address, part: PinnedPart) -> str:
    """Say which snapshot after the pinned one changed a partition first, of those that can still be looked at."""
    series = manifest.find(address)
    if series is None:
        return ""
    start, end = part.span()
    for row in reversed(manifest.history(address)):
        if row.snapshot <= lock.snapshot:
            continue
        try:
            at = manifest.snapshot(row.snapshot)
        except LakeError:
            continue
        stored = graph.parts(manifest, series.id, start, end, at)
        if not any(each.partition == part.partition and _same(part, each) for each in stored):
            source = f" of {row.source}" if row.source else ""
            message = f", “{row.message}”" if row.message else ""
            return f"It was changed by snapshot {row.snapshot}: {row.operation}{source}, {text_of(row.at_ns)}{message}."
    return ""


def _changed(address: Address, what: str, where: str, why: str) -> LakeError:
    return LakeError(
        "STUDY_CHANGED",
        f"{address} {what}",
        where=where,
        why=why,
        fix=[f"dl history {address}", "lock the study anew"],
    )
