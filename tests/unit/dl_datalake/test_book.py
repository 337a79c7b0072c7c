"""`lake.book`: the book is that of the whole series, whatever rows were asked for; and what is no book is refused."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest

import dl_datalake
from lake.errors import LakeError
from lake.write import write
from schemas.arrow import arrow_schema
from schemas.keys import Address
from schemas.orderbook import BOOK_L2
from tests.manifests import make_lake

if TYPE_CHECKING:
    from collections.abc import Iterator

T0 = 1_704_448_800_000_000_000
SECOND = 10**9
ROWS = (
    # second, snapshot, side, price, size
    (0, True, "bid", 100.0, 2.0),
    (0, True, "ask", 101.0, 3.0),
    (1, False, "bid", 100.5, 1.0),
    (2, False, "ask", 101.0, 0.0),
    (2, False, "ask", 102.0, 4.0),
)


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dl_datalake.Lake]:
    root = tmp_path_factory.mktemp("books")
    config = make_lake(root)
    names = ("ts", "is_snapshot", "side", "price", "size")
    schema = arrow_schema(BOOK_L2, identity=False)
    rows = [
        dict.fromkeys(schema.names) | dict(zip(names, (T0 + at * SECOND, *rest), strict=True)) for at, *rest in ROWS
    ]
    for symbol in ("ABC", "XYZ"):
        table = pa.Table.from_pylist(rows, schema=schema)
        write(config, Address.of("KRAKEN", "SPOT", symbol, "orderbook", "l2"), table)
    with dl_datalake.open(root) as opened:
        yield opened


def test_book_is_that_of_the_whole_series_whatever_rows_were_asked_for(lake: dl_datalake.Lake) -> None:
    for asked in (
        lake.book("ABC"),
        lake.book("ABC", where="side == 'bid'"),
        lake.book("ABC", columns=["ts", "price"]),
        lake.book("ABC", start="2024-01-05T10:00:02Z"),
        lake.book("ABC", end="2024-01-05T10:00:01Z"),
    ):
        ladder = asked.at(T0 + SECOND)
        assert ladder.bids.pairs() == [(100.5, 1.0), (100.0, 2.0)]
        assert ladder.asks.pairs() == [(101.0, 3.0)]


def test_range_of_the_result_is_where_rows_begin_and_stop(lake: dl_datalake.Lake) -> None:
    book = lake.book("ABC", start="2024-01-05T10:00:01Z", end="2024-01-05T10:00:02Z")
    assert [row.ts_ns for row in book.replay()] == [T0 + SECOND]
    assert book.snapshots(dt.timedelta(milliseconds=500), 1).to_arrow().column("bid_1").to_pylist() == [100.5, 100.5]
    assert book.check().counts.messages == 1


def test_rows_at_regular_times_are_a_result_as_any(lake: dl_datalake.Lake) -> None:
    grid = lake.book("ABC").snapshots("1s", levels=2)
    assert (grid.count(), str(grid.address), grid.snapshot) == (3, "KRAKEN/SPOT/ABC/orderbook/l2", 2)
    frame = grid.to_pandas()
    assert frame["ask_1"].tolist() == [101.0, 101.0, 102.0]
    assert frame["bid_2"].isna().tolist() == [True, False, False]
    assert grid.head(1).column("bid_1").to_pylist() == [100.0]
    assert grid.tail(1).column("ask_size_1").to_pylist() == [4.0]
    assert [batch.num_rows for batch in grid.batches(2)] == [2, 1]
    assert pa.table(grid).column("state").to_pylist() == ["valid"] * 3
    assert "<td>100.5</td>" in grid._repr_html_()


def test_ladder_is_shown_and_handed_over(lake: dl_datalake.Lake) -> None:
    ladder = lake.book("ABC").at("2024-01-05T10:00:01Z")
    assert repr(ladder) == (
        "<KRAKEN/SPOT/ABC/orderbook/l2 at 2024-01-05T10:00:01.000000000Z: bid 100.5, ask 101, 2 and 1 levels, valid>"
    )
    assert (ladder.best_bid, ladder.best_ask, ladder.mid, ladder.spread) == (100.5, 101.0, 100.75, 0.5)
    assert ladder.to_pandas().loc[1].to_dict() == {"bid_size": 1.0, "bid": 100.5, "ask": 101.0, "ask_size": 3.0}
    assert ladder.to_arrow().column("ask").to_pylist() == [101.0, None]
    assert ladder.to_dict()["bids"] == [(100.5, 1.0), (100.0, 2.0)]
    assert "<td>100.5</td>" in ladder._repr_html_()


def test_what_is_no_book_is_refused(lake: dl_datalake.Lake) -> None:
    for ask, code in (
        (lambda: lake.book(["ABC", "XYZ"]).at(T0), "E_AMBIGUOUS"),
        (lambda: lake.book("ABC").at(T0, 0), "E_USAGE"),
        (lambda: lake.book("ABC").snapshots("0s"), "E_USAGE"),
        (lambda: lake.book("ABC").snapshots("1s", 0), "E_USAGE"),
    ):
        with pytest.raises(LakeError) as refused:
            ask()
        assert (refused.value.code, bool(refused.value.fix)) == (code, True)
