"""The one way into a repair."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lake.errors import LakeError
from lake.repair.copies import from_cold
from lake.repair.manifest import from_log, from_manifest
from lake.repair.model import RepairReport
from lake.repair.sources import from_source

if TYPE_CHECKING:
    from collections.abc import Callable

    from lake.config import Config
    from lake.repair.model import Progress, RepairRequest


def repair(config: Config, request: RepairRequest, progress: Callable[[Progress], None] | None = None) -> RepairReport:
    """Make again what is lost or damaged, as far as something else tells it; nothing is removed.

    `log` makes manifest.db anew, when it is missing or not as its log has it: every snapshot is replayed and must have
    the hash it had. With the log gone too, the files that are marked as committed give the present. `manifest` makes
    the log anew, when that is what is missing or damaged. `cold` looks at every file, and puts a good copy from another
    place where one is bad. `source` ingests again, aside, what bad files were made of, and takes the result only if it
    has the content that was stored: as the same file where it has the same bytes, else as a new one for a live file.

    Stopped at any moment, the same repair goes on where it was.

    Args:
        config: The lake; its manifest may be missing.
        request: From what, and of which series.
        progress: Told how far it is.

    Raises:
        LakeError: UNREPAIRABLE when nothing can be made of what is left; USAGE for a selection with `log`; LOCKED while
            others write; UNKNOWN_SERIES, LAKE_NOT_INITIALISED, MANIFEST_DAMAGED, DISK_FULL, STORAGE.
    """
    report = RepairReport(request.way)
    tell = progress or (lambda _: None)
    if request.way in {"log", "manifest"}:
        if request.selection:
            why = "The manifest and its log are of the whole lake."
            way = f"--from {request.way}"
            raise LakeError("USAGE", f"{way} takes no series", why=why, fix=[f"dl repair {way}"])
        (from_log if request.way == "log" else from_manifest)(config, request, report, tell)
    elif request.way == "cold":
        from_cold(config, request, report, tell)
    else:
        from_source(config, request, report, tell)
    if request.plan:
        report.status = "plan"
    return report
