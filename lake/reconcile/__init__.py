"""How the same instrument differs from source to source, against the one that is trusted most.

Importing this package loads pyarrow and numpy.
"""

from lake.reconcile.model import (
    KEPT,
    ColumnTally,
    Progress,
    ReconcileReport,
    ReconcileRequest,
    Source,
    SourceTally,
)
from lake.reconcile.run import Reconciliation, reconcile

__all__ = [
    "KEPT",
    "ColumnTally",
    "Progress",
    "ReconcileReport",
    "ReconcileRequest",
    "Reconciliation",
    "Source",
    "SourceTally",
    "reconcile",
]
