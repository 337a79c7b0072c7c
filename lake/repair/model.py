"""What a repair is asked, what it tells while it runs, and what it did."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, get_args

from lake.errors import LakeError

Way = Literal["log", "manifest", "cold", "source"]
_WAYS: tuple[Way, ...] = get_args(Way)
Action = Literal["rebuilt", "restored", "made_again", "set_aside", "kept", "left_out"]


@dataclass(frozen=True, slots=True)
class RepairRequest:
    """What to repair from; `selection` holds addresses and patterns, none for every series."""

    way: Way
    selection: tuple[str, ...] = ()
    plan: bool = False
    """Say what would be done; change nothing."""

    def __post_init__(self) -> None:
        """Raise LakeError USAGE for another way, which type checkers alone would see."""
        if self.way not in _WAYS:
            why = "A repair is from the log, the manifest, another place (cold), or from what was ingested (source)."
            fix = [f"--from {way}" for way in _WAYS]
            raise LakeError("USAGE", f"--from {self.way} is none of {', '.join(_WAYS)}", why=why, fix=fix)


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
    """Files that were put back, or found again; in a plan, those that would be tried."""
    bytes: int = 0
    steps: list[Step] = field(default_factory=list)
    broken: list[Broken] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    """What was lost for good, and what else there is to know."""

    @property
    def ok(self) -> bool:
        """Whether nothing that was looked at stays broken."""
        return not self.broken
