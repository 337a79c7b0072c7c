"""The manifest: the only truth about which file belongs to which snapshot, and the only place that speaks SQL.

`Manifest` reads, `Writer` writes. Importing this package loads nothing but the standard library's
sqlite3, and what only a writer needs (hashes, and with them OpenSSL: 4 MB) is loaded when a writer is asked for.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from lake.manifest.failures import FailureRow
from lake.manifest.feature_sets import FeatureSetRow
from lake.manifest.graph import DerivationRow, PartRow
from lake.manifest.query import Manifest, Versions
from lake.manifest.reference import ReferenceRow
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
    NewFeatureSet,
    NewFile,
    NewMove,
    NewName,
    NewPart,
    NewReference,
    NewTier,
    QuarantineRecord,
    RunRecord,
    SeriesRow,
    SourceRecord,
)
from lake.manifest.runs import QuarantineRow, QuarantineRun, RunRow

if TYPE_CHECKING:
    from lake.manifest.writer import Writer, new_run

__all__ = [
    "AlreadyIngested",
    "Change",
    "CheckRecord",
    "Conflict",
    "DerivationRow",
    "FailureRow",
    "FeatureSetRow",
    "FileRow",
    "HistoryRow",
    "IngestRow",
    "Instrument",
    "LedgerRecord",
    "ListRow",
    "Manifest",
    "NewDerivation",
    "NewFeatureSet",
    "NewFile",
    "NewMove",
    "NewName",
    "NewPart",
    "NewReference",
    "NewTier",
    "PartRow",
    "QuarantineRecord",
    "QuarantineRow",
    "QuarantineRun",
    "ReferenceRow",
    "RunRecord",
    "RunRow",
    "SeriesRow",
    "SourceRecord",
    "Versions",
    "Writer",
    "new_run",
]


def __getattr__(name: str) -> object:
    """Load what only a writer needs, once."""
    if name in ("Writer", "new_run"):
        value: object = getattr(import_module("lake.manifest.writer"), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
