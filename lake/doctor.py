"""Looking at what a lake stands on: disks and their file systems, the clock, SQLite, and what others left behind."""

from __future__ import annotations

import os
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from lake import layout, leases, space, tiers
from lake.errors import LakeError
from lake.manifest import Manifest, health
from lake.manifest.tiers import held
from lake.staging import dead

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from lake.config import Config
    from lake.tiers import Tier

Level = Literal["ok", "note", "finding"]
DISK_LOW = 1_000_000_000
MOUNTS = Path("/proc/mounts")
_REMOTE = {"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "ceph", "glusterfs", "lustre", "virtiofs"}
"""File systems of other machines: SQLite's locks, and what a sync promises, may not hold there."""
_WEAK = {"vfat", "exfat", "msdos", "ecryptfs", "vboxsf", "prl_fs", "drvfs"}
_MEMORY = {"tmpfs", "ramfs"}
_SKEW_S = 5.0
_PATIENCE_S = 5.0
"""How long to look for foreign files; a lake has millions of its own."""
_NAMED = 3
_OWN = {
    layout.STAGING,
    layout.REPLACED,
    layout.LOG,
    layout.BOOKS,
    "_quarantine",
    "samples",
    "README.md",
    "lost+found",
    ".gitignore",
}


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at: what was found, and the way out where there is something to do."""

    name: str
    level: Level
    detail: str
    fix: str = ""


def ok(name: str, detail: str) -> Check:
    """Return a check that found nothing wrong."""
    return Check(name, "ok", detail)


def note(name: str, detail: str, fix: str) -> Check:
    """Return a check that found what is good to know, and does no harm now."""
    return Check(name, "note", detail, fix)


def finding(name: str, detail: str, fix: str) -> Check:
    """Return a check that found what can cost data, or keeps the lake from being used."""
    return Check(name, "finding", detail, fix)


def look(config: Config) -> Iterator[Check]:
    """Yield what there is to say of a lake, worst or not; nothing but probe files is written, and these are removed.

    A manifest that cannot be read is a finding, and what needs it is left out.
    """
    yield _permissions(config)
    yield _room("disk", config.data)
    if space.room(config.manifest.parent).device != space.room(config.data).device:
        yield _room("manifest disk", config.manifest.parent)
    yield _file_system(config)
    yield _clock_of("file times", config.data / layout.STAGING)
    try:
        with Manifest.open(config) as manifest:
            yield from _of_manifest(manifest)
            yield from _tiers(config, manifest)
    except LakeError as error:
        yield finding("manifest", f"{error.message}: {error.where}", error.fix[0])
    yield _staged(config)
    yield _leases(config)
    yield _foreign(config)


# ---- disks -----------------------------------------------------------------------------------------------------------


def _permissions(config: Config) -> Check:
    closed = [path for path in (config.root, config.data) if not os.access(path, os.R_OK | os.W_OK | os.X_OK)]
    files = (path for path in (config.manifest, config.log) if path.exists())
    closed += [path for path in files if not os.access(path, os.R_OK | os.W_OK)]
    if closed:
        detail = f"cannot be read and written: {', '.join(map(str, closed))}"
        return finding("permissions", detail, "run as the lake's owner")
    return ok("permissions", "readable and writable")


def _room(name: str, folder: Path) -> Check:
    found = space.room(folder)
    detail = f"{space.told(found.free)} free at {folder}"
    if not found.usable:
        return finding(name, f"{detail}, and {space.told(found.reserve)} are kept in reserve", "free some: dl vacuum")
    if found.free < DISK_LOW:
        return note(name, detail, "free some: dl vacuum, or dl offload to another disk")
    return ok(name, detail)


def _mounted(path: Path) -> tuple[str, str]:
    """Return the kind of file system that a path lies on, and where that is mounted; empty where nothing tells."""
    best = ("", "")
    with suppress(OSError):
        place = path.resolve()
        for line in MOUNTS.read_text(encoding="utf-8", errors="replace").splitlines():
            _, where, kind, *_ = line.split(" ")
            there = Path(where.replace("\\040", " ").replace("\\011", "\t").replace("\\134", "\\"))
            if place.is_relative_to(there) and len(str(there)) >= len(best[1]):
                best = (kind, str(there))
    return best


def _file_system(config: Config) -> Check:
    kinds = {}
    for name, path in (("data", config.data), ("manifest", config.manifest.parent)):
        kind, where = _mounted(path)
        kinds[name] = kind
        if kind in _REMOTE or kind.startswith("fuse.ssh"):
            detail = f"the {name} lies on {kind} ({where}): locks and syncs may not hold there"
            return finding("file system", detail, "move the lake to a disk of this machine")
        if kind in _WEAK:
            detail = f"the {name} lies on {kind} ({where}), which has no permissions or journal"
            return finding("file system", detail, "move the lake to ext4, xfs or btrfs")
        if kind in _MEMORY:
            detail = f"the {name} lies in memory ({where}): it is gone when the machine stops"
            return note("file system", detail, "move the lake to a disk")
    return ok("file system", ", ".join(f"{name} on {kind or 'an unknown kind'}" for name, kind in kinds.items()))


def _clock_of(name: str, folder: Path) -> Check:
    """Compare the time that a file system gives a new file with the clock."""
    try:
        folder.mkdir(exist_ok=True)
        before = time.time()
        with tempfile.NamedTemporaryFile(prefix=".probe-", dir=folder) as probe:
            made = os.fstat(probe.fileno()).st_mtime
        after = time.time()
    except OSError as error:
        return note(name, f"no file can be made in {folder}: {error.strerror}", "run as the lake's owner")
    skew = max(before - made, made - after)
    if skew > _SKEW_S:
        return finding(name, f"a new file in {folder} is dated {skew:.0f} s off the clock", "set the clocks")
    return ok(name, "as the clock says")


# ---- the manifest ----------------------------------------------------------------------------------------------------


def _of_manifest(manifest: Manifest) -> Iterator[Check]:
    versions = manifest.versions()
    series = len(manifest.series())
    known = f"snapshot {manifest.snapshot()}, {series:,} series, version {versions.found}"
    yield ok("manifest", f"{manifest.config.manifest}: {known}, {versions.journal_mode} journal")
    yield _sqlite(versions.sqlite, versions.journal_mode)
    yield _clock(manifest)
    yield _log(manifest)
    yield _runs(manifest)


def _sqlite(version: str, mode: str) -> Check:
    bad = health.may_lose_commits()
    if mode == "wal":
        told = "and this SQLite may lose commits in it" if bad else "which only one machine's processes can share"
        fix = "with nobody using the lake: sqlite3 manifest.db 'PRAGMA journal_mode = truncate'"
        return Check("sqlite", "finding" if bad else "note", f"{version}: the manifest is in WAL mode, {told}", fix)
    if bad:
        detail = f"{version} may lose commits in WAL mode (mended in 3.51.3), and the manifest is not in that mode"
        return note("sqlite", detail, "nothing to do; leave the journal mode as it is")
    return ok("sqlite", version)


def _clock(manifest: Manifest) -> Check:
    last = manifest.history(None, 1)
    ahead = last[0].at_ns - time.time_ns() if last else 0
    if ahead > 0:
        return finding("clock", f"{ahead / 1e9:.0f} s behind the newest snapshot", "set the clock")
    return ok("clock", "after the newest snapshot")


def _log(manifest: Manifest) -> Check:
    tail = health.log_tail(manifest)
    if tail.size < tail.known:
        detail = f"{tail.known - tail.size:,} bytes shorter than the manifest says"
        return finding("log", detail, "dl repair --from manifest")
    if tail.ahead:
        detail = f"it tells of snapshot {tail.ahead}, and the manifest ends at {tail.newest}"
        return finding("log", detail, "dl repair --from log")
    if tail.size > tail.known:
        detail = f"{tail.size - tail.known:,} bytes of a commit that is under way, or was cut short"
        return note("log", detail, "nothing to do; the next commit marks them")
    return ok("log", f"{space.told(tail.size)}, as far as the manifest")


def _runs(manifest: Manifest) -> Check:
    every = health.running(manifest)
    gone = [run for run in every if run.gone]
    if gone:
        detail = f"{len(gone)} whose process is gone: {', '.join(run.command for run in gone[:_NAMED])}"
        return note("runs", detail, "nothing is lost; the next run marks them as interrupted")
    hosts = sorted({run.host for run in every})
    return ok("runs", f"{len(every)} under way on {', '.join(hosts)}" if every else "none under way")


def _tiers(config: Config, manifest: Manifest) -> Iterator[Check]:
    holds = held(manifest)
    for name, tier in tiers.known(config, manifest).items():
        files = holds[name].files if name in holds else 0
        yield _tier(f"tier {name}", tier, files)


def _tier(name: str, tier: Tier, files: int) -> Check:
    try:
        tier.check()
    except LakeError as error:
        if files or error.code != "E_TIER_UNAVAILABLE":
            return finding(name, f"{error.message} ({tier.location}); {files:,} files lie there", error.fix[0])
        return note(name, f"not used yet: {tier.location}", "nothing to do; the first dl offload makes it")
    folder = Path(tier.location)
    detail = f"{files:,} files at {tier.location}, {space.told(space.room(folder).free)} free"
    dated = _clock_of(name, folder)
    if dated.level != "ok":
        return dated
    kind, where = _mounted(folder)
    if kind in _REMOTE:
        return note(name, f"{detail}; on {kind} ({where})", "nothing to do: copies there are read back and hashed")
    return ok(name, detail)


# ---- what others left ------------------------------------------------------------------------------------------------


def _staged(config: Config) -> Check:
    try:
        folders = dead(config.data / layout.STAGING)
    except OSError as error:
        return note("staging", f"cannot be looked at: {error.strerror}", "run as the lake's owner")
    if not folders:
        return ok("staging", "nothing of dead runs")
    size = sum(path.stat().st_size for folder in folders for path in folder.rglob("*") if path.is_file())
    detail = f"{len(folders)} folders of dead runs, {space.told(size)}"
    return note("staging", detail, "nothing to do; the next run that writes removes them")


def _leases(config: Config) -> Check:
    # None is ever stale: the kernel lets go of those of a process that died.
    spans = leases.held(config)
    if not spans:
        return ok("leases", "nobody reads or writes now")
    told = ", ".join(
        f"{first} on" if last >= leases.END - 1 else f"{first} to {last}" for first, last in spans[:_NAMED]
    )
    return ok("leases", f"snapshots in use: {told}")


def _foreign(config: Config) -> Check:
    """Look for what is not the lake's in its data folder; other engines read every Parquet file there."""
    found = _Strangers(config.data)
    if found.parquet:
        detail = f"Parquet files that are not the lake's, read by a glob: {_some(found.parquet)}{found.cut}"
        return finding("foreign files", detail, "move them elsewhere")
    if found.others:
        detail = f"not the lake's: {_some(found.others)}{found.cut}"
        return note("foreign files", detail, "move them elsewhere; the lake leaves them alone")
    return ok("foreign files", f"none{found.cut}")


def _some(paths: Sequence[str]) -> str:
    more = f" and {len(paths) - _NAMED:,} more" if len(paths) > _NAMED else ""
    return ", ".join(paths[:_NAMED]) + more


class _Strangers:
    """The files in a data folder that no run of the lake made, as far as they are met in time."""

    def __init__(self, data: Path) -> None:
        self.parquet: list[str] = []
        self.others: list[str] = []
        self.cut = ""
        deadline = time.monotonic() + _PATIENCE_S
        with suppress(OSError):
            for top in sorted(data.iterdir()):
                if top.is_dir() and layout.names_exchange(top.name):
                    self._walk(top, data, deadline)
                elif top.name not in _OWN:
                    self.others.append(top.name)

    def _walk(self, top: Path, data: Path, deadline: float) -> None:
        skipped = len(str(data)) + 1
        for folder, _, names in os.walk(top):
            if time.monotonic() > deadline:
                self.cut = f" (looked for {_PATIENCE_S:g} s only)"
                return
            for name in names:
                if not layout.is_ours(name):
                    where = self.parquet if name.endswith(".parquet") else self.others
                    where.append(f"{folder[skipped:]}/{name}")
