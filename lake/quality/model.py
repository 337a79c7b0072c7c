"""What a look at the quality of stored rows is asked, and what it finds."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from lake.quality.rules import BY_NAME

if TYPE_CHECKING:
    from collections.abc import Mapping

    from schemas.keys import Address

KEPT = 1_000
"""Findings of one rule in one series that a report holds unless told otherwise; all are counted."""
HELD = 200_000
"""And of all series together; those that come later are only counted."""


@dataclass(frozen=True, slots=True)
class QualityRequest:
    """How to look at series."""

    start_ns: int | None = None
    end_ns: int | None = None
    rules: tuple[str, ...] = ()
    """Only these; empty: all that apply."""
    record: bool = True
    """Whether the outcome is kept in the manifest; of the past it never is."""
    limit: int = KEPT
    """How many findings of one rule in one series the report holds."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Rows that one rule speaks of, from the first to the last of them."""

    rule: str
    first_ns: int
    last_ns: int
    rows: int
    detail: str

    @property
    def severity(self) -> str:
        """How bad it is."""
        return BY_NAME[self.rule].severity


@dataclass(slots=True)
class Total:
    """All findings of one rule together."""

    findings: int = 0
    rows: int = 0


@dataclass(slots=True)
class SeriesQuality:
    """What was found in one series."""

    address: Address
    rows: int
    """Rows that were looked at."""
    thresholds: Mapping[str, float]
    """The rules that it was held to, with what counts for each."""
    totals: dict[str, Total] = field(default_factory=dict)
    """By rule, only those that found something."""
    findings: list[Finding] = field(default_factory=list)
    """By time; of each rule the first ones, as many as were asked for."""
    partitions: int = 0
    """Natural partitions that fail a rule."""

    @property
    def failing(self) -> bool:
        """Whether there is an error or a warning."""
        return any(BY_NAME[rule].severity != "note" for rule in self.totals)


@dataclass(frozen=True, slots=True)
class QualityReport:
    """What was found at a snapshot."""

    snapshot: int
    recorded: int | None
    """The snapshot that keeps the outcome; None when it was not kept."""
    series: tuple[SeriesQuality, ...]

    @property
    def failing(self) -> bool:
        """Whether any series has an error or a warning."""
        return any(each.failing for each in self.series)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a look is, in rows."""

    done: int
    total: int
    address: Address
