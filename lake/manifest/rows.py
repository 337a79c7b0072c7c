"""What goes into the manifest and what comes out of it, as plain records.

Times are nanoseconds since the epoch in UTC, ranges half-open, hashes lower-case hex.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable

    from schemas.keys import Address

BAR_COMPLETE = "bar_complete"
"""Name of the check that ends the doubt about a bar; its detail is the bar's open, in nanoseconds."""

VENDOR_SYMBOL = "vendor_symbol"
"""Name of the check that gives a series its vendor's spelling, its detail, when none was known at first."""

WRITTEN = '{"written":'
"""How the recipe of a derivation begins whose rows were computed elsewhere: it tells of lineage, and the lake can not
make them again."""

RunStatus = Literal["running", "ok", "refused", "failed", "interrupted", "unchanged"]


@dataclass(frozen=True, slots=True)
class Instrument:
    """What is known of a series beyond its address; kept from the ingest that created the series."""

    vendor_symbol: str
    """Empty where it is not known: then the first one to come is kept."""
    tick_size: float | None = None
    price_may_be_negative: bool = False
    time_zone: str = "UTC"


@dataclass(frozen=True, slots=True)
class NewPart:
    """One natural partition of a series, inside a sealed file."""

    partition: str
    rows: int
    first_ns: int
    last_ns: int
    content_hash: str


@dataclass(frozen=True, slots=True)
class NewFile:
    """A file that is already on disk under its final name, to become part of the lake."""

    address: Address
    partition: str
    start_ns: int
    end_ns: int
    path: str
    """Relative to the data root, with forward slashes."""
    rows: int
    bytes: int
    first_ns: int
    last_ns: int
    sha256: str
    content_hash: str
    schema_version: int
    unproven: tuple[int, ...] = ()
    """Times of bars that may be unfinished."""
    replaces: int | None = None
    """Id of the live file it was merged with, which may be a sealed one around it; None when there was none."""
    upstreams: tuple[int, ...] = ()
    """Ids of the files it was computed from, where no derivation tells that."""
    parts: tuple[NewPart, ...] = ()
    """The natural partitions in a sealed file, in order of time; empty for a file of one."""


@dataclass(frozen=True, slots=True)
class NewDerivation:
    """How a natural partition of a derived series was made from one upstream, whether or not it has any rows."""

    address: Address
    partition: str
    upstream: Address
    start_ns: int
    end_ns: int
    """The upstream's rows of [start_ns, end_ns) were read, and those of a gap in it would have been."""
    inputs: str
    """Content hash of the upstream's natural partitions that lie in that range, together."""
    code_version: str
    schema_version: int
    recipe: str = ""
    """Canonical JSON of the options it was made with; of rows computed elsewhere it begins with WRITTEN."""
    withheld_ns: int | None = None
    """End of the first bucket that was left out because rows of it may be to come."""


@dataclass(frozen=True, slots=True)
class NewMove:
    """A file whose bytes are in another tier as well now, and are read from there from now on."""

    file_id: int
    tier: str


@dataclass(frozen=True, slots=True)
class NewName:
    """A name for a snapshot; for the newest one before the change, where `snapshot` is None."""

    name: str
    snapshot: int | None = None


@dataclass(frozen=True, slots=True)
class NewFeatureSet:
    """A feature set to be registered, or registered otherwise."""

    key: str
    stage: str
    definition: str
    """Canonical JSON of `schemas.features.FeatureSet`."""
    replaces: int | None = None
    """Id of the registration it takes the place of."""


@dataclass(frozen=True, slots=True)
class NewReference:
    """An instrument, alias or corporate action to be known, or to be known otherwise."""

    kind: str
    key: str
    definition: str
    """Canonical JSON of what is known, without what names it."""
    line: int | None = None
    """Where the change's source says it."""
    replaces: int | None = None
    """Id of the record it takes the place of."""


@dataclass(frozen=True, slots=True)
class NewTier:
    """A place that files can lie in, or the same place under its new location."""

    name: str
    kind: str
    location: str


@dataclass(frozen=True, slots=True)
class SourceRecord:
    """A file as the vendor shipped it, and how it was read."""

    sha256: str
    name: str
    path: str
    bytes: int
    dialect: str
    options: dict[str, Any] = field(default_factory=dict)
    evidence: tuple[str, ...] = ()
    fetched_at_ns: int | None = None


@dataclass(frozen=True, slots=True)
class LedgerRecord:
    """Where every record read went; the writer refuses one that does not add up."""

    read: int
    new: int = 0
    identical: int = 0
    corrected: int = 0
    superseded: int = 0
    quarantined: int = 0
    skipped: int = 0
    rows_out: int = 0
    """Rows the accepted records made: more than the records where one message holds several."""
    rejected: dict[str, int] = field(default_factory=dict)
    skipped_by: dict[str, int] = field(default_factory=dict)

    @property
    def balanced(self) -> bool:
        """Whether the parts add up to what was read."""
        placed = self.new + self.identical + self.corrected + self.superseded + self.quarantined + self.skipped
        return (
            placed == self.read
            and sum(self.rejected.values()) == self.quarantined
            and sum(self.skipped_by.values()) == self.skipped
        )


@dataclass(frozen=True, slots=True)
class QuarantineRecord:
    """One rejected record: its 1-based line or number in the source, why, and its raw text."""

    line: int
    reason: str
    detail: str
    raw: str


@dataclass(frozen=True, slots=True)
class CheckRecord:
    """The outcome of one check on a partition, or on a whole series when `partition` is None."""

    address: Address
    partition: str | None
    name: str
    passed: bool
    detail: str = ""


@dataclass(frozen=True, slots=True)
class RunRecord:
    """A run that has not been written yet; `Writer.new_run` makes one."""

    id: str
    kind: str
    command: str
    started_ns: int
    pid: int
    host: str
    boot_id: str
    cause: str = ""
    """What set it off, such as `prefect:<flow run id>`."""
    process_start: int | None = None
    """When its process started, in the kernel's ticks since boot: a process id may be given away again."""


@dataclass(slots=True)
class Change:
    """Everything one snapshot changes; it becomes visible whole or not at all."""

    run_id: str
    operation: str
    message: str = ""
    files: list[NewFile] = field(default_factory=list)
    removed: list[int] = field(default_factory=list)
    """Ids of live files that go without a successor in the same partition."""
    expected: list[tuple[Address, str, int | None]] = field(default_factory=list)
    """The live file, or none, of every partition the change was made from, also of those it leaves as they are."""
    instruments: dict[Address, Instrument] = field(default_factory=dict)
    source: SourceRecord | None = None
    ledger: LedgerRecord | None = None
    quarantine: Iterable[QuarantineRecord] = ()
    """Read once, and only after every conflict has been ruled out."""
    checks: list[CheckRecord] = field(default_factory=list)
    ingest_key: str | None = None
    """Names the source's bytes with how they were read; unique among the ingests whose effect is current."""
    touched: list[tuple[Address, str]] = field(default_factory=list)
    """Every partition whose content this ingest vouches for."""
    corrected: list[tuple[Address, str]] = field(default_factory=list)
    """Partitions in which stored rows changed or went: other ingests of theirs stop being current."""
    report: dict[str, Any] = field(default_factory=dict)
    """Kept with the ingest, so that its answer can be repeated."""
    run: RunRecord | None = None
    """A run not yet written: it is written with the commit, which saves a transaction."""
    ends_run: bool = False
    """Whether the commit also ends its run as ok; always so with `run`."""
    derivations: list[NewDerivation] = field(default_factory=list)
    """Each replaces what was known of how its partition was made."""
    unmade: list[tuple[Address, str]] = field(default_factory=list)
    """Partitions of which what was known of that holds no more, whether or not `derivations` tell it anew."""
    moves: list[NewMove] = field(default_factory=list)
    tiers: list[NewTier] = field(default_factory=list)
    names: list[NewName] = field(default_factory=list)
    dropped_names: list[str] = field(default_factory=list)
    feature_sets: list[NewFeatureSet] = field(default_factory=list)
    ended_feature_sets: list[tuple[str, int]] = field(default_factory=list)
    """Keys of feature sets that are no longer registered, with the ids of their registrations."""
    reference: list[NewReference] = field(default_factory=list)
    ended_reference: list[tuple[str, str, int]] = field(default_factory=list)
    """Kinds and keys of reference records that hold no more, with their ids."""
    relies_on: dict[str, str] = field(default_factory=dict)
    """Keys of feature sets that are to be registered still, with the definitions the files' rows follow."""
    expired: list[tuple[int, int]] = field(default_factory=list)
    reclaimed: list[tuple[int, int]] = field(default_factory=list)
    """First and last of each run of snapshots to be forgotten, and of files, by id, whose bytes are given back."""
    keeps_content: bool = False
    """Whether the rows stay as they were and only lie in other files: then nothing made from them is out of date."""


@dataclass(frozen=True, slots=True)
class SeriesRow:
    """A series as the manifest knows it."""

    id: int
    address: Address
    vendor_symbol: str
    """Empty as long as no source told it."""
    tick_size: float | None
    price_may_be_negative: bool
    time_zone: str
    created_snapshot: int


@dataclass(frozen=True, slots=True)
class FileRow:
    """One version of one partition, or of a sealed month of them; live while `to_snapshot` is None."""

    id: int
    series_id: int
    partition: str
    start_ns: int
    end_ns: int
    path: str
    rows: int
    bytes: int
    first_ns: int
    last_ns: int
    sha256: str
    content_hash: str
    schema_version: int
    tier: str
    unproven: tuple[int, ...]
    replaces: int | None
    run_id: str
    from_snapshot: int
    to_snapshot: int | None
    verified_at_ns: int | None


@dataclass(frozen=True, slots=True)
class ListRow:
    """One line of a listing: a series with what it holds at a snapshot."""

    address: Address
    first_ns: int
    last_ns: int
    rows: int
    bytes: int
    files: int
    gaps: int
    """Whole partitions missing between the first and the last one."""
    tier: str
    """Names of the tiers its files lie in, joined by `/`."""
    snapshot: int
    """The last snapshot that added a file to it."""
    verified_at_ns: int | None
    """When the file verified longest ago was; None while one never was."""


@dataclass(frozen=True, slots=True)
class HistoryRow:
    """One snapshot as its user would tell of it."""

    snapshot: int
    at_ns: int
    operation: str
    run_id: str
    message: str
    series: int
    """How many series it changed; `address` names the one when there is one."""
    address: Address | None
    source: str | None
    sha256: str | None
    rows_new: int
    rows_corrected: int
    rows_quarantined: int
    files_added: int
    files_removed: int
    derived: int
    """Partitions it says of how they were made."""
    moved: int
    """Files it moved to another tier."""
    cause: str
    """What set its run off; empty when a person did."""
    expired: bool = False


@dataclass(frozen=True, slots=True)
class IngestRow:
    """An ingest whose effect is still current, with the report it ended with."""

    id: int
    key: str
    run_id: str
    snapshot: int
    source: str | None
    sha256: str | None
    report: dict[str, Any]


class Conflict(Exception):  # noqa: N818 -- it is an outcome to act on, not an error
    """Another writer changed a partition first: nothing was written; merge with the new current files and try again."""

    def __init__(self, partitions: list[tuple[Address, str]]) -> None:
        """Take every partition that was lost."""
        super().__init__(", ".join(f"{address} {label}" for address, label in partitions))
        self.partitions = partitions


class AlreadyIngested(Exception):  # noqa: N818 -- it is an outcome to report, not an error
    """The same ingest became current meanwhile: nothing was written."""

    def __init__(self, ingest: IngestRow) -> None:
        """Take the ingest that came first."""
        super().__init__(f"ingest {ingest.key} is current since snapshot {ingest.snapshot}")
        self.ingest = ingest
