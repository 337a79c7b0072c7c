"""Taking a lock: reading all of what a study reads once, at one snapshot."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lake.errors import LakeError
from lake.lookup import parse_pattern
from lake.manifest import graph
from lake.manifest.moments import snapshot_ns
from lake.manifest.tiers import lake_id
from lake.read import Scan
from lake.selection import unknown
from lake.study.document import Lock, PinnedPart, PinnedSeries
from lake.study.hashing import rows_hash
from lake.study.reading import followed

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from lake.config import Config
    from lake.manifest import Manifest, SeriesRow
    from lake.study.reading import Progress


def take(
    config: Config,
    manifest: Manifest,
    patterns: Sequence[str],
    *,
    between: tuple[int | None, int | None] = (None, None),
    as_of: int | str | None = None,
    progress: Callable[[Progress], None] = lambda _at: None,
) -> Lock:
    """Read series through, and say what they held.

    Args:
        config: The lake's.
        manifest: Open to read.
        patterns: Addresses, or patterns over those the lake held at the snapshot.
        between: Only rows of [start, end), in nanoseconds.
        as_of: The snapshot; the newest when None.
        progress: Called as rows are read.

    Raises:
        LakeError: UNKNOWN_SERIES, UNKNOWN_SNAPSHOT, SNAPSHOT_EXPIRED; USAGE when a series has no row in the range, or
            none is named; what reading raises.
    """
    at = manifest.snapshot(as_of)
    scans = []
    for row in _chosen(manifest, patterns, at):
        scan = Scan(config, manifest, [row.address], start_ns=between[0], end_ns=between[1], as_of=at)
        scans.append((row, scan))
    total, done, pinned = sum(scan.count() for _, scan in scans), 0, []
    for row, scan in scans:
        digest = rows_hash(scan.declaration, followed(scan.batches(), row.address, done, total, progress))
        if not digest.rows:
            raise LakeError(
                "USAGE",
                f"{row.address} has no row in the range",
                where=f"snapshot {at}",
                why="A lock pins the rows that were read, and none were.",
                fix=[f"dl show {row.address}", "leave the series out"],
            )
        done += digest.rows
        parts = tuple(
            PinnedPart(part.partition, part.rows, part.content_hash)
            for part in graph.parts(manifest, row.id, *between, at)
        )
        pinned.append(PinnedSeries(row.address, *between, digest.rows, digest.hexdigest(), parts))
    return Lock(lake_id(manifest), at, snapshot_ns(manifest, at), tuple(pinned))


def _chosen(manifest: Manifest, patterns: Sequence[str], at: int) -> list[SeriesRow]:
    """Return the series, each once, in the order of their addresses: the lock is the same however they were named."""
    if not patterns:
        raise LakeError(
            "USAGE",
            "no series was named",
            why="A lock pins the series that a study reads.",
            fix=["dl lock FILE ADDRESS…", "dl list"],
        )
    found: dict[int, SeriesRow] = {}
    for text in patterns:
        fitting = manifest.series(**parse_pattern(text), snapshot=at)
        if not fitting:
            raise unknown(manifest, text, at)
        found |= {row.id: row for row in fitting}
    return sorted(found.values(), key=lambda row: row.address)
