"""The first rows of a planned source as they would be stored, for a reader who wants to see them before any work."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from lake import layout, rows
from lake.errors import LakeError
from lake.sources import open_reader

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lake.sources.model import Batch, Channel, Plan, Portion, Reject

SAMPLE_ROWS = 5
SERIES = 20
"""So many series are shown; a file of a whole market may name thousands at its beginning."""
_BLOCK_BYTES = 1 << 18


@dataclass(frozen=True)
class Excerpt:
    """What the head of a source has for one series: `symbol` as the vendor spells it, None where nobody says it."""

    channel: Channel
    symbol: str | None
    rows: int
    sample: pa.RecordBatch
    """SAMPLE_ROWS rows at most, in the channel's schema without the identity columns."""
    first_ns: int | None
    last_ns: int | None


@dataclass(frozen=True)
class Preview:
    """The head of a source: `records` of it, and the series that they go to, SERIES at most, in order of appearance."""

    excerpts: tuple[Excerpt, ...]
    more: int
    """How many more series the head has."""
    records: int
    rejects: tuple[Reject, ...]
    skipped: dict[str, int]


def preview_of(plan: Plan) -> Preview:
    """Read the head of a source as an ingest would; SOURCE_UNREADABLE or SOURCE_UNSAFE from the source."""
    batch = _head(plan)
    parts = [(portion, symbol) for portion in batch.portions for symbol in _symbols(plan, portion)]
    excerpts = tuple(_excerpt(plan, portion, symbol) for portion, symbol in parts[:SERIES])
    return Preview(excerpts, max(0, len(parts) - SERIES), batch.records, tuple(batch.rejects), batch.skipped)


def _head(plan: Plan) -> Batch:
    if plan.recipe.kind in {"parquet", "arrow"}:  # their reader would hash the whole file first
        from lake.sources.columnar import first_rows

        return first_rows(plan.source, plan.recipe, plan.schema)
    reader = open_reader(plan, block_bytes=_BLOCK_BYTES)
    try:
        for block in reader.blocks():
            return reader.parse(block)
        if plan.recipe.kind == "bi5":
            from lake.sources.records import RecordBlock

            return reader.parse(RecordBlock(b"", 1))  # an hour without ticks is a file without records
    finally:
        reader.close()
    raise LakeError("SOURCE_UNREADABLE", f"{plan.name} has no rows any more", where=str(plan.path))


def _symbols(plan: Plan, portion: Portion) -> Iterator[str | None]:
    if portion.symbols is None:
        yield plan.symbol
    else:
        yield from portion.symbols.unique().to_pylist()


def _excerpt(plan: Plan, portion: Portion, symbol: str | None) -> Excerpt:
    channel, found = plan.channels[portion.channel], portion.rows
    if portion.symbols is not None:
        spelt = np.array(portion.symbols.dictionary.to_pylist(), dtype=object) == symbol
        found = found.filter(pa.array(spelt[portion.symbols.indices.to_numpy(zero_copy_only=False)]))
    ts = rows.times(found).astype(np.int64) * layout.NS_PER[rows.unit(channel.schema)]
    first, last = (int(ts.min()), int(ts.max())) if len(ts) else (None, None)
    return Excerpt(channel, symbol, found.num_rows, found.slice(0, SAMPLE_ROWS), first, last)
