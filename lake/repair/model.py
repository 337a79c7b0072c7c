"""What a repair is asked, what it tells while it runs, and what it did."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Way = Literal["log", "manifest", "cold", "source"]
Action = Literal["rebuilt", "restored", "made_again", "set_aside", "kept", "left_out"]


@dataclass(frozen=True, slots=True)
class RepairRequest:
    """What to repair from; `selection` holds addresses and patterns, none for every series."""

    way: Way
    selection: tuple[str, ...] = ()
    plan: bool = False
    """Say what would be done; change nothing."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a repair is: what it is at, and how many of how many are done."""

    doing: str
    done: int
    total: int


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that was done, or would be."""

    action: Action
    what: str
    """A path relative to the data root, one in a tier behind the tier's name and a colon, or `manifest.db`."""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Broken:
    """What stays as it is, and why."""

    what: str
    why: str


@dataclass(slots=True)
class RepairReport:
    """What a repair did, or would do."""

    way: Way
    snapshot: int = 0
    """The newest snapshot afterwards."""
    run: str | None = None
    status: Literal["repaired", "unchanged", "plan"] = "unchanged"
    snapshots: int = 0
    """Snapshots that were made again."""
    files: int = 0
    """Files that were put back, or found again."""
    bytes: int = 0
    steps: list[Step] = field(default_factory=list)
    broken: list[Broken] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    """What was lost for good and does not keep the lake from being read."""

    @property
    def ok(self) -> bool:
        """Whether nothing that was looked at stays broken."""
        return not self.broken
