"""Rows that came again with other values: told from the ledgers, no row is read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lake.amounts import plural
from lake.manifest import covers

if TYPE_CHECKING:
    from lake.manifest import Manifest
    from lake.quality.collecting import Findings


def restated(
    manifest: Manifest,
    findings: Findings,
    series_id: int,
    between: tuple[int | None, int | None],
    snapshot: int,
    least: float,
) -> None:
    """Tell of the commits up to a snapshot that changed stored rows of a series."""
    start, end = between
    for each in covers.corrected(manifest, series_id, snapshot):
        outside = (start is not None and each.last_ns < start) or (end is not None and each.first_ns >= end)
        if outside or each.rows < least:
            continue
        said = f"snapshot {each.snapshot}{f': {each.name}' if each.name else ''}"
        said += f" changed {plural(each.rows, 'row')}"
        if each.series > 1:
            said += f" of {plural(each.series, 'series')} together"
        findings.add("restated", each.first_ns, each.last_ns, each.rows, said)
