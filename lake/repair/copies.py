"""Putting a whole copy of a file, from another place, where the lake's own is missing or damaged."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

from lake import files, layout
from lake import write as writing
from lake.config import HOT
from lake.manifest import Manifest, Writer
from lake.repair.finding import Bad, Places, away, bad_files, not_looked_at
from lake.repair.model import Broken, Progress, Step
from lake.repair.needed import lose
from lake.repair.places import copy_whole, keep_copy, put_in_place, set_aside
from lake.staging import Staging, tiers_turn

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from lake.config import Config
    from lake.manifest import FileRow
    from lake.repair.model import RepairReport, RepairRequest

    Tell = Callable[[Progress], None]

_NO_COPY = "no other place has it whole"


def from_cold(config: Config, request: RepairRequest, report: RepairReport, tell: Tell) -> None:
    """Restore every file that one place has whole and another has not; see `repair`."""
    with ExitStack() as stack:
        if not request.plan:
            # Nobody moves files between places, or removes any, meanwhile.
            stack.enter_context(tiers_turn(config.data, config.wait_s))
        manifest = stack.enter_context(Manifest.open(config))
        report.snapshot = manifest.snapshot()
        places = Places(config, manifest)
        todo: list[tuple[Bad, str]] = []
        for bad in bad_files(manifest, places, request.selection, tell):
            name = bad.file.tier if bad.spare is not None else places.whole_copy(bad.file)
            if name is None:
                lose(report, manifest, bad, _NO_COPY)
            else:
                todo.append((bad, name))
        for name, count in away(manifest, places).items():
            report.broken.append(not_looked_at(places, name, count))
        if not todo or request.plan:
            for bad, name in todo:
                _tell_done(report, bad, name)
            return
        writer = stack.enter_context(Writer(config))
        run_id = stack.enter_context(
            writing.run(writer, "repair", " ".join(["repair --from cold", *request.selection]))
        )
        report.run = run_id
        _restore_all(config, manifest, places, (run_id, todo), report, tell)
        report.status = "repaired"
        writer.end_run(run_id, "ok")


def _restore_all(
    config: Config,
    manifest: Manifest,
    places: Places,
    work: tuple[str, list[tuple[Bad, str]]],
    report: RepairReport,
    tell: Tell,
) -> None:
    run_id, todo = work
    staging = Staging(config.data, run_id)
    try:
        for done, (bad, name) in enumerate(todo, 1):
            if _restore(config, manifest, places, staging, bad, name):
                _tell_done(report, bad, name)
            else:
                report.broken.append(Broken(bad.shown, f"{bad.found}; the copy in {name} changed while it was read"))
            tell(Progress("restoring files", done, len(todo)))
    finally:
        staging.close()


def _tell_done(report: RepairReport, bad: Bad, name: str) -> None:
    if bad.spare is not None:
        report.steps.append(Step("set_aside", bad.shown, f"{bad.found}; {name} has it whole"))
        return
    report.steps.append(Step("restored", bad.shown, f"from {name}; it was {bad.found}"))
    report.files += 1
    report.bytes += bad.file.bytes


def _put_away(config: Config, places: Places, file: FileRow, name: str) -> None:
    """Set a bad copy aside that nothing needs; an offload or a restore makes a new one."""
    if name != HOT:
        tier = places.tiers[name]
        with tier.open(file.path) as stream:
            keep_copy(config.data, stream, f"{name}/{file.path}")
        tier.remove(file.path)
    elif (hot := places.hot(file)) is not None:
        set_aside(config.data, hot, file.path)


def _restore(config: Config, manifest: Manifest, places: Places, staging: Staging, bad: Bad, name: str) -> bool:
    """Put one file right; False when the copy is not whole any more, and nothing was changed."""
    file = bad.file
    if bad.spare is not None:
        _put_away(config, places, file, bad.spare)
        return True
    temporary = staging.path()
    with places.open(name, file) as stream:
        if not copy_whole(stream, temporary, file.sha256):
            return False
    put_back(config, manifest, places, bad, temporary)
    return True


def put_back(config: Config, manifest: Manifest, places: Places, bad: Bad, temporary: Path) -> None:
    """Put a staged file that is proven whole where a bad one lies, which is kept aside.

    Raises:
        LakeError: DISK_FULL, STORAGE, TIER_UNAVAILABLE.
    """
    file, data = bad.file, config.data
    if file.tier != HOT:
        tier = places.tiers[file.tier]
        if bad.found != "missing":
            with tier.open(file.path) as stream:
                keep_copy(data, stream, f"{file.tier}/{file.path}")
        tier.put(temporary, file.path)
        tier.settle([file.path])
        return
    damaged = places.hot(file)
    if damaged is not None:
        set_aside(data, damaged, file.path)
    old = file.to_snapshot is not None
    put_in_place(data, temporary, f"{layout.REPLACED}/{file.path}" if old else file.path)
    now = manifest.current(file.series_id, [file.partition]).get(file.partition)
    if not old and (now is None or now.id != file.id):
        files.retire(data, [file.path])  # another file took its place meanwhile
