"""The table of targets: what `dl export --to` may name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dl_datalake.exports import backtesters, freqtrade, hftbacktest, lean, nautilus, tables
from lake.errors import LakeError

if TYPE_CHECKING:
    from dl_datalake.exports.model import Target

TARGETS: dict[str, Target] = {
    target.name: target
    for target in (
        *tables.TARGETS,
        *freqtrade.TARGETS,
        *backtesters.TARGETS,
        *lean.TARGETS,
        *hftbacktest.TARGETS,
        *nautilus.TARGETS,
    )
}


def target_of(name: str) -> Target:
    """Return a target; USAGE when there is none of that name."""
    found = TARGETS.get(name)
    if found is None:
        raise LakeError(
            "USAGE",
            f'nothing is known of "{name}"',
            why=f"Rows are written for {', '.join(TARGETS)}.",
            fix=["dl export ADDRESS --to parquet FOLDER, which most programs read"],
        )
    return found
