"""What an ingest is asked and what it answers."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lake.errors import LakeError
    from lake.merge import OnConflict


@dataclass(frozen=True)
class IngestRequest:
    """What to ingest and how; see `dl ingest --help` for each."""

    sources: tuple[str, ...]
    exchange: str | None = None
    symbol: str | None = None
    market: str | None = None
    type: str | None = None
    period: str | None = None
    format: str | None = None
    columns: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    tz: str | None = None
    start_ns: int | None = None
    end_ns: int | None = None
    on_bad: Literal["quarantine", "fail"] = "quarantine"
    max_bad: str | None = None
    """`5%`, or a number of records; without it more than 5 % and more than 20 bad records refuse the file."""
    on_conflict: OnConflict = "newest"
    fetched_at_ns: int | None = None
    dry_run: bool = False
    words: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    """How the tables are written and what is in them: see `lake.sources.words`."""
    save_dialect: str | None = None
    """The name under which what was said of the columns is kept as a dialect of the user's."""


@dataclass(slots=True)
class FileReport:
    """What became of one source file; `rows` adds up: read is the sum of the others.

    A record makes one row, but for those of several, such as the messages of an order book: `records` counts what the
    file has, `rows` what was made of it, where a record that is rejected or skipped whole counts as one.
    """

    source: str
    sha256: str
    dialect: str
    addresses: list[str]
    records: int
    rows: dict[str, int]
    rejected: dict[str, int]
    skipped: dict[str, int]
    first_ns: int | None
    last_ns: int | None
    status: Literal["committed", "unchanged", "dry_run"]
    run: str | None
    snapshot: int
    files_written: int
    bytes_written: int
    evidence: list[str]
    warnings: list[str]


@dataclass(slots=True)
class IngestReport:
    """What became of all sources; `errors` are those of refused files when others went in."""

    snapshot: int
    files: list[FileReport]
    errors: list[LakeError]
    ignored: dict[str, int] = field(default_factory=dict)
    """How many files of the folders, globs and archives named are no data and were left out, by reason."""
    saved: str | None = None
    """The file that holds the dialect that was saved."""
    warnings: list[str] = field(default_factory=list)
    """What concerns no single source."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far one source is, and all of them together.

    `file` of `files`, and `all_done` of `all_total` bytes, count what was named as it lies on disk: an archive is one
    file. A source that is refused or in the lake already goes straight to `done`.
    """

    source: str
    bytes_done: int
    bytes_total: int
    rows: int
    phase: Literal["read", "merge", "commit", "done"]
    file: int = 1
    files: int = 1
    all_done: int = 0
    all_total: int = 0
