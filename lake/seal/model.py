"""What a seal is asked, what it tells while it runs, and what it did."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from lake.errors import LakeError
    from schemas.keys import Address

OLDER_THAN_NS = 40 * 86_400 * 10**9
"""How long ago a month must have ended: later, corrections are rare."""
MAX_BYTES = 512_000_000
"""Months of ticks and order books above this size keep their day files, which are large enough."""


@dataclass(frozen=True, slots=True)
class SealRequest:
    """What to seal; `selection` holds addresses and patterns, none for every series."""

    selection: tuple[str, ...] = ()
    older_than_ns: int = OLDER_THAN_NS
    max_bytes: int = MAX_BYTES
    dry_run: bool = False


@dataclass(frozen=True, slots=True)
class SealedMonth:
    """One month that was sealed, or would be."""

    address: Address
    partition: str
    rows: int
    files: int
    """How many day files it had."""
    bytes_before: int
    bytes_after: int | None
    """None where nothing was written yet."""


@dataclass(slots=True)
class SealReport:
    """What a seal did."""

    snapshot: int
    run: str | None = None
    status: Literal["committed", "unchanged", "dry_run"] = "unchanged"
    months: list[SealedMonth] = field(default_factory=list)
    left: Counter[str] = field(default_factory=Counter)
    """Closed months of several day files that stay as they are, by reason: too_large, other_tier."""
    errors: list[LakeError] = field(default_factory=list)
    """Of months that could not be sealed; the others were."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a seal is: months done of all that there are to seal."""

    month: str
    """Series and month of the last one done."""
    done: int
    total: int
    bytes_done: int
    bytes_total: int
