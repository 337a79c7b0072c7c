"""What a verification is asked, and what it says of the files and of the manifest."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Budget:
    """How much of the lake to look at, those files first that were looked at longest ago."""

    bytes: int | None = None
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Damage:
    """A file that is not what was stored: what was expected of it and what was found, as `sha256:…` or in words."""

    path: str
    expected: str
    found: str


GIVEN_BACK = Damage("", "", "given back")
"""A file whose bytes a vacuum gave back while it was about to be looked at."""


@dataclass(slots=True)
class Tally:
    """Copies in one tier that are as they were stored."""

    files: int = 0
    bytes: int = 0


@dataclass(slots=True)
class VerifyReport:
    """What a verification found; paths are relative to the data root, or follow the name of a tier and a colon."""

    snapshot: int = 0
    files_ok: int = 0
    """Files of which every copy that was looked at is as it was stored."""
    bytes: int = 0
    """Their bytes, those of several copies once."""
    tiers: dict[str, Tally] = field(default_factory=dict)
    """Copies that are as they were stored, by tier; a file with copies in two counts in both."""
    files_elsewhere: int = 0
    """Files of which the tier that was asked for has no copy."""
    files_skipped: int = 0
    """Files of other parts than the one that was asked for."""
    files_left: int = 0
    """Files that the budget did not reach."""
    oldest_ns: int | None = None
    """When the file that was verified longest ago was: of those this run was to look at, now that it is over. None
    where one never was, or there is none."""
    unavailable: dict[str, int] = field(default_factory=dict)
    """Files that could not be looked at because their tier is not there, by tier."""
    missing: list[str] = field(default_factory=list)
    damaged: list[Damage] = field(default_factory=list)
    chain: list[str] = field(default_factory=list)
    """What is wrong with the manifest itself."""
    orphans: list[str] = field(default_factory=list)
    """Files the manifest does not name, leftover temporary ones among them: no damage."""
    interrupted: list[str] = field(default_factory=list)
    """Commits that began and were never acknowledged: no damage."""

    @property
    def ok(self) -> bool:
        """Whether everything that was to be looked at is there, as it was stored."""
        return not (self.missing or self.damaged or self.chain or self.unavailable)
