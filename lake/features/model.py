"""What a write of feature rows is asked beyond its rows, and what it and a delete answer."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lake.delete import DeletedSeries
    from schemas.keys import Address

OnBad = Literal["refuse", "quarantine"]
"""What becomes of rows that cannot be stored: each of them refuses the write, or all are kept aside while they are few.
Unless one of the two is asked for, rows that break the schema are kept aside, and a look-ahead refuses."""


@dataclass(frozen=True, slots=True)
class Input:
    """Rows that were handed to whoever computed features of them: series of one asset, at one snapshot, in a range."""

    addresses: tuple[Address, ...]
    snapshot: int
    start_ns: int | None = None
    end_ns: int | None = None


@dataclass(frozen=True, slots=True)
class Computed:
    """What is told of how the rows were computed."""

    inputs: Sequence[Input] = ()
    """The rows they were made from; where nothing is told, all of the set's inputs."""
    code_version: str = ""
    """The version of the code; empty for the git commit of the working directory, where there is one."""
    snapshot: int | None = None
    """The snapshot at which inputs not handed over were read at; the newest when the write began, unless told."""


@dataclass(frozen=True, slots=True)
class Names:
    """Where rows go that do not say it themselves."""

    exchange: str | None = None
    market: str | None = None
    symbol: str | None = None


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a write is: bytes of the file, or 0 of 0 for a table, and rows."""

    bytes_done: int
    bytes_total: int
    rows: int
    phase: Literal["read", "merge", "commit", "done"]


@dataclass(slots=True)
class SeriesWrite:
    """What became of the rows of one series; `rows` adds up: read is the sum of the others."""

    address: str
    rows: dict[str, int]
    rejected: dict[str, int]
    """Those in quarantine, by reason."""
    files_written: int
    first_ns: int | None
    last_ns: int | None


@dataclass(slots=True)
class FeatureWriteReport:
    """What a write of feature rows did; `rows` are those of all series, and of records that name none."""

    set: str
    """Name and version, `returns.v2`."""
    status: Literal["committed", "unchanged"]
    snapshot: int
    """The new one; where nothing changed, the newest, or that of the write that had stored the same file."""
    run: str | None
    rows: dict[str, int]
    rejected: dict[str, int]
    series: list[SeriesWrite]
    files_written: int
    bytes_written: int
    lineage: int
    """Partitions of which was recorded what their rows were made from."""
    source: str | None = None
    sha256: str | None = None
    ts_from: str | None = None
    """The column that was taken for ts, where there was no such one."""
    code_version: str = ""
    warnings: list[str] = field(default_factory=list)


@dataclass(slots=True)
class FeatureDeleteReport:
    """What a delete of feature rows did, or would do."""

    set: str
    before: int
    """The snapshot that has the rows still."""
    snapshot: int
    status: Literal["committed", "unchanged", "dry_run"]
    series: list[DeletedSeries]
    ended: bool
    """Whether the version is registered no longer, or would be."""
    run: str | None = None
