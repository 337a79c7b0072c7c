from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pytest

from lake.read import Scan
from lake.streams import Stream
from lake.write import write
from schemas.keys import Address
from tests.tables import DAY_NS, FOUR_DAYS, bar, bars

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lake.config import Config
    from lake.manifest import Manifest

BTC = Address.of("BINANCE", "SPOT", "BTCUSDT", "bars", "1m")
ETH = Address.of("BINANCE", "SPOT", "ETHUSDT", "bars", "1m")


class Doubled(Stream):
    """The times of bars twice; of each file it is noted when it is read."""

    def __init__(self, source: Scan) -> None:
        super().__init__(source, source.addresses, pa.schema([source.schema.field("ts")]))
        self.noted: list[int] = []

    def _made(self, address: Address, start_ns: int | None) -> Iterator[pa.RecordBatch]:
        scan = self.source.narrowed(addresses=[address], columns=["ts"])
        for file in scan.plan:
            if start_ns is None or file.start_ns >= start_ns:
                self.noted.append(file.start_ns // DAY_NS)
                for table in scan.pieces(file, scan.columns):
                    yield from pa.concat_tables([table, table]).sort_by("ts").combine_chunks().to_batches()


@pytest.fixture
def doubled(lake: Config, manifest: Manifest) -> Doubled:
    write(lake, BTC, bars(*FOUR_DAYS))
    write(lake, ETH, bars(bar(0)))
    return Doubled(Scan(lake, manifest, [BTC, ETH]))


def test_it_is_read_as_a_scan_is(doubled: Doubled) -> None:
    table = doubled.to_arrow()
    assert (table.num_rows, doubled.count()) == (162, 162)
    assert [batch.num_rows for batch in doubled.batches(25)] == [25, 15] * 4 + [2]
    assert doubled.reader().read_all()["ts"] == table["ts"]
    assert doubled.of(ETH).to_arrow() == table.slice(160)
    assert (doubled.addresses, doubled.columns) == ((BTC, ETH), ("ts",))
    assert (doubled.snapshot, doubled.lake, len(doubled.plan)) == (2, doubled.source.lake, 5)


def test_its_end_is_looked_for_from_the_end(doubled: Doubled) -> None:
    whole = doubled.to_arrow()
    for rows, read in ((1, [0]), (3, [0, 3]), (42, [0, 3]), (43, [0, 3, 0, 1, 2, 3]), (999, [0, 3, 0, 1, 2, 3])):
        doubled.noted.clear()
        assert doubled.tail(rows).combine_chunks() == whole.slice(max(0, 162 - rows)).combine_chunks()
        assert doubled.noted == read


def test_a_read_is_planned_again_in_another_range(doubled: Doubled, manifest: Manifest) -> None:
    source = doubled.source
    again = source.again(manifest, [BTC], start_ns=DAY_NS, end_ns=2 * DAY_NS, columns=["ts"], as_of=1)
    assert (again.to_arrow().num_rows, again.snapshot, again.columns) == (20, 1, ("ts",))
    assert source.again(manifest, source.addresses, as_of=None).to_arrow() == source.to_arrow()
