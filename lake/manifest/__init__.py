"""The manifest: the only truth about which file belongs to which snapshot, and the only place that speaks SQL.

`Manifest` reads, `Writer` writes. Importing this package loads nothing but the standard library's sqlite3.
"""

from lake.manifest.query import Manifest
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
    NewFile,
    QuarantineRecord,
    QuarantineRow,
    QuarantineRun,
    RunRecord,
    RunRow,
    SeriesRow,
    SourceRecord,
    Versions,
)
from lake.manifest.writer import Writer, new_run

__all__ = [
    "AlreadyIngested",
    "Change",
    "CheckRecord",
    "Conflict",
    "FileRow",
    "HistoryRow",
    "IngestRow",
    "Instrument",
    "LedgerRecord",
    "ListRow",
    "Manifest",
    "NewFile",
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
