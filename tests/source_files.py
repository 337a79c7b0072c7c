"""Reading a source whole, the way ingest does block by block."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from lake.sources import Batch, Plan, Reject, SourceOptions, detect, open_reader
from lake.sources.dialects import DIALECTS

if TYPE_CHECKING:
    from pathlib import Path


@dataclass
class Whole:
    """One source, read to its end."""

    plan: Plan
    batches: list[Batch]
    sha256: str

    @property
    def records(self) -> int:
        return sum(batch.records for batch in self.batches)

    @property
    def rejects(self) -> list[Reject]:
        return [reject for batch in self.batches for reject in batch.rejects]

    @property
    def reasons(self) -> list[tuple[str, int]]:
        """Reason and line of each reject."""
        return [(reject.reason, reject.line) for reject in self.rejects]

    @property
    def rows(self) -> Any:  # noqa: ANN401 -- pa.Table
        return pa.Table.from_batches([batch.rows for batch in self.batches])

    @property
    def symbols(self) -> list[str]:
        """What each row says of its symbol, where every row says its own."""
        parts = [batch.portions[0].symbols for batch in self.batches]
        return [symbol for part in parts if part is not None for symbol in part.to_pylist()]

    def column(self, name: str) -> list[Any]:
        return list(self.rows.column(name).to_pylist())

    @property
    def ns(self) -> list[int]:
        """`ts` as ns since the epoch."""
        return self.of("ts")

    def of(self, clock: str) -> list[int]:
        """A time column as ns since the epoch."""
        return list(self.rows.column(clock).cast(pa.timestamp("ns", tz="UTC")).cast(pa.int64()).to_pylist())


def read(path: Path, *, block_bytes: int = 1 << 20, **options: Any) -> Whole:  # noqa: ANN401 -- as SourceOptions takes them
    """Detect, open and read `path`; the accounting must add up."""
    asked = SourceOptions(**options)
    plan = detect(path, asked)
    reader = open_reader(plan, block_bytes=block_bytes)
    try:
        whole = Whole(plan, [reader.parse(block) for block in reader.blocks()], reader.sha256)
    finally:
        reader.close()
    many = plan.dialect in DIALECTS and DIALECTS[plan.dialect].levels  # a record of levels makes a row of each
    for batch in [] if many else whole.batches:
        assert batch.records == batch.rows.num_rows + len(batch.rejects) + sum(batch.skipped.values())
    return whole


def write(path: Path, text: str | bytes) -> Path:
    """Write a file, its folders too."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path
