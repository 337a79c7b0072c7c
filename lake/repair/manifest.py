"""Making the manifest anew: from the commit log, snapshot by snapshot, or from the files where that is gone too."""

from __future__ import annotations

import hashlib
from contextlib import ExitStack
from typing import TYPE_CHECKING

from lake import files, layout
from lake.errors import LakeError
from lake.manifest import Manifest, rebuilding
from lake.manifest.log import document_at
from lake.manifest.proof import files_of, is_marked, places, took_place
from lake.manifest.relogging import rewrite_log
from lake.manifest.replay import survey
from lake.manifest.tiers import lake_id
from lake.repair import footers
from lake.repair.model import Broken, Progress, Step
from lake.staging import alone, quiet, tiers_turn

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from lake.config import Config
    from lake.manifest.log import Entry
    from lake.manifest.replay import Survey
    from lake.repair.model import RepairReport, RepairRequest

    Tell = Callable[[Progress], None]

_NOT_IN_LOG = "what only the manifest knew is gone: runs that committed nothing, and when files were last verified"


def from_log(config: Config, request: RepairRequest, report: RepairReport, tell: Tell) -> None:
    """Make the manifest anew, unless it is as it should be; see `repair`."""
    tell(Progress("looking at the manifest", 0, 1))
    if _is_whole(config, report):
        return
    with ExitStack() as stack:
        if not request.plan:
            _keep_others_away(config, stack)
        tell(Progress("reading the commit log", 0, 1))
        found = survey(config.log)
        if not found.newest and not found.unreadable:
            if rebuilding.is_readable(config):
                raise _no_log(config)
            footers.rebuild(config, request, report, tell)
            return
        _replay(config, request, report, found, tell)


def _is_whole(config: Config, report: RepairReport) -> bool:
    """Whether there is a manifest, and nothing is wrong with it."""
    if not rebuilding.is_readable(config):
        return False
    try:
        with Manifest.open(config) as manifest:
            report.snapshot = manifest.snapshot()
            return not (manifest.check_integrity() or manifest.check_chain())
    except LakeError as error:
        if error.code == "E_MANIFEST_DAMAGED":
            return False
        raise


def _keep_others_away(config: Config, stack: ExitStack) -> None:
    """Let nothing else write to the lake until the stack is closed, also where there is no manifest to lock."""
    base = config.data / layout.STAGING
    stack.enter_context(alone(base, "repair", config.wait_s))
    stack.enter_context(tiers_turn(config.data, config.wait_s))
    if not stack.enter_context(quiet(config.data, clean=False)):
        raise LakeError("LOCKED", "a run is under way", where=str(base))
    stack.enter_context(rebuilding.held_off(config))


def _no_log(config: Config) -> LakeError:
    return LakeError(
        "UNREPAIRABLE",
        "there is no commit log to make the manifest from",
        where=str(config.log),
        why="The manifest is there, if not whole: nothing better can be made of the files alone.",
        fix=["dl repair --from manifest", "or move manifest.db away: what the files tell is had then"],
    )


def _replay(config: Config, request: RepairRequest, report: RepairReport, found: Survey, tell: Tell) -> None:
    commits, aborted = found.commits, list(found.aborted)
    if found.broken:
        _tell_broken(config, request, report, found)
        return
    lake = found.lake
    if found.tip_is_open and not _took_place(config, commits[-1]):
        tip = commits[-1]
        commits = commits[:-1]
        aborted.append(tip)
        text = "its files are not all there: its commit was interrupted, or they are lost"
        report.steps.append(Step("left_out", f"snapshot {tip.snapshot}", text))
    last = commits[-1].snapshot if commits else 0
    if (stored := rebuilding.newest(config)) > last:
        raise _behind(config, last, stored)
    report.snapshot, report.snapshots = last, len(commits)
    report.steps.append(Step("rebuilt", config.manifest.name, f"snapshots 1 to {last}" if last else "no snapshot"))
    report.notes.append(_NOT_IN_LOG)
    if request.plan:
        return

    def is_hot(path: str) -> bool:
        return (config.data / path).exists() or files.retired(config.data, path).exists()

    def told(done: int, total: int) -> None:
        tell(Progress("replaying", done, total))

    rebuilt = rebuilding.rebuild(config, config.log, lake, commits, is_hot=is_hot, progress=told)
    # Before the new manifest is in place: from then on others may write to the log.
    rebuilding.settle_log(config, len(found.unreadable), aborted)
    report.steps += [Step("kept", name, "the old one") for name in rebuilding.install(config, rebuilt)]
    report.status = "repaired"
    if rebuilt.records_lost:
        report.notes.append(f"{rebuilt.records_lost:,} records in quarantine are gone: the log does not have them")


def _behind(config: Config, last: int, stored: int) -> LakeError:
    return LakeError(
        "UNREPAIRABLE",
        f"the commit log ends at snapshot {last}, and the manifest at {stored}",
        where=str(config.log),
        why="A manifest made of this log would have lost snapshots that were committed.",
        fix=["dl repair --from manifest, if that is whole", "or move manifest.db away, to have what the log tells"],
    )


def from_manifest(config: Config, request: RepairRequest, report: RepairReport, tell: Tell) -> None:
    """Make the commit log anew, unless it is as it should be; see `repair`."""
    tell(Progress("looking at the manifest", 0, 1))
    if not rebuilding.is_readable(config):
        raise LakeError("MANIFEST_DAMAGED", "the manifest cannot be read", where=str(config.manifest))
    if _is_whole(config, report):
        return
    _refuse_newer_log(config)

    def told(done: int, total: int) -> None:
        tell(Progress("writing the log", done, total))

    count, kept = rewrite_log(config, told, dry_run=request.plan)
    report.snapshot = report.snapshots = count
    report.steps.append(Step("rebuilt", "_log/commits.jsonl", f"snapshots 1 to {count}" if count else "no snapshot"))
    report.steps += [Step("kept", f"_log/{kept}", "the old one")] if kept else []
    report.status = "repaired"


def _refuse_newer_log(config: Config) -> None:
    """Raise UNREPAIRABLE when the log tells of snapshots that are not in the manifest, or of another lake's."""
    found, stored = survey(config.log), rebuilding.newest(config)
    with Manifest.open(config) as manifest:
        ours = lake_id(manifest)
    if found.newest and found.lake not in {"", ours}:
        what = f"the commit log is of another lake, and goes to its snapshot {found.newest}"
    elif found.newest > stored and not _is_interrupted(config, found, stored):
        what = f"the manifest ends at snapshot {stored}, and the commit log at {found.newest}"
    else:
        return
    raise LakeError(
        "UNREPAIRABLE",
        what,
        where=str(config.log),
        why="A log made of this manifest would have lost snapshots that were committed.",
        fix=["dl repair --from log --plan", "or move the log away, to have what the manifest tells"],
    )


def _is_interrupted(config: Config, found: Survey, stored: int) -> bool:
    """Whether the log goes on by one commit only, of which nothing shows that it took place."""
    tip = next((entry for entry in found.commits if entry.snapshot == found.newest), None)
    return tip is not None and found.newest == stored + 1 and found.tip_is_open and not took_place(config, tip)


def _tell_broken(config: Config, request: RepairRequest, report: RepairReport, found: Survey) -> None:
    """Say how far the log can be replayed, and do no more; UNREPAIRABLE unless that was all that was asked."""
    last = found.commits[-1].snapshot if found.commits else 0
    upto = f"snapshot {last} of {found.newest}" if last else f"none of {found.newest} snapshots"
    if request.plan:
        report.snapshots = last
        report.broken.append(Broken("commit log", f"{found.broken}; what can be had ends at {upto}"))
        return
    raise LakeError(
        "UNREPAIRABLE",
        found.broken,
        where=str(config.log),
        why=f"The snapshots after it cannot be had: the log can be replayed to {upto}.",
        fix=["restore a backup: dl restore-backup", "or restore the log alone from one"],
    )


def _took_place(config: Config, tip: Entry) -> bool:
    """Whether a commit at the log's end took place, as far as its files tell: all are there, or one is marked."""
    said = document_at(config.log, tip)
    if is_marked(config.data, said):
        return True
    return all(
        any(_is_same(place, row["bytes"], row["sha256"]) for place in places(config.data, row["path"]))
        for row in files_of(said)
    )


def _is_same(path: Path, size: int, sha256: str) -> bool:
    with path.open("rb") as stream:
        return path.stat().st_size == size and hashlib.file_digest(stream, "sha256").hexdigest() == sha256
