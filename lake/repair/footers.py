"""The present from the files alone: with the manifest and its log gone, what their footers and their rows tell.

Only a file that is marked as committed comes back. Of several that hold the same time, the one does that was staged on
the latest snapshot. How the lake came to be what it is, is lost.
"""

from __future__ import annotations

import hashlib
import secrets
import shutil
from collections import Counter
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING

from lake import layout
from lake.errors import LakeError
from lake.lookup import schema_of
from lake.manifest import (
    Change,
    Manifest,
    NewFeatureSet,
    NewFile,
    NewMove,
    NewTier,
    Writer,
    new_run,
    packed,
    rebuilding,
)
from lake.manifest.log import make_folder
from lake.repair.model import Broken, Progress, Step
from lake.repair.nearby import lake_told, tiers_near
from lake.repair.places import set_aside
from lake.seal.month import parts_of
from schemas.features import FeatureSet
from schemas.keys import Address, Partition

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    import pyarrow.parquet as pq

    from lake.config import Config
    from lake.repair.model import Action, RepairReport, RepairRequest
    from lake.tiers import DirectoryTier
    from schemas.columns import Schema

    Tell = Callable[[Progress], None]

_WRITABLE = 0o222
_ORIGINS = (
    "the history is gone: earlier snapshots, sources, what was quarantined, what was imported of instruments and their "
    "actions, and how series were made from others"
)
_COLD = "{:,} files in tiers are part of the lake again: what was deleted after it was offloaded, comes back with them"


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A committed file, as far as its mode and its footer tell."""

    path: str
    local: Path
    tier: str
    address: Address
    partition: Partition
    lake: str
    schema: Schema
    """The one it was written by, or what that is by now."""
    version: int
    """Of the schema it was written by."""
    base: int
    """The newest snapshot when it was staged; -1 in files of before that was told."""

    @property
    def age(self) -> tuple[int, int]:
        """Later ones are younger: the snapshot they were staged on, then the time in their name."""
        return self.base, int(self.path.rpartition("/")[2].partition("-")[0], 16)


@dataclass(frozen=True, slots=True)
class _Doubt:
    """A file that does not become part of the lake, and why."""

    path: str
    why: str
    broken: bool = False
    """Whether rows may be lost with it."""
    ours: bool = True
    """Whether it has a name as the lake gives, so that it would be taken for a leftover where it lies."""
    tier: str = ""

    @property
    def shown(self) -> str:
        """Its path, behind the tier's name where it lies in one."""
        return f"{self.tier}:{self.path}" if self.tier else self.path


def rebuild(config: Config, request: RepairRequest, report: RepairReport, tell: Tell) -> None:
    """Make a manifest and a log of what lies in the data root; see `repair`.

    Raises:
        LakeError: LAKE_NOT_INITIALISED when there is no file of a lake; UNREPAIRABLE when none is marked as committed.
    """
    candidates, doubts = _look(config.data, tell)
    lake = _lake_of(config, candidates)
    near = tiers_near(config, lake, report)
    cold = [each for tier in near for each in _look_at_tier(tier, tell)]
    hot = {candidate.path for candidate in candidates}
    chosen, superseded = _youngest([*candidates, *(each for each in cold if each.path not in hot)])
    if not chosen:
        raise _nothing(config, doubts)
    doubts += [_Doubt(each.path, "another file holds the same time since") for each in superseded if not each.tier]
    found: list[tuple[NewFile, str]] = []
    for done, candidate in enumerate(chosen):
        tell(Progress("reading files", done, len(chosen)))
        outcome = _read(candidate)
        if isinstance(outcome, _Doubt):
            doubts.append(outcome)
        else:
            found.append((outcome, candidate.tier))
    _tell_found(config, report, found, doubts)
    if request.plan:
        return
    # Out of the way first: once there is a manifest, what it does not name counts as a leftover.
    for doubt in doubts:
        if doubt.ours and not doubt.tier:
            set_aside(config.data, config.data / doubt.path, doubt.path)
    if (config.data / layout.REPLACED).exists():
        set_aside(config.data, config.data / layout.REPLACED, layout.REPLACED)
    places = {tier.name: tier.location for tier in near}
    sets = _registrations(chosen)
    kept = _begin_anew(config, lake or secrets.token_hex(32), found, sets, places, report)
    report.steps += [Step("kept", name, "the old one") for name in kept]
    report.status = "repaired"


def _tell_found(config: Config, report: RepairReport, found: list[tuple[NewFile, str]], doubts: list[_Doubt]) -> None:
    report.files, report.bytes = len(found), sum(file.bytes for file, _ in found)
    report.notes.append(_ORIGINS)
    if cold := sum(bool(tier) for _, tier in found):
        report.notes.append(_COLD.format(cold))
    report.steps.append(Step("rebuilt", config.manifest.name, f"of {len(found):,} files"))
    for doubt in doubts:
        action: Action = "set_aside" if doubt.ours and not doubt.tier else "left_out"
        report.steps.append(Step(action, doubt.shown, doubt.why))
        if doubt.broken:
            report.broken.append(Broken(doubt.shown, doubt.why))
    if (config.data / layout.REPLACED).exists():
        report.steps.append(Step("set_aside", layout.REPLACED, "files that others replaced, which no snapshot names"))


def _lake_of(config: Config, candidates: Iterable[_Candidate]) -> str:
    """Return the lake's id as most files tell it, or tiers do, so that the tiers are this lake's again."""
    told = Counter(candidate.lake for candidate in candidates if candidate.lake)
    return next((lake for lake, _ in told.most_common(1)), "") or lake_told(config)


def _look_at_tier(tier: DirectoryTier, tell: Tell) -> list[_Candidate]:
    """Return the files of a tier; only what is committed is ever put there."""
    found = []
    for path in tier.paths():
        outcome = _judge(tier.local(path), path, tier.name)
        if isinstance(outcome, _Candidate):
            found.append(outcome)
        tell(Progress("looking at files", len(found), 0))
    return found


def _nothing(config: Config, doubts: list[_Doubt]) -> LakeError:
    if not any(doubt.ours for doubt in doubts):
        return LakeError("LAKE_NOT_INITIALISED", "there is nothing of a lake here", where=str(config.data))
    return LakeError(
        "UNREPAIRABLE",
        "no file here is marked as committed",
        where=str(config.data),
        why="Files that may be those of a killed run are not made part of the lake.",
        fix=["restore a backup: dl restore-backup", "or restore manifest.db or the log, _log/commits.jsonl"],
    )


def _look(data: Path, tell: Tell) -> tuple[list[_Candidate], list[_Doubt]]:
    """Sort the files below the folders of exchanges into those that may come back and the others."""
    candidates: list[_Candidate] = []
    doubts: list[_Doubt] = []
    for path in layout.data_files(data):
        if path.startswith(f"{layout.REPLACED}/"):
            continue
        outcome = _judge(data / path, path)
        if isinstance(outcome, _Candidate):
            candidates.append(outcome)
        else:
            doubts.append(outcome)
        tell(Progress("looking at files", len(candidates) + len(doubts), 0))
    return candidates, doubts


def _judge(local: Path, path: str, tier: str = "") -> _Candidate | _Doubt:
    import pyarrow as pa
    import pyarrow.parquet as pq

    if not layout.is_ours(path.rpartition("/")[2]):
        return _Doubt(path, "not a file of the lake", ours=False)
    if not tier and local.stat().st_mode & _WRITABLE:
        return _Doubt(path, "not known to have been committed")
    try:
        metadata = pq.read_metadata(local)
    except (OSError, pa.ArrowException) as error:
        return _Doubt(path, f"its footer cannot be read: {error}", broken=True)
    return _placed(local, path, tier, metadata)


def _placed(local: Path, path: str, tier: str, metadata: pq.FileMetaData) -> _Candidate | _Doubt:
    """Compare what a footer says with where the file lies, and with what the program knows."""
    told = {key.decode(): value.decode() for key, value in (metadata.metadata or {}).items() if key[:3] == b"dl."}
    try:
        address, partition = Address.parse(told["dl.address"]), Partition.parse(told["dl.partition"])
        base = int(told.get("dl.base", -1))
    except (KeyError, ValueError):
        return _Doubt(path, "its footer does not say what it is", broken=True)
    if path.rpartition("/")[0] != layout.directory(address, partition):
        return _Doubt(path, f"it is {address} {partition.label}, and lies elsewhere", broken=True)
    try:
        schema = _schema_of(address, told)
    except LakeError as error:
        again = "; register the set again, and dl features write its files" if address.type == "features" else ""
        return _Doubt(path, f"{error.message}{again}", broken=True)
    name, _, version = told.get("dl.schema", "").partition("/")
    if name != schema.name or not version.isdecimal() or not schema.since <= int(version) <= schema.version:
        return _Doubt(path, f"its schema is {told.get('dl.schema')}, not {schema.name}/{schema.version}", broken=True)
    return _Candidate(path, local, tier, address, partition, told.get("dl.lake", ""), schema, int(version), base)


def _schema_of(address: Address, told: Mapping[str, str]) -> Schema:
    """Return the schema of a file's rows: as code declares it, else as it was registered in the lake that is lost."""
    try:
        return schema_of(address.key)
    except LakeError:
        registration = told.get("dl.registration", "")
        try:
            registered = FeatureSet.from_json(registration)
        except (ValueError, KeyError, TypeError):
            registered = None
        if registered is None or registered.key != address.key:
            raise
        return replace(registered.schema, registration=registration)


def _youngest(candidates: Iterable[_Candidate]) -> tuple[list[_Candidate], list[_Candidate]]:
    """Return of the files that hold the same time the youngest, in order of series and time, and the others."""
    by_series: dict[Address, list[_Candidate]] = {}
    for candidate in candidates:
        by_series.setdefault(candidate.address, []).append(candidate)
    chosen: list[_Candidate] = []
    superseded: list[_Candidate] = []
    for address in sorted(by_series):
        taken: set[int] = set()
        kept: list[_Candidate] = []
        for candidate in sorted(by_series[address], key=lambda each: each.age, reverse=True):
            days = range(candidate.partition.day, candidate.partition.end_day)
            if taken.isdisjoint(days):
                taken.update(days)
                kept.append(candidate)
            else:
                superseded.append(candidate)
        chosen += sorted(kept, key=lambda each: each.partition.day)
    return chosen, superseded


def _read(candidate: _Candidate) -> NewFile | _Doubt:
    """Read a file through, and say what the manifest is to know of it."""
    path = candidate.local
    schema = candidate.schema
    try:
        with path.open("rb") as stream:
            digest, size = hashlib.file_digest(stream, "sha256").hexdigest(), stream.tell()
        # Its name begins as its hash did, which covers the footer as well; of the rest the pages' checksums are proof.
        if not digest.startswith(path.name.split("-")[1]):
            return _Doubt(candidate.path, "its bytes are not those its name tells of", broken=True, tier=candidate.tier)
        parts = parts_of(path, schema)
    except LakeError as error:
        if error.code != "E_FILE_DAMAGED":
            raise
        return _Doubt(candidate.path, error.message, broken=True, tier=candidate.tier)
    partition = candidate.partition
    inside = all(partition.start_ns <= part.first_ns <= part.last_ns < partition.end_ns for part in parts)
    if not parts or not inside or any(a.last_ns >= b.first_ns for a, b in pairwise(parts)):
        why = f"its rows are not those of {partition.label}"
        return _Doubt(candidate.path, why, broken=True, tier=candidate.tier)
    sealed = candidate.address.grain == "day" and partition.grain != "day"
    return NewFile(
        address=candidate.address,
        partition=partition.label,
        start_ns=partition.start_ns,
        end_ns=partition.end_ns,
        path=candidate.path,
        rows=sum(part.rows for part in parts),
        bytes=size,
        first_ns=parts[0].first_ns,
        last_ns=parts[-1].last_ns,
        sha256=digest,
        content_hash=packed.added(part.content_hash for part in parts),
        schema_version=candidate.version,
        parts=tuple(parts) if sealed else (),
    )


def _registrations(chosen: Iterable[_Candidate]) -> list[NewFeatureSet]:
    """Return the feature sets that were registered, each as the youngest file tells that knows most columns."""
    known = {each.address.key: each.schema for each in sorted(chosen, key=lambda each: (each.schema.version, each.age))}
    return [NewFeatureSet(key, "promoted", schema.registration) for key, schema in known.items() if schema.registration]


def _begin_anew(
    config: Config,
    lake: str,
    found: list[tuple[NewFile, str]],
    sets: list[NewFeatureSet],
    places: Mapping[str, str],
    report: RepairReport,
) -> list[str]:
    """Put a manifest and its log in place, the log first: from it the manifest can be made again."""
    scratch = config.data / layout.STAGING / "repair"
    shutil.rmtree(scratch, ignore_errors=True)
    inside = replace(config, data=scratch, manifest=scratch / config.manifest.name)
    empty = rebuilding.rebuild(inside, inside.log, lake, [], is_hot=lambda _: True, progress=lambda *_: None)
    rebuilding.install(inside, empty)
    run = new_run("repair", "repair --from log")
    change = Change(run.id, "repair", message="from the files alone", files=[file for file, _ in found], run=run)
    change.feature_sets = sets
    with Writer(inside) as writer:
        report.snapshot = writer.commit(change)
        _move(places, inside, writer, {file.path: tier for file, tier in found if tier}, report)
    report.snapshots = report.snapshot
    made = rebuilding.Rebuilt(inside.manifest, report.snapshot, 0)
    make_folder(config.log.parent)
    return rebuilding.install(config, made, log=inside.log)


def _move(
    places: Mapping[str, str], inside: Config, writer: Writer, moved: dict[str, str], report: RepairReport
) -> None:
    """Say of files that they lie in a tier, and there only."""
    if not moved:
        return
    with Manifest.open(inside) as manifest:
        ids = {file.id: moved[file.path] for file in manifest.all_files() if file.path in moved}
    run = new_run("repair", "repair --from log")
    change = Change(run.id, "repair", message=f"{len(ids):,} files in tiers", keeps_content=True, run=run)
    change.tiers = [NewTier(name, "directory", places[name]) for name in sorted(set(ids.values()))]
    change.moves = [NewMove(number, name) for number, name in ids.items()]
    report.snapshot = writer.commit(change)
    writer.mark_hot_gone(ids)
