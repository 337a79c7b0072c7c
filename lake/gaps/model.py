"""What a search for gaps is asked, and what it finds."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, get_args

from lake.errors import LakeError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from schemas.keys import Address

Kind = Literal["market_closed", "outage_known", "quarantined", "no_trade", "vendor_gap", "not_ingested"]
KINDS: tuple[Kind, ...] = get_args(Kind)
"""The first that holds of a span is its kind."""
USUAL: tuple[Kind, ...] = tuple(kind for kind in KINDS if kind != "market_closed")
"""The kinds that are listed unless others are asked for."""
LACKING: tuple[Kind, ...] = ("quarantined", "vendor_gap", "not_ingested")
"""The kinds of gaps in which there may be rows to be had."""
HOUR_NS = 3600 * 10**9


@dataclass(frozen=True, slots=True)
class GapRequest:
    """How to look for gaps."""

    start_ns: int | None = None
    """None: from the first row on."""
    end_ns: int | None = None
    """None: up to the last row."""
    calendar: str | None = None
    """None: the one that dl.toml or the market tells."""
    min_ns: int | None = None
    """The shortest gap to be told of; None: any, an hour for series without a period."""
    kinds: tuple[Kind, ...] = USUAL


@dataclass(frozen=True, slots=True)
class Gap:
    """A span of time in which a series has no rows, half-open; all of it for one reason."""

    start_ns: int
    end_ns: int
    missing: int | None
    """Bars that are not there; None where rows have no period."""
    kind: Kind
    detail: str


@dataclass(slots=True)
class Total:
    """All gaps of one kind together."""

    gaps: int = 0
    missing: int = 0
    length_ns: int = 0


@dataclass(slots=True)
class SeriesGaps:
    """The gaps of one series; `totals` are of every kind, `gaps` only of those that were asked for."""

    address: Address
    calendar: str
    because: str
    """Why it is this calendar."""
    start_ns: int | None
    """The range that was looked at; None where the series has no rows and none was given."""
    end_ns: int | None
    rows: int
    """In the partitions of the range."""
    totals: dict[Kind, Total] = field(default_factory=dict)
    gaps: list[Gap] = field(default_factory=list)

    @property
    def missing(self) -> int:
        """Bars that are missing while the market was open."""
        return sum(total.missing for kind, total in self.totals.items() if kind != "market_closed")

    @property
    def lacking(self) -> bool:
        """Whether there is a gap in which there may be rows to be had."""
        return any(kind in self.totals for kind in LACKING)


@dataclass(frozen=True, slots=True)
class GapReport:
    """The gaps of some series at a snapshot."""

    snapshot: int
    series: tuple[SeriesGaps, ...]

    @property
    def lacking(self) -> bool:
        """Whether any series has a gap in which there may be rows to be had."""
        return any(each.lacking for each in self.series)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a search is, in partitions."""

    done: int
    total: int
    address: Address


def kinds_of(words: Iterable[str] | None) -> tuple[Kind, ...]:
    """Return the kinds that words name; `all` is every one, None the usual ones; USAGE for others."""
    if words is None:
        return USUAL
    given = [word.strip() for word in words]
    if "all" in given:
        return KINDS
    unknown = [word for word in given if word not in KINDS]
    if unknown or not given:
        raise LakeError(
            "USAGE",
            f"there is no kind of gap {', '.join(map(repr, unknown)) or 'without a name'}",
            why="Every gap has one of a few kinds.",
            fix=[f"one of {', '.join(KINDS)}, or all"],
        )
    return tuple(kind for kind in KINDS if kind in given)
