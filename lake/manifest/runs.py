"""What the manifest tells of runs, and of the records that they put into quarantine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lake.manifest.rows import RunStatus


@dataclass(frozen=True, slots=True)
class QuarantineRun:
    """How many records of one source a run put into quarantine, and why."""

    run_id: str
    snapshot: int
    at_ns: int
    source: str | None
    sha256: str | None
    rows: int
    reasons: dict[str, int]


@dataclass(frozen=True, slots=True)
class QuarantineRow:
    """One record in quarantine."""

    run_id: str
    source: str | None
    line: int
    reason: str
    detail: str
    raw: str


@dataclass(frozen=True, slots=True)
class RunRow:
    """A run and how it ended."""

    id: str
    kind: str
    status: RunStatus
    started_ns: int
    ended_ns: int | None
    pid: int
    host: str
    boot_id: str
    command: str
    error: dict[str, Any] | None
    snapshot: int | None
    cause: str
