"""A book at any time is read from the checkpoint before it: how long the day was does not matter."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa

import dl_datalake
from lake import files
from lake.book import forget, index
from lake.read import Scan
from lake.write import write
from schemas.arrow import arrow_schema
from schemas.keys import Address
from schemas.orderbook import BOOK_L2
from tests.manifests import make_lake

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    import pytest

    from lake.manifest.rows import FileRow

T0 = 1_704_448_800_000_000_000
ROWS, GROUP, SPACING = 4_000, 64, 48


def test_any_time_of_a_long_day_takes_two_row_groups_at_most(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "ROW_GROUP", GROUP)
    monkeypatch.setattr(index, "SPACING", SPACING)
    schema = arrow_schema(BOOK_L2, identity=False)
    rows = [
        dict.fromkeys(schema.names)
        | {"ts": T0 + at, "side": "bid", "price": float(1 + at % 7), "size": float(at), "is_snapshot": not at}
        for at in range(ROWS)
    ]
    write(make_lake(tmp_path), Address.parse("KRAKEN/SPOT/ABC/orderbook/l2"), pa.Table.from_pylist(rows, schema=schema))
    read: list[int] = []
    pieces = Scan.pieces

    def counted(self: Scan, file: FileRow, columns: Sequence[str], *, skip: int = 0) -> Iterator[pa.Table]:
        for table in pieces(self, file, columns, skip=skip):
            read.append(table.num_rows)
            yield table

    with dl_datalake.open(tmp_path) as lake:
        book = lake.book("ABC")
        book.at(T0)  # makes the checkpoints
        monkeypatch.setattr(Scan, "pieces", counted)
        for at in range(0, ROWS, 97):
            forget()
            read.clear()
            sizes = dict(book.at(T0 + at, None).bids.pairs())
            assert sizes == {float(1 + n % 7): float(n) for n in range(max(0, at - 6), at + 1) if n}
            assert 1 <= len(read) <= 2
            assert max(read) == GROUP
