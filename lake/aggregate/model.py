"""What is asked of an aggregation, and what is said of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lake.outcome import Check
    from schemas.keys import Address

Status = Literal["committed", "unchanged", "dry_run"]


@dataclass(frozen=True, slots=True)
class AggregateRequest:
    """What to make from what.

    `to` are periods such as `5m` or `1d`; from quotes they name the side as well (`1m-bid`), or all three are made.
    Days and what is longer are cut in UTC; by `session_tz` (from `session_start` on, `17:00`) or by the sessions of
    an exchange's `calendar` if given. What a series was made with first holds for it from then on.
    """

    address: Address
    to: tuple[str, ...]
    start_ns: int | None = None
    end_ns: int | None = None
    """Only the partitions of the targets that lie in [start, end), in part or whole."""
    session_tz: str | None = None
    session_start: str | None = None
    calendar: str | None = None
    complete_to_ns: int | None = None
    """Up to where the rows are known to be all there, although neither they nor their sources' names say so."""
    only: frozenset[tuple[str, str]] | None = None
    """Only these, by target key and partition label."""
    force: bool = False
    """Make anew what is up to date, too."""
    dry_run: bool = False
    code_versions: Mapping[str, str] = field(default_factory=dict)
    """By target key; "1" where nothing is said."""
    checks: Mapping[str, Sequence[Check]] = field(default_factory=dict)
    """By target key."""


@dataclass(frozen=True, slots=True)
class TargetReport:
    """What became of one target; partitions are counted."""

    address: Address
    built: int
    """Stored anew, or gone because nothing is left of them; in a dry run, to be made."""
    unchanged: int
    """Made anew, and found to be as stored."""
    current: int
    """Up to date, and not looked at."""
    failed: int
    """Not stored: a check failed."""
    rows: int
    """Rows in those built."""
    withheld_ns: int | None
    """End of the last bucket, where that is left out because rows of it may be to come."""
    outside: int
    """Rows that lie outside the calendar's sessions and are in no bucket."""


@dataclass(frozen=True, slots=True)
class AggregateReport:
    """What an aggregation did."""

    source: Address
    targets: tuple[TargetReport, ...]
    rows_in: int
    snapshot: int
    run: str | None
    """None where nothing was done."""
    status: Status


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an aggregation is, in rows of its source."""

    source: Address
    rows_done: int
    rows_total: int
    partitions_done: int
    partitions_total: int
