"""Who needs a file that was replaced: the present does not, and what a snapshot cannot be read without is told here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lake.config import HOT
from lake.manifest import Manifest, forgetting
from lake.repair.model import Broken

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from lake.config import Config
    from lake.manifest import FileRow
    from lake.manifest.forgetting import Span
    from lake.repair.finding import Bad
    from lake.repair.model import RepairReport

GIVE_UP = (
    "the present does not need files that were replaced. Snapshots that do cannot be read where those are bad, until"
    " a whole copy is back: from a tier with dl repair --from cold, or by hand from a backup. To give those snapshots"
    " up instead: dl expire, then dl vacuum"
)
"""What it costs that files which were replaced are bad, and what ends it."""


def needed_by(manifest: Manifest, file: FileRow) -> list[Span]:
    """Return the snapshots that a file which was replaced is needed for, and that can be read; none for a live one."""
    if file.to_snapshot is None:
        return []
    gone = forgetting.expired(manifest)
    return forgetting.spans_of(n for n in range(file.from_snapshot, file.to_snapshot) if not gone.covers(n, n))


def lose(report: RepairReport, manifest: Manifest, bad: Bad, why: str) -> None:
    """Report a file that stays bad: what was found of it, why, and what that costs where it was replaced since."""
    what = f"{bad.found}; {why}"
    if bad.file.to_snapshot is not None:
        what += f"; {told(needed_by(manifest, bad.file))}"
        if GIVE_UP not in report.notes:
            report.notes.append(GIVE_UP)
    report.broken.append(Broken(bad.shown, what))


def told(needed: Sequence[Span]) -> str:
    """Say for what a replaced file is needed."""
    if not needed:
        return "replaced since, and no snapshot that can be read needs it"
    spans = [str(first) if first == last else f"{first} to {last}" for first, last in needed]
    one = len(needed) == 1 and needed[0][0] == needed[0][1]
    which = f"snapshot {spans[0]} needs" if one else f"snapshots {', '.join(spans)} need"
    return f"replaced since, only {which} it"


def superseded(config: Config, paths: Iterable[str]) -> dict[str, list[Span]]:
    """Return those of some files, as a verification names them, that were replaced, with the snapshots that need them.

    Raises:
        LakeError: LAKE_NOT_INITIALISED, MANIFEST_DAMAGED.
    """
    wanted = set(paths)
    with Manifest.open(config) as manifest:
        return {
            shown: needed_by(manifest, file)
            for file in manifest.all_files()
            if file.to_snapshot is not None
            and (shown := file.path if file.tier == HOT else f"{file.tier}:{file.path}") in wanted
        }
