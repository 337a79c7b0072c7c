"""SQL over the lake: one statement that only reads, by DuckDB, on rows that were read with their checksums verified.

Every name a statement may use is a view of this lake at one snapshot; nothing else can be reached from it, no file, no
variable and no setting. What it asks of a series is pruned by the manifest before a file is opened.
"""

from lake.sql.dataset import BATCH_ROWS, Rows
from lake.sql.engine import MEMORY_MB, Query, hide_progress
from lake.sql.stored import StoredRows, filtered, shown_schema

__all__ = ["BATCH_ROWS", "MEMORY_MB", "Query", "Rows", "StoredRows", "filtered", "hide_progress", "shown_schema"]
