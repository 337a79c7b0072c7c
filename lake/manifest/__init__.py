"""The manifest: the only truth about which file belongs to which snapshot, and the only place that speaks SQL.

`Manifest` reads, `Writer` writes. Importing this package loads nothing but the standard library's sqlite3.
"""

from lake.manifest.failures import FailureRow
from lake.manifest.graph import DerivationRow, PartRow
from lake.manifest.query import Manifest, Versions
from lake.manifest.rows import (
    AlreadyIngested,
    Change,
    CheckRecord,
    Conflict,
    FileRow,
    HistoryRow,
    IngestRow,
    Instrument,
    LedgerRecord,
    ListRow,
    NewDerivation,
    NewFile,
    NewMove,
    NewName,
    NewPart,
    NewTier,
    QuarantineRecord,
    QuarantineRow,
    QuarantineRun,
    RunRecord,
    RunRow,
    SeriesRow,
    SourceRecord,
)
from lake.manifest.writer import Writer, new_run

__all__ = [
    "AlreadyIngested",
    "Change",
    "CheckRecord",
    "Conflict",
    "DerivationRow",
    "FailureRow",
    "FileRow",
    "HistoryRow",
    "IngestRow",
    "Instrument",
    "LedgerRecord",
    "ListRow",
    "Manifest",
    "NewDerivation",
    "NewFile",
    "NewMove",
    "NewName",
    "NewPart",
    "NewTier",
    "PartRow",
    "QuarantineRecord",
    "QuarantineRow",
    "QuarantineRun",
    "RunRecord",
    "RunRow",
    "SeriesRow",
    "SourceRecord",
    "Versions",
    "Writer",
    "new_run",
]
