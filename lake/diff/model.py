"""What a comparison says: counts of rows, by partition and by column, and a few of the rows themselves."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

if TYPE_CHECKING:
    from schemas.keys import Address


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two that are compared: a series at a snapshot."""

    address: Address
    snapshot: int

    def __str__(self) -> str:
        return f"{self.address}@{self.snapshot}"


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a comparison is, in rows of both sides that have to be read."""

    done: int
    total: int
    partition: str


@dataclass(slots=True)
class Tally:
    """What became of the rows of the old side in the new one."""

    added: int = 0
    removed: int = 0
    changed: int = 0
    """Rows under the same key that differ in some column; rows without a key are only added or removed."""
    identical: int = 0
    columns: Counter[str] = field(default_factory=Counter)
    """How many of the changed rows differ in which column."""
    reordered: bool = False
    """Whether rows with ids come in another order within one ts."""

    @property
    def differs(self) -> bool:
        """Whether the two sides are not the same rows in the same order."""
        return bool(self.added or self.removed or self.changed or self.reordered)

    def add(self, other: Tally) -> None:
        """Take in what was counted elsewhere."""
        self.added += other.added
        self.removed += other.removed
        self.changed += other.changed
        self.identical += other.identical
        self.columns += other.columns
        self.reordered |= other.reordered


@dataclass(frozen=True, slots=True)
class PartDiff:
    """A natural partition that differs."""

    partition: str
    old_rows: int
    """Rows in the range; 0 where the old side has no such partition."""
    new_rows: int
    tally: Tally


@dataclass(slots=True)
class Samples:
    """The first few rows of each kind that were met, copied out of what they were read with."""

    limit: int
    added: list[pa.Table] = field(default_factory=list)
    removed: list[pa.Table] = field(default_factory=list)
    old: list[pa.Table] = field(default_factory=list)
    new: list[pa.Table] = field(default_factory=list)

    def room(self, kept: list[pa.Table]) -> int:
        """Return how many more rows are wanted of one of the lists."""
        return self.limit - sum(int(table.num_rows) for table in kept)

    def keep(self, kept: list[pa.Table], rows: pa.Table) -> None:
        """Keep the first of some rows, as many as are still wanted."""
        count = min(self.room(kept), rows.num_rows)
        if count > 0:
            kept.append(rows.take(pa.array(np.arange(count))))


@dataclass(frozen=True, slots=True)
class DiffReport:
    """What differs; `tally` is of all partitions together."""

    old: Side
    new: Side
    start_ns: int | None
    end_ns: int | None
    tally: Tally
    partitions: tuple[PartDiff, ...]
    """Those that differ, oldest first."""
    partitions_equal: int
    """Partitions that do not differ."""
    partitions_unread: int
    """Of these, the ones whose content hashes say so: no row of theirs was read."""
    added: pa.Table
    """Samples of the new side's rows; without exchange, market and symbol."""
    removed: pa.Table
    changed_old: pa.Table
    changed_new: pa.Table
    """What the rows of `changed_old` became, row by row."""

    @property
    def differs(self) -> bool:
        """Whether anything differs."""
        return self.tally.differs
