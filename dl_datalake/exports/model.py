"""What a target of an export is, what may be asked of it, and what an export leaves behind."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from dl_datalake.exports.job import Job
    from dl_datalake.exports.words import Layout, Name
    from dl_datalake.result import Result
    from schemas.keys import Address

    Write = Callable[[Job, Sequence[Result]], None]


@dataclass(frozen=True, slots=True)
class Target:
    """One program, or format, that rows are written for."""

    name: Name
    title: str
    takes: tuple[str, ...]
    """Assets, as `ticks/trade`; a type alone stands for all of its kinds."""
    file: str
    """What files are called, in the folder of the export."""
    columns: str
    stamp: Literal["open", "close"]
    """Which end of a bar its time is."""
    times: str
    """How times are written."""
    page: str
    """The target's own words on what it reads."""
    lost: str
    """What the lake has and the target has no place for."""
    write: Write
    layouts: tuple[Layout, ...] = ()
    """Those it leaves a choice of; none where it finds files by names of its own."""
    choice: Literal["", "any", "more"] = ""
    """What `columns` may name: `any` of the schema's instead of all, or `more` of them behind the target's own."""
    reads: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Type, or asset → the columns it is made of; all where none are said."""
    asks: tuple[str, ...] = ()
    """Which of `pair`, `place` and `tz` say something to it."""
    together: bool = False
    """Whether the series of one instrument are written together."""

    def accepts(self, address: Address) -> bool:
        """Tell whether it has a place for the rows of a series."""
        return address.type in self.takes or address.key in self.takes


@dataclass(frozen=True, slots=True)
class Wishes:
    """What may be asked of an export, besides which rows of which series."""

    layout: Layout = "path"
    columns: tuple[str, ...] | None = None
    pairs: Mapping[str, str] = field(default_factory=dict)
    """Symbol → `BASE/QUOTE`, or `BASE/QUOTE:SETTLE` for a contract."""
    place: str | None = None
    """`CLASS/MARKET`, such as `equity/usa`: what LEAN calls the place of an instrument."""
    tz: str | None = None
    """The zone of times of day, where the target's is not known."""
    filtered: bool = False
    """Whether only rows for which a condition holds are written."""
    force: bool = False
    """Whether files that are there may be replaced."""


@dataclass(frozen=True, slots=True)
class Exported:
    """One file that was written."""

    path: Path
    addresses: tuple[Address, ...]
    rows: int
    bytes: int
    first_ns: int | None
    """The `ts` of its first row; None where no column tells it."""
    last_ns: int | None


@dataclass(frozen=True, slots=True)
class ExportReport:
    """What an export wrote."""

    target: Name
    folder: Path
    snapshot: int
    files: tuple[Exported, ...]
    left_out: tuple[str, ...]
    """Series that fit the pattern and were not written, and why."""
    losses: Mapping[str, int]
    """What could not be told exactly → of how many rows."""

    @property
    def rows(self) -> int:
        """How many rows there are in all files; those of two series of an instrument are counted together."""
        return sum(file.rows for file in self.files)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an export is: rows done, of how many, and of which series."""

    done: int
    total: int
    address: Address
