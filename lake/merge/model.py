"""What the parts of a merge share: what is counted, and how rows are told apart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    import pyarrow as pa

    from schemas.columns import Schema

    Stream = Callable[[], Iterable[pa.Table]]
    """Gives rows in order of ts, from the start each time it is called."""
    Place = tuple[int, ...]
    """Where a row stands among others, as `ends` tells it."""

OnConflict = Literal["newest", "keep", "fail"]


@dataclass(slots=True)
class Counts:
    """What became of a source's rows."""

    new: int = 0
    identical: int = 0
    corrected: int = 0
    superseded: int = 0

    def add(self, other: Counts) -> None:
        """Add another count to this one."""
        self.new += other.new
        self.identical += other.identical
        self.corrected += other.corrected
        self.superseded += other.superseded

    @property
    def changes(self) -> bool:
        """Whether anything stored becomes another."""
        return bool(self.new or self.corrected)


def keyed_by_id(schema: Schema) -> bool:
    """Whether rows of the schema may carry an id that is their key."""
    return schema.key == ("trade_id",)


def keyed_by_time(schema: Schema) -> bool:
    """Whether the schema's key is made of times, `ts` the first of them: then stored rows are in its order."""
    return schema.key[:1] == ("ts",)


def clocks(schema: Schema) -> tuple[str, ...]:
    """Return the columns of times that stored rows are ordered by: the key where it is made of such, else ts alone."""
    return schema.key if keyed_by_time(schema) else ("ts",)
