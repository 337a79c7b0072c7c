"""What a comparison of sources is asked, and what it says: counts by source and by column, and the differences."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pyarrow as pa

if TYPE_CHECKING:
    from schemas.keys import Address

KEPT = 1_000
"""Differences that a report holds unless told otherwise."""


@dataclass(frozen=True, slots=True)
class Source:
    """One of those that are compared: a series at a snapshot."""

    address: Address
    snapshot: int

    def __str__(self) -> str:
        return f"{self.address}@{self.snapshot}"


@dataclass(frozen=True, slots=True)
class ReconcileRequest:
    """How to compare sources."""

    prefer: tuple[str, ...] = ()
    """Addresses or patterns, the most trusted first; empty: those of dl.toml, else the order they are named in."""
    start_ns: int | None = None
    end_ns: int | None = None
    whole: bool = False
    """Whether to look beyond the time that all sources have."""
    columns: tuple[str, ...] = ()
    """Only these; empty: every one of numbers."""
    absolute: float = 0.0
    """Prices that are no farther apart are the same."""
    ticks: float = 0.0
    """The same, in tick sizes of the most trusted source's instrument."""
    relative: float = 0.0
    """Values that are no farther apart, as a part of the greater one, are the same."""
    limit: int | None = KEPT
    """How many differences the report holds; None for all."""


@dataclass(slots=True)
class SourceTally:
    """What was counted of one source."""

    source: Source
    rows: int = 0
    """Rows in the span that was compared."""
    outside: int = 0
    """Its other rows in the range that was asked for."""
    preferred: int = 0
    """Times for which it is the most trusted source that has a row."""
    missing: int = 0
    """Times for which it has no row, and another source has."""
    differing: int = 0
    """Rows with a value other than that of the preferred row."""


@dataclass(slots=True)
class ColumnTally:
    """What was counted of one column, row by row against the preferred one."""

    compared: int = 0
    """Rows where both have a value."""
    differing: int = 0
    largest: float = 0.0
    """The greatest distance of values that differ."""
    unknown: int = 0
    """Rows where only one of both has a value: these are not compared."""


@dataclass(frozen=True, slots=True)
class ReconcileReport:
    """How sources differ."""

    sources: tuple[SourceTally, ...]
    """The most trusted first."""
    because: str
    """Where that order is from."""
    start_ns: int | None
    """The span that was compared, from its first to behind its last row; None without any."""
    end_ns: int | None
    times: int
    """Different times of rows."""
    agreeing: int
    """Of these, those for which all sources have a row, and no value that differs."""
    columns: dict[str, ColumnTally]
    """Those in which a row has a value."""
    count: int
    """All differences: rows that are missing, and single values."""
    differences: pa.Table
    """The first of them, as `schema` says: by time, then by source."""

    @property
    def differs(self) -> bool:
        """Whether a row is missing or a value differs, or nothing could be compared."""
        return self.agreeing < self.times or not self.times


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a comparison is, in rows of all sources."""

    done: int
    total: int


@dataclass(slots=True)
class Tallies:
    """What is counted on the way."""

    sources: list[SourceTally]
    columns: dict[str, ColumnTally] = field(default_factory=dict)
    times: int = 0
    agreeing: int = 0
    count: int = 0


def schema(unit: str) -> pa.Schema:
    """Return the columns of a difference, with times in a unit.

    `kind` is `missing` where the source has no row, and nothing follows; else `differs`, with column and values.
    """
    return pa.schema(
        [
            pa.field("ts", pa.timestamp(unit, "UTC")),
            pa.field("kind", pa.string()),
            pa.field("source", pa.string()),
            pa.field("preferred", pa.string()),
            pa.field("column", pa.string()),
            pa.field("value", pa.float64()),
            pa.field("preferred_value", pa.float64()),
        ]
    )
