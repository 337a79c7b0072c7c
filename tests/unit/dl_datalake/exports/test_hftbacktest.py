"""Events of trades and books, by hand and against the lake's own books."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from dl_datalake.exports.events import BUY, CLEAR, DEPTH, EXCHANGE, LOCAL, SELL, SNAPSHOT, TRADE
from schemas.arrow import arrow_schema
from schemas.orderbook import BOOK_L2
from tests.tables import DAY_NS, trade, trades

if TYPE_CHECKING:
    from pathlib import Path

    from dl_datalake import Lake

BOOK, TRADES = "KRAKEN/SPOT/ABC/orderbook/l2", "KRAKEN/SPOT/ABC/ticks/trade"
BOTH = EXCHANGE | LOCAL
MS = 1_000_000


def changes(*rows: tuple[int, str, float, float, bool], received: int | None = None) -> pa.Table:
    """Return changes of a book: when, side, price, size, whether it is of a snapshot."""
    later = {} if received is None else {"ts_recv": received}
    return pa.Table.from_pylist(
        [
            {"ts": ts, "side": side, "price": price, "size": size, "is_snapshot": snapshot}
            | {name: ts + by for name, by in later.items()}
            for ts, side, price, size, snapshot in rows
        ],
        schema=arrow_schema(BOOK_L2, identity=False),
    )


def exported(lake: Lake, tmp_path: Path, **wishes: Any) -> dict[str, list[tuple[Any, ...]]]:  # noqa: ANN401 - words of an export
    """Return the events by the day of their file: flags and kind, both times, price, size."""
    found = {}
    for file in lake.export("KRAKEN/SPOT/ABC/*/*", "hftbacktest", tmp_path / "out", force=True, **wishes).files:
        assert file.path.parent == tmp_path / "out" / "KRAKEN" / "SPOT" / "ABC"
        data = np.load(file.path)["data"]
        assert data.dtype.names == ("ev", "exch_ts", "local_ts", "px", "qty", "order_id", "ival", "fval")
        assert not data["order_id"].any()
        found[file.path.stem] = [row[:5] for row in data.tolist()]
    return found


def test_trades_come_before_the_book_of_their_time_and_days_lie_apart(lake: Lake, tmp_path: Path) -> None:
    late = DAY_NS + 5
    lake.write(
        BOOK,
        changes(
            (0, "bid", 9.0, 2.0, True),
            (0, "bid", 10.0, 1.0, True),
            (0, "ask", 11.0, 3.0, True),
            (7, "ask", 11.0, 0.0, False),
            (late, "bid", 10.0, 4.0, False),
        ),
    )
    lake.write(TRADES, trades(trade(7, 11.0, side="buy", size=3.0), trade(late, 10.0, side="sell"), trade(late, 9.5)))
    assert exported(lake, tmp_path) == {
        "19700101": [
            (CLEAR | BOTH, 0, 0, 0.0, 0.0),
            (SNAPSHOT | BUY | BOTH, 0, 0, 10.0, 1.0),
            (SNAPSHOT | BUY | BOTH, 0, 0, 9.0, 2.0),
            (SNAPSHOT | SELL | BOTH, 0, 0, 11.0, 3.0),
            (TRADE | BUY | BOTH, 7, 7, 11.0, 3.0),
            (DEPTH | SELL | BOTH, 7, 7, 11.0, 0.0),
        ],
        "19700102": [
            (TRADE | SELL | BOTH, late, late, 10.0, 1.0),
            (TRADE | BOTH, late, late, 9.5, 1.0),
            (DEPTH | BUY | BOTH, late, late, 10.0, 4.0),
        ],
    }


def test_a_range_begins_with_the_book_as_it_was(lake: Lake, tmp_path: Path) -> None:
    lake.write(
        BOOK,
        changes(
            (0, "bid", 9.0, 2.0, True),
            (0, "ask", 11.0, 3.0, True),
            (5 * MS, "bid", 9.5, 1.0, False),
            (20 * MS, "bid", 9.0, 0.0, False),
            (30 * MS, "ask", 11.0, 9.0, False),
        ),
    )
    start, end = "1970-01-01T00:00:00.010", "1970-01-01T00:00:00.030"
    assert exported(lake, tmp_path, start=start, end=end) == {
        "19700101": [
            (CLEAR | BOTH, 10 * MS, 10 * MS, 0.0, 0.0),
            (SNAPSHOT | BUY | BOTH, 10 * MS, 10 * MS, 9.5, 1.0),
            (SNAPSHOT | BUY | BOTH, 10 * MS, 10 * MS, 9.0, 2.0),
            (SNAPSHOT | SELL | BOTH, 10 * MS, 10 * MS, 11.0, 3.0),
            (DEPTH | BUY | BOTH, 20 * MS, 20 * MS, 9.0, 0.0),
        ]
    }


def test_receipts_keep_their_order_and_a_clock_that_is_behind_is_set_on(lake: Lake, tmp_path: Path) -> None:
    lake.write(BOOK, changes((100, "bid", 9.0, 2.0, True), received=-10))
    lake.write(TRADES, trades(trade(101, 9.0, ts_recv=99), trade(102, 9.0, ts_recv=92)))
    assert exported(lake, tmp_path)["19700101"] == [
        (CLEAR | BOTH, 100, 100, 0.0, 0.0),
        (SNAPSHOT | BUY | BOTH, 100, 100, 9.0, 2.0),
        (TRADE | EXCHANGE, 101, 109, 9.0, 1.0),
        (TRADE | BOTH, 102, 102, 9.0, 1.0),
        (TRADE | LOCAL, 101, 109, 9.0, 1.0),
    ]
    report = lake.export("KRAKEN/SPOT/ABC/*/*", "hftbacktest", tmp_path / "out", force=True)
    assert report.losses == {
        "received before they happened: all receipts are set on by the most of it": 3,
        "trades without a side": 2,
    }
    assert [(file.rows, len(file.addresses), file.first_ns, file.last_ns) for file in report.files] == [
        (3, 2, 100, 102)
    ]
