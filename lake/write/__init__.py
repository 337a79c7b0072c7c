"""The one way in for bytes: `commit` makes staged partitions a snapshot, whole or not at all; `write` takes a table."""

from lake.write.commit import Delivery, commit, run
from lake.write.table import Mode, Tabular, WriteResult, conform, write

__all__ = ["Delivery", "Mode", "Tabular", "WriteResult", "commit", "conform", "run", "write"]
