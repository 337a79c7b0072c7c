"""What an audit of features is asked, and what it finds: findings, which are wrong, and facts, which are not."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from lake.features.sets import Known
    from schemas.keys import Address

Kind = Literal["look_ahead", "before_inputs", "restated", "stale_set", "coverage", "null_rate"]


@dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong with some rows of a set."""

    kind: Kind
    set: str
    """`returns.v2`."""
    address: Address
    partition: str
    """A label, or the first and the last of a run; empty for the whole series."""
    count: int
    """Rows; of `coverage` partitions of the input, and of `stale_set` 1."""
    detail: str
    examples: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Fact:
    """A number that was found on the way, and is nothing wrong in itself."""

    kind: Kind
    set: str
    address: Address
    name: str
    """For `coverage` an input's key, the value being rows of the set to one of the input; for `null_rate` a column, the
    value being its share of nulls."""
    value: float
    detail: str = ""


@dataclass(slots=True)
class AuditReport:
    """What an audit looked at, and what it found."""

    snapshot: int
    sets: int = 0
    series: int = 0
    partitions: int = 0
    rows: int = 0
    findings: list[Finding] = field(default_factory=list)
    facts: list[Fact] = field(default_factory=list)

    @property
    def clean(self) -> bool:
        """Whether nothing is wrong."""
        return not self.findings


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an audit is, in partitions."""

    done: int
    total: int
    at: Address

    def __str__(self) -> str:
        """Say it for people."""
        return f"{self.done:,} of {self.total:,} partitions, {self.at}"


@dataclass(frozen=True, slots=True)
class AuditRequest:
    """What is to be audited."""

    sets: Sequence[Known]
    fits: Callable[[Address], bool] = lambda _address: True
    """Which of their series."""
    start_ns: int | None = None
    end_ns: int | None = None
    """Only partitions that lie in [start, end), in part or whole; with an end, it is not asked whether rows are due."""
