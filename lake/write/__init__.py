"""The one way in for bytes: `commit` and `swap` make staged files a snapshot, whole or not at all.

`commit` merges again when another writer was first; `swap` leaves that to its caller; `write` takes a table.
"""

from lake.write.casting import conform
from lake.write.commit import Delivery, commit, hold_to_checks, new_file, run, swap
from lake.write.modes import Mode, prepare, refuse_overtaken, refuse_unknown
from lake.write.sealed import live_files
from lake.write.table import Tabular, WriteResult, few, few_of, slices, write

__all__ = [
    "Delivery",
    "Mode",
    "Tabular",
    "WriteResult",
    "commit",
    "conform",
    "few",
    "few_of",
    "hold_to_checks",
    "live_files",
    "new_file",
    "prepare",
    "refuse_overtaken",
    "refuse_unknown",
    "run",
    "slices",
    "swap",
    "write",
]
