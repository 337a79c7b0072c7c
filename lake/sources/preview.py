"""The first rows of a planned source as they would be stored, for a reader who wants to see them before any work."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from lake import layout, rows
from lake.sources import SourceOptions, open_reader

if TYPE_CHECKING:
    import pyarrow as pa

    from lake.sources.model import Batch, Plan, Reject

SAMPLE_ROWS = 5
_BLOCK_BYTES = 1 << 18


@dataclass(frozen=True)
class Preview:
    """The head of a source: its first rows, and the first and last time among `records` records of it."""

    sample: pa.RecordBatch
    """SAMPLE_ROWS rows at most, in the plan's schema without the identity columns."""
    records: int
    rejects: tuple[Reject, ...]
    skipped: dict[str, int]
    first_ns: int | None
    last_ns: int | None


def preview_of(plan: Plan) -> Preview:
    """Read the head of a source as an ingest would; SOURCE_UNREADABLE or SOURCE_UNSAFE from the source."""
    batch = _head(plan)
    ts = rows.times(batch.rows).astype(np.int64) * layout.NS_PER[rows.unit(plan.schema)]
    return Preview(
        sample=batch.rows.slice(0, SAMPLE_ROWS),
        records=batch.records,
        rejects=tuple(batch.rejects),
        skipped=batch.skipped,
        first_ns=int(ts.min()) if len(ts) else None,
        last_ns=int(ts.max()) if len(ts) else None,
    )


def _head(plan: Plan) -> Batch:
    if plan.recipe.kind in {"parquet", "arrow"}:  # their reader would hash the whole file first
        from lake.sources.columnar import first_rows

        return first_rows(plan.path, plan.recipe, plan.schema)
    reader = open_reader(plan, SourceOptions(), block_bytes=_BLOCK_BYTES)
    try:
        return reader.parse(next(iter(reader.blocks())))
    finally:
        reader.close()
