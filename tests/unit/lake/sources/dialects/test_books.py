"""Tables of order books: whose words mean what, and which clock is which."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.source_files import read, write

if TYPE_CHECKING:
    from pathlib import Path

# date -u -d 2025-03-04 +%s gives 1741046400
DAY_US = 1_741_046_400_000_000
WS = "TimestampOfReceive,Stream,EventType,EventTime,Symbol,FirstUpdateId,FinalUpdateId,IsAsk,Price,Quantity\n"
T_DEPTH = "symbol,timestamp,first_update_id,last_update_id,side,update_type,price,qty,pu\n"
EVENTS = "id,timestamp,exchange.timestamp,price,volume,action,direction\n"


def test_one_is_the_ask_and_the_event_time_is_ts(tmp_path: Path) -> None:
    line = f"{DAY_US + 452},trxusdt@depth@100ms,depthUpdate,{DAY_US},TRXUSDT,5,9,"
    whole = read(write(tmp_path / "depth.csv", f"{WS}{line}0,0.2311,804627.7\n{line}1,0.2313,0.0\n"))
    assert whole.plan.dialect == "binance-ws-depth"
    bid, ask = whole.rows.to_pylist()
    assert (bid["side"], bid["price"], bid["size"]) == ("bid", 0.2311, 804627.7)
    assert (ask["side"], ask["price"], ask["size"]) == ("ask", 0.2313, 0.0)
    assert (bid["first_update_id"], bid["last_update_id"], bid["is_snapshot"]) == (5, 9, False)
    assert (whole.ns, whole.of("ts_recv")) == ([DAY_US * 1000] * 2, [(DAY_US + 452) * 1000] * 2)


@pytest.mark.parametrize("pu", ["", ",2098041693400"])
def test_t_depth_tells_snapshots_from_changes(tmp_path: Path, pu: str) -> None:
    head = T_DEPTH if pu else T_DEPTH.replace(",pu", "")
    line = f"BTCUSDT,{DAY_US // 1000},1,2,"
    whole = read(write(tmp_path / "depth.csv", f"{head}{line}a,snap,20472.80,1.5{pu}\n{line}b,set,20472.70,0{pu}\n"))
    assert whole.plan.dialect == "binance-t-depth"
    assert whole.column("side") == ["ask", "bid"]
    assert whole.column("is_snapshot") == [True, False]
    assert whole.column("prev_update_id") == [2098041693400 if pu else None] * 2
    assert whole.ns == [DAY_US * 1000] * 2


def test_order_events_keep_the_order_and_what_became_of_it(tmp_path: Path) -> None:
    at = DAY_US // 1000
    rows = "".join(
        f"{order},{at + 518},{at},236.47,{volume},{action},{side}\n"
        for order, volume, action, side in (
            ("65595247", "200000000", "created", "bid"),
            ("65595247", "178855669", "changed", "bid"),
            ("65595187", "0", "deleted", "ask"),
        )
    )
    whole = read(write(tmp_path / "orders.csv", EVENTS + rows))
    assert (whole.plan.dialect, whole.plan.period) == ("bitstamp-order-events", "l3")
    assert whole.column("order_id") == ["65595247", "65595247", "65595187"]
    assert whole.column("action") == ["add", "change", "cancel"]
    assert whole.column("side") == ["bid", "bid", "ask"]
    assert whole.column("size") == [200000000.0, 178855669.0, 0.0]
    assert (whole.ns[0], whole.of("ts_recv")[0]) == (at * 10**6, (at + 518) * 10**6)


def test_snapshots_under_a_report_are_read_at_their_receipt(tmp_path: Path) -> None:
    at = DAY_US // 1000
    head = "####\n# Data Quality Report\n####\n"
    head += "TimestampOfReceive,TimestampOfRequest,LastUpdateId,IsAsk,Price,Quantity\n"
    rows = f"{at + 258},{at + 180},667,0,83759.99,2.5\n{at + 258},{at + 180},667,1,83760.00,1.5\n"
    whole = read(write(tmp_path / "x_depth_snapshot_spot_btcusdt_14-04-2025.csv", head + rows))
    assert (whole.plan.dialect, whole.plan.market, whole.plan.symbol) == ("binance-depth-snapshot", "SPOT", "btcusdt")
    assert whole.ns == [(at + 258) * 10**6] * 2
    assert whole.column("side") == ["bid", "ask"]
    assert whole.column("is_snapshot") == [True, True]
    assert whole.column("last_update_id") == [667, 667]


# The vendor's output structure: seconds after midnight, type, order, size, dollars times 10000, 1 for a buy order.
LOBSTER = """34200.017459617,5,0,1,2238200,-1
34200.18960767,1,11885113,21,2238100,1
34200.5,2,11885113,1,2238100,1
34200.6,4,11885113,5,2238100,1
34200.7,3,11885113,15,2238100,1
34201,6,-1,100,2238100,-1
34202,7,0,0,-1,-1
"""


def test_lobster_messages_are_events_of_orders(tmp_path: Path) -> None:
    whole = read(write(tmp_path / "AAPL_2012-06-21_34200000_57600000_message_1.csv", LOBSTER))
    assert (whole.plan.dialect, whole.plan.symbol) == ("lobster-messages", "AAPL")
    assert whole.column("action") == ["fill", "add", "cancel", "fill", "cancel"]
    assert whole.column("side") == ["ask", "bid", "bid", "bid", "bid"]
    assert whole.column("price") == [223.82] + [223.81] * 4
    assert whole.batches[0].skipped == {"cross_trade": 1, "trading_halt": 1}
    assert whole.ns[0] == 1_340_285_400_017_459_617  # date -d '2012-06-21T09:30:00.017459617-04:00' +%s%N
