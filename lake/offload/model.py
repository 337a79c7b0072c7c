"""What an offload and a restore are asked, and what they report."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from lake.staging import tiers_turn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from lake.config import Config
    from lake.manifest.rows import FileRow
    from schemas.keys import Address

    Tell = Callable[["Progress"], None]

DAY_NS = 86_400 * 10**9
OLDER_THAN_NS = 365 * DAY_NS
GRACE_S = 3600.0
"""How long hot copies stay, and the least that is taken without force: a reader may have planned on them."""
BATCH_FILES = 2_000
BATCH_BYTES = 256_000_000
"""What one commit takes at most; a single file may be larger."""


@dataclass(frozen=True, slots=True)
class OffloadRequest:
    """What to offload, where to, and when the hot copies go."""

    selection: tuple[str, ...] = ()
    """Addresses and patterns; none for every series."""
    to: str | None = None
    """A tier's name, or a folder; may be left out where the lake has one tier only."""
    name: str | None = None
    """What to call the tier of a folder, if not after the folder."""
    older_than_ns: int = OLDER_THAN_NS
    """How long ago a partition must have ended."""
    grace_s: float = GRACE_S
    force: bool = False
    """Whether a grace under an hour is taken."""
    dry_run: bool = False


@dataclass(frozen=True, slots=True)
class RestoreRequest:
    """What to bring back to the data root; `[start_ns, end_ns)` as in a read."""

    selection: tuple[str, ...]
    start_ns: int | None = None
    end_ns: int | None = None
    dry_run: bool = False


@dataclass(frozen=True, slots=True)
class Finding:
    """A file that is not as it was stored, and what was done about it."""

    path: str
    tier: str
    found: str
    done: str


@dataclass(slots=True)
class MovedSeries:
    """What went of one series, or would go."""

    address: Address
    files: int = 0
    bytes: int = 0
    first: str = ""
    last: str = ""
    """Labels of its first and last partition."""

    def add(self, file: FileRow) -> None:
        """Count a file."""
        self.files += 1
        self.bytes += file.bytes
        self.first = min(self.first or file.partition, file.partition)
        self.last = max(self.last, file.partition)


Status = Literal["committed", "unchanged", "dry_run"]


@dataclass(slots=True)
class MoveReport:
    """What an offload or a restore did."""

    snapshot: int
    tier: str = ""
    """Where an offload went to."""
    location: str = ""
    run: str | None = None
    status: Status = "unchanged"
    series: list[MovedSeries] = field(default_factory=list)
    left: Counter[str] = field(default_factory=Counter)
    """Files that stayed where they are, by reason: changed, damaged."""
    elsewhere: Counter[str] = field(default_factory=Counter)
    """Where an offload found nothing to move: files it would have moved, were they not in this or that other tier."""
    reused: int = 0
    """Files that lay at their destination already."""
    removed_files: int = 0
    removed_bytes: int = 0
    """Hot copies removed after their grace."""
    waiting_files: int = 0
    waiting_bytes: int = 0
    first_due_ns: int | None = None
    due_ns: int | None = None
    """When the grace of the first, and of the last, of those that wait is over."""
    findings: list[Finding] = field(default_factory=list)

    @property
    def files(self) -> int:
        """How many files were moved."""
        return sum(series.files for series in self.series)

    @property
    def bytes(self) -> int:
        """Their bytes."""
        return sum(series.bytes for series in self.series)

    def add(self, address: Address, file: FileRow) -> None:
        """Count a file that was moved, or would be."""
        if not self.series or self.series[-1].address != address:
            self.series.append(MovedSeries(address))
        self.series[-1].add(file)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far it is: files and bytes done of all there are, and what is being done."""

    phase: Literal["copy", "remove"]
    address: str
    done: int
    total: int
    bytes_done: int
    bytes_total: int


def turn(config: Config) -> AbstractContextManager[None]:
    """Let one offload, restore or vacuum work at a time; LakeError LOCKED when another one does for too long."""
    return tiers_turn(config.data, config.wait_s)


def batches(files: Iterator[tuple[Address, FileRow]]) -> Iterator[list[tuple[Address, FileRow]]]:
    """Cut files into what one commit takes."""
    batch: list[tuple[Address, FileRow]] = []
    size = 0
    for address, file in files:
        if batch and (len(batch) == BATCH_FILES or size + file.bytes > BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append((address, file))
        size += file.bytes
    if batch:
        yield batch
