"""Offload: files are copied to a tier, the copies are read back and hashed, and one transaction moves them there."""

from __future__ import annotations

import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING

from lake import files, tiers
from lake import write as writing
from lake.amounts import plural
from lake.config import HOT
from lake.errors import LakeError
from lake.manifest import Manifest, Writer
from lake.manifest.rows import Change, Conflict, NewMove, NewTier
from lake.manifest.tiers import tier_locations
from lake.offload.model import GRACE_S, Finding, MoveReport, OffloadRequest, Progress, batches, turn
from lake.offload.removal import Removal, count_waiting
from lake.selection import select

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lake.config import Config
    from lake.manifest.rows import FileRow
    from lake.offload.model import Tell
    from lake.tiers import Tier
    from schemas.keys import Address

    Chosen = list[tuple[Address, FileRow]]

COPIED, REUSED = "copied", "reused"
_THERE = (COPIED, REUSED)


def offload(
    config: Config, request: OffloadRequest, progress: Tell | None = None, *, now_ns: int | None = None
) -> MoveReport:
    """Move the files of old partitions to a tier, and remove hot copies whose grace is over.

    A file is moved when its copy, read back from the tier, is what the manifest says; its hot copy is hashed on the
    way, and stays for the grace. Stopped at any moment, the next offload goes on where it was.

    Args:
        config: The lake.
        request: What to move, and where to.
        progress: Told of every batch.
        now_ns: The time by which partitions are old and graces over; the clock's unless given.

    Raises:
        LakeError: USAGE, UNKNOWN_SERIES, UNKNOWN_TIER for a request that fits nothing; GRACE; TIER_UNAVAILABLE,
            TIER_FOREIGN; LOCKED, DISK_FULL, STORAGE.
    """
    if not request.force:
        _refuse_short(request.grace_s)
    now = time.time_ns() if now_ns is None else now_ns
    with Manifest.open(config) as manifest:
        report = MoveReport(manifest.snapshot())
        tier, recorded = tiers.destination(config, manifest, request.to, request.name)
        report.tier, report.location = tier.name, tier.location
        chosen = _chosen(manifest, request, now)
        if request.dry_run:
            for address, file in chosen:
                report.add(address, file)
            if not report.files:
                report.elsewhere = _elsewhere(manifest, request, now, tier.name)
            count_waiting(manifest, report, request.grace_s)
            report.status = "dry_run"
            return report
        sizes, missing = [], 0
        for _, file in chosen:
            sizes.append(file.bytes)
            missing += 0 if tier.size(file.path) == file.bytes else file.bytes
        if not sizes:
            report.elsewhere = _elsewhere(manifest, request, now, tier.name)
    # A place that has no marker is the tier's only when it has never held anything.
    if recorded:
        tier.check()
    elif sizes:
        tier.claim()
    tier.require_room(missing)
    with (
        turn(config),
        Writer(config) as writer,
        writing.run(writer, "offload", " ".join(["offload", *request.selection, "--to", tier.name])) as run_id,
    ):
        report.run = run_id
        work = _Offload(config, writer, run_id, tier, report, progress)
        recorded = _recorded(config, tier, recorded)
        work.record_tier = not recorded or recorded != tier.location
        if sizes:
            tier.sweep()
            work.all(request, now, len(sizes), sum(sizes))
        Removal(config, writer, run_id, report, progress).due(request.grace_s, now_ns)
        done = report.files or report.removed_files or report.findings
        report.status = "committed" if report.files else "unchanged"
        writer.end_run(run_id, "ok" if done else "unchanged")
    with Manifest.open(config) as manifest:
        report.snapshot = manifest.snapshot()
        count_waiting(manifest, report, request.grace_s)
    return report


def finish(
    config: Config, grace_s: float = GRACE_S, progress: Tell | None = None, *, now_ns: int | None = None
) -> MoveReport:
    """Only remove the hot copies whose grace is over, of all tiers; else as `offload`.

    Raises:
        LakeError: GRACE for a grace under an hour; LOCKED, STORAGE.
    """
    _refuse_short(grace_s)
    with Manifest.open(config) as manifest:
        report = MoveReport(manifest.snapshot())
        count_waiting(manifest, report, grace_s)
    now = time.time_ns() if now_ns is None else now_ns
    if report.first_due_ns is None or report.first_due_ns > now:
        return report
    with turn(config), Writer(config) as writer, writing.run(writer, "offload", "offload finish") as run_id:
        report.run = run_id
        Removal(config, writer, run_id, report, progress).due(grace_s, now_ns)
        writer.end_run(run_id, "ok" if report.removed_files or report.findings else "unchanged")
    with Manifest.open(config) as manifest:
        count_waiting(manifest, report, grace_s)
    return report


def _refuse_short(grace_s: float) -> None:
    if grace_s < GRACE_S:
        raise LakeError("GRACE", f"a grace of {grace_s:g} s is under an hour", fix=["--grace 1h", "--force"])


def _recorded(config: Config, tier: Tier, before: str) -> str:
    """Return where the tier lies by the manifest, now that no other offload is under way; "" when it was never used.

    Raises:
        LakeError: TIER_FOREIGN when another offload gave its name to another folder meanwhile.
    """
    with Manifest.open(config) as manifest:
        now = tier_locations(manifest).get(tier.name, "")
    if now not in {before, tier.location}:
        message = f"tier {tier.name} became another folder meanwhile: {now}"
        raise LakeError("TIER_FOREIGN", message, where=tier.location, fix=["another --name", f"--to {tier.name}"])
    return now


def _chosen(manifest: Manifest, request: OffloadRequest, now_ns: int) -> Iterator[tuple[Address, FileRow]]:
    """Yield the live hot files of partitions that ended long enough ago, a series after the other."""
    before = now_ns - request.older_than_ns
    for series in select(manifest, request.selection):
        for file in manifest.current(series.id).values():
            if file.tier == HOT and file.end_ns <= before:
                yield series.address, file


def _elsewhere(manifest: Manifest, request: OffloadRequest, now_ns: int, to: str) -> Counter[str]:
    """Count the live files of old partitions that lie in a tier other than the one they were to go to."""
    before = now_ns - request.older_than_ns
    return Counter(
        file.tier
        for series in select(manifest, request.selection)
        for file in manifest.current(series.id).values()
        if file.tier not in {HOT, to} and file.end_ns <= before
    )


class _Offload:
    """One offload under way."""

    def __init__(
        self, config: Config, writer: Writer, run_id: str, tier: Tier, report: MoveReport, progress: Tell | None
    ) -> None:
        self._config, self._writer, self._run_id, self._tier = config, writer, run_id, tier
        self._report, self._progress = report, progress
        self.record_tier = False

    def all(self, request: OffloadRequest, now_ns: int, total: int, total_bytes: int) -> None:
        """Move everything chosen, a batch in one commit."""
        done = size = 0
        with (
            Manifest.open(self._config) as manifest,
            ThreadPoolExecutor(self._config.threads, thread_name_prefix="offload") as self._pool,
        ):
            for batch in batches(_chosen(manifest, request, now_ns)):
                self._move(manifest, batch)
                done += len(batch)
                size += sum(file.bytes for _, file in batch)
                if self._progress is not None:
                    self._progress(Progress("copy", str(batch[-1][0]), done, max(total, done), size, total_bytes))

    def _move(self, manifest: Manifest, batch: Chosen) -> None:
        """Copy a batch and commit it; files that are live no more by then are left out."""
        outcomes = list(self._pool.map(self._copy, [file for _, file in batch]))
        copied = [file.path for (_, file), outcome in zip(batch, outcomes, strict=True) if outcome == COPIED]
        # Those found there too: the run that put them may have been killed before they were on disk.
        self._tier.settle([f.path for (_, f), outcome in zip(batch, outcomes, strict=True) if outcome in _THERE])
        wrong = dict(
            zip(copied, self._pool.map(self._read_back, [f for _, f in batch if f.path in set(copied)]), strict=True)
        )
        good = []
        for (address, file), outcome in zip(batch, outcomes, strict=True):
            found = wrong.get(file.path) if outcome == COPIED else outcome if isinstance(outcome, Finding) else None
            if found is not None:
                self._report.findings.append(found)
                self._report.left["damaged"] += 1
            elif outcome in _THERE:
                good.append((address, file))
            else:
                self._report.left["changed"] += 1
        self._commit(manifest, good, set(copied))
        self._report.reused += outcomes.count(REUSED)

    def _copy(self, file: FileRow) -> str | Finding:
        """Bring a file to the tier, unless it is there; return what came of it: empty when it is live no more."""
        with suppress(OSError):  # a copy that cannot be read is made anew
            if self._tier.size(file.path) == file.bytes and self._tier.sha256(file.path) == file.sha256:
                return REUSED
        source = self._config.data / file.path
        try:
            digest = self._tier.put(source, file.path)
        except LakeError as error:
            if error.code != "E_FILE_MISSING":
                raise
            if files.retired(self._config.data, file.path).exists():
                return ""
            return Finding(file.path, HOT, "missing", "nothing was copied")
        if digest == file.sha256:
            return COPIED
        self._tier.remove(file.path)
        return Finding(file.path, HOT, f"sha256:{digest}", "nothing was copied")

    def _read_back(self, file: FileRow) -> Finding | None:
        """Hash a copy as the tier gives it back; remove one that is wrong."""
        try:
            digest = self._tier.sha256(file.path)
        except OSError as error:
            found = error.strerror or str(error)
        else:
            if digest == file.sha256:
                return None
            found = f"sha256:{digest}"
        self._tier.remove(file.path)
        return Finding(file.path, self._tier.name, found, "the copy was removed; the file stays hot")

    def _commit(self, manifest: Manifest, good: Chosen, copied: set[str]) -> None:
        deadline = time.monotonic() + self._config.wait_s
        while live := self._still_live(manifest, good, copied):
            change = Change(self._run_id, "offload", message=f"{plural(len(live), 'file')} to {self._tier.name}")
            change.keeps_content = True
            change.moves = [NewMove(file.id, self._tier.name) for _, file in live]
            if self.record_tier:
                change.tiers = [NewTier(self._tier.name, self._tier.kind, self._tier.location)]
            try:
                self._report.snapshot = self._writer.commit(change)
            except Conflict as lost:
                if time.monotonic() > deadline:
                    message = "other writers kept changing the partitions to be offloaded"
                    raise LakeError("LOCKED", message, where=str(lost)) from None
                good = live
                continue
            self.record_tier = False
            for address, file in live:
                self._report.add(address, file)
            return

    def _still_live(self, manifest: Manifest, good: Chosen, copied: set[str]) -> Chosen:
        """Return the files that are live still; copies just made of the others go."""
        by_series: dict[int, list[str]] = {}
        for _, file in good:
            by_series.setdefault(file.series_id, []).append(file.partition)
        ids = {
            live.id
            for series, labels in by_series.items()
            for live in manifest.current(series, labels).values()
            if live.tier == HOT
        }
        for _, file in good:
            if file.id not in ids:
                self._report.left["changed"] += 1
                if file.path in copied:
                    self._tier.remove(file.path)
        return [(address, file) for address, file in good if file.id in ids]
