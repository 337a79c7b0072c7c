"""Expiring snapshots: they are read no more, and what only they needed can be given back by a vacuum."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from lake import write as writing
from lake.amounts import plural
from lake.errors import LakeError
from lake.manifest import Change, Manifest, Writer, forgetting
from lake.manifest.naming import names
from lake.manifest.rows import Conflict

if TYPE_CHECKING:
    from lake.config import Config
    from lake.manifest.forgetting import Span

GRACE_S = 3600.0
"""Snapshots that were the newest one less than this ago are not forgotten, unless that is forced."""


@dataclass(frozen=True, slots=True)
class ExpireRequest:
    """Which snapshots to keep: those that one of the two asks for, the newest one, and those with names."""

    older_than_s: float | None = None
    """Keep what could be read, as the newest, less than so many seconds ago."""
    keep_last: int | None = None
    """Keep the newest so many."""
    message: str = ""
    force: bool = False
    dry_run: bool = False


@dataclass(slots=True)
class ExpireReport:
    """What was forgotten, or would be."""

    before: int
    """The newest snapshot before."""
    snapshot: int
    run: str | None = None
    status: Literal["committed", "unchanged", "dry_run"] = "unchanged"
    spans: list[Span] = field(default_factory=list)
    """First and last of each run of snapshots that is forgotten."""
    kept: int = 0
    """How many can be read afterwards; the snapshot that says so is not counted."""
    named: int = 0
    """How many of these stay for their names alone."""
    young: int = 0
    """How many of these stay because their grace is not over."""
    oldest: int | None = None
    """The oldest that can be read afterwards."""

    @property
    def expired(self) -> int:
        """How many are forgotten."""
        return sum(last - first + 1 for first, last in self.spans)


def expire(config: Config, request: ExpireRequest, *, now_ns: int | None = None) -> ExpireReport:
    """Forget snapshots, in one commit; no file is touched.

    What the lake holds now is not changed, nor is any snapshot with a name. A snapshot is as old as its end: the time
    at which the next one took its place.

    Args:
        config: The lake.
        request: Which to keep.
        now_ns: The time by which they are old; the clock's unless given.

    Raises:
        LakeError: USAGE when nothing is asked for, and for keeping less than one; GRACE for less than an hour, unless
            it is forced; LOCKED, DISK_FULL, STORAGE.
    """
    _refuse(request)
    now = time.time_ns() if now_ns is None else now_ns
    with Manifest.open(config) as manifest:
        report = _plan(manifest, request, now)
    if request.dry_run:
        report.status = "dry_run"
        return report
    if not report.spans:
        return report
    with Writer(config) as writer, writing.run(writer, "expire", _command(request)) as run_id:
        while True:
            change = Change(run_id, "expire", ends_run=True)
            change.message = request.message or f"{plural(report.expired, 'snapshot')} forgotten"
            change.expired = report.spans
            try:
                report.snapshot = writer.commit(change)
            except Conflict:  # one of them was named, or forgotten, meanwhile
                with Manifest.open(config) as manifest:
                    report = _plan(manifest, request, now)
                if report.spans:
                    continue
                writer.end_run(run_id, "unchanged")
            else:
                report.status = "committed"
            report.run = run_id
            return report


def _refuse(request: ExpireRequest) -> None:
    if request.older_than_s is None and request.keep_last is None:
        raise LakeError(
            "USAGE",
            "nothing says which snapshots to keep",
            why="Snapshots are forgotten by age, by number, or by both.",
            fix=["--older-than 90d", "--keep-last 100"],
        )
    if request.keep_last is not None and request.keep_last < 1:
        why = "The newest snapshot always stays: it is what the lake holds now."
        raise LakeError("USAGE", f"{request.keep_last} cannot be kept", why=why, fix=["--keep-last 1"])
    if request.older_than_s is not None and request.older_than_s < GRACE_S and not request.force:
        raise LakeError("GRACE", f"{request.older_than_s:g} s is under an hour", fix=["--older-than 1h", "--force"])


def _plan(manifest: Manifest, request: ExpireRequest, now_ns: int) -> ExpireReport:
    newest = manifest.snapshot()
    report = ExpireReport(newest, newest)
    named = {row.snapshot for row in names(manifest)}
    gone = forgetting.expired(manifest)
    young_ns = None if request.force else now_ns - int(GRACE_S * 10**9)
    old_ns = None if request.older_than_s is None else now_ns - int(request.older_than_s * 10**9)
    last = newest if request.keep_last is None else newest - request.keep_last
    chosen: list[int] = []
    before: int | None = None
    for moment in forgetting.moments(manifest):
        # Each is judged when the next one is known: that took its place.
        number, before = before, moment.id
        if number is None or gone.covers(number, number):
            continue
        if (old_ns is not None and moment.at_ns > old_ns) or number > last:
            report.kept += 1
        elif number in named:
            report.named += 1
        elif young_ns is not None and moment.at_ns > young_ns:
            report.young += 1
        else:
            chosen.append(number)
            continue
        report.oldest = number if report.oldest is None else report.oldest
    report.kept += report.named + report.young + (newest > 0)
    if report.oldest is None and newest:
        report.oldest = newest
    report.spans = forgetting.spans_of(chosen)
    return report


def _command(request: ExpireRequest) -> str:
    words = ["expire"]
    if request.older_than_s is not None:
        words.append(f"--older-than {request.older_than_s:g}s")
    if request.keep_last is not None:
        words.append(f"--keep-last {request.keep_last}")
    return " ".join(words)
