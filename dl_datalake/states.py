"""The state of the asset graph, as the commands and the client ask for it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from lake.errors import LakeError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from lake.lineage import SeriesStatus
    from lake.lineage.reasons import Judge
    from lake.manifest import Manifest
    from lake.manifest.graph import DerivationRow
    from pipelines.selection import Selection
    from schemas.graph import Registry
    from schemas.keys import Address


def read_states(
    manifest: Manifest, registry: Registry, fits: Callable[[Address], bool] = lambda _address: True
) -> list[SeriesStatus]:
    """Return the state of series; MISSING_EXTRA or USAGE where a calendar of theirs cannot be had."""
    from lake import lineage
    from schemas.calendars import CalendarError

    try:
        return lineage.status(manifest, registry, now_ns=time.time_ns(), fits=fits, judge=judge(manifest))
    except CalendarError as error:
        code = "MISSING_EXTRA" if "pip install" in str(error) else "USAGE"
        fix = ["pip install 'dl-datalake[calendars]'"] if code == "MISSING_EXTRA" else ["correct the freshness"]
        raise LakeError(code, str(error), why="An asset's freshness is counted by it.", fix=fix) from error


def judge(manifest: Manifest) -> Judge:
    """Return what tells whether features are stale; it reads rows, so what that needs is only loaded when asked."""

    def judged(derivations: Sequence[DerivationRow]) -> Mapping[int, tuple[str, ...]]:
        from lake.features import restated

        return restated.reasons(manifest, derivations)

    return judged


def choose(manifest: Manifest, registry: Registry, selection: str | Sequence[str] | None) -> Selection:
    """Return what a user selected of a lake; everything where nothing is named."""
    from pipelines.selection import select

    return select(selection or (), registry, [row.address for row in manifest.series()])
